"""How sentences count things and time, name the first few of many, and ask for the word that was meant."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache


def count(number: int, noun: str) -> str:
    """Return a number of things: `1 server`, `3 servers`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def span(seconds: float) -> str:
    """Return about how long something took or is ago: `40 s`, `6 min`, `3 h`, `2 d`."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size:.0f} {unit}"
    return f"{seconds:.0f} s"


def first_of(texts: Sequence[str], few: int = 4) -> str:
    """Return the first few of several things, and how many more there are."""
    more = len(texts) - few
    return ", ".join(texts[:few]) + (f" and {more} more" if more > 0 else "")


def nearest(word: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """Return the known word that a wrong one is likely to mean, in any case; empty where none is at least so alike."""
    return _nearest(word, tuple(known), cutoff)


@lru_cache(maxsize=1024)
def _nearest(word: str, known: tuple[str, ...], cutoff: float) -> str:
    """Look for the nearest word once: the same slip may stand in every line of a long file."""
    from difflib import get_close_matches  # 5 ms that only a mistake costs

    by_case: dict[str, str] = {}
    for one in known:
        by_case.setdefault(one.casefold(), one)
    near = get_close_matches(word.casefold(), by_case, n=1, cutoff=cutoff)
    return by_case[near[0]] if near else ""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return the question whether a known word was meant, empty where none is near."""
    near = nearest(word, known)
    return f"did you mean {near}?" if near else ""
