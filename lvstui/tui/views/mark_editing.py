"""Forms of mark groups: they ask, show what their answers would do, and stage it as one edit; nothing here writes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Protocol

from lvstui.core.change import Change, fold
from lvstui.core.marks.forms import BundleForm, PacketsForm, RemovalForm
from lvstui.core.marks.mark import mark_at, unwritten
from lvstui.core.marks.new_group_form import GroupForm
from lvstui.core.marks.script import iptables_lines, script
from lvstui.core.model import AddressKey, Director
from lvstui.core.staging import merge
from lvstui.core.view.form import Form, Values
from lvstui.core.view.table import Tone
from lvstui.engine.messages import Edit
from lvstui.formats.equivalent import equivalent
from lvstui.tui.views.view import View
from lvstui.tui.widgets.form import FormScreen


class Asked(Protocol):
    """A form with the changes that its answers make."""

    @property
    def form(self) -> Form:
        """What the operator is asked."""

    def changes(self, values: Values) -> tuple[Change, ...]:
        """Give what to do."""


def make(view: View, mark: int | None = None) -> None:
    """Ask for everything that a group is, and stage it; for a `mark` whose rules are there, for its service alone."""
    snapshot, director = view.snapshot, standing(view)
    if snapshot is None or director is None:
        return
    form = GroupForm(director, snapshot.reading.rules, snapshot.schedulers, _has_profile(view))
    if mark is not None:
        rules = (known.rule for known in mark_at(snapshot, mark).rules)
        known = tuple(dict.fromkeys(rule.selector for rule in rules if rule.selector is not None))
        form = replace(form, mark=mark, selectors=known)
    _open(view, form, director, more=partial(_iptables, form) if form.missing else None)


def _iptables(form: GroupForm, values: Values) -> Sequence[str]:
    return ["", f"# {form.missing}; the rules as commands:", *iptables_lines(form.group(values))]


def packets(view: View, mark: int) -> None:
    """Ask which packets get a mark, and stage it."""
    if director := ruling(view):
        _open(view, PacketsForm(director, mark, _has_profile(view)), director)


def remove(view: View, mark: int) -> None:
    """Ask what of a group is to go, and stage that."""
    if view.nothing_pending() and (director := standing(view)):
        _open(view, RemovalForm(director, mark), director)


def bundle(view: View, keys: Sequence[AddressKey]) -> None:
    """Ask what is to become of services that belong together; as they go, the answer is asked again."""
    if not view.nothing_pending() or not (director := ruling(view)) or view.snapshot is None:
        return

    def sure(changes: tuple[Change, ...]) -> None:
        view.confirm("Put this group in the place of these services?", changes, "Bundle", whole=True)

    _open(view, BundleForm(director, tuple(keys), view.snapshot.reading.rules, _has_profile(view)), director, sure)


def standing(view: View) -> Director | None:
    """Give the director with what is staged in it; None, and the reason said, where nothing can be edited."""
    if view.snapshot is None or not view.editable():
        return None
    return fold(view.snapshot.reading.director, view.staged.changes)


def ruling(view: View) -> Director | None:
    """Give the same; None, and the reason said, where the rules of groups cannot be written either."""
    director = standing(view)
    if director is not None and view.snapshot is not None and (reason := unwritten(view.snapshot)):
        view.say(f"rules cannot be written: {reason}", Tone.WARN)
        return None
    return director


def stage(view: View, changes: Sequence[Change]) -> None:
    """Stage changes on top of what is staged already, as one edit."""
    merged = merge(view.staged.changes, changes)
    if merged == view.staged.changes:
        view.say("nothing changed")
    else:
        view.stage(Edit(merged, whole=True))


def told(director: Director, changes: Sequence[Change]) -> Sequence[str]:
    """Write what changes do: as rules of nft and ipvsadm commands, then our whole table as a script."""
    lines = [line for change in changes for line in equivalent(change)]
    after = fold(director, changes).marks or {}
    if (director.marks or {}) == after:
        return lines
    return [*lines, "", "our table as a script for nft -f:", *(line.expandtabs(4) for line in script(after))]


def _open(
    view: View,
    asked: Asked,
    director: Director,
    then: Callable[[tuple[Change, ...]], None] | None = None,
    more: Callable[[Values], Sequence[str]] | None = None,
) -> None:
    """Ask, with a preview (and `more` of it) below; what the answers change is staged, or goes to `then`."""

    def preview(values: Values) -> Sequence[str]:
        return [*told(director, asked.changes(values)), *(more(values) if more else ())]

    def done(values: dict[str, str] | None) -> None:
        view.focus_body()
        if values is not None:
            (then or partial(stage, view))(asked.changes(values))

    view.app.push_screen(FormScreen(asked.form, preview), done)


def _has_profile(view: View) -> bool:
    return bool(view.snapshot and view.snapshot.profile.path)
