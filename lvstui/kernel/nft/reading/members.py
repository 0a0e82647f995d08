"""What it means for fields of a packet to be in a set: conditions, of several fields where keys have several."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from lvstui.kernel.nft.reading.conditions import Condition, Field, Range, range_text, value_of, within
from lvstui.kernel.nft.reading.sets import ANONYMOUS, MAP, Element, Set


class Content(NamedTuple):
    """A set with its elements."""

    kind: Set
    elements: tuple[Element, ...]


class Key(NamedTuple):
    """One field of a key, and where it starts in it (bytes)."""

    field: Field
    offset: int


def members(keys: tuple[Key, ...], content: Content, elements: Sequence[Element], negated: bool) -> Iterator[Condition]:
    """Ask whether a key is among these elements; a set with a name is told by it.

    Elements that come and go by themselves are no plain values, so such a set is told by its name only.
    """
    name = "" if content.kind.anonymous else content.kind.name
    rows = [tuple(_range(key, element) for key in keys) for element in elements if not element.rest]
    every = any(element.rest for element in elements)
    if len(keys) == 1 and not content.kind.moving and not every:
        yield within(keys[0].field, tuple(row[0] for row in rows), negated, name)
        return
    title = " . ".join(key.field.name for key in keys)
    told = f"@{name}" if name else ", ".join((*(_row(keys, row) for row in rows), *(["*"] if every else [])))
    text = f"{title} {'!= ' if negated else ''}{told}"
    whole = Field(title, 0, "joined", layer=keys[0].field.layer)
    product = None if len(keys) == 1 or negated or every or content.kind.moving else _product(rows)
    if product is None:
        yield Condition(text, whole)
        yield from (Condition("", key.field) for key in keys if len(keys) > 1)
        return
    first, *others = (Condition("", key.field, ranges) for key, ranges in zip(keys, product, strict=True))
    yield first._replace(text=text)
    yield from others


def chosen(keys: tuple[Key, ...], content: Content, elements: Iterable[Element]) -> Iterable[Condition]:
    """Ask for some elements of a map; the one for the rest stands for all keys that the others leave over."""
    wanted = tuple(elements)
    if any(element.rest for element in wanted):
        others = tuple(e for e in content.elements if not e.rest and e not in wanted)
        return members(keys, part_of(content, others), others, negated=True) if others else ()
    return members(keys, part_of(content, wanted), wanted, negated=False)


def part_of(content: Content, elements: tuple[Element, ...]) -> Content:
    """Give part of a map as a set without a name, to be told by its elements."""
    return Content(Set("", content.kind.flags & ~MAP | ANONYMOUS, content.kind.size, content.kind.parts), elements)


def _range(key: Key, element: Element) -> Range:
    end = key.offset + key.field.size
    return value_of(element.first[key.offset : end], key.field), value_of(element.last[key.offset : end], key.field)


def _row(keys: tuple[Key, ...], row: tuple[Range, ...]) -> str:
    return " . ".join(range_text(key.field, *each) for key, each in zip(keys, row, strict=True))


def _product(rows: Sequence[tuple[Range, ...]]) -> tuple[tuple[Range, ...], ...] | None:
    """Tell joined keys as values of each field by itself, where only one field has several."""
    if not rows:
        return None
    columns = [tuple(dict.fromkeys(column)) for column in zip(*rows, strict=True)]
    return tuple(columns) if sum(len(column) > 1 for column in columns) <= 1 else None
