"""All of a packet's way: through the rules to its service, by its entry or the scheduler to a server and next hop."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from lvstui.core.entries.resolve import FTP, ResolvedEntry, resolve
from lvstui.core.fields import flag_names, protocol_text
from lvstui.core.model import (
    AddressKey,
    Director,
    Endpoint,
    Forwarding,
    MarkKey,
    Persistence,
    Pool,
    Protocol,
    RealServer,
    ServiceFlags,
    SyncRole,
)
from lvstui.core.observed import Connection, Reading, Scan
from lvstui.core.packets.packet import Packet
from lvstui.core.packets.program import Outcome
from lvstui.core.packets.walk import Fate, Way
from lvstui.core.trace.choice import HASHING, Choice, choose
from lvstui.core.trace.finding import (
    BALANCED,
    FTP_DATA,
    entry_key,
    find_connections,
    find_pool,
    is_honoured,
    is_taken_over,
    owner_of,
    server_of,
)
from lvstui.core.trace.route import Route, RouteQuestion

_FEW_BITS: Final = 4
"""Up to how many unknown bits all marks are listed."""

_INPUT: Final = "input"
_LOOPBACK: Final = "lo"

NO_TABLE: Final = Scan(complete=True)


class End(Enum):
    """What becomes of a packet."""

    SERVED = "goes to a real server"
    REFUSED = "is refused: no real server can take it"
    LEFT = "is not balanced"
    AWAY = "does not come to IPVS"
    DROPPED = "is dropped"
    UNKNOWN = "is not known"


@dataclass(frozen=True, slots=True)
class Ending:
    """How one of a packet's ways ends; `reason` goes on from its `end` in a sentence.

    `packet` is as IPVS sees it, after rules of NAT. `pool` is the service that takes it. Its server follows from a
    `connection` that there is, from an `entry`, or from the scheduler; `server` is None where it is not sure, and
    `servers` are all that it may be. An `entry` that does not decide stands here too. `hop` is where the packet leaves
    to its server; `way` where the route of the packet itself leads. It is not `certain` where it depends on what cannot
    be read.
    """

    fate: Fate
    packet: Packet
    end: End
    reason: str
    pool: Pool | None = None
    connection: Connection | None = None
    entry: ResolvedEntry | None = None
    servers: tuple[Endpoint, ...] = ()
    hop: Route | None = None
    way: Route | None = None
    certain: bool = True

    @property
    def server(self) -> Endpoint | None:
        """The one server that it goes to."""
        return self.servers[0] if self.end is End.SERVED and len(self.servers) == 1 else None

    @property
    def real_server(self) -> RealServer | None:
        """How that server is configured; None where the service does not have it any more."""
        return self.pool.servers.get(self.server) if self.pool and self.server else None

    @property
    def is_decided_by_entry(self) -> bool:
        """Whether its persistence entry decides."""
        return self.connection is None and self.entry is not None and is_honoured(self.entry)


@dataclass(frozen=True, slots=True)
class Environment:
    """What a packet meets: rules to walk through, routes, and where there is IPVS a reading and its table.

    Without a reading only the rules are looked at, as if the packet came to where IPVS would take it.
    `scan` has at least all rows of the packet's client, unless it is not complete. `walk_balanced` is for
    later packets of connections that IPVS took, and may have taken out of connection tracking.
    """

    walk: Callable[[Packet], Way]
    route: Callable[[RouteQuestion], Route]
    reading: Reading | None = None
    scan: Scan = NO_TABLE
    walk_balanced: Callable[[Packet], Way] | None = None


@dataclass(frozen=True, slots=True)
class Trace:
    """A packet with all that may become of it, the first ending as `Way` has its first fate; `trouble` is `Way`'s.

    `assumed` is the interface that it was taken to come in by where a rule of NAT depends on that and nobody said it.
    """

    packet: Packet
    endings: tuple[Ending, ...]
    trouble: str = ""
    assumed: str = ""

    @property
    def first(self) -> Ending:
        """The ending where nothing that is not known matches."""
        return self.endings[0]

    @property
    def certain(self) -> bool:
        """Whether there is but one ending, and nothing about it that is not known."""
        sure = not self.trouble and not self.assumed and not self.first.fate.unknown
        return len(self.endings) == 1 and sure and self.first.certain

    @property
    def marks(self) -> tuple[int, ...]:
        """All marks that are possible where IPVS takes the packet; of many unknown bits those that services ask for."""
        fates = [ending.fate for ending in self.endings]
        coming = [fate for fate in fates if fate.outcome is Outcome.ACCEPT] or fates
        return tuple(dict.fromkeys(mark for fate in coming for mark in possible_marks(fate)))


def possible_marks(fate: Fate) -> Iterator[int]:
    """Yield the marks that a fate may have; of many unknown bits the one without them only."""
    bits = [1 << place for place in range(32) if fate.unknown >> place & 1]
    marks = [fate.mark]
    if len(bits) <= _FEW_BITS:
        for bit in bits:
            marks += [mark | bit for mark in marks]
    yield from marks


def trace(packet: Packet, environment: Environment) -> Trace:
    """Follow a packet on all its ways to their ends."""
    asked, way = packet, _walk(packet, environment)
    if any(fate.destination is None for fate in way.fates):
        packet, way = _entered(packet, way, environment)
    fates: dict[object, Fate] = {}
    for fate in _with_marks(way, packet, environment.reading):
        got = (fate.mark, fate.unknown, fate.destination, fate.port) if fate.outcome is Outcome.ACCEPT else ()
        fates.setdefault((fate.outcome, *got), fate)
    endings: dict[object, Ending] = {}
    for ending in (_follow(fate, packet, environment) for fate in fates.values()):
        met = ending.fate
        endings.setdefault((ending.end, ending.reason, ending.servers, met.mark, met.unknown, ending.packet), ending)
    return Trace(asked, tuple(endings.values()), way.trouble, "" if packet is asked else packet.interface)


def _entered(packet: Packet, way: Way, environment: Environment) -> tuple[Packet, Way]:
    """Return a packet as it comes in by the interface that answers leave by, if it is then known where NAT sends it."""
    interface = "" if packet.local or packet.interface else environment.route(RouteQuestion(packet.source)).interface
    if interface in ("", _LOOPBACK):
        return packet, way
    entered = replace(packet, interface=interface)
    found = _walk(entered, environment)
    return (packet, way) if any(fate.destination is None for fate in found.fates) else (entered, found)


def _walk(packet: Packet, environment: Environment) -> Way:
    """Walk a packet; of an established connection the first packet shows whether IPVS took it."""
    if not packet.established or environment.walk_balanced is None:
        return environment.walk(packet)
    opening = trace(replace(packet, established=False, connection_mark=None), environment)
    taken = {ending.end in (End.SERVED, End.REFUSED) for ending in opening.endings}
    if len(taken) == 1:
        return environment.walk_balanced(packet) if taken == {True} else environment.walk(packet)
    ways = environment.walk_balanced(packet), environment.walk(packet)
    return Way(tuple(fate for way in ways for fate in way.fates), ways[0].trouble)


def _with_marks(way: Way, packet: Packet, reading: Reading | None) -> Iterator[Fate]:
    """Yield the fates, each also with those marks of services that its unknown bits make possible."""
    for fate in way.fates:
        yield fate
        for key in reading.director.pools if reading and fate.unknown else ():
            is_other = isinstance(key, MarkKey) and key.family is packet.family and key.mark != fate.mark
            if is_other and isinstance(key, MarkKey) and key.mark & ~fate.unknown == fate.mark:
                yield fate._replace(mark=key.mark, unknown=0)


def _follow(fate: Fate, packet: Packet, environment: Environment) -> Ending:
    if fate.outcome is not Outcome.ACCEPT and not _is_past_routing(fate):
        return Ending(fate, packet, End.DROPPED, f"a rule says {fate.outcome.value}")
    if fate.destination is None or fate.port is None:
        return Ending(fate, packet, End.UNKNOWN, "a rule of NAT sends it to what is not known", certain=False)
    met = replace(packet, destination=fate.destination, destination_port=fate.port)
    start = Ending(fate, met, End.UNKNOWN, "")
    if not met.local and environment.reading is not None:
        routed = _when_routed(fate)
        way = _incoming(met, routed.mark, environment)
        if way.kind != "local":
            return _away(replace(start, fate=routed, way=way), way)
        start = replace(start, way=way)
    if fate.outcome is not Outcome.ACCEPT:
        return replace(start, end=End.DROPPED, reason=f"a rule says {fate.outcome.value}")
    if environment.reading is None:
        return replace(start, end=End.LEFT, reason="there is no IPVS here")
    ending = _meet_ipvs(start, environment.reading, environment.scan)
    if ending.end is End.LEFT and met.local and not fate.mark and not fate.unknown:
        ending = _loop(ending, environment)
    if ending.server is not None and ending.packet is met:
        ending = replace(ending, hop=_hop(ending.server, ending.real_server, environment))
    return ending


def _is_past_routing(fate: Fate) -> bool:
    """Return whether a packet came to the hook input, which only those for this machine do."""
    return bool(fate.steps) and fate.steps[-1].hook == _INPUT


def _when_routed(fate: Fate) -> Fate:
    """Return what a fate was when the packet was routed: before the hook input."""
    steps = tuple(step for step in fate.steps if step.hook != _INPUT)
    if len(steps) == len(fate.steps):
        return fate
    mark = steps[-1].mark if steps else 0
    return fate._replace(outcome=Outcome.ACCEPT, mark=fate.mark if mark is None else mark, steps=steps)


def _loop(ending: Ending, environment: Environment) -> Ending:
    """Follow a packet that this machine sends to itself: it comes back through the loopback interface."""
    way = environment.route(RouteQuestion(ending.packet.destination))
    if way.kind != "local":
        return replace(ending, way=way)
    back = environment.walk(replace(ending.packet, local=False, interface=_LOOPBACK))
    again = _follow(back.fates[0], replace(ending.packet, local=False, interface=_LOOPBACK), environment)
    steps = (*ending.fate.steps, *back.fates[0].steps)
    certain = again.certain and len(back.fates) == 1
    return replace(again, fate=again.fate._replace(steps=steps), certain=certain)


def _incoming(packet: Packet, mark: int, environment: Environment) -> Route:
    """Ask for the route of a packet that comes in, where it is not known how by the interface that answers leave by.

    What this machine sends to itself has been routed when it was sent.
    """
    interface = packet.interface or environment.route(RouteQuestion(packet.source)).interface
    if interface in ("", _LOOPBACK):
        return environment.route(RouteQuestion(packet.destination, mark=mark))
    return environment.route(RouteQuestion(packet.destination, packet.source, mark, interface))


def _away(start: Ending, way: Route) -> Ending:
    """Return what becomes of a packet that is not for this machine, so that IPVS never sees it."""
    address = start.packet.destination
    if not way.kind:
        return replace(start, end=End.AWAY, reason=f"{way.trouble}: nothing is routed to {address}")
    if way.kind in ("unicast", "broadcast", "multicast"):
        remedy = "add the address to an interface, or route the mark to it with `ip rule` and a local route"
        reason = f"{address} is not an address of this machine, which forwards the packet; {remedy}"
        return replace(start, end=End.AWAY, reason=reason)
    return replace(start, end=End.AWAY, reason=f"the route to {address} says {way.kind}")


def _meet_ipvs(start: Ending, reading: Reading, scan: Scan) -> Ending:
    """Return what IPVS does with a packet, in the order of ip_vs_in_hook (net/netfilter/ipvs/ip_vs_core.c)."""
    packet, director = start.packet, reading.director
    if director.sysctl.get("backup_only", "0") != "0" and SyncRole.BACKUP in director.daemons:
        return replace(start, end=End.LEFT, reason="IPVS stands aside: backup_only is set and a backup daemon runs")
    if packet.protocol not in BALANCED:
        return replace(
            start, end=End.LEFT, reason=f"IPVS balances tcp, udp and sctp, not {protocol_text(packet.protocol)}"
        )
    start = replace(start, certain=scan.complete)
    if ending := _by_connection(start, director, find_connections(packet, scan.connections)):
        return ending
    pool = find_pool(packet, start.fate.mark, director)
    if pool is None:
        return replace(start, end=End.LEFT, reason="no virtual service takes it")
    start = replace(start, pool=pool)
    if reason := _not_scheduled(packet, pool, director):
        return replace(start, end=End.LEFT, reason=reason)
    if pool.service.persistence is not None:
        return _by_entry(start, pool, pool.service.persistence, reading, scan)
    if isinstance(pool.service.key, AddressKey) and pool.service.key.port == 0:
        return replace(start, end=End.REFUSED, reason="without persistence a service on port 0 serves nobody")
    return _by_scheduler(start, pool, reading)


def _not_scheduled(packet: Packet, pool: Pool, director: Director) -> str:
    """Return why IPVS starts no connection for a packet although there is a service for it; empty where it does."""
    key, settings = pool.service.key, director.sysctl
    if packet.established and packet.protocol is not Protocol.UDP:
        loose = {Protocol.TCP: "sloppy_tcp", Protocol.SCTP: "sloppy_sctp"}[packet.protocol]
        if settings.get(loose, "0") == "0":
            return f"it opens no connection and belongs to none that is known ({loose} is 0)"
    if packet.source_port == FTP_DATA:
        return "IPVS starts no connection for what comes from port 20, FTP's data"
    is_data = isinstance(key, AddressKey) and key.port == FTP != packet.destination_port
    return (
        "it may be data of FTP, but the service is not persistent" if is_data and not pool.service.persistence else ""
    )


def _by_connection(start: Ending, director: Director, found: Sequence[Connection]) -> Ending | None:
    """Return the ending of a packet of a connection that there is; None where none decides about it.

    Of a packet whose port is not known it is one of its client's connections, if it opens none.
    """
    packet = start.packet
    sure = packet.source_port is not None
    if not found or not (sure or packet.established):
        return None
    pools = [owner_of(connection, packet, start.fate.mark, director) for connection in found]
    if is_taken_over(found[0], packet, pools[0], director.sysctl):
        return None
    start = replace(start, pool=pools[0], connection=found[0] if sure else None, certain=sure)
    servers = [server_of(connection, pool) for connection, pool in zip(found, pools, strict=True)]
    known = tuple(dict.fromkeys(server for server in servers if server is not None))
    if not known:
        return replace(start, end=End.DROPPED, reason="the server of its connection has been removed")
    reason = "its connection decides" if sure else "one of its client's connections decides"
    return replace(start, end=End.SERVED, reason=reason, servers=known)


def _by_entry(start: Ending, pool: Pool, persistence: Persistence, reading: Reading, scan: Scan) -> Ending:
    """Return the ending of a packet to a persistent service: its entry decides, if it is honoured."""
    every = tuple(pool.servers)
    if persistence.engine:
        if start.packet.protocol is not Protocol.UDP:
            return replace(start, end=End.DROPPED, reason=f"the engine {persistence.engine} reads udp packets only")
        reason = f"the engine {persistence.engine} knows clients by what the packet says (its Call-ID), which decides"
        return replace(start, end=End.SERVED, reason=reason, servers=every, certain=False)
    key = entry_key(start.packet, pool.service, persistence)
    entry = resolve(scan, reading.director).get(key)
    start = replace(start, entry=entry)
    if entry is not None and entry.server is not None and is_honoured(entry):
        return replace(
            start, end=End.SERVED, reason="its persistence entry decides", servers=(entry.server,), certain=True
        )
    return _by_scheduler(start, pool, reading)


def _by_scheduler(start: Ending, pool: Pool, reading: Reading) -> Ending:
    """Return the ending of a packet that starts a connection to the server that the scheduler chooses."""
    service = pool.service
    choice = choose(pool, start.packet, reading.servers.get(service.key, {}))
    certain = start.certain and choice.certain
    if not choice.servers:
        return replace(start, end=End.REFUSED, reason=_refusal(pool, choice), certain=certain)
    reason = f"the scheduler {service.scheduler} decides"
    if service.scheduler in HASHING and not choice.certain:
        flag = "port" if service.flags & ServiceFlags.SCHED_2 and start.packet.source_port is None else ""
        why = "the client's port" if flag else "what drained or nearly full servers take"
        reason = f"the scheduler {service.scheduler} decides, by {why}, which is not known"
    return replace(start, end=End.SERVED, reason=reason, servers=choice.servers, certain=certain)


def _refusal(pool: Pool, choice: Choice) -> str:
    """Return why a scheduler finds no server."""
    service, assigned = pool.service, choice.assigned
    if not pool.servers:
        return "the service has no real server"
    if assigned is None or service.scheduler not in HASHING:
        return "every real server has weight 0 or is at its upper threshold"
    state = "has weight 0" if pool.servers[assigned].weight == 0 else "is at its upper threshold"
    fallback = next((name for name, flag in flag_names(service.scheduler).items() if flag is ServiceFlags.SCHED_1), "")
    other = f"; {fallback} would try others" if service.scheduler != "dh" else ""
    return f"{service.scheduler} assigns it to {assigned.address}, which {state}{other}"


def _hop(server: Endpoint, configured: RealServer | None, environment: Environment) -> Route | None:
    """Ask where packets to a server leave; for a method that sends them nowhere else there is nothing to ask."""
    if configured is not None and configured.forwarding is Forwarding.BYPASS:
        return None
    return environment.route(RouteQuestion(server.address))
