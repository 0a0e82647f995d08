"""A trace as lines to read: the rules step by step, then service, entry, server and next hop."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from textwrap import wrap
from typing import Final

from lvstui.core import fields
from lvstui.core.describe import masked_client_text, persistence_text, server_names, service_names
from lvstui.core.entries.columns import left_text, seconds_left
from lvstui.core.fields import visible
from lvstui.core.health.verdict import NO_TROUBLE, Health, Verdict
from lvstui.core.model import Director, Endpoint, Forwarding, Pool, ServerKey
from lvstui.core.observed import Reading, ServerStats
from lvstui.core.packets.packet import Packet
from lvstui.core.packets.program import Outcome
from lvstui.core.packets.walk import Step
from lvstui.core.trace.request import client_text, packet_text
from lvstui.core.trace.trace import End, Ending, Trace
from lvstui.core.view.brief import server_state

_LABEL: Final = 10
"""Cells of the words before what they are about."""

_WAYS: Final = 8
"""Ways that are described after the first."""

_SERVERS: Final = 6
"""Servers that are named."""


def trace_lines(
    trace: Trace, reading: Reading | None, now: float, width: int = 80, health: Health = NO_TROUBLE
) -> list[str]:
    """Return a trace in lines of at most `width` cells; `now` is a moment of the monotonic clock."""
    lines = _labelled("packet", _packet(trace.packet), width)
    if trace.trouble:
        lines += _labelled("", f"not all rules are known: {trace.trouble}", width)
    if trace.assumed:
        taken = f"taken to come in by {trace.assumed}, where answers leave, as a rule of NAT depends on it"
        lines += _labelled("", f"{taken}; name another with --in", width)
    lines += ["", *_steps(trace.first, width), *_ending(trace.first, trace.packet, reading, now, width, health)]
    others = trace.endings[1:]
    for other in others[:_WAYS]:
        lines += ["", "or, as it is not known whether a rule matches:", *_doubts(other, width)]
        lines += _ending(other, trace.packet, reading, now, width, health)
    if len(others) > _WAYS:
        lines += ["", f"and {len(others) - _WAYS} other ways"]
    return lines


def _packet(packet: Packet) -> str:
    protocol = fields.protocol_text(packet.protocol)
    about = ["of a known connection" if packet.established else "opens a connection"]
    if packet.local:
        about.append("sent by this machine")
    elif packet.interface:
        about.append(f"comes in by {packet.interface}")
    if packet.connection_mark is not None:
        about.append(f"connection mark {packet.connection_mark}")
    client, target = packet_text(packet).split(" ")
    return f"{protocol} {client} -> {target.partition(':')[2]}, {', '.join(about)}"


def _steps(ending: Ending, width: int) -> Iterator[str]:
    """Yield the rules that the packet met, below the chains that they stand in."""
    mark: int | None = 0
    steps = _telling(ending.fate.steps)
    if not steps:
        yield from _labelled("rules", "none does anything with it", width)
    for place, group in groupby(steps, _place):
        yield place[:width]
        for step in group:
            yield from _step(step, mark, width)
            mark = step.mark
    if steps:
        yield ""


def _telling(steps: Sequence[Step]) -> list[Step]:
    """Return the steps without the ends of chains that let everything pass, and jumps to where nothing happened."""
    found: list[Step] = []
    for step in reversed(steps):
        is_jump = step.outcome in (Outcome.JUMP, Outcome.GOTO) and step.certain
        leads_on = bool(found) and found[-1][:3] == step[:3] and found[-1].chain == step.target
        is_end = step.outcome is Outcome.ACCEPT and not step.handle and step.text == "policy accept"
        if not is_end and (leads_on or not is_jump):
            found.append(step)
    return found[::-1]


def _place(step: Step) -> str:
    tool = "" if step.tool == "nft" else f", {visible(step.tool)}"
    table = " ".join(map(visible, (step.family, step.table, step.chain)))
    return f"{visible(step.hook)} {step.priority}  {table}{tool}"


def _step(step: Step, before: int | None, width: int) -> Iterator[str]:
    """Yield a rule, and what it did: beside it where there is room."""
    words = [] if step.certain else ["if it matches" if step.matched else "if it does not match"]
    if step.outcome is not Outcome.CONTINUE and step.matched:
        words.append(f"{step.outcome.value} {visible(step.target)}".strip())
    if step.mark != before:
        words.append("mark not known" if step.mark is None else f"mark {step.mark}")
    text = visible(step.text)
    did = ", ".join(word for word in words if not text.endswith(f"{word}"))
    if len(text) + len(did) + 6 <= width:
        yield f"    {text:<{width - len(did) - 6}}  {did}".rstrip()
        return
    *lines, last = wrap(text, width, initial_indent="    ", subsequent_indent="      ", break_on_hyphens=False)
    yield from lines
    if len(last) + len(did) + 2 <= width:
        yield f"{last}{did.rjust(width - len(last))}".rstrip()
    else:
        yield from (last, did.rjust(width))


def _doubts(ending: Ending, width: int) -> Iterator[str]:
    """Yield the rules of another way of which it is not known whether they match."""
    for place, group in groupby((step for step in ending.fate.steps if not step.certain), _place):
        yield place[:width]
        for step in group:
            yield from _step(step, step.mark, width)


def _ending(
    ending: Ending, asked: Packet, reading: Reading | None, now: float, width: int, health: Health
) -> Iterator[str]:
    """Yield what becomes of it after the rules."""
    fate, met = ending.fate, ending.packet
    if fate.outcome is Outcome.ACCEPT:
        unknown = f", of which the bits {fate.unknown:#x} are not known" if fate.unknown else ""
        hexadecimal = f" ({fate.mark:#x})" if fate.mark > 9 else ""
        yield from _labelled("mark", f"{fate.mark or 'none'}{hexadecimal}{unknown}", width)
    if (asked.destination, asked.destination_port) != (met.destination, met.destination_port):
        place = fields.server_text(Endpoint(met.destination, met.destination_port))
        yield from _labelled("sent to", f"{place}, as a rule of NAT says", width)
    director = reading.director if reading else None
    if director is not None:
        yield from (line for label, text in _through(ending, director, now) for line in _labelled(label, text, width))
    if ending.pool is not None and director is not None and reading is not None and ending.end is End.SERVED:
        yield from _servers(ending, ending.pool, reading, width, health)
    if ending.hop is not None:
        yield from _labelled("next hop", hop_text(ending), width)
    yield from _labelled("result", f"{ending.end.value}: {ending.reason}", width)
    for note in notes(ending, reading):
        yield from _labelled("note", note, width)


def _through(ending: Ending, director: Director, now: float) -> Iterator[tuple[str, str]]:
    """Yield service, connection and entry."""
    pool = ending.pool
    if pool is not None:
        service = pool.service
        names = " ".join(service_names(director, service.key))
        sticks = f", persistent {persistence_text(service.persistence)}" if service.persistence else ""
        yield "service", f"{names}, {service.scheduler}{sticks}"
    elif ending.end not in (End.AWAY, End.UNKNOWN) and ending.fate.outcome is Outcome.ACCEPT:
        yield "service", "none"
    if ending.connection is not None:
        connection = ending.connection
        left = left_text(seconds_left(connection.ends, now))
        client = client_text(*connection.client)
        yield "connection", f"{client} -> {fields.server_text(connection.server)}, {connection.state}, {left} left"
    elif ending.entry is not None:
        entry = ending.entry
        left = left_text(seconds_left(entry.entry.ends, now))
        client = masked_client_text(entry.entry.client, entry.width)
        server = server_names(director, entry.service, entry.server or entry.entry.server)[0]
        decides = "decides" if ending.is_decided_by_entry else "does not decide"
        yield "entry", f"{client} -> {server}, {entry.state}, {left} left: {decides}"
    elif pool is not None and pool.service.persistence and not pool.service.engine and ending.end is not End.LEFT:
        yield "entry", "none of this client"


def _servers(ending: Ending, pool: Pool, reading: Reading, width: int, health: Health) -> Iterator[str]:
    """Yield the server, or those of which it may be one."""
    counts = reading.servers.get(pool.service.key, {})
    label = "server" if ending.server else "one of"
    for endpoint in ending.servers[:_SERVERS]:
        seen, verdict = counts.get(endpoint, ServerStats()), health.get(ServerKey(pool.service.key, endpoint))
        yield from _labelled(label, _server(pool, endpoint, seen, reading.director, verdict), width)
        label = ""
    if len(ending.servers) > _SERVERS:
        yield from _labelled("", f"and {len(ending.servers) - _SERVERS} more", width)


def _server(pool: Pool, endpoint: Endpoint, seen: ServerStats, director: Director, verdict: Verdict | None) -> str:
    names = " ".join(server_names(director, pool.service.key, endpoint)[:-1])
    server = pool.servers.get(endpoint)
    if server is None:
        return f"{names}, not in the service any more"
    method = fields.forwarding_text(server.forwarding)
    return f"{names}, {method}, weight {server.weight}, {server_state(server, seen, verdict).text}"


def hop_text(ending: Ending) -> str:
    """Write where packets to the server leave, and whether somebody answers there."""
    hop, server, real = ending.hop, ending.server, ending.real_server
    if hop is None or server is None:
        return ""
    if not hop.kind:
        return f"no route to {server.address}: {hop.trouble}"
    if hop.kind == "local":
        return f"this machine, by {hop.interface}"
    if hop.kind != "unicast":
        return f"the route to {server.address} says {hop.kind}"
    towards = f"{hop.gateway or server.address} on {hop.interface}"
    if hop.neighbour:
        towards += f", {hop.link_address} {hop.neighbour}".replace("  ", " ")
    if real is not None and real.forwarding is Forwarding.TUNNEL:
        return f"{towards}, in a tunnel to {real.endpoint.address}"
    return towards


def notes(ending: Ending, reading: Reading | None) -> Iterator[str]:
    """Yield what an operator should know besides."""
    hop, real, met = ending.hop, ending.real_server, ending.packet
    if hop is not None and real is not None:
        if hop.neighbour in ("failed", "incomplete"):
            yield f"nobody answers for {hop.gateway or real.endpoint.address} on {hop.interface}"
        if real.forwarding is Forwarding.ROUTE and hop.gateway is not None:
            yield (
                f"{real.endpoint.address} is behind the router {hop.gateway}: packets keep the virtual address, which "
                "the router does not send there; use tunnel or masq"
            )
        if real.forwarding is Forwarding.MASQ and reading and reading.forwards.get(met.family) is False:
            yield f"this machine does not forward {met.family.word}, without which masq does not work"
    untracked = reading is not None and reading.director.sysctl.get("conntrack", "0") == "0"
    if met.established and untracked and ending.end is End.SERVED:
        yield (
            "net.ipv4.vs.conntrack is 0: connections of IPVS are not tracked, so that rules see each of its packets "
            "as new and without a connection mark"
        )


def _labelled(label: str, text: str, width: int) -> list[str]:
    """Write a text, also one from outside, behind a label, wrapped below itself."""
    return wrap(
        visible(text),
        width,
        initial_indent=f"{label:<{_LABEL}} ",
        subsequent_indent=" " * (_LABEL + 1),
        break_on_hyphens=False,
    )
