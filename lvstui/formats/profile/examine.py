"""Everything that is wrong in a profile: what cannot be read, what the kernel would refuse, what would not work."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Final, NamedTuple, TypeVar, assert_never

from lvstui.core import offer as offers
from lvstui.core import rules
from lvstui.core.attribute import Attributes, Configured
from lvstui.core.attributes import DAEMON, GROUP, SERVER, SERVICE, TIMEOUTS
from lvstui.core.mistake import Mistake, Severity, in_order
from lvstui.core.model import Director, MarkGroup, MarkKey, RealServer, Service, SyncDaemon, Timeouts
from lvstui.core.offer import UNKNOWN, Offer
from lvstui.core.rules import Problem
from lvstui.formats.profile.flaws import Flaw
from lvstui.formats.profile.places import Path, lines
from lvstui.formats.profile.reader import ARRAYS, Part, ProfileReader
from lvstui.formats.profile.shortcut import Uncertain, read_quickly
from lvstui.formats.profile.syntax import read_toml, refuse_long_keys

_O = TypeVar("_O", bound=Configured)

_NOT_WRITTEN: Final = frozenset(("name", "note", "probe", "resume", "server"))
"""What an object has that is no part of it in the kernel; a server is, but an object of its own."""


class Examined(NamedTuple):
    """A profile, as far as it can be read, and all that is wrong in it by its lines.

    It is `whole` where nothing in it stands for what cannot be read.
    """

    director: Director
    mistakes: tuple[Mistake, ...]
    whole: bool

    @property
    def refused(self) -> bool:
        """Whether a part of it cannot be read, or would be refused by the kernel."""
        return any(one.severity is Severity.ERROR for one in self.mistakes)


def examine(text: str, source: str, offer: Offer = UNKNOWN) -> Examined:
    """Read a profile and look at all of it; `source` names it in mistakes, `offer` is what a kernel has.

    Raises `ProfileError` where nothing of it can be read.
    """
    return _examine(text, source, offer)[0]


def sound(text: str, source: str, offer: Offer = UNKNOWN) -> Examined:
    """Read a profile as `examine` does, but without those objects that are wrong in what the kernel gets of them.

    A server that is wrong takes nothing else along; a service its servers, and the rules of its mark.
    """
    found, reader, lost = _examine(text, source, offer)
    if reader is None or (found.whole and not found.refused):
        return found
    wrong = [flaw.path for flaw in reader.flaws.found if flaw.severity is Severity.ERROR]
    return found._replace(director=_without(found.director, reader.parts, [*wrong, *lost]))


def _examine(text: str, source: str, offer: Offer) -> tuple[Examined, ProfileReader | None, tuple[Path, ...]]:
    """Return what was found, and where something may be wrong what read it and the ways to values that were lost."""
    refuse_long_keys(text, source)
    with suppress(Uncertain, ValueError, RecursionError):
        director = read_quickly(text)
        if not rules.check(director) and not offers.unmet(director, offer):
            return Examined(director, (), True), None, ()
    toml = read_toml(text, source, ARRAYS)
    reader = ProfileReader()
    director = reader.director(toml.document)
    whole = not reader.flaws.found and not toml.mistakes
    for part in reader.parts:
        reader.flaws.found += _flaws(part, director, offer)
    for path in toml.lost:
        reader.flaws.mean(path)
    if not reader.flaws.found and not toml.mistakes:
        return Examined(director, (), whole), reader, ()
    places = lines(text) if toml.places is None else toml.places
    mistakes = in_order((*toml.mistakes, *reader.flaws.mistakes(source, places)))
    return Examined(director, mistakes, whole), reader, toml.lost


def _without(director: Director, parts: Iterable[Part], wrong: Iterable[Path]) -> Director:
    """Return a director without the objects that ways to wrong values lead into."""
    pools, settings = dict(director.pools), dict(director.sysctl)
    groups, daemons, timeouts = dict(director.groups), dict(director.daemons), director.timeouts
    ways = list(wrong)
    for part in (part for part in parts if any(_leads_into(way, part.path) for way in ways)):
        match part.value:
            case Service(key=key):
                pools.pop(key, None)
                if isinstance(key, MarkKey):
                    groups.pop(key.mark, None)
            case RealServer(endpoint=endpoint):
                if part.key in pools:
                    pool = pools[part.key]
                    servers = {held: server for held, server in pool.servers.items() if held != endpoint}
                    pools[part.key] = replace(pool, servers=servers)
            case MarkGroup(mark=mark):
                groups.pop(mark, None)
            case SyncDaemon(role=role):
                daemons.pop(role, None)
            case Timeouts():
                timeouts = None
            case (name, _):
                settings.pop(name, None)
            case _:
                assert_never(part.value)
    sync = None if director.sync is None else daemons
    marks = None if director.marks is None else groups
    return replace(director, pools=pools, timeouts=timeouts, sync=sync, sysctl=settings, marks=marks)


def _leads_into(way: Path, place: Path) -> bool:
    """Return whether a way ends in the object at a place, in something that the kernel gets; not in its servers."""
    if way[: len(place)] != place:
        return False
    field = way[len(place)] if len(way) > len(place) else ""
    return field not in _NOT_WRITTEN


def _flaws(part: Part, director: Director, offer: Offer) -> Iterator[Flaw]:
    """Find what is wrong with an object beside others, though each of its values can be read."""
    match part.value:
        case Service() as service:
            found = [*rules.service_problems(service, ()), *offers.service_problems(service, offer)]
            return _located(part, SERVICE, found)
        case RealServer() as server:
            assert part.key is not None
            return _located(part, SERVER, rules.server_problems(server, part.key, (), director))
        case MarkGroup() as group:
            return _located(part, GROUP, rules.group_problems(group, ()))
        case SyncDaemon() as daemon:
            alone = replace(director, pools={})  # servers that keep daemons from starting are named at their own lines
            return _located(part, DAEMON, rules.daemon_problems(daemon, alone))
        case Timeouts() as timeouts:
            return _located(part, TIMEOUTS, rules.timeouts_problems(timeouts))
        case (name, text):
            found = [*rules.setting_problems(name, text), *offers.setting_problems(name, offer)]
            return (Flaw(part.path, problem.sentence, problem.severity, hides=False) for problem in found)
        case _:
            assert_never(part.value)


def _located(part: Part, attributes: Attributes[_O], found: Iterable[Problem]) -> Iterator[Flaw]:
    """Find where the fields of problems stand: `service` is of the service around a server, all others are its own."""

    def place(field: str) -> Path:
        if field == "service" and part.key is not None:
            return (*part.path[: part.path.index("server")], field)
        return (*part.path, *attributes.full_name(field).split("."))

    for problem in found:
        path = place(problem.field)
        yield Flaw(path, problem.sentence, problem.severity, (path, *map(place, problem.needs)), hides=False)
