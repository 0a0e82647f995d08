"""What stands in the registers while a rule is explained: names of fields in place of a packet's bytes."""

from __future__ import annotations

from typing import Final, NamedTuple, TypeAlias

from lvstui.kernel.nft.reading.conditions import lowest_bit, value_text
from lvstui.kernel.nft.reading.fields import PacketField
from lvstui.kernel.nft.reading.sets import Key, Set

_ADDRESSES: Final = ("ipv4", "ipv6", "ether")
_KEPT: Final = (*_ADDRESSES, "mark")
"""Kinds of fields whose masked values are written like whole ones."""


class Loaded(NamedTuple):
    """A field of the packet in a register; `size` is how many of its first bytes were read."""

    field: PacketField
    size: int


class Joined(NamedTuple):
    """Neighbouring fields that were read at once."""

    fields: tuple[PacketField, ...]


class Masked(NamedTuple):
    """`((field & mask) << shift) ^ flip`, as numbers of the field; a negative `shift` goes to the right."""

    field: PacketField
    mask: int
    flip: int
    shift: int = 0

    @property
    def bits(self) -> int:
        """The bits that may be on in its value."""
        return (self.mask << self.shift if self.shift > 0 else self.mask >> -self.shift) | self.flip

    @property
    def part(self) -> PacketField | None:
        """The field that these bits are, moved by `scale`; None where they have no name."""
        return None if self.flip else dict(self.field.parts).get(self.mask)

    @property
    def scale(self) -> int:
        """How many bits further to the left than in its field the value stands."""
        return lowest_bit(self.mask) + self.shift

    @property
    def name(self) -> str:
        """The expression in nft's words."""
        part, scale = self.part, self.scale
        if part is not None:
            return f"{part.name} {'<<' if scale > 0 else '>>'} {abs(scale)}" if scale else part.name
        text = self.field.name
        if self.mask != self.field.most:
            mask = value_text(self.field, self.mask) if self.field.kind in _ADDRESSES else f"0x{self.mask:x}"
            text += f" & {mask}"
        if self.shift:
            text = f"({text})" if self.mask != self.field.most else text
            text += f" {'<<' if self.shift > 0 else '>>'} {abs(self.shift)}"
        return f"{text} ^ 0x{self.flip:x}" if self.flip else text

    @property
    def whole(self) -> PacketField:
        """The expression as a field of its own, which is compared as a whole."""
        if self.part is not None and not self.scale:
            return self.part
        kind = self.field.kind if self.field.kind in _KEPT and not self.shift else "bits"
        return PacketField(self.name, self.field.size, kind, self.field.host, self.field.layer)

    def key(self, offset: int) -> Key:
        """Return the expression as a field of a key that starts at an offset."""
        part, scale = self.part, self.scale
        return Key(part, offset, scale) if part is not None and scale > 0 else Key(self.whole, offset)


class Mixed(NamedTuple):
    """Two expressions combined: by `^` also where bits of both are put together, of which none is in both."""

    one: Masked
    other: Masked
    sign: str

    @property
    def name(self) -> str:
        """The expression in nft's words."""
        names = (f"({each.name})" if " " in each.name.removeprefix(each.field.name) else each.name for each in self[:2])
        return f" {self.sign} ".join(names)


class Constant(NamedTuple):
    """Bytes from the rule itself."""

    data: bytes


class Mapped(NamedTuple):
    """The value that a map holds for these fields."""

    keys: tuple[Key, ...]
    map: Set


Operand: TypeAlias = Loaded | Joined | Masked | Mixed | Constant | Mapped
