"""What may stand at a place of a command line, by the parser's tables: commands, options, words, fields, files."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final, NamedTuple, TypeVar

from lvstui.commands.arguments import parser
from lvstui.commands.completion.line import Line, commands_of, read_line
from lvstui.commands.completion.nouns import (
    Words,
    interfaces,
    machines,
    marks,
    namespaces,
    records,
    schedulers,
    servers,
    services,
    targets,
    themes,
)
from lvstui.core import fields
from lvstui.core.attribute import Attributes, Configured
from lvstui.core.attributes import DAEMON, METHODS, SERVER, SERVICE, TIMEOUTS
from lvstui.core.model import Endpoint, Pool, RealServer, Service, SyncDaemon, Timeouts
from lvstui.core.probe_fields import PROBE

_ROLES: Final = dict.fromkeys(fields.ROLE_WORDS.values(), "sync daemon")
_SETTINGS: Final = {
    "timeouts": "of connections",
    "sysctl": "settings of net.ipv4.vs",
    "director": "its name",
    "sync": "a sync daemon",
}
"""What may stand where a service does after `set`."""

_O = TypeVar("_O", bound=Configured)


class Offer(NamedTuple):
    """What may stand at a place; `files` says that a file may."""

    words: Words
    files: bool = False


_NOTHING: Final = Offer({})
_FILES: Final = Offer({}, files=True)


def find(words: Sequence[str], current: str) -> Offer:
    """Return what may stand at the end of a command line, where `current` is begun."""
    line = read_line(words)
    if line.open is not None and not current.startswith("-"):
        return _without_options(_of_option(line, line.open))
    if current.startswith("-") and not line.no_options:
        name, equals, _ = current.partition("=")
        action = line.command._option_string_actions.get(name)
        if equals and action is not None and action.nargs != 0:
            offer = _of_option(line, action)
            return Offer({f"{name}={word}": about for word, about in offer.words.items()}, offer.files)
        return Offer(_options(line))
    if inner := commands_of(line.command):
        return Offer({word: _first(command.description) for word, command in inner.items()})
    offer = _of_place(line, current)
    return offer if line.no_options else _without_options(offer)


def _without_options(offer: Offer) -> Offer:
    """Return it without names that would be read as options."""
    return offer._replace(words={word: about for word, about in offer.words.items() if not word.startswith("-")})


def _options(line: Line) -> Words:
    found: dict[str, str] = {}
    for action in line.command._actions:
        if action.help != argparse.SUPPRESS and (action.dest not in line.seen or action.dest == "server"):
            found |= dict.fromkeys((one for one in action.option_strings if one.startswith("--")), action.help or "")
    return found


def _first(text: str | None) -> str:
    return (text or "").partition("\n")[0]


def _of_option(line: Line, action: argparse.Action) -> Offer:
    """Return what may be the value of an option."""
    if action.choices is not None:
        return Offer(dict.fromkeys(map(str, action.choices), ""))
    if action.dest in _BY_OPTION:
        return Offer(_BY_OPTION[action.dest](line))
    return _by_metavar(line, str(action.metavar))


def _of_place(line: Line, current: str) -> Offer:
    """Return what may stand at a place that is known by its number."""
    places = [action for action in line.command._actions if not action.option_strings]
    many = places and places[-1].nargs in ("*", "+")
    if not places or (len(line.given) >= len(places) and not many):
        return _NOTHING
    if line.name in _BY_COMMAND:
        return Offer(_BY_COMMAND[line.name](line, current))
    action = places[min(len(line.given), len(places) - 1)]
    if action.choices is not None:
        return Offer(dict.fromkeys(map(str, action.choices), ""))
    return _by_metavar(line, str(action.metavar))


def _by_metavar(line: Line, metavar: str) -> Offer:
    if metavar in ("FILE", "PROFILE", "PLAN"):
        return _FILES
    return Offer(_BY_METAVAR[metavar](line)) if metavar in _BY_METAVAR else _NOTHING


def _for_help(line: Line) -> Words:
    command = parser()
    for word in line.given:
        command = commands_of(command).get(word, command)
    return {word: _first(inner.description) for word, inner in commands_of(command).items()}


def _for_set(line: Line, current: str) -> Words:
    if not line.given:
        return {**services(line), **_SETTINGS}
    what, *more = line.given
    if what == "timeouts":
        return _assignments(TIMEOUTS, line.director.timeouts or Timeouts(), current)
    if what == "sysctl":
        return _sysctls(current)
    if what == "director":
        return {"name=": "what it is called"}
    if what == "sync":
        return _for_daemon(line, more, current)
    pool = line.pool(what)
    server = _server(pool, more)
    if server is not None:
        return _assignments(SERVER, server, current)
    own = _assignments(SERVICE, pool.service, current) if pool else {}
    return own if more or "=" in current else {**servers(line), **own}


def _for_add(line: Line, current: str) -> Words:
    if not line.given:
        return {**services(line), "sync": "a sync daemon"}
    what, *more = line.given
    if what == "sync":
        return _for_daemon(line, more, current)
    pool = line.pool(what)
    if pool is None:
        with suppress(fields.FieldError):
            return _assignments(SERVICE, Service(fields.service(what)), current)
        return {}
    if not more:
        return {text: "" for text in machines(line) if all(str(end.address) != text for end in pool.servers)}
    like = next(iter(pool.servers.values()), RealServer(Endpoint(fields.address("server", "192.0.2.1"), 0)))
    return _assignments(SERVER, replace(like, name=""), current)


def _for_delete(line: Line, _: str) -> Words:
    if not line.given:
        return {**services(line), "sync": "a sync daemon"}
    if line.given == ["sync"]:
        return _ROLES
    return servers(line) if len(line.given) == 1 else {}


def _for_weights(line: Line, _: str) -> Words:
    return services(line) if not line.given else servers(line) if len(line.given) == 1 else {}


def _for_probe(line: Line, current: str) -> Words:
    names = [word for word in line.given if "=" not in word]
    about: Words = {}
    if not names:
        about = services(line)
    elif len(names) == 1:
        about = servers(line)
    return about if current and "=" not in current and about else {**about, **_fields_of_probe(current)}


def _fields_of_probe(current: str) -> Words:
    name, equals, _ = current.partition("=")
    for one in PROBE:
        if equals and one.key == name:
            return {f"{name}={choice}": "" for choice in one.choices}
    return {f"{one.key}=": one.meaning for one in PROBE if one.group}


def _for_daemon(line: Line, more: Sequence[str], current: str) -> Words:
    if not more:
        return _ROLES
    if current.startswith("interface="):
        return {f"interface={name}": "" for name in interfaces()}
    with suppress(fields.FieldError):
        role = fields.role(more[0])
        return _assignments(DAEMON, line.director.daemons.get(role, SyncDaemon(role, "")), current)
    return {}


def _sysctls(current: str) -> Words:
    from lvstui.core.sysctls import SETTINGS

    name, equals, _ = current.partition("=")
    if equals:
        return {f"{name}={text}": "" for text in (SETTINGS[name].default,) if text} if name in SETTINGS else {}
    return {f"{name}=": setting.meaning for name, setting in SETTINGS.items()}


def _server(pool: Pool | None, more: Sequence[str]) -> RealServer | None:
    """Return the server that the words behind a service name."""
    text = next((word for word in more if "=" not in word), None)
    if pool is None or text is None:
        return None
    servers = pool.servers.values()
    return next(
        (one for one in servers if text in (one.name, fields.server_text(one.endpoint), str(one.endpoint.address))),
        None,
    )


def _assignments(attributes: Attributes[_O], value: _O, current: str) -> Words:
    """Return the fields of an object; behind `=` the values of one, or what it is now where any may be."""
    name, equals, _ = current.partition("=")
    if not equals:
        return {f"{one.name}=": one.meaning for one in attributes}
    if name == "scheduler":
        return {f"{name}={text}": "" for text in schedulers()}
    known = [one for one in attributes if one.name == name]
    if not known:
        return {}
    texts = known[0].choices or (known[0].text(value),)
    return {f"{name}={text}": "" for text in texts if text}


_BY_OPTION: Final[Mapping[str, Callable[[Line], Words]]] = {
    "netns": namespaces,
    "theme": themes,
    "scheduler": schedulers,
    "server": servers,
}
_BY_METAVAR: Final[Mapping[str, Callable[[Line], Words]]] = {
    "SERVICE": services,
    "SERVER": servers,
    "MARK": marks,
    "ADDRESS": machines,
    "PROTOCOL:ADDRESS:PORT": targets,
    "INTERFACE": interfaces,
    "METHOD": lambda _: dict.fromkeys(METHODS, ""),
    "COMMAND": _for_help,
}
_BY_COMMAND: Final[Mapping[str, Callable[[Line, str], Words]]] = {
    "set": _for_set,
    "add": _for_add,
    "delete": _for_delete,
    "drain": _for_weights,
    "restore": _for_weights,
    "probe": _for_probe,
    "rollback": lambda line, _: records(line),
}
