"""The options of iptables' matches as iptables-save writes them, and the numbers, ranges and addresses in them."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from socket import getprotobyname
from typing import Final, NamedTuple

from lvstui.core.observed import ALL_BITS
from lvstui.core.packets.program import Range
from lvstui.kernel.nft.reading.conditions import Condition, match_bits
from lvstui.kernel.nft.reading.fields import PacketField

_NUMBERS: Final = {"icmp": 1, "tcp": 6, "udp": 17, "esp": 50, "ah": 51, "icmpv6": 58, "ipv6-icmp": 58} | {
    "sctp": 132,
    "mh": 135,
    "ipv6-mh": 135,
    "udplite": 136,
}
"""Protocols that iptables knows without /etc/protocols (xtables_chain_protos)."""


class Option(NamedTuple):
    """An option of a match and its words."""

    name: str
    values: tuple[str, ...] = ()
    negated: bool = False

    @property
    def value(self) -> str:
        """Its only word; raises ValueError where it has none, or several."""
        (value,) = self.values
        return value

    @property
    def text(self) -> str:
        """The option as iptables-save writes it."""
        return " ".join((*(["!"] if self.negated else []), self.name, *map(shlex.quote, self.values)))


@dataclass(frozen=True, slots=True)
class Match:
    """A match of a rule, which is one of IPv4 (4) or IPv6 (6) and asks for a protocol, None where for none."""

    module: str
    options: tuple[Option, ...]
    version: int
    protocol: int | None

    @property
    def ip(self) -> str:
        """How nft calls the version of IP."""
        return "ip" if self.version == 4 else "ip6"


@lru_cache(256)
def protocol_number(name: str) -> int:
    """Return a protocol's number by its name, which iptables-save takes from /etc/protocols; `all` is 0.

    Raises ValueError for one that is not known.
    """
    if name.isdecimal():
        return int(name)
    if name == "all":
        return 0
    try:
        return getprotobyname(name)
    except OSError:
        if name in _NUMBERS:
            return _NUMBERS[name]
        raise ValueError(name) from None


def value_and_mask(text: str) -> tuple[int, int]:
    """Read `0x50/0xff`; raises ValueError for anything else."""
    value, _, mask = text.partition("/")
    return bits(value), bits(mask) if mask else ALL_BITS


def bits(text: str) -> int:
    """Read a number of 32 bits; raises ValueError for anything else."""
    value = int(text, 0)
    if not 0 <= value <= ALL_BITS:
        raise ValueError(text)
    return value


def ranges(text: str, separator: str = ":", most: int = 0xFFFF) -> tuple[Range, ...]:
    """Read `80,8000:8010`; raises ValueError for anything else."""
    found = []
    for part in text.split(","):
        first, between, last = part.partition(separator)
        found.append((int(first or 0), int(last or most) if between else int(first)))
    return tuple(found)


def match_address(text: str, field: PacketField, negated: bool) -> Condition:
    """Return the condition that an address is `192.0.2.0/24`, or has some of its bits; raises ValueError."""
    address, _, mask = text.partition("/")
    number = int(ip_address(address))
    if not mask or mask.isdecimal():
        length = 8 * field.size
        wanted = field.most ^ ((1 << (length - int(mask or length))) - 1)
    else:
        wanted = int(ip_address(mask))
    return match_bits(field, wanted, number, negated)
