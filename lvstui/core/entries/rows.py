"""What the persistence view shows: entries in order, alone or in groups, and how complete that is; all of it pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network
from typing import Final, NamedTuple, TypeAlias, assert_never

from lvstui.core import fields
from lvstui.core.entries.filter import NO_ENTRY_FILTER, EntryFilter, EntrySubject
from lvstui.core.entries.resolve import EntryKey, Tied, tie
from lvstui.core.model import Address, Director, Network, ServiceKey
from lvstui.core.naming import network_text, service_names
from lvstui.core.observed import Reading, Scan
from lvstui.core.snapshot import Snapshot
from lvstui.core.view.memo import Remembered
from lvstui.core.view.numbers import compact
from lvstui.core.view.table import Arranged, Cell, Column, Tone

ENTRY_COLUMNS = (
    Column("client", "Client", 18, 1, grow=1),
    Column("service", "Service", 14, 1, grow=2),
    Column("server", "Real server", 18, 1, grow=2),
    Column("left", "Left", 6, 1, right=True),
    Column("connections", "Conns", 5, 2, right=True),
    Column("state", "State", 8, 1),
    Column("origin", "From", 5, 4),
    Column("identity", "Engine", 10, 5, grow=1),
)

_NETWORKS: Final = 50_000

SORTABLE: Final = tuple(column.id for column in ENTRY_COLUMNS)

_TONES: Final = {"ok": Tone.GOOD, "drain": Tone.WARN, "ending": Tone.WARN, "void": Tone.DIM, "off": Tone.DIM}


class EntryGrouping(Enum):
    """What entries stand under."""

    NONE = "none"
    NETWORK = "client network"
    SERVICE = "service"
    SERVER = "server"


class Group(NamedTuple):
    """What entries of a group have in common: a client network, a service, or a server's address."""

    of: Network | ServiceKey | Address


EntryRow: TypeAlias = EntryKey | Group


@dataclass(frozen=True, slots=True)
class EntryLook(Arranged):
    """How an operator looks at the entries; `prefixes` are the lengths of client networks, IPv4's and IPv6's.

    Groups are folded unless they are in `unfolded`.
    """

    sort: str = "client"
    filter: EntryFilter = NO_ENTRY_FILTER
    grouping: EntryGrouping = EntryGrouping.NONE
    unfolded: frozenset[Group] = field(default_factory=frozenset)
    prefixes: tuple[int, int] = (24, 64)


_NOTHING: Final = Scan()

_tie: Final = Remembered(tie)


def tied(snapshot: Snapshot) -> Mapping[EntryKey, Tied]:
    """Give all entries of the newest scan with what they belong to, worked out once for each."""
    return _tie(snapshot.scan or _NOTHING, snapshot.reading.director)


def columns(look: EntryLook) -> tuple[Column, ...]:
    """Give the columns that are not hidden."""
    return tuple(column for column in ENTRY_COLUMNS if column.id not in look.hidden)


def rows(snapshot: Snapshot, look: EntryLook) -> Sequence[EntryRow]:
    """List the rows to show, in order; worked out anew only when there is another scan, director or look."""
    moment = int(snapshot.reading.taken) if "left" in look.filter.text else 0
    return _rows(tied(snapshot), snapshot.reading.director, look, moment)


def found(snapshot: Snapshot, look: EntryLook) -> Sequence[Tied]:
    """Give the entries for which the filter holds."""
    moment = int(snapshot.reading.taken) if "left" in look.filter.text else 0
    return _found(tied(snapshot), snapshot.reading.director, look.filter, moment)


def _find(every: Mapping[EntryKey, Tied], director: Director, wanted: EntryFilter, now: int) -> Sequence[Tied]:
    if not wanted:
        return tuple(every.values())
    return tuple(each for each in every.values() if wanted.holds(EntrySubject(each, director, now)))


_found: Final = Remembered(_find)


def _arrange(every: Mapping[EntryKey, Tied], director: Director, look: EntryLook, now: int) -> Sequence[EntryRow]:
    value = _value(look.sort, director)
    keys = {id(each): key for key, each in every.items()}
    chosen = sorted(_found(every, director, look.filter, now), key=value, reverse=look.descending)
    if look.grouping is EntryGrouping.NONE:
        return [keys[id(each)] for each in chosen]
    members: dict[Group, list[Tied]] = {}
    for each in chosen:
        members.setdefault(group_of(each, look), []).append(each)
    shown: list[EntryRow] = []
    for group in sorted(members, key=lambda group: -len(members[group])):
        shown.append(group)
        if group in look.unfolded:
            shown += [keys[id(each)] for each in members[group]]
    return shown


_rows: Final = Remembered(_arrange)


def group_of(each: Tied, look: EntryLook) -> Group:
    """Tell what an entry stands under."""
    match look.grouping:
        case EntryGrouping.SERVICE:
            return Group(each.service if each.service is not None else each.entry.service)
        case EntryGrouping.SERVER:
            return Group(each.entry.server.address)
        case EntryGrouping.NETWORK | EntryGrouping.NONE:
            return Group(network_of(each.entry.client, look.prefixes))
        case _:
            assert_never(look.grouping)


def network_of(client: Address, prefixes: tuple[int, int]) -> Network:
    """Give the network of a client at the chosen prefix lengths."""
    prefix = prefixes[0] if client.version == 4 else prefixes[1]
    bits = client.max_prefixlen - prefix
    return _network(client.version, int(client) >> bits << bits, prefix)


@lru_cache(maxsize=_NETWORKS)
def _network(version: int, number: int, prefix: int) -> Network:
    """Make a network once: that takes longer than all else that is done to an entry."""
    return IPv4Network((number, prefix)) if version == 4 else IPv6Network((number, prefix))


def members(snapshot: Snapshot, look: EntryLook, group: Group) -> Sequence[Tied]:
    """Give the entries under a group, as far as the filter finds them."""
    return _members(found(snapshot, look), look).get(group, ())


def _grouped(chosen: Sequence[Tied], look: EntryLook) -> Mapping[Group, Sequence[Tied]]:
    every: dict[Group, list[Tied]] = {}
    for each in chosen:
        every.setdefault(group_of(each, look), []).append(each)
    return every


_members: Final = Remembered(_grouped)

_Value: TypeAlias = tuple[float | str, ...]


def _value(column: str, director: Director) -> Callable[[Tied], _Value]:
    match column:
        case "left":
            return lambda each: (each.entry.ends,)
        case "connections":
            return lambda each: (each.children, *_client(each))
        case "service":
            return lambda each: (_service(each, director), *_client(each))
        case "server":
            return lambda each: (_server(each, director), *_client(each))
        case "state":
            return lambda each: (each.state, *_client(each))
        case "origin":
            return lambda each: (each.entry.origin.value, *_client(each))
        case "identity":
            return lambda each: (each.entry.engine, each.entry.identity, *_client(each))
        case _:
            return _client


def _client(each: Tied) -> _Value:
    return each.entry.client.version, int(each.entry.client)


def _service(each: Tied, director: Director) -> str:
    return service_names(director, each.service if each.service is not None else each.entry.service)[0]


def _server(each: Tied, director: Director) -> str:
    endpoint = each.server or each.entry.server
    pool = director.pools.get(each.service) if each.service is not None else None
    server = pool.servers.get(endpoint) if pool else None
    place = fields.server_text(endpoint) if endpoint.port else str(endpoint.address)
    return f"{server.name} {place}" if server and server.name else place


def left(each: Tied, now: float) -> int:
    """Give the seconds that an entry has left, counted down from when it was read."""
    return max(0, int(each.entry.ends - now))


def left_text(seconds: int) -> str:
    """Write seconds as they count down: `48s`, `4:59`, `1:02:07`, `12d`."""
    if seconds < 60:
        return f"{seconds}s"
    if seconds < 3600:
        return f"{seconds // 60}:{seconds % 60:02}"
    if seconds < 100 * 3600:
        return f"{seconds // 3600}h{seconds % 3600 // 60:02}m"
    return f"{seconds // 86400}d"


def cells(snapshot: Snapshot, look: EntryLook, key: EntryRow) -> tuple[Cell, ...]:
    """Give one row's cells, one for each of the `columns`."""
    if isinstance(key, Group):
        every = _group_cells(snapshot, look, key)
    else:
        each = tied(snapshot).get(key)
        every = _entry_cells(snapshot, look, each) if each else tuple(Cell("") for _ in ENTRY_COLUMNS)
    pairs = zip(every, ENTRY_COLUMNS, strict=True)
    return tuple(cell for cell, column in pairs if column.id not in look.hidden)


def _entry_cells(snapshot: Snapshot, look: EntryLook, each: Tied) -> tuple[Cell, ...]:
    director, entry = snapshot.reading.director, each.entry
    indent = "" if look.grouping is EntryGrouping.NONE else "  "
    seconds = left(each, snapshot.reading.taken)
    children = compact(each.children) if each.sure or not each.children else f"~{compact(each.children)}"
    return (
        Cell(f"{indent}{network_text(entry.client, each.width)}", Tone.STRONG),
        Cell(_service(each, director), Tone.NAME),
        Cell(_server(each, director)),
        Cell(left_text(seconds), Tone.WARN if seconds < 10 else Tone.PLAIN),
        Cell(children, Tone.PLAIN if each.children else Tone.DIM),
        Cell(each.state, _TONES.get(each.state, Tone.BAD)),
        Cell(entry.origin.value, Tone.DIM),
        Cell(f"{entry.engine} {entry.identity}".strip(), Tone.DIM),
    )


def _group_cells(snapshot: Snapshot, look: EntryLook, group: Group) -> tuple[Cell, ...]:
    here = members(snapshot, look, group)
    every = len(found(snapshot, look))
    sign = "-" if group in look.unfolded else "+"
    share = f"{len(here) * 100 / every:.0f}%" if every else ""
    services = {each.service or each.entry.service for each in here}
    servers = {each.entry.server.address for each in here}
    director = snapshot.reading.director
    counted = f"{compact(len(here))} entr{'y' if len(here) == 1 else 'ies'}"
    of = _service(here[0], director) if len(services) == 1 else f"{len(services)} services"
    return (
        Cell(f"{sign} {group_text(group, director)}", Tone.STRONG),
        Cell(counted if look.grouping is EntryGrouping.SERVICE else f"{counted} / {of}", Tone.NAME),
        Cell(_server(here[0], director) if len(servers) == 1 else f"{len(servers)} servers"),
        Cell(""),
        Cell(compact(sum(each.children for each in here))),
        Cell(share),
        Cell(""),
        Cell(""),
    )


def group_text(group: Group, director: Director) -> str:
    """Name a group."""
    match group.of:
        case tuple() as key:
            return service_names(director, key)[0]
        case other:
            return str(other)


def summary(snapshot: Snapshot, look: EntryLook, width: int = 200) -> str:
    """Say in a line how much was found, of how much, as of when, and how complete that is."""
    scan = snapshot.scan
    if scan is None:
        return "the connection table is not being read"
    if scan.trouble:
        return scan.trouble
    here = found(snapshot, look)
    number, every = len(here), len(scan.entries)
    told = f"{number:,} of {every:,} entries" if look.filter else f"{every:,} entr{'y' if every == 1 else 'ies'}"
    last = max((each.entry.ends for each in here), default=None)
    more = "" if last is None else f"the last ends in {left_text(max(0, int(last - snapshot.reading.taken)))}"
    return completeness(told, scan, snapshot.reading, width, more)


def completeness(told: str, scan: Scan, reading: Reading, width: int, more: str = "") -> str:
    """Add to what was found as of when it is true, and how much of the table was read.

    That it is partial is said first, and whatever there is no room for is left out from the end.
    """
    about = max(expected(reading), scan.rows)
    age = max(0.0, reading.taken - scan.taken)
    if scan.complete:
        kept = f"kept of {scan.rows:,} rows" if scan.left_out else ""
        parts = [kept, more, f"read {age:.0f} s ago", f"in {scan.taken - scan.began:.1f} s"]
    else:
        spent = scan.taken - scan.began
        now = [f"reading {spent:.0f} s"] if scan.running else [f"read {age:.0f} s ago", f"stopped after {spent:.0f} s"]
        parts = [f"partial: {scan.rows:,} of about {about:,} rows", *now, more]
        if scan.left_out:
            parts.insert(1, f"{scan.rows - scan.left_out:,} kept")
    line = told
    for part in filter(None, parts):
        if len(line) + len(part) + 2 > width:
            break
        line += f", {part}"
    return line


def expected(reading: Reading) -> int:
    """Tell about how many rows the connection table has, by what the kernel counts of real servers."""
    return sum(seen.active + seen.inactive + seen.sticky for pool in reading.servers.values() for seen in pool.values())
