"""The dialog that chooses a theme: whatever is on the screen wears the one under the cursor at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import ClassVar, Final, TypeVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Static

from lvstui.core.view.bars import bar
from lvstui.core.view.brief import sparkline
from lvstui.core.view.glyphs import Glyphs
from lvstui.core.view.table import Cell, Column, Tone, escape
from lvstui.tui.ink import Depth
from lvstui.tui.terminal import FrugalApp, glyphs_of
from lvstui.tui.themes import Palette, Themes, put_on
from lvstui.tui.widgets.dialog import Dialog
from lvstui.tui.widgets.table import VirtualTable

Answer = TypeVar("Answer")

_SHOWN: Final = 8
"""Themes that are listed without scrolling."""

_NAMES: Final = (
    Column("name", "Name", 16, 1),
    Column("about", "What it is for", 20, 2, grow=1),
    Column("worn", "", 18, 3),
)

_WIDTH: Final = 14
"""Cells of the bar and of the chart in the sample."""

_SAMPLE: Final = (
    Column("name", "Name", 10, 1),
    Column("weight", "Weight", 6, 1, right=True),
    Column("active", "Active", 6, 1, right=True),
    Column("state", "State", 9, 1),
    Column("share", "Share", _WIDTH, 1),
    Column("chart", "Last hour", _WIDTH, 1),
)

_PAST: Final = (3, 2, 4, 4, 3, 1, 1, 2, 1, 2, 3, 4, 3, 2, 1, 1, 2, 3, 4, 4, 3, 3, 2, 4, 4, 3, 2, 2)


def _sample(row: int, glyphs: Glyphs) -> Sequence[Cell]:
    """Return the cells of a row that stands for others: a service, servers in each state, an edit that waits."""
    share = partial(bar, width=_WIDTH, glyphs=glyphs)
    past = Cell(sparkline(_PAST, _WIDTH, glyphs), Tone.CHART)
    return (
        (Cell("shop", Tone.STRONG), Cell(""), Cell("441"), Cell("2 of 4", Tone.BAD), Cell(""), past),
        (Cell("  web1"), Cell("3"), Cell("268"), Cell("ok", Tone.SECONDARY), Cell(share(0.61, tick=0.4), Tone.BAR)),
        (
            Cell("  web2"),
            Cell("3"),
            Cell("0", Tone.BAD),
            Cell("refusing", Tone.BAD),
            Cell(share(0, tick=0.4), Tone.BAR),
        ),
        (
            Cell("  web3"),
            Cell("3->5", Tone.STAGED),
            Cell("105"),
            Cell("drain", Tone.WARN),
            Cell(share(0.24, tick=0.2), Tone.BAR),
        ),
    )[row]


class _Names(VirtualTable[str]):
    """The themes by name."""


class _Sample(VirtualTable[int]):
    """Rows that show the colours; the cursor of the names is the one that moves."""

    can_focus = False


class ThemeChooser(Dialog[str | None]):
    """Ask for a theme while `wear` shows each that the cursor comes to; return its name on Enter, None on Esc."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,backspace,q", "dismiss(None)", show=False),
        Binding("enter", "take", show=False),
    ]

    DEFAULT_CSS = """
    ThemeChooser { align: center bottom; }
    ThemeChooser > Vertical { width: 100%; height: auto; max-height: 100%; background: $dialog; }
    ThemeChooser Static { padding: 0 1; height: 1; }
    ThemeChooser .title { background: $accent; color: $text-on-accent; text-style: bold; }
    ThemeChooser .foot { color: $secondary; }
    ThemeChooser VirtualTable { background: $dialog; }
    ThemeChooser _Sample { height: 5; margin: 1 0 0 0; }
    """

    def __init__(
        self, themes: Themes, worn: str, depth: Depth, wear: Callable[[Palette], None], origin: str = ""
    ) -> None:
        """Show which theme is `worn`; `origin` is where the one of the next start is asked for, empty for nowhere."""
        super().__init__()
        self._origin = origin
        self._palettes = themes.palettes
        self._folders, self._troubles = themes.folders, len(themes.complaints)
        self._worn, self._depth, self._wear = worn, depth, wear

    def compose(self) -> ComposeResult:
        """Lay out the themes, what each looks like, and what the keys do."""
        names = _Names(marks=False)
        names.styles.height = min(_SHOWN, len(self._palettes)) + 1
        own = f"your own: {self._folders[-1]}/*.toml" if self._folders else ""
        bad = f"{self._troubles} of them cannot be read" if self._troubles else ""
        with Vertical():
            yield Static(escape("  ".join(filter(None, ("Themes", own, bad)))), classes="title", markup=False)
            yield names
            yield _Sample(marks=False)
            yield Static(escape(self._remark), classes="foot", markup=False)
            yield Static("arrows look  Enter take  Esc keep the old one", classes="foot", markup=False)

    @property
    def _remark(self) -> str:
        if self._origin:
            return f"Until you leave: the theme to start with is asked for in {self._origin}."
        return "A word always stands beside a colour."

    def on_mount(self) -> None:
        """Start on the theme that is worn."""
        names, sample = self.query_one(_Names), self.query_one(_Sample)
        glyphs = glyphs_of(self)
        names.show(_NAMES, tuple(self._palettes), self._cells)
        names.move_to(self._worn)
        names.focus()
        sample.show(_SAMPLE, range(4), lambda row: (*_sample(row, glyphs), Cell(""))[: len(_SAMPLE)])
        sample.move_to(1)

    def on_virtual_table_cursor_moved(self, message: VirtualTable.CursorMoved[str | int]) -> None:
        """Wear the theme under the cursor."""
        if isinstance(message.key, str) and self.is_current and self._palettes[message.key].suits(self._depth):
            self._wear(self._palettes[message.key])

    def on_virtual_table_opened(self) -> None:
        """Take the theme of a double click."""
        self.action_take()

    def action_take(self) -> None:
        """Return the theme under the cursor, unless this terminal cannot show it."""
        name = self.query_one(_Names).cursor_key
        if name is not None and self._palettes[name].suits(self._depth):
            self.dismiss(name)

    def _cells(self, name: str) -> Sequence[Cell]:
        palette = self._palettes[name]
        remark = "in use" if name == self._worn else ""
        if not palette.suits(self._depth):
            return Cell(name, Tone.DIM), Cell(palette.about, Tone.DIM), Cell("needs 256 colours", Tone.WARN)
        return Cell(name), Cell(palette.about, Tone.SECONDARY), Cell(remark, Tone.SECONDARY)


def choose_theme(app: FrugalApp[Answer], themes: Themes, keep: Callable[[str], None], origin: str = "") -> None:
    """Ask for a theme, wear it and have its name remembered; keep the old one where none is chosen.

    What is remembered counts at the next start only where none is asked for (`origin` says where one is).
    """
    old = themes.palettes[app.theme]

    def chosen(name: str | None) -> None:
        put_on(app, old if name is None else themes.palettes[name])
        if name is not None:
            keep(name)

    app.push_screen(ThemeChooser(themes, old.name, app.depth, partial(put_on, app), origin), chosen)
