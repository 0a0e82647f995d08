"""What becomes of lvstui on real terminals: small and large, pasted into, suspended, with their own F1."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest

from tests.e2e.terminal import Terminal

LVSTUI = Path(sys.executable).parent / "lvstui"
SECONDS = 60.0
VIEWS = "123456"
ON_A_PROFILE = """
import sys
from pathlib import Path
from lvstui.engine.options import Options
from lvstui.kernel.memory.demo import demo_director
from lvstui.kernel.memory.kernel import MemoryKernel
from lvstui.store.profile_file import ProfileFile
from lvstui.tui.app import run
profile = ProfileFile(Path(sys.argv[1]))
profile.update(lambda _: demo_director())
sys.exit(run(Options(MemoryKernel(demo_director(), traffic=True), profile)))
"""


@dataclass(slots=True)
class Line:
    """A line to lvstui: what is typed goes in, and what it sends is kept while somebody reads."""

    pid: int
    fd: int
    seen: bytearray = field(default_factory=bytearray)

    def type(self, keys: bytes) -> None:
        """Send keys as one packet."""
        os.write(self.fd, keys)

    def read(self, seconds: float, until: bytes = b"") -> bytes:
        """Read for so long, or until these bytes came, and return what was read."""
        start, deadline = len(self.seen), time.monotonic() + seconds
        with suppress(OSError):
            while (left := deadline - time.monotonic()) > 0 and not (until and until in self.seen[start:]):
                if select.select([self.fd], [], [], left)[0]:
                    self.seen += os.read(self.fd, 1 << 16)
        return bytes(self.seen[start:])


@contextmanager
def line(
    *options: str, columns: int = 80, rows: int = 24, profile: Path | None = None, **environment: str
) -> Iterator[Line]:
    """Start the demo (or the same with a profile) behind a line, and yield it once there are rows on the screen."""
    pid, fd = pty.fork()
    if pid == 0:
        termios.tcsetwinsize(0, (rows, columns))
        home = os.environ["HOME"]
        given = {"TERM": "xterm-256color", "LANG": "C.UTF-8", "XDG_STATE_HOME": home, **environment}
        command = [sys.executable, "-c", ON_A_PROFILE, profile] if profile else [str(LVSTUI), "--demo", *options]
        os.execve(str(command[0]), [*map(str, command)], {"PATH": os.defpath, "HOME": home, **given})
    shown = Line(pid, fd)
    try:
        assert b"cache1" in shown.read(SECONDS, b"cache1")
        shown.read(0.5)
        yield shown
        assert b"Traceback" not in shown.seen
        assert b"own, " not in shown.seen, "an error of lvstui's own was said"
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(fd)


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at nothing that anybody has looked at before."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


@pytest.mark.parametrize(("columns", "rows"), [(60, 15), (200, 60)])
def test_each_view_fits_small_and_large_screens(terminal: Terminal, columns: int, rows: int) -> None:
    terminal.start([LVSTUI, "--demo"], columns=columns, rows=rows)
    terminal.wait_for("cache1")
    for view in VIEWS:
        for key in (view, "Enter", "Escape"):
            terminal.keys(key)
            screen = terminal.wait_for(partial(is_shown, terminal, view, detail=key == "Enter"))
            lines = screen.splitlines()
            assert len(lines) == rows
            assert max(map(len, lines)) <= columns
            assert lines[-1].endswith("? help  q quit")


def is_shown(terminal: Terminal, view: str, screen: str, *, detail: bool) -> bool:
    """Return whether a view is shown, by the painted tab, with a detail open or the cursor on a row."""
    styles = terminal.styles()
    tab = re.search(r"\x1b\[1;7m(?:\x1b\[[\d;]*m)* (\d)", styles.partition("\n")[0])
    if tab is None or tab[1] != view or ("Esc back" in screen.splitlines()[-1]) != detail:
        return False
    return detail or "48;5;237" in styles


def test_what_is_pasted_onto_a_table_presses_nothing_whole_or_torn(tmp_path: Path) -> None:
    profile = tmp_path / "director.toml"
    with line(profile=profile) as shown:
        saved = profile.read_bytes()
        shown.type(b"jj\x1b[200~+d\r\rDq\r\x1b[201~")
        shown.read(0.3)
        for piece in (b"\x1b[20", b"0~+d\r\r", b"D\r1\r\x1b[2", b"01~"):
            shown.type(piece)
            shown.read(0.2)
        shown.type(b"/\x1b[200~web")
        shown.read(0.2)
        shown.type(b"1\x1b[201~")
        assert b"web1" in shown.read(SECONDS, b"web1")
        assert b"Cancel" not in shown.seen
        assert b"staged" not in shown.seen
        assert profile.read_bytes() == saved


@pytest.mark.parametrize("sequence", [b"\x1bOP", b"\x1b[[A"], ids=["xterm", "linux"])
def test_f1_opens_the_help(sequence: bytes) -> None:
    with line() as shown:
        shown.type(sequence)
        assert b"Esc back" in shown.read(SECONDS, b"Esc back")


def test_ctrl_z_gives_the_shell_back_and_fg_the_same_screen(terminal: Terminal) -> None:
    terminal.start(["bash", "--norc", "-i"], environment={"PS1": "shell> "})
    terminal.type(f"{LVSTUI} --demo\r")
    terminal.wait_for("cache1")
    terminal.keys("p")
    terminal.wait_for("  paused")
    terminal.keys("3")
    before = terminal.wait_for("rules about marks")
    terminal.keys("C-z")
    terminal.wait_for("Stopped")
    terminal.type("echo in the $((1+1))nd shell\r")
    terminal.wait_for("in the 2nd shell")
    terminal.type("fg\r")
    after = terminal.wait_for(lambda text: "paused" in text and "q quit" in text)
    assert after.splitlines()[0] == before.splitlines()[0]
    terminal.keys("q")
    terminal.wait_for("shell>")
