"""A Textual without a name that the screens reach for behind its face is named in a sentence, and is no traceback."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import termios
from contextlib import suppress

import pytest
from textual.message_pump import MessagePump

from lvstui.tui import behind

DOCTORED = """
import sys
from importlib import import_module
module, _, path = sys.argv[1].partition(":")
owner, _, attribute = path.partition(".")
holder = import_module(module)
delattr(getattr(holder, owner), attribute) if attribute else delattr(holder, owner)
sys.argv[1:] = ["--demo"]
from lvstui.__main__ import main
main()
"""


def test_the_textual_that_is_installed_has_all_of_them() -> None:
    assert (behind.refusal(), behind.warning()) == ("", "")


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("textual._compositor:LayoutUpdate", b"it has no LayoutUpdate; install that one"),
        ("textual.drivers.linux_driver:LinuxDriver", b"it has no LinuxDriver; install that one"),
    ],
)
def test_what_textual_lacks_is_named_and_is_no_traceback(name: str, wanted: bytes) -> None:
    seen = shown_by(name)
    assert wanted in seen
    assert b"Traceback" not in seen


def test_what_the_screens_can_do_without_is_named_in_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(MessagePump, "_dispatch_message")
    assert "it has no MessagePump._dispatch_message; Textual's own way" in behind.warning()


def shown_by(name: str) -> bytes:
    """Return what the demo shows on a terminal with a Textual that lacks a name, until it ends."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (40, 240))
    environment = {**os.environ, "TERM": "xterm-256color"}
    with subprocess.Popen(
        [sys.executable, "-c", DOCTORED, name], stdin=theirs, stdout=theirs, stderr=theirs, env=environment
    ) as child:
        os.close(theirs)
        seen = b""
        with suppress(OSError):
            while len(seen) < 100_000 and select.select([ours], [], [], 60)[0]:
                seen += os.read(ours, 65536)
        child.kill()
    os.close(ours)
    return seen
