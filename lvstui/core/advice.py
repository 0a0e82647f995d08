"""What an expert would point out on a director as it runs, each with the reason and, where there is one, the edit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from typing import Final

from lvstui.core import fields, mark_edits
from lvstui.core.change import Change, MarkChange, ServerChange, ServiceChange, SysctlChange
from lvstui.core.mark_rules import late, overwriting, reaches, setting
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
    Service,
    ServiceKey,
)
from lvstui.core.observed import Rule, ServerStats
from lvstui.core.snapshot import Snapshot

_CROWD: Final = 20
"""Entries from which on their distribution says something."""

_LION: Final = 0.9
"""The part of all entries that one server has when a mask is too wide."""


@dataclass(frozen=True, slots=True)
class Advice:
    """One thing to point out: about what, what is wrong, why it matters, and what to do.

    `changes` is the edit that mends it, empty where the remedy lies outside of IPVS and our table, or needs a choice.
    """

    about: str
    sentence: str
    reason: str
    remedy: str
    changes: tuple[Change, ...] = ()
    key: ServiceKey | None = None
    mark: int | None = None

    def __str__(self) -> str:
        return f"{self.about}: {self.sentence}; {self.reason}. {self.remedy}"


def advice(snapshot: Snapshot) -> tuple[Advice, ...]:
    """Tell everything that an expert would point out, what breaks service first."""
    director = snapshot.reading.director
    found = [
        *_lost_rules(snapshot),
        *_rules_without_service(snapshot),
        *_marks_that_fail(snapshot),
        *_forwarding_off(snapshot),
    ]
    for pool in director.pools.values():
        found += _unserved(pool)
        found += _unreachable_ports(pool)
        found += _drained_but_sticky(pool, director)
        found += _crowded(pool, snapshot)
        found += _marked_without_persistence(pool, snapshot)
        found += _port_zero(pool)
    found += _apart(director)
    found += _unlike_families(director)
    return tuple(found)


def _lost_rules(snapshot: Snapshot) -> Iterator[Advice]:
    """Our table was flushed from outside, or a group of it taken out: the profile still has it."""
    for change in snapshot.profile.drift:
        if isinstance(change, MarkChange) and change.before is None and change.after is not None:
            yield Advice(
                f"mark {change.mark}",
                "its rules are gone from the packet filter",
                "no packet gets the mark, so its service sees no traffic; `nft flush ruleset`, or a restart of "
                "the service nftables, does that",
                "write them again from the profile",
                (change,),
                mark=change.mark,
            )


def _rules_without_service(snapshot: Snapshot) -> Iterator[Advice]:
    ruleset = snapshot.reading.rules
    if ruleset is None:
        return
    director = snapshot.reading.director
    lost = {c.mark for c in snapshot.profile.drift if isinstance(c, MarkChange) and c.before is None}
    marks = {key.mark for key in director.pools if isinstance(key, MarkKey)}
    rules = setting(ruleset.rules)
    for mark in marks - set(rules) - lost:
        if not ruleset.trouble and not any(not rule.decoded for rule in ruleset.rules):
            yield Advice(
                f"mark {mark}",
                "no rule sets it",
                "IPVS only recognises marks: without a rule of nftables or iptables the service sees no traffic",
                "make a group for it in the marks view",
                mark=mark,
            )
    for mark in (director.marks or {}).keys() - marks:
        group = (director.marks or {})[mark]
        yield Advice(
            f"mark {mark}",
            "our rules set it, and no service is on it",
            "its packets are routed as if there were no rule",
            "add a service on the mark, or delete the group",
            (MarkChange(group, None),),
            mark=mark,
        )


def _marks_that_fail(snapshot: Snapshot) -> Iterator[Advice]:
    """Rules for a mark with a service, whose packets nevertheless do not arrive there."""
    ruleset = snapshot.reading.rules
    marks = {key.mark for key in snapshot.reading.director.pools if isinstance(key, MarkKey)}
    for rule in ruleset.rules if ruleset else ():
        if rule.verb != "set" or rule.value is None or rule.value not in marks:
            continue
        if problem := _failing(rule, ruleset.rules if ruleset else ()):
            sentence, reason, remedy = problem
            yield Advice(f"mark {rule.value}", f"{sentence} ({place(rule)})", reason, remedy, mark=rule.value)


def _failing(rule: Rule, rules: Sequence[Rule]) -> tuple[str, str, str] | None:
    if rule.dormant:
        return "its rule is in a dormant table", "a dormant table does nothing", "wake the table up"
    if not reaches(rule):
        return (
            "its rule stands in a chain that nothing jumps to",
            "no packet ever gets there",
            "jump to the chain, or adopt a copy of the rule",
        )
    if late(rule):
        return (
            "its rule comes too late for IPVS",
            "IPVS takes packets at priority 99 of input and -98 of output",
            "set the mark in prerouting; adopt a copy of the rule",
        )
    if rule.mask != 0xFFFFFFFF:
        return (
            f"its rule sets only the bits 0x{rule.mask:x}",
            "IPVS compares all 32 bits, so other bits that are set hide the service",
            "let the rule set the whole mark",
        )
    other = overwriting(rule, rules)
    if other is not None and other.value is not None:
        return (
            f"a later rule sets {other.value} instead ({place(other)})",
            "the last rule wins",
            "take the packets out of one of the two",
        )
    return None


def place(rule: Rule) -> str:
    """Say where a rule stands: `inet firewalld mangle_PRE_public_allow`."""
    words = (rule.tool if rule.tool != "nft" else "", rule.family, rule.table, rule.chain)
    return fields.visible(" ".join(filter(None, words)))


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
                _name(masqueraded[0].service),
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
            _name(pool.service),
            "every real server has weight 0",
            "new connections are refused",
            "give the drained servers their old weights back" if resumed else "give a real server a weight",
            tuple(_weighed(pool.service.key, s, s.resume or 1) for s in resumed),
            key=pool.service.key,
        )


def _weighed(key: ServiceKey, server: RealServer, weight: int) -> ServerChange:
    return ServerChange(key, server, replace(server, weight=weight, resume=None))


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
            _name(pool.service),
            f"{fields.server_text(moved[0].endpoint)} is on another port than the service",
            f"{fields.forwarding_text(moved[0].forwarding)} changes no ports: packets arrive at {key.port} anyway",
            f"write port {key.port} so that the table says what happens, or use masq",
            tuple(changes),
            key=key,
        )


def _ported(pool: Pool, server: RealServer, port: int) -> Iterator[Change]:
    endpoint = Endpoint(server.endpoint.address, port)
    if endpoint not in pool.servers:
        yield ServerChange(pool.service.key, None, replace(server, endpoint=endpoint))
        yield ServerChange(pool.service.key, server, None)


def _drained_but_sticky(pool: Pool, director: Director) -> Iterator[Advice]:
    setting_name = "expire_quiescent_template"
    held = director.sysctl.get(setting_name)
    drained = [server for server in pool.servers.values() if not server.weight]
    alive = len(drained) < len(pool.servers)
    if pool.service.persistence and drained and alive and held == "0":
        yield Advice(
            _name(pool.service),
            f"{fields.server_text(drained[0].endpoint)} is drained, and its clients keep coming back",
            "a persistence entry is stronger than weight 0 while expire_quiescent_template is 0",
            "set expire_quiescent_template to 1, or move its clients away (M on the server)",
            (SysctlChange(setting_name, held, "1"),),
            key=pool.service.key,
        )


def _crowded(pool: Pool, snapshot: Snapshot) -> Iterator[Advice]:
    persistence = pool.service.persistence
    weighted = [server for server in pool.servers.values() if server.weight]
    if persistence is None or not persistence.wide or len(weighted) < 2:
        return
    seen: Mapping[Endpoint, ServerStats] = snapshot.reading.servers.get(pool.service.key, {})
    active = {endpoint: stats.sticky + stats.active + stats.inactive for endpoint, stats in seen.items()}
    total = sum(active.values())
    most = max(active, key=lambda endpoint: active[endpoint], default=None)
    if most is None or total < _CROWD or active[most] < _LION * total:
        return
    narrow = replace(persistence, mask=IPv4Address("255.255.255.255") if _is_v4(persistence) else 128)
    after = replace(pool.service, persistence=narrow)
    yield Advice(
        _name(pool.service),
        f"{fields.server_text(most)} has {active[most] * 100 // total} % of all entries and connections",
        f"the mask {_mask(persistence)} makes one client of a whole network",
        "let every address be a client of its own; the entries so far are ignored then, and clients are spread anew",
        (ServiceChange(pool.service, after),),
        key=pool.service.key,
    )


def _is_v4(persistence: Persistence) -> bool:
    return isinstance(persistence.mask, IPv4Address)


def _mask(persistence: Persistence) -> str:
    prefix = persistence.prefix
    return fields.mask_text(persistence.mask) if prefix is None else f"/{prefix}"


def _marked_without_persistence(pool: Pool, snapshot: Snapshot) -> Iterator[Advice]:
    key = pool.service.key
    if not isinstance(key, MarkKey) or pool.service.persistence is not None or len(pool.servers) < 2:
        return
    rules = setting(snapshot.reading.rules.rules if snapshot.reading.rules else ()).get(key.mark, ())
    if any(_several_ports(rule) for rule in rules) or len({rule.selector for rule in rules if rule.selector}) > 1:
        mask: IPv4Address | int = Persistence().mask if key.family is Family.IPV4 else 128
        after = replace(pool.service, persistence=Persistence(mark_edits.PERSISTENCE, mask))
        yield Advice(
            _name(pool.service),
            "the mark bundles several ports, and the service is not persistent",
            "each connection is scheduled by itself: a client's ports may land on different servers",
            f"set persistence to {mark_edits.PERSISTENCE} s",
            (ServiceChange(pool.service, after),),
            key=key,
            mark=key.mark,
        )


def _several_ports(rule: Rule) -> bool:
    ports = rule.selector.ports if rule.selector else ()
    return rule.selector is not None and (not ports or len(ports) > 1 or ports[0].first != ports[0].last)


def _port_zero(pool: Pool) -> Iterator[Advice]:
    key = pool.service.key
    if isinstance(key, AddressKey) and key.port == 0 and pool.service.persistence is not None:
        yield Advice(
            _name(pool.service),
            "persistence on port 0 sends every port of the address to the real servers",
            "ports that nobody meant to serve are open there too; a firewall mark bundles just the wanted ones",
            "make a group of the wanted ports in the marks view, then delete this service",
            key=key,
        )


def _apart(director: Director) -> Iterator[Advice]:
    """Services on one address whose ports belong together, but which do not share their stickiness."""
    found: dict[tuple[Address, Protocol], dict[int, Pool]] = {}
    for key, pool in director.pools.items():
        if isinstance(key, AddressKey):
            found.setdefault((key.address, key.protocol), {})[key.port] = pool
    for pools in found.values():
        for first, second in mark_edits.PAIRS:
            if first in pools and second in pools:
                yield from _pair(pools[first], pools[second], director)


def _pair(one: Pool, other: Pool, director: Director) -> Iterator[Advice]:
    sticky = (one.service.persistence, other.service.persistence)
    if not any(sticky) or min(len(one.servers), len(other.servers)) < 2:
        return
    key = one.service.key
    about = f"{_name(one.service)} and {_name(other.service)}"
    changes = _bundled(director, one, other)
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
            (ServiceChange(other.service, replace(other.service, persistence=sticky[0])),),
            key=key,
        )


def _bundled(director: Director, *pools: Pool) -> tuple[Change, ...]:
    keys = [pool.service.key for pool in pools if isinstance(pool.service.key, AddressKey)]
    try:
        return mark_edits.bundled(director, keys, mark_edits.free_mark(director, None))
    except fields.FieldError:
        return ()


def _told(persistence: Persistence | None) -> str:
    return f"{persistence.timeout} s {_mask(persistence)}" if persistence else "none"


def _unlike_families(director: Director) -> Iterator[Advice]:
    """The two services of one mark: the same group over IPv4 and IPv6."""
    for key, pool in director.pools.items():
        if not isinstance(key, MarkKey) or key.family is not Family.IPV4:
            continue
        twin = director.pools.get(MarkKey(key.mark, Family.IPV6))
        if twin is None:
            continue
        mine, theirs = pool.service.persistence, twin.service.persistence
        if (mine and mine.timeout) != (theirs and theirs.timeout):
            wanted = mine and replace(mine, mask=theirs.mask if theirs else 128)
            after = replace(twin.service, persistence=wanted)
            yield Advice(
                f"mark {key.mark}",
                f"its IPv4 and IPv6 services differ in persistence ({_told(mine)} and {_told(theirs)})",
                "clients stick differently by the family that they happen to use",
                "give both the same timeout",
                (ServiceChange(twin.service, after),),
                key=key,
                mark=key.mark,
            )


def _name(service: Service) -> str:
    return fields.visible(service.name) or fields.service_text(service.key)


def about_service(found: Iterable[Advice], key: ServiceKey) -> tuple[Advice, ...]:
    """Choose what is said about one service."""
    return tuple(each for each in found if each.key == key)


def about_mark(snapshot: Snapshot, mark: int) -> tuple[Advice, ...]:
    """Choose what is said about one mark, its rules and services."""
    return tuple(
        each
        for each in advice(snapshot)
        if mark and (each.mark == mark or (isinstance(each.key, MarkKey) and each.key.mark == mark))
    )
