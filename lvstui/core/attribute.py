"""What an attribute of a configured object is: how it reads and prints, its range, and what it is for.

attributes.py lists them all.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from operator import attrgetter
from typing import ClassVar, Final, Generic, Protocol, TypeAlias, TypeVar

from lvstui.core import fields
from lvstui.core.fields import FieldError


class Configured(Protocol):
    """An object of model.py, which is a dataclass."""

    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[object]]]


_T = TypeVar("_T", bound=Configured)
_V = TypeVar("_V")

Raw: TypeAlias = str | int | tuple[str, ...]
"""A value as a profile holds it."""

Table: TypeAlias = dict[str, "Raw | Table | None"]
"""An object as a profile (or JSON) holds it, attributes by name."""

Kind: TypeAlias = type[str] | type[int] | type[list[object]] | type[dict[str, object]]

NONE: Final = "none"
"""What a description, and whoever types a value, calls the absence of one."""

_SHOWN: Final = 40
"""Characters of a name or a note that a description shows; the whole of it stands in the profile."""


def _anywhere(_: Mapping[str, str]) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Attribute(Generic[_T]):
    """One attribute of an object.

    `kind` is what a profile holds it as, `example` how it is written there; `get` returns None where it is not there.
    `put` takes what a profile holds, `read` what somebody types; both raise `FieldError`. `default` is left out of a
    profile (None: nothing is, and a `needed` one has to be there). `said` puts the text into a description, where an
    empty value is called none unless it is a `counted` number; `joint` stands between the parts of a list. `applies`
    says, by the texts of all attributes, when it means something. `limits` are the smallest and the largest number;
    the rest is for forms.
    """

    name: str
    kind: Kind
    get: Callable[[_T], Raw | None]
    put: Callable[[_T, Raw], _T]
    read: Callable[[_T, str], _T]
    default: Raw | None = None
    needed: bool = False
    example: str = ""
    said: str = "{}"
    joint: str = " "
    counted: bool = False
    limits: tuple[int, int] | None = None
    choices: tuple[str, ...] = ()
    meaning: str = ""
    label: str = ""
    applies: Callable[[Mapping[str, str]], bool] = _anywhere

    group: str = field(init=False)
    """The object within that it belongs to, empty for none: `tunnel` of `tunnel.port`."""
    key: str = field(init=False)
    """Its own name in a profile: `port` of `tunnel.port`."""

    def __post_init__(self) -> None:
        group, _, key = self.name.rpartition(".")
        object.__setattr__(self, "group", group)
        object.__setattr__(self, "key", key)

    def text(self, value: _T) -> str:
        """Write it as `read` reads it, empty where it is not there."""
        raw = self.get(value)
        if raw is None:
            return ""
        return self.joint.join(raw) if isinstance(raw, tuple) else str(raw)

    def describe(self, value: _T) -> str:
        """Write it for a description, with all that a terminal would not print escaped."""
        raw = self.get(value)
        if not raw and not (self.counted and raw == 0):
            return NONE
        if isinstance(raw, tuple):
            return fields.visible(self.joint.join(raw))
        text = fields.visible(str(raw))
        return self.said.format(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...")

    def wrong(self, value: _T, text: str) -> str:
        """Say why a text cannot be read, empty where it can."""
        try:
            self.read(value, text)
        except FieldError as error:
            return error.sentence
        return ""


@dataclass(frozen=True, slots=True)
class Attributes(Generic[_T]):
    """All attributes of one class of objects, in the order in which they are read and described.

    `what` names the class in a sentence. `front` are the keys that a profile begins with; the one of them that is no
    attribute tells which object it is, as `identity` writes it. `begin` makes an object within that is there, though
    empty.
    """

    what: str
    members: tuple[Attribute[_T], ...]
    front: tuple[str, ...] = ()
    identity: Callable[[_T], Raw] = lambda _: ""
    begin: Callable[[_T, str], _T] = lambda value, _: value

    keys: frozenset[str] = field(init=False)
    """The keys that a profile may have for an object."""
    groups: Mapping[str, frozenset[str]] = field(init=False)
    """The objects within, with the keys that a profile may have for each."""

    numbers: tuple[tuple[Callable[[_T], Raw | None], tuple[int, int], Attribute[_T]], ...] = field(init=False)
    """The attributes that have a range."""

    def __post_init__(self) -> None:
        numbers = tuple((one.get, one.limits, one) for one in self.members if one.limits)
        keys = (*self.front, *(attribute.group or attribute.name for attribute in self.members))
        groups = dict.fromkeys(attribute.group for attribute in self.members if attribute.group)
        within = {name: frozenset(one.key for one in self.members if one.group == name) for name in groups}
        object.__setattr__(self, "keys", frozenset(keys))
        object.__setattr__(self, "groups", within)
        object.__setattr__(self, "numbers", numbers)

    def __iter__(self) -> Iterator[Attribute[_T]]:
        return iter(self.members)

    def __getitem__(self, name: str) -> Attribute[_T]:
        return next(attribute for attribute in self.members if attribute.name == name)

    def number(self, name: str, text: str) -> int:
        """Read one of the numbers by itself; raises `FieldError`."""
        return fields.number(self[name].key, text, self[name].limits)

    def texts(self, value: _T) -> dict[str, str]:
        """Write every attribute as it is typed, by its name."""
        return {attribute.name: attribute.text(value) for attribute in self.members}

    def table(self, value: _T, *, whole: bool = False) -> Table:
        """Write an object as a profile holds it, defaults left out unless `whole`; None stands for what is absent."""
        found: Table = {}
        for attribute in self.members:
            raw = attribute.get(value)
            if not whole and (raw is None or raw == attribute.default):
                continue
            if not attribute.group:
                found[attribute.name] = raw
                continue
            inner = found.get(attribute.group)
            if raw is None:
                found.setdefault(attribute.group, None)
            elif isinstance(inner, dict):
                inner[attribute.key] = raw
            else:
                found[attribute.group] = {attribute.key: raw}
        front: Table = {}
        for key in self.front:
            if key in found:
                front[key] = found.pop(key)
            elif key not in (attribute.name for attribute in self.members):
                front[key] = self.identity(value)
        return {**front, **found}

    def assign(self, value: _T, texts: Mapping[str, str]) -> _T:
        """Set attributes as they are typed, in the order of the table; those not named stay. Raises `FieldError`.

        `timeout` stands for `persistence.timeout`, as for all of an object within that can be set as a whole.
        """
        names = [attribute.name for attribute in self.members]
        short = {attribute.key: attribute.name for attribute in self.members if attribute.group in names}
        given = {short.get(name, name): text for name, text in texts.items()}
        for name in given:
            if name not in names:
                raise FieldError(name, f"is no field of {self.what}; there are {', '.join(names)}")
        for attribute in self.members:
            if attribute.name in given:
                value = attribute.read(value, given[attribute.name])
        return value

    def describe(self, value: _T) -> dict[str, str]:
        """Write every attribute for a description; an object within is one, of what differs from its default."""
        said: dict[str, str] = {}
        for attribute in self.members:
            name = attribute.group or attribute.name
            if name not in said:
                said[name] = self.describe_group(value, name) if name in self.groups else attribute.describe(value)
        return said

    def describe_group(self, value: _T, group: str) -> str:
        """Describe an object within: `gue port 6080 csum`, `300s prefix 64`, or `none`."""
        members = [attribute for attribute in self.members if attribute.group == group]
        if all(attribute.get(value) in (None, attribute.default) for attribute in members):
            return NONE
        first, *rest = members
        others = (attribute for attribute in rest if attribute.get(value) not in (None, attribute.default))
        return " ".join([first.describe(value), *(attribute.describe(value) for attribute in others)])

    def beyond(self, value: _T) -> Iterator[tuple[str, str]]:
        """Find the numbers that are out of their range, each by the name of its field and with a sentence."""
        for get, (least, most), attribute in self.numbers:
            number = get(value)
            if isinstance(number, int) and not least <= number <= most:
                yield self.field(attribute), out_of_range(number, least, most)

    def field(self, attribute: Attribute[_T]) -> str:
        """Return what errors call an attribute: `timeout` where the object within can be set as a whole."""
        return attribute.key if any(one.name == attribute.group for one in self.members) else attribute.name


def out_of_range(number: int, least: int, most: int) -> str:
    """Say that a number is out of its range."""
    return f"{number} is out of range; give {least} to {most}"


def named_attribute(
    owner: type[_T],
    name: str,
    kind: Kind,
    parse: Callable[[Raw], _V],
    write: Callable[[_V], Raw | None],
) -> Attribute[_T]:
    """Return the attribute with this name in the model, whose default it has. Raises `FieldError` as `parse` does."""
    first, _, rest = name.partition(".")
    look = attrgetter(name)

    def put(value: _T, raw: Raw) -> _T:
        inner: object = parse(raw)
        return replace(value, **{first: replace(getattr(value, first), **{rest: inner}) if rest else inner})

    (whole,) = (part.default for part in dataclasses.fields(owner) if part.name == first)
    if whole is dataclasses.MISSING:
        return Attribute(name, kind, lambda value: write(look(value)), put, put, needed=True)
    default = attrgetter(rest)(whole) if rest else whole
    return Attribute(name, kind, lambda value: write(look(value)), put, put, write(default))


def number(
    owner: type[_T],
    name: str,
    least: int,
    most: int,
    meaning: str = "",
    *,
    said: str = "{}",
    counted: bool = False,
    applies: Callable[[Mapping[str, str]], bool] = _anywhere,
) -> Attribute[_T]:
    """Return the attribute of a whole number within a range."""

    def parse(raw: Raw) -> int:
        return fields.number(name, raw if isinstance(raw, int) else str(raw), (least, most))

    def write(value: int | None) -> int | None:
        return value

    plain = named_attribute(owner, name, int, parse, write)
    plain = replace(plain, get=attrgetter(name))  # the check of a profile reads it for every server
    return replace(plain, limits=(least, most), meaning=meaning, said=said, counted=counted, applies=applies)


def word(
    owner: type[_T],
    name: str,
    read: Callable[[str], _V],
    write: Callable[[_V], str] = str,
    choices: Iterable[str] = (),
    meaning: str = "",
    *,
    said: str = "{}",
    label: str = "",
    applies: Callable[[Mapping[str, str]], bool] = _anywhere,
) -> Attribute[_T]:
    """Return the attribute of a value that reads and prints as a text."""
    plain = named_attribute(owner, name, str, lambda raw: read(str(raw)), write)
    return replace(plain, choices=tuple(choices), meaning=meaning, said=said, label=label, applies=applies)


def label(owner: type[_T], name: str, meaning: str = "") -> Attribute[_T]:
    """Return the attribute of a name or a note."""
    return word(owner, name, partial(fields.label, name), meaning=meaning, said='"{}"')
