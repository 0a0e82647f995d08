"""Advice about a director as it runs, with the reason and, where there is one, the edit that repairs it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Final

from lvstui.core import fields
from lvstui.core.advice import Advice, Alike, grouped, wrong
from lvstui.core.advice.keepers import is_kept
from lvstui.core.advice.marks import mark_advice
from lvstui.core.advice.trouble import moving_away, trouble_advice
from lvstui.core.change import Change, change_server, change_service, change_sysctl
from lvstui.core.describe import service_name
from lvstui.core.entries.distribution import crowded_server
from lvstui.core.marks import edits as mark_edits
from lvstui.core.model import (
    AddressKey,
    Director,
    Endpoint,
    Family,
    Forwarding,
    MarkKey,
    Persistence,
    Pool,
    ServerKey,
    Service,
    ServiceFlags,
    ServiceKey,
)
from lvstui.core.observed import ServerStats
from lvstui.core.packets.program import NO_RULES
from lvstui.core.snapshot import Snapshot

_HASHING: Final = ("sh", "mh")
"""Schedulers that choose the server by the client's address, so that its connections meet without persistence."""

_PATIENCE: Final = 10.0
"""Seconds after which the distribution of entries is looked at again."""


def advice(snapshot: Snapshot) -> tuple[Advice, ...]:
    """Return all advice, what breaks service first.

    It is computed again only when something changed that it depends on, and from counters now and then.
    """
    reading = snapshot.reading
    rules = reading.rules
    known = "" if rules is None else f"{rules.generation} {len(rules.rules)} {rules.trouble} {rules.missing}"
    off = " ".join(str(int(family)) for family, on in reading.forwards.items() if not on)
    owners = frozenset((owner.program, owner.services) for owner in snapshot.owners)
    program = NO_RULES if rules is None else rules.program
    depends = (reading.director, snapshot.profile.drift, known, off, owners, reading.policies, program)
    configured = snapshot.derive_whole(_configured, *depends)
    troubled = snapshot.derive_whole(trouble_advice, reading.director, snapshot.health, owners, program)
    sticky = snapshot.derive_whole(_sticky, reading.director, _holding(snapshot), owners, program)
    distributed = snapshot.derive_whole(_distributed, reading.director, reading.taken // _PATIENCE, owners)
    return (*troubled, *configured, *sticky, *distributed)


def advice_lines(snapshot: Snapshot) -> tuple[Alike, ...]:
    """Return the advice with those pieces together that say the same of many services or marks."""
    return snapshot.derived.get_for(grouped, advice(snapshot), lambda: grouped(advice(snapshot)))


def _configured(snapshot: Snapshot) -> tuple[Advice, ...]:
    director = snapshot.reading.director
    found = [*mark_advice(snapshot), *wrong(forwarding_off(snapshot))]
    free = [pool for pool in director.pools.values() if not is_kept(snapshot, pool)]
    for pool in free:
        found += wrong(unserved(pool))
        found += unreachable_ports(pool)
        found += _port_zero(pool)
    pools = {pool.service.key: pool for pool in free}
    return (*found, *_apart(director, pools, mark_edits.free_mark(director, snapshot.reading.rules)))


def _holding(snapshot: Snapshot) -> frozenset[ServerKey]:
    """Return the drained servers of persistent services but those that are known to hold nothing any more."""
    drained = snapshot.derive(_drained, snapshot.reading.director)
    counts = ((key, snapshot.reading.servers.get(key.service, {}).get(key.endpoint)) for key in drained)
    return frozenset(key for key, seen in counts if seen is None or seen.sticky != 0 or seen.active)


def _drained(director: Director) -> tuple[ServerKey, ...]:
    return tuple(
        ServerKey(key, endpoint)
        for key, pool in director.pools.items()
        if pool.service.persistence
        for endpoint, server in pool.servers.items()
        if not server.weight
    )


def _sticky(snapshot: Snapshot) -> tuple[Advice, ...]:
    director, holding = snapshot.reading.director, _holding(snapshot)
    pools = [director.pools[key] for key in dict.fromkeys(place.service for place in sorted(holding, key=str))]
    free = (pool for pool in pools if not is_kept(snapshot, pool))
    return tuple(advice for pool in free for advice in _drained_but_sticky(pool, director, holding))


def _distributed(snapshot: Snapshot) -> tuple[Advice, ...]:
    pools = snapshot.reading.director.pools.values()
    return tuple(advice for pool in pools if not is_kept(snapshot, pool) for advice in _crowded(pool, snapshot))


def _advise(service: Service, sentence: str, reason: str, remedy: str, changes: Iterable[Change] = ()) -> Advice:
    return Advice(service_name(service), sentence, reason, remedy, tuple(changes), key=service.key)


def forwarding_off(snapshot: Snapshot) -> Iterator[Advice]:
    """Find masqueraded services whose answers are not forwarded."""
    for family, name in ((Family.IPV4, "net.ipv4.ip_forward"), (Family.IPV6, "net.ipv6.conf.all.forwarding")):
        masqueraded = (
            pool.service
            for pool in snapshot.reading.director.pools.values()
            for server in pool.servers.values()
            if server.forwarding is Forwarding.MASQ and Family.of(server.endpoint.address) is family
        )
        service = next(masqueraded, None)
        if service is not None and not snapshot.reading.forwards.get(family, True):
            reason = "the answers of the real servers are dropped on this director"
            yield _advise(service, f"masq is used, but {name} is 0", reason, f"sysctl -w {name}=1")


def unserved(pool: Pool) -> Iterator[Advice]:
    """Find that no server of a service takes new connections."""
    servers = pool.servers.values()
    if servers and not any(server.weight for server in servers):
        key = pool.service.key
        drained = [(server, server.resume) for server in servers if server.resume]
        yield _advise(
            pool.service,
            "every real server has weight 0",
            "new connections are refused",
            "restore the old weights of the drained servers" if drained else "set the weight of a real server",
            (change_server(key, server, replace(server, weight=weight, resume=None)) for server, weight in drained),
        )


def unreachable_ports(pool: Pool) -> Iterator[Advice]:
    """Find servers on other ports than the service although packets reach them unchanged."""
    key = pool.service.key
    if not isinstance(key, AddressKey) or key.port == 0:
        return
    direct = (Forwarding.ROUTE, Forwarding.TUNNEL)
    moved = [s for s in pool.servers.values() if s.forwarding in direct and s.endpoint.port != key.port]
    changes: list[Change] = []
    for server in moved:
        endpoint = Endpoint(server.endpoint.address, key.port)
        if endpoint not in pool.servers:
            changes += [
                change_server(key, None, replace(server, endpoint=endpoint)),
                change_server(key, server, None),
            ]
    if moved:
        yield _advise(
            pool.service,
            f"{fields.server_text(moved[0].endpoint)} is on another port than the service",
            f"{fields.forwarding_text(moved[0].forwarding)} changes no ports: packets arrive at {key.port} anyway",
            f"set port {key.port}, so that the table shows what happens, or use masq",
            changes,
        )


def _drained_but_sticky(pool: Pool, director: Director, holding: frozenset[ServerKey]) -> Iterator[Advice]:
    name = "expire_quiescent_template"
    held = director.sysctl.get(name)
    drained = [end for end in pool.servers if ServerKey(pool.service.key, end) in holding]
    if drained and any(server.weight for server in pool.servers.values()) and held == "0":
        yield _advise(
            pool.service,
            f"{fields.server_text(drained[0])} is drained, and its clients keep coming back",
            f"persistence entries override weight 0 while {name} is 0",
            f"set {name} to 1, or {moving_away(ServerKey(pool.service.key, drained[0]))}",
            (change_sysctl(name, held, "1"),),
        )


def _crowded(pool: Pool, snapshot: Snapshot) -> Iterator[Advice]:
    service, persistence = pool.service, pool.service.persistence
    weighted = [server for server in pool.servers.values() if server.weight]
    if persistence is None or not persistence.wide or len(weighted) < 2:
        return
    seen: Mapping[Endpoint, ServerStats] = snapshot.reading.servers.get(service.key, {})
    counts = {
        endpoint: stats.sticky + stats.active + stats.inactive
        for endpoint, stats in seen.items()
        if stats.sticky is not None
    }
    most = crowded_server(counts)
    if most is not None:
        after = replace(service, persistence=replace(persistence, mask=service.key.family.full_mask))
        share = counts[most] * 100 // sum(counts.values())
        yield _advise(
            service,
            f"{fields.server_text(most)} has {share} % of all entries and connections",
            f"the mask {_mask(persistence)} makes one client of a whole network",
            "count every address as a client of its own; existing entries are ignored then, and clients spread again",
            (change_service(service, after),),
        )


def _mask(persistence: Persistence) -> str:
    prefix = persistence.prefix
    return str(persistence.mask) if prefix is None else f"/{prefix}"


def _port_zero(pool: Pool) -> Iterator[Advice]:
    key = pool.service.key
    if isinstance(key, AddressKey) and key.port == 0 and pool.service.persistence is not None:
        yield _advise(
            pool.service,
            "persistence on port 0 sends every port of the address to the real servers",
            "ports that were not meant to be served are reachable too; a firewall mark bundles just the wanted ones",
            "create a group of the wanted ports in the marks view (3, a), then delete this service",
        )


def _apart(director: Director, pools: Mapping[ServiceKey, Pool], mark: int) -> Iterator[Advice]:
    """Find services among `pools` on one address whose ports belong together, but whose stickiness is not shared."""
    for key, pool in pools.items():
        if isinstance(key, AddressKey):
            partners = (key._replace(port=second) for first, second in mark_edits.PAIRS if first == key.port)
            for partner in partners:
                if partner in pools:
                    yield from _pair(pool, pools[partner], director, mark)


def _pair(one: Pool, other: Pool, director: Director, mark: int) -> Iterator[Advice]:
    first, second = one.service.persistence, other.service.persistence
    if not (first or second) or min(len(one.servers), len(other.servers)) < 2 or _meet_anyway(one, other):
        return
    keys = [pool.service.key for pool in (one, other) if isinstance(pool.service.key, AddressKey)]
    name = next((pool.service.name for pool in mark_edits.order_by_persistence((one, other)) if pool.service.name), "")
    changes: tuple[Change, ...] = ()
    with suppress(fields.FieldError):
        changes = mark_edits.bundle_services(director, keys, mark, name)
    about = f"{service_name(one.service)} and {service_name(other.service)}"
    yield Advice(
        about,
        "one client's connections to the two may land on different servers",
        "each service has its own persistence entries" if first and second else "only one of the two is persistent",
        "bundle them with a firewall mark: one service, one entry for both ports",
        changes,
        key=one.service.key,
    )
    if first and second and first != second:
        texts = [f"{persistence.timeout} s {_mask(persistence)}" for persistence in (first, second)]
        yield Advice(
            about,
            f"their persistence differs ({' and '.join(texts)})",
            "a client may have moved on with one of them while it sticks with the other",
            "set the same persistence on both",
            (change_service(other.service, replace(other.service, persistence=first)),),
            key=one.service.key,
        )


def _meet_anyway(one: Pool, other: Pool) -> bool:
    """Return whether both services choose the same server for a client, as they hash over the same servers."""

    def choice(pool: Pool) -> object:
        weights = sorted((str(end.address), server.weight) for end, server in pool.servers.items())
        return pool.service.scheduler, pool.service.flags, pool.service.persistence, weights

    by_port = one.service.flags & ServiceFlags.SCHED_2
    return one.service.scheduler in _HASHING and not by_port and choice(one) == choice(other)


def about_mark(snapshot: Snapshot, mark: int) -> tuple[Advice, ...]:
    """Return the advice about one mark, its rules and services."""
    keys = [MarkKey(mark, family) for family in Family]
    return tuple(advised for advised in advice(snapshot) if any(map(advised.concerns, keys)))
