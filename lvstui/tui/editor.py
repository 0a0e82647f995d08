"""The editor of the person at the terminal: run as that person, on one file, while the screens rest."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import termios
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Final

from textual.app import App, ReturnType

from lvstui.core.fields import visible
from lvstui.host.invoker import Invoker, variable
from lvstui.host.rights import OTHER_USER, raised
from lvstui.tui.driver import SturdyDriver

_USUAL: Final = ("editor", "nano", "vi")
"""What is looked for where nobody says which editor it is to be."""


class EditorError(Exception):
    """There is no editor, or it failed; the text says why."""


def editor_of(user: Invoker) -> Sequence[str]:
    """Return the words of the user's editor: $VISUAL, else $EDITOR, else a usual one. Raises `EditorError`.

    sudo takes both out of our environment, so they are looked up in those above us too.
    """
    path = user.environment.get("PATH", os.defpath)
    for name in ("VISUAL", "EDITOR"):
        said = variable(name).strip()
        if not said:
            continue
        try:
            words = shlex.split(said)
        except ValueError:
            raise EditorError(f"{name} has a quote that is open: {visible(said)}") from None
        if shutil.which(words[0], path=path) is None:
            raise EditorError(f"the editor {visible(words[0])} of ${name} is not there: correct {name}")
        return words
    found = next((name for name in _USUAL if shutil.which(name, path=path)), None)
    if found is None:
        raise EditorError("no editor is known: set EDITOR, such as EDITOR=nano")
    return [found]


def run_editor(app: App[ReturnType], words: Sequence[str], path: Path, user: Invoker) -> None:
    """Run an editor on a file and wait for its end, with the terminal as it was before the screens.

    Raises `EditorError` where it cannot be started, and where it does not end well.
    """
    driver = app._driver
    if not isinstance(driver, SturdyDriver):
        raise EditorError("there is no terminal to edit on")
    with driver.lent():
        status = _run(words, path, user, driver.fileno)
    app.app_resume_signal.publish(app)  # which has the whole screen painted anew
    name = visible(Path(words[0]).name)
    if status < 0:
        with suppress(ValueError):
            raise EditorError(f"{name} was ended by {signal.Signals(-status).name}")
    if status:
        raise EditorError(f"{name} ended with the exit status {status}")


def _run(words: Sequence[str], path: Path, user: Invoker, terminal: int) -> int:
    """Return the exit status of an editor, negative for a signal."""
    settings = termios.tcgetattr(terminal)
    try:
        with _signals() as ending:
            with raised(*OTHER_USER):
                process = subprocess.Popen(
                    [*words, str(path)],
                    stdin=terminal,
                    stdout=2,  # where the screens are: our own output may be a file
                    cwd=path.parent,
                    env=_environment(user.environment),
                    user=user.user if user.switches else None,
                    group=user.group if user.switches else None,
                    extra_groups=user.groups if user.switches else None,
                )
            ending.append(process)
            return process.wait()
    except (OSError, subprocess.SubprocessError) as error:
        raise EditorError(f"{visible(words[0])} cannot be started: {visible(str(error))}") from None
    finally:
        _take_back(terminal, settings)


def _environment(environ: Mapping[str, str]) -> Mapping[str, str]:
    return {name: value for name, value in environ.items() if "\0" not in value}


def _take_back(terminal: int, settings: list[int | list[bytes | int]]) -> None:
    """Have the terminal as it was, also where the editor was killed or left it to a process group of its own."""
    before = signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    try:
        with suppress(OSError):
            os.tcsetpgrp(terminal, os.getpgrp())
        with suppress(termios.error):
            termios.tcsetattr(terminal, termios.TCSANOW, settings)
    finally:
        signal.signal(signal.SIGTTOU, before)


@contextmanager
def _signals() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Leave the keys of the terminal to the editor, and pass on to it (put in the list) what is to end us."""
    processes: list[subprocess.Popen[bytes]] = []
    ends = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}

    def end(number: int, frame: FrameType | None) -> None:
        with raised(*OTHER_USER):
            for process in processes:
                process.terminate()
        handler = ends[signal.Signals(number)]
        if callable(handler):
            handler(number, frame)

    def nothing(_: int, __: FrameType | None) -> None:
        """Stay: Ctrl-C and Ctrl-\\ are the editor's, which a signal that is ignored would reach as such."""

    before = {number: signal.signal(number, nothing) for number in (signal.SIGINT, signal.SIGQUIT)}
    before |= {number: signal.signal(number, end) for number in ends}
    try:
        yield processes
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
