"""One boot of a guest: start its kernel, pass its output on as it comes, bring back the exit status."""

import os
import selectors
import shlex
import shutil
import signal
import subprocess
import tempfile
import termios
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import ClassVar, Protocol

CHECKOUT = Path(__file__).resolve().parents[2]
BOOT_SECONDS = 300
LOG_LINES = 15
PASSED_ON = ("CI", "COLORTERM", "HYPOTHESIS_PROFILE", "NO_COLOR", "PYTEST_ADDOPTS", "TERM", "TZ")
# What a full-screen program may have left switched on when its kernel died: alternate screen, mouse, paste, keyboard.
TERMINAL_RESET = b"\x1b[?1049l\x1b[?1000l\x1b[?1003l\x1b[?1006l\x1b[?1004l\x1b[?2004l\x1b[<u\x1b[?25h\x1b[0m\r\n"


class LabError(Exception):
    """The guest did not finish; the text is a sentence for the person at the terminal."""


class UnavailableError(LabError):
    """This machine can run no guest: something is missing or forbidden here."""


@dataclass(frozen=True, slots=True)
class Job:
    """What one boot does: a command run as root in the checkout, on the user's terminal or without any."""

    command: Sequence[str]
    terminal: bool = False
    memory: int = 1024
    """MiB; the host gives only what the guest touches."""
    seconds: float = 900
    """From the start of the boot to the end of the command; a job on a terminal has no limit."""
    writable: Sequence[Path] = ()
    """Host folders in which the guest's writes are real."""


@dataclass(frozen=True, slots=True)
class Ends:
    """The guest's ends of what connects it with us: descriptors that the kernel's process inherits."""

    log: int
    program: tuple[int, int]
    """For its output and its errors, or the terminal's keys and its screen."""
    orders: int


class Kernel(Protocol):
    """A kernel and the way to boot it here: uml.UserMode and full.Full are the two that there are."""

    PROGRAMS: ClassVar[dict[str, str]]
    """The program that shows that a package is there -> the Debian package."""
    CONSOLES: ClassVar[str]
    """How the guest names its ends, as shell assignments."""

    @property
    def version(self) -> str:
        """Return the version that is asked for, or "" for the kernel of this machine's own release."""

    @property
    def name(self) -> str:
        """Return how the command line names it."""

    @property
    def suite(self) -> str:
        """Return the suite of the archive that it comes from, or "" for this machine's own release."""

    def is_there(self) -> bool:
        """Return whether the kernel is on this machine."""

    def unpack(self) -> None:
        """Fetch what is not there; raise UnavailableError where that does not work."""

    def release(self) -> str:
        """Return what `uname -r` says in the guest."""

    def command(self, job: Job, lab: Path, ends: Ends) -> list[str]:
        """Return the command line that boots; what it needs besides is put into the folder."""

    def mount(self, number: int, folder: Path) -> str:
        """Return the guest's shell command that makes its writes to the job's writable folder real."""


def run(job: Job, kernel: Kernel) -> int:
    """Boot a guest for the job and return the exit status of its command."""
    if job.terminal and not (os.isatty(0) and os.isatty(1)):
        raise LabError("This needs a terminal for its input and output.")
    with tempfile.TemporaryDirectory(prefix="lvstui-lab-", ignore_cleanup_errors=True) as name, _signals_end_it():
        lab = Path(name)
        _write_orders(lab, job, kernel)
        machine = _Machine(kernel, lab, job)
        try:
            with _terminal_kept() if job.terminal else nullcontext():
                machine.follow()
        finally:
            machine.kill()
        return _status(lab, job)


@contextmanager
def _signals_end_it() -> Iterator[None]:
    """Turn a hang-up or a kill into an ordinary exit, so that no guest and no folder is left behind."""

    def leave(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, leave) for number in (signal.SIGHUP, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, action in before.items():
            signal.signal(number, action)


def _write_orders(lab: Path, job: Job, kernel: Kernel) -> None:
    terminal = "rows {} cols {}".format(*_window_size()) if job.terminal else ""
    environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    environment |= {name: value for name, value in os.environ.items() if name.startswith("LVSTUI_")}
    environment |= {
        "PATH": "/run/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": "/run/home",
        "LANG": "C.UTF-8",
        "LVSTUI_LAB": "1",
        "TMPDIR": "/run/tmp",
        "USER": "root",
    }
    environment.setdefault("TERM", "dumb")
    lines = [f"checkout={shlex.quote(str(CHECKOUT))}", f"terminal={shlex.quote(terminal)}", kernel.CONSOLES]
    lines += [f"export {name}={shlex.quote(value)}" for name, value in environment.items()]
    for number, folder in enumerate(job.writable):
        if not folder.is_dir():
            raise LabError(f"There is no folder {folder} for the guest to write to.")
        lines.append(kernel.mount(number, folder))
    (lab / "settings").write_text("\n".join(lines) + "\n")
    (lab / "command").write_text(f"exec {shlex.join(job.command)}\n")
    shutil.copy(Path(__file__).with_name("init.sh"), lab / "init")


class _Machine:
    """A running kernel and our ends of its consoles."""

    def __init__(self, kernel: Kernel, lab: Path, job: Job) -> None:
        self._lab = lab
        self._job = job
        self._window = _window_size() if job.terminal else (0, 0)
        self._output = selectors.DefaultSelector()
        log = os.open(lab / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        # Copies of the terminal, because the kernel's own first words go to its standard output: that is the log's.
        program = (os.dup(0), os.dup(1)) if job.terminal else (self._pipe(1), self._pipe(2))
        orders, self._orders = os.pipe()
        ends = Ends(log, program, orders)
        inherited = (log, *program, orders)
        try:
            self._process = subprocess.Popen(
                kernel.command(job, lab, ends),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=inherited,
                start_new_session=True,
            )
        finally:
            for descriptor in inherited:
                os.close(descriptor)

    def _pipe(self, number: int) -> int:
        """Return the end of a pipe whose bytes are to be passed on to this descriptor of ours."""
        ours, theirs = os.pipe()
        self._output.register(ours, selectors.EVENT_READ, number)
        return theirs

    def follow(self) -> None:
        """Pass on what the guest prints until it has powered off; raise LabError where it takes too long."""
        start = time.monotonic()
        started = False
        while self._copy_output(0.2) or self._process.poll() is None:
            seconds = time.monotonic() - start
            started = started or (self._lab / "started").exists()
            if not started and seconds > BOOT_SECONDS:
                raise UnavailableError(f"The guest did not come up within {BOOT_SECONDS} s. {_log_tail(self._lab)}")
            if self._job.terminal:
                self._pass_window_size()
            elif seconds > self._job.seconds:
                raise LabError(f"The command did not end within {self._job.seconds:g} s. {_log_tail(self._lab)}")

    def _copy_output(self, seconds: float) -> bool:
        """Pass on what comes within this time; return whether there was any."""
        any_came = False
        for key, _ in self._output.select(seconds):
            text = os.read(key.fd, 65536)
            if text:
                any_came = True
                _write_all(key.data, text)
            else:
                self._output.unregister(key.fd)
                os.close(key.fd)
        return any_came

    def _pass_window_size(self) -> None:
        """Send the guest the size of the user's terminal when it changes; leave when the terminal is gone."""
        # Asking needs no signal, which would come only to the terminal's own session.
        try:
            size = _window_size()
        except OSError:
            raise SystemExit(128 + signal.SIGHUP) from None
        if size != self._window:
            self._window = size
            with suppress(BrokenPipeError):
                os.write(self._orders, b"%d %d\n" % size)

    def kill(self) -> None:
        """End the kernel and its processes, however far they are."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for key in self._output.get_map().values():
            os.close(key.fd)
        os.close(self._orders)
        self._output.close()


@contextmanager
def _terminal_kept() -> Iterator[None]:
    """Restore the terminal's modes as they were, even when the guest died on it."""
    before = termios.tcgetattr(0)
    try:
        yield
    finally:
        with suppress(termios.error):
            termios.tcsetattr(0, termios.TCSADRAIN, before)


def _window_size() -> tuple[int, int]:
    """Ask the terminal itself, because LINES and COLUMNS do not follow it."""
    columns, rows = os.get_terminal_size(0)
    return rows, columns


def _write_all(descriptor: int, text: bytes) -> None:
    while text:
        text = text[os.write(descriptor, text) :]


def _status(lab: Path, job: Job) -> int:
    try:
        return int((lab / "status").read_text())
    except (OSError, ValueError):
        if job.terminal:
            _write_all(1, TERMINAL_RESET)
        if not (lab / "started").exists():
            raise UnavailableError(f"The guest did not come up. {_log_tail(lab)}") from None
        raise LabError(f"The guest died before its command ended. {_log_tail(lab)}") from None


def _log_tail(lab: Path) -> str:
    # What stands before a call trace is the reason, which the trace would push out of sight.
    lines = (lab / "log").read_text(errors="replace").partition("Call Trace:")[0].splitlines()
    return "The end of its log:\n" + "\n".join(f"    {line}" for line in lines[-LOG_LINES:])
