"""Sets and maps as they are looked up."""

from __future__ import annotations

from bisect import bisect_right
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


class Index:
    """A set or map, ready to be asked."""

    __slots__ = ("_contents", "_exact", "_firsts", "_joined", "_known", "_ranges", "_rest")

    def __init__(self, contents: Contents) -> None:
        self._contents = contents
        self._known = contents.known
        rest = [element for element in contents.elements if element.rest]
        keys = [element for element in contents.elements if not element.rest]
        ranges = [element for element in keys if element.first != element.last]
        self._rest = Found((rest[0],), False) if rest else _NOTHING
        self._exact = {
            _number(element.first): Found((element,), False) for element in keys if element.first == element.last
        }
        self._joined = ranges if contents.parts else []
        self._ranges = [] if contents.parts else sorted(ranges, key=lambda element: element.first)
        self._firsts = [_number(element.first) for element in self._ranges]

    def has(self, value: int) -> bool:
        """Return whether a key is surely there as itself, which is quickly found."""
        return self._known and value in self._exact

    def find(self, key: Bits) -> Found:
        """Return what a key leads to."""
        if self._known and not key.unknown:
            found = self._exact.get(key.value)
            if found is not None:
                return found
        elif self._known:
            return self._possible(key)
        else:
            return Found(self._contents.elements, True)
        at = bisect_right(self._firsts, key.value) - 1
        if at >= 0 and key.value <= _number(self._ranges[at].last):
            return Found((self._ranges[at],), False)
        for element in self._joined:
            if self._holds(element, key):
                return Found((element,), False)
        return self._rest

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
        certain = True
        at = len(element.first)
        for size in self._contents.parts or (at,):
            filled = -(-size // SLOT) * SLOT if self._contents.parts else size
            start = len(element.first) - at
            shift, full = 8 * (at - filled), (1 << 8 * filled) - 1
            part = Bits(key.value >> shift & full, key.unknown >> shift & full)
            first, last = element.first[start : start + filled], element.last[start : start + filled]
            held = within(part, ((_number(first), _number(last)),))
            if held is False:
                return False
            certain = certain and held is True
            at -= filled
        return True if certain else None


def _number(data: bytes) -> int:
    return int.from_bytes(data, "big")
