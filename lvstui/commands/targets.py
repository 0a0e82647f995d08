"""What a command is about: services and real servers by notation or by name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from lvstui.commands.status import Failure, Status
from lvstui.core import fields
from lvstui.core.fields import FieldError, visible
from lvstui.core.model import Director, Pool, RealServer, ServiceKey

_ASSIGNMENT: Final = re.compile(r"([a-z][a-z0-9_.]*)=(.*)", re.DOTALL)


class Words(NamedTuple):
    """The words after the first one: at most one more that names something, and values for fields."""

    second: str | None
    values: dict[str, str]


def split(words: Sequence[str]) -> Words:
    """Separate values for fields from the word that names something; raises `Failure` for a word too many."""
    second: str | None = None
    values: dict[str, str] = {}
    for word in words:
        match = _ASSIGNMENT.fullmatch(word)
        if match is None:
            if second is not None:
                raise Failure(f'"{visible(word)}" is one word too many; write values as FIELD=VALUE', Status.USAGE)
            second = word
        elif match[1] in values:
            raise Failure(f"{match[1]}: is given twice; leave one out", Status.USAGE)
        else:
            values[match[1]] = match[2]
    return Words(second, values)


def pool(text: str, director: Director) -> Pool:
    """Find a service by its notation or by its name; raises `Failure`."""
    key = _service_key(text)
    found = [pool for pool in director.pools.values() if pool.service.key == key or pool.service.name == text]
    if len(found) > 1:
        meant = ", ".join(fields.service_text(pool.service.key) for pool in found)
        raise Failure(f'"{visible(text)}" may mean each of {meant}; name the other one differently first')
    if not found:
        raise Failure(f'no service is "{visible(text)}"; `lvstui show` lists them')
    return found[0]


def _service_key(text: str) -> ServiceKey | None:
    try:
        return fields.service(text)
    except FieldError:
        return None


def server(text: str, among: Pool) -> RealServer:
    """Find a real server of a service by its notation, by its name, or by its address where that is enough.

    Raises `Failure`.
    """
    found = [one for one in among.servers.values() if text in (one.name, fields.server_text(one.endpoint))]
    if not found:
        found = [one for one in among.servers.values() if _is_at(one, text)]
    where = fields.service_text(among.service.key)
    if len(found) > 1:
        meant = ", ".join(fields.server_text(one.endpoint) for one in found)
        raise Failure(f'"{visible(text)}" may mean each of {meant} in {where}; write the one with its port')
    if not found:
        raise Failure(f'no server of {where} is "{visible(text)}"; `lvstui show` lists them')
    return found[0]


def _is_at(server: RealServer, text: str) -> bool:
    try:
        return fields.server(text) == server.endpoint
    except FieldError:
        pass
    try:
        return fields.address("server", text) == server.endpoint.address
    except FieldError:
        return False
