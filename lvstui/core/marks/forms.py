"""Forms that edit and delete a mark group, and that bundle services into one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from lvstui.core import fields
from lvstui.core.attributes import GROUP
from lvstui.core.change import Change, change_group
from lvstui.core.fields import FieldError
from lvstui.core.marks.edits import (
    PERSISTENCE,
    bundle_services,
    families,
    free_mark,
    order_by_persistence,
    remove_group,
)
from lvstui.core.marks.mark import pools_on
from lvstui.core.marks.new_group_form import in_the_way, items, mark_field
from lvstui.core.model import (
    AddressKey,
    Director,
    MarkGroup,
    MarkGroupKey,
)
from lvstui.core.observed import Ruleset
from lvstui.core.rules import Problem, Severity, problems
from lvstui.core.selectors import EXAMPLE, selector, selector_text
from lvstui.core.view.form import Field, FieldKind, Form, Values, attribute_field, check_by

_SPARE: Final = 8
"""How many matches can be added in one go."""

RULES: Final = "rules only"
ALL: Final = "rules and services"


@dataclass(frozen=True, slots=True)
class PacketsForm:
    """The packets that get a mark, a match a line, and the group's name; a mark without a group gets one."""

    director: Director
    mark: int
    profile: bool = True

    @property
    def group(self) -> MarkGroup | None:
        """The group as it is now."""
        return self.director.groups.get(self.mark)

    @property
    def form(self) -> Form:
        """What the operator is asked."""
        held = self.group.selectors if self.group else ()
        texts = [*map(selector_text, held), *[""] * _SPARE]
        matches = (_match(number, text) for number, text in enumerate(texts))
        name = attribute_field(GROUP["name"], self.group or MarkGroup(self.mark), shown=lambda _: self.profile)
        title = f"Packets that get mark {self.mark}: one match a line, empty takes it out"
        return Form(title, (*matches, name), self.problems, adds=self.group is None)

    def changes(self, values: Values) -> tuple[Change, ...]:
        """Return the changes, none where all is as it was."""
        name = values["name"].strip()
        texts = [text for field, text in values.items() if field.startswith("match.") and text.strip()]
        after = MarkGroup(self.mark, tuple(dict.fromkeys(map(selector, texts))), name)
        return () if after == self.group else (change_group(self.group, after),)

    def problems(self, values: Values) -> tuple[Problem, ...]:
        """Return what is wrong, each by its field."""
        found: list[Problem] = []
        for change in self.changes(values):
            found += problems(change, self.director)
            if isinstance(change.after, MarkGroup):
                others = {m: g for m, g in self.director.groups.items() if m != self.mark}
                found += in_the_way(change.after, replace(self.director, marks=others))
                served = [pool.service.key.family for pool in pools_on(self.director, self.mark)]
                found += [
                    Problem("match", f"there is no {family.word} service on mark {self.mark}", Severity.WARNING)
                    for family in families(change.after.selectors)
                    if served and family not in served
                ]
        return tuple(replace(one, field=one.field if one.field == "name" else _id(0)) for one in found)


def _id(number: int) -> str:
    return f"match.{number}"


def _match(number: int, text: str) -> Field:
    """Return the line of a match; an empty one is shown once the line above it has something."""

    def check(written: str, values: Values) -> str:
        return check_by(selector)(written, values) if written.strip() else ""

    def shown(values: Values) -> bool:
        return bool(text) or number == 0 or bool(values[_id(number - 1)].strip()) or bool(values[_id(number)].strip())

    return Field(_id(number), f"match {number + 1}", text, check=check, shown=shown, hint=_MATCH_HINT, wide=True)


_MATCH_HINT: Final = f"{EXAMPLE}   or udp any 5060 in eth0, any 192.0.2.0/24"


@dataclass(frozen=True, slots=True)
class RemovalForm:
    """The end of a group: what goes is chosen, and its name or mark has to be typed."""

    director: Director
    mark: int

    @property
    def word(self) -> str:
        """What has to be typed: the name, else the mark."""
        group = self.director.groups.get(self.mark)
        return group.name if group and group.name else str(self.mark)

    @property
    def form(self) -> Form:
        """What the operator is asked."""
        services = bool(pools_on(self.director, self.mark))
        grouped = self.mark in self.director.groups
        choices = (ALL, RULES) if services and grouped else (RULES if grouped else "services",)
        what = Field("what", "delete", choices[0], FieldKind.CHOICE, choices, hint="what to delete")
        word = fields.visible(self.word)

        def typed(text: str, _: Values) -> str:
            return "" if text.strip() == self.word else f"type {word} to continue"

        title = f"Delete mark {self.mark}? Its packets are routed as if there were no mark"
        return Form(title, (what, Field("typed", f"type {word}", "", check=typed)), lambda _: (), adds=True)

    def changes(self, values: Values) -> tuple[Change, ...]:
        """Return the changes."""
        return remove_group(self.director, self.mark, services=values["what"] != RULES)


@dataclass(frozen=True, slots=True)
class BundleForm:
    """One marked group in place of services; `keys` are those it starts with."""

    director: Director
    keys: tuple[AddressKey, ...]
    ruleset: Ruleset | None = None
    profile: bool = True

    @property
    def form(self) -> Form:
        """What the operator is asked."""
        every = tuple(fields.service_text(key) for key in self.director.pools if isinstance(key, AddressKey))
        pools = order_by_persistence(self.director.pools[key] for key in self.keys if key in self.director.pools)
        name = next((pool.service.name for pool in pools if pool.service.name), "")
        free = free_mark(self.director, self.ruleset)
        sticky = [pool.service.persistence.timeout for pool in pools if pool.service.persistence]
        return Form(
            "Bundle services into a mark group, which takes their place",
            (
                Field(
                    "services",
                    "services",
                    ", ".join(map(fields.service_text, self.keys)),
                    check=check_by(self._keys),
                    wide=True,
                    proposals=every,
                ),
                mark_field(free),
                attribute_field(GROUP["name"], MarkGroup(free, name=name), shown=lambda _: self.profile),
                Field(
                    "persistence",
                    "persistence",
                    str(max(sticky, default=PERSISTENCE)),
                    check=check_by(partial(fields.number, "seconds")),
                    hint="seconds; the longest that the services have",
                ),
            ),
            self.problems,
            adds=True,
        )

    def changes(self, values: Values) -> tuple[Change, ...]:
        """Return the changes: the group, then the removal of the services. Raises `FieldError`."""
        mark, seconds = fields.mark(values["mark"]), fields.number("seconds", values["persistence"])
        return bundle_services(self.director, self._keys(values["services"]), mark, values["name"].strip(), seconds)

    def problems(self, values: Values) -> tuple[Problem, ...]:
        """Return what is wrong, each by its field."""
        mark = fields.mark(values["mark"])
        if pools_on(self.director, mark) or mark in self.director.groups:
            free = free_mark(self.director, self.ruleset)
            return (Problem("mark", f"{mark} is in use; take another, such as {free}"),)
        try:
            changes = self.changes(values)
        except FieldError as error:
            return (Problem("services" if error.field == "service" else error.field, error.sentence),)
        groups = (change for change in changes if isinstance(change.target, MarkGroupKey))
        return tuple(problem for change in groups for problem in problems(change, self.director))

    def _keys(self, text: str) -> Sequence[AddressKey]:
        keys = []
        for item in items(text):
            key = fields.service(item)
            if not isinstance(key, AddressKey) or key not in self.director.pools:
                raise FieldError("services", f"{fields.service_text(key)} is no service here with an address")
            keys.append(key)
        if not keys:
            raise FieldError("services", "is needed: name the services that belong together")
        return keys
