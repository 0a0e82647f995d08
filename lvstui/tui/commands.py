"""What a command is: id, keys and words, where it applies and why it is off; footer, help, palette, key map read it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, Never, TypeAlias, TypeVar

from textual.binding import Binding, BindingType

T = TypeVar("T", contravariant=True)


def _always(_: object) -> bool:
    return True


def _on(_: object) -> str:
    return ""


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
    why_off: Callable[[T], str] = _on
    when: Callable[[T], bool] = _always

    @property
    def key_names(self) -> str:
        """The keys as people read them."""
        return " ".join(_NAMES.get(key, key) for key in self.keys.split(","))


AnyCommand: TypeAlias = Command[Never]
"""A command to read; it can be run only where it is known on what."""


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


def _bound_by_the_table(_: object) -> None:
    """Do nothing: the table binds these keys."""


MOVING: Sequence[AnyCommand] = (
    Command("table.step", "up,down,k,j", "one row", _bound_by_the_table),
    Command("table.page", "pageup,pagedown", "a page", _bound_by_the_table),
    Command("table.ends", "g,G,home,end", "first and last row", _bound_by_the_table),
    Command("table.mark", "space,v,U", "mark rows to edit together, a range; clear the marks", _bound_by_the_table),
)
"""What the table itself binds; here for the help only."""


def bindings(commands: Iterable[AnyCommand]) -> list[BindingType]:
    """Return Textual's bindings of commands, each with its id so that a key map can move it."""
    return [Binding(c.keys, f"run_command('{c.id}')", c.help, show=False, id=c.id) for c in commands]


def find(commands: Iterable[Command[T]], name: str) -> Command[T]:
    """Return the command of an id."""
    return next(command for command in commands if command.id == name)
