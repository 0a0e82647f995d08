"""Every setting of config.toml once: its type, range and default, and what it is for.

The reader, `lvstui config`, its check, the options of the command line and docs/configuration.md derive from this
table. The keys of commands (`[keys]`) are no settings of their own: core/keys.py has their rules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from ipaddress import IPv4Address
from typing import Final, NamedTuple, Never, TypeAlias

from lvstui.core.attribute import Attribute
from lvstui.core.attributes import SERVER
from lvstui.core.fields import FieldError, label, quote
from lvstui.core.keys import Line, key_name, refusal
from lvstui.core.mistake import Mistake
from lvstui.core.model import Endpoint, RealServer
from lvstui.core.words import did_you_mean

Value: TypeAlias = bool | int | float | str | tuple[str, ...]
"""A value as config.toml holds it; a list is a tuple of texts."""

VIEWS: Final = ("services", "persistence", "marks", "connections", "director", "changes")
"""The views by their names, in the order of their digits."""

ARRANGED: Final = VIEWS[:4]
"""The views whose columns are chosen."""

INTERVAL: Final = (0.2, 3600.0)
"""The fewest and the most seconds between two readings."""

COLOURS: Final = {"red": "error", "yellow": "warning", "blue": "accent"}
"""What a host may be painted in, and the role that this is in a theme: each has a text that can be read on it."""

COMMAND_LINE: Final = "command line"

_BANNER_MAX: Final = 30
"""Characters of a banner: what leaves room for the tabs."""

_NONE: Final[Mapping[str, Never]] = {}

_EXAMPLE: Final = RealServer(Endpoint(IPv4Address(0), 0))


class Setting(NamedTuple):
    """One setting: its `name` (`host.banner` is in the table `[host]`), the values that it takes, and what it is for.

    `kind` is the type in words, `read` takes a value of that type and raises `FieldError`. `default` is None where
    something else decides, which `otherwise` says. `option` is what the command line has for it, `example` how a value
    is written.
    """

    name: str
    kind: str
    read: Callable[[object], Value]
    default: Value | None
    sentence: str
    values: str = ""
    otherwise: str = ""
    option: str = ""
    example: Value = ""


def _flag(raw: object) -> bool:
    if not isinstance(raw, bool):
        raise FieldError("", f"must be true or false, not {_kind(raw)}")
    return raw


def _text(raw: object, check: Callable[[str], object] = str) -> str:
    if not isinstance(raw, str):
        raise FieldError("", f"must be a text, not {_kind(raw)}")
    check(raw)
    return raw


def _choice(raw: object, choices: Sequence[str]) -> str:
    text = _text(raw)
    if text not in choices:
        raise FieldError("", f"must be one of {', '.join(choices)}, not {quote(text)}")
    return text


def _seconds(raw: object) -> float:
    least, most = INTERVAL
    if isinstance(raw, bool) or not isinstance(raw, int | float):
        raise FieldError("", f"must be a number of seconds, not {_kind(raw)}")
    if not least <= raw <= most:
        raise FieldError("", f"must be {least:g} to {most:g} seconds, not {raw:g}")
    return float(raw)


def _banner(raw: object) -> str:
    text = _text(raw, partial(label, "banner"))
    if len(text) > _BANNER_MAX:
        raise FieldError("", f"may have {_BANNER_MAX} characters, not {len(text)}")
    return text.strip()


def texts(raw: object) -> tuple[str, ...]:
    """Read a list of texts; raises `FieldError`."""
    if not isinstance(raw, list) or not all(isinstance(item, str) for item in raw):
        raise FieldError("", 'must be a list of texts, such as ["name", "weight"]')
    return tuple(item for item in raw if isinstance(item, str))


def _kind(raw: object) -> str:
    kinds = {bool: "true or false", int: "a number", float: "a number", str: "a text", list: "a list", dict: "a table"}
    return kinds.get(type(raw), "a value of another type")


def _attribute(raw: object, attribute: Attribute[RealServer]) -> Value:
    """Read what a new real server begins with, as the profile does."""
    if attribute.kind is int and (isinstance(raw, bool) or not isinstance(raw, int)):
        raise FieldError("", f"must be a whole number, not {_kind(raw)}")
    if isinstance(raw, int) and not isinstance(raw, bool) and attribute.kind is int:
        attribute.put(_EXAMPLE, raw)
        return raw
    text = _text(raw)
    attribute.put(_EXAMPLE, text)
    return text


def _server_settings() -> Iterator[Setting]:
    """Yield a setting for all that new real servers can have in common, from the table of their attributes."""
    others = "as most servers of the service have it, else of the director, else route"
    like = "as the servers of the service have it"
    for one in SERVER:
        if one.name in ("name", "resume"):
            continue
        kind = "a whole number" if one.kind is int else "a text"
        values = f"{one.limits[0]} to {one.limits[1]}" if one.limits else ", ".join(one.choices)
        grouped = one.name == "forwarding" or one.group
        raw = one.get(_EXAMPLE)
        default = None if grouped or not isinstance(raw, str | int | float) else raw
        otherwise = others if one.name == "forwarding" else like if one.group else ""
        yield Setting(
            f"server.{one.name}",
            kind,
            partial(_attribute, attribute=one),
            default,
            f"what new real servers begin with{': ' + one.meaning if one.meaning else ''}",
            values,
            otherwise,
            example=raw if isinstance(raw, str | int | float) else "",
        )


_SETTINGS: Final = (
    Setting(
        "theme",
        "a text",
        _text,
        None,
        "the colours, by the name of a theme",
        "lvstui-dark, lvstui-light, lvstui-safe, lvstui-contrast, lvstui-ansi, or one of your own",
        "what was chosen last, else lvstui-dark",
        "--theme",
        "lvstui-dark",
    ),
    Setting(
        "interval",
        "a number",
        _seconds,
        1.0,
        "seconds between two readings",
        f"{INTERVAL[0]:g} to {INTERVAL[1]:g}",
        option="--interval",
        example=1.0,
    ),
    Setting(
        "view",
        "a text",
        partial(_choice, choices=VIEWS),
        VIEWS[0],
        "the view to start in",
        ", ".join(VIEWS),
        option="--view",
        example=VIEWS[0],
    ),
    Setting(
        "mouse",
        "true or false",
        _flag,
        None,
        "whether clicks mean something",
        otherwise="true, except far away (over SSH, where it costs a packet a move)",
        option="--mouse, --no-mouse",
        example=True,
    ),
    Setting(
        "ascii",
        "true or false",
        _flag,
        None,
        "whether to show no signs but ASCII",
        otherwise="what the terminal and the locale can show",
        option="--ascii, --no-ascii",
        example=False,
    ),
    Setting(
        "read_only",
        "true or false",
        _flag,
        False,
        "whether every edit is refused, in the screens and by commands",
        option="--read-only, --no-read-only",
        example=False,
    ),
    Setting(
        "host.banner",
        "a text",
        _banner,
        "",
        "a word that stands before the name of the host on every screen, such as PRODUCTION",
        f"up to {_BANNER_MAX} characters",
        example="PRODUCTION",
    ),
    Setting(
        "host.colour",
        "a text",
        partial(_choice, choices=(*COLOURS, "none")),
        "none",
        "what banner and name of the host are painted in, as the theme paints errors, warnings or what is chosen",
        ", ".join((*COLOURS, "none")),
        example="red",
    ),
    *(
        Setting(
            f"columns.{view}",
            "a list of texts",
            texts,
            None,
            f"the columns of the {view} view, by their ids; the first one is always shown",
            otherwise="as they were shown last",
        )
        for view in ARRANGED
    ),
    *_server_settings(),
)

SETTINGS: Final[Mapping[str, Setting]] = {setting.name: setting for setting in _SETTINGS}
"""All settings by name, in the order in which they are written."""

TABLES: Final = frozenset(name.rpartition(".")[0] for name in SETTINGS if "." in name) | {"keys"}
"""The tables of config.toml, as ways through it: `host`, `server.tunnel`."""


class Found(NamedTuple):
    """A value, and where it comes from: the file with its line, the command line (line 0), or neither (the default)."""

    value: Value
    source: str = ""
    line: int = 0

    @property
    def origin(self) -> str:
        """Where it comes from, in words."""
        return f"{self.source}:{self.line}" if self.line else self.source or "default"


class Known(NamedTuple):
    """What only the screens know of values: the names of themes, columns by view, and commands by view.

    The commands of the view "" are those of every view.
    """

    themes: Sequence[str] = ()
    columns: Mapping[str, Sequence[str]] = _NONE
    commands: Mapping[str, tuple[Line, ...]] = _NONE

    @property
    def ids(self) -> dict[str, Line]:
        """All commands by their ids."""
        return {line.id: line for lines in self.commands.values() for line in lines}


class Config(NamedTuple):
    """What is configured, by name; what nothing configures has its default. `keys` are the keys of commands.

    `mistakes` are the wrong values, file by file in the order of their lines; they count as if they were not there.
    """

    values: Mapping[str, Found] = _NONE
    keys: Mapping[str, Found] = _NONE
    mistakes: Sequence[Mistake] = ()

    def over(self, other: Config) -> Config:
        """Return this configuration on top of another one: value by value, this one counts first."""
        return Config({**other.values, **self.values}, {**other.keys, **self.keys}, (*other.mistakes, *self.mistakes))

    def found(self, name: str) -> Found | None:
        """Return the value of a setting and where it comes from; None where something else decides."""
        if name in self.values:
            return self.values[name]
        default = SETTINGS[name].default
        return None if default is None else Found(default)

    def text(self, name: str) -> str:
        """Return the value of a text, empty where there is none."""
        found = self.found(name)
        return str(found.value) if found else ""

    def number(self, name: str) -> float:
        """Return the value of a number."""
        found = self.found(name)
        return float(found.value) if found and isinstance(found.value, int | float) else 0.0

    def flag(self, name: str) -> bool | None:
        """Return whether something is so; None where something else decides."""
        found = self.found(name)
        return found.value is True if found else None

    @property
    def columns(self) -> dict[str, tuple[str, ...]]:
        """The columns of those views for which they are configured."""
        named = ((view, self.values.get(f"columns.{view}")) for view in ARRANGED)
        return {view: found.value for view, found in named if found and isinstance(found.value, tuple)}

    @property
    def server(self) -> dict[str, str]:
        """What is configured for new real servers, as texts by the names of attributes."""
        begin = "server."
        return {name.removeprefix(begin): str(v.value) for name, v in self.values.items() if name.startswith(begin)}

    @property
    def given_keys(self) -> dict[str, tuple[str, ...]]:
        """The keys that commands are given, by their ids, with those that a command never loses."""
        return {id: found.value for id, found in self.keys.items() if isinstance(found.value, tuple)}


def check(config: Config, known: Known) -> Config:
    """Return a configuration without what the screens do not know, which is among the mistakes then."""
    values, keys = dict(config.values), dict(config.keys)
    wrong: list[Mistake] = []

    def drop(where: dict[str, Found], name: str, field: str, sentence: str) -> None:
        found = where.pop(name)
        wrong.append(Mistake(found.source, found.line, field, sentence))

    theme = values.get("theme")
    if theme is not None and theme.line and theme.value not in known.themes:
        name = str(theme.value)
        drop(values, "theme", "theme", f"there is no theme {quote(name)}; {_hint(name, known.themes)}")
    for view, columns in config.columns.items():
        name = f"columns.{view}"
        unknown = next((column for column in columns if column not in known.columns[view]), None)
        if unknown is not None:
            drop(values, name, name, f"{quote(unknown)} is no column; {_hint(unknown, known.columns[view])}")
    for id in config.keys:
        if id not in known.ids:
            drop(keys, id, f"keys.{id}", f"is no command; {_hint(id, tuple(known.ids))}")
        elif reason := _refused(id, keys[id], known.ids[id].keys):
            drop(keys, id, f"keys.{id}", reason)
    while clash := _clash(keys, known):
        id, sentence = clash
        drop(keys, id, f"keys.{id}", sentence)
    return config._replace(
        values=values,
        keys=keys,
        mistakes=_by_line((*config.mistakes, *wrong)),
    )


def consistent(config: Config) -> Config:
    """Return a configuration without what new servers cannot begin with together, which is among the mistakes then.

    Each of these values is right for itself: a lower threshold above the upper one may be of another file.
    """
    if not config.server:
        return config
    from lvstui.core.rules import wrong_thresholds, wrong_tunnel  # which most machines never need

    values, wrong = dict(config.values), list[Mistake]()
    told = {mistake.field for mistake in config.mistakes}
    server = SERVER.assign(_EXAMPLE, config.server)
    for problem in filter(None, (wrong_thresholds(server), wrong_tunnel(server))):
        name = "server.tunnel.type" if problem.field == "tunnel" else f"server.{problem.field}"
        found = values.pop(name)
        if not told & {f"server.{field}" for field in (problem.needs or ("tunnel.port",))}:
            wrong.append(Mistake(found.source, found.line, name, problem.sentence))
    if len(values) == len(config.values):
        return config
    return config._replace(values=values, mistakes=_by_line((*config.mistakes, *wrong)))


def _by_line(mistakes: Iterable[Mistake]) -> Sequence[Mistake]:
    return sorted(mistakes, key=lambda one: (one.file, one.line))


def _refused(id: str, found: Found, own: Sequence[str]) -> str:
    keys = found.value if isinstance(found.value, tuple) else ()
    return next(filter(None, (refusal(id, one, own) for one in keys)), "")


def _clash(keys: Mapping[str, Found], known: Known) -> tuple[str, str] | None:
    """Find a command that was given a key which another one has in the same view: of two that were, the later one."""
    for view in known.commands:
        taken: dict[str, str] = {}
        for line in dict.fromkeys((*known.commands[""], *known.commands[view])):
            found = keys.get(line.id)
            own = found.value if found and isinstance(found.value, tuple) else line.keys
            for one in own:
                other = taken.setdefault(one, line.id)
                if other == line.id:
                    continue
                given = [id for id in (other, line.id) if id in keys]
                later = max(given, key=lambda id: (keys[id].line, id))
                rest = other if later == line.id else line.id
                where = f"in the {view} view" if view else "in every view"
                return later, f"{key_name(one)} is {rest} {where}; choose another key, or give that one another"
    return None


def _hint(text: str, known: Sequence[str]) -> str:
    return did_you_mean(text, known) or f"known are {', '.join(known)}"
