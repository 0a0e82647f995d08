"""Drive a program in a real terminal, as a person would: keys go in, the screen comes out. The terminal is tmux."""

import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

SECONDS = 120.0  # an emulated processor on a busy machine takes its time
POLL = 0.05
READING = 1.0
"""Seconds between two presses of Enter: lvstui takes one within 0.7 s for a held key.

The same between Esc and the next key: read together they are that key with Alt.
"""
SETTINGS = """\
set -g status off
set -g remain-on-exit on
set -g remain-on-exit-format ""
set -g default-terminal tmux-256color
set -s escape-time 0
"""
# tmux sometimes loses the exit status of a short program, so the shell notes it, and the program's own process id.
NOTING = """\
trap : INT QUIT
sh -c 'echo $$ > "$0/pid"; exec "$@"' "$0" "$@"
echo $? > "$0/status"
"""
# The size and the colours are the test's decision, not those of the terminal that runs the tests.
NOT_INHERITED = ("COLORTERM", "COLUMNS", "LINES", "NO_COLOR")


class ScreenTimeoutError(AssertionError):
    """What was waited for did not come; the text shows the screen as it was."""


class Terminal:
    """One program in a terminal of its own; a private tmux server leaves the user's own tmux alone."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="lvstui-", ignore_cleanup_errors=True)
        self._escaped = 0.0
        self._entered = False

    def start(
        self,
        command: Sequence[str | Path],
        *,
        columns: int = 80,
        rows: int = 24,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Start the command on a screen of this size, in the current folder, without memory and configuration."""
        settings = Path(self._folder.name, "settings")
        settings.write_text(SETTINGS)
        unset = [f"--unset={name}" for name in NOT_INHERITED]
        alone = {"XDG_STATE_HOME": f"{self._folder.name}/state", "XDG_CONFIG_HOME": f"{self._folder.name}/config"}
        variables = [f"{name}={value}" for name, value in {**alone, **(environment or {})}.items()]
        size = ["-x", str(columns), "-y", str(rows)]
        program = ["sh", "-c", NOTING, self._folder.name, "env", *unset, *variables, *map(str, command)]
        self._tmux("-f", str(settings), "new-session", "-d", *size, "--", *program)
        self._wait(lambda: bool(self._note("pid")), SECONDS, "The program did not start")

    def keys(self, *names: str) -> None:
        """Press keys by tmux's names: "+", "Enter", "Escape", "C-p", "Down", "DC" (Delete), "BSpace"."""
        # Not since that Enter was pressed: it may have been read only now, just before its effect was seen.
        self._pause(time.monotonic() if self._entered and names[0] == "Enter" else self._escaped)
        # tmux would take a semicolon at the end of an argument for the end of its own command.
        self._tmux("send-keys", "--", *(rf"{name[:-1]}\;" if name.endswith(";") else name for name in names))
        self._entered = names[-1] == "Enter"
        if names[-1] == "Escape":
            self._escaped = time.monotonic()  # only now: starting tmux takes a busy guest tenths of a second

    def _pause(self, since: float) -> None:
        """Let what was pressed then be read."""
        time.sleep(max(0.0, since + READING - time.monotonic()))

    def type(self, text: str) -> None:
        """Type text as it stands."""
        self._pause(self._escaped)
        self._tmux("send-keys", "-H", *(f"{byte:x}" for byte in text.encode()))
        self._entered = text.endswith("\r")

    def paste(self, text: str) -> None:
        """Paste text, which a program that takes it as such (bracketed paste) draws once and not letter by letter."""
        self.type(f"\x1b[200~{text}\x1b[201~")

    def screen(self) -> str:
        """Return what the screen shows, each line without trailing blanks."""
        return self._tmux("capture-pane", "-p")

    def styles(self) -> str:
        """Return the screen with its colours and attributes as escape sequences."""
        return self._tmux("capture-pane", "-p", "-e")

    def resize(self, columns: int, rows: int) -> None:
        """Resize the terminal, as a dragged window would."""
        self._tmux("resize-window", "-x", str(columns), "-y", str(rows))

    @property
    def pid(self) -> int:
        """The program's process id."""
        return int(self._note("pid"))

    def send_signal(self, number: int) -> None:
        """Send a signal to the program."""
        os.kill(self.pid, number)

    def exit_status(self) -> int | None:
        """Return the program's exit status, 128 and more for a signal, or None while it runs."""
        status = self._note("status")
        # Once the terminal is closed too, the screen has all that the program ever wrote.
        return int(status) if status and self._ask("#{pane_dead}") == "1" else None

    def wait_for(self, wanted: str | Callable[[str], bool], seconds: float = SECONDS) -> str:
        """Wait until the screen has this text or fulfils the predicate and return it, else raise ScreenTimeoutError.

        It is looked at twice: a large frame reaches the terminal in parts, and the rest of it is there the second time.
        """
        screen = ""

        def shown() -> bool:
            nonlocal screen
            screen = self.screen()
            return wanted in screen if isinstance(wanted, str) else wanted(screen)

        def reached() -> bool:
            status = self.exit_status()
            if shown():
                time.sleep(POLL)
                return shown()
            if status is not None:
                raise ScreenTimeoutError(_explain(f"The program ended with {status} before {wanted!r} came", screen))
            return False

        self._wait(reached, seconds, f"{wanted!r} did not come")
        return screen

    def wait_for_exit(self, seconds: float = SECONDS) -> int:
        """Wait until the program has ended and return its exit status, else raise ScreenTimeoutError."""
        self._wait(lambda: self.exit_status() is not None, seconds, "The program did not end")
        return self.exit_status() or 0

    def close(self) -> None:
        """End the program and its terminal."""
        subprocess.run([*self._command, "kill-server"], capture_output=True)
        self._folder.cleanup()

    def _wait(self, reached: Callable[[], bool], seconds: float, otherwise: str) -> None:
        deadline = time.monotonic() + seconds
        looked = time.monotonic()
        while not reached():
            now = time.monotonic()
            if now > deadline:
                raise ScreenTimeoutError(_explain(f"{otherwise} within {seconds:g} s", self.screen()))
            # On a slow processor looking is dear: most of it is left to the program that is looked at.
            time.sleep(max(POLL, 4 * (now - looked)))
            looked = time.monotonic()

    @property
    def _command(self) -> list[str]:
        return ["tmux", "-u", "-S", str(Path(self._folder.name, "socket"))]

    def _note(self, name: str) -> str:
        try:
            return Path(self._folder.name, name).read_text().strip()
        except FileNotFoundError:
            return ""

    def _ask(self, text: str) -> str:
        return self._tmux("display-message", "-p", text).strip()

    def _tmux(self, *arguments: str) -> str:
        done = subprocess.run([*self._command, *arguments], capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"tmux {arguments[0]}: {done.stderr.strip()}")
        return done.stdout


def filter_by(terminal: Terminal, text: str) -> None:
    """Write a filter; a key that a slow machine has not answered within a second does not keep the next ones back."""
    terminal.keys("/")
    terminal.wait_for("\n /")
    terminal.type(text)


def _explain(sentence: str, screen: str) -> str:
    lines = screen.rstrip().splitlines()
    width = max(map(len, lines), default=0)
    frame = f"+{'-' * width}+"
    return "\n".join([f"{sentence}. The screen:", frame, *(f"|{line:{width}}|" for line in lines), frame])
