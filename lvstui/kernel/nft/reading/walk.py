"""A rule gone through as the kernel does, but with names of fields in its registers in place of a packet's bytes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeAlias

from lvstui.core.observed import ALL_BITS
from lvstui.core.packets.program import interface_number
from lvstui.kernel.netlink.attributes import NATIVE, Codec
from lvstui.kernel.nft.ipsets.reading import IpSet
from lvstui.kernel.nft.nfnetlink import word
from lvstui.kernel.nft.reading.conditions import (
    Condition,
    complement,
    lowest_bit,
    match_values,
    unknown,
    value_text,
)
from lvstui.kernel.nft.reading.fields import IIFNAME, NETWORKS, OIFNAME, PacketField
from lvstui.kernel.nft.reading.sets import Key, Set
from lvstui.kernel.port import Garbled

_ADDRESSES: Final = ("ipv4", "ipv6", "ether")
_KEPT: Final = (*_ADDRESSES, "mark")
"""Kinds of fields whose masked values are written like whole ones."""
_MESSAGES: Final = ("icmp type", "icmpv6 type")
_INTERFACES: Final = {"iif": IIFNAME, "oif": OIFNAME}


KNOWN_MAX: Final = 20_000
"""Expressions that are remembered, as many rules have the same ones."""

OTHER_SHAPE: Final = (ArithmeticError, LookupError, ValueError, Garbled)
"""What reading an expression raises that is not shaped as our kernels write it."""

SIGNS: Final = ("==", "!=", "<", "<=", ">", ">=")
"""Comparisons (enum nft_cmp_ops)."""

COMBINED: Final = {3: "&", 4: "|", 5: "^"}
"""Ways to combine two registers, or one and a constant, since Linux 6.13 (enum nft_bitwise_ops)."""


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


class Effect(NamedTuple):
    """What a rule does with a mark, as in `Rule`, and how many of its conditions hold by then.

    `text` says it where no value can. `choices` are the values of a map, each with the conditions that choose it.
    """

    verb: str
    value: int | None
    mask: int
    asked: int
    bits: int = ALL_BITS
    text: str = ""
    certain: bool = True
    choices: tuple[tuple[int, tuple[Condition, ...]], ...] = ()
    shift: int = 0


class Jump(NamedTuple):
    """A way to another chain, and all that has to hold for it."""

    chain: str
    conditions: tuple[Condition, ...]


@dataclass(slots=True)
class Surroundings:
    """What a rule refers to: the sets of its table, the names of interfaces and of ipsets by their numbers.

    `held` returns what an ipset of some name holds.

    `codec` is that of the machine whose rules these are.
    """

    family: str
    sets: Mapping[str, Set] = field(default_factory=dict)
    interfaces: Callable[[], Mapping[int, str]] = dict
    ipsets: Callable[[int], str] = str
    codec: Codec = NATIVE
    held: Callable[[str], IpSet] = IpSet


@dataclass(slots=True)
class Walk:
    """The state while a rule is gone through: what is known so far, and what it does.

    `network` and `transport` are the protocols of these layers, `messages` the types of ICMP that packets may have.
    `pending` is what maps ask by their names: a packet without a value there takes no part in what follows.
    """

    around: Surroundings
    network: int | None = None
    transport: int | None = None
    messages: frozenset[int] = frozenset()
    registers: dict[int, Operand] = field(default_factory=dict)
    conditions: list[Condition] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    jumps: list[Jump] = field(default_factory=list)
    pending: dict[str, tuple[Condition, ...]] = field(default_factory=dict)
    unknown: bool = False
    counted: tuple[int, int] | None = None
    counter: str = ""
    comment: str = ""

    def unpack(self, form: str, data: bytes, start: int = 0) -> tuple[int, ...]:
        """Unpack the numbers of a structure of the kernel's. Raises `Garbled` where it is cut off."""
        return self.around.codec.unpack(form, data, start)

    def ask(self, condition: Condition) -> None:
        """Add a condition; one that fixes the protocol of a layer decides how later ones are read."""
        self.settle()
        kind = condition.field.kind
        if kind == "index" and condition.text:
            condition = _name_interfaces(condition, self.around.interfaces)
        elif kind in ("protocol", "next", "nfproto", "ethertype") and condition.ranges is not None:
            ranges = condition.ranges
            value = ranges[0][0] if len(ranges) == 1 and ranges[0][0] == ranges[0][1] else None
            if kind in ("protocol", "next"):
                self.transport = value
            else:
                self.network = value if kind == "nfproto" else NETWORKS.get(value or 0)
        elif condition.field.name in _MESSAGES and condition.ranges:
            self.messages = frozenset(first for first, last in condition.ranges if first == last)
        self.conditions.append(condition)

    def settle(self, but: str = "") -> None:
        """Add what the maps that were looked into ask, but for the one of this name: a key that is in it."""
        pending, self.pending = self.pending, {}
        for name, asked in pending.items():
            if name == but:
                self.pending[name] = asked
            else:
                for condition in asked:
                    self.ask(condition)

    def puzzle(self, text: str) -> None:
        """Add a condition that is not understood: it is shown as it is, and nothing that follows is sure."""
        self.settle()
        self.unknown = True
        self.registers.clear()
        self.conditions.append(unknown(text))

    def keys(self, register: int, size: int) -> tuple[Key, ...] | None:
        """Return the fields that a key of this size is made of, None where one of them is not known."""
        found: list[Key] = []
        offset = 0
        while offset < size:
            match self.registers.get(register + offset // 4):
                case Loaded(which, loaded):
                    found.append(Key(which, offset))
                case Masked(which) as masked:
                    found.append(masked.key(offset))
                    loaded = which.size
                case Joined(fields):
                    loaded = 0
                    for part in fields:
                        found.append(Key(part, offset + loaded))
                        loaded += part.size
                case _:
                    return None
            offset += max(loaded + 3 & ~3, 4)
        return tuple(found) or None

    def effect(self, verb: str, value: int | None, mask: int = ALL_BITS, bits: int = ALL_BITS, shift: int = 0) -> None:
        """Do something with a mark."""
        self.settle()
        self.effects.append(Effect(verb, value, mask, len(self.conditions), bits, shift=shift))

    def unclear_effect(self, verb: str, text: str, source: str = "") -> None:
        """Do something with a mark that only words can say; `source` is the map that the mark is from."""
        self.settle(source)
        self.effects.append(Effect(verb, None, ALL_BITS, len(self.conditions), text=text, certain=False))


Step: TypeAlias = Callable[[Walk], None]
"""What an expression does with a walk."""


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


def nothing(_: Walk) -> None:
    """Do nothing: what the expression does is of no interest here."""


def _name_interfaces(condition: Condition, interfaces: Callable[[], Mapping[int, str]]) -> Condition:
    """Write an interface's number as its name, as it is now."""
    text, numbered, ranges = condition[:3]
    named = _INTERFACES.get(numbered.name)
    if named is None or ranges is None:
        return condition
    names = interfaces()
    negated = text.startswith(f"{numbered.name} != ")
    meant = complement(ranges, numbered.most) if negated else ranges
    if not meant or not all(first == last and first in names for first, last in meant):
        return condition
    if text != match_values(numbered, meant, negated).text:
        return condition  # it is about other fields as well
    values = tuple((interface_number(names[index]),) * 2 for index, _ in meant)
    words = ", ".join(names[index] for index, _ in meant)
    return match_values(named, values, negated)._replace(text=f"{numbered.name} {'!= ' if negated else ''}{words}")
