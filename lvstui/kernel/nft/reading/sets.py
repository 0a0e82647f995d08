"""Sets and maps: their elements as values, and what it means for fields of a packet to be among them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter
from typing import Final, NamedTuple

from lvstui.core.packets.program import Element, Outcome, Range, Verdict
from lvstui.kernel.netlink.attributes import Codec, Order
from lvstui.kernel.nft.nfnetlink import number, word
from lvstui.kernel.nft.reading.conditions import Condition, match_values, range_text, value_of
from lvstui.kernel.nft.reading.fields import REGISTERS, PacketField
from lvstui.kernel.port import Garbled

ANONYMOUS, INTERVAL, MAP, TIMEOUT, EVAL = 0x1, 0x4, 0x8, 0x10, 0x20
"""Flags of a set (NFT_SET_*)."""

ASKING_OBJECTS: Final = {2: "quota", 4: "limit", 5: "ct count"}
"""Objects that ask something of packets (NFT_OBJECT_QUOTA, _LIMIT, _CONNLIMIT), which maps may hold."""

_END, _CATCHALL = 1, 2
EVERY_PACKET: Final = frozenset(("counter", "last"))
"""Expressions of a set's elements that ask nothing of the packets that find them."""

_OUTCOMES: Final = {
    0: Outcome.DROP,
    1: Outcome.ACCEPT,
    2: Outcome.STOLEN,
    3: Outcome.QUEUE,
    0xFFFFFFFF: Outcome.CONTINUE,
    0xFFFFFFFE: Outcome.CONTINUE,
    0xFFFFFFFD: Outcome.JUMP,
    0xFFFFFFFC: Outcome.GOTO,
    0xFFFFFFFB: Outcome.RETURN,
}
"""Verdicts by their codes (NF_*, enum nft_verdicts)."""

_LEADING_ON: Final = frozenset((Outcome.JUMP, Outcome.GOTO))


class Set(NamedTuple):
    """A set or map, sizes in bytes. A `moving` one changes without a new generation of the ruleset.

    Elements of a `limited` one ask more of a packet than to be one of them. `kind` is that of the objects that a map
    to objects holds, 0 for others.
    """

    name: str
    flags: int
    size: int
    parts: tuple[int, ...]
    elements: Sequence[Element] = ()
    limited: bool = False
    kind: int = 0

    @property
    def moving(self) -> bool:
        """Whether packets put elements into it, or time takes them out."""
        return bool(self.flags & (EVAL | TIMEOUT))


def read_set(codec: Codec, body: dict[int, bytes]) -> Set:
    """Read a set from its message, without its elements. Raises `Garbled` for one whose keys no register could hold."""
    joined = codec.attributes(body[9]).get(2) if 9 in body else None
    sizes = tuple(number(codec.attributes(part).get(1)) for part in codec.payloads(joined)) if joined else ()
    size = number(body.get(5))
    if size > REGISTERS:
        raise Garbled(f"a set whose keys have {size} bytes")
    own = [codec.first(body.get(17)), *map(codec.first, codec.payloads(body.get(18, b"")))]
    limited = any(expression and word(expression) not in EVERY_PACKET for expression in own)
    return Set(word(body.get(2)), number(body.get(3)), size, sizes, (), limited, number(body.get(15)))


def read_verdict(codec: Codec, data: bytes) -> Verdict:
    """Read a verdict. Raises `Garbled` for one that there is not, or that leads to no chain where it should."""
    found = codec.attributes(data)
    code = number(found[1])
    outcome = _OUTCOMES.get(code if code >= 1 << 31 else code & 0xFF)
    chain = word(found.get(2)) if outcome in _LEADING_ON else ""
    if outcome is None or (not chain and outcome in _LEADING_ON):
        raise Garbled(f"the verdict 0x{code:x}")
    return Verdict(outcome, chain)


def read_elements(codec: Codec, kind: Set, bodies: Iterable[bytes]) -> tuple[Element, ...]:
    """Read the elements of a set from the messages of its dump, in the order of their keys."""
    starts: list[Element] = []
    ends: list[Element] = []
    rest: list[Element] = []
    for body in bodies:
        for element in codec.payloads(codec.attributes(body).get(3, b"")):
            found = codec.attributes(element)
            flags = number(found[3]) if 3 in found else 0
            (rest if flags & _CATCHALL else ends if flags & _END else starts).append(_element(codec, found, flags))
    # A dump in several messages may list an element twice, see `tables`.
    starts = sorted(dict.fromkeys(starts), key=itemgetter(0))
    if kind.flags & INTERVAL and not kind.parts and all(element.first == element.last for element in starts):
        starts = list(_join_intervals([*((e, False) for e in starts), *((e, True) for e in ends)], kind.size))
    return (*starts, *rest)


def _element(codec: Codec, body: dict[int, bytes], flags: int) -> Element:
    """Read one element; its keys are the only attributes of the nests that they stand in."""
    first = codec.first(body.get(1))
    last = codec.first(body[10]) if 10 in body else first
    if 2 not in body:
        return Element(first, last, rest=bool(flags & _CATCHALL))
    data = codec.attributes(body[2])
    verdict = read_verdict(codec, data[2]) if 2 in data else None
    return Element(first, last, data.get(1, b""), verdict, bool(flags & _CATCHALL))


def _join_intervals(ends: Sequence[tuple[Element, bool]], size: int) -> Iterator[Element]:
    """Join the starts and the ends of intervals; one without an end goes up to the next one, or to the largest key."""
    opened: Element | None = None
    for element, end in sorted(ends, key=lambda end: (end[0].first, not end[1])):
        if len(element.first) != size:
            raise Garbled(f"{len(element.first)} bytes where a key of {size} belongs")
        if opened is not None:
            if opened.first == element.first:
                raise Garbled("two intervals start with the same key")
            before = int.from_bytes(element.first, "big") - 1
            yield opened._replace(last=before.to_bytes(size, "big"))
        opened = None if end else element
    if opened is not None:
        yield opened._replace(last=b"\xff" * size)


class Key(NamedTuple):
    """One field of a key, and where it starts in it (bytes); its values stand `scale` bits further to the left."""

    field: PacketField
    offset: int
    scale: int = 0


def match_members(order: Order, keys: tuple[Key, ...], members: Set, negated: bool) -> Iterator[Condition]:
    """Yield the conditions that a key is in a set; a set with a name goes by it.

    Elements that come and go by themselves are no plain values, so such a set goes by its name only.
    """
    name = "" if members.flags & ANONYMOUS else members.name
    rows = [tuple(_range(order, key, element) for key in keys) for element in members.elements if not element.rest]
    every = any(element.rest for element in members.elements)
    if len(keys) == 1 and not members.moving and not every:
        yield match_values(keys[0].field, tuple(row[0] for row in rows), negated, name)
        return
    title = " . ".join(key.field.name for key in keys)
    written = (" . ".join(range_text(key.field, *span) for key, span in zip(keys, row, strict=True)) for row in rows)
    values = f"@{name}" if name else ", ".join((*written, *(["*"] if every else [])))
    text = f"{title} {'!= ' if negated else ''}{values}"
    whole = PacketField(title, 0, "joined", layer=keys[0].field.layer)
    product = None if len(keys) == 1 or negated or every or members.moving else _product(rows)
    if product is None:
        yield Condition(text, whole)
        yield from (Condition("", key.field) for key in keys if len(keys) > 1)
        return
    first, *others = (Condition("", key.field, ranges) for key, ranges in zip(keys, product, strict=True))
    yield first._replace(text=text)
    yield from others


def element_text(order: Order, keys: Iterable[Key], element: Element) -> str:
    """Write the keys of an element: `192.0.2.10 . 80-90`. Raises ValueError where they are not those of the fields."""
    return " . ".join(range_text(key.field, *_range(order, key, element)) for key in keys)


def match_elements(order: Order, keys: tuple[Key, ...], whole: Set, elements: Iterable[Element]) -> Iterable[Condition]:
    """Return the conditions for some elements of a map; the one for the rest stands for all keys left over."""
    wanted = tuple(elements)
    negated = any(element.rest for element in wanted)
    if negated:
        wanted = tuple(element for element in whole.elements if not element.rest and element not in wanted)
    if not wanted:
        return ()
    # A part of a map is a set without a name, which goes by its elements.
    part = whole._replace(flags=whole.flags & ~MAP | ANONYMOUS, elements=wanted)
    return match_members(order, keys, part, negated)


def _range(order: Order, key: Key, element: Element) -> Range:
    """Return the values of one field of a key. Raises ValueError where they end before they start."""
    end = key.offset + key.field.size
    first, last = (
        value_of(data[key.offset : end], key.field, order) >> key.scale for data in (element.first, element.last)
    )
    if first > last:
        raise ValueError(f"{key.field.name} from {first} to {last}")
    return first, last


def _product(rows: Sequence[tuple[Range, ...]]) -> tuple[tuple[Range, ...], ...] | None:
    """Return joined keys as values of every field by itself, where only one field has several."""
    if not rows:
        return None
    columns = [tuple(dict.fromkeys(column)) for column in zip(*rows, strict=True)]
    return tuple(columns) if sum(len(column) > 1 for column in columns) <= 1 else None
