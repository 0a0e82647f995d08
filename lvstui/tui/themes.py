"""Themes as TOML files, checked before Textual sees them, so that a bad one is a sentence and never a crash."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from itertools import chain
from pathlib import Path
from typing import Final, TypeVar

from textual.app import App
from textual.theme import Theme

from lvstui.core.fields import quote, visible
from lvstui.core.mistake import Mistake
from lvstui.core.words import count
from lvstui.formats.profile.flaws import ProfileError, field_of
from lvstui.formats.profile.places import line_of, lines
from lvstui.formats.profile.syntax import parse_toml
from lvstui.store.theme_files import ThemeFile, theme_files
from lvstui.tui.ink import Depth, Ink
from lvstui.tui.terminal import FrugalApp

DEFAULT: Final = "lvstui-dark"
COARSE: Final = "lvstui-ansi"
"""What is worn on terminals of fewer than 256 colours."""
_SHIPPED: Final = "lvstui-"

ON: Final = ("accent", "error", "warning")
"""Colours that are painted behind a text, which has the role `text-on-` and their name."""

_FIELDS: Final = ("primary", "secondary", "accent", "foreground", "background", "surface", "panel")
_FIELDS_TOO: Final = ("success", "warning", "error")
_COLOURS: Final = (*_FIELDS, *_FIELDS_TOO)
_ROLES: Final = ("text-dim", "rule", "cursor", "dialog", *(f"text-on-{role}" for role in ON), "bar", "track", "chart")
_FLAGS: Final = ("error-painted", "cursor-reverse")
_NUMBERED: Final = (*_COLOURS, *_ROLES)
_CODED: Final = ("foreground", "heading", "secondary", "text-dim", "accent", "warning", "error", "cursor")
_CODED_TOO: Final = ("selected", "staged", "on-trial", "bar", "chart", "track", "rule")
_TABLES: Final = ("variables", "xterm256", "sgr")

_COLOUR: Final = re.compile(r"#[0-9A-Fa-f]{6}")
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,29}")
_SGR: Final = re.compile(r"(1|4|7|[34][0-7])(;(1|4|7|[34][0-7]))*")

_SHOWN: Final = 60
"""Characters of a wrong value that are shown."""

Answer = TypeVar("Answer")
_Path = tuple[str | int, ...]


class ThemeError(Exception):
    """A theme that cannot be used; the sentence names the file, the line and the field."""


@dataclass(frozen=True, slots=True)
class Palette:
    """A theme with what terminals of fewer colours get: numbers of 256, and SGR parameters, each by its role."""

    theme: Theme
    about: str = ""
    numbers: Mapping[str, int] = field(default_factory=dict)
    codes: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name by which it is chosen."""
        return self.theme.name

    def colour(self, role: str) -> str:
        """Return the colour of a role as `#rrggbb`."""
        value = self.theme.variables.get(role) or getattr(self.theme, role)
        return str(value).lower()

    def suits(self, depth: Depth) -> bool:
        """Return whether a terminal can show it."""
        return bool(self.codes) or depth in (Depth.MANY, Depth.TRUE)

    def ink(self, depth: Depth, *, ascii_only: bool = False) -> Ink:
        """Return how its colours are sent to a terminal."""
        grounds = {"accent": "selected", "error": "error", "warning": "on-trial"}
        return Ink(
            depth,
            {self.colour(role): number for role, number in [*self.numbers.items()][::-1]},
            {self.colour(role): _front(code) for role, code in [*self.codes.items()][::-1] if role in _TONED},
            {self.colour(role): _ground(self.codes[code]) for role, code in grounds.items() if code in self.codes},
            frozenset(self.colour(role) for role in (*ON, "rule")) - {self.colour("background")},
            ascii_only,
        )


_TONED: Final = ("foreground", "secondary", "text-dim", "accent", "warning", "bar", "chart")
"""The roles of SGR parameters that are about the colour of a text."""


def _front(code: str) -> str:
    """Return the attributes of a code, then its colour of text."""
    parts = code.split(";")
    return ";".join(
        [*(part for part in parts if len(part) == 1), *(part for part in parts if part[1:] and part.startswith("3"))]
    )


def _ground(code: str) -> str:
    return next((part for part in code.split(";") if len(part) == 2 and part.startswith("4")), "")


def shipped() -> dict[str, str]:
    """Return the texts of the themes that come with lvstui by the names of their files, the usual one first.

    They are in the installed package, which may be in a zip file, or at the top of a checkout.
    """
    installed = files("lvstui").joinpath("themes")
    folder = installed if installed.is_dir() else Path(__file__).parents[2] / "themes"
    found = {file.name: file.read_text(encoding="utf-8") for file in folder.iterdir() if file.name.endswith(".toml")}
    return dict(sorted(found.items(), key=lambda theme: (theme[0] != f"{DEFAULT}.toml", theme[0])))


@dataclass(frozen=True, slots=True)
class Themes:
    """The themes there are, by name, and what is wrong with files in `folders`, the user's own last."""

    palettes: Mapping[str, Palette]
    complaints: tuple[str, ...] = ()
    folders: tuple[Path, ...] = ()

    @property
    def complaint(self) -> str:
        """What is wrong with the first bad file, and how many more there are; empty where there is none."""
        more = len(self.complaints) - 1
        others = f"; {count(more, 'more theme file')} cannot be used" if more > 0 else ""
        return "".join((*self.complaints[:1], others))

    def named(self, name: str) -> Palette:
        """Return a theme by its name; raises `ThemeError` with the names there are."""
        if name not in self.palettes:
            there = ", ".join(self.palettes)
            raise ThemeError(f"there is no theme {quote(name)}; there are {there}")
        return self.palettes[name]

    @property
    def short(self) -> Mapping[str, str]:
        """What the shipped themes are called for short: `light`, unless a theme of the user has that for its name."""
        names = {name: name.removeprefix(_SHIPPED) for name in self.palettes if name.startswith(_SHIPPED)}
        return {word: name for name, word in names.items() if word not in self.palettes}

    def choose(self, wanted: str, remembered: str, depth: Depth) -> tuple[Palette, str]:
        """Return the theme to wear, and why it is not the `wanted` one (empty: it is); raises `ThemeError`.

        Where nothing is wanted, it is the one that was `remembered`, if there still is one of that name.
        """
        chosen = self.named(wanted) if wanted else self.palettes.get(remembered, self.palettes[DEFAULT])
        if chosen.suits(depth):
            return chosen, ""
        sentence = f"{chosen.name} needs 256 colours, which this terminal (TERM) does not have: {COARSE} is shown"
        return self.palettes[COARSE], sentence if wanted else ""


def gather(*folders: Path) -> Themes:
    """Read the themes that come with lvstui, and those in folders; a bad one of those is a complaint."""
    palettes: dict[str, Palette] = {}
    for name, text in shipped().items():
        palette = read(name, text)
        palettes[palette.name] = palette
    complaints: list[str] = []
    for file in chain.from_iterable(map(theme_files, folders)):
        try:
            palette = _own(file, palettes)
        except ThemeError as error:
            complaints.append(str(error))
        else:
            palettes[palette.name] = palette
    return Themes(palettes, tuple(complaints), folders)


def _own(file: ThemeFile, others: Mapping[str, Palette]) -> Palette:
    """Read a file of a user, whose theme has a name of its own."""
    if file.trouble:
        raise ThemeError(file.trouble)
    palette = read(file.name, file.text)
    if palette.name in others:
        raise ThemeError(f"{visible(file.name)}: name: there is another theme {palette.name}; choose another name")
    return palette


def put_on(app: App[Answer], palette: Palette | None = None) -> None:
    """Have an app wear a theme, the usual one if none; without one of ours the colours of our widgets are unknown."""
    palette = palette or gather().palettes[DEFAULT]
    app.register_theme(palette.theme)
    if isinstance(app, FrugalApp):
        app.ink = palette.ink(app.depth, ascii_only=app.glyphs.ascii_only)
    app.theme = palette.name


def read(source: str, text: str) -> Palette:
    """Read the text of one theme; raises `ThemeError` with `source`, the line and the field."""
    try:
        values = parse_toml(text, source)
    except ProfileError as error:
        raise ThemeError(str(error)) from None
    for place, sentence in _flaws(values):
        raise ThemeError(str(Mistake(source, line_of(place, lines(text)), field_of(place), sentence)))
    return _palette(values)


def _flaws(values: Mapping[str, object]) -> Iterator[tuple[_Path, str]]:
    """Yield what is wrong with a theme: the way to the value, and a sentence."""
    yield from _unknown(values, ("name", "about", "dark", *_COLOURS, *_TABLES), ())
    name = values.get("name")
    if not (isinstance(name, str) and _NAME.fullmatch(name)):
        yield ("name",), f'must be a name such as "my-dark" (a-z, 0-9, - and _, at most 30), not {_shown(name)}'
    if not isinstance(values.get("dark"), bool):
        yield ("dark",), f"must be true or false, not {_shown(values.get('dark'))}"
    if not isinstance(values.get("about", ""), str):
        yield ("about",), f"must be a text, not {_shown(values['about'])}"
    yield from _colour_flaws(values, _COLOURS, ())
    tables: dict[str, Mapping[str, object]] = {}
    for key in _TABLES:
        table = values.get(key, {})
        if isinstance(table, dict):
            tables[key] = table
        else:
            tables[key] = {}
            yield (key,), f"must be a table [{key}], not {_shown(table)}"
    yield from _unknown(tables["variables"], (*_ROLES, *_FLAGS), ("variables",))
    yield from _colour_flaws(tables["variables"], _ROLES, ("variables",))
    for flag in _FLAGS:
        if tables["variables"].get(flag) not in ("yes", "no"):
            yield ("variables", flag), f'must be "yes" or "no", not {_shown(tables["variables"].get(flag))}'
    yield from _unknown(tables["xterm256"], _NUMBERED, ("xterm256",))
    for role, number in tables["xterm256"].items():
        if type(number) is not int or not 16 <= number <= 255:
            yield ("xterm256", role), f"must be a number of a colour from 16 to 255, not {_shown(number)}"
    yield from _unknown(tables["sgr"], (*_CODED, *_CODED_TOO), ("sgr",))
    for role, code in tables["sgr"].items():
        if not (isinstance(code, str) and _SGR.fullmatch(code)):
            yield ("sgr", role), f'must be SGR numbers such as "1;33" (1, 4, 7, 30-37, 40-47), not {_shown(code)}'


def _unknown(table: Mapping[str, object], known: Iterable[str], way: _Path) -> Iterator[tuple[_Path, str]]:
    known = tuple(known)
    for key in table:
        if key not in known:
            yield (*way, key), f"is no field of a theme; there are {', '.join(known)}"


def _colour_flaws(table: Mapping[str, object], roles: Iterable[str], way: _Path) -> Iterator[tuple[_Path, str]]:
    for role in roles:
        value = table.get(role)
        if value is None:
            yield (*way, role), f'is missing{" in [variables]" if way else ""}; give it a colour such as "#56B4E9"'
        elif not (isinstance(value, str) and _COLOUR.fullmatch(value)):
            yield (*way, role), f'must be a colour such as "#56B4E9", not {_shown(value)}'


def _shown(value: object) -> str:
    """Write a wrong value as it may be shown."""
    if value is None:
        return "nothing"
    text = value if isinstance(value, str) else str(value)
    return quote(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...")


def _palette(values: Mapping[str, object]) -> Palette:
    """Return the theme of values without flaws, with the colours that Textual's own widgets ask for."""
    tables = {key: table if isinstance(table := values.get(key), dict) else {} for key in _TABLES}
    colours = {key: str(values[key]) for key in _COLOURS}
    roles = {key: str(value) for key, value in tables["variables"].items()}
    painted = roles["error-painted"] == "yes"
    derived = {
        "error-text": roles["text-on-error"] if painted else colours["error"],
        "error-ground": colours["error"] if painted else "transparent",
        "text-muted": roles["text-dim"],
        "text-disabled": roles["text-dim"],
        "text-primary": colours["accent"],
        "text-secondary": colours["secondary"],
        "text-accent": colours["accent"],
        "text-success": colours["secondary"],
        "text-warning": colours["warning"],
        "text-error": colours["error"],
        "border": roles["rule"],
        "border-blurred": roles["rule"],
        "scrollbar-corner-color": roles["track"],
        "input-cursor-background": colours["foreground"],
        "input-cursor-foreground": colours["background"],
        "input-selection-background": roles["cursor"],
    }
    derived |= {f"scrollbar{state}": roles["rule"] for state in ("", "-hover", "-active")}
    derived |= {f"scrollbar-background{state}": roles["track"] for state in ("", "-hover", "-active")}
    theme = Theme(
        str(values["name"]),
        colours["primary"],
        dark=values["dark"] is True,
        luminosity_spread=0,
        variables=derived | roles,
    )
    for role, colour in colours.items():
        setattr(theme, role, colour)
    about = values.get("about", "")
    return Palette(theme, str(about), dict(tables["xterm256"]), dict(tables["sgr"]))
