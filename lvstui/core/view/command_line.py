"""A command line in words: blanks part them, quotes keep one together; and what may stand where the last one is."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Final

from lvstui.core.fields import FieldError
from lvstui.core.words import did_you_mean

OFFERED: Final = 200
"""Words that are offered at most: a director may have a million clients."""


def words(text: str, most: int = 0) -> list[str]:
    """Part a text into words, at most `most` of them (0: any number). Raises `FieldError`."""
    try:
        found = shlex.split(text)
    except ValueError:
        raise FieldError("line", "a quote is open: close it, or take it out") from None
    if most and len(found) > most:
        raise FieldError("line", f"{found[most]!a} is one word too many")
    return found


def last_word(text: str) -> tuple[str, str]:
    """Part a text that is still being typed: all before its last word, and that word, without its quote."""
    quote, start = "", 0
    for place, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        elif character == " ":
            start = place + 1
    return text[:start], text[start:].strip("\"'")


def quoted(word: str) -> str:
    """Write a word so that it is read as one; most stand as they are."""
    escaped = word.replace("\\", "\\\\")
    return f'"{escaped}"' if any(character in word for character in " '\\") else word


def fitting(known: Iterable[str], typed: str) -> Sequence[str]:
    """Return the known words that begin with what is typed, in any case, each once; not those with hidden signs."""
    wanted = typed.casefold()
    begins = (word for word in known if word.casefold().startswith(wanted) and word.isprintable() and '"' not in word)
    return list(dict.fromkeys(islice(begins, OFFERED)))


def remedy(word: str, known: Iterable[str]) -> str:
    """Return a remedy for a word that is unknown: the one that was meant, else some that there are."""
    there = list(dict.fromkeys(islice((one for one in known if one.isprintable()), OFFERED)))
    if asked := did_you_mean(word, there):
        return asked
    listed = ", ".join(there[:6])
    return f"there are {listed}{', ...' if len(there) > 6 else ''}" if there else "there are none"
