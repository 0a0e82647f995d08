"""Everything about one row of the connections view: a connection, or a group of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from lvstui.core import fields
from lvstui.core.describe import masked_client_text, server_names, service_names
from lvstui.core.entries.columns import left_text, seconds_left
from lvstui.core.entries.connections import (
    ConnectionGroup,
    ConnectionLook,
    RowKey,
    Services,
    connections,
    entry_of,
    found,
    grouped,
)
from lvstui.core.entries.detail import ORIGIN_MEANINGS, server_lines
from lvstui.core.entries.groups import percent
from lvstui.core.entries.resolve import ResolvedEntry
from lvstui.core.keys import with_keys
from lvstui.core.model import Director, Protocol, ServiceKey
from lvstui.core.observed import Connection
from lvstui.core.snapshot import Snapshot
from lvstui.core.view.detail import Block, Line, columns, labelled, noted, pairs, stated, under
from lvstui.core.view.table import Cell, Tone
from lvstui.core.words import count

_MEANINGS: Final[Mapping[str, str]] = {
    "NONE": "no packet of it was understood yet",
    "ESTABLISHED": "both ends send; it counts as active",
    "SYN_SENT": "the server opens it; its SYN was seen",
    "SYN_RECV": "the client's SYN went to the server, and no more followed: if many stay so, the server "
    "does not answer, or its answer does not come back",
    "FIN_WAIT": "one end closes it",
    "TIME_WAIT": "both ends have closed it; it is kept for late packets only",
    "CLOSE": "it was reset: by a server that refuses it, or by an end that gave up",
    "CLOSE_WAIT": "the client has closed it, the server has not yet",
    "LAST_ACK": "the server has closed it, the last acknowledgement is missing",
    "LISTEN": "it waits for a packet that opens it",
    "SYNACK": "the client's acknowledgement is awaited",
    "UDP": "packets passed; it is kept until none came for its time",
    "ICMP": "packets passed; it is kept until none came for its time",
}
"""What the kernel's words for the state of TCP and UDP connections mean to a director (ip_vs_proto_tcp.c, _udp.c)."""

_SCTP: Final[Mapping[str, str]] = {
    "ESTABLISHED": "the association is up; it counts as active",
    "CLOSED": "it was aborted, or has been closed",
}
_SCTP_ELSE: Final = "the association is being set up, or taken down"

_FIRST: Final = 8
"""Parts of a group that are listed."""


def meaning(connection: Connection) -> str:
    """Return what the state of a connection means."""
    if connection.protocol is Protocol.SCTP:
        return _SCTP.get(connection.state, _SCTP_ELSE)
    return _MEANINGS.get(connection.state, "a word of the kernel for its state")


def detail(snapshot: Snapshot, look: ConnectionLook, key: RowKey, width: int) -> Sequence[Block]:
    """Return what is known of a row; nothing where it is gone."""
    if isinstance(key, ConnectionGroup):
        return [*_of_group(snapshot, look, key, width)]
    connection = connections(snapshot).get(key)
    return [*_of_connection(snapshot, connection, entry_of(snapshot, key), width)] if connection is not None else ()


def _of_connection(
    snapshot: Snapshot, connection: Connection, entry: ResolvedEntry | None, width: int
) -> Iterator[Block]:
    director = snapshot.reading.director
    service = snapshot.derive(Services, director).of(connection)
    names = service_names(director, service)
    yield Block(
        fields.server_text(connection.client),
        fields.protocol_text(connection.protocol),
        f"of {names[0]}" if names else "",
    )
    tone = Tone.BAD if connection.state == "CLOSE" else Tone.PLAIN
    lines = stated(Cell(connection.state, tone), meaning(connection), width)
    left = left_text(seconds_left(connection.ends, snapshot.reading.taken))
    lines += labelled("Left", f"{left}; each packet of it restarts the timer", width)
    lines += labelled("To", fields.server_text(connection.virtual), width)
    lines += labelled("Service", "  ".join(names) or "none that is known: several marks may be it", width)
    lines += _server(snapshot, connection, service, width)
    lines += labelled("From", ORIGIN_MEANINGS[connection.origin], width)
    yield Block(lines=lines)
    yield Block("Persistence entry", lines=_entry(snapshot, entry, width))
    pool = director.pools.get(service) if service is not None else None
    if pool is not None and pool.service.note:
        yield Block(lines=noted(pool.service.note, width))


def _server(snapshot: Snapshot, connection: Connection, service: ServiceKey | None, width: int) -> Iterator[Line]:
    """Yield the server of a connection, how it is, and what shows that."""
    director = snapshot.reading.director
    names = server_names(director, service, connection.server)
    text = "  ".join(names[:-1])
    pool = director.pools.get(service) if service is not None else None
    ends = (end for end in pool.servers if end.address == connection.server.address) if pool else ()
    end = connection.server if pool and connection.server in pool.servers else next(iter(ends), None)
    if pool is None or end is None:
        yield from labelled("Server", text, width)
        return
    yield from server_lines(snapshot, pool, pool.servers[end], text, width)


def _entry(snapshot: Snapshot, entry: ResolvedEntry | None, width: int) -> list[Line]:
    if entry is None:
        return labelled("", "none is known that decides where this client's next connection goes", width)
    client = masked_client_text(entry.entry.client, entry.width)
    left = left_text(seconds_left(entry.entry.ends, snapshot.reading.taken))
    doubt = "" if entry.sure else ", if the connection is of its mark, which the kernel does not show"
    lines = labelled("Client", f"{client}  {entry.state}, {left} left{doubt}", width)
    return [
        *lines,
        *under(with_keys(f"{count(entry.children, 'connection')} on it now; {{E:entries}} goes to it"), width),
    ]


def _of_group(snapshot: Snapshot, look: ConnectionLook, group: ConnectionGroup, width: int) -> Iterator[Block]:
    keys, every, director = grouped(snapshot, look).get(group, ()), connections(snapshot), snapshot.reading.director
    if not keys:
        return
    below, total = [every[key] for key in keys], len(found(snapshot, look))
    yield Block(group.name, group.address, count(len(below), "connection"))
    lines = stated(Cell(group.state), meaning(below[0]), width) if group.state else []
    share = percent(len(below) / total)
    ends = max(connection.ends for connection in below)
    last = left_text(seconds_left(ends, snapshot.reading.taken))
    lines += pairs([("connections", f"{len(below):,}"), ("share", share), ("last ends", last)], width)
    yield Block(lines=lines)
    yield _counted("By state", Counter(connection.state for connection in below), width)
    yield _counted("By server", _by_server(below, director, snapshot.derive(Services, director)), width)
    yield _counted("By client", Counter(str(connection.client.address) for connection in below), width)


def _by_server(below: Sequence[Connection], director: Director, services: Services) -> Counter[str]:
    ends = Counter((services.of(connection), connection.server) for connection in below)
    named: Counter[str] = Counter()
    for (service, end), number in ends.items():
        named["  ".join(server_names(director, service, end)[:-1])] += number
    return named


def _counted(title: str, parts: Counter[str], width: int) -> Block:
    """Return how many connections each part has, the largest first."""
    total = parts.total()
    rows = [
        [Cell(name), Cell(f"{number:,}"), Cell(percent(number / total), Tone.SECONDARY)]
        for name, number in parts.most_common(_FIRST)
    ]
    remark, lines = columns(("conns", "share"), rows, width)
    aside = f"the first {_FIRST} of {len(parts):,}" if len(parts) > _FIRST else ""
    return Block(title, aside, remark, lines)
