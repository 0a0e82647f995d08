"""The marks view: firewall-mark groups, the packets that get each mark and the service that takes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from lvstui.core.advice.services import about_mark
from lvstui.core.keys import with_keys
from lvstui.core.marks.columns import LANGUAGE, MARK_COLUMNS, SORTABLE
from lvstui.core.marks.detail import detail
from lvstui.core.marks.mark import STATES, every_rule, mark_at, marks, summary
from lvstui.core.marks.rows import GroupRow, MarkLook, MarkRowKey, cells, columns, mark_of, rows, title
from lvstui.core.model import Family, MarkKey, ServerKey, ServiceKey
from lvstui.core.snapshot import Snapshot
from lvstui.core.trace.request import target_proposal
from lvstui.core.view.detail import Block
from lvstui.core.view.table import Cell, Tone
from lvstui.formats.equivalent import groups_as_script
from lvstui.tui.commands import Command, bindings
from lvstui.tui.dialogs.listing import Copied, list_states
from lvstui.tui.views.editing import arranging, copy_rows, copying, editing
from lvstui.tui.views.examining import examining
from lvstui.tui.views.finding import filtering
from lvstui.tui.views.mark_edits import EDITS, Marks, added_row, chosen_marks, has_service, mark_at_cursor
from lvstui.tui.views.service_text import editing_text
from lvstui.tui.views.table_view import Rows, TableView
from lvstui.tui.views.tracing import tracing
from lvstui.tui.views.view import View

_NOTES = f"""\
A mark bundles ports into one service: packet filter rules set the mark, a service on it takes the packets.
lvstui writes only its own table, inet lvstui; it shows the rules of other programs, and {{C:rule.copy}} copies them.

What / finds (all terms must match)
  web 192.0.2.10       text in a mark, its rules or its servers
  192.0.2.0/24         an address in this network
  mark=80 port=443 proto=tcp table=firewalld state=no-rule packets=0
  !lvstui !state=ok    the opposite of any of these
Fields  {LANGUAGE.help}

State   {list_states(STATES)}"""


def _detail(snapshot: Snapshot, _look: MarkLook, key: MarkRowKey, width: int) -> Sequence[Block]:
    """Return what is known of a row, with the advice about its mark."""
    found = about_mark(snapshot, mark_of(key)) if isinstance(key, GroupRow) else ()
    return detail(snapshot, key, width, [(one.sentence, one.reason, one.remedy) for one in found])


def _show_entries(view: Marks) -> None:
    if (mark := mark_at_cursor(view)) is not None:
        view.post_message(View.Wanted("persistence", filter=f"mark={mark}"))


def _show_service(view: Marks) -> None:
    """Go to the mark's service, or to this server of it, in the services view."""
    key, mark = view.table.cursor_key, mark_at_cursor(view)
    pools = mark_at(view.snapshot, mark).pools if mark is not None else ()
    if isinstance(key, ServerKey):
        view.post_message(View.Wanted("services", row=key))
    elif pools:
        view.post_message(View.Wanted("services", row=pools[0].service.key))
    elif mark is not None:
        view.say(f"there is no service on mark {mark}")


def _fold(view: Marks, *, folded: bool) -> None:
    """Fold or unfold the mark that the cursor is on or below."""
    if (key := view.table.cursor_key) is not None:
        mark, unfolded = mark_of(key), view.look.unfolded
        if folded:
            view.table.move_to(GroupRow(mark))
        _set_unfolded(view, unfolded - {mark} if folded else unfolded | {mark})


def _fold_all(view: Marks) -> None:
    """Unfold all marks, or fold them when all are unfolded."""
    if (key := view.table.cursor_key) is not None:
        view.table.move_to(GroupRow(mark_of(key)))
    every = frozenset(marks(view.snapshot))
    _set_unfolded(view, frozenset() if every <= view.look.unfolded else every)


def _set_unfolded(view: Marks, unfolded: frozenset[int]) -> None:
    view.look = replace(view.look, unfolded=unfolded)
    view.redraw()


def _excerpt(view: Marks) -> None:
    if lines := groups_as_script(view.snapshot, chosen_marks(view)):
        texts = {"script and commands": "\n".join(lines)}
        view.app.push_screen(Copied("As a script for nft, and as ipvsadm commands", texts))
    else:
        copy_rows(view)


def _question(view: Marks) -> str:
    """Propose what gets the mark under the cursor as where a packet is sent."""
    return f"{target_proposal(view.about, every_rule(view.snapshot))} "


_ARRANGING: tuple[Command[Marks], ...] = arranging()

_EVERYWHERE: tuple[Command[Marks], ...] = editing()

_COMMANDS: tuple[Command[Marks], ...] = (
    *EDITS,
    Command("entries", "E", "go to the persistence entries of this mark", _show_entries, "E entries", when=has_service),
    Command("mark.jump", "J", "go to the service of this mark", _show_service, "J service", when=has_service),
    tracing(_question),
    editing_text(),
    examining(),
    filtering(),
    *_ARRANGING,
    copying("copy these groups as nft script and ipvsadm commands", _excerpt),
    Command("fold", "left", "fold the mark", partial(_fold, folded=True)),
    Command("unfold", "right", "unfold the mark: its rules and real servers", partial(_fold, folded=False)),
    Command("fold.all", "f", "fold or unfold all marks", _fold_all),
    *_EVERYWHERE,
)


def _complete(snapshot: Snapshot) -> bool:
    rules = snapshot.reading.rules
    return rules is not None and not rules.trouble and not rules.missing


class MarksView(TableView[MarkRowKey, MarkLook]):
    """Marks with their rules and real servers below them, edited in place."""

    NAME = "marks"
    NOTES = _NOTES
    COMMANDS = _COMMANDS
    BINDINGS = bindings(_COMMANDS)
    ROWS = Rows(
        columns,
        rows,
        cells,
        look=MarkLook(),
        filtered=lambda look, text: replace(look, filter=LANGUAGE.parse(text)),
        every_column=MARK_COLUMNS,
        sortable=SORTABLE,
        detail=_detail,
        added=added_row,
        marked=True,
        empty=lambda _: with_keys("No rule sets a mark, and no service is on one; {a:mark.add} makes a group."),
        path=lambda snapshot, key: (title(mark_at(snapshot, mark_of(key))),),
        terms=LANGUAGE.terms,
        summary=lambda snapshot, *_: Cell(summary(snapshot), Tone.DIM if _complete(snapshot) else Tone.WARN),
    )

    @property
    def about(self) -> ServiceKey | None:
        """The service on the mark that the cursor is on or below, whether there is one or not."""
        mark = mark_at_cursor(self)
        return MarkKey(mark, Family.IPV4) if mark else None

    def find(self, wanted: View.Wanted) -> None:
        """Show what a filter finds, or put the cursor on a mark."""
        super().find(wanted)
        if isinstance(wanted.row, MarkKey):
            self.table.move_to(GroupRow(wanted.row.mark))
