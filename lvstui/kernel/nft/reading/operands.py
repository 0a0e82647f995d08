"""What a walk through a rule deals with: what stands in registers, what the rule does, and what it refers to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from lvstui.core.marks.packets import FULL
from lvstui.kernel.nft.reading.conditions import Condition, Field
from lvstui.kernel.nft.reading.members import Content, Key


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
    bits: int = FULL
    text: str = ""
    certain: bool = True
    choices: tuple[tuple[int, tuple[Condition, ...]], ...] = ()


class Jump(NamedTuple):
    """A way to another chain, and all that has to hold for it."""

    chain: str
    conditions: tuple[Condition, ...]


@dataclass(slots=True)
class Surroundings:
    """What a rule refers to: the sets of its table, and the names of interfaces and of ipsets by their numbers."""

    family: str
    contents: Mapping[str, Content] = field(default_factory=dict)
    interfaces: Callable[[], Mapping[int, str]] = dict
    ipsets: Callable[[int], str] = str
