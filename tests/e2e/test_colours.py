"""What is really sent to terminals of each kind: colours as far as they have any, and signs that they can show."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import termios
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

LVSTUI = Path(sys.executable).parent / "lvstui"
SECONDS = 60
LAST = b"quit"
"""What is sent last of the first screen, at its foot."""
UTF8 = {"LANG": "C.UTF-8"}
PLAIN = {"", "0", "1", "4", "7", "39", "49"}
"""The SGR parameters that are no colours."""


def sent(environment: Mapping[str, str], *options: str) -> bytes:
    """Return what the demo sends to a terminal until its first screen is drawn, with the rows in it."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    with (
        TemporaryDirectory() as home,  # where nobody has looked at anything yet
        subprocess.Popen(
            [LVSTUI, "--demo", *options],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={"PATH": os.defpath, "HOME": home, "XDG_STATE_HOME": home, **environment},
        ) as child,
    ):
        os.close(theirs)
        seen = b""
        deadline = time.monotonic() + SECONDS
        with suppress(OSError):
            while not (LAST in seen and b"cache1" in seen) and time.monotonic() < deadline:
                if select.select([ours], [], [], 0.2)[0]:
                    seen += os.read(ours, 65536)
        child.kill()
    os.close(ours)
    assert b"cache1" in seen, seen[-2000:]
    return seen


def parameters(seen: bytes) -> set[str]:
    """Return the SGR parameters that were sent; those of 256 and of all colours as one each."""
    runs = re.findall(rb"\x1b\[([0-9;]*)m", seen)
    return {code for run in runs for code in re.findall(r"[34]8;5;\d+|[34]8;2;\d+;\d+;\d+|\d+", run.decode())}


def coloured(seen: bytes) -> set[str]:
    return parameters(seen) - PLAIN


def test_256_colours_get_the_numbers_of_the_theme_and_the_signs() -> None:
    seen = sent({"TERM": "xterm-256color", **UTF8})
    assert all(re.fullmatch(r"[34]8;5;\d+", code) for code in coloured(seen))
    assert {"48;5;233", "48;5;237", "48;5;110", "38;5;248"} <= coloured(seen)
    assert "\u25be api".encode() in seen


def test_all_colours_get_those_of_the_file() -> None:
    assert "48;2;22;25;28" in coloured(sent({"TERM": "xterm-256color", "COLORTERM": "truecolor", **UTF8}))


@pytest.mark.parametrize("term", ["linux", "screen", "xterm"])
def test_terminals_of_few_colours_get_eight_and_none_bright(term: str) -> None:
    seen = sent({"TERM": term, **UTF8}, "--theme", "lvstui-dark")
    assert all(re.fullmatch(r"[34][0-7]", code) for code in coloured(seen))
    assert {"37", "40", "36"} <= coloured(seen)
    assert "7" in parameters(seen)
    assert b"lvstui-dark needs 256 colours" in re.sub(rb"\x1b\[[0-9;]*[mCH]", b" ", seen)
    assert seen.isascii() == (term == "linux")


def test_a_terminal_without_colours_gets_none_and_the_cursor_in_reverse() -> None:
    seen = sent({"TERM": "vt100", **UTF8})
    assert coloured(seen) == set()
    assert {"7", "1", "4"} <= parameters(seen)
    assert seen.isascii()


def test_no_color_means_no_colours_unless_it_is_empty() -> None:
    seen = sent({"TERM": "xterm-256color", "NO_COLOR": "1", **UTF8})
    assert coloured(seen) == set()
    assert "7" in parameters(seen)
    assert "48;5;233" in coloured(sent({"TERM": "xterm-256color", "NO_COLOR": "", **UTF8}))


@pytest.mark.parametrize(
    ("environment", "options"),
    [({"LC_ALL": "C"}, ()), (UTF8, ("--ascii",)), ({**UTF8, "PYTHONIOENCODING": "latin-1"}, ())],
    ids=["LC_ALL=C", "--ascii", "latin-1"],
)
def test_only_ascii_is_sent_where_nothing_else_can_be_shown(
    environment: Mapping[str, str], options: tuple[str, ...]
) -> None:
    seen = sent({"TERM": "xterm-256color", **environment}, *options)
    assert seen.isascii()
    assert b"- api" in seen
    assert b"Name ^" in seen


def test_a_theme_that_there_is_not_is_a_sentence_before_any_screen() -> None:
    ours, theirs = pty.openpty()
    command = [str(LVSTUI), "--demo", "--theme", "dark"]
    environment = {**os.environ, "TERM": "xterm-256color"}
    done = subprocess.run(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, timeout=SECONDS)
    os.close(theirs)
    seen = os.read(ours, 65536)
    os.close(ours)
    assert done.returncode == 2
    assert b'lvstui: there is no theme "dark"; there are lvstui-dark, lvstui-ansi' in seen
    assert b"\x1b" not in seen
