"""Generated directors, services, servers and changes: small, valid, and drawn from few keys so that they overlap."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network, IPv6Address
from typing import TypeVar

from hypothesis import settings
from hypothesis import strategies as st

from lvstui.core.change import Change
from lvstui.core.drift import diff
from lvstui.core.model import (
    INT_MAX,
    PERSISTENCE_MAX,
    PLAIN_TUNNEL,
    SYNC_GROUP,
    SYNC_PORT,
    Address,
    AddressKey,
    Director,
    DnsRecord,
    Endpoint,
    Family,
    Forwarding,
    MarkGroup,
    MarkKey,
    Persistence,
    Pool,
    Probe,
    ProbeType,
    Protocol,
    RealServer,
    Service,
    ServiceFlags,
    ServiceKey,
    Statuses,
    SyncDaemon,
    SyncRole,
    Timeouts,
    Tunnel,
    TunnelType,
)
from lvstui.core.selectors import selector

_T = TypeVar("_T")
_Named = TypeVar("_Named", Service, RealServer, MarkGroup)
_OTHER = {Family.IPV4: Family.IPV6, Family.IPV6: Family.IPV4}

laws = settings(max_examples=300, derandomize=True, database=None, deadline=None)
"""How the laws are tried: often enough, the same cases in every run, nothing left on disk."""

SERVICE_KEYS: tuple[ServiceKey, ...] = (
    AddressKey(Protocol.TCP, IPv4Address("192.0.2.10"), 443),
    AddressKey(Protocol.TCP, IPv4Address("192.0.2.10"), 0),
    AddressKey(Protocol.UDP, IPv4Address("192.0.2.53"), 53),
    AddressKey(Protocol.SCTP, IPv4Address("192.0.2.20"), 2905),
    AddressKey(Protocol(47), IPv4Address("192.0.2.47"), 0),
    AddressKey(Protocol.TCP, IPv6Address("2001:db8::10"), 443),
    AddressKey(Protocol.UDP, IPv6Address("2001:db8::53"), 53),
    MarkKey(80, Family.IPV4),
    MarkKey(80, Family.IPV6),
    MarkKey(2**32 - 1, Family.IPV4),
)

ENDPOINTS: dict[Family, tuple[Endpoint, ...]] = {
    Family.IPV4: tuple(Endpoint(IPv4Address(f"10.0.0.{n}"), port) for n in (11, 12, 13) for port in (0, 443)),
    Family.IPV6: tuple(Endpoint(IPv6Address(f"fd00::{n}"), port) for n in (11, 12, 13) for port in (0, 443)),
}

_SCHEDULERS = ("wlc", "rr", "wrr", "lc", "lblc", "lblcr", "dh", "sh", "sed", "nq", "fo", "ovf", "mh", "twos", "none")
_NAMES = ("", "", "", "shop", "web1", 'a "b" [c]', "\x1b[31m", "naïve", "back\\slash", "two\nlines", "\u202e\x7f#", " ")
_WEIGHTS = (1, 0, 2, 3, 100, INT_MAX)
_THRESHOLDS = ((0, 0), (0, 0), (0, 100), (80, 100), (100, 100), (INT_MAX, INT_MAX))
_FLAGS = tuple(ServiceFlags(bits) for bits in range(0, 0x40, 4))
_TUNNELS = (
    PLAIN_TUNNEL,
    PLAIN_TUNNEL,
    Tunnel(TunnelType.GUE, 6080),
    Tunnel(TunnelType.GUE, 65535, 2),
    Tunnel(TunnelType.GRE, 0, 1),
)
_PROBES = (
    Probe(),
    Probe(ProbeType.HTTP, path="/health?a=b", status=(Statuses(200, 200),)),
    Probe(ProbeType.HTTPS, 8443, status=(Statuses(200, 299), Statuses(301, 301)), name="shop.example.net", days=14),
    Probe(ProbeType.DNS, name=".", record=DnsRecord.SOA, timeout=0.25),
    Probe(ProbeType.UDP, send="naïve\n\x00", expect="hex:00ff", timeout=30.0),
)
_GROUPS: tuple[Address, ...] = (SYNC_GROUP, IPv4Address("239.1.2.3"), IPv6Address("ff05::81"))
_SETTINGS = {
    "expire_nodest_conn": ("0", "1"),
    "drop_entry": ("0", "1", "3"),
    "sync_threshold": ("3 50", "0 0", "5 40"),
    "sync_qlen_max": ("7883", str(2**63), str(2**64 - 1)),
    "lblc_expiration": ("86400", "0"),
}
_MASKS: dict[Family, tuple[IPv4Address | int, ...]] = {
    Family.IPV4: tuple(IPv4Network((0, bits)).netmask for bits in range(32, -1, -1)),
    Family.IPV6: tuple(range(128, 0, -1)),
}


_SELECTORS = tuple(
    selector(text)
    for text in (
        "tcp 192.0.2.10 80,443",
        "tcp 2001:db8::10 80,443",
        "udp 192.0.2.0/24,198.51.100.7 5060 in eth0",
        "tcp any 21,10000-20000",
        "sctp 192.0.2.20",
        "any 192.0.2.47",
        "ip47 any in back0",
        "any in eth1",
    )
)


class Dice:
    """Choices out of one drawn number: far quicker than a draw for each, and 0 stays the simplest of all."""

    def __init__(self, number: int) -> None:
        self._number = number

    def one_of(self, options: Sequence[_T]) -> _T:
        """Choose one of the options; the first is the simplest."""
        self._number, place = divmod(self._number, len(options))
        return options[place]


_dice = st.builds(Dice, st.integers(0, 2**64 - 1))


def services(key: ServiceKey | None = None) -> st.SearchStrategy[Service]:
    """Services on one key, or on any of the few, with names and notes that may be hostile."""
    return _dice.map(lambda dice: _service(dice, key or dice.one_of(SERVICE_KEYS)))


def _service(dice: Dice, key: ServiceKey) -> Service:
    return Service(
        key,
        scheduler=dice.one_of(_SCHEDULERS),
        flags=dice.one_of(_FLAGS),
        persistence=_persistence(dice, key.family) if dice.one_of((False, True)) else None,
        name=dice.one_of(_NAMES),
        note=dice.one_of(_NAMES),
        probe=dice.one_of((None, None, *_PROBES)),
    )


def _persistence(dice: Dice, family: Family) -> Persistence:
    timeout = dice.one_of((300, 1, 86400, PERSISTENCE_MAX))
    return Persistence(timeout, dice.one_of(_MASKS[family]), dice.one_of(("", "", "sip")))


def servers(family: Family = Family.IPV4, mixed: bool = False) -> st.SearchStrategy[RealServer]:
    """Real servers that a service of `family` takes; `mixed` allows tunnels to the other family."""
    return _dice.map(lambda dice: _server(dice, family, mixed))


def _server(dice: Dice, family: Family, mixed: bool) -> RealServer:
    crosses = mixed and dice.one_of((False, False, True))
    lower, upper = dice.one_of(_THRESHOLDS)
    return RealServer(
        endpoint=dice.one_of(ENDPOINTS[_OTHER[family] if crosses else family]),
        forwarding=Forwarding.TUNNEL if crosses else dice.one_of([Forwarding(n) for n in range(5)]),
        weight=dice.one_of(_WEIGHTS),
        upper=upper,
        lower=lower,
        tunnel=dice.one_of(_TUNNELS),
        name=dice.one_of(_NAMES),
        resume=dice.one_of((None, None, 1, 100)),
    )


def pools(key: ServiceKey, mixed: bool = False) -> st.SearchStrategy[Pool]:
    """A service with up to four real servers whose names differ, as a profile demands."""
    return st.builds(lambda dice, members: _pool(dice, members, key, mixed), _dice, st.lists(_dice, max_size=4))


def _pool(dice: Dice, members: Iterable[Dice], key: ServiceKey, mixed: bool) -> Pool:
    drawn = _named_apart((_server(member, key.family, mixed) for member in members), lambda server: server.endpoint)
    return Pool(_service(dice, key), {server.endpoint: server for server in drawn})


timeouts = _dice.map(lambda dice: _timeouts(dice))


def _timeouts(dice: Dice) -> Timeouts:
    return Timeouts(dice.one_of((900, 1, 7200)), dice.one_of((120, 1, 7200)), dice.one_of((300, 1, 7200)))


def daemons(role: SyncRole) -> st.SearchStrategy[SyncDaemon]:
    """Sync daemons on interfaces that the memory kernel has."""
    return _dice.map(lambda dice: _daemon(dice, role))


def _daemon(dice: Dice, role: SyncRole) -> SyncDaemon:
    return SyncDaemon(
        role,
        interface=dice.one_of(("lo", "eth0", "eth1")),
        id=dice.one_of((0, 5, 255)),
        max_length=dice.one_of((0, 1024, 65000)),
        group=dice.one_of(_GROUPS),
        port=dice.one_of((SYNC_PORT, 1, 65535)),
        ttl=dice.one_of((1, 255)),
    )


_DrawnPool = tuple[Dice, list[Dice]]
_drawn_pools = st.lists(st.tuples(_dice, st.lists(_dice, max_size=4)), max_size=4)
_directors = st.builds(lambda dice, drawn: _director(dice, drawn, whole=False), _dice, _drawn_pools)
_whole_directors = st.builds(lambda dice, drawn: _director(dice, drawn, whole=True), _dice, _drawn_pools)


def directors(whole: bool = False) -> st.SearchStrategy[Director]:
    """Directors that a kernel can hold; `whole` ones leave neither timeouts nor daemons to the kernel."""
    return _whole_directors if whole else _directors


def _director(dice: Dice, drawn: Iterable[_DrawnPool], whole: bool) -> Director:
    roles = dice.one_of(((), (SyncRole.MASTER,), (SyncRole.BACKUP,), (SyncRole.MASTER, SyncRole.BACKUP)))
    mixed = not roles and dice.one_of((False, True))
    members = {service.one_of(SERVICE_KEYS): (service, servers) for service, servers in drawn}
    found = [_pool(service, servers, key, mixed) for key, (service, servers) in members.items()]
    apart = _named_apart([pool.service for pool in found], lambda service: service.key)
    return Director(
        pools={service.key: Pool(service, pool.servers) for service, pool in zip(apart, found, strict=True)},
        timeouts=_timeouts(dice) if whole or dice.one_of((False, True)) else None,
        sync={role: _daemon(dice, role) for role in roles} if whole or dice.one_of((True, False)) else None,
        sysctl={name: dice.one_of(texts) for name, texts in _SETTINGS.items() if dice.one_of((False, True))},
        name=dice.one_of(_NAMES),
        marks=_marks(dice),
    )


def _marks(dice: Dice) -> dict[int, MarkGroup]:
    drawn = [_group(dice, mark) for mark in dice.one_of(((), (80,), (80, 21), (2**32 - 1,)))]
    return {group.mark: group for group in _named_apart(drawn, lambda group: group.mark)}


def _group(dice: Dice, mark: int) -> MarkGroup:
    first, second = dice.one_of(_SELECTORS), dice.one_of((None, *_SELECTORS))
    selectors = (first,) if second is None or second == first else (first, second)
    return MarkGroup(mark, selectors, dice.one_of(_NAMES))


def _named_apart(items: Iterable[_Named], key: Callable[[_Named], object]) -> list[_Named]:
    """Keep the first item of each key, and take a name away from all but the first that has it."""
    kept: dict[object, _Named] = {}
    names: set[str] = set()
    for item in items:
        if key(item) not in kept:
            kept[key(item)] = replace(item, name="") if item.name in names else item
            names.add(item.name)
    return list(kept.values())


def changes() -> st.SearchStrategy[Change]:
    """Single changes of every kind, as they come out of comparing two directors."""
    return st.builds(_change, _directors, _directors, _dice)


def _change(have: Director, want: Director, dice: Dice) -> Change:
    return dice.one_of(diff(have, want) or diff(have, replace(want, name=want.name + "!")))
