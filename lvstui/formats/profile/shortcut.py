"""The short cut through a profile: rows of servers in the canonical form are read without the TOML parser."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from lvstui.core import fields
from lvstui.core.attributes import SERVER
from lvstui.core.model import Director, Endpoint, RealServer
from lvstui.formats.profile.reader import UNKNOWN_SERVER, Maker, ProfileReader, Servers, maker

_BLOCK: Final = re.compile(r"^server = \[\n((?:    \{ .*\n)+)\]$", re.MULTILINE)
_PLAIN: Final = r'"([^"\\\x00-\x1f\x7f]*)"'
_LABEL: Final = rf'"([^"\\\x00-\x1f\x7f]{{0,{fields.LABEL_MAX}}})"'
_ROW: Final = re.compile(rf"^    \{{ (?:name = {_LABEL}, )?server = {_PLAIN}(.*) \}},$", re.MULTILINE)


class Uncertain(Exception):
    """A text that the short cut cannot be sure of."""


class Shortened(NamedTuple):
    """A profile in which each block of rows is replaced by a text of its own, and what these texts stand for."""

    text: str
    servers: Mapping[str, Servers]


def shorten(text: str, settings: Callable[[str], RealServer]) -> Shortened:
    """Take the blocks of server rows out of a profile.

    `settings` reads what follows the address in a row (`, weight = 3`) and is asked once for each wording; raises
    `Uncertain` where the TOML parser has to look, as at a row with a comment: such a block stays where it is. Raises
    `Uncertain` itself where the parser has to look at the whole text.
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
        try:
            found[name] = _servers(block[1], wordings, settings)
        except (Uncertain, ValueError):
            return block[0]
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


def read_quickly(text: str) -> Director:
    """Read a profile without flaws by the short cut; raises where there may be one."""
    short = shorten(text, _settings)
    reader = ProfileReader(short.servers)
    director = reader.director(tomllib.loads(short.text))
    if reader.flaws.found:
        raise Uncertain
    return director


def _settings(wording: str) -> RealServer:
    """Read what follows the address in a row of the canonical form."""
    table = tomllib.loads(f'row = {{ server = "192.0.2.1:0"{wording} }}')
    row = table.pop("row")
    reader = ProfileReader()
    server = reader.load(SERVER, RealServer(UNKNOWN_SERVER), row, ())
    if reader.flaws.found or table or "name" in row:
        raise Uncertain
    return server
