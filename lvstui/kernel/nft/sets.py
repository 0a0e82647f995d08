"""Sets and maps: their elements as values, intervals joined from the ends that the kernel keeps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from lvstui.kernel.nft.wire import attributes, listed, number, word

ANONYMOUS, INTERVAL, MAP, TIMEOUT, EVAL = 0x1, 0x4, 0x8, 0x10, 0x20
"""Flags of a set (NFT_SET_*)."""

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
    data_size: int
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
    parts = attributes(attributes(body.get(9, b"")).get(2, b""))
    sizes = tuple(number(attributes(each).get(1)) for each in listed(attributes(body.get(9, b"")).get(2, b"")))
    return Set(word(body.get(2)), number(body.get(3)), number(body.get(5)), number(body.get(7)), sizes if parts else ())


def verdict(data: bytes) -> Verdict:
    """Read a verdict."""
    found = attributes(data)
    code = number(found.get(1))
    if code in JUMPS:
        return Verdict(JUMPS[code], word(found.get(2)))
    return Verdict(VERDICTS.get(code, f"verdict {code & 0xFF}"))


def elements(kind: Set, bodies: Iterable[bytes]) -> tuple[Element, ...]:
    """Read the elements of a set from the messages of its dump, in the order of their keys."""
    ends: list[tuple[Element, bool]] = []
    for body in bodies:
        for each in listed(attributes(body).get(3, b"")):
            ends.append(_element(attributes(each)))
    rest = [element for element, _ in ends if element.rest]
    plain = [(element, end) for element, end in ends if not element.rest]
    if kind.flags & INTERVAL and not any(element.first != element.last for element, _ in plain) and not kind.parts:
        return (*_joined(plain, kind.size), *rest)
    return (*sorted((element for element, _ in plain), key=lambda each: each.first), *rest)


def _element(body: dict[int, bytes]) -> tuple[Element, bool]:
    flags = number(body.get(3))
    first = attributes(body.get(1, b"")).get(1, b"")
    last = attributes(body.get(10, b"")).get(1, b"") or first
    data = attributes(body.get(2, b""))
    told = verdict(data[2]) if 2 in data else None
    return Element(first, last, data.get(1, b""), told, bool(flags & _CATCHALL)), bool(flags & _END)


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
