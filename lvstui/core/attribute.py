"""What an attribute of a configured object is: how it reads and prints, its range, and what it is for.

attributes.py lists them all.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from operator import attrgetter
from typing import ClassVar, Final, Generic, Protocol, TypeAlias, TypeVar

from lvstui.core import fields
from lvstui.core.fields import FieldError
from lvstui.core.words import did_you_mean


class Configured(Protocol):
    """An object of model.py, which is a dataclass."""

    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[object]]]


_T = TypeVar("_T", bound=Configured)
_V = TypeVar("_V")

Raw: TypeAlias = str | int | float | tuple[str, ...]
"""A value as a profile holds it."""

Table: TypeAlias = dict[str, "Raw | Table | None"]
"""An object as a profile (or JSON) holds it, attributes by name."""

_Part: TypeAlias = tuple[Callable[[_T], "Raw | Table | None"], Raw | None]
"""How to get what an object has by a key, and its default."""

Kind: TypeAlias = type[str] | type[int] | type[float] | type[list[object]] | type[dict[str, object]] | tuple[type, type]
"""The type of a value in a profile, or the two that it may have."""

NONE: Final = "none"
"""What a description, and whoever types a value, calls the absence of one."""

_SHOWN: Final = 40
"""Characters of a name or a note that a description shows; the whole of it stands in the profile."""


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
    applies: Callable[[Mapping[str, str]], bool] = lambda _: True

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
        return self.said.format(shorten(str(raw)))

    def wrong(self, value: _T, text: str) -> str:
        """Return why a text cannot be read, empty where it can."""
        error = fields.misread(partial(self.read, value), text)
        return error.sentence if error else ""


class Attributes(Generic[_T]):
    """All attributes of one class of objects, in the order in which they are read and described.

    `what` names the class in a sentence. `front` are the keys that a profile begins with; the one of them that is no
    attribute says which object it is, as `identity` writes it. `begin` adds an object within that is there, though
    empty. The attributes of the object within that `plain` names may be called by their keys alone. `usual` has the
    objects within that most others share, so that these are written once. `keys` are those that a profile may have, in
    their order; `groups` the objects within, with their attributes.
    """

    def __init__(
        self,
        what: str,
        members: tuple[Attribute[_T], ...],
        front: tuple[str, ...] = (),
        identity: Callable[[_T], Raw] = lambda _: "",
        begin: Callable[[_T, str], _T] = lambda value, _: value,
        plain: str = "",
        usual: _T | None = None,
    ) -> None:
        self.what = what
        self.members = members
        self.front = front
        self.begin = begin
        self._plain = plain
        self._names = {one.name: one for one in members}
        names = dict.fromkeys(one.group for one in members if one.group)
        self.groups = {name: tuple(one for one in members if one.group == name) for name in names}
        parts: dict[str, _Part[_T]] = dict.fromkeys(front, (identity, None))
        parts |= {one.group or one.name: (one.get, one.default) for one in members}
        self.keys = tuple(parts)
        changed = parts | {name: (partial(_changed_table, group), None) for name, group in self.groups.items()}
        whole = parts | {name: (_whole_table(group, usual), None) for name, group in self.groups.items()}
        # Split once, as whole tables are written for every server of a director.
        self._changed = tuple((key, *part) for key, part in changed.items())
        self._whole = tuple((key, get) for key, (get, _) in whole.items())
        self._numbers = tuple((one.get, one.limits, self._field(one)) for one in members if one.limits)

    def __iter__(self) -> Iterator[Attribute[_T]]:
        return iter(self.members)

    def __getitem__(self, name: str) -> Attribute[_T]:
        return self._names[name]

    def number(self, name: str, text: str) -> int:
        """Read one of the numbers by itself; raises `FieldError`."""
        return fields.number(self[name].key, text, self[name].limits)

    def texts(self, value: _T) -> dict[str, str]:
        """Write every attribute as it is typed, by its name."""
        return {attribute.name: attribute.text(value) for attribute in self.members}

    def table(self, value: _T, *, whole: bool = False) -> Table:
        """Write an object as a profile holds it, without defaults; `whole` as JSON does, with every key.

        None stands for what is absent, or is for other objects.
        """
        if whole:
            return {key: get(value) for key, get in self._whole}
        return {key: raw for key, get, default in self._changed if (raw := get(value)) not in (None, default)}

    def assign(self, value: _T, texts: Mapping[str, str]) -> _T:
        """Set attributes as they are typed, in the order of the table; those not named stay. Raises `FieldError`.

        `timeout` stands for `persistence.timeout`, as `plain` says.
        """
        short = {self._field(attribute): attribute.name for attribute in self.members}
        named = {short.get(name, name): text for name, text in texts.items()}
        for name in named:
            if name not in self._names:
                raise FieldError(name, self._unknown(name))
        for attribute in self.members:
            if attribute.name in named:
                value = attribute.read(value, named[attribute.name])
        return value

    def _unknown(self, name: str) -> str:
        """Return what is said of a name that is none."""
        hint = did_you_mean(name, (*self._names, *map(self._field, self.members)))
        return f"is no field of {self.what}; {hint or 'there are ' + ', '.join(self._names)}"

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
        first, *rest = self.groups[group]
        others = [attribute for attribute in rest if attribute.get(value) not in (None, attribute.default)]
        if not others and first.get(value) in (None, first.default):
            return NONE
        return " ".join(attribute.describe(value) for attribute in (first, *others))

    def beyond(self, value: _T) -> list[tuple[str, str]]:
        """Find the numbers that are out of their range, by the names of their fields and with a sentence."""
        return [
            (name, out_of_range(number, limits))
            for get, limits, name in self._numbers
            if isinstance(number := get(value), int) and not limits[0] <= number <= limits[1]
        ]

    def full_name(self, field: str) -> str:
        """Return the name of the attribute that errors call `field`; what is no attribute is called the same."""
        return next((one.name for one in self.members if self._field(one) == field), field)

    def _field(self, attribute: Attribute[_T]) -> str:
        """Return what errors call an attribute: `timeout` of the object within that is called `plain`."""
        return attribute.key if attribute.group == self._plain else attribute.name


def shorten(text: str) -> str:
    """Return the beginning of a text for a description, with all that a terminal would not print escaped."""
    shown = fields.visible(text)
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}..."


def _whole_table(members: Sequence[Attribute[_T]], usual: _T | None) -> Callable[[_T], Table | None]:
    """Return what writes an object within, as a shared table where it is the same object as the usual one."""

    def write(value: _T) -> Table | None:
        table: Table = {one.key: one.get(value) for one in members}
        return None if all(raw is None for raw in table.values()) else table

    if usual is None:
        return write
    look = attrgetter(members[0].group)
    shared, table = look(usual), write(usual)
    return lambda value: table if look(value) is shared else write(value)


def _changed_table(members: Iterable[Attribute[_T]], value: _T) -> Table | None:
    return {one.key: raw for one in members if (raw := one.get(value)) not in (None, one.default)} or None


def out_of_range(number: int, limits: tuple[int, int]) -> str:
    """Return the sentence for a number that is out of its range."""
    return f"{number} is out of range; give {limits[0]} to {limits[1]}"


def named_attribute(
    owner: type[_T],
    name: str,
    kind: Kind,
    parse: Callable[[Raw], _V],
    write: Callable[[_V], Raw] | None = None,
) -> Attribute[_T]:
    """Return the attribute with this name in the model, whose default it has; `write` None leaves it as it is there.

    Raises `FieldError` as `parse` does.
    """
    first, _, rest = name.partition(".")
    look = attrgetter(name)
    get: Callable[[_T], Raw | None] = look if write is None else lambda value: write(look(value))

    def put(value: _T, raw: Raw) -> _T:
        inner: object = parse(raw)
        return replace(value, **{first: replace(getattr(value, first), **{rest: inner}) if rest else inner})

    (whole,) = (part.default for part in dataclasses.fields(owner) if part.name == first)
    if whole is dataclasses.MISSING:
        return Attribute(name, kind, get, put, put, needed=True)
    default = attrgetter(rest)(whole) if rest else whole
    return Attribute(name, kind, get, put, put, write(default) if write else default)


def number(
    owner: type[_T],
    name: str,
    least: int,
    most: int,
    meaning: str = "",
    *,
    said: str = "{}",
    counted: bool = False,
    applies: Callable[[Mapping[str, str]], bool] = lambda _: True,
) -> Attribute[_T]:
    """Return the attribute of a whole number within a range."""

    def parse(raw: Raw) -> int:
        return fields.number(name, raw if isinstance(raw, int) else str(raw), (least, most))

    plain = named_attribute(owner, name, int, parse)
    return replace(plain, limits=(least, most), meaning=meaning, said=said, counted=counted, applies=applies)


def word(
    owner: type[_T],
    name: str,
    read: Callable[[str], _V],
    write: Callable[[_V], str] | None = None,
    choices: Iterable[str] = (),
    meaning: str = "",
    *,
    said: str = "{}",
    label: str = "",
    applies: Callable[[Mapping[str, str]], bool] = lambda _: True,
) -> Attribute[_T]:
    """Return the attribute of a value that reads and prints as a text."""
    plain = named_attribute(owner, name, str, lambda raw: read(str(raw)), write)
    return replace(plain, choices=tuple(choices), meaning=meaning, said=said, label=label, applies=applies)


def label(owner: type[_T], name: str, meaning: str = "") -> Attribute[_T]:
    """Return the attribute of a name or a note."""
    return word(owner, name, partial(fields.label, name), meaning=meaning, said='"{}"')
