"""The columns and filter fields of the marks view, each in one place for marks, rules and servers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple, TypeAlias, assert_never

from lvstui.core import fields
from lvstui.core.health.verdict import Verdict
from lvstui.core.marks.mark import STATES, Mark, MarkRule
from lvstui.core.marks.script import is_ours
from lvstui.core.model import Address, Network, Persistence, Pool, RealServer
from lvstui.core.observed import ALL_BITS, ServerStats
from lvstui.core.view.brief import compact, persistence_short, server_options, server_state, whole
from lvstui.core.view.filter import Language, Number, Text
from lvstui.core.view.glyphs import UNICODE, Glyphs
from lvstui.core.view.table import Cell, RowColumn, SortValue, Tone, sortable


class MarkRow(NamedTuple):
    """A mark that is folded or not."""

    mark: Mark
    folded: bool = True
    glyphs: Glyphs = UNICODE


class MarkServerRow(NamedTuple):
    """A real server below its mark."""

    pool: Pool
    server: RealServer
    seen: ServerStats
    verdict: Verdict | None = None


Row: TypeAlias = MarkRow | MarkRule | MarkServerRow


Content: TypeAlias = str | Cell
"""What stands in a cell: a text in the tone of its column, or a whole cell."""


def place(row: Row) -> SortValue:
    """Return where a mark stands by itself: by its number, rules of an unknown mark behind all."""
    return (row.mark.number or 2**32,) if isinstance(row, MarkRow) else ()


def _column(
    id: str,
    title: str,
    width: int,
    priority: int,
    mark: Callable[[Mark], Content],
    rule: Callable[[MarkRule], Content] = lambda _: "",
    server: Callable[[MarkServerRow], Content] = lambda _: "",
    *,
    tone: Tone = Tone.PLAIN,
    by: Callable[[Mark], float] | None = None,
    grow: int = 0,
    most: int = 0,
    right: bool = False,
) -> RowColumn[Row]:
    """Return a column with what stands in it for each kind of row; marks are in order `by` a number, or by the text."""

    def cell(row: Row) -> Cell:
        match row:
            case MarkRow():
                content = mark(row.mark)
            case MarkRule():
                content = rule(row)
            case MarkServerRow():
                content = server(row)
            case _:
                assert_never(row)
        return content if isinstance(content, Cell) else Cell(content, tone)

    def sort(row: Row) -> SortValue:
        if not isinstance(row, MarkRow):
            return ()
        return (by(row.mark) if by else cell(row).text,)

    return RowColumn(id, title, width, priority, grow=grow, most=most, right=right, cell=cell, sort=sort)


def _title(row: Row) -> Cell:
    match row:
        case MarkRow(mark, folded, glyphs):
            title = mark_text(mark) if mark.number else "other rules"
            return Cell(f"{glyphs.folded if folded else glyphs.unfolded} {title}", Tone.STRONG)
        case MarkRule():
            return Cell("    rule", Tone.SECONDARY)
        case MarkServerRow():
            return Cell("    server", Tone.SECONDARY)


def mark_text(mark: Mark) -> str:
    """Write a mark as its owner does: lvstui and services in decimal, other programs in hexadecimal."""
    return str(mark.number) if mark.group or mark.pools or mark.number < 1_000 else f"0x{mark.number:x}"


def _place(row: MarkRule) -> str:
    """Write where a rule stands, what it does if it is more than to set the mark, and what it is about."""
    whole = row.rule.verb == "set" and row.rule.mask == ALL_BITS
    table = row.where if is_ours(row.rule) else f"{row.where} {row.rule.chain}"
    parts = (table, row.hook or "on no hook", "" if whole else row.verb)
    return f"{', '.join(filter(None, parts))}: {row.match}"


def _server(row: MarkServerRow) -> Cell:
    end, method = row.server.endpoint, fields.forwarding_text(row.server.forwarding)
    options = server_options(row.server)
    place = fields.server_text(end) if end.port else str(end.address)
    parts = (place, method, f"weight {row.server.weight}", f"{whole(row.seen.active)} active", options)
    return Cell("  ".join(filter(None, parts)))


def _count(number: int | None) -> str:
    return "" if number is None else compact(number)


def _services(mark: Mark) -> str:
    """Write how the services on a mark choose servers and how long clients stick: `wrr, sticks 30m`."""
    found = []
    for pool in mark.pools:
        family = f"{pool.service.key.family.short} " if len(mark.pools) > 1 else ""
        sticks = f", sticks {persistence_short(pool.service.persistence)}" if pool.service.persistence else ""
        found.append(f"{family}{pool.service.scheduler}{sticks}")
    return "; ".join(dict.fromkeys(found))


def persist_text(persistence: Persistence | None) -> str:
    """Write a persistence short: `30m`, `5m/24`, `none`."""
    return "none" if persistence is None else persistence_short(persistence)


def _persistences(mark: Mark) -> list[Persistence | None]:
    return [pool.service.persistence for pool in mark.pools]


MARK_COLUMNS: Final[tuple[RowColumn[Row], ...]] = (
    RowColumn("mark", "Mark", 13, 1, grow=1, most=16, cell=_title, sort=place),
    _column(
        "name",
        "Name",
        10,
        3,
        lambda mark: ", ".join(mark.names),
        lambda row: "lvstui" if is_ours(row.rule) else row.rule.comment or row.rule.table,
        lambda row: row.server.name,
        grow=1,
        most=24,
    ),
    _column(
        "match",
        "What gets, who serves",
        24,
        1,
        lambda mark: "; ".join(mark.matches),
        _place,
        _server,
        grow=4,
        most=90,
    ),
    _column("service", "Service", 18, 6, _services, tone=Tone.SECONDARY, grow=1, most=30),
    _column(
        "packets",
        "Packets",
        7,
        1,
        lambda mark: _count(mark.packets),
        lambda row: _count(row.rule.packets),
        by=lambda mark: mark.packets or 0,
        right=True,
    ),
    _column(
        "sticky",
        "Sticky",
        6,
        4,
        lambda mark: _count(mark.sticky) if any(_persistences(mark)) else "",
        server=lambda row: _count(row.seen.sticky) if row.pool.service.persistence else "",
        by=lambda mark: -1 if mark.sticky is None else mark.sticky,
        right=True,
    ),
    _column(
        "state",
        "State",
        12,
        1,
        lambda mark: mark.state,
        lambda row: row.state,
        lambda row: server_state(row.server, row.seen, row.verdict),
    ),
)

SORTABLE: Final = sortable(MARK_COLUMNS)


def _text(mark: Mark) -> str:
    words = [column.cell(MarkRow(mark)).text for column in MARK_COLUMNS]
    for mark_rule in mark.rules:
        rule = mark_rule.rule
        words += [
            mark_rule.match,
            mark_rule.where,
            mark_rule.hook,
            *rule.match,
            rule.raw,
            rule.comment,
            rule.chain,
            *rule.path,
        ]
    return " ".join((*words, *(pool.service.name for pool in mark.pools), *_server_words(mark))).casefold()


def _server_words(mark: Mark) -> Iterable[str]:
    servers = (server for pool in mark.pools for server in pool.servers.values())
    return (word for server in servers for word in (server.name, str(server.endpoint.address)))


def _networks(mark: Mark) -> Iterable[Network]:
    return (network for selector in mark.selectors for network in selector.addresses)


def _servers(mark: Mark) -> Iterable[Address]:
    return (endpoint.address for pool in mark.pools for endpoint in pool.servers)


def _protocols(mark: Mark) -> Iterable[str]:
    protocols = (selector.protocol for selector in mark.selectors)
    return (fields.protocol_text(protocol) for protocol in protocols if protocol is not None)


LANGUAGE: Final[Language[Mark]] = Language(
    text=_text,
    addresses=lambda mark: (*(network.network_address for network in _networks(mark)), *_servers(mark)),
    at=lambda mark, address: any(address in network for network in _networks(mark)) or address in _servers(mark),
    operators=(
        Number("mark", "its number", lambda mark: (mark.number,)),
        Number(
            "port",
            "that packets are marked for; of a range its ends",
            lambda mark: (port for selector in mark.selectors for ports in selector.ports for port in ports),
        ),
        Number("packets", "that got it", lambda mark: None if (count := mark.packets) is None else (count,)),
        Number("servers", "how many real servers it has", lambda mark: (mark.servers,)),
        Number("sticky", "persistence entries", lambda mark: None if (count := mark.sticky) is None else (count,)),
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
        Text("server", "name or address of a real server", _server_words),
        Text(
            "table",
            "of a rule that sets it; a part is enough",
            lambda mark: (word for rule in mark.rules for word in (rule.rule.table, rule.where)),
            aliases=("where",),
            part=True,
        ),
        Text(
            "hook",
            "of a rule that sets it; a part is enough",
            lambda mark: (rule.hook for rule in mark.rules),
            part=True,
        ),
        Text("proto", "tcp, udp, sctp", _protocols, aliases=("protocol",), words=tuple(fields.PROTOCOL_WORDS.values())),
        Text(
            "state",
            "as in the column State, with - for a blank",
            lambda mark: (mark.state.text, mark.state.text.replace(" ", "-")),
            words=tuple(word.replace(" ", "-") for word in STATES),
        ),
    ),
)
"""What a filter can ask of marks."""
