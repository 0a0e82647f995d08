"""Keys that come all at once do what they do one by one."""

from __future__ import annotations

import asyncio
import importlib
import pkgutil
import time
from collections.abc import Callable, Iterator
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message_pump import MessagePump
from textual.pilot import Pilot
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Input

import lvstui.tui
from lvstui.tui.terminal import FrugalApp

NAMES = {"/": "slash", "\r": "enter", "\x1b": "escape"}


class Body(Widget, can_focus=True):
    """Takes `w` and does not come back before `f`."""

    def __init__(self) -> None:
        super().__init__()
        self.free = asyncio.Event()

    async def on_key(self, event: events.Key) -> None:
        if event.key == "w":
            await self.free.wait()


class Dialog(ModalScreen[str]):
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss('')")]

    def compose(self) -> ComposeResult:
        yield Input()

    def on_mount(self) -> None:
        self.query_one(Input).focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.dismiss(event.value)


class Keyboard(FrugalApp[None]):
    """`/` goes to the text, Enter there back; `d` opens a dialog; what the letters bound here did is in `done`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "find"),
        Binding("d", "ask"),
        *(Binding(key, f"note('{key}')") for key in "prx"),
        Binding("f", "free", priority=True),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.done = ""
        self.answers: list[str | None] = []

    def compose(self) -> ComposeResult:
        yield Body()
        yield Input(id="text")

    def on_mount(self) -> None:
        self.set_focus(self.query_one(Body))

    @property
    def text(self) -> str:
        return self.query_one("#text", Input).value

    def on_input_submitted(self) -> None:
        self.query_one(Body).focus()

    def action_find(self) -> None:
        self.set_focus(self.query_one("#text"))

    def action_ask(self) -> None:
        self.push_screen(Dialog(), self.answers.append)

    def action_note(self, key: str) -> None:
        self.done += key

    def action_free(self) -> None:
        self.done += "f"
        self.query_one(Body).free.set()

    def burst(self, keys: str) -> None:
        for key in keys:
            self.post_message(events.Key(NAMES.get(key, key), key))


async def reached(pilot: Pilot[None], condition: Callable[[], bool]) -> bool:
    """Wait until it holds; False when it does not within a minute."""
    deadline = time.monotonic() + 60.0
    while not condition():
        if time.monotonic() > deadline:
            return False
        await pilot.pause(0.01)
    return True


async def test_what_is_typed_behind_the_key_that_opens_a_text_is_its_text() -> None:
    app = Keyboard()
    async with app.run_test() as pilot:
        text = "proxy" * 12
        app.burst(f"p/{text}\rr")
        assert await reached(pilot, lambda: app.done.endswith("r"))
        assert (app.done, app.text) == ("pr", text)


async def test_what_is_typed_behind_the_key_that_opens_a_dialog_is_the_dialog_s() -> None:
    app = Keyboard()
    async with app.run_test() as pilot:
        app.burst("dprx\rpdr\x1bx")
        assert await reached(pilot, lambda: app.done.endswith("x"))
        assert (app.done, app.answers) == ("px", ["prx", ""])


async def test_pasted_text_keeps_its_place_among_the_keys() -> None:
    app = Keyboard()
    async with app.run_test() as pilot:
        app.burst("/p")
        app.post_message(events.Paste("pasted"))
        app.burst("x\rr")
        assert await reached(pilot, lambda: bool(app.done))
        assert (app.done, app.text) == ("r", "ppastedx")


async def test_a_key_that_nobody_comes_back_from_does_not_stop_the_keyboard() -> None:
    app = Keyboard()
    async with app.run_test() as pilot:
        app.burst("wfpp")
        assert await reached(pilot, lambda: app.done.endswith("pp"))
        assert app.done == "fpp"


def test_no_widget_has_a_method_that_textual_takes_for_a_key_s() -> None:
    """Textual calls `key_at` of the focused widget when somebody presses @."""
    for module in pkgutil.walk_packages(lvstui.tui.__path__, "lvstui.tui."):
        importlib.import_module(module.name)

    def below(kind: type[MessagePump]) -> Iterator[type[MessagePump]]:
        for sub in kind.__subclasses__():
            yield sub
            yield from below(sub)

    ours = [kind for kind in below(MessagePump) if kind.__module__.startswith("lvstui.")]
    assert ours
    assert [name for kind in ours for name in vars(kind) if name.startswith(("key_", "_key_"))] == []
