"""The few words that all questions share: several things in one sentence, servers by their names."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from lvstui.core.fields import server_text, visible
from lvstui.core.model import RealServer

_FEW: Final = 4
"""So many things are named of more."""


def some(texts: Iterable[str]) -> str:
    """Return the first few of several things, and how many more there are."""
    known = list(dict.fromkeys(texts))
    more = len(known) - _FEW
    return ", ".join(known[:_FEW]) + (f" and {more} more" if more > 0 else "")


def name(server: RealServer) -> str:
    """Return a server's name, or its address and port where it has none."""
    return visible(server.name) or server_text(server.endpoint)


def named(servers: Iterable[RealServer]) -> str:
    """Return the names of the first few of several servers."""
    return some(map(name, servers))


def count(number: int, noun: str) -> str:
    """Return a number of things: `1 server`, `3 servers`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
