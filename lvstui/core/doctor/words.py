"""The few words that all questions share: several things in one sentence, servers by their names."""

from __future__ import annotations

from collections.abc import Iterable

from lvstui.core.fields import server_text, visible
from lvstui.core.model import RealServer
from lvstui.core.words import first_of


def some(texts: Iterable[str]) -> str:
    """Return the first few of several things, each once, and how many more there are."""
    return first_of(list(dict.fromkeys(texts)))


def name(server: RealServer) -> str:
    """Return a server's name, or its address and port where it has none."""
    return visible(server.name) or server_text(server.endpoint)


def named(servers: Iterable[RealServer]) -> str:
    """Return the names of the first few of several servers."""
    return some(map(name, servers))
