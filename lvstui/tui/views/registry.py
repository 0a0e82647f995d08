"""Which views there are, in the order of the digits that open them."""

from __future__ import annotations

from collections.abc import Sequence

from lvstui.store.view_memory import ViewMemory
from lvstui.tui.views.changes import ChangesView
from lvstui.tui.views.connections import ConnectionsView
from lvstui.tui.views.director import DirectorView
from lvstui.tui.views.marks import MarksView
from lvstui.tui.views.persistence import PersistenceView
from lvstui.tui.views.services import ServicesView
from lvstui.tui.views.view import View

NAMES = ("services", "persistence", "marks", "connections", "director", "changes")


def make_views(memory: ViewMemory | None, *, ascii_only: bool) -> Sequence[View]:
    """Return all views, arranged as they are remembered; `ascii_only` for a terminal that can show nothing else."""
    return (
        ServicesView(memory, ascii_only=ascii_only),
        PersistenceView(memory),
        MarksView(memory),
        ConnectionsView(memory),
        DirectorView(memory),
        ChangesView(memory),
    )
