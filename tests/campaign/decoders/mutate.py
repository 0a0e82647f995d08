"""Damage for inputs: bytes at random, the tree of netlink attributes with its lengths, and texts."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from random import Random
from typing import Final, TypeAlias

from lvstui.kernel.netlink.attributes import NATIVE

_HEAD = struct.Struct("=IHHII")
_FIXED: Final = 20
"""Bytes of a message before its attributes."""

_SIZES: Final = (0, 1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 64, 300)
_NUMBERS: Final = (0, 1, 2, 3, 4, 7, 8, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
_WORDS: Final = (
    *(
        "0",
        "-1",
        "99999999999999999999999",
        "0x",
        "0xfffffffff",
        "1e9",
        "[",
        "]",
        '"',
        "'",
        "\\",
        "/",
        ":",
        "::",
        ",",
        "-",
    ),
    *(
        "!",
        "=",
        "{",
        "}",
        "\0",
        "\x1b[31m",
        "\x9b",
        "\u202e",
        "\udcff",
        "²",
        "٣",
        " ",
        "\t",
        "\n",
        "\r",
        "\x85",
        "\u2028",
    ),
    *(
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "nan",
        "null",
        "true",
        "persistent",
        "FWM",
        "IP_999",
        "#",
    ),
)

_Tree: TypeAlias = list[tuple[int, "bytes | _Tree"]]


def damage(random: Random, data: bytes) -> bytes:
    """Return bytes with some of them changed, lost, doubled or put elsewhere."""
    changed = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 4))):
        if not changed:
            return random.randbytes(random.choice(_SIZES))
        place, other = random.randrange(len(changed)), random.randrange(len(changed) + 1)
        start, end = min(place, other), max(place, other)
        match random.randrange(7):
            case 0:
                changed[place] ^= 1 << random.randrange(8)
            case 1:
                changed[place] = random.choice((0, 1, 3, 4, 0x7F, 0x80, 0xFF))
            case 2:
                del changed[start : min(end, start + 64)]
            case 3:
                changed[place:place] = changed[start : min(end, start + 64)]
            case 4:
                del changed[place:]
            case 5:
                form = random.choice(("=H", ">H", "=I", ">I"))
                number = random.choice(_NUMBERS) & (0xFFFF if form[1] == "H" else 0xFFFFFFFF)
                if place + struct.calcsize(form) <= len(changed):
                    struct.pack_into(form, changed, place & ~1, number)
            case _:
                changed[place : place + 8] = random.randbytes(random.choice((0, 4, 8, 12)))
    return bytes(changed)


def datagram(random: Random, data: bytes) -> bytes:
    """Return a datagram with damaged messages, more often their attributes than their frames."""
    if random.random() < 0.2:
        return damage(random, data)
    messages, position = [], 0
    while position + _HEAD.size <= len(data):
        size, *_ = _HEAD.unpack_from(data, position)
        messages.append(data[position : position + size])
        position += max(size + 3 & ~3, _HEAD.size)
    place = random.randrange(len(messages))
    messages[place] = _message(random, messages[place])
    if random.random() < 0.05:
        messages.insert(random.randrange(len(messages)), random.choice(messages))
    if random.random() < 0.05:
        del messages[random.randrange(len(messages))]
    return b"".join(message + bytes(-len(message) % 4) for message in messages)


def _message(random: Random, message: bytes) -> bytes:
    _, kind, flags, sequence, port = _HEAD.unpack_from(message)
    fixed, body = message[_HEAD.size : _FIXED], attributes(random, message[_FIXED:])
    return _HEAD.pack(_FIXED + len(body), kind, flags, sequence, port) + fixed + body


def attributes(random: Random, data: bytes) -> bytes:
    """Return attributes some of which, at any depth, are changed; the lengths around them are right again."""
    tree = _parse(data)
    for _ in range(random.choice((1, 1, 1, 2, 5))):
        _change(random, tree)
    return _write(tree)


def _parse(data: bytes) -> _Tree:
    tree: _Tree = []
    for number, start, end in NATIVE.walk(data):
        payload = data[start:end]
        spans = list(NATIVE.walk(payload))
        nested = bool(spans) and spans[-1][2] == len(payload) and all(1 <= number < 64 for number, _, _ in spans)
        tree.append((number, _parse(payload) if nested else payload))
    return tree


def _write(tree: _Tree) -> bytes:
    return b"".join(
        NATIVE.attribute(number, part if isinstance(part, bytes) else _write(part))[:0xFFFF] for number, part in tree
    )


def _change(random: Random, tree: _Tree) -> None:
    while tree:
        place = random.randrange(len(tree))
        number, part = tree[place]
        if isinstance(part, list) and part and random.random() < 0.8:
            tree = part
            continue
        match random.randrange(6):
            case 0:
                del tree[place]
            case 1:
                tree.insert(random.randrange(len(tree) + 1), tree[place])
            case 2:
                tree[place] = random.choice((number + 1, number - 1, 0, random.randrange(64))) & 0x3FFF, part
            case 3:
                tree[place] = number, tree[random.randrange(len(tree))][1]
            case 4 if isinstance(part, bytes) and len(part) in (1, 2, 4, 8):
                order: Sequence[str] = ("little", "big")
                value = random.choice(_NUMBERS) % (1 << 8 * len(part))
                tree[place] = number, value.to_bytes(len(part), "little" if random.choice(order) == "little" else "big")
            case 4:
                tree[place] = number, random.randbytes(random.choice(_SIZES))
            case _:
                tree[place] = number, damage(random, part if isinstance(part, bytes) else _write(part))
        return


def text(random: Random, whole: str, others: Sequence[str] = ()) -> str:
    """Return a text with damage: characters, words, lines, other texts' lines, and what repeats itself."""
    for _ in range(random.choice((1, 1, 2, 4))):
        whole = random.choice(_CHANGES)(random, whole, others)
    return whole


def _character(random: Random, whole: str, _: Sequence[str]) -> str:
    place = random.randrange(len(whole) + 1)
    return whole[:place] + chr(random.choice((random.randrange(128), random.randrange(0x2100)))) + whole[place + 1 :]


def _word(random: Random, whole: str, _: Sequence[str]) -> str:
    words = whole.split(" ")
    words[random.randrange(len(words))] = random.choice(_WORDS)
    return " ".join(words)


def _insert(random: Random, whole: str, _: Sequence[str]) -> str:
    place = random.randrange(len(whole) + 1)
    return whole[:place] + random.choice(_WORDS) + whole[place + random.choice((0, 0, 1, 3)) :]


def _cut(random: Random, whole: str, _: Sequence[str]) -> str:
    start = random.randrange(len(whole) + 1)
    return whole[:start] + whole[start + random.choice((1, 2, 5, 20, len(whole))) :]


def _line(random: Random, whole: str, others: Sequence[str]) -> str:
    lines = whole.split("\n")
    place = random.randrange(len(lines))
    other = random.choice(random.choice(others or (whole,)).split("\n"))
    match random.randrange(3):
        case 0:
            del lines[place]
        case 1:
            lines.insert(place, other)
        case _:
            lines[place] = other
    return "\n".join(lines)


def _digits(random: Random, whole: str, _: Sequence[str]) -> str:
    places = [place for place, character in enumerate(whole) if character.isdigit()]
    if not places:
        return whole
    place = random.choice(places)
    return whole[:place] + random.choice(("9" * 5, "9" * 30, "-1", "", "F" * 9)) + whole[place + 1 :]


def _repeat(random: Random, whole: str, _: Sequence[str]) -> str:
    start = random.randrange(len(whole) + 1)
    part = whole[start : start + random.choice((1, 3, 20))]
    return whole[:start] + part * random.choice((2, 30, 1000)) + whole[start:]


_CHANGES: Final[tuple[Callable[[Random, str, Sequence[str]], str], ...]] = (
    *(_character, _character, _word, _word, _insert, _insert, _cut, _line, _digits, _digits),
    _repeat,
)
