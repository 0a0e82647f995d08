"""The marks view: firewall-mark groups, which packets get them and which service takes those, edited in place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from lvstui.core import fields
from lvstui.core.change import Change, change_group
from lvstui.core.marks.edits import unbundled
from lvstui.core.marks.mark import OTHERS, mark_at, marks
from lvstui.core.marks.repairs import adopted, cleared_bits, lost_changes, with_timeout, without
from lvstui.core.marks.rows import GroupRow, MarkRowKey, RuleRow, find
from lvstui.core.marks.script import is_ours
from lvstui.core.model import Director, Family, MarkGroup, ServerKey
from lvstui.core.observed import Rule
from lvstui.core.rules import Severity, problems
from lvstui.core.snapshot import Snapshot
from lvstui.core.view.table import Tone
from lvstui.tui import commands
from lvstui.tui.commands import Command
from lvstui.tui.views import mark_editing
from lvstui.tui.views.mark_rows import MarkListView


class MarksView(MarkListView):
    """Marks with everything an operator does to them; every edit is staged, or asked for where it destroys."""

    BINDINGS = commands.bindings(commands.MARKS)
    COMMANDS = (*commands.MARKS, *commands.MARK_FINDING, *commands.EDITING)

    def offered(self) -> Sequence[Command]:
        """Leave out what the row under the cursor has nothing for."""
        snapshot, mark = self.snapshot, self.mark
        served = snapshot is not None and mark is not None and bool(mark_at(snapshot, mark).pools)
        grouped = snapshot is not None and mark in snapshot.reading.director.groups
        able = {
            "mark.serve": snapshot is not None and mark is not None and not served,
            "mark.edit": mark is not None,
            "mark.adopt": any(not is_ours(rule) for rule in self._rules()),
            "mark.apart": grouped,
            "mark.restore": snapshot is not None and _can_restore(snapshot),
            "delete": served or grouped,
            "entries": served,
            "mark.service": served,
        }
        return [each for each in self.COMMANDS if able.get(each.id, True)]

    def action_enter(self) -> None:
        """Apply what is staged, and go to a mark that it adds; else open the row."""
        groups = [change.after for change in self.staged.changes if change.before is None]
        added = next((group.mark for group in groups if isinstance(group, MarkGroup)), None)
        applies = self.pending
        super().action_enter()
        if applies and not self.pending:
            self.arriving = added
            self.table.clear_marks()

    def action_add(self) -> None:
        """Ask for a whole group."""
        mark_editing.make(self)

    def action_serve(self) -> None:
        """Ask for a service on the mark, which rules set already."""
        mark = self.mark
        if mark is None or self.snapshot is None:
            self.say("go to a mark, or make a group (a)")
        elif len(mark_at(self.snapshot, mark).pools) == len(Family):
            self.say("its services of both families are there already: J goes to them")
        else:
            mark_editing.make(self, mark)

    def action_edit(self) -> None:
        """Ask which packets get the mark."""
        if isinstance(self.table.cursor_key, ServerKey):
            self.say("J goes to the service, where its servers are edited")
        elif (mark := self.mark) is not None:
            mark_editing.packets(self, mark)

    def action_name(self) -> None:
        """Ask for the name of the group."""
        director, mark = mark_editing.standing(self), self.mark
        group = director.groups.get(mark) if director and mark is not None else None
        if director is None or mark is None or self.snapshot is None:
            return
        if not self.snapshot.profile.path:
            self.say("names are kept in a profile: start with --profile FILE", Tone.WARN)
        elif group is None:
            self.say(f"our table has no group for mark {mark}; name its service in the services view (J)", Tone.WARN)
        else:
            self._ask(
                f"name of mark {mark}",
                group.name,
                lambda text: (change_group(group, replace(group, name=fields.label("name", text.strip()))),),
                director,
            )

    def action_timeout(self) -> None:
        """Ask for the persistence of the mark's services."""
        director, marks = mark_editing.standing(self), self.chosen()
        if director is None or not marks or self.snapshot is None:
            return
        pools = [pool for mark in marks for pool in mark_at(self.snapshot, mark).pools]
        if not pools:
            self.say("there is no service on it")
            return

        def read(text: str) -> tuple[Change, ...]:
            seconds = 0 if text.strip() == "0" else fields.number("seconds", text)
            return tuple(change for mark in marks for change in with_timeout(director, mark, seconds))

        persistence = pools[0].service.persistence
        now = str(persistence.timeout if persistence else 0)
        what = f"mark {marks[0]}" if len(marks) == 1 else f"{len(marks)} marks"
        self._ask(f"persistence of {what} (seconds, 0: none)", now, read, director)

    def action_adopt(self) -> None:
        """Stage copies of the rules under the cursor, or of all rules of the mark, in our own table."""
        director, rules = mark_editing.ruling(self), self._rules()
        if director is None:
            return
        try:
            changes = adopted(director, rules)
        except fields.FieldError as error:
            self.say(str(error), Tone.WARN)
            return
        mark_editing.stage(self, changes)
        self.say(cleared_bits(rules), Tone.WARN)

    def action_apart(self) -> None:
        """Ask, then make a service of each address and port instead of the group."""
        mark = self.mark
        if (
            not self._alone()
            or not self.nothing_pending()
            or (director := mark_editing.ruling(self)) is None
            or mark is None
        ):
            return
        try:
            changes = unbundled(director, mark)
        except fields.FieldError as error:
            self.say(error.sentence, Tone.WARN)
            return
        self.confirm(f"Put services in the place of mark {self._word(mark)}?", changes, "Take apart", whole=True)

    def action_restore(self) -> None:
        """Stage what the profile has and the kernel lost: the chosen marks where they are lost, else all."""
        if self.snapshot is None or not self.nothing_pending() or mark_editing.ruling(self) is None:
            return
        chosen = [mark for mark in self.chosen() if self.table.marked]
        changes = lost_changes(self.snapshot.profile.drift, chosen or None)
        if changes:
            mark_editing.stage(self, changes)
        else:
            self.say("nothing is lost: the packet filter has all groups of the profile")

    def action_delete(self) -> None:
        """Ask what of the group is to go, or stage that this rule's packets no longer get the mark."""
        key, mark = self.table.cursor_key, self.mark
        if not self._alone():
            return
        if isinstance(key, RuleRow):
            self._delete_rule(key)
        elif isinstance(key, ServerKey):
            self.say("J goes to the service, where its servers are deleted")
        elif mark is not None and self.snapshot is not None:
            if mark in self.snapshot.reading.director.groups or mark_at(self.snapshot, mark).pools:
                mark_editing.remove(self, mark)
            else:
                self.say("only rules of others set it, and those are never written", Tone.WARN)

    def _delete_rule(self, key: RuleRow) -> None:
        director = mark_editing.ruling(self)
        found = find(self.snapshot, key) if self.snapshot else None
        rule = found.rule if found else None
        group = director.groups.get(key.mark) if director else None
        if rule is None or director is None:
            return
        if not is_ours(rule):
            self.say("it stands in a table of others, which is never written", Tone.WARN)
        elif group is None or rule.selector not in group.selectors or rule.selector is None:
            self.say("it is none of this group's packets any more")
        else:
            mark_editing.stage(self, (without(group, rule.selector),))

    def action_entries(self) -> None:
        """Go to the persistence entries of the mark."""
        if (mark := self.mark) is not None:
            self.post_message(self.Wanted("persistence", filter=f"mark={mark}"))

    def action_service(self) -> None:
        """Go to the mark's service, or to this server of it, in the services view."""
        key, mark = self.table.cursor_key, self.mark
        pools = mark_at(self.snapshot, mark).pools if self.snapshot and mark is not None else ()
        if isinstance(key, ServerKey):
            self.post_message(self.Wanted("services", row=key))
        elif pools:
            self.post_message(self.Wanted("services", row=pools[0].service.key))
        elif mark is not None:
            self.say(f"there is no service on mark {mark}")

    def _alone(self) -> bool:
        """Tell whether no rows are marked, and say what to do about it: a group ends one at a time."""
        if self.table.marked:
            self.say("one group at a time: U clears the marks", Tone.WARN)
        return not self.table.marked

    def _rules(self) -> Sequence[Rule]:
        """Give the rules that are meant: those of the marked rows, else this one, or all of others for its mark."""
        marked, cursor = self.table.marked, self.table.cursor_key
        keys = [key for key in self.table.keys if key in marked] or ([cursor] if cursor is not None else [])
        return [rule for key in keys for rule in self._rules_at(key)]

    def _rules_at(self, key: MarkRowKey) -> Sequence[Rule]:
        if self.snapshot is None:
            return ()
        match key:
            case RuleRow():
                found = find(self.snapshot, key)
                return (found.rule,) if found else ()
            case GroupRow(mark) if mark != OTHERS:
                return [each.rule for each in mark_at(self.snapshot, mark).rules if not is_ours(each.rule)]
            case _:
                return ()

    def _word(self, mark: int) -> str:
        names = mark_at(self.snapshot, mark).names if self.snapshot else ()
        return f"{mark} {names[0]}" if names else str(mark)

    def _ask(self, label: str, value: str, read: Callable[[str], tuple[Change, ...]], director: Director) -> None:
        """Ask for one value, and stage what it changes."""

        def typed(text: str) -> str:
            try:
                found = [problem for change in read(text) for problem in problems(change, director)]
            except fields.FieldError as error:
                return error.sentence
            return next((problem.sentence for problem in found if problem.severity is Severity.ERROR), "")

        def done(text: str | None) -> None:
            self.table.focus()
            if text is not None:
                mark_editing.stage(self, read(text))

        self.prompt.ask(label, value, done, typed)


def _can_restore(snapshot: Snapshot) -> bool:
    lost = any(mark.lost for mark in marks(snapshot).values())
    return lost or bool(lost_changes(snapshot.profile.drift))
