"""A rule explained: gone through as the kernel does, but with names of fields in place of a packet's bytes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeAlias

from lvstui.core.observed import ALL_BITS
from lvstui.core.packets.program import interface_number
from lvstui.kernel.nft.reading.conditions import Condition, complement, match_values, unknown
from lvstui.kernel.nft.reading.fields import IIFNAME, NETWORKS, OIFNAME
from lvstui.kernel.nft.reading.operands import Joined, Loaded, Masked, Operand
from lvstui.kernel.nft.reading.parts import Context
from lvstui.kernel.nft.reading.sets import Key

_MESSAGES: Final = ("icmp type", "icmpv6 type")
_INTERFACES: Final = {"iif": IIFNAME, "oif": OIFNAME}


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
class ExplainedRule:
    """What is known of a rule so far while it is gone through: what it asks, and what it does.

    `network` and `transport` are the protocols of these layers, `messages` the types of ICMP that packets may have.
    `pending` is what maps ask by their names: a packet without a value there takes no part in what follows.
    """

    context: Context
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
        return self.context.codec.unpack(form, data, start)

    def ask(self, condition: Condition) -> None:
        """Add a condition; one that fixes the protocol of a layer decides how later ones are read."""
        self.settle()
        kind = condition.field.kind
        if kind == "index" and condition.text:
            condition = _name_interfaces(condition, self.context.interfaces)
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


Explanation: TypeAlias = Callable[[ExplainedRule], None]
"""What an expression adds to what is known of its rule."""


def nothing(_: ExplainedRule) -> None:
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
