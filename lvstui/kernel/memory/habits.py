"""What traffic of each sort of service looks like, for the memory kernel."""

from __future__ import annotations

from typing import NamedTuple

from lvstui.core.model import AddressKey, Protocol, ServiceKey


class Habits(NamedTuple):
    """What connections to one sort of service are like; one without duration is never active (UDP)."""

    rates: tuple[float, float]
    """Slowest and fastest mean of new connections per second."""
    duration: float
    """Seconds that a connection is active."""
    linger: float
    """Seconds that it is kept as inactive afterwards."""
    in_packets: float
    out_packets: float
    in_size: float
    out_size: float
    """Packets per connection, and their mean sizes in bytes."""


_WEB = Habits((20, 200), 25, 60, 9, 14, 110, 1150)
_REDIRECT = Habits((2, 15), 2, 60, 5, 4, 90, 210)
_DNS = Habits((50, 600), 0, 60, 1, 1, 72, 180)
_DATAGRAMS = Habits((1, 40), 0, 60, 20, 40, 200, 900)
_SIGNALLING = Habits((0.05, 0.3), 600, 30, 400, 380, 180, 170)
_STREAM = Habits((1, 40), 90, 60, 40, 60, 150, 900)


def habits_of(key: ServiceKey) -> Habits:
    """Guess the habits of a service from its protocol and port, as an operator would."""
    match key:
        case AddressKey(Protocol.UDP, _, 53):
            return _DNS
        case AddressKey(Protocol.UDP):
            return _DATAGRAMS
        case AddressKey(Protocol.SCTP):
            return _SIGNALLING
        case AddressKey(Protocol.TCP, _, 80):
            return _REDIRECT
        case AddressKey(Protocol.TCP, _, port) if port not in (0, 443, 8080, 8443):
            return _STREAM
        case _:
            return _WEB
