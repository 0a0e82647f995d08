"""A plan as a file of JSON: the changes as all commands print them, and what the usual profile said of each object."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Final

from lvstui.core import fields, sysctls
from lvstui.core.change import Change, DirectorField, Target, lookup
from lvstui.core.fields import FieldError, quote
from lvstui.core.mistake import Mistake
from lvstui.core.model import (
    AddressKey,
    Director,
    Home,
    MarkGroupKey,
    MarkKey,
    ServerKey,
    ServiceKey,
    SysctlKey,
)
from lvstui.core.plan import Plan, Step
from lvstui.formats.changes import change_object, value_object
from lvstui.formats.json import Json, pieces
from lvstui.formats.profile.flaws import ProfileError
from lvstui.formats.profile.places import Path
from lvstui.formats.profile.reader import FORMAT as PROFILE_FORMAT
from lvstui.formats.profile.reader import ProfileReader
from lvstui.formats.profile.tables import Reader, Table, same
from lvstui.formats.records import read_time, time_text

FORMAT: Final = 1
"""The number of the format that this lvstui writes and the newest that it reads."""

JSON: Final = "JSON"
"""What a mistake is about that stands in no key."""

_MOST: Final = 20
"""Mistakes that are listed."""

_DIGITS: Final = 20
"""Digits of a number that is read: those of 64 bits."""

_BY: Final[Mapping[str, Sequence[str]]] = {
    "service": ("service",),
    "server": ("service", "server"),
    "mark": ("mark",),
    "sync": ("sync",),
    "sysctl": ("sysctl",),
    "timeouts": (),
}
"""What a plan may change, and the keys that say which one."""

_WITH_ARTICLE: Final = {
    "service": "a service",
    "server": "a server",
    "mark": "a mark",
    "sync": "a sync daemon",
    "sysctl": "a setting",
    "timeouts": "the timeouts",
}
_STATES: Final = ("old", "new", "saved")
"""Keys of a change that have an object each."""
_TOP: Final = frozenset(("plan", "time", "user", "source", "director", "profile", "change"))
_HOME: Final = frozenset(("name", "host", "netns"))
_NAMES: Final = ("service", "server", "mark", "sync", "sysctl")
_ABOUT: Final = ("text", "command", "outcome", "reason")
"""Keys of a change that say it for people and scripts; what counts is old and new."""
_CHANGE: Final = frozenset(("what", *_NAMES, "old", "new", "saved", *_ABOUT))


def dump(plan: Plan, names: Director) -> str:
    """Write a plan, a change a line; the names of services are those of `names`."""
    changes: Generator[Json] = (
        {**change_object(change, names), "saved": value_object(change.target, saved)} for change, saved in plan.steps
    )
    document: dict[str, Json] = {
        "plan": FORMAT,
        "time": time_text(plan.time),
        "user": plan.user,
        "source": plan.source,
        "director": {"name": names.name, "host": plan.home.host, "netns": plan.home.netns},
        "profile": plan.profile,
        "change": changes,
    }
    return "".join((*pieces(document), "\n"))


def load(text: str, source: str) -> Plan:
    """Read a plan; `source` names it in mistakes. Raises `ProfileError` with the mistakes in it, the first twenty."""
    try:
        document = json.loads(text, object_pairs_hook=_table, parse_constant=_no_number, parse_int=_whole_number)
    except RecursionError:
        raise ProfileError(Mistake(source, 1, JSON, "is nested too deeply")) from None
    except json.JSONDecodeError as error:
        sentence = f"{error.msg[:1].lower()}{error.msg[1:]} (column {error.colno})"
        raise ProfileError(Mistake(source, error.lineno, JSON, sentence)) from None
    except ValueError as error:
        raise ProfileError(Mistake(source, 1, JSON, str(error))) from None
    reader = _Reader()
    plan = reader.plan(document)
    if reader.flaws.found:
        lines = _lines(text)
        raise ProfileError(*(_mistake(source, flaw.path, flaw.sentence, lines) for flaw in reader.flaws.found[:_MOST]))
    return plan


def _mistake(source: str, path: Path, sentence: str, lines: Sequence[int]) -> Mistake:
    """Return a mistake whose field can be asked of jq: `change[3].new.weight`."""
    field = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")
    match path:
        case ["change", int() as number, *_] if number < len(lines):
            return Mistake(source, lines[number], field, sentence)
        case _:
            return Mistake(source, 1, field, sentence)


def _table(pairs: Sequence[tuple[str, object]]) -> Mapping[str, object]:
    table = dict(pairs)
    if len(table) < len(pairs):
        twice = next(key for at, (key, _) in enumerate(pairs) if key in dict(pairs[:at]))
        raise ValueError(f"{quote(twice)} is there twice in one object; take one out")
    return table


def _no_number(word: str) -> object:
    raise ValueError(f"{word} is no number")


def _whole_number(digits: str) -> int:
    if len(digits) > _DIGITS:
        raise ValueError(f"a number of {len(digits)} digits is larger than any field takes")
    return int(digits)


def _lines(text: str) -> Sequence[int]:
    """Return the line of each change in a text that is JSON; none where they are no list."""
    decoder = json.JSONDecoder()
    lines: list[int] = []

    def skip(at: int, marks: str) -> int:
        while text[at] in marks:
            at += 1
        return at

    at = skip(text.index("{") + 1, _BLANKS)
    while text[at] != "}":
        key, at = decoder.raw_decode(text, at)
        at = skip(at, f"{_BLANKS}:")
        if key == "change" and text[at] == "[":
            counted, line = 0, 1
            at = skip(at + 1, _BLANKS)
            while text[at] != "]":
                line += text.count("\n", counted, at)
                counted = at
                lines.append(line)
                _, at = decoder.raw_decode(text, at)
                at = skip(at, f"{_BLANKS},")
            return lines
        _, at = decoder.raw_decode(text, at)
        at = skip(at, f"{_BLANKS},")
    return lines


_BLANKS: Final = " \t\r\n"


class _Reader(Reader):
    """Reads a parsed plan."""

    def plan(self, document: Mapping[str, object]) -> Plan:
        """Read the whole document; what is wrong stands in `flaws`."""
        nothing = Plan((), "", "", "", read_time("2000-01-01T00:00:00Z"))
        if not isinstance(document, dict) or "plan" not in document:
            self.flaws.missing(("plan",), "is missing, so this is no plan; `lvstui diff --out FILE` writes one")
            return nothing
        number = document["plan"]
        if type(number) is not int or number < 1:
            self.flaws.note(("plan",), f"must be a whole number, and {FORMAT} for this lvstui")
            return nothing
        if number > FORMAT:
            self.flaws.note(("plan",), f"{number} is newer than this lvstui reads ({FORMAT}); use a newer lvstui")
            return nothing
        self.unknown(document, (), _TOP)
        for key in sorted(key for key in _TOP if document.get(key) is None):
            self.flaws.missing((key,), "is missing")
        place, home = self.table(document, (), "director")
        self.unknown(home, place, _HOME)
        return Plan(
            tuple(self._steps(document)),
            self.get(document, (), "profile", str, str, ""),
            self.get(document, (), "user", str, str, ""),
            self.get(document, (), "source", str, str, ""),
            self._time(document) or nothing.time,
            Home(
                self.get(home, place, "host", str, lambda text: text and fields.host(text), ""),
                self.get(home, place, "netns", str, lambda text: text and fields.netns(text), ""),
            ),
        )

    def _time(self, document: Mapping[str, object]) -> datetime | None:
        def read(text: str) -> datetime:
            try:
                return read_time(text)
            except (ValueError, OverflowError):
                raise FieldError("time", f"must be a moment such as 2026-11-27T12:30:05Z, not {quote(text)}") from None

        return self.get(document, (), "time", str, read, None)

    def _steps(self, document: Mapping[str, object]) -> Iterator[Step]:
        known: dict[Target, tuple[int, Table]] = {}
        states = {key: _State(key) for key in _STATES}
        for index, table in enumerate(self.get(document, (), "change", list, same, [])):
            path: Path = ("change", index)
            if not isinstance(table, dict):
                self.flaws.note(path, "must be an object")
                continue
            self.unknown(table, path, _CHANGE)
            what = self.required(table, path, "what", _what, '"service"')
            target = self._target(table, path, what) if what else None
            if what is None or target is None:
                continue
            if target in known:
                self.flaws.note(path, f"is about the same as change[{known[target][0]}]; a plan changes each once")
                continue
            known[target] = index, table
            if all(table.get(key) is None for key in _STATES):
                self.flaws.note((*path, "new"), "is null, and so are old and saved; one of them must be there")
            for key, state in states.items():
                self._enter(table, (*path, key), what, target, state)
        directors = {key: self._director(state) for key, state in states.items()}
        for target, (_, table) in known.items():
            old, new, saved = (
                lookup(directors[key], target) if table.get(key) is not None else None for key in _STATES
            )
            yield Step(Change(target, old, new), saved)

    def _target(self, table: Table, path: Path, what: str) -> Target | None:
        """Read what a change is about: one object, by those keys that its kind has, and no others."""
        for key in _NAMES:
            if key not in _BY[what] and table.get(key) is not None:
                self.flaws.note((*path, key), f"must be null, as this is about {_WITH_ARTICLE[what]}")
        match what:
            case "service":
                return self.required(table, path, "service", fields.service, '"tcp:192.0.2.10:443"')
            case "server":
                service = self.required(table, path, "service", fields.service, '"tcp:192.0.2.10:443"')
                endpoint = self.required(table, path, "server", fields.server, '"10.0.0.11:443"')
                return ServerKey(service, endpoint) if service and endpoint else None
            case "mark":
                if table.get("mark") is None:
                    self.flaws.missing((*path, "mark"), "is missing; write mark = 80")
                mark = self.get(table, path, "mark", int, partial(fields.number, "mark"), None)
                return MarkGroupKey(mark) if mark else None
            case "sync":
                return self.required(table, path, "sync", fields.role, '"master" or "backup"')
            case "sysctl":
                name = self.required(table, path, "sysctl", sysctls.name, '"conntrack"')
                return SysctlKey(name) if name else None
            case _:
                return DirectorField.TIMEOUTS

    def _enter(self, table: Table, path: Path, what: str, target: Target, state: _State) -> None:
        """Put what a change leads from or to beside the others of its state."""
        raw = table.get(state.key)
        if raw is None:
            return
        own = _BY[what][-1] if what in ("service", "server", "mark") else "role" if what == "sync" else ""
        if isinstance(raw, dict):
            raw = _without_nulls(raw)
            if own and raw.get(own) != table.get("sync" if own == "role" else own):
                self.flaws.note((*path, own), "is of another object than the one that the change is about")
            if what == "service" and "server" in raw:
                self.flaws.note((*path, "server"), "is no key here; a server is a change of its own")
        elif what != "sysctl":
            self.flaws.note(path, f"must be an object: {_WITH_ARTICLE[what]} as configured")
            return
        state.put(path, target, raw)

    def _director(self, state: _State) -> Director:
        """Read all objects of a state as the reader of profiles does: it knows every field and its range."""
        reader = ProfileReader()
        director = reader.director(state.document)
        for flaw in reader.flaws.found:
            self.flaws.note(state.origin(flaw.path), flaw.sentence)
        return director


class _State:
    """The objects of a plan as they were, or are to be: as a profile of nothing else, and where in the plan each is."""

    def __init__(self, key: str) -> None:
        self.key = key
        self._services: list[dict[str, object]] = []
        self._servers: dict[ServiceKey, list[object]] = {}
        self._places: dict[ServiceKey, int] = {}
        self._others: dict[str, list[object]] = {"mark": [], "sync": []}
        self._settings: dict[str, object] = {}
        self._timeouts: dict[str, object] = {}
        self._origins: dict[Path, Path] = {}

    @property
    def document(self) -> Table:
        """The profile."""
        singles = {"sysctl": self._settings, **self._timeouts}
        return {"format": PROFILE_FORMAT, "service": self._services, **self._others, **singles}

    def origin(self, path: Path) -> Path:
        """Return where in the plan something of the profile stands."""
        length = next(length for length in range(len(path), -1, -1) if path[:length] in self._origins or not length)
        return (*self._origins.get(path[:length], ()), *path[length:])

    def put(self, origin: Path, target: Target, raw: object) -> None:
        """Put an object into the profile."""
        match target, raw:
            case ServerKey(key), _:
                servers = self._servers_of(key)
                place: Path = ("service", self._places[key], "server", len(servers))
                servers.append(raw)
            case AddressKey() | MarkKey(), dict():
                self._servers_of(target)
                place = ("service", self._places[target])
                self._services[self._places[target]] |= {**raw, "server": self._servers[target]}
            case SysctlKey(name), _:
                place = ("sysctl", name)
                self._settings[name] = raw
            case DirectorField(), _:
                place = ("timeouts",)
                self._timeouts["timeouts"] = raw
            case _:
                kind = "mark" if isinstance(target, MarkGroupKey) else "sync"
                place = (kind, len(self._others[kind]))
                self._others[kind].append(raw)
        self._origins[place] = origin

    def _servers_of(self, key: ServiceKey) -> list[object]:
        if key not in self._servers:
            self._servers[key] = []
            self._places[key] = len(self._services)
            self._services.append({"service": fields.service_text(key), "server": self._servers[key]})
        return self._servers[key]


def _what(text: str) -> str:
    if text not in _BY:
        raise FieldError("what", f"{quote(text)} is nothing that a plan changes; it may be {', '.join(_BY)}")
    return text


def _without_nulls(table: Table) -> dict[str, object]:
    """Return an object with only what is there, as a profile has it."""
    return {
        key: {inner: value for inner, value in part.items() if value is not None} if isinstance(part, dict) else part
        for key, part in table.items()
        if part is not None
    }
