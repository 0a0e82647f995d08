"""What a command is: id, keys and words, where it applies and why it is off; footer, help, palette, key map read it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from typing import Final, Generic, Never, TypeAlias, TypeVar

from textual.binding import Binding, BindingType

from lvstui.core.fields import FieldError
from lvstui.core.keys import given, key_name, key_to, keys_of
from lvstui.core.view.command_line import fitting, last_word, quoted, words

T = TypeVar("T", contravariant=True)

UNBOUND: Final = "f24"
"""A key that no terminal sends, for commands that were given none: Textual has no other word for that."""


class Group(Enum):
    """What commands are for, in the order of the help."""

    CHANGE = "Change"
    LOOK = "Look"
    MOVE = "Move"
    TABLE = "Table"
    EVERYWHERE = "Everywhere"


_GROUPS: Mapping[Group, frozenset[str]] = {
    Group.LOOK: frozenset(
        [
            *("open", "entries", "connections", "trace", "probe", "probe.", "doctor", "excerpt", "distribution"),
            *("service.jump", "mark.jump", "span."),
        ]
    ),
    Group.MOVE: frozenset(("table.", "drop", "fold", "fold.", "unfold", "staged.")),
    Group.TABLE: frozenset(("filter", "search", "search.", "sort", "sort.", "columns", "regroup", "prefix")),
    Group.EVERYWHERE: frozenset(
        (
            *("view.", "help", "palette", "pause", "interval", "repaint", "quit", "advice", "read", "suspend"),
            *("themes", "go"),
        )
    ),
}
"""The ids of commands by group, or (`table.`) how they begin; the others change something."""


@dataclass(frozen=True, slots=True)
class Part(Generic[T]):
    """One place of a command line: its word in usages (`WEIGHT`, `[SERVER...]`), and words that are known to fit."""

    word: str
    known: Callable[[T], Iterable[str]] = lambda _: ()


@dataclass(frozen=True, slots=True)
class Arguments(Generic[T]):
    """What may stand behind a command on the line of the palette, as in `weight +2 web1`.

    `name` begins the line; the last of `parts` may stand there any number of times where its word says so. `read`
    returns what the rest of a line does, or raises `FieldError`; it has no effect of its own, as it is called at every
    key. `alone` is with how many words the line says by itself what it acts on, so that it can be given from any
    view; 0 where it never does. What is not `remembered` stays out of the history.
    """

    name: str
    parts: Sequence[Part[T]]
    read: Callable[[T, str], Callable[[], None]]
    alone: int = 0
    remembered: bool = True

    @property
    def usage(self) -> str:
        """How it is written: `weight WEIGHT [SERVER...]`."""
        return " ".join((self.name, *(part.word for part in self.parts)))

    def complete(self, subject: T, rest: str) -> Sequence[str]:
        """Return the words that could stand in place of the last one of `rest`."""
        before, typed = last_word(rest)
        place = len(before.split())
        if place >= len(self.parts) and "..." not in self.parts[-1].word:
            return ()
        return fitting(self.parts[min(place, len(self.parts) - 1)].known(subject), typed)


@dataclass(frozen=True, slots=True)
class Command(Generic[T]):
    """One thing an operator can do with a `T`: a view, or the app.

    `id` is what a key map names; `keys` those that it has by itself, as Textual writes them (empty: the palette alone
    has it). `help` is the sentence for help and palette, `bar` the few words in the line of keys (empty: not shown
    there), behind its first key and that of the command `beside` it. `run` does it. `why_off` returns why it cannot be
    done now (empty: it can); `when` returns whether there is anything for it here, so that the line of keys offers it.
    `arguments` are those that it takes on the line of the palette.
    """

    id: str
    keys: str
    help: str
    run: Callable[[T], None]
    bar: str = ""
    why_off: Callable[[T], str] = lambda _: ""
    when: Callable[[T], bool] = lambda _: True
    beside: str = ""
    arguments: Arguments[T] | None = field(default=None, compare=False)

    @property
    def usage(self) -> str:
        """How it is written on the line of the palette; empty where it takes no arguments."""
        return self.arguments.usage if self.arguments else ""

    @property
    def bound(self) -> tuple[str, ...]:
        """The keys that it has now, as Textual writes them."""
        return keys_of(self.id, tuple(filter(None, self.keys.split(","))))

    @property
    def shown(self) -> str:
        """The words for the line of keys, with the keys that it has now; empty where it has none."""
        if not self.bar or given().keys().isdisjoint((self.id, self.beside)):
            return self.bar
        own, *others = self.bar.split(" ")
        others[:1] = [key_to(others[0], self.beside)] if self.beside else others[:1]
        return " ".join((key_to(own, self.id), *others)) if self.bound else ""

    @property
    def group(self) -> Group:
        """What it is for, as the help orders commands."""
        begins = (self.id, f"{self.id.partition('.')[0]}.")
        return next((group for group, ids in _GROUPS.items() if not ids.isdisjoint(begins)), Group.CHANGE)

    @property
    def key_names(self) -> str:
        """The keys as people read them."""
        return " ".join(map(key_name, self.bound))


AnyCommand: TypeAlias = Command[Never]
"""A command of any kind of object, to be read only; running one takes its own kind."""


@dataclass(frozen=True, slots=True)
class Line:
    """A command with its arguments, bound to the view or the app that it acts on."""

    name: str
    usage: str
    complete: Callable[[str], Sequence[str]]
    read: Callable[[str], Callable[[], None]]
    remembered: bool
    alone: int

    def completed(self, rest: str, word: str) -> str:
        """Return the line with a word in place of its last one; a term that ends in `=` goes on."""
        return f"{self.name} {last_word(rest)[0]}{quoted(word)}{'' if word.endswith('=') else ' '}"


def bind(command: Command[T], subject: T) -> Line | None:
    """Return the line of a command for what it acts on; None where it takes no arguments."""
    arguments = command.arguments
    if arguments is None:
        return None
    complete, read = partial(arguments.complete, subject), partial(arguments.read, subject)
    return Line(arguments.name, arguments.usage, complete, read, arguments.remembered, arguments.alone)


def from_elsewhere(line: Line, go: Callable[[], None]) -> Line:
    """Return a line for other views than its own: it has to name what it acts on, and `go` opens its view first."""

    def read(rest: str) -> Callable[[], None]:
        if len(words(rest)) < line.alone:
            raise FieldError("line", f"write {line.usage.replace('[', '').replace(']', '')}, or go to its row first")
        act = line.read(rest)

        def both() -> None:
            go()
            act()

        return both

    return Line(line.name, line.usage, line.complete, read, line.remembered, line.alone)


MOVING: Sequence[AnyCommand] = (
    Command("table.up", "up,k", "one row up", lambda _: None),
    Command("table.down", "down,j", "one row down", lambda _: None),
    Command("table.page-up", "pageup", "a page up", lambda _: None),
    Command("table.page-down", "pagedown", "a page down", lambda _: None),
    Command("table.first", "g,home", "the first row", lambda _: None),
    Command("table.last", "G,end", "the last row", lambda _: None),
    Command("table.mark", "space", "mark this row, to edit all marked ones together", lambda _: None),
    Command("table.mark-range", "v", "mark from the last mark up to here", lambda _: None),
    Command("table.clear-marks", "U", "clear the marks", lambda _: None),
)
"""What the table itself runs; here for its keys and for the help."""


def bindings(commands: Iterable[AnyCommand]) -> list[BindingType]:
    """Return Textual's bindings of commands, with their ids so that a key map can move them."""
    return [Binding(c.keys, f"run_command('{c.id}')", c.help, show=False, id=c.id) for c in commands if c.keys]


def binding(command: AnyCommand, action: str) -> Binding:
    """Return the binding of a command to an action of a widget, with an id so that a key map can move it."""
    return Binding(command.keys, action, command.help, show=False, id=command.id)


def key_map() -> dict[str, str]:
    """Return Textual's key map for the keys that commands were given; a detail scrolls by the keys of the table."""
    found = {command: ",".join(keys) or UNBOUND for command, keys in given().items()}
    scrolling = {
        name.replace("table.", "detail.", 1): keys for name, keys in found.items() if name.startswith("table.")
    }
    return found | scrolling


def find(commands: Iterable[Command[T]], name: str) -> Command[T]:
    """Return the command with an id."""
    return next(command for command in commands if command.id == name)
