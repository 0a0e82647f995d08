"""The sync messages that an edit of a persistence entry takes; they are sent elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from lvstui.core.entries.edits import Manner, Move, Pin
from lvstui.core.entries.resolve import EntryKey, is_ftp, key_of, mask_client, server_of, service_of
from lvstui.core.entries.sync_message import INACTIVE, LOCAL_NODE, TCP_STATES, Message, mark_end
from lvstui.core.model import (
    PERSISTENCE_MAX,
    Address,
    Director,
    Endpoint,
    MarkKey,
    Protocol,
    RealServer,
    ServiceKey,
)
from lvstui.core.observed import Connection, Entry

SOFT_SECONDS: Final = 2
"""Seconds that an entry gets when its connections are let go softly: with 1 it ties with them and loses."""

KILL_SECONDS: Final = 1

_CLOSE: Final = 6


def binding_message(
    service: ServiceKey,
    client: Address,
    server: Endpoint,
    seconds: int,
    engine: str = "",
    identity: str = "",
) -> Message:
    """Return the message that creates or changes the entry of a client, which is masked as its service says.

    `server` is the configured one; an entry that is there keeps its own, whatever the message says. Seconds are held
    to 1 .. 31 days.
    """
    seconds = min(max(1, seconds), PERSISTENCE_MAX)
    end, call = Endpoint(client, 0), identity.encode("latin-1")
    if isinstance(service, MarkKey):
        return Message(0, end, mark_end(service), server, seconds, mark=service.mark, engine=engine, identity=call)
    virtual = Endpoint(service.address, 0 if is_ftp(service) else service.port)
    return Message(int(service.protocol), end, virtual, server, seconds, engine=engine, identity=call)


def placing_message(edit: Pin | Move, director: Director) -> Message:
    """Return the message that binds the client of an edit, which has no entry by then, to the server of the edit."""
    if isinstance(edit, Pin):
        client = client_of(edit.service, edit.client, director)
        return binding_message(edit.service, client, edit.server, edit.seconds, edit.engine, edit.identity)
    entry, service = edit.entry, service_of(edit.entry, director)
    key = service if service is not None else entry.service
    return binding_message(key, entry.client, edit.server, edit.seconds, entry.engine, entry.identity)


def placed_key(edit: Pin | Move, director: Director) -> EntryKey:
    """Return the key of the entry that an edit creates."""
    if isinstance(edit, Move):
        return key_of(edit.entry)
    return EntryKey(edit.service, client_of(edit.service, edit.client, director), edit.identity)


def restart_timer(entry: Entry, director: Director, seconds: int) -> Message:
    """Return the message that restarts the timer of an entry with `seconds`."""
    service = service_of(entry, director)
    pool = director.pools[service] if service is not None else None
    server = (server_of(entry, pool) if pool is not None else None) or entry.server
    # The row's own key is what the kernel finds it by, whatever service it belongs to.
    return binding_message(entry.service, entry.client, server, seconds, entry.engine, entry.identity)


def ending_messages(
    entry: Entry, children: Iterable[Connection], director: Director, manner: Manner
) -> tuple[Message, ...]:
    """Let an entry and the connections that hang on it run out; all of it has to reach the kernel in one datagram."""
    seconds = SOFT_SECONDS if manner is Manner.SOFT else KILL_SECONDS
    return (*(_end(child, manner) for child in children), restart_timer(entry, director, seconds))


def _end(child: Connection, manner: Manner) -> Message:
    """Let a connection go when it is idle, or reset it at once.

    Soft: an established one stays counted as active. Kill, which only TCP has: the connection becomes one to the
    director itself, which answers with a reset; of other protocols the time runs out.
    """
    tcp = child.protocol is Protocol.TCP
    if tcp and manner is Manner.KILL:
        return Message(int(child.protocol), child.client, child.virtual, child.virtual, 1, LOCAL_NODE, _CLOSE)
    flags = 0 if child.state == "ESTABLISHED" else INACTIVE
    state = TCP_STATES.index(child.state) if tcp and child.state in TCP_STATES else 0
    return Message(int(child.protocol), child.client, child.virtual, child.server, 1, flags, state)


def client_of(service: ServiceKey, client: Address, director: Director) -> Address:
    """Return the address under which a service remembers a client."""
    persistence = director.pools[service].service.persistence
    return client if persistence is None else mask_client(client, persistence)


def spread(number: int, servers: Sequence[RealServer]) -> tuple[Endpoint, ...]:
    """Return a server for each of `number` clients, by weight (largest remainders) in turns; none without weight."""
    total = sum(server.weight for server in servers)
    if not total:
        return ()
    shares = [(server.endpoint, number * server.weight / total) for server in servers if server.weight]
    counts = {endpoint: int(share) for endpoint, share in shares}
    by_remainder = sorted(shares, key=lambda share: int(share[1]) - share[1])
    for endpoint, _ in by_remainder[: number - sum(counts.values())]:
        counts[endpoint] += 1
    turns: list[Endpoint] = []
    while len(turns) < number:
        for endpoint in counts:
            if counts[endpoint]:
                counts[endpoint] -= 1
                turns.append(endpoint)
    return tuple(turns)
