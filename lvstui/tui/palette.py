"""The command palette, filled from the one table of commands."""

from __future__ import annotations

from functools import partial

from textual.command import DiscoveryHit, Hit, Hits, Provider

from lvstui.tui import commands
from lvstui.tui.commands import Command
from lvstui.tui.screens.services import ServicesView


class Commands(Provider):
    """Finds commands by their sentence or id, and runs them as their key would."""

    async def discover(self) -> Hits:
        """List everything before anything is typed."""
        for command in _all():
            yield DiscoveryHit(_title(command), partial(self._run, command), help=command.key_names)

    async def search(self, query: str) -> Hits:
        """Match what is typed against id and sentence."""
        matcher = self.matcher(query)
        for command in _all():
            title = _title(command)
            if score := matcher.match(title):
                yield Hit(score, matcher.highlight(title), partial(self._run, command), help=command.key_names)

    async def _run(self, command: Command) -> None:
        """Run it where the key would have run it."""
        everywhere = command in commands.EVERYWHERE
        place = self.app if everywhere else self.screen.query_one(ServicesView)
        await self.app.run_action(command.action, default_namespace=place)


def _title(command: Command) -> str:
    return f"{command.id}: {command.help}"


def _all() -> tuple[Command, ...]:
    return (*commands.SERVICES, *commands.EDITING, *(each for each in commands.EVERYWHERE if each.id != "palette"))
