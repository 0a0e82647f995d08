"""The cells of one row of the services view: of a service, a real server, or a machine; all of it pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from lvstui.core import fields
from lvstui.core.change import Change
from lvstui.core.model import AddressKey, Pool, RealServer, ServerKey, Service, ServiceKey
from lvstui.core.observed import MachineKey, ServerStats, Stats
from lvstui.core.snapshot import Snapshot
from lvstui.core.view.numbers import compact, sparkline
from lvstui.core.view.servers import persistence_short, seen_on, server_options, server_state
from lvstui.core.view.table import Cell, Tone

HISTORY_WIDTH = 12

STATES: Mapping[str, str] = {
    "ok": "takes new clients",
    "over": "at its upper threshold: no new clients",
    "drain": "weight 0: no new clients, old ones are still there",
    "done": "weight 0 and nothing left: it can be worked on",
    "part": "a machine drained in some of its services",
    "down": "a service whose servers all have weight 0",
    "empty": "a service without servers",
}
"""The words for a state, each with what it means."""


def service_state(pool: Pool) -> Cell:
    """Say a service's state in a word: `empty` without servers, `down` when all are drained, else `ok`."""
    if not pool.servers:
        return Cell("empty", Tone.BAD)
    if not any(server.weight for server in pool.servers.values()):
        return Cell("down", Tone.BAD)
    return Cell("ok", Tone.GOOD)


def machine_state(states: Iterable[Cell]) -> Cell:
    """Say a machine's state by those of its servers: `over` before all, `part` where only some are drained."""
    by_word = {state.text: state for state in states}
    if "over" in by_word or len(by_word) == 1:
        return by_word.get("over") or next(iter(by_word.values()))
    return by_word["drain"] if "ok" not in by_word else Cell("part", Tone.WARN)


def service_total(snapshot: Snapshot, key: ServiceKey) -> ServerStats:
    """Add up what the servers of a service hold; the kernel keeps these gauges for servers only."""
    held = snapshot.reading.servers.get(key, {}).values()
    return _sum(held, snapshot.reading.services.get(key, Stats()))


def machine_total(snapshot: Snapshot, servers: Iterable[ServerKey]) -> ServerStats:
    """Add up what a machine's servers hold and do."""
    held = [seen_on(snapshot, key) for key in servers]
    return _sum(held, Stats(*(sum(numbers) for numbers in zip(*(server.stats for server in held), strict=True))))


def _sum(held: Iterable[ServerStats], stats: Stats) -> ServerStats:
    active = inactive = sticky = 0
    for server in held:
        active += server.active
        inactive += server.inactive
        sticky += server.sticky
    return ServerStats(active, inactive, sticky, stats)


def service_words(service: Service) -> str:
    """Give all that a service shows of what it is, in one string."""
    return f"{fields.service_text(service.key)} {service.name} {service.scheduler} {service_options(service)}"


def server_words(server: RealServer) -> str:
    """Give all that a real server shows of what it is, in one string."""
    method = fields.forwarding_text(server.forwarding)
    return f"{fields.server_text(server.endpoint)} {server.name} {method} {server_options(server)}"


def service_cells(snapshot: Snapshot, key: ServiceKey, *, folded: bool, ascii_only: bool) -> tuple[Cell, ...]:
    """Give a service's cells."""
    pool = snapshot.reading.director.pools[key]
    history = snapshot.history.get(key, ())
    total = service_total(snapshot, key)
    return (
        Cell(f"{'+' if folded else '-'} {fields.service_text(key)}", Tone.STRONG),
        Cell(pool.service.name, Tone.NAME),
        Cell(pool.service.scheduler),
        Cell(service_options(pool.service), Tone.DIM),
        Cell(""),
        *_gauges(total, sticky=pool.service.persistence is not None),
        *_rates(total, told=key in snapshot.reading.services),
        Cell(sparkline(history, HISTORY_WIDTH, ascii_only=ascii_only) if history else "", Tone.DIM),
        service_state(pool),
    )


def server_cells(
    snapshot: Snapshot, key: ServerKey, staged: Change | None, *, under_machine: bool = False
) -> tuple[Cell, ...]:
    """Give a real server's cells; under its machine they say which service it is in."""
    pool = snapshot.reading.director.pools[key.service]
    server = pool.servers[key.endpoint]
    seen = seen_on(snapshot, key)
    return (
        Cell(f"    {_place_in_service(key) if under_machine else fields.server_text(key.endpoint)}"),
        Cell(pool.service.name if under_machine else server.name, Tone.NAME),
        Cell(fields.forwarding_text(server.forwarding)),
        Cell(server_options(server), Tone.DIM),
        _weight(server, staged),
        *_gauges(seen, sticky=pool.service.persistence is not None),
        *_rates(seen, told=key.service in snapshot.reading.services),
        Cell(""),
        server_state(server, seen),
    )


def machine_cells(
    snapshot: Snapshot, key: MachineKey, servers: Sequence[ServerKey], staged: Mapping[ServerKey, Change], folded: bool
) -> tuple[Cell, ...]:
    """Give a machine's cells: what all its servers have in common, and what they hold together."""
    pools = snapshot.reading.director.pools
    held = [pools[each.service].servers[each.endpoint] for each in servers]
    names = dict.fromkeys(server.name for server in held if server.name)
    total = machine_total(snapshot, servers)
    services = len({each.service for each in servers})
    return (
        Cell(f"{'+' if folded else '-'} {key.address}", Tone.STRONG),
        Cell(", ".join(names), Tone.NAME),
        Cell(""),
        Cell(f"in {services} service{'' if services == 1 else 's'}", Tone.DIM),
        _weights(held, sum(each in staged for each in servers)),
        *_gauges(total, sticky=any(pools[each.service].service.persistence for each in servers)),
        *_rates(total, told=all(each.service in snapshot.reading.services for each in servers)),
        Cell(""),
        machine_state(
            server_state(server, seen_on(snapshot, each)) for each, server in zip(servers, held, strict=True)
        ),
    )


def _place_in_service(key: ServerKey) -> str:
    """Tell a server by its service, and by its own port where that is another one."""
    port = key.service.port if isinstance(key.service, AddressKey) else 0
    other = f" -> :{key.endpoint.port}" if key.endpoint.port != port else ""
    return f"{fields.service_text(key.service)}{other}"


def _weight(server: RealServer, staged: Change | None) -> Cell:
    """Show the weight, and where an edit of it waits for Enter, the old and the new one."""
    match staged:
        case Change(_, RealServer(weight=old), RealServer(weight=new)) if old != new:
            return Cell(f"{old}->{new}", Tone.STAGED)
        case Change(_, _, None):
            return Cell("delete", Tone.STAGED)
        case _:
            return Cell(str(server.weight), Tone.WARN if server.weight == 0 else Tone.PLAIN)


def _weights(held: Sequence[RealServer], staged: int) -> Cell:
    """Show the least and the greatest weight of a machine, or how many of its servers have an edit waiting."""
    if staged:
        return Cell(f"{staged} staged", Tone.STAGED)
    weights = sorted({server.weight for server in held})
    return Cell("-".join(str(weight) for weight in dict.fromkeys((weights[0], weights[-1]))), Tone.DIM)


def _gauges(seen: ServerStats, *, sticky: bool) -> tuple[Cell, Cell, Cell]:
    return (
        _count(seen.active),
        _count(seen.inactive),
        _count(seen.sticky) if sticky or seen.sticky else Cell(""),
    )


def _count(value: float) -> Cell:
    return Cell(compact(value), Tone.PLAIN if value else Tone.DIM)


def _rates(seen: ServerStats, *, told: bool) -> tuple[Cell, Cell, Cell]:
    """Show the kernel's rates; /proc tells none."""
    if not told:
        return (Cell(""), Cell(""), Cell(""))
    stats = seen.stats
    return (_count(stats.connection_rate), _count(stats.in_byte_rate), _count(stats.out_byte_rate))


def service_options(service: Service) -> str:
    """Write persistence and flags short."""
    parts = [persistence_short(service.persistence)] if service.persistence else []
    return " ".join([*parts, *fields.flag_words(service.flags, service.scheduler)])
