"""The one table of commands: bindings, the keys below, help and the palette all come from it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from textual.binding import Binding, BindingType


@dataclass(frozen=True, slots=True)
class Command:
    """One thing an operator can do.

    `id` is what a key map names; `keys` as Textual writes them; `action` runs on the view or on the app. `help` is the
    sentence for help and palette, `bar` the few words in the line of keys (empty: not shown there).
    """

    id: str
    keys: str
    action: str
    help: str
    bar: str = ""

    @property
    def key_names(self) -> str:
        """The keys as people read them."""
        return " ".join(_NAMES.get(key, key) for key in self.keys.split(","))


_NAMES = {
    "plus": "+",
    "minus": "-",
    "slash": "/",
    "question_mark": "?",
    "colon": ":",
    "enter": "Enter",
    "escape": "Esc",
    "backspace": "Backspace",
    "delete": "Del",
    "left": "Left",
    "right": "Right",
    "up": "Up",
    "down": "Down",
    "space": "Space",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "home": "Home",
    "end": "End",
    "equals_sign": "=",
}

SERVICES = (
    Command("weight.up", "plus,equals_sign", "weight(1)", "stage one more weight", "+ - weight"),
    Command("weight.down", "minus", "weight(-1)", "stage one less weight"),
    Command("weight.drain", "0", "drain", "stage weight 0, or the weight before", "0 drain"),
    Command("delete", "delete,ctrl+d", "delete", "delete this row, after asking", "Del delete"),
    Command("filter", "slash", "filter", "show only rows with these words (!not)", "/ filter"),
    Command("sort", "s", "sort", "sort by the next column"),
    Command("sort.invert", "I", "invert", "turn the order round"),
    Command("fold", "left", "fold(True)", "fold the service"),
    Command("unfold", "right", "fold(False)", "unfold the service"),
    Command("fold.all", "f", "fold_all", "fold or unfold all services"),
)

EDITING = (
    Command("open", "enter", "enter", "apply what is staged; else open or edit", "Enter apply"),
    Command("drop", "escape,backspace", "drop", "drop what is staged; clear the filter", "Esc drop"),
    Command("undo", "z", "undo", "stage taking the last edit back", "z undo"),
    Command("redo", "Z", "redo", "stage doing it again"),
    Command("save", "w", "save", "save the kernel's table into the profile"),
    Command("view.next", "tab", "app.next_view", "the next view"),
)
"""What every view can do."""

EVERYWHERE = (
    Command("help", "question_mark", "help", "the keys of this view", "? help"),
    Command("palette", "colon,ctrl+p", "command_palette", "find a command by name", ": find"),
    Command("pause", "p", "pause", "stop reading, or go on"),
    Command("interval", "r", "interval", "read every 1, 2, 5 or 10 seconds"),
    Command("repaint", "ctrl+l", "repaint", "send the whole screen again"),
    Command("quit", "q,ctrl+c", "leave", "leave; asks while something is staged", "q quit"),
)

MOVING = (
    Command("table.step", "up,down,k,j", "", "one row"),
    Command("table.page", "pageup,pagedown", "", "a page"),
    Command("table.ends", "g,G,home,end", "", "first and last row"),
    Command("table.mark", "space,v,U", "", "mark, mark a range, clear the marks"),
)
"""What the table itself binds; here for the help only."""


def bindings(commands: Iterable[Command]) -> list[BindingType]:
    """Turn commands into Textual's bindings, each with its id so that a key map can move it."""
    return [Binding(c.keys, c.action, c.help, show=False, id=c.id) for c in commands]
