"""The columns of the services view, each in one place; `lvstui show services` prints them too."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Final, TypeVar

from lvstui.core import fields
from lvstui.core.change import Change
from lvstui.core.describe import persistence_text, probe_text, tunnel_text
from lvstui.core.history import Measure
from lvstui.core.model import (
    PLAIN_TUNNEL,
    AddressKey,
    MarkKey,
    RealServer,
)
from lvstui.core.observed import GroupKey, MachineKey, ServerStats, Stats
from lvstui.core.services.row import (
    MachineRow,
    Row,
    ServerRow,
    ServiceRow,
    machine_state,
    service_options,
    service_state,
    troubles,
)
from lvstui.core.view.brief import compact, server_options, server_state, sparkline, whole
from lvstui.core.view.table import Cell, RowColumn, SortValue, Tone, natural, sortable, text_column

_V = TypeVar("_V")

_HISTORY_WIDTH: Final = 12

_ASKED_FOR: Final = 11
"""The priority of columns that are hidden at first."""

HISTORY_SECONDS: Final = 24
"""How far the small charts go back."""
_WEIGHT_WIDTH: Final = 6


def place(row: Row) -> SortValue:
    """Return where a row stands by itself: by address, port and protocol; marks after all addresses."""
    if not isinstance(row, ServerRow):
        return _group_place(row.key)
    address, port = row.key.endpoint
    return (*_group_place(row.key.service), port) if row.under_machine else (address.version, int(address), port)


def _group_place(key: GroupKey) -> SortValue:
    match key:
        case AddressKey(protocol, address, port):
            return (0, address.version, int(address), port, int(protocol))
        case MarkKey(mark, family):
            return (1, int(family), mark)
        case MachineKey(address):
            return (0, address.version, int(address))


def _label(row: Row) -> Cell:
    """Show what a row is called; without a name its address, which stands in the name's place."""
    shown = name_of(row) or _target(row)
    if isinstance(row, ServerRow):
        return Cell(f"    {shown}")
    glyphs = row.look.glyphs
    return Cell(f"{glyphs.folded if row.key in row.look.folded else glyphs.unfolded} {shown}", Tone.STRONG)


def _address(row: Row) -> Cell:
    """Show the address behind a name."""
    return Cell(_target(row) if name_of(row) else "", Tone.SECONDARY)


def _target(row: Row) -> str:
    """Return what a row is; of a server below its machine the service, and its own port where that is another one."""
    if not isinstance(row, ServerRow):
        return _exact_target(row)
    service, endpoint = row.key
    if not row.under_machine:
        return fields.server_text(endpoint) if endpoint.port else str(endpoint.address)
    port = service.port if isinstance(service, AddressKey) else 0
    other = f" -> :{endpoint.port}" if endpoint.port != port else ""
    return f"{fields.service_text(service)}{other}"


def _by_name(row: Row) -> SortValue:
    """Return what to sort by for names: those without one follow in the order of their addresses."""
    name = name_of(row)
    return (0, *natural(name)) if name else (1, *place(row))


def _exact_target(row: Row) -> str:
    match row:
        case ServerRow():
            return f"  {fields.server_text(row.key.endpoint)}"
        case MachineRow():
            return str(row.key.address)
        case ServiceRow():
            return fields.service_text(row.key)


def name_of(row: Row) -> str:
    """Return the name of a row, empty where it has none; of a machine the names of its servers."""
    if isinstance(row, MachineRow):
        return ", ".join(dict.fromkeys(part.server.name for part in row.servers if part.server.name))
    return row.server.name if isinstance(row, ServerRow) and not row.under_machine else row.pool.service.name


def method_of(row: Row) -> str:
    """Return the forwarding of a server, the scheduler of a service."""
    if isinstance(row, ServerRow):
        return fields.forwarding_text(row.server.forwarding)
    return row.pool.service.scheduler if isinstance(row, ServiceRow) else ""


def _options(row: Row) -> str:
    match row:
        case ServerRow():
            return server_options(row.server)
        case MachineRow():
            services = len({part.key.service for part in row.servers})
            return f"in {services} service{'' if services == 1 else 's'}"
        case ServiceRow():
            return service_options(row.pool.service)


def _settings(row: Row) -> str:
    """Write all options in full."""
    match row:
        case ServerRow():
            server = row.server
            parts = ["drain"] if server.weight == 0 else []
            parts += [f"upper {server.upper}, lower {server.lower}"] if server.upper else []
            parts += [f"tunnel {tunnel_text(server.tunnel)}"] if server.tunnel != PLAIN_TUNNEL else []
            parts += [f"resume {server.resume}"] if server.resume is not None else []
            return ", ".join(parts)
        case MachineRow():
            return _options(row)
        case ServiceRow():
            service = row.pool.service
            sticks = [f"persistent {persistence_text(service.persistence)}"] if service.persistence else []
            asked = [f"probe {probe_text(service.probe)}"] if service.probe else []
            return ", ".join([*fields.flag_words(service.flags, service.scheduler), *sticks, *asked])


def _weight(row: Row) -> Cell:
    """Show the weight, and where an edit of it waits for Enter, the old and the new one."""
    match row:
        case ServerRow():
            match row.look.staged.get(row.key):
                case Change(_, RealServer(weight=old), RealServer(weight=new)) if old != new:
                    return Cell(_turned(str(old), str(new)), Tone.STAGED)
                case Change(_, _, None):
                    return Cell("delete", Tone.STAGED)
                case _:
                    return Cell(str(row.server.weight), Tone.PLAIN if row.server.weight else Tone.WARN)
        case MachineRow():
            now, then = _weights(row)
            if not any(part.key in row.look.staged for part in row.servers):
                return Cell(_range(now), Tone.DIM)
            return Cell(_turned(_range(now), _range(then)) if then else "delete", Tone.STAGED)
        case ServiceRow():
            return Cell("")


def _turned(old: str, new: str) -> str:
    """Write an old and a new weight; the new one alone where both do not fit, as the staged change says both."""
    both = f"{old}->{new}"
    return both if len(both) <= _WEIGHT_WIDTH else new


def _weights(row: MachineRow) -> tuple[Sequence[int], Sequence[int]]:
    """Return the weights of a machine's servers now, and with what is staged."""
    then = [row.look.staged[part.key].after if part.key in row.look.staged else part.server for part in row.servers]
    return [part.server.weight for part in row.servers], [s.weight for s in then if isinstance(s, RealServer)]


def _range(weights: Sequence[int]) -> str:
    return "-".join(str(weight) for weight in dict.fromkeys((min(weights), max(weights))))


def _whole_weight(row: Row) -> int:
    match row:
        case ServerRow():
            return row.server.weight
        case MachineRow():
            return sum(part.server.weight for part in row.servers)
        case ServiceRow():
            return sum(server.weight for server in row.pool.servers.values())


def _is_persistent(row: Row) -> bool:
    if isinstance(row, MachineRow):
        return any(map(_is_persistent, row.servers))
    return row.pool.service.persistence is not None


def _has_gauges(row: Row) -> bool:
    """Return whether the kernel shows what the row's servers hold."""
    counted = row.snapshot.reading.servers
    match row:
        case ServerRow():
            return row.key.endpoint in counted.get(row.key.service, {})
        case MachineRow():
            return any(map(_has_gauges, row.servers))
        case ServiceRow():
            return bool(counted.get(row.key))


def _history(row: Row) -> Cell:
    if not isinstance(row, ServiceRow):
        return Cell("")
    glyphs, history = row.look.glyphs, row.snapshot.history
    samples = _HISTORY_WIDTH * glyphs.samples
    rates = history.of(row.key, Measure.CONNECTIONS, HISTORY_SECONDS // samples, samples)
    return Cell(sparkline(rates, _HISTORY_WIDTH, glyphs, top=row.look.top), Tone.CHART)


def _state(row: Row) -> Cell:
    match row:
        case ServerRow():
            return server_state(row.server, row.seen, row.snapshot.health.get(row.key))
        case MachineRow():
            return machine_state(map(_state, row.servers))
        case ServiceRow():
            return service_state(row.pool, row.snapshot.health)


def state_words(row: Row) -> Iterable[str]:
    """Return the words by which a row is found: of a service or a machine also the troubles of its servers."""
    yield _state(row).text
    match row:
        case ServiceRow():
            yield from troubles(row.pool, row.snapshot.health)
        case MachineRow():
            yield from {_state(server).text for server in row.servers if server.key in row.snapshot.health}
        case ServerRow():
            pass


def _count(value: float | None, write: Callable[[float], str] = whole) -> Cell:
    if value is None:
        return Cell("")
    return Cell(write(value), Tone.PLAIN if value else Tone.DIM)


def _active(row: Row) -> Cell:
    """Show the connections that are established; none at all is what proves that a server is in trouble."""
    shown = _count(row.seen.active)
    if isinstance(row, ServerRow) and not row.seen.active and row.key in row.snapshot.health:
        return Cell(shown.text, Tone.BAD)
    return shown


def _known(value: float | None) -> SortValue:
    """Return what to sort a number by: what is not known stands below zero."""
    return (-1 if value is None else value,)


def _gauge(
    id: str, title: str, priority: int, get: Callable[[ServerStats], int | None], heading: str = "", width: int = 6
) -> RowColumn[Row]:
    """Return a column of something that the kernel counts at this moment."""
    return RowColumn(
        id,
        title,
        width,
        priority,
        right=True,
        cell=lambda row: _count(get(row.seen)),
        sort=lambda row: _known(get(row.seen)),
        value=lambda row: get(row.seen) if _has_gauges(row) else None,
        heading=heading,
    )


def _rate(
    id: str,
    title: str,
    width: int,
    priority: int,
    get: Callable[[Stats], int],
    write: Callable[[float], str] = compact,
) -> RowColumn[Row]:
    """Return a column of something that the kernel estimates per second."""

    def rate(row: Row) -> int | None:
        return None if row.seen.stats is None else get(row.seen.stats)

    return RowColumn(
        id,
        title,
        width,
        priority,
        right=True,
        cell=lambda row: _count(rate(row), write),
        sort=lambda row: _known(rate(row)),
        value=rate,
    )


def _total(id: str, title: str, get: Callable[[Stats], int]) -> RowColumn[Row]:
    """Return a column of what `ipvsadm --stats` prints, or of packets per second; hidden until it is asked for."""
    return replace(_rate(id, title, max(8, len(title)), _ASKED_FOR, get), value=None)


SERVICE_COLUMNS: Final[tuple[RowColumn[Row], ...]] = (
    RowColumn("name", "Name", 15, 1, grow=2, most=34, cell=_label, sort=_by_name, value=name_of),
    RowColumn(
        "target",
        "Address",
        20,
        2,
        grow=3,
        most=52,
        behind=True,
        cell=_address,
        sort=place,
        value=_exact_target,
        heading="SERVICE / SERVER",
        first=True,
    ),
    text_column("method", "Method", 6, 6, method_of),
    RowColumn(
        "weight",
        "Weight",
        _WEIGHT_WIDTH,
        1,
        right=True,
        cell=_weight,
        sort=lambda row: (_whole_weight(row),),
        value=lambda row: row.server.weight if isinstance(row, ServerRow) else "",
    ),
    replace(_gauge("active", "Active", 1, lambda seen: seen.active), cell=_active),
    _gauge("inactive", "InAct", 5, lambda seen: seen.inactive, heading="INACTIVE", width=5),
    replace(
        _gauge("sticky", "Sticky", 4, lambda seen: seen.sticky),
        cell=lambda row: _count(row.seen.sticky if _is_persistent(row) or row.seen.sticky else None),
    ),
    _rate("connections", "Conn/s", 6, 3, lambda stats: stats.connection_rate, whole),
    _rate("in", "In B/s", 6, 8, lambda stats: stats.in_byte_rate),
    _rate("out", "Out B/s", 7, 9, lambda stats: stats.out_byte_rate),
    RowColumn("history", "History", _HISTORY_WIDTH, 10, cell=_history),
    _total("total-connections", "Conns", lambda stats: stats.connections),
    _total("total-in-packets", "Pkts in", lambda stats: stats.in_packets),
    _total("total-out-packets", "Pkts out", lambda stats: stats.out_packets),
    _total("total-in", "Bytes in", lambda stats: stats.in_bytes),
    _total("total-out", "Bytes out", lambda stats: stats.out_bytes),
    _total("in-packets", "Pkts in/s", lambda stats: stats.in_packet_rate),
    _total("out-packets", "Pkts out/s", lambda stats: stats.out_packet_rate),
    replace(
        text_column("options", "Options", 12, 7, _options, Tone.DIM, grow=1),
        most=24,
        value=_settings,
        heading="SETTINGS",
        last=True,
    ),
    RowColumn(
        "state",
        "State",
        12,
        1,
        cell=_state,
        sort=lambda row: (_state(row).text,),
        value=lambda row: _state(row).text,
    ),
)

MACHINE_COLUMNS: Final = (replace(SERVICE_COLUMNS[0], title="Machine"), *SERVICE_COLUMNS[1:])

SORTABLE: Final = sortable(SERVICE_COLUMNS)

HIDDEN: Final = frozenset(column.id for column in SERVICE_COLUMNS if column.priority == _ASKED_FOR)
"""The columns that are shown to those only who ask for them."""
