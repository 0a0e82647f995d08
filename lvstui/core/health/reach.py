"""Servers that the director itself cannot reach, as its neighbour table shows; that is read only where there is doubt.

Where ARP for a host fails, the director says so to the clients by ICMP (net/ipv4/arp.c, arp_error_report), and IPVS
counts that as packets of the server (net/netfilter/ipvs/ip_vs_core.c, handle_response_icmp). They come seconds late,
several at once, and quote packets of any length: no counter tells them from answers, but the neighbour table does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from lvstui.core.health.counted import Span, Traffic, may_be_unreachable
from lvstui.core.health.verdict import Trouble, Verdict
from lvstui.core.model import Address, ServerKey
from lvstui.core.observed import ServerStats

_AGAIN: Final = 2.0
"""Seconds after which the neighbour table is read again about a server that cannot be reached."""

_CALM: Final = 30.0
"""The same of one that is merely in doubt, and that can be reached."""

_NEAR: Final = 3 * _AGAIN
"""Seconds for which it is known that a server can be reached."""

_FAILING: Final = frozenset({"failed", "incomplete"})
"""States of a neighbour that did not answer when the director asked; packets put it from the first to the second."""

_AT_MOST: Final = 16
"""Servers' addresses that are asked about in one go."""


class Hop(NamedTuple):
    """The next hop on the way to a server: its address, and the kernel's word for its state as a neighbour."""

    address: Address
    neighbour: str


@dataclass(slots=True)
class _Doubt:
    """A server in doubt: when it last got a packet, and from when on it is to be looked up, if that is `wanted`.

    `asked` says that it was, `near` until when it counts as a neighbour that answers.
    """

    newest: float
    due: float
    wanted: bool = True
    asked: bool = False
    near: float = 0.0


class Reach:
    """The masqueraded servers about whose neighbour there is doubt, and those that cannot be reached."""

    def __init__(self) -> None:
        self._open: dict[ServerKey, _Doubt] = {}
        self._lost: dict[Address, Verdict] = {}

    def take(self, key: ServerKey, span: Span, seen: ServerStats, kind: Traffic, now: float, *, troubled: bool) -> None:
        """Take what a server counted; `troubled` says that its counters showed trouble before."""
        doubt = self._open.get(key) if self._open else None
        suspect = troubled or may_be_unreachable(span, seen, kind)
        if doubt is None:
            if suspect or (span.in_packets and key.endpoint.address in self._lost):
                self._open[key] = _Doubt(now, now)
            return
        if span.in_packets:
            doubt.newest = now
        doubt.wanted = doubt.wanted or suspect
        if troubled:
            doubt.due = min(doubt.due, now)

    def asks(self, now: float) -> tuple[Address, ...]:
        """Return the servers' addresses whose next hops should be looked up, those first that are due for longest."""
        due = [(doubt.due, key.endpoint.address) for key, doubt in self._open.items() if doubt.wanted]
        waiting = sorted((one for one in due if one[0] <= now), key=lambda one: one[0])
        return tuple(dict.fromkeys(address for _, address in waiting))[:_AT_MOST]

    def hear(self, hops: Mapping[Address, Hop | None], now: float) -> frozenset[ServerKey]:
        """Take the next hops, None where there is none to ask; return the servers that can be reached again."""
        back: set[ServerKey] = set()
        asked = {key.endpoint.address for key, doubt in self._open.items() if doubt.asked}
        lost, self._lost = self._lost, {address: found for address, found in self._lost.items() if address not in hops}
        for key, doubt in self._open.items():
            address = key.endpoint.address
            if address not in hops:
                continue
            hop, doubt.asked = hops[address], True
            if hop is not None and hop.neighbour in _FAILING:
                doubt.wanted, doubt.due, doubt.near = True, now + _AGAIN, 0.0
                # A neighbour that was forgotten is incomplete too, but for some milliseconds only.
                if address in lost or address in asked or hop.neighbour == "failed":
                    new = Verdict(Trouble.SILENT, _evidence(hop, address), now)
                    self._lost[address] = lost.get(address, new)
                continue
            if address in lost:
                back.add(key)
            doubt.wanted, doubt.due = False, now + _CALM
            is_near = hop is not None and hop.address == address and hop.neighbour != "unknown"
            doubt.near = now + _NEAR if is_near else 0.0
        return frozenset(back)

    def is_near(self, key: ServerKey, now: float) -> bool:
        """Return whether a server itself answered the director's ARP or neighbour discovery lately."""
        doubt = self._open.get(key) if self._open else None
        return doubt is not None and now < doubt.near

    def found(self) -> Sequence[tuple[ServerKey, Verdict]]:
        """Return the servers that cannot be reached, and got something since."""
        if not self._lost:
            return ()
        return tuple((key, self._lost[found]) for key in self._open if (found := key.endpoint.address) in self._lost)

    def newest(self) -> list[tuple[ServerKey, float]]:
        """Return all servers in doubt, and when each last got a packet."""
        return [(key, doubt.newest) for key, doubt in self._open.items()]

    def drop(self, key: ServerKey) -> None:
        """Forget a server that is another one now, or gets nothing any more."""
        if self._open.pop(key, None) and not any(
            key.endpoint.address == other.endpoint.address for other in self._open
        ):
            self._lost.pop(key.endpoint.address, None)


def _evidence(hop: Hop, server: Address) -> str:
    way = "ARP" if hop.address.version == 4 else "neighbour discovery"
    router = "" if hop.address == server else f", the router towards {server},"
    return f"the director cannot reach it: {way} for {hop.address}{router} fails"
