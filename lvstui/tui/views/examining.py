"""The key that looks for what is wrong with a service, in every view that shows one, and what it finds."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import ClassVar

from textual.app import App
from textual.binding import Binding, BindingType
from textual.widgets import Static

from lvstui.core.doctor.lines import report_lines, title
from lvstui.core.model import ServiceKey
from lvstui.core.services.batch import named_service
from lvstui.core.view.command_line import words
from lvstui.engine.messages import Examine, Examined
from lvstui.tui.commands import Arguments, Command, Part
from lvstui.tui.dialogs.listing import Listing
from lvstui.tui.views.lines import known_services
from lvstui.tui.views.table_view import K, L, TableView
from lvstui.tui.views.view import View


def examining() -> Command[TableView[K, L]]:
    """Return the command that examines the service under the cursor."""

    def examine(view: TableView[K, L], key: ServiceKey) -> None:
        view.say("looking for what is wrong ...")
        view.ask(Examine(key))

    def ask(view: TableView[K, L]) -> None:
        if (key := _service(view)) is not None:
            examine(view, key)

    def read(view: TableView[K, L], text: str) -> Callable[[], None]:
        key = named_service(view.snapshot.reading.director, "".join(words(text, 1)))
        return partial(examine, view, key)

    def why_off(view: TableView[K, L]) -> str:
        return "" if _service(view) is not None else "go to a service, or to a real server below one"

    line: Arguments[TableView[K, L]] = Arguments("doctor", (Part("SERVICE", known_services),), read, alone=1)
    return Command("doctor", "X", "look for what is wrong with this service", ask, why_off=why_off, arguments=line)


def _service(view: TableView[K, L]) -> ServiceKey | None:
    """Return the service that the cursor is on or below, where there is one."""
    key = view.about
    return key if key in view.snapshot.reading.director.pools else None


class Diagnosis(Listing):
    """What was found about a service: the worst first; p asks its real servers too."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("p", "probe", show=False)]

    FOOT = "p asks the real servers too   Esc closes"

    def __init__(self, event: Examined, width: int) -> None:
        lines = report_lines(event.report, event.director, max(40, width - 3), every=True)
        super().__init__(f"Doctor: {title(event.asked.key, event.director)}", lines)
        self.key = event.asked.key

    def action_probe(self) -> None:
        """Ask again, the real servers too."""
        self.query_one(".foot", Static).update("asking the real servers ...")
        self.post_message(View.Asked(Examine(self.key, probe=True)))


def show_diagnosis(app: App[int], event: Examined) -> None:
    """Show what was found; in place of what was found before, where that is still looked at."""
    screen = Diagnosis(event, app.size.width)
    if isinstance(app.screen, Diagnosis) and app.screen.key == event.asked.key:
        app.switch_screen(screen)
    elif not event.asked.probe:
        app.push_screen(screen)
