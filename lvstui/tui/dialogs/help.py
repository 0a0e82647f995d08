"""The help: the keys of the view by what they are for, in as many columns as fit; then its words; `/` searches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from textwrap import wrap
from typing import ClassVar, Final, NamedTuple

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from lvstui.core.keys import with_keys
from lvstui.core.view.table import Cell, Tone, escape
from lvstui.tui.commands import AnyCommand, Group
from lvstui.tui.widgets.dialog import Dialog
from lvstui.tui.widgets.lines import STYLES, Line, Prompt

ABOUT: Final = """\
Nothing is written before Enter: a change is shown first, old -> new, with its
ipvsadm line. It goes into the profile as well; {z:undo} stages the way back."""

_COLUMN: Final = 39
"""Cells of a column with the blanks behind it: two stand side by side on a terminal of 80."""

_KEYS: Final = 11
"""Cells of the keys in a column."""

_COLUMNS_MAX: Final = 4


_BRIEF: Final = (
    ("weight.up weight.down", "weight one more, one less"),
    ("weight.set", "weight: 5 +2 -1 50% *1.5"),
    ("weight.drain", "drain, or its old weight"),
    ("edit mark.edit director.edit", "edit all in a form"),
    ("service.text", "edit as text, in $EDITOR"),
    ("add add.service", "add a server, a service"),
    ("mark.add mark.add.service", "add a group, its service"),
    ("director.add", "start a sync daemon"),
    ("server.copy", "copy servers to a service"),
    ("rule.copy", "copy rules into our table"),
    ("delete", "delete, asks first"),
    ("name service.note", "name (label), note"),
    ("service.scheduler", "scheduler"),
    ("service.time mark.time", "persistence: seconds, 0"),
    ("server.upper server.lower", "upper, lower threshold"),
    ("service.bundle", "bundle into a mark group"),
    ("mark.bundle", "take the group apart"),
    ("entries.move entry.move", "move clients, asks first"),
    ("entry.take-out", "expire, asks first"),
    ("entry.pin", "pin a client to a server"),
    ("entry.time", "set the time left"),
    ("zero", "zero counters, asks first"),
    ("avoid", "add the fallback flag"),
    ("mark.put-back changes.put-back", "put back, staged first"),
    ("changes.copy", "copy into the profile"),
    ("changes.undo", "undo this record"),
    ("undo redo", "undo, redo"),
    ("save", "write the profile"),
    ("open", "apply staged, else detail"),
    ("span.longer span.shorter", "charts: longer, shorter"),
    ("entries", "entries of this row"),
    ("connections", "connections of this row"),
    ("service.jump", "its mark"),
    ("mark.jump", "its service"),
    ("trace", "trace a packet"),
    ("probe probe.repeat", "probe once, repeatedly"),
    ("doctor", "doctor: what is wrong"),
    ("distribution", "spread over the servers"),
    ("excerpt", "copy as commands"),
    ("table.up table.down", "one row"),
    ("table.page-up table.page-down", "a page"),
    ("table.first table.last", "first, last row"),
    ("table.mark table.mark-range table.clear-marks", "mark, range, clear"),
    ("fold unfold", "fold, unfold"),
    ("fold.all", "fold or unfold all"),
    ("staged.down staged.up", "scroll what is staged"),
    ("drop", "cancel; one step back"),
    ("filter", "filter (! not)"),
    ("search", "search, rows stay"),
    ("search.next search.previous", "next, previous found"),
    ("sort sort.back sort.invert", "sort: next, back, invert"),
    ("columns", "columns"),
    ("regroup", "group"),
    ("prefix", "prefix of client networks"),
    (
        "view.services view.persistence view.marks view.connections view.director view.changes view.next",
        "views",
    ),
    ("palette", "command by name"),
    ("pause interval", "pause, interval"),
    ("repaint", "send the screen again"),
    ("advice", "advice"),
    ("help", "this help"),
    ("quit", "quit"),
)
"""A few words for commands that stand together, in the order of the help; the others come last, with their sentence."""


class _Text(NamedTuple):
    """A line of the help: keys, or the title of a group, and words."""

    keys: str = ""
    words: str = ""
    title: bool = False

    @property
    def cells(self) -> int:
        return cell_len(self.keys) + cell_len(self.words)


_BLANK: Final = _Text()
_Sheet = Sequence[Sequence[_Text]]
"""Lines, each of the texts that stand side by side."""


class _Page(Static, can_focus=True):
    """What is read; the focus stays here, so that keys are those of the help."""


class Help(Dialog[None]):
    """Show commands by group, then notes, page by page."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,backspace", "back", show=False),
        Binding("q,enter,question_mark,f1", "dismiss(None)", show=False),
        Binding("pagedown,down,right,space,j", "turn(1)", show=False),
        Binding("pageup,up,left,k", "turn(-1)", show=False),
        Binding("home,g", "turn(-1000)", show=False),
        Binding("end,G", "turn(1000)", show=False),
        Binding("slash", "search", show=False),
    ]

    DEFAULT_CSS = """
    Help { background: $background; }
    Help > Vertical { width: 100%; height: 100%; }
    Help #title { padding: 0 2; background: $surface; }
    Help #page { height: 1fr; padding: 0 1; }
    Help #keys { padding: 0 1; background: $surface; color: $secondary; }
    """

    def __init__(self, view: str, commands: Iterable[AnyCommand], notes: str = "") -> None:
        super().__init__()
        self._view = view
        self._commands = list(commands)
        self._notes = with_keys(notes)
        self._searched = ""
        self._page = 0
        self._prompt = Prompt()

    def compose(self) -> ComposeResult:
        """Lay out the title, a page and the keys."""
        with Vertical():
            yield Line("title")
            yield _Page(id="page", markup=False)
            yield self._prompt
            yield Line("keys")

    def on_resize(self) -> None:
        """Lay out the pages for the new size."""
        self._draw()

    def action_turn(self, pages: int) -> None:
        """Go on by pages, as far as there are."""
        self._page += pages
        self._draw()

    def action_search(self) -> None:
        """Show only what has a text, while it is typed."""

        def read(text: str) -> str:
            self._search(text)
            return text

        self._prompt.ask("/", self._searched, read, self._search, lambda: self._search(""))

    def action_back(self) -> None:
        """Show everything again; close where that is so already."""
        if self._searched:
            self._search("")
        else:
            self.dismiss(None)

    def _search(self, text: str) -> None:
        self._searched, self._page = text.strip(), 0
        self._draw()

    def _draw(self) -> None:
        width, height = self.size.width - 2, self.size.height - 2
        pages = self._pages(width, height - self._prompt.has_class("asking"))
        self._page = max(0, min(self._page, len(pages) - 1))
        left = f"Keys in {self._view.capitalize()}" + (f"   with {escape(self._searched)}" if self._searched else "")
        right = f"{self._page + 1} of {len(pages)}" if len(pages) > 1 else ""
        room = max(0, self.size.width - 6 - cell_len(left) - len(right))
        self.query_one("#title", Line).put([Cell(left + " " * room, Tone.STRONG), Cell(right, Tone.SECONDARY)])
        self.query_one(_Page).update(_painted(pages[self._page]))
        turn = "PgDn PgUp pages   " if len(pages) > 1 else ""
        self.query_one("#keys", Line).say(f"{turn}/ find a key or a word   Esc back")

    def _pages(self, width: int, height: int) -> Sequence[_Sheet]:
        count = max(1, min(_COLUMNS_MAX, (width + 2) // _COLUMN))
        if self._searched:
            found = [*self._found(), *([_BLANK, *self._noted()] if self._noted() else [])]
            if not found:
                found = [_Text(words="No key and no word here has that; Esc shows all.")]
            return _flowed(found, 1, height)
        about = [_BLANK, *(_Text(words=line) for line in _wrapped(with_keys(ABOUT), width)), _BLANK]
        pages = list(_flowed(list(_grouped(self._commands)), count, height, about))
        notes = _notes(self._notes, width, height) if self._notes else ()
        if len(notes) == 1 and len(pages[-1]) + 1 + len(notes[0]) <= height:
            pages[-1] = [*pages[-1], (_BLANK,), *notes[0]]
        else:
            pages += notes
        return pages

    def _found(self) -> Iterator[_Text]:
        """Find commands: those with exactly this key first, then those with the text in their words or id."""
        text = self._searched
        by_key = [command for command in self._commands if text in command.key_names.split()]
        others = [command for command in self._commands if command not in by_key and _has(command, text.casefold())]
        for title, found in ((f"Key {escape(text)}", by_key), ("Words", others)):
            if found:
                yield from (_BLANK, _Text(title, title=True))
            for command in found:
                line = f"   :{command.usage}" if command.usage else ""
                group = command.group.value.lower()
                yield _Text(command.key_names.ljust(_KEYS + 4), f"{command.help}   ({group}){line}")

    def _noted(self) -> Sequence[_Text]:
        text = self._searched.casefold()
        return [_Text(words=line) for line in self._notes.split("\n") if text in line.casefold()]


def _has(command: AnyCommand, text: str) -> bool:
    """Return whether a text stands in a command's words; one letter has to begin one."""
    words = " ".join((command.help, command.id, command.key_names, command.bar, command.usage)).casefold()
    return text in words if len(text) > 1 else f" {text}" in f" {words}"


def _grouped(commands: Sequence[AnyCommand]) -> Iterator[_Text]:
    """Write the commands with keys, group by group, each as wide as a column."""
    together = {name: (ids, words) for ids, words in _BRIEF for name in ids.split()}
    order = {ids: place for place, (ids, _) in enumerate(_BRIEF)}
    for group in Group:
        entries: dict[str, tuple[list[AnyCommand], str]] = {}
        for command in commands:
            if command.group is group and command.bound:
                ids, words = together.get(command.id, (command.id, command.help))
                entries.setdefault(ids, ([], words))[0].append(command)
        if entries:
            yield from (_BLANK, _Text(group.value, title=True))
        for _, (members, words) in sorted(entries.items(), key=lambda entry: order.get(entry[0], len(order))):
            keys = _keys(members).ljust(_KEYS - 1) + " "
            first, *more = wrap("x" * len(keys) + words, _COLUMN - 2, subsequent_indent=" " * _KEYS)
            yield _Text(keys, first[len(keys) :])
            yield from (_Text(words=line) for line in more)


def _keys(commands: Sequence[AnyCommand]) -> str:
    """Return the keys of one command, or the first one of each; digits in a row as 1-6."""
    if len(commands) == 1:
        return commands[0].key_names
    if all(command.id.startswith("table.") for command in commands):
        names = zip_longest(*(command.key_names.split() for command in commands), fillvalue="")
        return " ".join(name for row in names for name in row if name)
    keys = [command.key_names.split()[0] for command in commands]
    digits = [key for key in keys if key.isdecimal()]
    others = [key for key in keys if not key.isdecimal()]
    return " ".join([f"{digits[0]}-{digits[-1]}", *others] if len(digits) > 1 else keys)


def _wrapped(text: str, width: int) -> Iterator[str]:
    """Wrap lines that are too long; what goes on stands below the words, not below what they explain."""
    for line in text.split("\n"):
        indent = len(line) - len(line.lstrip())
        if cell_len(line) <= width:
            yield line
        else:
            yield from wrap(line.strip(), width, initial_indent=" " * indent, subsequent_indent=" " * (indent + 2))


def _notes(text: str, width: int, height: int) -> Sequence[_Sheet]:
    """Set notes in columns as wide as a terminal of 80."""
    count = max(1, (width + 2) // (2 * _COLUMN))
    room = min(width, 2 * _COLUMN - 2) if count > 1 else width
    lines = [_Text(words=line.ljust(room) if count > 1 else line) for line in _wrapped(text, room)]
    tall = min(height, -(-len(lines) // count))
    columns = [lines[at : at + tall] for at in range(0, len(lines), tall)]
    filler = _Text(words=" " * room)
    return [list(zip_longest(*columns[at : at + count], fillvalue=filler)) for at in range(0, len(columns), count)]


def _flowed(lines: Sequence[_Text], count: int, height: int, head: Sequence[_Text] = ()) -> Sequence[_Sheet]:
    """Set lines in columns, page by page, below a head on the first page; the last page's columns are alike long."""
    pages: list[_Sheet] = []
    rest = list(lines)
    while rest or not pages:
        above = [(line,) for line in head] if not pages else []
        room = max(1, height - len(above))
        tall = next((tall for tall in range(1, room) if not _columns(rest, count, tall)[1]), room)
        columns, rest = _columns(rest, count, tall)
        pages.append([*above, *zip_longest(*columns, fillvalue=_BLANK)])
    return pages


def _columns(lines: Sequence[_Text], count: int, tall: int) -> tuple[list[list[_Text]], list[_Text]]:
    """Fill columns of a height; return them, and what is left. A title stands above something, a blank line too."""
    rest, columns = list(lines), list[list[_Text]]()
    while rest and len(columns) < count:
        if rest[0] == _BLANK:
            del rest[0]
        column, rest = rest[:tall], rest[tall:]
        while rest and len(column) > 1 and (column[-1].title or column[-1] == _BLANK):
            rest.insert(0, column.pop())
        columns.append(column)
    return columns, rest


def _painted(page: _Sheet) -> Content:
    parts: list[str | tuple[str, str]] = []
    for line in page:
        for place, text in enumerate(line):
            key = STYLES[Tone.SECONDARY if text.title else Tone.ACCENT]
            parts += [(escape(text.keys), f"bold {key}"), escape(text.words)]
            if place < len(line) - 1:
                parts.append(" " * max(1, _COLUMN - text.cells))
        parts.append("\n")
    return Content.assemble(*parts)
