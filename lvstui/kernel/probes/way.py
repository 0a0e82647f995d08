"""A real server is asked by the way of its clients' packets: by a connection, by its link, or through its tunnel."""

from __future__ import annotations

import errno
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from lvstui.core.model import Endpoint, Family, Forwarding, Protocol
from lvstui.core.probes.answer import Answer, Outcome
from lvstui.core.probes.question import Question
from lvstui.core.trace.route import Route, RouteQuestion
from lvstui.kernel.network.packets import ETHERTYPES
from lvstui.kernel.probes import sentences
from lvstui.kernel.probes.connect import Contact, contact
from lvstui.kernel.probes.frames import Accepted, Flow, new_sequence, wrapped
from lvstui.kernel.probes.neighbour import (
    Link,
    find_link,
    find_source,
    is_resolved,
    is_there,
    may_send_raw,
    resolve,
)
from lvstui.kernel.probes.protocols import converse, judge, opening
from lvstui.kernel.probes.wire import Port, Send, exchange
from lvstui.kernel.routes import find_route

_MOMENT: Final = 0.4
"""Seconds for each look at why a server is silent."""

_PERHAPS: Final = (Outcome.ANSWERS, Outcome.UNKNOWN)
"""What came of asking a server that it is worth while to ask further."""

_OVER_IPV6: Final = (769, 823)
"""Kinds of interfaces that are tunnels over IPv6 (ARPHRD_TUNNEL6, ARPHRD_IP6GRE)."""

_ASKED: Final = (Protocol.TCP, Protocol.UDP)


def ask(question: Question) -> Answer:
    """Ask a server from the namespace that the calling thread is in, and say what its answer proves.

    Nothing half open is left, and IPVS is not written to.
    """
    if question.protocol not in _ASKED:
        answer = sentences.not_spoken(question)
        return _converse(question, answer) if question.speaks else answer
    route = find_route(RouteQuestion(question.endpoint.address), None)
    match route.kind, question.forwarding:
        case "local", _:
            return _ask_further(question, _ask_here(question))
        case "unicast", Forwarding.MASQ:
            return _ask_further(question, _ask_plainly(question, route))
        case "unicast", Forwarding.ROUTE | Forwarding.TUNNEL:
            if not may_send_raw():
                return _ask_further(question, sentences.without_right(question, _contact(question)))
            try:
                return _ask_further(question, _ask_by_wire(question, route), by_wire=True)
            except OSError as problem:  # EPERM too: our own packet filter keeps it back
                return sentences.unsent(question, route, os.strerror(problem.errno or errno.EIO))
        case "unicast", _:
            return sentences.strange_way(question)
        case _:
            return sentences.no_route(question, route)


def _ask_here(question: Question) -> Answer:
    """Ask a server on this machine itself by its own address: IPVS would take what is sent to a virtual one."""
    if question.endpoint.address in question.shared:
        return sentences.virtual_here(question)
    return sentences.here(question, _contact(question))


def _ask_plainly(question: Question, route: Route) -> Answer:
    """Open a connection to the server, whose address IPVS writes into packets."""
    found = _contact(question)
    unanswered = found.outcome in (Outcome.SILENT, Outcome.UNKNOWN, Outcome.UNREACHABLE)
    if unanswered and is_gone(question.endpoint, route):
        return sentences.nobody(question, route)
    return sentences.plain(question, found)


def _contact(question: Question) -> Contact | Answer:
    """Open a connection to a server's own address; what its probe asks at that very port is asked over it."""
    if question.probe and question.speaks and question.speaks_there:
        return converse(question.probe, question.endpoint, question.patience)
    return contact(question.protocol, question.endpoint, question.patience)


def _ask_further(question: Question, answer: Answer, *, by_wire: bool = False) -> Answer:
    """Ask a server that answers clients' packets what its probe has to ask, unless that was asked over a connection."""
    is_open = question.speaks and not (question.speaks_at_once if by_wire else question.speaks_there)
    return _converse(question, answer) if is_open and answer.outcome in _PERHAPS else answer


def _converse(question: Question, answer: Answer) -> Answer:
    assert question.probe is not None
    return sentences.also(question, answer, converse(question.probe, question.spoken_at, question.patience))


def is_gone(server: Endpoint, route: Route) -> bool:
    """Return whether nobody answers for the link address of the next hop to a server, so that it cannot be there."""
    now = find_route(RouteQuestion(server.address), None)
    if not is_resolved(now):
        return True
    if now.neighbour == "permanent":
        return False
    try:
        link = find_link(now.interface)
    except OSError:  # without the right, what the kernel knows has to do
        return False
    hop = now.gateway or server.address
    source = find_source(hop, route.interface, Family.of(hop), ())
    return source is not None and is_there(link, hop, source, _MOMENT) is False


def _ask_by_wire(question: Question, route: Route) -> Answer:
    """Send a SYN, or a datagram, as IPVS would send on that of a client; needs CAP_NET_RAW. Raises OSError."""
    virtual, server = question.virtual, question.endpoint.address
    if virtual is None:
        return sentences.unknown_address()
    family = Family.of(virtual.address)
    source = find_source(server, route.interface, family, question.shared)
    if source is None:
        return sentences.no_source(family)
    start = time.monotonic()
    route = resolve(server, route, start + question.patience)
    if not is_resolved(route):
        return sentences.nobody(question, route)
    with Port(question.protocol, str(source)) as port:
        words = opening(question.probe) if question.probe and question.speaks_at_once else b""
        flow = Flow(question.protocol, Endpoint(source, port.number), virtual, new_sequence(), words)
        families = dict.fromkeys((family, Family.of(server)))
        with _sender(question, flow, route) as send:
            found = exchange(flow, send, families, question.patience)
    if found.reply is None:
        return _explain_silence(question, route)
    if question.probe and question.speaks_at_once and isinstance(found.reply, Accepted):
        return sentences.answered(question, route, judge(question.probe, words, found.reply.data), found.milliseconds)
    return sentences.replied(question, route, found)


def _on_link(link: Link, route: Route) -> tuple[socket.SocketKind, bytes]:
    """Return how packets go out on a link, and the link address of the next hop.

    Where nobody has one it is our own (arp_constructor in net/ipv4/arp.c). A tunnel over IPv6 has no header of its
    own, but ends with addresses of sixteen bytes, which the other kind of socket wants to have.
    """
    if not link.is_ethernet:
        return (socket.SOCK_RAW if link.kind in _OVER_IPV6 else socket.SOCK_DGRAM), b""
    address = bytes.fromhex(route.link_address.replace(":", "")) if route.link_address else link.address
    return socket.SOCK_DGRAM, address


@contextmanager
def _sender(question: Question, flow: Flow, route: Route) -> Iterator[Send]:
    """Yield what sends a packet to the server: on its link as it is, or in its tunnel as our own network sends it."""
    server = question.endpoint.address
    if question.forwarding is Forwarding.ROUTE:
        link = find_link(route.interface)
        kind, peer = _on_link(link, route)
        target = (route.interface, ETHERTYPES[Family.of(server)], 0, link.kind, peer)
        with socket.socket(socket.AF_PACKET, kind, 0) as wire:

            def send(packet: bytes) -> bytes:
                wire.sendto(packet, target)
                return packet

            yield send
        return
    outer = find_source(server, route.interface, Family.of(server), ())
    internet = socket.AF_INET if server.version == 4 else socket.AF_INET6
    with socket.socket(internet, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:

        def send_wrapped(packet: bytes) -> bytes:
            assert outer is not None
            sent = wrapped(question.tunnel, outer, server, flow.source.port, packet)
            raw.sendto(sent, (str(server), 0))
            return sent

        yield send_wrapped


def _explain_silence(question: Question, route: Route) -> Answer:
    """Look whether the host is there at all, and what its own address says."""
    if is_gone(question.endpoint, route):
        return sentences.nobody(question, route)
    if question.probe and question.speaks_at_once:
        return sentences.silent(question, route, converse(question.probe, question.endpoint, _MOMENT))
    if question.protocol is not Protocol.TCP:
        return sentences.unproved(question, route)
    return sentences.silent(question, route, contact(question.protocol, question.endpoint, _MOMENT))
