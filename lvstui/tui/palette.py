"""The command palette, filled from the one table of commands."""

from __future__ import annotations

from functools import partial

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.screen import Screen

from lvstui.tui import commands
from lvstui.tui.commands import Command
from lvstui.tui.views.registry import SWITCHING
from lvstui.tui.views.view import View


class Commands(Provider):
    """Finds commands by their sentence or id, and runs them as their key would."""

    async def discover(self) -> Hits:
        """List everything before anything is typed."""
        for command in _all(self.screen):
            yield DiscoveryHit(_title(command), partial(self._run, command), help=command.key_names)

    async def search(self, query: str) -> Hits:
        """Match what is typed against id and sentence."""
        matcher = self.matcher(query)
        for command in _all(self.screen):
            title = _title(command)
            if score := matcher.match(title):
                yield Hit(score, matcher.highlight(title), partial(self._run, command), help=command.key_names)

    async def _run(self, command: Command) -> None:
        """Run it where the key would have run it."""
        view = _view(self.screen)
        await self.app.run_action(command.action, default_namespace=view if command in view.COMMANDS else self.app)


def _title(command: Command) -> str:
    return f"{command.id}: {command.help}"


def _view(screen: Screen[object]) -> View:
    """Find the view that is shown."""
    return next(view for view in screen.query(View) if view.display)


def _all(screen: Screen[object]) -> tuple[Command, ...]:
    everywhere = (each for each in commands.EVERYWHERE if each.id != "palette")
    return (*SWITCHING, *_view(screen).COMMANDS, *everywhere)
