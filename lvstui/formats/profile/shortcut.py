"""A short cut for large profiles: the server rows of the canonical form, read without a TOML parser.

They are nine tenths of such a file, and tomllib takes half a second for 20,000 of them. What does not look exactly as
lvstui writes it is left to tomllib, and so is a text with any mistake: the short cut only ever gives the same answer.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final, NamedTuple, TypeAlias

from lvstui.core import fields
from lvstui.core.model import Endpoint, RealServer

Servers: TypeAlias = Mapping[Endpoint, RealServer]
Maker: TypeAlias = "partial[RealServer]"

_BLOCK: Final = re.compile(r"^server = \[\n((?:    \{ .*\n)+)\]$", re.MULTILINE)
_PLAIN: Final = r'"([^"\\\x00-\x1f\x7f]*)"'
_ROW: Final = re.compile(rf"^    \{{ (?:name = {_PLAIN}, )?server = {_PLAIN}(.*) \}},$", re.MULTILINE)


class Uncertain(Exception):
    """A text that the short cut cannot be sure of."""


class Shortened(NamedTuple):
    """A profile in which each block of rows is replaced by a text of its own, and what these texts stand for."""

    text: str
    servers: Mapping[str, Servers]


def shortened(text: str, settings: Callable[[str], RealServer]) -> Shortened:
    """Take the blocks of server rows out of a profile.

    `settings` reads what follows the address in a row (`, weight = 3`) and is asked once for each wording; raises
    `Uncertain`, as this does, where the TOML parser has to look at the whole text.
    """
    if '"""' in text or "'''" in text:
        raise Uncertain  # what looks like a block may be a part of a longer text
    mark = "rows"
    while mark in text:
        mark += "+"
    wordings: dict[str, Maker] = {}
    found: dict[str, Servers] = {}

    def take(block: re.Match[str]) -> str:
        name = f"{mark} {len(found)}"
        found[name] = _servers(block[1], wordings, settings)
        return f'server = "{name}"'

    return Shortened(_BLOCK.sub(take, text), found)


def _servers(block: str, wordings: dict[str, Maker], settings: Callable[[str], RealServer]) -> Servers:
    rows = _ROW.findall(block)
    servers: dict[Endpoint, RealServer] = {}
    names: set[str] = set()
    named = 0
    for name, address, wording in rows:
        make = wordings.get(wording)
        if make is None:
            make = wordings[wording] = maker(settings(wording))
        try:
            endpoint = fields.server(address)
        except fields.FieldError:
            raise Uncertain from None
        servers[endpoint] = make(endpoint, name=name)
        if name:
            named += 1
            names.add(name)
    if not len(servers) == len(rows) == block.count("\n") or named != len(names):
        raise Uncertain
    return servers


def maker(like: RealServer) -> Maker:
    """Return what makes servers like this one, given an endpoint and a name: a third of the time of `replace`."""
    names = [field.name for field in dataclasses.fields(RealServer) if field.name not in ("endpoint", "name")]
    return partial(RealServer, **{name: getattr(like, name) for name in names})
