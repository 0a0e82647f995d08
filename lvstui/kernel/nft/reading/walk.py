"""A rule gone through as the kernel does, but with names of fields in its registers in place of a packet's bytes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeAlias

from lvstui.core.observed import ALL_BITS
from lvstui.kernel.netlink.attributes import NATIVE, Codec, Order
from lvstui.kernel.nft.reading.conditions import (
    IIFNAME,
    OIFNAME,
    Condition,
    Field,
    Range,
    complement,
    interface_value,
    match_bits,
    match_values,
    value_of,
    value_text,
)
from lvstui.kernel.nft.reading.sets import Content, Element, Key, Verdict, match_elements, match_members

_EQUAL, _DIFFERENT, _LESS, _AT_MOST, _MORE, _AT_LEAST = range(6)
_SIGNS: Final = ("==", "!=", "<", "<=", ">", ">=")
"""Comparisons (enum nft_cmp_ops)."""


class Loaded(NamedTuple):
    """A field of the packet in a register; `size` is how many of its first bytes were read."""

    field: Field
    size: int


class Joined(NamedTuple):
    """Neighbouring fields that were read at once."""

    fields: tuple[Field, ...]


class Masked(NamedTuple):
    """`(field & mask) ^ flip`, as numbers of the field."""

    field: Field
    mask: int
    flip: int


class Constant(NamedTuple):
    """Bytes that the rule itself brings along."""

    data: bytes


class Mapped(NamedTuple):
    """What a map has for these fields."""

    keys: tuple[Key, ...]
    content: Content


Operand: TypeAlias = Loaded | Joined | Masked | Constant | Mapped


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


class Jump(NamedTuple):
    """A way to another chain, and all that has to hold for it."""

    chain: str
    conditions: tuple[Condition, ...]


@dataclass(slots=True)
class Surroundings:
    """What a rule refers to: the sets of its table, the names of interfaces and of ipsets by their numbers.

    `codec` is that of the machine whose rules these are.
    """

    family: str
    contents: Mapping[str, Content] = field(default_factory=dict)
    interfaces: Callable[[], Mapping[int, str]] = dict
    ipsets: Callable[[int], str] = str
    codec: Codec = NATIVE


@dataclass(slots=True)
class Walk:
    """The state while a rule is gone through: what is known so far, and what it does."""

    around: Surroundings
    network: int | None = None
    transport: int | None = None
    registers: dict[int, Operand] = field(default_factory=dict)
    conditions: list[Condition] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    jumps: list[Jump] = field(default_factory=list)
    unknown: bool = False
    counted: tuple[int, int] | None = None
    counter: str = ""
    comment: str = ""

    @property
    def codec(self) -> Codec:
        """What the rule is read with."""
        return self.around.codec

    @property
    def order(self) -> Order:
        """The byte order of the machine whose rule it is."""
        return self.around.codec.order

    def unpack(self, form: str, data: bytes, start: int = 0) -> tuple[int, ...]:
        """Unpack the numbers of a structure of the kernel's. Raises struct.error where it is cut off."""
        return self.codec.unpack(form, data, start)

    def ask(self, condition: Condition) -> None:
        """Add a condition; one that fixes the protocol of a layer decides how later ones are read."""
        kind = condition.field.kind
        if kind == "index":
            condition = self._name_interfaces(condition)
        elif kind in ("protocol", "next", "nfproto", "ethertype") and condition.ranges is not None:
            ranges = condition.ranges
            value = ranges[0][0] if len(ranges) == 1 and ranges[0][0] == ranges[0][1] else None
            if kind in ("protocol", "next"):
                self.transport = value
            elif kind == "nfproto":
                self.network = value
            else:
                self.network = {0x0800: 2, 0x86DD: 10}.get(value or 0)
        self.conditions.append(condition)

    def puzzle(self, text: str) -> None:
        """Add a condition that is not understood: it is shown as it is, and nothing that follows is sure."""
        self.unknown = True
        self.registers.clear()
        self.conditions.append(Condition(text, Field(text, 0, "unknown")))

    def load(self, register: int, operand: Operand) -> None:
        """Put something into a register."""
        self.registers[register] = operand

    def compare(self, register: int, sign: int, data: bytes) -> None:
        """Add the condition that a register compares so to a constant."""
        match self.registers.get(register):
            case Loaded(which, size):
                self._compare_field(which, size, sign, data)
            case Masked(which, mask, flip):
                self._compare_masked(which, mask, flip, sign, data)
            case Joined(fields) if sign == _EQUAL:
                position = 0
                for part in fields:
                    self._compare_field(part, part.size, sign, data[position : position + part.size])
                    position += part.size
            case _:
                self.puzzle(f"[cmp {_SIGNS[sign]} 0x{data.hex()}]")

    def _compare_field(self, which: Field, size: int, sign: int, data: bytes) -> None:
        if which.kind == "unknown":
            self.unknown = True
        if which.kind == "interface" and data.endswith(b"\0"):
            first = last = int.from_bytes(data.ljust(which.size, b"\0"), "big")  # its end is compared too
        elif which.host or len(data) == which.size:
            first = last = value_of(data, which, self.around.codec.order)
        elif len(data) < which.size and len(data) <= size and sign in (_EQUAL, _DIFFERENT):
            first = int.from_bytes(data.ljust(which.size, b"\0"), "big")
            last = int.from_bytes(data.ljust(which.size, b"\xff"), "big")
        else:
            self.puzzle(f"[{which.name} {_SIGNS[sign]} 0x{data.hex()}]")
            return
        if sign in (_EQUAL, _DIFFERENT):
            self.ask(match_values(which, ((first, last),), sign == _DIFFERENT))
            return
        ranges = _beyond(sign, first, which.most)
        previous = self.conditions[-1] if self.conditions else None
        if sign == _AT_MOST and previous is not None and previous.text.startswith(f"{which.name} >= "):
            lowest = previous.ranges[0][0] if previous.ranges else 0
            self.conditions.pop()
            self.ask(match_values(which, ((lowest, first),)))
            return
        self.ask(Condition(f"{which.name} {_SIGNS[sign]} {value_text(which, first)}", which, ranges))

    def _compare_masked(self, which: Field, mask: int, flip: int, sign: int, data: bytes) -> None:
        if which.kind == "unknown":
            self.unknown = True
        whole = data if which.host else data.ljust(which.size, b"\0")
        value = value_of(whole, which, self.order) ^ flip
        if sign in (_EQUAL, _DIFFERENT):
            self.ask(match_bits(which, mask, value, sign == _DIFFERENT))
        else:
            self.puzzle(f"[{which.name} & 0x{mask:x} {_SIGNS[sign]} 0x{value:x}]")

    def between(self, register: int, negated: bool, first: bytes, last: bytes) -> None:
        """Add the condition that a register lies in a range."""
        operand = self.registers.get(register)
        if isinstance(operand, Loaded) and len(first) == operand.field.size:
            which, order = operand.field, self.order
            self.unknown = self.unknown or which.kind == "unknown"
            self.ask(match_values(which, ((value_of(first, which, order), value_of(last, which, order)),), negated))
        else:
            self.puzzle(f"[range {'!= ' if negated else ''}0x{first.hex()}-0x{last.hex()}]")

    def keys(self, register: int, size: int) -> tuple[Key, ...] | None:
        """Return the fields that a key of this size is made of, None where one of them is not known."""
        found: list[Key] = []
        offset = 0
        while offset < size:
            match self.registers.get(register + offset // 4):
                case Loaded(which, loaded):
                    found.append(Key(which, offset))
                case Masked(which, mask, 0):
                    shown = which._replace(name=f"{which.name} & 0x{mask:x}", layer=which.layer)
                    found.append(Key(shown, offset))
                    loaded = which.size
                case Joined(fields):
                    loaded = 0
                    for part in fields:
                        found.append(Key(part, offset + loaded))
                        loaded += part.size
                case _:
                    return None
            offset += (loaded + 3) & ~3
        return tuple(found) or None

    def look_up(self, name: str, register: int, target: int | None, negated: bool) -> None:
        """Look a key up: a condition without a target, else the value, or (target -1) the verdict of a map."""
        content = self.around.contents.get(name)
        keys = self.keys(register, content.kind.size) if content is not None else None
        if content is None or keys is None:
            self.puzzle(f"[lookup {'!= ' if negated else ''}@{name}]")
            return
        self.unknown = self.unknown or any(key.field.kind == "unknown" for key in keys)
        if target is None:
            for condition in match_members(self.order, keys, content, content.elements, negated):
                self.ask(condition)
        elif target < 0:
            self._branch(keys, content)
        else:
            self.registers[target] = Mapped(keys, content)

    def _branch(self, keys: tuple[Key, ...], content: Content) -> None:
        """Follow a verdict map: a way to each of its chains."""
        chains: dict[str, list[Element]] = {}
        for element in content.elements:
            if element.verdict is not None and element.verdict.chain:
                chains.setdefault(element.verdict.chain, []).append(element)
        for chain, elements in chains.items():
            self.jumps.append(Jump(chain, (*self.conditions, *match_elements(self.order, keys, content, elements))))

    def go(self, verdict: Verdict) -> None:
        """Follow a verdict of the rule's own."""
        if verdict.chain:
            self.jumps.append(Jump(verdict.chain, tuple(self.conditions)))

    def write_mark(self, own: Field, other: Field, verb: str, register: int) -> None:
        """Write a register to the mark `own`; `verb` is what it is called when the `other` mark is copied to it."""
        plainly = "set" if verb == "restore" else "save"
        target = own.name
        match self.registers.get(register):
            case Constant(data):
                self.effect(plainly, self.codec.number(data[:4]))
            case Loaded(which) if which.name == other.name:
                self.effect(verb, None)
            case Masked(which, mask, 0) if which.name == other.name:
                self.effect(verb, None, bits=mask)
            case Loaded(which) if which.name == own.name:
                self.effect(plainly, 0, 0)
            case Masked(which, mask, flip) if which.name == own.name:
                self.effect(plainly, flip, ~mask & ALL_BITS)
            case Mapped(keys, content):
                self._write_mapped(plainly, target, keys, content)
            case Loaded(which):
                self.effect(plainly, None, text=f"{target} set {which.name}", certain=False)
            case Masked(which, mask, flip):
                flipped = f" ^ 0x{flip:x}" if flip else ""
                text = f"{target} set {which.name} & 0x{mask:x}{flipped}"
                self.effect(plainly, None, text=text, certain=False)
            case _:
                self.effect(plainly, None, text=f"{target} set [register {register}]", certain=False)

    def _write_mapped(self, verb: str, target: str, keys: tuple[Key, ...], content: Content) -> None:
        text = f"{target} set {' . '.join(key.field.name for key in keys)} map @{content.kind.name}"
        if content.kind.moving or not content.elements:
            self.effect(verb, None, text=text, certain=False)
            return
        values: dict[tuple[int, bytes, bytes], list[Element]] = {}
        end = keys[-1].offset
        for element in content.elements:
            # Elements that differ in their last field only become one effect: a selector can hold what they ask for.
            value = self.codec.number(element.data[:4])
            values.setdefault((value, element.first[:end], element.last[:end]), []).append(element)
        choices = tuple(
            (value, tuple(match_elements(self.order, keys, content, found))) for (value, _, _), found in values.items()
        )
        self.effects.append(Effect(verb, None, ALL_BITS, len(self.conditions), text=text, choices=choices))

    def effect(
        self,
        verb: str,
        value: int | None,
        mask: int = ALL_BITS,
        bits: int = ALL_BITS,
        text: str = "",
        certain: bool = True,
    ) -> None:
        """Do something with a mark."""
        self.effects.append(Effect(verb, value, mask, len(self.conditions), bits, text, certain))

    def _name_interfaces(self, condition: Condition) -> Condition:
        """Write an interface's number as its name, as it is now."""
        names = self.around.interfaces()
        which = IIFNAME if condition.field.name == "iif" else OIFNAME
        ranges = condition.ranges or ()
        sign = ""
        if f"{condition.field.name} != " in condition.text:
            ranges, sign = complement(ranges, condition.field.most), "!= "
        numbers = [first for first, last in ranges if first == last and first in names]
        if not numbers or len(numbers) != len(ranges) or condition.field.name not in ("iif", "oif"):
            return condition
        meant: Sequence[Range] = [(value, value) for value in map(interface_value, map(names.__getitem__, numbers))]
        text = f"{condition.field.name} {sign}{', '.join(names[number] for number in numbers)}"
        return Condition(text, which, complement(meant, which.most) if sign else tuple(meant))


def _beyond(sign: int, value: int, most: int) -> tuple[Range, ...]:
    match sign:
        case 2:
            return ((0, value - 1),) if value else ()
        case 3:
            return ((0, value),)
        case 4:
            return ((value + 1, most),) if value < most else ()
        case _:
            return ((value, most),)
