"""What only the screens know of a configuration's values: themes, columns, and the commands of each view."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from lvstui.core.config import Known
from lvstui.core.keys import Line
from lvstui.store.theme_files import theme_folders
from lvstui.tui.commands import MOVING, AnyCommand
from lvstui.tui.everywhere import EVERYWHERE, VIEWS
from lvstui.tui.themes import gather
from lvstui.tui.views.table_view import TableView


def known() -> Known:
    """Return the names of all themes, the columns of each view, and the commands of every view and of each."""
    shared = _shared()
    everywhere = (*_lines(EVERYWHERE), *_lines(MOVING), *shared)
    own = {view.NAME: tuple(line for line in _lines(view.COMMANDS) if line not in shared) for view in VIEWS}
    columns = {
        view.NAME: [column.id for column in view.ROWS.every_column] for view in VIEWS if issubclass(view, TableView)
    }
    return Known(tuple(gather(*theme_folders()).palettes), columns, {"": everywhere, **own})


def _shared() -> Sequence[Line]:
    """Return the commands that every view has."""
    first, *others = [tuple(_lines(view.COMMANDS)) for view in VIEWS]
    return [line for line in first if all(line in lines for lines in others)]


def _lines(commands: Iterable[AnyCommand]) -> Iterator[Line]:
    for command in commands:
        yield Line(command.id, tuple(filter(None, command.keys.split(","))), command.help, command.usage)
