"""What persistence entries stand under: services with their real servers, machines, networks; how large the parts are.

A group of a service has groups of its servers below it, and these the entries; any other group has entries below it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final, NamedTuple, TypeAlias

from lvstui.core import fields
from lvstui.core.describe import masked_client_text, service_names
from lvstui.core.entries.columns import (
    EntryGrouping,
    EntryLook,
    EntryRow,
    Group,
    connections_cell,
    left_text,
    seconds_left,
    server_text,
    service_text,
    state_cell,
)
from lvstui.core.entries.resolve import ResolvedEntry
from lvstui.core.model import AddressKey, MarkKey, Pool, RealServer, ServerKey
from lvstui.core.observed import Connection
from lvstui.core.snapshot import Snapshot
from lvstui.core.view.bars import NARROW, WIDE, bar
from lvstui.core.view.brief import duration, seen_on, server_state, whole
from lvstui.core.view.table import Cell, RowColumn, SortValue, Tone, Whole, natural, sortable

_WIDE_ROOM: Final = 140
_NARROW_ROOM: Final = 104
"""Cells of a table from which on bars fit beside everything that is more important."""


class GroupRow:
    """A group with its entries; `total` is how many entries the shares are of."""

    def __init__(
        self, snapshot: Snapshot, look: EntryLook, group: Group, members: Sequence[ResolvedEntry], total: int
    ) -> None:
        self.snapshot = snapshot
        self.look = look
        self.group = group
        self.members = members
        self.total = total

    @property
    def pool(self) -> Pool | None:
        """The service of the group, where it is one of a service or of a server in it."""
        of, pools = self.group.of, self.snapshot.reading.director.pools
        if isinstance(of, ServerKey):
            return pools.get(of.service)
        return pools.get(of) if isinstance(of, AddressKey | MarkKey) else None

    @property
    def server(self) -> RealServer | None:
        """The real server of the group, where it is one of a server that is still there."""
        of, pool = self.group.of, self.pool
        return pool.servers.get(of.endpoint) if pool and isinstance(of, ServerKey) else None

    @property
    def by_weight(self) -> float | None:
        """The part of new clients that its weight gives a server; None where it has none."""
        pool, server = self.pool, self.server
        if pool is None or server is None:
            return None
        weights = sum(other.weight for other in pool.servers.values())
        return server.weight / weights if weights else None

    @property
    def part(self) -> float | None:
        """The part of the entries that are here; of a service None, as it is divided below."""
        if isinstance(self.group.of, AddressKey | MarkKey) or not self.total:
            return None
        return len(self.members) / self.total

    @cached_property
    def connections(self) -> int:
        """How many connections hang on the entries."""
        return sum(resolved.children for resolved in self.members)

    @cached_property
    def ends(self) -> float | None:
        """The moment at which the last entry ends, if no client comes back."""
        return max((resolved.entry.ends for resolved in self.members), default=None)

    @cached_property
    def names(self) -> tuple[str, str]:
        """What the group is called and its address; where it has no name, the address alone."""
        of, director = self.group.of, self.snapshot.reading.director
        if isinstance(of, ServerKey):
            name, place = self.server.name if self.server else "", _place(of)
        elif isinstance(of, AddressKey | MarkKey):
            name, place = service_names(director, of)[0], fields.service_text(of)
        else:
            name, place = self._machine, str(of)
        return (name, place) if name and name != place else (place, "")

    @property
    def _machine(self) -> str:
        """The name of the machine whose entries these are, where all its servers have one."""
        if self.look.grouping is not EntryGrouping.SERVER:
            return ""
        pools, address = self.snapshot.reading.director.pools.values(), self.group.of
        servers = (server for pool in pools for end, server in pool.servers.items() if end.address == address)
        return ", ".join(dict.fromkeys(server.name for server in servers if server.name))


class MemberRow(NamedTuple):
    """An entry below its group, with the connections on it."""

    row: EntryRow
    connections: Sequence[Connection]


Row: TypeAlias = GroupRow | MemberRow


def _place(key: ServerKey) -> str:
    endpoint = key.endpoint
    return fields.server_text(endpoint) if endpoint.port else str(endpoint.address)


def _label(row: Row) -> Cell:
    if isinstance(row, MemberRow):
        indent = "      " if row.row.look.grouping is EntryGrouping.SERVICE else "    "
        resolved = row.row.resolved
        return Whole(f"{indent}{masked_client_text(resolved.entry.client, resolved.width)}")
    glyphs = row.look.glyphs
    sign = glyphs.unfolded if opens(row.look, row.group) else glyphs.folded
    under = isinstance(row.group.of, ServerKey)
    return Cell(f"{'  ' if under else ''}{sign} {row.names[0]}", Tone.PLAIN if under else Tone.STRONG)


def _address(row: Row) -> Cell:
    if isinstance(row, GroupRow):
        return Cell(row.names[1], Tone.SECONDARY)
    match row.row.look.grouping:
        case EntryGrouping.NETWORK:
            director = row.row.director
            text = f"{service_text(row.row.resolved, director)} {server_text(row.row.resolved, director)}"
        case EntryGrouping.SERVER:
            text = service_text(row.row.resolved, row.row.director)
        case _:
            text = ""
    return Cell(text, Tone.SECONDARY)


def _bar(row: Row) -> Cell:
    """Draw a share; say of a service how it sticks, and of an entry how many of its connections are established."""
    if isinstance(row, MemberRow):
        active = sum(connection.state == "ESTABLISHED" for connection in row.connections)
        idle = len(row.connections) - active
        if not row.connections:
            return Cell("")
        return Cell(f"{active:,} active, {idle:,} idle" if active else "only idle", Tone.SECONDARY)
    if row.part is None:
        return Cell(sticking(row.pool), Tone.DIM)
    width = WIDE if row.look.room >= _WIDE_ROOM else NARROW
    return Cell(bar(row.part, width, row.look.glyphs, row.by_weight), Tone.BAR)


def sticking(pool: Pool | None) -> str:
    """Write how a service chooses servers and how long clients stick: `wlc, 10 min by /64`."""
    if pool is None or pool.service.persistence is None:
        return ""
    persistence = pool.service.persistence
    by = f" by /{persistence.prefix or persistence.mask}" if persistence.wide else ""
    return f"{pool.service.scheduler}, {duration(persistence.timeout)}{by} {persistence.engine}".rstrip()


def percent(part: float | None) -> str:
    """Write a part of a whole: `45 %`; empty where it is not known."""
    return "" if part is None else f"{part:.0%}".replace("%", " %")


def _group(
    get: Callable[[GroupRow], Cell], entry: Callable[[EntryRow], Cell] = lambda _: Cell("")
) -> Callable[[Row], Cell]:
    """Return the function of a cell of both kinds of rows."""
    return lambda row: get(row) if isinstance(row, GroupRow) else entry(row.row)


def _connections(row: GroupRow) -> Cell:
    sure = all(resolved.sure for resolved in row.members) or not row.connections
    return Cell(f"{'' if sure else '~'}{whole(row.connections)}", Tone.PLAIN if row.connections else Tone.DIM)


def _last(row: GroupRow) -> Cell:
    return Cell("" if row.ends is None else left_text(seconds_left(row.ends, row.snapshot.reading.taken)))


def _left(row: EntryRow) -> Cell:
    return Cell(left_text(seconds_left(row.resolved.entry.ends, row.now)))


def group_state(row: GroupRow) -> Cell:
    """Show the state of a server; of a service how many of its servers serve, where some do not."""
    pool, of, health = row.pool, row.group.of, row.snapshot.health
    if isinstance(of, ServerKey):
        server = row.server
        if server is None:
            return Cell("gone", Tone.WARN)
        return server_state(server, seen_on(row.snapshot, of), health.get(of))
    if not isinstance(of, AddressKey | MarkKey):
        return Cell("")
    if pool is None:
        return Cell("gone", Tone.WARN)
    well = [server for end, server in pool.servers.items() if ServerKey(of, end) not in health]
    if len(well) == len(pool.servers):
        return Cell("ok", Tone.SECONDARY)
    # A drained one serves no new clients: counted as in the services view.
    return Cell(f"{sum(server.weight > 0 for server in well)} of {len(pool.servers)}", Tone.BAD)


def _by(get: Callable[[GroupRow], float]) -> Callable[[Row], SortValue]:
    return lambda row: (get(row),) if isinstance(row, GroupRow) else ()


def by_name(row: Row) -> SortValue:
    """Return where a group stands by itself: by its name, or its address."""
    if not isinstance(row, GroupRow):
        return ()
    of = row.group.of
    if isinstance(of, AddressKey | MarkKey | ServerKey):
        return natural(row.names[0])
    network = of if isinstance(of, IPv4Network | IPv6Network) else ip_network(of)
    return network.version, int(network.network_address), network.prefixlen


_TITLES: Final[Mapping[EntryGrouping, str]] = {
    EntryGrouping.SERVICE: "Service, client",
    EntryGrouping.SERVER: "Machine, client",
    EntryGrouping.NETWORK: "Network, client",
    EntryGrouping.NONE: "Client",
}


def group_columns(look: EntryLook) -> Sequence[RowColumn[Row]]:
    """Return the columns for entries in groups, whose heads say what they stand under."""
    bars = WIDE if look.room >= _WIDE_ROOM else NARROW
    by_weight = look.grouping is EntryGrouping.SERVICE
    mark = f"   {look.glyphs.tick} by weight" if by_weight else ""
    columns: list[RowColumn[Row]] = [
        RowColumn("client", _TITLES[look.grouping], 17, 1, grow=1, most=30, cell=_label, sort=by_name),
        RowColumn("server", "Address", 16, 2, grow=2, most=48, behind=True, cell=_address),
        RowColumn(
            "entries",
            "Entries",
            7,
            2,
            right=True,
            cell=_group(lambda row: Cell(whole(len(row.members)), Tone.PLAIN if row.members else Tone.DIM)),
            sort=_by(lambda row: len(row.members)),
        ),
    ]
    if look.room >= _NARROW_ROOM:
        title = f"Share of entries{mark}"
        columns.append(RowColumn("bar", title if len(title) <= bars else f"Share{mark}", bars, 5, cell=_bar))
    share = RowColumn(
        "share", "Share", 5, 3, right=True, cell=_group(lambda row: Cell(percent(row.part))), sort=_by(_part)
    )
    columns.append(share)
    if by_weight:
        weight = _group(lambda row: Cell(percent(row.by_weight), Tone.SECONDARY))
        columns.append(RowColumn("weight", "By weight", 9, 6, right=True, cell=weight))
    columns += [
        RowColumn(
            "connections",
            "Conns",
            6,
            4,
            right=True,
            cell=_group(_connections, connections_cell),
            sort=_by(lambda row: row.connections),
        ),
        RowColumn("left", "Ends", 6, 1, right=True, cell=_group(_last, _left), sort=_by(lambda row: row.ends or 0)),
        RowColumn("state", "State", 12, 1, least=12, cell=_group(group_state, state_cell), sort=_by_state),
    ]
    return tuple(columns)


def _part(row: GroupRow) -> float:
    return row.part or 0.0


def _by_state(row: Row) -> SortValue:
    return (group_state(row).text,) if isinstance(row, GroupRow) else ()


GROUP_COLUMNS: Final = group_columns(EntryLook(grouping=EntryGrouping.SERVICE, room=_WIDE_ROOM))
"""All columns that there are for groups."""

GROUPS_SORTABLE: Final = sortable(GROUP_COLUMNS)


def opens(look: EntryLook, group: Group) -> bool:
    """Return whether what is in a group is shown: at first all that a filter finds, and the servers of services."""
    at_first = bool(look.filter) or isinstance(group.of, AddressKey | MarkKey)
    return at_first is not (group in look.turned)


def server_group(resolved: ResolvedEntry) -> Group:
    """Return the group of the server that an entry leads to, below that of its service."""
    return Group(ServerKey(resolved.service_key, resolved.server or resolved.entry.server))


def servers_below(pool: Pool | None, members: Iterable[ResolvedEntry], *, every: bool) -> list[Group]:
    """Return the groups of servers below a service; with `every` also of those to which no client sticks."""
    found = dict.fromkeys(map(server_group, members))
    if pool is not None and every:
        found |= dict.fromkeys(Group(ServerKey(pool.service.key, end)) for end in pool.servers)
    return list(found)
