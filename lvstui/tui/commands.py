"""What a command is: id, keys and words, where it applies and why it is off; footer, help, palette, key map read it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, Never, TypeAlias, TypeVar

from textual.binding import Binding, BindingType

T = TypeVar("T", contravariant=True)


@dataclass(frozen=True, slots=True)
class Command(Generic[T]):
    """One thing an operator can do with a `T`: a view, or the app.

    `id` is what a key map names; `keys` as Textual writes them. `help` is the sentence for help and palette, `bar` the
    few words in the line of keys (empty: not shown there). `run` does it. `why_off` returns why it cannot be done now
    (empty: it can); `when` returns whether there is anything for it here, so that the line of keys offers it.
    """

    id: str
    keys: str
    help: str
    run: Callable[[T], None]
    bar: str = ""
    why_off: Callable[[T], str] = lambda _: ""
    when: Callable[[T], bool] = lambda _: True

    @property
    def key_names(self) -> str:
        """The keys as people read them."""
        return " ".join(_NAMES.get(key, key) for key in self.keys.split(","))


AnyCommand: TypeAlias = Command[Never]
"""A command of any kind of object, to be read only; running one takes its own kind."""


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
    "right_square_bracket": "]",
    "left_square_bracket": "[",
}


MOVING: Sequence[AnyCommand] = (
    Command("table.step", "up,down,k,j", "one row", lambda _: None),
    Command("table.page", "pageup,pagedown", "a page", lambda _: None),
    Command("table.ends", "g,G,home,end", "first and last row", lambda _: None),
    Command("table.mark", "space,v,U", "mark rows to edit together, a range; clear the marks", lambda _: None),
)
"""What the table itself binds and runs; here for the help only."""


def bindings(commands: Iterable[AnyCommand]) -> list[BindingType]:
    """Return Textual's bindings of commands, with their ids so that a key map can move them."""
    return [Binding(c.keys, f"run_command('{c.id}')", c.help, show=False, id=c.id) for c in commands]


def find(commands: Iterable[Command[T]], name: str) -> Command[T]:
    """Return the command with an id."""
    return next(command for command in commands if command.id == name)
