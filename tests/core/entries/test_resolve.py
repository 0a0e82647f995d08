"""Entries tied to services, servers and connections as they are configured."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lvstui.core import fields
from lvstui.core.entries.resolve import Parents, ResolvedEntry, controlling_entry, key_of, resolve
from lvstui.core.health.verdict import Trouble
from lvstui.core.model import (
    AddressKey,
    Director,
    ServerKey,
)
from lvstui.core.observed import Connection, Entry, Scan
from tests.build import address_key, connection, director, endpoint, entry, pool, sticky_pool


def tied_one(found: Entry, where: Director, *connections: Connection) -> ResolvedEntry:
    (one,) = resolve(Scan((found,), connections), where).values()
    return one


WEB = sticky_pool("tcp:192.0.2.10:80", "10.0.0.11:80", "10.0.0.12:80")


def test_an_entry_belongs_to_its_own_service_and_server() -> None:
    one = tied_one(entry("tcp:192.0.2.10:80", "198.18.0.1", "10.0.0.12:80"), director(WEB))
    assert (one.service, one.server, one.state, one.sure) == (
        WEB.service.key,
        endpoint("10.0.0.12:80"),
        "ok",
        True,
    )


@pytest.mark.parametrize(
    ("configured", "row"),
    [("tcp:192.0.2.10:0", "tcp:192.0.2.10:0"), ("tcp:192.0.2.10:21", "tcp:192.0.2.10:0"), ("mark:5", "mark:5")],
)
def test_port_0_ftp_and_marks_find_the_configured_server_by_its_address(configured: str, row: str) -> None:
    where = director(pool(configured, "10.0.0.11:8080", "10.0.0.12:8080"))
    one = tied_one(entry(row, "198.18.0.1", "10.0.0.12:0"), where)
    assert (one.service, one.server) == (fields.service(configured), endpoint("10.0.0.12:8080"))


def test_the_service_on_port_0_comes_before_ftp() -> None:
    where = director(sticky_pool("tcp:192.0.2.10:0", "10.0.0.11:0"), sticky_pool("tcp:192.0.2.10:21", "10.0.0.11:21"))
    assert tied_one(entry("tcp:192.0.2.10:0", "198.18.0.1", "10.0.0.11:0"), where).service == address_key(
        "tcp:192.0.2.10:0"
    )


@pytest.mark.parametrize(
    ("server", "where", "state"),
    [
        ("10.0.0.12:80", director(), "unserved"),
        ("10.0.0.19:80", director(WEB), "orphan"),
        ("10.0.0.12:80", director(pool("tcp:192.0.2.10:80", "10.0.0.12:80")), "off"),
        ("10.0.0.12:80", director(sticky_pool("tcp:192.0.2.10:80", "10.0.0.12:80", mask="255.255.255.0")), "masked"),
        ("10.0.0.12:65535", director(WEB), "void"),
    ],
)
def test_an_entry_that_does_nothing_says_why(server: str, where: Director, state: str) -> None:
    assert tied_one(entry("tcp:192.0.2.10:80", "198.18.0.1", server), where).state == state


@pytest.mark.parametrize(("setting", "state"), [("0", "drain"), ("1", "ending")])
def test_a_drained_server_is_shown_with_what_the_setting_makes_of_it(setting: str, state: str) -> None:
    servers = {end: replace(server, weight=0) for end, server in WEB.servers.items()}
    where = director(replace(WEB, servers=servers), expire_quiescent_template=setting)
    assert tied_one(entry("tcp:192.0.2.10:80", "198.18.0.1", "10.0.0.12:80"), where).state == state


def test_connections_are_counted_where_client_service_and_server_are_the_entrys() -> None:
    where = director(sticky_pool("tcp:192.0.2.10:80", "10.0.0.11:80", "10.0.0.12:80", mask="255.255.255.0"))
    one = tied_one(
        entry("tcp:192.0.2.10:80", "198.18.5.0", "10.0.0.11:80"),
        where,
        connection("198.18.5.1:4000", "192.0.2.10:80", "10.0.0.11:80"),
        connection("198.18.5.77:4000", "192.0.2.10:80", "10.0.0.11:80"),
        connection("198.18.5.1:4001", "192.0.2.10:80", "10.0.0.12:80"),
        connection("198.18.6.1:4000", "192.0.2.10:80", "10.0.0.11:80"),
        connection("198.18.5.1:4002", "192.0.2.10:443", "10.0.0.11:443"),
    )
    assert (one.children, one.width) == (2, 24)


def test_a_service_on_port_0_has_the_connections_of_all_ports_that_no_other_owns() -> None:
    where = director(sticky_pool("tcp:192.0.2.10:0", "10.0.0.11:0"), sticky_pool("tcp:192.0.2.10:80", "10.0.0.11:80"))
    one = tied_one(
        entry("tcp:192.0.2.10:0", "198.18.0.1", "10.0.0.11:0"),
        where,
        connection("198.18.0.1:4000", "192.0.2.10:22", "10.0.0.11:22"),
        connection("198.18.0.1:4001", "192.0.2.10:80", "10.0.0.11:80"),
    )
    assert one.children == 1


def test_the_connections_of_a_mark_are_not_certain() -> None:
    where = director(sticky_pool("mark:5", "10.0.0.11:0"), WEB)
    one = tied_one(
        entry("mark:5", "198.18.0.1", "10.0.0.11:0"),
        where,
        connection("198.18.0.1:4000", "192.0.2.20:443", "10.0.0.11:443"),
        connection("198.18.0.1:4001", "192.0.2.10:80", "10.0.0.11:80"),
    )
    assert (one.children, one.sure) == (1, False)


def test_entries_that_were_invalidated_are_distinguished_by_their_server() -> None:
    void = entry("tcp:192.0.2.10:80", "198.18.0.1", "10.0.0.11:65535")
    live = entry("tcp:192.0.2.10:80", "198.18.0.1", "10.0.0.12:80")
    assert len(resolve(Scan((void, live)), director(WEB))) == 2
    assert key_of(live).server is None


def test_a_connection_finds_the_entry_that_decides_about_its_client() -> None:
    where = director(sticky_pool("tcp:192.0.2.10:80", "10.0.0.11:80", mask="255.255.255.0"))
    found = entry("tcp:192.0.2.10:80", "198.18.5.0", "10.0.0.11:80")
    resolved = resolve(Scan((found,)), where)
    mine = connection("198.18.5.9:4000", "192.0.2.10:80", "10.0.0.11:80")
    elsewhere = connection("198.18.5.9:4000", "192.0.2.10:80", "10.0.0.12:80")
    assert controlling_entry(mine, resolved, Parents(where)) is resolved[key_of(found)]
    assert controlling_entry(elsewhere, resolved, Parents(where)) is None


def test_keys_are_what_the_kernel_finds_entries_by() -> None:
    one = entry("tcp:192.0.2.10:80", "198.18.0.1", "10.0.0.11:80")
    moved = one._replace(server=endpoint("10.0.0.12:80"), ends=5.0)
    assert key_of(one) == key_of(moved)
    assert isinstance(one.service, AddressKey)


@pytest.mark.parametrize("weight", [1, 0])
def test_an_entry_on_a_server_that_does_not_serve_says_so_in_place_of_ok_and_drain(weight: int) -> None:
    pool = sticky_pool("tcp:192.0.2.10:80", "10.0.0.11:80", "10.0.0.12:80")
    servers = {end: replace(server, weight=weight) for end, server in pool.servers.items()}
    where = director(replace(pool, servers=servers))
    key = ServerKey(fields.service("tcp:192.0.2.10:80"), fields.server("10.0.0.12:80"))
    bad = frozenset({(key, Trouble.SILENT)})
    web = "tcp:192.0.2.10:80"
    found = entry(web, "10.1.0.1", "10.0.0.11:80"), entry(web, "10.1.0.2", "10.0.0.12:80")
    states = [resolved.state for resolved in resolve(Scan(found), where, bad).values()]
    assert states == ["ok" if weight else "drain", "silent"]
