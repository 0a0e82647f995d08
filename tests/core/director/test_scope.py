"""Which services the settings of net.ipv4.vs touch."""

from __future__ import annotations

import textwrap
from ipaddress import IPv4Address

import pytest

from lvstui.core.director.lines import scope
from lvstui.core.director.rows import DirectorLook, DirectorRow, Part, sentence, touches
from lvstui.core.model import (
    AddressKey,
    Director,
    Endpoint,
    Family,
    Forwarding,
    MarkKey,
    Persistence,
    Pool,
    Protocol,
    RealServer,
    Service,
    ServiceKey,
    SyncDaemon,
    SyncRole,
)
from lvstui.core.sysctls import SETTINGS
from tests.build import snapshot

MASTER = SyncDaemon(SyncRole.MASTER, "eth1")
BACKUP = SyncDaemon(SyncRole.BACKUP, "eth1")


def key(number: int, protocol: Protocol = Protocol.TCP) -> AddressKey:
    return AddressKey(protocol, IPv4Address(f"192.0.2.{number}"), 80)


def pool(
    where: ServiceKey,
    *methods: Forwarding,
    name: str = "",
    weight: int = 1,
    persistence: Persistence | None = None,
    scheduler: str = "wlc",
) -> Pool:
    endpoints = [Endpoint(IPv4Address(f"10.0.0.{number}"), 80) for number in range(len(methods))]
    servers = {end: RealServer(end, method, weight) for end, method in zip(endpoints, methods, strict=True)}
    return Pool(Service(where, scheduler, persistence=persistence, name=name), servers)


SHOP = pool(key(1), Forwarding.ROUTE, Forwarding.MASQ, name="shop", weight=0, persistence=Persistence())
MAIL = pool(key(2), Forwarding.ROUTE, name="mail\x1b", persistence=Persistence())
TIME = pool(key(3, Protocol.UDP), Forwarding.TUNNEL, weight=0)
MARK = pool(MarkKey(7, Family.IPV4), Forwarding.MASQ, scheduler="lblc")
CALL = pool(key(4, Protocol.SCTP), Forwarding.ROUTE)


def director(*pools: Pool, sync: tuple[SyncDaemon, ...] = ()) -> Director:
    return Director({pool.service.key: pool for pool in pools}, sync={daemon.role: daemon for daemon in sync})


ALL = director(SHOP, MAIL, TIME, MARK, CALL)


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("expire_nodest_conn", "touches 5 services: shop, mail\\x1b, udp:192.0.2.3:80 and 2 more"),
        ("schedule_icmp", "touches 5 services: shop, mail\\x1b, udp:192.0.2.3:80 and 2 more"),
        ("expire_quiescent_template", "touches 1 persistent service with a drained server: shop"),
        ("conn_reuse_mode", "touches 4 tcp or sctp services: shop, mail\\x1b, mark:7 and 1 more"),
        ("sloppy_tcp", "touches 3 tcp services: shop, mail\\x1b, mark:7"),
        ("sloppy_sctp", "touches 2 sctp services: mark:7, sctp:192.0.2.4:80"),
        ("nat_icmp_send", "touches 2 services with masq servers: shop, mark:7"),
        ("snat_reroute", "touches 2 services with masq servers: shop, mark:7"),
        ("pmtu_disc", "touches 1 service with tunnel servers: udp:192.0.2.3:80"),
        ("cache_bypass", "touches 1 mark service: mark:7"),
        ("lblc_expiration", "touches 1 lblc service: mark:7"),
        ("lblcr_expiration", "touches nothing now: there is no lblcr service"),
        ("sync_threshold", "touches nothing now: no sync master runs"),
        ("sync_ports", "touches nothing now: no sync master or backup runs"),
        ("backup_only", "touches nothing now: no sync backup runs"),
        ("am_droprate", ""),
        ("brand_new", ""),
    ],
)
def test_a_setting_names_the_services_that_it_touches(setting: str, expected: str) -> None:
    assert scope(ALL, setting) == expected


def test_a_mark_may_carry_any_protocol_but_is_no_persistent_service() -> None:
    assert scope(director(MARK), "sloppy_tcp") == "touches 1 tcp service: mark:7"
    expected = "touches nothing now: there is no persistent service with a drained server"
    assert scope(director(MARK, MAIL, TIME), "expire_quiescent_template") == expected


def test_settings_of_synchronisation_touch_the_daemons_that_run() -> None:
    both = director(SHOP, sync=(MASTER, BACKUP))
    assert scope(both, "sync_ports") == "touches the sync master and backup"
    assert scope(both, "sync_threshold") == "touches the sync master"
    assert scope(both, "backup_only") == "touches 1 service: shop; a sync backup runs"
    backup = director(SHOP, sync=(BACKUP,))
    assert scope(backup, "sync_sock_size") == "touches the sync backup"
    assert scope(backup, "sync_threshold") == "touches nothing now: no sync master runs"


def test_every_sentence_fits_below_a_table_of_eighty_columns() -> None:
    settings = {name: setting.default for name, setting in SETTINGS.items()}
    shown = snapshot(Director(ALL.pools, sync={}, sysctl=settings))
    for name in SETTINGS:
        row = DirectorRow(Part.SYSCTL, name)
        expected = (sentence(shown, DirectorLook(), row), touches(shown, row))
        assert sum(len(textwrap.wrap(line, 78)) for line in expected) <= 4, expected


def test_only_a_row_of_a_setting_touches_anything() -> None:
    shown = snapshot(ALL)
    assert (
        touches(shown, DirectorRow(Part.SYSCTL, "pmtu_disc"))
        == "It touches 1 service with tunnel servers: udp:192.0.2.3:80."
    )
    assert touches(shown, DirectorRow(Part.SYSCTL, "brand_new")) == ""
    assert touches(shown, DirectorRow(Part.SYSCTL)) == ""
    assert touches(shown, DirectorRow(Part.TIMEOUTS, "tcp")) == ""
