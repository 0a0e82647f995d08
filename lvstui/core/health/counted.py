"""What the counters of a masqueraded server say between two readings: both ways pass the director."""

from __future__ import annotations

from enum import Enum
from typing import Final, NamedTuple

from lvstui.core.model import AddressKey, Director, Family, Forwarding, MarkKey, Pool, Protocol, ServiceFlags
from lvstui.core.observed import ServerStats, Stats

_RESET: Final = 20
"""Bytes of a reset without its IP header: it has no options, where an answer to a SYN has at least its MSS."""

_ABORT: Final = 16
"""The same of SCTP, without a cause (sctp_make_abort in net/sctp/sm_make_chunk.c); an answer to INIT has a cookie."""

_ICMP: Final = 8
"""Bytes that ICMP puts between its IP header and the packet that it is about."""

_UDP: Final = 8
"""Bytes of a datagram's own header."""

_LONGEST_SYN: Final = 60
"""Bytes of the longest SYN without its IP header."""

_ABOUT: Final = 4
"""Bytes by which mean lengths of packets may differ that are of clients of several kinds."""

_NO_STATS: Final = Stats()

_HASHING: Final = frozenset({"sh", "dh", "mh", "lblc", "lblcr"})
"""Schedulers that send a client, or what it asks for, to one and the same server."""


class Traffic(NamedTuple):
    """What is known of the traffic to a server, as far as it decides what answers mean.

    `protocol` is None for a firewall mark whose packets may be of several. `header` is the length of its IP header in
    bytes. `sticky` says that one client may be all there is on a server, `any_port` that packets to ports come which
    nobody serves.
    """

    protocol: Protocol | None
    header: int
    masq: bool
    sticky: bool
    any_port: bool


def traffic(pool: Pool, forwarding: Forwarding, director: Director) -> Traffic | None:
    """Return what is known of the traffic to a server; None where answers show nothing."""
    service = pool.service
    protocol = _protocol(pool, director)
    masq = forwarding is Forwarding.MASQ
    if forwarding is Forwarding.BYPASS or service.flags & ServiceFlags.ONE_PACKET:
        return None
    if not masq and protocol not in (Protocol.TCP, None):
        return None
    sticky = service.persistence is not None or service.scheduler in _HASHING
    header = 40 if service.key.family is Family.IPV6 else 20
    any_port = isinstance(service.key, AddressKey) and service.key.port == 0
    return Traffic(protocol, header, masq, sticky, any_port)


def _protocol(pool: Pool, director: Director) -> Protocol | None:
    """Return the protocol of a service; of a mark that of our own rules, where they are all about one."""
    key = pool.service.key
    if not isinstance(key, MarkKey):
        return key.protocol
    group = director.groups.get(key.mark)
    found = {selector.protocol for selector in group.selectors} if group else set()
    return found.pop() if len(found) == 1 else None


class Span(NamedTuple):
    """What a server counted between two readings; `active` is by how many its active connections grew."""

    connections: int
    in_packets: int
    out_packets: int
    in_bytes: int
    out_bytes: int
    active: int


def counters(seen: ServerStats) -> Stats:
    """Return what was counted of a server; zeros where the source has no counters."""
    return seen.stats or _NO_STATS


def between(then: ServerStats, now: ServerStats) -> Span:
    """Return what was counted between two readings of one server."""
    before, after = counters(then), counters(now)
    return Span(
        after.connections - before.connections,
        after.in_packets - before.in_packets,
        after.out_packets - before.out_packets,
        after.in_bytes - before.in_bytes,
        after.out_bytes - before.out_bytes,
        now.active - then.active,
    )


class Answers(Enum):
    """How a masqueraded server answers: with nothing, with resets only, with ICMP errors only, or otherwise."""

    NONE = "no packet came back"
    RESETS = "each answered by a reset"
    ERRORS = "each answered by ICMP (unreachable)"
    SOME = "answers came back"


def answers(span: Span, kind: Traffic) -> Answers:
    """Return how a masqueraded server answered what came in a span.

    All answers to a SYN that are resets have the length of one, so a single handshake shows in the bytes. An ICMP error
    quotes the packet that it is about (net/ipv4/icmp.c: up to 576 bytes), so it is longer by its headers; IPVS counts
    it as a packet of the server (ip_vs_core.c, handle_response_icmp).
    """
    if not span.out_packets:
        return Answers.NONE
    reset = _ABORT if kind.protocol is Protocol.SCTP else _RESET
    if kind.protocol is not Protocol.UDP and span.out_bytes == span.out_packets * (kind.header + reset):
        return Answers.RESETS
    longer = (kind.header + _ICMP) * span.out_packets
    if span.out_packets == span.in_packets and span.out_bytes - span.in_bytes == longer:
        return Answers.ERRORS
    return Answers.SOME


def may_be_errors(span: Span, kind: Traffic) -> bool:
    """Return whether all that came back may be ICMP errors, though not one for each packet in the same span.

    Where a host is down, the director itself says so to its clients once it gave up ARP, seconds after the packets
    (net/ipv4/arp.c, arp_error_report), and drops some of them.
    """
    if kind.protocol is Protocol.UDP:  # an answer may well be that much longer
        return False
    if not span.in_packets or span.out_packets > 2 * span.in_packets:
        return not span.in_packets
    longer = span.out_bytes / span.out_packets - span.in_bytes / span.in_packets
    return opens(span, kind) and abs(longer - kind.header - _ICMP) <= _ABOUT


def may_be_unreachable(span: Span, seen: ServerStats, kind: Traffic) -> bool:
    """Return whether what came back may be the director's own words that the host is down: no more than a hint.

    Each of its ICMP errors quotes the headers of a packet at least; TCP connections that it is about stay active.
    """
    if span.out_packets <= 0 or span.in_packets <= 0:
        return False
    if answers(span, kind) is Answers.ERRORS:
        return True
    quoted = _UDP if kind.protocol is Protocol.UDP else _RESET
    if span.out_bytes < span.out_packets * (2 * kind.header + _ICMP + quoted):
        return False
    return kind.protocol is Protocol.UDP or (seen.active >= seen.inactive and opens(span, kind))


def opens(span: Span, kind: Traffic) -> bool:
    """Return whether what came in looks like nothing but attempts to open a connection, by their mean length."""
    return span.in_bytes <= span.in_packets * (kind.header + _LONGEST_SYN)
