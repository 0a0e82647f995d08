"""The columns and filter fields of the marks view, each in one place for marks, rules and servers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple, TypeAlias

from lvstui.core import fields
from lvstui.core.marks.mark import STATES, Mark, MarkRule, hooks
from lvstui.core.marks.script import is_ours
from lvstui.core.model import Address, Persistence, Pool, RealServer
from lvstui.core.observed import ALL_BITS, ServerStats
from lvstui.core.view.brief import compact, persistence_short, server_options, server_state
from lvstui.core.view.filter import Language, Number, Text
from lvstui.core.view.table import Cell, RowColumn, SortValue, Tone, sortable


class MarkRow(NamedTuple):
    """A mark that is folded or not."""

    mark: Mark
    folded: bool = True


class MarkServerRow(NamedTuple):
    """A real server below its mark."""

    pool: Pool
    server: RealServer
    seen: ServerStats


Row: TypeAlias = MarkRow | MarkRule | MarkServerRow


def place(row: Row) -> SortValue:
    """Return where a mark stands by itself: by its number, rules whose mark cannot be told behind all."""
    return (row.mark.number or 2**32,) if isinstance(row, MarkRow) else ()


def _cells(
    of_mark: Callable[[Mark], Cell],
    of_rule: Callable[[MarkRule], Cell] = lambda _: Cell(""),
    of_server: Callable[[MarkServerRow], Cell] = lambda _: Cell(""),
) -> Callable[[Row], Cell]:
    """Return the cells of a column, by the kind of the row."""

    def cell(row: Row) -> Cell:
        match row:
            case MarkRow(mark):
                return of_mark(mark)
            case MarkRule():
                return of_rule(row)
            case MarkServerRow():
                return of_server(row)

    return cell


def _by(value: Callable[[Mark], float | str]) -> Callable[[Row], SortValue]:
    return lambda row: (value(row.mark),) if isinstance(row, MarkRow) else ()


def _title(row: Row) -> Cell:
    match row:
        case MarkRow(mark, folded):
            title = f"mark {mark.number}" if mark.number else "other rules"
            return Cell(f"{'+' if folded else '-'} {title}", Tone.STRONG)
        case MarkRule(rule):
            where = rule.chain if is_ours(rule) else row.where
            return Cell(f"    {where}" if rule.verb == "set" and rule.mask == ALL_BITS else f"    {row.verb} {where}")
        case MarkServerRow(server=server):
            end = server.endpoint
            return Cell(f"    -> {fields.server_text(end) if end.port else end.address}")


def _server(row: MarkServerRow) -> Cell:
    method = fields.forwarding_text(row.server.forwarding)
    parts = (f"weight {row.server.weight}", f"{compact(row.seen.active)} active", method, server_options(row.server))
    return Cell(", ".join(filter(None, parts)), Tone.DIM)


def _names(mark: Mark) -> str:
    return ", ".join(mark.names)


def _match(mark: Mark) -> str:
    return "; ".join(mark.matches)


def _where(mark: Mark) -> str:
    return ", ".join(dict.fromkeys(rule.where for rule in mark.rules))


def _hooks(mark: Mark) -> str:
    return ", ".join(hooks(mark.rules))


def _count(packets: int | None) -> Cell:
    return Cell("" if packets is None else compact(packets))


def _service(pool: Pool) -> str:
    """Write a service on a mark short: `v4 wlc`."""
    return f"{pool.service.key.family.short} {pool.service.scheduler}"


def _services(mark: Mark) -> str:
    return ", ".join(dict.fromkeys(map(_service, mark.pools)))


def persist_text(persistence: Persistence | None) -> str:
    """Write a persistence short: `30m`, `5m/24`, `none`."""
    return "none" if persistence is None else persistence_short(persistence)


def _persistences(mark: Mark) -> list[Persistence | None]:
    return [pool.service.persistence for pool in mark.pools]


def _persist(mark: Mark) -> Cell:
    found = _persistences(mark)
    return Cell(" ".join(dict.fromkeys(map(persist_text, found))), Tone.PLAIN if all(found) else Tone.DIM)


def _longest(mark: Mark) -> int:
    """Return the longest persistence in seconds; -1 without a service."""
    return max((found.timeout if found else 0 for found in _persistences(mark)), default=-1)


MARK_COLUMNS: Final[tuple[RowColumn[Row], ...]] = (
    RowColumn("mark", "Mark / rule", 18, 1, grow=1, cell=_title, sort=place),
    RowColumn(
        "name",
        "Name",
        8,
        3,
        grow=1,
        cell=_cells(
            lambda mark: Cell(_names(mark), Tone.NAME),
            lambda row: Cell(row.rule.comment, Tone.NAME),
            lambda row: Cell(row.server.name, Tone.NAME),
        ),
        sort=_by(_names),
    ),
    RowColumn(
        "match",
        "Packets that get it",
        21,
        1,
        grow=3,
        cell=_cells(lambda mark: Cell(_match(mark)), lambda row: Cell(row.match), _server),
        sort=_by(_match),
    ),
    RowColumn(
        "where",
        "Rules in",
        12,
        7,
        grow=1,
        cell=_cells(
            lambda mark: Cell(_where(mark), Tone.DIM),
            lambda row: Cell("lvstui" if is_ours(row.rule) else row.rule.chain, Tone.DIM),
        ),
        sort=_by(_where),
    ),
    RowColumn(
        "hook",
        "Hook",
        22,
        8,
        grow=1,
        cell=_cells(lambda mark: Cell(_hooks(mark), Tone.DIM), lambda row: Cell(row.hook, Tone.DIM)),
        sort=_by(_hooks),
    ),
    RowColumn(
        "packets",
        "Packets",
        7,
        1,
        right=True,
        cell=_cells(lambda mark: _count(mark.packets), lambda row: _count(row.rule.packets)),
        sort=_by(lambda mark: mark.packets or 0),
    ),
    RowColumn(
        "service",
        "Service",
        9,
        6,
        grow=1,
        cell=_cells(
            lambda mark: Cell(_services(mark), Tone.DIM),
            of_server=lambda row: Cell(row.pool.service.key.family.short, Tone.DIM),
        ),
        sort=_by(_services),
    ),
    RowColumn("persist", "Persist", 7, 2, right=True, cell=_cells(_persist), sort=_by(_longest)),
    RowColumn(
        "servers",
        "Servers",
        7,
        5,
        right=True,
        cell=_cells(lambda mark: Cell(str(mark.servers) if mark.pools else "")),
        sort=_by(lambda mark: mark.servers),
    ),
    RowColumn(
        "sticky",
        "Sticky",
        6,
        4,
        right=True,
        cell=_cells(
            lambda mark: Cell(compact(mark.sticky) if any(_persistences(mark)) else ""),
            of_server=lambda row: Cell(compact(row.seen.sticky) if row.pool.service.persistence else ""),
        ),
        sort=_by(lambda mark: mark.sticky),
    ),
    RowColumn(
        "state",
        "State",
        11,
        1,
        cell=_cells(lambda mark: mark.state, lambda row: row.state, lambda row: server_state(row.server, row.seen)),
        sort=_by(lambda mark: mark.state.text),
    ),
)

SORTABLE: Final = sortable(MARK_COLUMNS)


def _text(mark: Mark) -> str:
    words = [column.cell(MarkRow(mark)).text for column in MARK_COLUMNS]
    for known in mark.rules:
        rule = known.rule
        words += [known.match, *rule.match, rule.raw, rule.comment, rule.chain, *rule.path]
    for pool in mark.pools:
        words += [pool.service.name, *_server_words(pool)]
    return " ".join(words).casefold()


def _server_words(pool: Pool) -> Iterable[str]:
    return (word for end, server in pool.servers.items() for word in (server.name, str(end.address)))


def _addresses(mark: Mark) -> Iterable[Address]:
    for selector in mark.selectors:
        yield from (network.network_address for network in selector.addresses)
    for pool in mark.pools:
        yield from (endpoint.address for endpoint in pool.servers)


def _at(mark: Mark, address: Address) -> bool:
    """Return whether an address is one that packets are marked for, also within a network, or a real server's."""
    networks = (network for selector in mark.selectors for network in selector.addresses)
    servers = (end.address for pool in mark.pools for end in pool.servers)
    return any(address in network for network in networks) or address in servers


def _protocols(mark: Mark) -> Iterable[str]:
    protocols = (selector.protocol for selector in mark.selectors)
    return (fields.protocol_text(protocol) for protocol in protocols if protocol is not None)


LANGUAGE: Final[Language[Mark]] = Language(
    text=_text,
    addresses=_addresses,
    at=_at,
    operators=(
        Number("mark", "its number", lambda mark: (mark.number,)),
        Number(
            "port",
            "that packets are marked for; of a range its ends",
            lambda mark: (port for selector in mark.selectors for ports in selector.ports for port in ports),
        ),
        Number("packets", "that got it", lambda mark: None if (count := mark.packets) is None else (count,)),
        Number("servers", "how many real servers it has", lambda mark: (mark.servers,)),
        Number("sticky", "persistence entries", lambda mark: (mark.sticky,)),
        Number(
            "persist",
            "seconds that clients stick",
            lambda mark: (found.timeout for found in _persistences(mark) if found),
            aliases=("persistence",),
            seconds=True,
        ),
        Text(
            "name",
            "of the group or a service; a part is enough",
            lambda mark: (*mark.names, *(pool.service.name for pool in mark.pools)),
            part=True,
        ),
        Text(
            "server",
            "name or address of a real server",
            lambda mark: (word for pool in mark.pools for word in _server_words(pool)),
        ),
        Text(
            "table",
            "of a rule that sets it; a part is enough",
            lambda mark: (word for known in mark.rules for word in (known.rule.table, known.where)),
            aliases=("where",),
            part=True,
        ),
        Text(
            "hook",
            "of a rule that sets it; a part is enough",
            lambda mark: (rule.hook for rule in mark.rules),
            part=True,
        ),
        Text(
            "proto",
            "tcp, udp, sctp",
            _protocols,
            aliases=("protocol",),
            words=tuple(fields.PROTOCOL_WORDS.values()),
        ),
        Text(
            "state",
            "as in the column State, with - for a blank",
            lambda mark: (mark.state.text, mark.state.text.replace(" ", "-")),
            words=tuple(word.replace(" ", "-") for word in STATES),
        ),
    ),
)
"""What a filter can ask of marks."""
