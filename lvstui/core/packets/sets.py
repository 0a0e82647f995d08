"""Sets and maps as they are looked up."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from typing import NamedTuple

from lvstui.core.packets.bits import Bits, may_be, within
from lvstui.core.packets.program import SLOT, Contents, Element


class Found(NamedTuple):
    """What a set holds for a key: the elements that it may be in, and whether it may be in none."""

    elements: tuple[Element, ...]
    nowhere: bool


_NOTHING = Found((), True)
_SOMETHING = Element(b"", b"")
"""What may be in a set of which no element is known."""


class Lookup:
    """A set or map, ready to be asked."""

    __slots__ = (
        "_blocks",
        "_contents",
        "_exact",
        "_fields",
        "_firsts",
        "_joined",
        "_known",
        "_odd",
        "_ranges",
        "_rest",
    )

    def __init__(self, contents: Contents) -> None:
        self._contents = contents
        self._known = contents.known
        self._fields = list(_fields(contents))
        rest = [element for element in contents.elements if element.rest]
        keys = [element for element in contents.elements if not element.rest]
        ranges = [element for element in keys if element.first != element.last]
        self._rest = Found((rest[0],), False) if rest else _NOTHING
        self._exact = {
            _number(element.first): Found((element,), False) for element in keys if element.first == element.last
        }
        self._joined = ranges if contents.parts else []
        self._blocks: dict[int, dict[int, Found]] = {}
        self._odd: list[Element] = []
        self._ranges = [] if contents.parts else sorted(ranges, key=lambda element: element.first)
        self._firsts = [_number(element.first) for element in self._ranges]
        for element in self._joined:
            mask = self._mask(element)
            if mask is None:
                self._odd.append(element)
            else:
                self._blocks.setdefault(mask, {})[_number(element.first)] = Found((element,), False)

    def has(self, value: int) -> bool:
        """Return whether a key is surely there as itself, which is quickly found."""
        return self._known and value in self._exact

    def find(self, key: Bits) -> Found:
        """Return what a key leads to."""
        if not self._known:
            return Found((*self._contents.elements, _SOMETHING), True)
        if key.unknown:
            return self._possible(key)
        found = self._exact.get(key.value)
        if found is not None:
            return found
        at = bisect_right(self._firsts, key.value) - 1
        if at >= 0 and key.value <= _number(self._ranges[at].last):
            return Found((self._ranges[at],), False)
        return self._find_joined(key)

    def _find_joined(self, key: Bits) -> Found:
        """Return what a key of several fields leads to: most ranges are networks, found by their masks."""
        for mask, blocks in self._blocks.items():
            found = blocks.get(key.value & mask)
            if found is not None:
                return found
        for element in self._odd:
            if self._holds(element, key):
                return Found((element,), False)
        return self._rest

    def _mask(self, element: Element) -> int | None:
        """Return the mask under which exactly the keys of an element are its first one, None where there is none."""
        first, last = _number(element.first), _number(element.last)
        spread = first ^ last
        for shift, full in self._fields:
            part = spread >> shift & full
            if part & (part + 1) or first >> shift & part:
                return None
        return ~spread

    def _possible(self, key: Bits) -> Found:
        """Return all elements that a key may be in of which bits are not known."""
        possible = [found.elements[0] for value, found in self._exact.items() if may_be(key, value)]
        for element in (*self._ranges, *self._joined):
            held = self._holds(element, key)
            if held:
                return Found((element,), False)
            if held is None:
                possible.append(element)
        return Found((*possible, *self._rest.elements), self._rest.nowhere)

    def _holds(self, element: Element, key: Bits) -> bool | None:
        """Return whether an element holds a key, None where it may; joined keys are compared field by field."""
        first, last = _number(element.first), _number(element.last)
        certain = True
        for shift, full in self._fields:
            part = Bits(key.value >> shift & full, key.unknown >> shift & full)
            held = within(part, ((first >> shift & full, last >> shift & full),))
            if held is False:
                return False
            certain = certain and held is True
        return True if certain else None


def _fields(contents: Contents) -> Iterator[tuple[int, int]]:
    """Yield where the fields of a key stand in its number, and their full values."""
    sizes = [-(-size // SLOT) * SLOT for size in contents.parts] or [contents.size]
    after = sum(sizes)
    for size in sizes:
        after -= size
        yield 8 * after, (1 << 8 * size) - 1


def _number(data: bytes) -> int:
    return int.from_bytes(data, "big")
