"""How sentences count things, and name the first few of many."""

from __future__ import annotations

from collections.abc import Sequence


def count(number: int, noun: str) -> str:
    """Return a number of things: `1 server`, `3 servers`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def first_of(texts: Sequence[str], few: int = 4) -> str:
    """Return the first few of several things, and how many more there are."""
    more = len(texts) - few
    return ", ".join(texts[:few]) + (f" and {more} more" if more > 0 else "")
