"""What both readers of a rule need: the parts of its expressions, and what these refer to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from lvstui.kernel.netlink.attributes import NATIVE, Codec
from lvstui.kernel.nft.ipsets.reading import IpSet
from lvstui.kernel.nft.nfnetlink import word
from lvstui.kernel.nft.reading.sets import Set
from lvstui.kernel.port import Garbled

KNOWN_MAX: Final = 20_000
"""Expressions that are remembered, as many rules have the same ones."""

OTHER_SHAPE: Final = (ArithmeticError, LookupError, ValueError, Garbled)
"""What reading an expression raises that is not shaped as our kernels write it."""

SIGNS: Final = ("==", "!=", "<", "<=", ">", ">=")
"""Comparisons (enum nft_cmp_ops)."""

COMBINED: Final = {3: "&", 4: "|", 5: "^"}
"""Ways to combine two registers, or one and a constant, since Linux 6.13 (enum nft_bitwise_ops)."""


@dataclass(slots=True)
class Context:
    """What a rule refers to: the sets of its table, the names of interfaces and of ipsets by their numbers.

    `held` returns what an ipset of some name holds. `codec` is that of the machine whose rules these are.
    """

    family: str
    sets: Mapping[str, Set] = field(default_factory=dict)
    interfaces: Callable[[], Mapping[int, str]] = dict
    ipsets: Callable[[int], str] = str
    codec: Codec = NATIVE
    held: Callable[[str], IpSet] = IpSet


@dataclass(frozen=True, slots=True)
class Parts:
    """The attributes of one expression, read with the codec of the machine that it is from."""

    codec: Codec
    values: Mapping[int, bytes]

    def __contains__(self, kind: int) -> bool:
        return kind in self.values

    def number(self, kind: int) -> int:
        """Return a number, which nf_tables keeps in network order; 0 where it is not there."""
        return int.from_bytes(self.values.get(kind, b""), "big")

    def word(self, kind: int) -> str:
        """Return a name."""
        return word(self.values.get(kind))

    def slot(self, kind: int) -> int:
        """Return a register as the first of the 4-byte slots that it consists of (enum nft_registers)."""
        register = self.number(kind)
        return (register - 1) * 4 if register < 8 else register - 8

    def constant(self, kind: int) -> bytes:
        """Return the bytes of a constant, as they would stand in a register."""
        return self.codec.first(self.values.get(kind))


def opened(codec: Codec, expression: bytes) -> tuple[str, bytes]:
    """Return an expression's name and what it holds: the name comes first (nf_tables_fill_expr_info), then a nest."""
    name = codec.first(expression)
    return word(name), expression[((4 + len(name) + 3) & ~3) + 4 :]
