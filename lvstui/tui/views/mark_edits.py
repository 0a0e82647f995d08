"""Edits of mark groups: which packets get a mark, its services and its name; staged, or confirmed first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeAlias

from lvstui.core import fields
from lvstui.core.change import Change, change_group, fold
from lvstui.core.keys import with_keys
from lvstui.core.marks.edits import cleared_bits, copy_rules, lost_changes, remove_selector, set_timeout, split_group
from lvstui.core.marks.forms import BundleForm, PacketsForm, RemovalForm
from lvstui.core.marks.mark import OTHERS, mark_at, marks, why_not_writable
from lvstui.core.marks.new_group_form import GroupForm
from lvstui.core.marks.rows import GroupRow, MarkLook, MarkRowKey, RuleRow, find, mark_of
from lvstui.core.marks.script import iptables_lines, is_ours, script
from lvstui.core.model import AddressKey, Family, MarkGroup, ServerKey
from lvstui.core.observed import Rule
from lvstui.core.view.form import Values
from lvstui.core.view.table import Tone
from lvstui.formats.equivalent import equivalent
from lvstui.tui.commands import Command
from lvstui.tui.terminal import new_server_of
from lvstui.tui.views.editing import (
    Questions,
    check_changes,
    confirm_changes,
    editable,
    fill_in,
    has_profile,
    nothing_pending,
    stage_also,
    staged_director,
)
from lvstui.tui.views.table_view import TableView
from lvstui.tui.views.view import View

Marks: TypeAlias = TableView[MarkRowKey, MarkLook]


def mark_at_cursor(view: Marks) -> int | None:
    """Return the mark that the cursor is on or below; None where the rule sets an unknown one."""
    key = view.table.cursor_key
    return (mark_of(key) or None) if key is not None else None


def chosen_marks(view: Marks) -> Sequence[int]:
    """Return the marks of the marked rows, else that of the row under the cursor."""
    return list(dict.fromkeys(mark for key in view.table.chosen if (mark := mark_of(key))))


def added_row(changes: Sequence[Change]) -> MarkRowKey | None:
    """Return the row of the first mark that changes add, if any."""
    groups = (change.after for change in changes if change.before is None)
    return next((GroupRow(group.mark) for group in groups if isinstance(group, MarkGroup)), None)


def has_service(view: Marks) -> bool:
    """Return whether there is a service on the mark under the cursor."""
    mark = mark_at_cursor(view)
    return mark is not None and bool(mark_at(view.snapshot, mark).pools)


def _on_a_mark(view: Marks) -> bool:
    return mark_at_cursor(view) is not None


def _rules_writable(view: View) -> bool:
    """Return whether rules of groups can be edited now, and say why not."""
    if not editable(view):
        return False
    if reason := why_not_writable(view.snapshot):
        view.say(f"rules cannot be written: {reason}", Tone.WARN)
    return not reason


def _alone(view: Marks) -> bool:
    """Return whether no rows are marked, and say what to do about it: one group is deleted at a time."""
    if view.table.marked:
        view.say(with_keys("one group at a time: {U:table.clear-marks} clears the marks"), Tone.WARN)
    return not view.table.marked


def _fill_in(
    view: View,
    questions: Questions,
    take: Callable[[tuple[Change, ...]], None] | None = None,
    more: Callable[[Values], Sequence[str]] | None = None,
    action: str = "Stage",
) -> None:
    """Ask, with a preview of commands and script (and `more`); stage the changes as one, or pass them to `take`."""
    director = staged_director(view)

    def preview(values: Values) -> Sequence[str]:
        changes = questions.changes(values)
        lines = [line for change in changes for line in equivalent(change)]
        after = fold(director, changes).groups
        if director.groups != after:
            rules = (line.expandtabs(4) for line in script(after))
            lines += ["", "lvstui's table as a script for nft -f:", *rules]
        return [*lines, *(more(values) if more else ())]

    fill_in(view, questions, take or partial(stage_also, view, whole=True), preview, action)


def _add(view: Marks, mark: int | None = None) -> None:
    """Ask for a whole group, and stage it; for a `mark` that has rules already, for its service only."""
    if not editable(view):
        return
    snapshot, new = view.snapshot, new_server_of(view)
    form = GroupForm(staged_director(view), snapshot.reading.rules, snapshot.schedulers, has_profile(view), new=new)
    if mark is not None:
        rules = (known.rule for known in mark_at(snapshot, mark).rules)
        known = tuple(dict.fromkeys(rule.selector for rule in rules if rule.selector is not None))
        form = replace(form, mark=mark, selectors=known)

    def commands(values: Values) -> Sequence[str]:
        return ["", f"# {form.missing}; the rules as commands:", *iptables_lines(form.group(values))]

    _fill_in(view, form, more=commands if form.missing else None)


def _serve(view: Marks) -> None:
    """Ask for a service on the mark, which has rules already."""
    mark = mark_at_cursor(view)
    if mark is None:
        view.say(with_keys("go to a mark, or add a group ({a:mark.add})"))
    elif len(mark_at(view.snapshot, mark).pools) == len(Family):
        view.say(with_keys("it has services of both families already: {J:mark.jump} goes to them"))
    else:
        _add(view, mark)


def bundle(view: View, keys: Sequence[AddressKey]) -> None:
    """Ask how services that belong together become a group, then for confirmation, since they are removed."""
    if not nothing_pending(view) or not _rules_writable(view):
        return
    title = "Replace these services by this group?"
    director = staged_director(view)
    form = BundleForm(director, tuple(keys), view.snapshot.reading.rules, has_profile(view))
    _fill_in(view, form, lambda changes: confirm_changes(view, title, changes, "Bundle", whole=True), action="Go on")


def _edit(view: Marks) -> None:
    if isinstance(view.table.cursor_key, ServerKey):
        view.say(with_keys("{J:mark.jump} goes to the service, where its servers are edited"))
    elif (mark := mark_at_cursor(view)) is not None and _rules_writable(view):
        _fill_in(view, PacketsForm(staged_director(view), mark, has_profile(view)))


def _name(view: Marks) -> None:
    mark = mark_at_cursor(view)
    if mark is None or not editable(view):
        return
    director = staged_director(view)
    group = director.groups.get(mark)
    if not has_profile(view):
        view.say("names are kept in a profile: start with --profile FILE", Tone.WARN)
        return
    if group is None:
        view.say(
            with_keys(
                f"lvstui's table has no group for mark {mark}; name its service in the services view ({{J:mark.jump}})"
            ),
            Tone.WARN,
        )
        return

    def read(text: str) -> tuple[Change, ...]:
        return check_changes([change_group(group, replace(group, name=fields.label("name", text.strip())))], director)

    view.prompt.ask(f"name of mark {mark}", group.name, read, partial(stage_also, view, whole=True))


def _timeout(view: Marks) -> None:
    chosen = chosen_marks(view)
    if not chosen or not editable(view):
        return
    pools = [pool for mark in chosen for pool in mark_at(view.snapshot, mark).pools]
    if not pools:
        view.say("there is no service on this mark")
        return
    director = staged_director(view)

    def read(text: str) -> tuple[Change, ...]:
        seconds = 0 if text.strip() == "0" else fields.number("seconds", text)
        return check_changes([change for mark in chosen for change in set_timeout(director, mark, seconds)], director)

    persistence = pools[0].service.persistence
    now = str(persistence.timeout if persistence else 0)
    what = f"mark {chosen[0]}" if len(chosen) == 1 else f"{len(chosen)} marks"
    view.prompt.ask(f"persistence of {what} (seconds, 0: none)", now, read, partial(stage_also, view, whole=True))


def _rules(view: Marks) -> Sequence[Rule]:
    """Return the rules of the chosen rows: a rule itself, or all rules of other programs for a mark."""
    rules: list[Rule] = []
    for key in view.table.chosen:
        if isinstance(key, RuleRow) and (found := find(view.snapshot, key)):
            rules.append(found.rule)
        elif isinstance(key, GroupRow) and key.mark != OTHERS:
            known = mark_at(view.snapshot, key.mark).rules
            rules += [entry.rule for entry in known if not is_ours(entry.rule)]
    return rules


def _foreign(view: Marks) -> bool:
    return any(not is_ours(rule) for rule in _rules(view))


def _adopt(view: Marks) -> None:
    """Stage copies of the chosen rules in lvstui's own table."""
    if not _rules_writable(view):
        return
    rules = _rules(view)
    try:
        changes = copy_rules(staged_director(view), rules)
    except fields.FieldError as error:
        view.say(str(error), Tone.WARN)
        return
    stage_also(view, changes, whole=True)
    view.say(cleared_bits(rules), Tone.WARN)


def _take_apart(view: Marks) -> None:
    """Ask, then replace the group by a service for every address and port."""
    mark = mark_at_cursor(view)
    if not _alone(view) or not nothing_pending(view) or not _rules_writable(view) or mark is None:
        return
    try:
        changes = split_group(staged_director(view), mark)
    except fields.FieldError as error:
        view.say(error.sentence, Tone.WARN)
        return
    names = mark_at(view.snapshot, mark).names
    what = f"{mark} {names[0]}" if names else str(mark)
    confirm_changes(view, f"Replace mark {what} by services?", changes, "Take apart", whole=True)


def _any_lost(view: Marks) -> bool:
    lost = any(mark.lost for mark in marks(view.snapshot).values())
    return lost or bool(lost_changes(view.snapshot.profile.drift))


def _restore(view: Marks) -> None:
    """Stage what the profile has and the kernel lost: the chosen marks where they are lost, else all."""
    if not nothing_pending(view) or not _rules_writable(view):
        return
    chosen = chosen_marks(view) if view.table.marked else ()
    changes = lost_changes(view.snapshot.profile.drift, chosen or None)
    if changes:
        stage_also(view, changes, whole=True)
    else:
        view.say("nothing is missing: the packet filter has all groups of the profile")


def _delete(view: Marks) -> None:
    """Ask what of the group is to be deleted, or stage that this rule's packets no longer get the mark."""
    key, mark = view.table.cursor_key, mark_at_cursor(view)
    if not _alone(view):
        return
    if isinstance(key, RuleRow):
        _delete_rule(view, key)
    elif isinstance(key, ServerKey):
        view.say(with_keys("{J:mark.jump} goes to the service, where its servers are deleted"))
    elif mark is not None and not has_service(view) and mark not in view.snapshot.reading.director.groups:
        view.say("only rules of other programs set this mark; lvstui never writes those", Tone.WARN)
    elif mark is not None and nothing_pending(view) and editable(view):
        _fill_in(view, RemovalForm(staged_director(view), mark))


def _delete_rule(view: Marks, key: RuleRow) -> None:
    if not _rules_writable(view):
        return
    found, group = find(view.snapshot, key), staged_director(view).groups.get(key.mark)
    if found is None:
        return
    rule = found.rule
    if not is_ours(rule):
        view.say("it is in a table of another program, which lvstui never writes", Tone.WARN)
    elif group is None or rule.selector not in group.selectors or rule.selector is None:
        view.say("it is not one of this group's rules any more")
    else:
        stage_also(view, (remove_selector(group, rule.selector),), whole=True)


EDITS: tuple[Command[Marks], ...] = (
    Command("mark.add", "a", "add a group: rules, services and servers", _add, "a add group"),
    Command(
        "mark.add.service",
        "A",
        "add a service to a mark that has rules",
        _serve,
        "A add service",
        when=lambda view: _on_a_mark(view) and not has_service(view),
    ),
    Command("mark.edit", "e", "edit which packets get the mark, in a form", _edit, "e edit", when=_on_a_mark),
    Command("name", "L", "label: set the name of the group (in the profile)", _name),
    Command("mark.time", "t", "set the persistence timeout (seconds, 0: none)", _timeout),
    Command("rule.copy", "C", "copy rules into lvstui's own table", _adopt, "C copy", when=_foreign),
    Command("mark.bundle", "B", "replace the group by services, after asking", _take_apart),
    Command("mark.put-back", "b", "put back: stage again what the kernel lost", _restore, "b put back", when=_any_lost),
    Command("delete", "delete,ctrl+d", "delete the group, or this rule of it", _delete),
)
