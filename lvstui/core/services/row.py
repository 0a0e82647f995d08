"""One row of the services view with all that is known of it: a service, a real server, or a machine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import Final, TypeAlias

from lvstui.core import fields
from lvstui.core.change import Change
from lvstui.core.health.feeding import feeding
from lvstui.core.health.verdict import Health, Trouble, Verdict
from lvstui.core.keys import with_keys
from lvstui.core.model import Director, Persistence, Pool, RealServer, ServerKey, Service, ServiceKey
from lvstui.core.observed import GroupKey, MachineKey, RowKey, ServerStats, Stats, sum_stats
from lvstui.core.snapshot import Snapshot
from lvstui.core.view.brief import compact, duration, persistence_short, seen_on
from lvstui.core.view.filter import Filter
from lvstui.core.view.table import Arranged, Cell, Tone

STATES: Final[Mapping[str, str]] = {
    "ok": "takes new clients",
    "over": "at its upper threshold: no new clients",
    "drain": "weight 0: no new clients, old ones are still there",
    "done": "weight 0 and nothing left: it can be worked on",
    "part": "a machine drained in some of its services",
    "down": "a service whose servers all have weight 0",
    "empty": "a service without servers",
    "refusing": "answers new connections with a reset, or an error: none is established",
    "silent": "does not answer new connections at all",
    "no handshake": "takes packets, and no connection comes about (route, tunnels: answers are not seen)",
}
"""The words for a state, each with what it means."""

_TROUBLES: Final = frozenset(trouble.value for trouble in Trouble)


class Grouping(Enum):
    """What the real servers stand under."""

    SERVICE = "service"
    MACHINE = "machine"


@dataclass(frozen=True, slots=True)
class ServiceLook(Arranged):
    """How an operator looks at the services: grouping, order, filter, what is hidden, and edits not yet applied.

    `top` is the scale of the small charts, in connections per second.
    """

    sort: str = "name"
    filter: Filter[Row] = field(default_factory=Filter)
    folded: frozenset[GroupKey] = frozenset()
    staged: Mapping[RowKey, Change] = field(default_factory=dict)
    grouping: Grouping = Grouping.SERVICE
    top: float = 1.0


Machines: TypeAlias = Mapping[GroupKey, Sequence[ServerKey]]


def machines(director: Director) -> Machines:
    """Group the real servers of all services by their address."""
    found: dict[GroupKey, list[ServerKey]] = {}
    for service, pool in director.pools.items():
        for endpoint in pool.servers:
            found.setdefault(MachineKey(endpoint.address), []).append(ServerKey(service, endpoint))
    return found


@dataclass(frozen=True)
class ServiceRow:
    """A service. It is not slotted, so that sums over its servers are kept."""

    snapshot: Snapshot
    look: ServiceLook
    key: ServiceKey

    @property
    def pool(self) -> Pool:
        """The service with its servers."""
        return self.snapshot.reading.director.pools[self.key]

    @cached_property
    def seen(self) -> ServerStats:
        """What its servers hold together, as the kernel keeps gauges for servers only; the service's own rates."""
        reading = self.snapshot.reading
        return _sum(reading.servers.get(self.key, {}).values(), reading.services.get(self.key))


@dataclass(eq=False)
class ServerRow:
    """A real server of a service; not frozen, which would take most of the time where there are thousands."""

    snapshot: Snapshot
    look: ServiceLook
    key: ServerKey

    @cached_property
    def pool(self) -> Pool:
        """Its service with all servers."""
        return self.snapshot.reading.director.pools[self.key.service]

    @property
    def server(self) -> RealServer:
        """What is configured of it."""
        return self.pool.servers[self.key.endpoint]

    @property
    def seen(self) -> ServerStats:
        """What the kernel counts of it."""
        return seen_on(self.snapshot, self.key)

    @property
    def under_machine(self) -> bool:
        """Whether it stands below its machine."""
        return self.look.grouping is Grouping.MACHINE


@dataclass(frozen=True)
class MachineRow:
    """A machine with all real servers on its address."""

    snapshot: Snapshot
    look: ServiceLook
    key: MachineKey

    @cached_property
    def servers(self) -> Sequence[ServerRow]:
        """Its servers in all services."""
        keys = self.snapshot.derive(machines, self.snapshot.reading.director)[self.key]
        return [ServerRow(self.snapshot, self.look, key) for key in keys]

    @cached_property
    def seen(self) -> ServerStats:
        """What its servers hold and do together."""
        held = [row.seen for row in self.servers]
        return _sum(held, sum_stats(seen.stats for seen in held))


Row: TypeAlias = ServiceRow | ServerRow | MachineRow


def row_of(snapshot: Snapshot, look: ServiceLook, key: RowKey) -> Row:
    """Return the row of a key, which the director has."""
    match key:
        case ServerKey():
            return ServerRow(snapshot, look, key)
        case MachineKey():
            return MachineRow(snapshot, look, key)
        case _:
            return ServiceRow(snapshot, look, key)


def _sum(held: Iterable[ServerStats], stats: Stats | None) -> ServerStats:
    active = inactive = 0
    sticky: int | None = 0
    for server in held:
        active += server.active
        inactive += server.inactive
        sticky = None if sticky is None or server.sticky is None else sticky + server.sticky
    return ServerStats(active, inactive, sticky, stats)


def service_state(pool: Pool, health: Health) -> Cell:
    """Return a service's state in a word: `empty` without servers, `down` when all are drained, else `ok`.

    Where a server is in trouble, it is how many of all serve: `2 of 4`.
    """
    if not pool.servers:
        return Cell("empty", Tone.BAD)
    if not any(server.weight for server in pool.servers.values()):
        return Cell("down", Tone.BAD)
    if troubles(pool, health):
        serving = [server for key, server in keys_of(pool) if server.weight and key not in health]
        return Cell(f"{len(serving)} of {len(pool.servers)}", Tone.BAD)
    return Cell("ok", Tone.SECONDARY)


def keys_of(pool: Pool) -> Iterator[tuple[ServerKey, RealServer]]:
    """Yield the real servers of a service with their keys."""
    for endpoint, server in pool.servers.items():
        yield ServerKey(pool.service.key, endpoint), server


def troubles(pool: Pool, health: Health) -> tuple[str, ...]:
    """Return the words for what the servers of a service are in trouble with, each once."""
    if not health:
        return ()
    return tuple(dict.fromkeys(health[key].trouble.value for key, _ in keys_of(pool) if key in health))


def machine_state(states: Iterable[Cell]) -> Cell:
    """Return a machine's state by those of its servers: `over` before all, `part` where only some are drained.

    Trouble comes before those: the word where all servers are in it, else how many of all are not: `1 of 2`.
    """
    found = list(states)
    bad = [state for state in found if state.text in _TROUBLES]
    by_word = {state.text: state for state in found}
    if bad and len(by_word) > 1:
        return Cell(f"{len(found) - len(bad)} of {len(found)}", Tone.BAD)
    if "over" in by_word or len(by_word) == 1:
        return by_word.get("over") or next(iter(by_word.values()))
    return by_word["drain"] if "ok" not in by_word else Cell("part", Tone.WARN)


def service_options(service: Service) -> str:
    """Write persistence and flags short."""
    parts = [persistence_short(service.persistence)] if service.persistence else []
    return " ".join([*parts, *fields.flag_words(service.flags, service.scheduler)])


def plight(pool: Pool, server: RealServer, verdict: Verdict) -> str:
    """Return what a server in trouble does, what shows it, and why it still gets clients."""
    name = server.name or fields.server_text(server.endpoint)
    fed = f"; {feeding(pool.service, verdict.trouble)}" if server.weight else ""
    return f"{name} {verdict.trouble.value}: {verdict.evidence}{fed}"


def outlook(
    server: RealServer,
    seen: ServerStats,
    sysctl: Mapping[str, str],
    persistence: Persistence | None = None,
    width: int = 78,
) -> str:
    """Return what is left on a drained server, until when, and what the settings mean for it; empty for any other.

    What matters least is left out where the line would not fit the width. Settings that are not known are not
    spoken of.
    """
    if server.weight:
        return ""
    if not seen.active and not seen.inactive and seen.sticky == 0:
        return "drained, nothing left: it can be worked on or deleted"
    line = ""
    for part in _parts(seen, sysctl, persistence):
        if line and len(line) + len(part) > width:
            break
        line += part
    return line


def _parts(seen: ServerStats, sysctl: Mapping[str, str], persistence: Persistence | None) -> Iterator[str]:
    """List the parts of the line, what matters most first."""
    connections = seen.active + seen.inactive
    yield f"{compact(connections)} conn {'?' if seen.sticky is None else compact(seen.sticky)} sticky left"
    if seen.sticky:
        if sysctl:  # whoever cannot read the settings has no right to move anybody either
            yield with_keys("; {M:entries.move} moves them")
        yield from _about_entries(sysctl.get("expire_quiescent_template"), persistence)
        if connections:
            yield "; open connections keep theirs"
    if connections and (setting := sysctl.get("expire_nodest_conn")) is not None:
        hangs = "leaves connections hanging (expire_nodest_conn 0)"
        yield f"; deleting it {hangs if setting == '0' else 'ends connections at once (expire_nodest_conn 1)'}"
    if seen.sticky:
        yield with_keys("; {E:entries} shows when the last entry ends")


def _about_entries(setting: str | None, persistence: Persistence | None) -> Iterator[str]:
    """Write whether clients come back, and for how long at most their entries stay.

    An entry ends its timeout after the client's last new connection, or when its connections do, looked at every 60
    seconds (net/netfilter/ipvs/ip_vs_conn.c, ip_vs_conn_expire). It brings its client back in spite of weight 0, unless
    expire_quiescent_template is set: then none is renewed any more (ip_vs_check_template).
    """
    timeout = duration(persistence.timeout) if persistence else ""
    match setting:
        case None:
            yield f"; each ends {timeout} after its client's last connection" if timeout else ""
        case "0":
            yield "; clients return"
            yield f", entries last {timeout}" if timeout else ""
            yield " (expire_quiescent_template 0)"
        case _:
            yield "; clients move on"
            yield f", idle end in {timeout}" if timeout else ""
            yield f" (expire_quiescent_template {setting})"
