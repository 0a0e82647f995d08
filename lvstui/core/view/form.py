"""A form as a value: fields of text that are checked one by one and together; the screen only draws it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias, TypeVar

from lvstui.core.attribute import Attribute, Configured
from lvstui.core.fields import misread
from lvstui.core.rules import Problem

_T = TypeVar("_T", bound=Configured)

Values: TypeAlias = Mapping[str, str]
"""The text of every field by the field's id."""

YES, NO = "yes", "no"


class FieldKind(Enum):
    """How a field is filled in: typed, one of its choices, or one of its choices unless another is typed."""

    TEXT = "text"
    CHOICE = "choice"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Field:
    """One line of a form.

    `check` returns what is wrong with a text (empty: nothing), given all values; `shown` whether the field makes sense
    with them; `relabel` may name it by them. `hint` is said while there is nothing else to say. A `wide` field is for
    long text; `proposals` complete the last item of a list in it as it is typed.
    """

    id: str
    label: str
    value: str
    kind: FieldKind = FieldKind.TEXT
    choices: tuple[str, ...] = ()
    check: Callable[[str, Values], str] = lambda _, __: ""
    shown: Callable[[Values], bool] = lambda _: True
    relabel: Callable[[Values], str] | None = None
    hint: str = ""
    wide: bool = False
    proposals: tuple[str, ...] = ()

    def wrong(self, values: Values) -> str:
        """Return what is wrong with the field by itself, empty for nothing."""
        text = values[self.id]
        if self.kind is FieldKind.CHOICE and text not in self.choices:
            return f"must be one of {', '.join(self.choices)}"
        sentence = self.check(text, values)
        return "is needed" if sentence and not text.strip() else sentence


def complete_item(text: str, proposals: Iterable[str]) -> str:
    """Complete the last item of a list by the first proposal that begins like it and is not named yet; else nothing."""
    *named, begun = (item.strip() for item in text.split(","))
    if not begun or begun in proposals:
        return ""
    return next((text + item[len(begun) :] for item in proposals if item.startswith(begun) and item not in named), "")


@dataclass(frozen=True, slots=True)
class Form:
    """A title, its fields in order, and what is wrong with all values together; `adds` when it adds something.

    `together` is asked once every field is right by itself, with the values of hidden fields as they were at first.
    """

    title: str
    fields: tuple[Field, ...]
    together: Callable[[Values], Sequence[Problem]]
    adds: bool = False

    @property
    def start(self) -> dict[str, str]:
        """The values that the form opens with."""
        return {field.id: field.value for field in self.fields}

    def visible(self, values: Values) -> tuple[Field, ...]:
        """Return the fields that make sense with these values."""
        return tuple(field for field in self.fields if field.shown(values))

    def reset_hidden(self, values: Values) -> dict[str, str]:
        """Take back what was written into fields that are hidden now."""
        return {field.id: values[field.id] if field.shown(values) else field.value for field in self.fields}

    def problems(self, values: Values) -> tuple[Problem, ...]:
        """Return what is wrong, each by its field's id; with a wrong field, only those of single fields."""
        single = [Problem(field.id, wrong) for field in self.visible(values) if (wrong := field.wrong(values))]
        return tuple(single or self.together(self.reset_hidden(values)))


def check_by(read: Callable[[str], object]) -> Callable[[str, Values], str]:
    """Return a field's check, from the function that reads its text."""

    def check(text: str, _: Values) -> str:
        error = misread(read, text)
        return error.sentence if error else ""

    return check


def attribute_field(
    attribute: Attribute[_T],
    start: _T,
    *,
    choices: tuple[str, ...] = (),
    shown: Callable[[Values], bool] = lambda _: True,
    wide: bool = False,
) -> Field:
    """Return the field of an attribute, with the value that `start` has; `choices` are proposed where given.

    An attribute of an object within stands below the one that the object is chosen by, and to the right of it.
    """
    text = attribute.text(start)
    known = attribute.choices or choices
    return Field(
        attribute.name,
        f"  {attribute.label or attribute.key}" if attribute.group else attribute.name,
        text,
        (FieldKind.CHOICE if attribute.choices else FieldKind.OPEN) if known else FieldKind.TEXT,
        known if not known or text in known else (text, *known),
        lambda text, _: attribute.wrong(start, text),
        shown,
        hint=attribute.meaning,
        wide=wide,
    )


def trim_name(text: str, before: str) -> str:
    """Strip the blanks around a name, unless it is unchanged."""
    return text if text == before else text.strip()
