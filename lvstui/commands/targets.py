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
    """Tell values for fields from the word that names something."""
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
    """Find a service by its notation or by its name."""
    key = _service_key(text)
    found = [each for each in director.pools.values() if each.service.key == key or each.service.name == text]
    if len(found) > 1:
        meant = ", ".join(fields.service_text(each.service.key) for each in found)
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
    """Find a real server of a service by its notation, by its name, or by its address where that is enough."""
    found = [each for each in among.servers.values() if text in (each.name, fields.server_text(each.endpoint))]
    if not found:
        found = [each for each in among.servers.values() if _is_at(each, text)]
    where = fields.service_text(among.service.key)
    if len(found) > 1:
        meant = ", ".join(fields.server_text(each.endpoint) for each in found)
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
