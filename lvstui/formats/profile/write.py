"""The profile: a director as one TOML file that people read, edit and keep in git."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import fields as fields_of
from operator import attrgetter
from typing import Final

from lvstui.core import fields, sysctls
from lvstui.core.attribute import Raw, Table
from lvstui.core.attributes import DAEMON, GROUP, SERVER, SERVICE, TIMEOUTS
from lvstui.core.model import Director, Pool, RealServer
from lvstui.core.order import ordered_daemons, ordered_pools, ordered_servers
from lvstui.formats.profile.flaws import ProfileError
from lvstui.formats.profile.read import loads
from lvstui.formats.profile.reader import FORMAT

__all__ = ["FORMAT", "HEADER", "ProfileError", "dumps", "loads"]

HEADER: Final = "# written by lvstui; edit freely, then: lvstui check FILE && lvstui diff FILE"

_settings: Final = attrgetter(
    *(field.name for field in fields_of(RealServer) if field.name not in ("endpoint", "name"))
)
"""What the servers of a profile often have in common."""


def dumps(director: Director) -> str:
    """Write a profile in its one canonical form: fixed order of keys, defaults left out, one server a line.

    Raises `ProfileError` where two services, two marks, or two servers of one service, have the same name.
    """
    _refuse_twice((pool.service.name for pool in director.pools.values()), "service")
    tops = tables(director)
    blocks = [f"{HEADER}\n{block('', {key: top for key, top in tops.items() if not isinstance(top, dict)})}"]
    blocks += [block(f"[{key}]", top) for key, top in tops.items() if isinstance(top, dict)]
    blocks += [block("[[sync]]", DAEMON.table(director.daemons[role])) for role in ordered_daemons(director)]
    wordings: dict[object, str] = {}
    blocks += [service_block(director.pools[key], wordings) for key in ordered_pools(director)]
    marks = director.groups
    _refuse_twice((group.name for group in marks.values()), "mark")
    blocks += [block("[[mark]]", GROUP.table(marks[mark])) for mark in sorted(marks)]
    return "\n".join(blocks)


def tables(director: Director) -> Table:
    """Return what a profile has once: its format, and the tables that are no lists."""
    found: Table = {"format": FORMAT}
    if director.sync is not None and not director.sync:
        found["sync"] = ()
    facts = (("name", director.name), ("host", director.home.host), ("netns", director.home.netns))
    if any(text for _, text in facts):
        found["director"] = {key: text for key, text in facts if text}
    if director.timeouts is not None:
        found["timeouts"] = TIMEOUTS.table(director.timeouts)
    if director.sysctl:
        found["sysctl"] = {name: sysctls.number_or_text(director.sysctl[name]) for name in sorted(director.sysctl)}
    return found


def service_block(pool: Pool, wordings: dict[object, str] | None = None) -> str:
    """Write a service with its servers as it stands in a profile.

    `wordings` are those of settings that were written before, as many servers share the same.
    """
    settings = block("[[service]]", SERVICE.table(pool.service))
    if not pool.servers:
        return settings
    servers = pool.servers
    where = fields.service_text(pool.service.key)
    _refuse_twice((server.name for server in servers.values()), f"server of {where}")
    wordings = {} if wordings is None else wordings
    rows = [f"    {server_line(servers[endpoint], wordings)},\n" for endpoint in ordered_servers(pool)]
    return f"{settings}server = [\n{''.join(rows)}]\n"


def server_line(server: RealServer, wordings: dict[object, str] | None = None) -> str:
    """Write a real server as it stands in its service's list."""
    settings = _settings(server)
    wording = wordings.get(settings) if wordings is not None else None
    if wording is None:
        table = SERVER.table(server)
        wording = "".join(f", {key} = {value_text(value)}" for key, value in table.items() if key not in SERVER.front)
        if wordings is not None:
            wordings[settings] = wording
    name = f"name = {_string(server.name)}, " if server.name else ""
    return f'{{ {name}server = "{fields.server_text(server.endpoint)}"{wording} }}'


def _refuse_twice(names: Iterable[str], what: str) -> None:
    twice = [name for name, count in Counter(names).items() if name and count > 1]
    if twice:
        name = fields.visible(twice[0])
        raise ProfileError(f'name: more than one {what} is called "{name}"; give each a name of its own')


def block(header: str, table: Table) -> str:
    """Write a table with its header (empty for none), a key a line."""
    lines = "".join(f"{key} = {value_text(value)}\n" for key, value in table.items())
    return f"{header}\n{lines}" if header else lines


def value_text(value: Raw | Table | None) -> str:
    """Write a value on one line."""
    match value:
        case str():
            return _string(value)
        case tuple():
            return f"[{', '.join(map(_string, value))}]"
        case dict():
            return "{ " + ", ".join(f"{key} = {value_text(inner)}" for key, inner in value.items()) + " }"
        case _:
            return str(value)


def _string(text: str) -> str:
    """Quote a text; what needs escapes is left to tomli-w, which plain addresses and words can do without."""
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    from tomli_w import dumps as dumps_toml  # 10 ms of imports that most profiles never need

    quoted = dumps_toml({"text": text}).removeprefix("text = ").removesuffix("\n")
    return fields.escape_hidden(quoted, _escape)


def _escape(character: str) -> str:
    """Write a character as TOML does; half a pair, which TOML cannot write, stays for the file's encoding to refuse."""
    code = ord(character)
    if 0xD800 <= code <= 0xDFFF:
        return character
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def encodable(profile: str, encoding: str) -> str:
    """Return a written profile without the characters that an encoding lacks: TOML's escapes stand in their place."""
    try:
        profile.encode(encoding)
    except UnicodeEncodeError:
        return "".join(character if _has(encoding, character) else _escape(character) for character in profile)
    return profile


def _has(encoding: str, character: str) -> bool:
    try:
        return bool(character.encode(encoding))
    except UnicodeEncodeError:
        return False
