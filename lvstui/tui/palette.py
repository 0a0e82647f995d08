"""The command palette, filled from the tables of commands."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from textual.command import DiscoveryHit, Hit, Hits, Provider

from lvstui.tui.app import EVERYWHERE, LvstuiApp
from lvstui.tui.commands import AnyCommand


class Commands(Provider):
    """Finds commands by their sentence or id, and runs them as their key would."""

    async def discover(self) -> Hits:
        """List everything before anything is typed."""
        for command, run in self._every():
            yield DiscoveryHit(_title(command), run, help=command.key_names)

    async def search(self, query: str) -> Hits:
        """Match what is typed against id and sentence."""
        matcher = self.matcher(query)
        for command, run in self._every():
            title = _title(command)
            if score := matcher.match(title):
                yield Hit(score, matcher.highlight(title), run, help=command.key_names)

    def _every(self) -> Iterator[tuple[AnyCommand, Callable[[], None]]]:
        """Return the commands that open views, those of the view that is shown, and the others of the app."""
        app = self.app
        if not isinstance(app, LvstuiApp):
            return
        view = app.view
        yield from ((c, partial(c.run, app)) for c in EVERYWHERE if c.id.startswith("view."))
        yield from ((c, partial(view.action_run_command, c.id)) for c in view.COMMANDS)
        yield from ((c, partial(c.run, app)) for c in EVERYWHERE if not c.id.startswith(("view.", "palette")))


def _title(command: AnyCommand) -> str:
    return f"{command.id}: {command.help}"
