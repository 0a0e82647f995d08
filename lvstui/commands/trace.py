"""What becomes of a packet, on the command line: `trace` as text and as JSON."""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Mapping
from typing import Final

from lvstui.commands.health import with_health
from lvstui.commands.place import OpenPlace, Status, print_json, read_snapshot
from lvstui.core import fields
from lvstui.core.entries.columns import seconds_left
from lvstui.core.model import ServerKey
from lvstui.core.packets.walk import Step
from lvstui.core.snapshot import Snapshot
from lvstui.core.trace.lines import trace_lines
from lvstui.core.trace.request import client_text, packet_of
from lvstui.core.trace.trace import Ending, Trace
from lvstui.core.view.brief import seen_on, server_state
from lvstui.engine.tracer import check_interface, follow
from lvstui.formats.entries import entry_table

_WIDTH: Final = 80


def trace(options: Namespace, open_place: OpenPlace) -> int:
    """Print a packet's way through the rules, and through IPVS where there is one."""
    packet = packet_of(
        options.client,
        options.target,
        interface=options.interface,
        local=options.from_director,
        established=options.established,
        connection_mark=options.ct_mark,
    )
    with open_place() as place:
        check_interface(place.kernel, packet)  # before anything is said about what is shown
        snapshot = read_snapshot(place, rules_suffice=True)
        found = follow(place.kernel, packet, snapshot.reading)
        if found.first.pool is not None:
            snapshot = with_health(place.kernel, snapshot)
    now = time.monotonic()
    if options.json:
        print_json(document(found, snapshot, now))
    else:
        print("\n".join(trace_lines(found, snapshot.reading, now, _WIDTH, snapshot.health)))
    return Status.OK


def document(found: Trace, snapshot: Snapshot, now: float) -> Mapping[str, object]:
    """Return a trace as a document: the way where nothing unknown matches, and each `other`.

    `possible_mark` has all that are possible; null stands for what there is none of. `assumed_in` is the interface that
    it was taken to come in by, which was not asked for but decides where a rule of NAT sends it.
    """
    first = found.first
    client, packet = client_text(found.packet.source, found.packet.source_port), found.packet
    return {
        "packet": {
            "client": client,
            "protocol": fields.protocol_text(packet.protocol),
            "address": str(packet.destination),
            "port": packet.destination_port,
            "in": packet.interface or None,
            "from_director": packet.local,
            "established": packet.established,
            "ct_mark": packet.connection_mark,
        },
        "certain": found.certain,
        "possible_mark": [*found.marks],
        **_way(first, snapshot, now),
        "other": [_way(other, snapshot, now) for other in found.endings[1:]],
        "assumed_in": found.assumed or None,
        "trouble": found.trouble or None,
    }


def _way(ending: Ending, snapshot: Snapshot, now: float) -> dict[str, object]:
    """Return one way as a document."""
    fate, pool, entry = ending.fate, ending.pool, ending.entry
    return {
        "mark": fate.mark,
        "unknown_bits": fate.unknown,
        "verdict": fate.outcome.value,
        "destination": None if fate.destination is None else str(fate.destination),
        "port": fate.port,
        "step": [_step(step) for step in fate.steps],
        "end": ending.end.name.lower(),
        "reason": ending.reason,
        "service": fields.service_text(pool.service.key) if pool else None,
        "service_name": pool.service.name if pool else None,
        "scheduler": pool.service.scheduler if pool else None,
        "connection": _connection(ending, now),
        "entry": entry_table(snapshot.reading.director, entry, now) if entry else None,
        "entry_decides": ending.is_decided_by_entry,
        **_server(ending, snapshot),
        "candidate": [fields.server_text(server) for server in ending.servers],
        "next_hop": _hop(ending),
    }


def _step(step: Step) -> Mapping[str, object]:
    """Return a rule on the way as a document; `mark` is the one afterwards, null where it is not known."""
    return {
        "hook": step.hook,
        "priority": step.priority,
        "tool": step.tool,
        "family": step.family,
        "table": step.table,
        "chain": step.chain,
        "handle": step.handle or None,
        "rule": step.text,
        "verdict": step.outcome.value,
        "target": step.target or None,
        "mark": step.mark,
        "certain": step.certain,
        "matched": step.matched,
    }


def _connection(ending: Ending, now: float) -> Mapping[str, object] | None:
    """Return the connection that decides as a document; times in seconds."""
    connection = ending.connection
    return connection and {
        "client": fields.server_text(connection.client),
        "virtual": fields.server_text(connection.virtual),
        "server": fields.server_text(connection.server),
        "state": connection.state,
        "left": seconds_left(connection.ends, now),
    }


def _server(ending: Ending, snapshot: Snapshot) -> Mapping[str, object]:
    """Return the server that it goes to, and how it is configured and doing."""
    server, real, pool = ending.server, ending.real_server, ending.pool
    key = ServerKey(pool.service.key, real.endpoint) if pool and real else None
    state = server_state(real, seen_on(snapshot, key), snapshot.health.get(key)).text if real and key else None
    return {
        "server": fields.server_text(server) if server else None,
        "server_name": real.name if real else None,
        "server_state": state,
        "weight": real.weight if real else None,
        "forwarding": fields.forwarding_text(real.forwarding) if real else None,
    }


def _hop(ending: Ending) -> Mapping[str, object] | None:
    """Return where packets to the server leave as a document."""
    hop, server = ending.hop, ending.server
    return (hop and server) and {
        "kind": hop.kind or None,
        "address": str(hop.gateway or server.address),
        "interface": hop.interface or None,
        "link_address": hop.link_address or None,
        "neighbour": hop.neighbour or None,
        "trouble": hop.trouble or None,
    }
