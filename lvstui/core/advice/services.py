"""What an expert would point out on a director as it runs, each with the reason and, where there is one, the edit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from lvstui.core import fields
from lvstui.core.advice import Advice
from lvstui.core.advice.marks import mark_advice
from lvstui.core.change import Change, change_server, change_service, change_sysctl
from lvstui.core.describe import service_name
from lvstui.core.entries.distribution import crowded_server
from lvstui.core.marks import edits as mark_edits
from lvstui.core.model import (
    Address,
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
    ServiceFlags,
    ServiceKey,
)
from lvstui.core.observed import ServerStats
from lvstui.core.snapshot import Snapshot

_HASHING: Final = ("sh", "mh")
"""Schedulers that choose the server by the client's address, so that its connections meet without persistence."""

_PATIENCE: Final = 10.0
"""Seconds between two looks at how entries are distributed."""


def advice(snapshot: Snapshot) -> tuple[Advice, ...]:
    """Return everything that an expert would point out, what breaks service first.

    It is worked out anew only when something changed that it depends on, and from counters now and then.
    """
    reading = snapshot.reading
    rules = reading.rules
    known = "" if rules is None else f"{rules.generation} {len(rules.rules)} {rules.trouble} {rules.missing}"
    off = " ".join(str(int(family)) for family, on in reading.forwards.items() if not on)
    programs = " ".join(owner.program for owner in snapshot.owners)
    configured = snapshot.derive_whole(_configured, reading.director, snapshot.profile.drift, known, off, programs)
    distributed = snapshot.derive_whole(_distributed, reading.director, reading.taken // _PATIENCE)
    return (*configured, *distributed)


def _configured(snapshot: Snapshot) -> tuple[Advice, ...]:
    director = snapshot.reading.director
    found = [*mark_advice(snapshot), *_forwarding_off(snapshot)]
    for pool in director.pools.values():
        found += _unserved(pool)
        found += _unreachable_ports(pool)
        found += _drained_but_sticky(pool, director)
        found += _port_zero(pool)
    return (*found, *_apart(director, mark_edits.free_mark(director, snapshot.reading.rules)))


def _distributed(snapshot: Snapshot) -> tuple[Advice, ...]:
    pools = snapshot.reading.director.pools.values()
    return tuple(advised for pool in pools for advised in _crowded(pool, snapshot))


def _forwarding_off(snapshot: Snapshot) -> Iterator[Advice]:
    names = {Family.IPV4: "net.ipv4.ip_forward", Family.IPV6: "net.ipv6.conf.all.forwarding"}
    for family, name in names.items():
        if snapshot.reading.forwards.get(family, True):
            continue
        pools = snapshot.reading.director.pools.values()
        masqueraded = [
            pool
            for pool in pools
            if any(
                server.forwarding is Forwarding.MASQ and Family.of(server.endpoint.address) is family
                for server in pool.servers.values()
            )
        ]
        if masqueraded:
            yield Advice(
                service_name(masqueraded[0].service),
                f"masq is used and {name} is 0",
                "the answers of the real servers are dropped on this director",
                f"sysctl -w {name}=1",
                key=masqueraded[0].service.key,
            )


def _unserved(pool: Pool) -> Iterator[Advice]:
    servers = pool.servers.values()
    if servers and not any(server.weight for server in servers):
        resumed = [s for s in servers if s.resume]
        yield Advice(
            service_name(pool.service),
            "every real server has weight 0",
            "new connections are refused",
            "give the drained servers their old weights back" if resumed else "give a real server a weight",
            tuple(_weighed(pool.service.key, s, s.resume or 1) for s in resumed),
            key=pool.service.key,
        )


def _weighed(key: ServiceKey, server: RealServer, weight: int) -> Change:
    return change_server(key, server, replace(server, weight=weight, resume=None))


def _unreachable_ports(pool: Pool) -> Iterator[Advice]:
    key = pool.service.key
    if not isinstance(key, AddressKey) or key.port == 0:
        return
    moved = [
        server
        for server in pool.servers.values()
        if server.forwarding in (Forwarding.ROUTE, Forwarding.TUNNEL) and server.endpoint.port != key.port
    ]
    if moved:
        changes = [c for server in moved for c in _ported(pool, server, key.port)]
        yield Advice(
            service_name(pool.service),
            f"{fields.server_text(moved[0].endpoint)} is on another port than the service",
            f"{fields.forwarding_text(moved[0].forwarding)} changes no ports: packets arrive at {key.port} anyway",
            f"write port {key.port} so that the table says what happens, or use masq",
            tuple(changes),
            key=key,
        )


def _ported(pool: Pool, server: RealServer, port: int) -> Iterator[Change]:
    endpoint = Endpoint(server.endpoint.address, port)
    if endpoint not in pool.servers:
        yield change_server(pool.service.key, None, replace(server, endpoint=endpoint))
        yield change_server(pool.service.key, server, None)


def _drained_but_sticky(pool: Pool, director: Director) -> Iterator[Advice]:
    setting_name = "expire_quiescent_template"
    held = director.sysctl.get(setting_name)
    drained = [server for server in pool.servers.values() if not server.weight]
    alive = len(drained) < len(pool.servers)
    if pool.service.persistence and drained and alive and held == "0":
        yield Advice(
            service_name(pool.service),
            f"{fields.server_text(drained[0].endpoint)} is drained, and its clients keep coming back",
            "a persistence entry is stronger than weight 0 while expire_quiescent_template is 0",
            "set expire_quiescent_template to 1, or move its clients away (M on the server)",
            (change_sysctl(setting_name, held, "1"),),
            key=pool.service.key,
        )


def _crowded(pool: Pool, snapshot: Snapshot) -> Iterator[Advice]:
    persistence = pool.service.persistence
    weighted = [server for server in pool.servers.values() if server.weight]
    if persistence is None or not persistence.wide or len(weighted) < 2:
        return
    seen: Mapping[Endpoint, ServerStats] = snapshot.reading.servers.get(pool.service.key, {})
    active = {endpoint: stats.sticky + stats.active + stats.inactive for endpoint, stats in seen.items()}
    most = crowded_server(active)
    if most is None:
        return
    after = replace(pool.service, persistence=replace(persistence, mask=pool.service.key.family.full_mask))
    yield Advice(
        service_name(pool.service),
        f"{fields.server_text(most)} has {active[most] * 100 // sum(active.values())} % of all entries and connections",
        f"the mask {_mask(persistence)} makes one client of a whole network",
        "let every address be a client of its own; the entries so far are ignored then, and clients are spread anew",
        (change_service(pool.service, after),),
        key=pool.service.key,
    )


def _mask(persistence: Persistence) -> str:
    prefix = persistence.prefix
    return str(persistence.mask) if prefix is None else f"/{prefix}"


def _port_zero(pool: Pool) -> Iterator[Advice]:
    key = pool.service.key
    if isinstance(key, AddressKey) and key.port == 0 and pool.service.persistence is not None:
        yield Advice(
            service_name(pool.service),
            "persistence on port 0 sends every port of the address to the real servers",
            "ports that nobody meant to serve are open there too; a firewall mark bundles just the wanted ones",
            "make a group of the wanted ports in the marks view (3, a), then delete this service",
            key=key,
        )


def _apart(director: Director, mark: int) -> Iterator[Advice]:
    """Services on one address whose ports belong together, but which do not share their stickiness."""
    found: dict[tuple[Address, Protocol], dict[int, Pool]] = {}
    for key, pool in director.pools.items():
        if isinstance(key, AddressKey):
            found.setdefault((key.address, key.protocol), {})[key.port] = pool
    for pools in found.values():
        for first, second in mark_edits.PAIRS:
            if first in pools and second in pools:
                yield from _pair(pools[first], pools[second], director, mark)


def _pair(one: Pool, other: Pool, director: Director, mark: int) -> Iterator[Advice]:
    sticky = (one.service.persistence, other.service.persistence)
    if not any(sticky) or min(len(one.servers), len(other.servers)) < 2 or _meet_anyway(one, other):
        return
    key = one.service.key
    about = f"{service_name(one.service)} and {service_name(other.service)}"
    changes = _bundled(director, mark, one, other)
    yield Advice(
        about,
        "one client's connections to the two may land on different servers",
        "each service has persistence entries of its own" if all(sticky) else "only one of the two is persistent",
        "bundle them with a firewall mark: one service, one entry for both ports",
        changes,
        key=key,
    )
    if all(sticky) and sticky[0] != sticky[1]:
        yield Advice(
            about,
            f"their persistence differs ({_told(sticky[0])} and {_told(sticky[1])})",
            "a client may have moved on with one of them while it still sticks with the other",
            "give both the same persistence",
            (change_service(other.service, replace(other.service, persistence=sticky[0])),),
            key=key,
        )


def _meet_anyway(one: Pool, other: Pool) -> bool:
    """Return whether both services choose the same server for a client, as they hash over the same servers."""

    def choice(pool: Pool) -> object:
        weights = sorted((str(end.address), server.weight) for end, server in pool.servers.items())
        return pool.service.scheduler, pool.service.flags, pool.service.persistence, weights

    by_port = one.service.flags & ServiceFlags.SCHED_2
    return one.service.scheduler in _HASHING and not by_port and choice(one) == choice(other)


def _bundled(director: Director, mark: int, *pools: Pool) -> tuple[Change, ...]:
    keys = [pool.service.key for pool in pools if isinstance(pool.service.key, AddressKey)]
    name = next((pool.service.name for pool in mark_edits.leading(pools) if pool.service.name), "")
    try:
        return mark_edits.bundle_services(director, keys, mark, name)
    except fields.FieldError:
        return ()


def _told(persistence: Persistence | None) -> str:
    return f"{persistence.timeout} s {_mask(persistence)}" if persistence else "none"


def about_service(snapshot: Snapshot, key: ServiceKey) -> tuple[Advice, ...]:
    """Choose what is said about one service."""
    return tuple(advised for advised in advice(snapshot) if advised.concerns(key))


def about_mark(snapshot: Snapshot, mark: int) -> tuple[Advice, ...]:
    """Choose what is said about one mark, its rules and services."""
    keys = [MarkKey(mark, family) for family in Family]
    return tuple(advised for advised in advice(snapshot) if any(map(advised.concerns, keys)))


def mark_lines(snapshot: Snapshot, mark: int) -> list[str]:
    """Write out what is advised about one mark: sentence, reason and remedy, each on a line."""
    lines = []
    for advised in about_mark(snapshot, mark):
        lines += ["", f"! {advised.sentence}", f"  {advised.reason}", f"  {advised.remedy}"]
    return lines
