"""Where the kernel sends a packet: the question, and its answer."""

from __future__ import annotations

from typing import Final, NamedTuple

from lvstui.core.model import Address

FILTERED: Final = "the reverse path filter (rp_filter) drops it, as answers would leave by another interface"
"""What is said of a packet that comes in by another interface than the one by which its source is reached."""


class RouteQuestion(NamedTuple):
    """A packet whose route is asked for; one with an `interface` comes in there, any other leaves this machine.

    A packet that comes in needs its `source`. `mark` is its firewall mark, which policy rules may ask for.
    """

    destination: Address
    source: Address | None = None
    mark: int = 0
    interface: str = ""


class Route(NamedTuple):
    """Where a packet goes.

    `kind` is a word of `ip route`: `local` for this machine, `unicast`, `broadcast`, `multicast`, `blackhole`,
    `unreachable`, `prohibit`; empty where there is no route, and `trouble` says why. `gateway` is None on the link of
    the `interface` itself. `link_address` is that of the next hop, as far as the kernel knows it, and `neighbour` the
    kernel's word for how well: `reachable`, `stale`, `failed`, `permanent`, `noarp`; `unknown` before the first packet,
    empty where nobody is asked. `mtu` is that of the way as far as this machine knows it, in bytes (0: not known).
    Texts are from outside.
    """

    kind: str = ""
    interface: str = ""
    gateway: Address | None = None
    link_address: str = ""
    neighbour: str = ""
    trouble: str = ""
    mtu: int = 0
