"""Sets and maps: their elements as values, intervals joined from the ends that the kernel keeps."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter
from typing import Final, NamedTuple

from lvstui.kernel.nft.wire import attributes, listed, number, word

ANONYMOUS, INTERVAL, MAP, TIMEOUT, EVAL = 0x1, 0x4, 0x8, 0x10, 0x20
"""Flags of a set (NFT_SET_*)."""

_HEAD = struct.Struct("=HH")
_END, _CATCHALL = 1, 2
_JUMP, _GOTO = 0xFFFFFFFD, 0xFFFFFFFC
JUMPS: Final = {_JUMP: "jump", _GOTO: "goto"}
VERDICTS: Final = {0: "drop", 1: "accept", 0xFFFFFFFF: "continue", 0xFFFFFFFE: "break", 0xFFFFFFFB: "return"}


class Verdict(NamedTuple):
    """Where a packet goes next: the word (`jump`, `accept`) and the chain."""

    word: str
    chain: str = ""


class Element(NamedTuple):
    """One element: the first and the last key (one key: both the same), what it maps to, and whether it is the rest.

    Keys of several fields are joined as in registers, each field filled up to four bytes.
    """

    first: bytes
    last: bytes
    data: bytes = b""
    verdict: Verdict | None = None
    rest: bool = False


class Set(NamedTuple):
    """A set or map without its elements, sizes in bytes. `moving` ones change without a new generation."""

    name: str
    flags: int
    size: int
    parts: tuple[int, ...]

    @property
    def anonymous(self) -> bool:
        """Whether it is part of the rule that uses it."""
        return bool(self.flags & ANONYMOUS)

    @property
    def moving(self) -> bool:
        """Whether packets put elements into it, or time takes them out."""
        return bool(self.flags & (EVAL | TIMEOUT))


def described(body: dict[int, bytes]) -> Set:
    """Read what a set is from its message."""
    joined = attributes(body[9]).get(2) if 9 in body else None
    sizes = tuple(number(attributes(each).get(1)) for each in listed(joined)) if joined else ()
    return Set(word(body.get(2)), number(body.get(3)), number(body.get(5)), sizes)


def verdict(data: bytes) -> Verdict:
    """Read a verdict."""
    found = attributes(data)
    code = number(found.get(1))
    if code in JUMPS:
        return Verdict(JUMPS[code], word(found.get(2)))
    return Verdict(VERDICTS.get(code, f"verdict {code & 0xFF}"))


def elements(kind: Set, bodies: Iterable[bytes]) -> tuple[Element, ...]:
    """Read the elements of a set from the messages of its dump, in the order of their keys."""
    starts: list[Element] = []
    ends: list[Element] = []
    rest: list[Element] = []
    for body in bodies:
        for each in listed(attributes(body).get(3, b"")):
            found = attributes(each)
            flags = number(found[3]) if 3 in found else 0
            (rest if flags & _CATCHALL else ends if flags & _END else starts).append(_element(found, flags))
    # A dump in several messages may tell an element twice, see `tables`.
    starts = sorted(dict.fromkeys(starts), key=_first)
    if kind.flags & INTERVAL and not kind.parts and all(element.first == element.last for element in starts):
        starts = list(_joined([*((e, False) for e in starts), *((e, True) for e in ends)], kind.size))
    return (*starts, *rest)


_first = itemgetter(0)


def _element(body: dict[int, bytes], flags: int) -> Element:
    """Read one element; its keys and its data are the only attributes of the nests that they stand in."""
    first = body[1][4 : _HEAD.unpack_from(body[1])[0]] if 1 in body else b""
    last = body[10][4 : _HEAD.unpack_from(body[10])[0]] if 10 in body else first
    if 2 not in body:
        return Element(first, last, b"", None, bool(flags & _CATCHALL))
    data = attributes(body[2])
    told = verdict(data[2]) if 2 in data else None
    return Element(first, last, data.get(1, b""), told, bool(flags & _CATCHALL))


def _joined(ends: Sequence[tuple[Element, bool]], size: int) -> Iterator[Element]:
    """Join the starts and the ends of intervals; one without an end goes up to the next one, or to the largest key."""
    opened: Element | None = None
    for element, end in sorted(ends, key=lambda each: (each[0].first, not each[1])):
        if opened is not None:
            before = (int.from_bytes(element.first, "big") - 1).to_bytes(size, "big")
            yield opened._replace(last=before)
        opened = None if end else element
    if opened is not None:
        yield opened._replace(last=b"\xff" * size)
