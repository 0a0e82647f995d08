"""A sync message about one connection or persistence entry: how entries are written to the kernel."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from typing import Final, NamedTuple

from lvstui.core.model import Address, Endpoint, Family, MarkKey

LOCAL_NODE: Final = 0x0001
INACTIVE: Final = 0x0100
TEMPLATE: Final = 0x1000
"""Flags of a message (IP_VS_CONN_F_*, include/uapi/linux/ip_vs.h)."""

ASSURED: Final = 1
"""State of a template (IP_VS_CTPL_S_ASSURED, include/net/ip_vs.h)."""


TCP_STATES: Final = (
    "NONE",
    "ESTABLISHED",
    "SYN_SENT",
    "SYN_RECV",
    "FIN_WAIT",
    "TIME_WAIT",
    "CLOSE",
    "CLOSE_WAIT",
    "LAST_ACK",
    "LISTEN",
    "SYNACK",
)
"""The words for TCP's states, each at its number (enum in include/net/ip_vs.h)."""


class Message(NamedTuple):
    """One connection in a sync message of version 1 (net/netfilter/ipvs/ip_vs_sync.c).

    `protocol` is 6, 17 or 132, and 0 for the template of a firewall-mark service, whose mark stands in the first four
    bytes of `virtual` as well as in `mark`. `timeout` is in seconds: at least 1, as the kernel takes 0 for 180; at most
    31 days. `engine` and `identity` are the name and the data of a persistence engine, both or neither.
    """

    protocol: int
    client: Endpoint
    virtual: Endpoint
    server: Endpoint
    timeout: int
    flags: int = TEMPLATE
    state: int = ASSURED
    mark: int = 0
    engine: str = ""
    identity: bytes = b""

    @property
    def address(self) -> Address:
        """The client's address, whose family is the message's."""
        return self.client.address


def mark_end(service: MarkKey) -> Endpoint:
    """Write a mark where an address would stand: in its first four bytes."""
    if service.family is Family.IPV4:
        return Endpoint(IPv4Address(service.mark), 0)
    return Endpoint(IPv6Address(service.mark << 96), 0)
