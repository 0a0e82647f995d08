"""One boot of the guest: start the kernel, pass its output on as it comes, bring back the exit status."""

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

CHECKOUT = Path(__file__).resolve().parents[2]
BOOT_SECONDS = 90
LOG_LINES = 15
BOOT = ("root=/dev/root", "rootfstype=hostfs", "rootflags=/", "ro", "quiet", "con=null", "ssl=null")
PASSED_ON = ("CI", "COLORTERM", "HYPOTHESIS_PROFILE", "NO_COLOR", "PYTEST_ADDOPTS", "TERM", "TZ")
# What a full-screen program may have left switched on when its kernel died: alternate screen, mouse, paste, keyboard.
TERMINAL_RESET = b"\x1b[?1049l\x1b[?1000l\x1b[?1003l\x1b[?1006l\x1b[?1004l\x1b[?2004l\x1b[<u\x1b[?25h\x1b[0m\r\n"


class LabError(Exception):
    """The guest did not finish; the text is a sentence for the person at the terminal."""


class UnavailableError(LabError):
    """This machine gives no guest: something is missing or forbidden here."""


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


def run(job: Job) -> int:
    """Boot a guest for the job and return the exit status of its command."""
    if job.terminal and not (os.isatty(0) and os.isatty(1)):
        raise LabError("This needs a terminal for its input and output.")
    kernel = shutil.which("linux.uml")
    if kernel is None:
        raise UnavailableError("There is no User Mode Linux here (linux.uml): run `python3 -m tests.lab install`.")
    with _exchange() as lab, _signals_end_it():
        _write_orders(lab, job)
        machine = _Machine(kernel, lab, job)
        try:
            with _terminal_kept() if job.terminal else nullcontext():
                machine.follow()
        finally:
            machine.kill()
        return _status(lab, job)


@contextmanager
def _exchange() -> Iterator[Path]:
    """Make the folder through which host and guest pass files."""
    with tempfile.TemporaryDirectory(prefix="lvstui-lab-", ignore_cleanup_errors=True) as name:
        if " " in name:
            raise UnavailableError(f"The kernel takes no blanks in {name!r}: set TMPDIR to a folder without them.")
        yield Path(name)


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


def _write_orders(lab: Path, job: Job) -> None:
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
    lines = [f"checkout={shlex.quote(str(CHECKOUT))}", f"terminal={shlex.quote(terminal)}"]
    lines += [f"export {name}={shlex.quote(value)}" for name, value in environment.items()]
    for folder in map(Path.resolve, job.writable):
        if not folder.is_dir():
            raise LabError(f"There is no folder {folder} for the guest to write to.")
        lines.append(f"mount -t hostfs none {shlex.quote(str(folder))} -o {shlex.quote(str(folder))}")
    (lab / "settings").write_text("\n".join(lines) + "\n")
    (lab / "command").write_text(f"exec {shlex.join(job.command)}\n")
    shutil.copy(Path(__file__).with_name("init.sh"), lab / "init")
    (lab / "init").chmod(0o755)


class _Machine:
    """A running kernel and our ends of its consoles."""

    def __init__(self, kernel: str, lab: Path, job: Job) -> None:
        self._lab = lab
        self._job = job
        self._window = _window_size() if job.terminal else (0, 0)
        self._output = selectors.DefaultSelector()
        log = os.open(lab / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        for_kernel = [log]
        consoles = [f"con0=null,fd:{log}"]
        if job.terminal:
            # Copies, because the kernel's own first words go to its standard output: that is the log's.
            keys, screen = os.dup(0), os.dup(1)
            consoles.append(f"con1=fd:{keys},fd:{screen}")
            for_kernel += [keys, screen]
        else:
            for number in (1, 2):
                ours, theirs = os.pipe()
                self._output.register(ours, selectors.EVENT_READ, number)
                consoles.append(f"con{number}=null,fd:{theirs}")
                for_kernel.append(theirs)
        theirs, self._orders = os.pipe()
        consoles.append(f"con3=fd:{theirs},null")
        for_kernel.append(theirs)
        self._process = subprocess.Popen(
            [kernel, f"mem={job.memory}M", *BOOT, *consoles, f"uml_dir={lab}/", f"init={lab}/init"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=for_kernel,
            env={**os.environ, "TMPDIR": str(_memory_folder(job.memory))},
            start_new_session=True,
        )
        for descriptor in for_kernel:
            os.close(descriptor)

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
        """Pass on what comes within this time; tell whether there was any."""
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
        """Tell the guest when the user's terminal has another size; leave when the terminal is gone."""
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
    """Give the terminal's modes back as they were, even when the guest died on it."""
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


def _memory_folder(mebibytes: int) -> Path:
    """Choose where the guest's memory file lies: it must hold all of it (a container's /dev/shm often cannot)."""
    candidates = [Path("/dev/shm"), Path(tempfile.gettempdir()), Path("/var/tmp")]
    for folder in candidates:
        if folder.is_dir() and os.access(folder, os.W_OK):
            room = os.statvfs(folder)
            if room.f_bavail * room.f_frsize > mebibytes * 2**20 and not room.f_flag & os.ST_NOEXEC:
                return folder
    raise UnavailableError(f"No folder has {mebibytes} MiB for the guest's memory: free some in {candidates[0]}.")


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
    lines = (lab / "log").read_text(errors="replace").splitlines()
    telling = [line for line in lines if not line.startswith(" [<")]  # a call trace would push the reason out of sight
    return "The end of its log:\n" + "\n".join(f"    {line}" for line in telling[-LOG_LINES:])
