"""Which views there are: their keys, their names, and what makes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lvstui.tui.commands import Command
from lvstui.tui.views.changes import ChangesView
from lvstui.tui.views.connections import ConnectionsView
from lvstui.tui.views.director import DirectorView
from lvstui.tui.views.marks import MarksView
from lvstui.tui.views.persistence import PersistenceView
from lvstui.tui.views.services import ServicesView
from lvstui.tui.views.view import View


@dataclass(frozen=True, slots=True)
class Entry:
    """One view; `name` is what `--view` and the palette call it, `key` the digit that opens it."""

    key: str
    name: str
    make: Callable[[bool], View]
    """Makes the view; told whether the terminal can show ASCII only."""


ENTRIES = (
    Entry("1", "services", lambda ascii_only: ServicesView(ascii_only=ascii_only, id="services")),
    Entry("2", "persistence", lambda _: PersistenceView(id="persistence")),
    Entry("3", "marks", lambda _: MarksView(id="marks")),
    Entry("4", "connections", lambda _: ConnectionsView(id="connections")),
    Entry("5", "director", lambda _: DirectorView(id="director")),
    Entry("6", "changes", lambda _: ChangesView(id="changes")),
)

SWITCHING = tuple(
    Command(f"view.{entry.name}", entry.key, f"view('{entry.name}')", f"the {entry.name} view") for entry in ENTRIES
)
