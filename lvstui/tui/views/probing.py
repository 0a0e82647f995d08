"""The keys that ask real servers whether they are there."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from lvstui.core.model import ServerKey
from lvstui.core.services.batch import targets
from lvstui.engine.messages import AskServers
from lvstui.tui.commands import Command
from lvstui.tui.dialogs.probing import ProbeScreen
from lvstui.tui.views.service_edits import Services


def _probe(view: Services, *, repeats: bool = False) -> None:
    """Ask the servers of the chosen rows, and show what they answer."""
    keys = list(targets(view.snapshot.reading.director, view.table.chosen))
    if not keys:
        view.say("there is no server to ask here")
        return

    def ask(asked: Sequence[ServerKey]) -> None:
        view.ask(AskServers(tuple(asked)))

    view.app.push_screen(ProbeScreen(keys, ask, repeats=repeats))


PROBING: tuple[Command[Services], ...] = (
    Command("probe", "H", "ask these servers whether they are there", _probe),
    Command("probe.repeat", "h", "ask them every few seconds while it is shown", partial(_probe, repeats=True)),
)
