"""The statements of keepalived.conf and the blocks that they open."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from lvstui.core.fields import FieldError
from lvstui.core.words import count
from lvstui.formats.foreign.draft import Draft, Place, Spot
from lvstui.formats.foreign.keepalived_text import Line

_DEPTH_MAX: Final = 50

ALIASES: Final = {"lb_algo": "lvs_sched", "lb_kind": "lvs_method"}
"""Older words for the same."""


@dataclass(slots=True)
class Block:
    """A statement with what stands between the braces behind it."""

    spot: Spot
    words: tuple[str, ...]
    inner: list[Block] = field(default_factory=list)
    last: int = 0

    @property
    def place(self) -> Place:
        """Where it stands, with the last line of each statement within."""
        within = {ALIASES.get(one.words[0], one.words[0]): one.spot for one in self.inner}
        return Place(self.spot, max(self.last, self.spot.line), within)

    @property
    def head(self) -> str:
        """The statement without what stands within."""
        return " ".join(self.words)

    @property
    def text(self) -> str:
        """The statement as it reads, with the first of what stands within."""
        within = f" {{ {self.inner[0].text} ...}}" if self.inner else ""
        return f"{self.head}{within}"


def line_of(block: Block, field_name: str) -> Spot:
    """Return the line of the statement that a field is about, that of the block where none is."""
    return next((one.spot for one in block.inner if ALIASES.get(one.words[0], one.words[0]) == field_name), block.spot)


def tree(draft: Draft, lines: Iterable[Line]) -> list[Block]:
    """Read the words of all lines into statements and the blocks that they open."""
    top: list[Block] = []
    lists = [top]
    heads: list[Block] = []
    latest: Block | None = None
    for spot, line in lines:
        words: list[str] = []
        for word in (*line, "\n"):
            if word not in ("{", "}", "\n"):
                words.append(word)
                continue
            if words:
                latest = Block(spot, tuple(words))
                lists[-1].append(latest)
                words = []
            if word == "{":
                if latest is None or len(lists) > _DEPTH_MAX:
                    draft.mistake(spot, "{", "opens a block of nothing, or one too deep; take it out")
                    latest = Block(spot, ("?",))
                lists.append(latest.inner)
                heads.append(latest)
                latest = None
            elif word == "}":
                latest = None
                if not heads:
                    draft.mistake(spot, "}", "closes no block; take it out")
                    continue
                lists.pop()
                heads.pop().last = spot.line
    for block in heads:
        draft.mistake(block.spot, block.words[0], "is not closed; write } behind its last line")
    return top


def value_of(block: Block) -> str:
    """Return the one value of a statement; raises `FieldError`."""
    if len(block.words) < 2:
        raise FieldError(block.words[0], "needs a value behind it")
    return block.words[1]


def lose_surplus(draft: Draft, block: Block, most: int) -> None:
    """Note the words of a statement behind those that keepalived reads, `most` of them behind the first."""
    if surplus := block.words[most + 1 :]:
        became = f"left out: keepalived reads {count(most, 'word')} behind {block.words[0]}; give it a line of its own"
        draft.lose(block.spot, " ".join(surplus), became)


def refuse_block(draft: Draft, block: Block) -> None:
    """Note braces behind a statement that opens no block: what stands before them needs a line of its own."""
    if block.last:
        draft.mistake(block.spot, block.words[0], "opens no block; write what stands before { on a line of its own")


def require_block(draft: Draft, block: Block) -> None:
    """Note a statement without the braces that keepalived wants behind it, on its own line."""
    if not block.last and not block.inner:
        draft.mistake(block.spot, block.words[0], "needs a block; write { at the end of the line, and } below")
