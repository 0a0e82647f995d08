"""Which lines of keepalived.conf and ldirectord.cf an edit is about, old and new."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from lvstui.core.change import Change, change_server, change_service
from lvstui.core.drift import remove_pool
from lvstui.core.model import (
    Endpoint,
    Forwarding,
    Persistence,
    Pool,
    RealServer,
    ServiceFlags,
    Tunnel,
    TunnelType,
)
from lvstui.formats.foreign.lines import lines_to_change
from lvstui.formats.foreign.recognise import Form
from tests.formats.foreign.names import load

KEEPALIVED = """\
virtual_server 192.0.2.10 443 {
    lb_algo wrr   ! as always
    lb_kind DR
    protocol TCP
    persistence_timeout 60
    real_server 10.0.0.11 443 {
        weight 7
        uthreshold 200
        TCP_CHECK {
        }
    }
    real_server 10.0.0.12 443 { weight 1 }
}
"""
LDIRECTORD = """\
virtual=192.0.2.30:80
\treal=10.0.0.11:80 gate 5 "a", "b" <l:100> <u:200>
\treal=10.0.0.12:80 gate
\tscheduler=wlc
"""


def lines(form: Form, text: str, *changes: Change, identity: str | None = None) -> Sequence[str]:
    found = load(form, text, identity=identity)
    assert found.mistakes == ()
    return lines_to_change(form, found, {"file": text.split("\n")}, changes)


def pool_of(form: Form, text: str) -> Pool:
    return next(iter(load(form, text).director.pools.values()))


def server_edit(form: Form, text: str, place: int, **values: object) -> Change:
    pool = pool_of(form, text)
    server = list(pool.servers.values())[place]
    return change_server(pool.service.key, server, replace(server, **values))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("place", "values", "said"),
    [
        (0, {"weight": 9}, ["file:7: weight 7 -> weight 9"]),
        (0, {"upper": 300}, ["file:8: uthreshold 200 -> uthreshold 300"]),
        (0, {"lower": 5}, ["file:6: in the block of real_server 10.0.0.11 443 {: lthreshold 5"]),
        (0, {"name": "web1"}, []),
        (
            1,
            {"weight": 0},
            ["file:12: real_server 10.0.0.12 443 { weight 1 } -> real_server 10.0.0.12 443 { weight 0 }"],
        ),
        (
            0,
            {"forwarding": Forwarding.TUNNEL, "tunnel": Tunnel(TunnelType.GUE, 6080, 1)},
            ["file:6: in the block of real_server 10.0.0.11 443 {: lvs_method TUN type gue port 6080 csum"],
        ),
    ],
)
def test_an_edited_server_of_keepalived(place: int, values: dict[str, object], said: Sequence[str]) -> None:
    assert lines(Form.KEEPALIVED, KEEPALIVED, server_edit(Form.KEEPALIVED, KEEPALIVED, place, **values)) == said


def test_servers_of_keepalived_come_as_a_block_with_the_check_of_the_others_and_go_with_all_their_lines() -> None:
    pool = pool_of(Form.KEEPALIVED, KEEPALIVED.replace("{ weight 1 }", "{ weight 1\nTCP_CHECK {\n}\n}"))
    key, first = pool.service.key, next(iter(pool.servers.values()))
    added = RealServer(Endpoint(IPv4Address("10.0.0.13"), 443), Forwarding.ROUTE, 4)
    assert lines(Form.KEEPALIVED, KEEPALIVED, change_server(key, None, added)) == [
        "file:13: above it:",
        "    real_server 10.0.0.13 443 {",
        "        weight 4",
        "        lvs_method DR",
        "    }",
    ]
    assert lines(Form.KEEPALIVED, KEEPALIVED, change_server(key, first, None)) == [
        "file:6-11: take out: real_server 10.0.0.11 443 {"
    ]
    assert lines(Form.KEEPALIVED, KEEPALIVED, *remove_pool(pool_of(Form.KEEPALIVED, KEEPALIVED))) == [
        "file:1-13: take out: virtual_server 192.0.2.10 443 {"
    ]


def test_an_edited_service_of_keepalived() -> None:
    service = pool_of(Form.KEEPALIVED, KEEPALIVED).service
    wanted = replace(
        service,
        scheduler="sh",
        flags=ServiceFlags.SCHED_2,
        persistence=Persistence(90, IPv4Address("255.255.255.0")),
    )
    assert lines(Form.KEEPALIVED, KEEPALIVED, change_service(service, wanted)) == [
        "file:2: lb_algo wrr ! as always -> lb_algo sh ! as always",
        "file:5: persistence_timeout 60 -> persistence_timeout 90",
        "file:1: in the block of virtual_server 192.0.2.10 443 {: persistence_granularity 255.255.255.0",
        "file:1: in the block of virtual_server 192.0.2.10 443 {: sh-port",
    ]
    assert lines(Form.KEEPALIVED, KEEPALIVED, change_service(service, replace(service, persistence=None))) == [
        "file:5: take out: persistence_timeout 60"
    ]


def test_lines_that_stand_for_several_services_and_those_of_definitions_say_so() -> None:
    group = "virtual_server_group g {\n192.0.2.1-2 80\n}\nvirtual_server group g {\nprotocol TCP\nlb_kind DR\n"
    group += "real_server 10.0.0.1 80 {\nweight 1\n}\n}\n"
    edit = server_edit(Form.KEEPALIVED, group, 0, weight=2)
    assert lines(Form.KEEPALIVED, group, edit) == ["file:8: weight 1 -> weight 2 (stands for 2)"]
    defined = KEEPALIVED.replace("        weight 7", "        $W").replace("virtual", "$W=weight 7\nvirtual", 1)
    edit = server_edit(Form.KEEPALIVED, defined, 0, weight=2)
    assert lines(Form.KEEPALIVED, defined, edit) == ["file:8: $W: comes from a definition; have it say: weight 2"]


@pytest.mark.parametrize(
    ("place", "values", "said"),
    [
        (
            0,
            {"weight": 9},
            [
                'file:2: real=10.0.0.11:80 gate 5 "a", "b" <l:100> <u:200> -> '
                'real=10.0.0.11:80 gate 9 "a", "b" <l:100> <u:200>'
            ],
        ),
        (1, {"weight": 9, "upper": 7}, ["file:3: real=10.0.0.12:80 gate -> real=10.0.0.12:80 gate 9 <u:7>"]),
        (1, {"forwarding": Forwarding.MASQ}, ["file:3: real=10.0.0.12:80 gate -> real=10.0.0.12:80 masq 1"]),
    ],
)
def test_an_edited_server_of_ldirectord(place: int, values: dict[str, object], said: Sequence[str]) -> None:
    assert lines(Form.LDIRECTORD, LDIRECTORD, server_edit(Form.LDIRECTORD, LDIRECTORD, place, **values)) == said


def test_servers_and_services_of_ldirectord_come_change_and_go() -> None:
    pool = pool_of(Form.LDIRECTORD, LDIRECTORD)
    key, service = pool.service.key, pool.service
    added = RealServer(Endpoint(IPv4Address("10.0.0.13"), 80), Forwarding.ROUTE, 4)
    assert lines(Form.LDIRECTORD, LDIRECTORD, change_server(key, None, added)) == [
        "file:3: below it:",
        "    real=10.0.0.13:80 gate 4",
    ]
    wanted = replace(service, scheduler="rr", persistence=Persistence(90))
    assert lines(Form.LDIRECTORD, LDIRECTORD, change_service(service, wanted)) == [
        "file:4: scheduler=wlc -> scheduler=rr",
        "file:1: in the section of virtual=192.0.2.30:80: persistent=90",
    ]
    assert lines(Form.LDIRECTORD, LDIRECTORD, *remove_pool(pool)) == ["file:1-4: take out: virtual=192.0.2.30:80"]
    ranged = LDIRECTORD.replace("10.0.0.12:80", "10.0.0.12->10.0.0.14:80")
    edit = server_edit(Form.LDIRECTORD, ranged, 2, weight=9)
    assert lines(Form.LDIRECTORD, ranged, edit) == [
        "file:3: real=10.0.0.12->10.0.0.14:80 gate: stands for several servers; write a line for each"
    ]


def test_a_service_that_the_file_does_not_show_is_said_to_be_unknown() -> None:
    edit = server_edit(Form.LDIRECTORD, LDIRECTORD, 0, weight=9)
    other = LDIRECTORD.replace("192.0.2.30", "192.0.2.31")
    assert lines(Form.LDIRECTORD, other, edit) == [
        "file: which of its lines say this of tcp:192.0.2.30:80 is not known here"
    ]
