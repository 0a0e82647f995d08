"""The keys of the screens, from the tables of commands."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lvstui.tui.commands import MOVING, AnyCommand, Group
from lvstui.tui.everywhere import EVERYWHERE, VIEWS
from tests.docs.parts import code, table


def by_view() -> str:
    """Return a table of the keys that all views have, then one for each view with its own."""
    shared = _shared()
    parts = [_section("In every view", [*EVERYWHERE, *MOVING, *shared.values()])]
    for view in VIEWS:
        own = [command for command in view.COMMANDS if shared.get(command.id) is not command]
        parts.append(_section(f"{view.NAME.capitalize()}", own))
    return "\n\n".join(parts)


def _shared() -> dict[str, AnyCommand]:
    """Return the commands that every view has, by their ids."""
    first, *others = [list[AnyCommand](view.COMMANDS) for view in VIEWS]
    return {command.id: command for command in first if all(command in commands for commands in others)}


def _section(title: str, commands: Sequence[AnyCommand]) -> str:
    ordered = [command for group in Group for command in commands if command.group is group]
    return f"## {title}\n\n{table(('key', 'what it does', 'id'), _rows(ordered))}"


def _rows(commands: Iterable[AnyCommand]) -> Iterable[Sequence[str]]:
    for command in commands:
        keys = " ".join(map(code, command.key_names.split())) or "`:` only"
        line = f"; {code(f':{command.usage}')}" if command.usage else ""
        yield keys, f"{command.help}{line}", code(command.id)
