"""Arming the guard of a change on trial: a timer of systemd, else a process that nobody's end takes along."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from lvstui.core.model import Home
from lvstui.core.trial import Guard, Phase, Trial
from lvstui.formats.profile.flaws import ProfileError
from lvstui.host.programs import find_program

_PATIENCE: Final = 45.0
"""Seconds in which a guard has to be ready; it takes a tenth of one, and a hundred times that on a starved machine."""

_NOBODY: Final = "nobody can be set to take the change back in time"

EARLY: Final = 3.0
"""Seconds after which a timer looks for the first time: whether who began the trial was killed while writing."""


def arm(trial: Trial, path: Path, home: Home) -> Guard:
    """Let somebody outside of this process take a trial back in time, and return who; `path` is where the trial is.

    A timer would not say that its command cannot start: that is tried before. systemd has all rights, which we may have
    given up.

    Raises `ProfileError` where nobody could be found.
    """
    if runs_systemd() and not home.is_nameless and _arm_timer(trial, path, home):
        return Guard.SYSTEMD
    start_process(trial, path, home, "kernel")
    return Guard.PROCESS


def disarm(trial: Trial) -> None:
    """Stop the timer of a trial, if it has one: one that cannot be stopped finds nothing. A process goes by itself.

    Of a trial that was left half written nobody knows whether there is one.
    """
    is_timed = trial.guard is Guard.SYSTEMD or (trial.phase is Phase.WRITING and runs_systemd())
    if is_timed and (program := find_program("systemctl")):
        with suppress(OSError, subprocess.SubprocessError):
            _run([program, "--quiet", "stop", f"{unit_name(trial)}.timer"])


def unit_name(trial: Trial) -> str:
    """Return the name of a trial's timer and service, without the ending."""
    return f"lvstui-trial-{trial.id}"


def runs_systemd() -> bool:
    """Return whether systemd is this machine's first process, and can be asked to run something."""
    try:
        first = Path("/proc/1/comm").read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return False
    is_asked = Path("/run/systemd/system").is_dir() and find_program("systemd-run") is not None
    return first == "systemd" and is_asked


def _try_command(command: Sequence[str]) -> None:
    """Raise `ProfileError` where the command of a guard would not get to what it needs."""
    try:
        if _run(command).returncode == 0:
            return
        reason = "what should do it cannot reach the trial"
    except OSError as error:
        reason = error.strerror or str(error)
    except subprocess.SubprocessError:
        reason = f"what should do it has not started within {_PATIENCE:.0f} seconds"
    raise ProfileError(f"{_NOBODY}: {reason}")


def _arm_timer(trial: Trial, path: Path, home: Home) -> bool:
    """Start a timer in systemd's own care, and return whether it has taken it. Raises `ProfileError`."""
    _try_command([*_program(trial, path, home), "check"])
    times = {trial.seconds} | ({EARLY} if trial.seconds > 2 * EARLY else set())
    command = [
        find_program("systemd-run") or "",
        "--quiet",
        "--collect",
        f"--unit={unit_name(trial)}",
        "--description=lvstui: take back a change that nobody has kept",
        *(f"--on-active={seconds:.3f}s" for seconds in sorted(times)),
        "--timer-property=AccuracySec=100ms",
        "--property=Restart=on-abnormal",
        "--property=RestartSec=1",
        *(word.replace("$", "$$") for word in _program(trial, path, home)),
    ]
    try:
        return _run(command).returncode == 0
    except (OSError, subprocess.SubprocessError):
        return False


def _run(command: Sequence[str | Path]) -> subprocess.CompletedProcess[bytes]:
    quiet = subprocess.DEVNULL
    return subprocess.run(
        command, stdin=quiet, stdout=quiet, stderr=quiet, timeout=_PATIENCE, env=_environment(), check=False
    )


def start_process(trial: Trial, path: Path, home: Home, *needs: str) -> None:
    """Start a process of its own session, and wait until it is on guard, with what it `needs` ("kernel").

    Raises `ProfileError`.
    """
    quiet = subprocess.DEVNULL
    try:
        reader, writer = os.pipe()
    except OSError as error:
        raise ProfileError(f"{_NOBODY}: {error.strerror}") from error
    try:
        starter = subprocess.Popen(
            [*_program(trial, path, home), str(writer), *needs],
            stdin=quiet,
            stdout=quiet,
            stderr=quiet,
            start_new_session=True,
            pass_fds=(writer,),
            cwd="/",
            env=_environment(),
        )
    except OSError as error:
        os.close(reader)
        raise ProfileError(f"{_NOBODY}: {error.strerror}") from error
    finally:
        os.close(writer)
    try:
        ready, _, _ = select.select([reader], [], [], _PATIENCE)
        answer = os.read(reader, 1) if ready else b""
        if answer == b"-":
            raise ProfileError(f"{_NOBODY}: what should do it cannot reach the trial or the kernel")
        if answer != b"+":
            starter.kill()
            raise ProfileError(f"{_NOBODY}: the process that should do it has not started")
    finally:
        os.close(reader)
        starter.wait()  # which has ended, as the guard is a child of its own


def _environment() -> dict[str, str]:
    return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}


def _program(trial: Trial, path: Path, home: Home) -> list[str]:
    """Return the command of a guard: this Python with this lvstui, whatever the working folder and the environment."""
    folders = [str(Path(folder).absolute()) for folder in sys.path if folder]
    start = f"import sys; sys.path[:] = {folders!r}; from lvstui.engine.trials.guard import main; main()"
    return [sys.executable, "-I", "-c", start, str(path), trial.id, f"{trial.deadline:.3f}", home.netns]
