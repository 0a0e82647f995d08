"""Keys and items put into, taken out of and changed within the pieces of a TOML text."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from typing import Final, TypeVar

from lvstui.formats.profile.layout import Key, Piece, Strange, comment_of, items, joined, split
from lvstui.formats.profile.write import value_text

_I = TypeVar("_I", bound=Hashable)

_COMMENT: Final = re.compile(r"#[^\n]*")


def remove_keys(pieces: list[Piece], gone: Sequence[Piece], *, lines: bool) -> None:
    """Take keys out; comments around a key that has lines of its own stay, as they may be about its object."""
    for piece in gone:
        at = next(index for index, other in enumerate(pieces) if other is piece)
        del pieces[at]
        if not lines:
            continue
        cut = piece.lead.rfind("\n") + 1
        comment = comment_of(piece.tail)
        stays = piece.lead[:cut] + (f"{piece.lead[cut:]}{comment}\n" if comment else "")
        if at < len(pieces):
            pieces[at].lead = joined(stays, pieces[at].lead)
        elif at:
            pieces[at - 1].tail += stays if stays.strip() else ""
        else:
            raise Strange


def insert_key(pieces: list[Piece], order: Collection[str], prefix: Key, key: str, text: str, *, lines: bool) -> None:
    """Add a key behind the one that usually stands before it, at the end where `order` does not name it."""
    depth = len(prefix)
    own = [index for index, piece in enumerate(pieces) if piece.key[:depth] == prefix]
    before: list[str] = []
    for name in order:
        if name == key:
            break
        before.append(name)
    else:
        before = [pieces[index].key[depth] for index in own]
    at = max((index + 1 for index in own if pieces[index].key[depth] in before), default=own[0] if own else 0)
    indent = pieces[0].lead[pieces[0].lead.rfind("\n") + 1 :] if pieces and lines else ""
    full = (*prefix, key)
    pieces.insert(at, Piece(indent, f"{'.'.join(full)} = ", text, "\n" if lines else "", full))


def change_texts(text: str, old: tuple[str, ...], new: tuple[str, ...]) -> str:
    """Change an array of texts; one over several lines item by item, where the order of what stays is the same."""
    stay = [one for one in old if one in new]
    followers: dict[str | None, list[str]] = {}
    last: str | None = None
    for one in new:
        if one in stay:
            last = one
        else:
            followers.setdefault(last, []).append(value_text(one))
    in_order = stay == [one for one in new if one in old] and len(set(old)) == len(old)
    if "\n" not in text or not in_order or (stay and None in followers) or len(items(text)[1]) != len(old):
        return value_text(new)
    return change_items(text, old, new, lambda value, _: value, followers)


def change_items(
    text: str,
    keys: Sequence[_I],
    wanted: Collection[_I],
    change: Callable[[str, _I], str],
    followers: Mapping[_I | None, Sequence[str]],
) -> str:
    """Change the items of an array, take out those not wanted, and put new ones behind those that they follow."""
    opening, pieces, closing = items(text)
    if len(pieces) != len(keys):
        raise Strange
    indent = next((piece.lead[piece.lead.rfind("\n") + 1 :] for piece in pieces), "    ")
    kept: list[Piece] = []

    def add(values: Sequence[str]) -> None:
        for value in values:
            ended = (kept[-1].tail if kept else opening).endswith("\n")
            kept.append(Piece(indent, "", value, ",\n") if ended else Piece(" ", "", value, ","))

    carried = ""
    for key, piece in zip(keys, pieces, strict=True):
        if key in wanted:
            piece.value = change(piece.value, key)
            piece.lead, carried = joined(carried, piece.lead), ""
            kept.append(piece)
        else:
            carried = joined(carried, split(piece.lead)[0])
        add(followers.get(key, ()))
    add(followers.get(None, ()))
    if "\n" not in text:
        return f"[{', '.join(piece.value for piece in kept)}]"
    for piece in kept[:-1]:
        if "," not in _COMMENT.sub("", piece.tail):
            piece.tail = f",{piece.tail}"
    return f"{opening}{''.join(map(str, kept))}{joined(carried, closing)}"
