"""The hidden command that shells ask what may stand at the cursor: quick, and silent about everything that goes wrong.

`lvstui complete bash BREAKS LINE` takes the line up to the cursor; `lvstui complete zsh|fish WORD...` the words up to
the one that is begun. The first line of the answer is `words` or `files`; then comes a word a line.
"""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from lvstui.commands.completion.places import Offer, find

_PATIENCE: Final = 2.0
"""Seconds after which nobody waits any more: a key was pressed."""

_MOST: Final = 2000
"""Words that are offered."""

_PLAIN: Final = re.compile(r"[\w@%+=:,./~^-]", re.ASCII)
"""Characters that bash takes as they are."""

_IN_QUOTES: Final = {"'": "'", '"': '"$`\\!'}
"""What cannot stand between quotes."""


def main(arguments: Sequence[str]) -> int:
    """Answer a shell, say nothing on stderr, and end this process where that takes long."""
    if not os.environ.get("LVSTUI_DEBUG"):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    signal.signal(signal.SIGALRM, lambda *_: os._exit(0))
    signal.setitimer(signal.ITIMER_REAL, _PATIENCE)
    return answer(arguments)


def answer(arguments: Sequence[str]) -> int:
    """Print what a shell asks for, or nothing."""
    try:
        text = "".join(f"{line}\n" for line in _answer(arguments))
        sys.stdout.buffer.write(text.encode(errors="replace"))
        sys.stdout.flush()
    except Exception:  # whatever it is, a prompt is no place to say so
        if os.environ.get("LVSTUI_DEBUG"):
            raise
    return 0


def _answer(arguments: Sequence[str]) -> Iterator[str]:
    match arguments:
        case ["bash", breaks, line]:
            yield from _for_bash(line, breaks)
        case ["zsh" | "fish", *words]:
            *before, current = words or [""]
            offer = find(before, current)
            yield "files" if offer.files else "words"
            for word, about in _fitting(offer, current):
                yield f"{word}\t{_shown(about)}"
        case _:
            pass


def _fitting(offer: Offer, current: str) -> list[tuple[str, str]]:
    """Return those words that go on from what is begun, without what would garble a prompt."""
    found = ((word, about) for word, about in offer.words.items() if word.startswith(current) and word.isprintable())
    return [pair for _, pair in zip(range(_MOST), found, strict=False)]


def _shown(about: str) -> str:
    return "".join(character if character.isprintable() else " " for character in about)


class Piece(NamedTuple):
    """A word of bash's line: as it was typed, as it is meant, and the quote that is still open at its end."""

    typed: str = ""
    meant: str = ""
    quote: str = ""


def split(line: str) -> list[Piece]:
    """Split a line of bash up to the cursor into words; the last one is begun, and may be empty."""
    pieces: list[Piece] = []
    typed, meant, quote, escaped = "", "", "", False
    for character in line:
        if character in " \t\n" and not quote and not escaped:
            if typed:
                pieces.append(Piece(typed, meant))
            typed, meant = "", ""
            continue
        typed += character
        if escaped:
            meant += character if quote != '"' or character in '"$`\\' else f"\\{character}"
            escaped = False
        elif character == "\\" and quote != "'":
            escaped = True
        elif character == quote:
            quote = ""
        elif character in "'\"" and not quote:
            quote = character
        else:
            meant += character
    return [*pieces, Piece(typed, meant, quote)]


def _for_bash(line: str, breaks: str) -> Iterator[str]:
    """Yield what takes the place of what is behind the last of `breaks`, which is a word of its own for bash."""
    _, *before, last = split(line)
    offer = find([piece.meant for piece in before], last.meant)
    yield "files" if offer.files else "words"
    if last.quote:
        if last.typed.index(last.quote) == 0:  # else it is not worth knowing what bash replaces
            unfit = _IN_QUOTES[last.quote]
            yield from (word for word, _ in _fitting(offer, last.meant) if not any(one in word for one in unfit))
        return
    ends = (at + 1 for at, one in enumerate(last.typed) if one in breaks and last.typed[at - 1 : at] != "\\")
    kept = len(split(last.typed[: max(ends, default=0)] or '""')[-1].meant)
    for word, _ in _fitting(offer, last.meant):
        yield f"{_escaped(word[kept:])}{'' if word.endswith('=') else ' '}"


def _escaped(text: str) -> str:
    return "".join(one if _PLAIN.match(one) or not one.isascii() else f"\\{one}" for one in text)
