"""The marks view: firewall-mark groups, which packets get them and which service takes those, edited in place."""

from __future__ import annotations

from lvstui.core.mark_facts import pools_of
from lvstui.tui import commands
from lvstui.tui.screens.mark_list import MarkListView


class MarksView(MarkListView):
    """Marks with everything an operator does to them; every edit is staged, or asked for where it destroys."""

    BINDINGS = commands.bindings(commands.MARKS)
    COMMANDS = (*commands.MARKS, *commands.MARK_FINDING, *commands.EDITING)

    def action_entries(self) -> None:
        """Go to the persistence entries of the mark."""
        if (mark := self.mark) is not None:
            self.post_message(self.Wanted("persistence", filter=f"mark={mark}"))

    def action_service(self) -> None:
        """Go to the mark's service in the services view."""
        mark = self.mark
        if self.snapshot is None or mark is None:
            return
        pools = pools_of(self.snapshot, mark)
        if pools:
            self.post_message(self.Wanted("services", row=pools[0].service.key))
        else:
            self.say(f"there is no service on mark {mark}")
