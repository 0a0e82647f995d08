"""Generated directors with everything that an operator can write down, for those who read what is written of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from random import Random
from typing import Final

from lvstui.core.model import (
    Director,
    DnsRecord,
    Endpoint,
    MarkGroup,
    MarkKey,
    Pool,
    Probe,
    ProbeType,
    RealServer,
    ServiceKey,
    Statuses,
    SyncDaemon,
    SyncRole,
    Timeouts,
)
from lvstui.core.selectors import selector
from tests.kernel import corpus

NAMES: Final[tuple[str, ...]] = (
    *("shop", "web 1", "naïve", "日本", 'a "b" [c]', "{x}", "}", "back\\slash\\", "# no comment", "!x", "$HOME"),
    *("${_PWD}", "@one", "~SEQ(x)", "two\nlines", "tab\there", " ", "=", "include /etc/passwd", "x" * 256, "é" * 256),
    *("'", "a;b", "%s"),
)
_PATHS = ("/", "/health?a=b&c=d", '/"x"', "/a#b", "/$x", "/{}", "/\\", "/!", "/?u=http://x", "/" + "a" * 1000)
_SELECTORS = ("tcp 192.0.2.10 80,443", "udp 2001:db8::/32 53", "any in eth0", "sctp any 99", "tcp any 1-65535")


def director(seed: int, services: int = 6) -> Director:
    """Make a director; the same seed makes the same one."""
    dice = Random(seed)
    found = corpus.generate(seed, services)
    names = iter(dice.sample(NAMES, k=min(services, len(NAMES))))
    pools: dict[ServiceKey, Pool] = {}
    for key, pool in found.pools.items():
        called = next(names, "") if dice.random() < 0.5 else ""
        note = dice.choice(("", "", *NAMES, "long " * 500))
        probe = _probe(dice) if dice.random() < 0.5 else None
        service = replace(pool.service, name=called, note=note, probe=probe)
        pools[key] = replace(pool, service=service, servers=_named(dice, pool.servers.values()))
    marks = [key.mark for key in pools if isinstance(key, MarkKey)] + [99]
    return Director(
        pools,
        timeouts=dice.choice((None, Timeouts(), Timeouts(1, 2, 3), Timeouts(2_000_000, 120, 300))),
        sync=None if found.mixed else _daemons(dice),
        sysctl=dice.choice(({}, {"conntrack": "1"})),
        name=dice.choice(("", *NAMES)),
        marks={mark: _group(dice, mark) for mark in marks if dice.random() < 0.5},
    )


def plain(seed: int, services: int = 6) -> Director:
    """Make a director of which nothing is asked, so that no check takes a server out."""
    found = director(seed, services)
    pools = {key: replace(pool, service=replace(pool.service, probe=None)) for key, pool in found.pools.items()}
    return replace(found, pools=pools, sync=None)


def _named(dice: Random, servers: Iterable[RealServer]) -> dict[Endpoint, RealServer]:
    """Return the servers, some with names, each another one, and with a weight to go back to."""
    names = iter(dice.sample(NAMES, k=8))
    found = (
        replace(one, name=next(names) if dice.random() < 0.4 else "", resume=dice.choice((None, None, 5)))
        for one in servers
    )
    return {server.endpoint: server for server in found}


def _probe(dice: Random) -> Probe:
    timeout = dice.choice((2.0, 0.25, 1.5, 30.0))
    port = dice.choice((0, 0, 8080))
    match dice.choice(list(ProbeType)):
        case ProbeType.HTTP | ProbeType.HTTPS as kind:
            status = dice.choice(
                ((Statuses(200, 200),), (Statuses(200, 299), Statuses(301, 301)), (Statuses(100, 599),))
            )
            name, days = dice.choice(("", "shop.example.net", "2001:db8::1")), 14 if kind is ProbeType.HTTPS else 0
            return Probe(kind, port, dice.choice(_PATHS), status, name, days=days, timeout=timeout)
        case ProbeType.DNS as kind:
            name, record = dice.choice((".", "example.net")), dice.choice(list(DnsRecord))
            return Probe(kind, port, name=name, record=record, timeout=timeout)
        case ProbeType.UDP as kind:
            send = dice.choice(("", "naïve\n\x00", "hex:00ff", "x" * 1000))
            return Probe(kind, port, send=send, expect=dice.choice(("", "ok")), timeout=timeout)
        case ProbeType.TLS as kind:
            return Probe(kind, port, name=dice.choice(("", "x.example")), days=7, timeout=timeout)
        case kind:
            return Probe(kind, port, timeout=timeout)


def _daemons(dice: Random) -> dict[SyncRole, SyncDaemon] | None:
    roles = dice.choice(((), (SyncRole.MASTER,), (SyncRole.MASTER, SyncRole.BACKUP)))
    length, port = dice.choice((0, 1024)), dice.choice((8848, 9000))
    return {role: SyncDaemon(role, "lo", 5, length, port=port, ttl=3) for role in roles}


def _group(dice: Random, mark: int) -> MarkGroup:
    return MarkGroup(mark, tuple(map(selector, dice.sample(_SELECTORS, 2))), dice.choice(("", "group " + str(mark))))
