"""How a text gets into the clipboard of whoever sits at the terminal, and what is said of it."""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from textual.app import App, ReturnType

from lvstui.host import invoker, tmux
from lvstui.host.invoker import UnknownInvoker
from lvstui.host.patience import Call

CLIPBOARD_MAX: Final = 70_000
"""Bytes that a terminal's clipboard takes; many leave out longer texts, and a slow link would be busy with one."""

_SCREEN_PART: Final = 240
"""Characters that GNU screen passes on in one of its own sequences; its older versions drop one of 768."""

_LOOK: Final = 0.02
"""Seconds between two looks whether tmux has taken a text."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of a text: `sequence` is still to be sent to the terminal (empty: nothing), `sentence` says it."""

    sentence: str
    sequence: str = ""
    taken: bool = True


def osc52(text: str, *, screen: bool = False) -> str:
    """Return the sequence that puts a text into the terminal's clipboard, in the wrapping of GNU `screen` or plain."""
    plain = f"\x1b]52;c;{b64encode(text.encode(errors='replace')).decode()}\a"
    return "".join(_wrapped(plain)) if screen else plain


def _wrapped(sequence: str) -> Iterator[str]:
    for at in range(0, len(sequence), _SCREEN_PART):
        yield f"\x1bP{sequence[at : at + _SCREEN_PART]}\x1b\\"


def is_within(environ: Mapping[str, str]) -> bool:
    """Return whether our terminal may be one of tmux or screen."""
    return environ.get("TERM", "").startswith(("tmux", "screen")) or "TMUX" in environ or "STY" in environ


def send(text: str, environ: Mapping[str, str] = os.environ) -> Sent:
    """Find the way to the clipboard, and go it as far as it is not through our own terminal.

    In tmux it may take seconds: that is a program, and what sudo took out of our environment is looked up above us.
    """
    size = len(text.encode(errors="replace"))
    long = f"{size // 1000} kB, and it takes some {CLIPBOARD_MAX // 1000}" if size > CLIPBOARD_MAX else ""
    if is_within(environ) and (server := invoker.variable("TMUX", environ)):
        return _through_tmux(text, server, long, environ)
    if long:
        return Sent(f"too long for a terminal's clipboard: {long}; mark fewer rows", taken=False)
    if environ.get("TERM", "").startswith("screen") or "STY" in environ:
        return Sent("sent through screen to its terminal's clipboard (OSC 52)", osc52(text, screen=True))
    return Sent("sent to the terminal's clipboard (OSC 52)", osc52(text))


def _through_tmux(text: str, server: str, long: str, environ: Mapping[str, str]) -> Sent:
    try:
        user = invoker.invoker(environ)
        tmux.load_buffer(text, server, user, pass_on=not long)
    except (tmux.TmuxError, UnknownInvoker) as error:
        if long:
            sentence = f"too long for a terminal's clipboard: {long}; and tmux load-buffer: {error}"
            return Sent(sentence, taken=False)
        return Sent(
            f"sent by OSC 52, which tmux takes with: set -s set-clipboard on (load-buffer: {error})", osc52(text)
        )
    if long:
        return Sent(f"in tmux's buffer alone (prefix ]): too long for a terminal's clipboard: {long}")
    if tmux.set_clipboard(server, user) == "off":
        return Sent("in tmux's buffer alone (prefix ]); for the terminal: tmux set -s set-clipboard external")
    return Sent("in tmux's buffer (prefix ]), which sent it to its terminal's clipboard")


def copy(app: App[ReturnType], text: str, said: Callable[[str], None]) -> None:
    """Copy a text, and say what became of it as soon as that is known; the screens go on meanwhile."""

    def take(sent: Sent) -> None:
        if sent.taken:
            app._clipboard = text
        if sent.sequence and app._driver is not None:
            app._driver.write(sent.sequence)
        said(sent.sentence)

    if not is_within(os.environ):
        take(send(text))
        return
    call = Call(partial(send, text))

    def look() -> None:
        if call.ends_within(0):
            take(call.result())
        else:
            app.set_timer(_LOOK, look)

    look()
