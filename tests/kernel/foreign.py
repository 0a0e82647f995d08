"""keepalived and ldirectord as referees: run on a file, and what they make of it in the kernel."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from lvstui.core.model import Director, Pool, ServiceKey
from lvstui.formats.foreign.recognise import Form
from lvstui.kernel.live import Live
from tests.build import remove_services

PROGRAMS = (Form.KEEPALIVED, Form.LDIRECTORD)
_PATIENCE = 120.0
_STILL = {Form.KEEPALIVED: 1.5, Form.LDIRECTORD: 8.0}
"""Seconds without a change after which a program has done what it does; ldirectord forks for each step."""


def kernels_part(director: Director) -> dict[ServiceKey, Pool]:
    """Return the services of a director as a kernel holds them, without names, notes and probes."""
    return {
        key: Pool(
            replace(pool.service, name="", note="", probe=None),
            {endpoint: replace(server, name="", resume=None) for endpoint, server in pool.servers.items()},
        )
        for key, pool in director.pools.items()
    }


@contextmanager
def made_by(
    live: Live, form: Form, text: str, folder: Path, want: Director, still: float | None = None
) -> Iterator[Director]:
    """Run a program on a text and yield the director that it makes: at once where it is the wanted one.

    Else it is taken for made once nothing has changed for `still` seconds, which each program has its own of.
    """
    path = folder / ("made.conf" if form is Form.KEEPALIVED else "made.cf")
    path.write_text(text, encoding="utf-8")
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(_command(form, path), stdout=log, stderr=log, start_new_session=True)
    try:
        yield _settled(live, lambda: process.poll() is None, kernels_part(want), still or _STILL[form])
    finally:
        _end(form, process)
        remove_services(live)


def _command(form: Form, path: Path) -> Sequence[str | Path]:
    if form is Form.LDIRECTORD:
        return ["ldirectord", "-d", path, "start"]
    pids = [f"--{name}={path.parent / name}" for name in ("pid", "checkers_pid")]
    return ["keepalived", "--dont-fork", "--log-console", "--check", f"--use-file={path}", *pids]


def _settled(live: Live, runs: Callable[[], bool], want: dict[ServiceKey, Pool], still: float) -> Director:
    """Read until the wanted table is there, or nothing has changed for so many seconds."""
    deadline = time.monotonic() + _PATIENCE
    held, since = live.read().director, time.monotonic()
    while runs() and time.monotonic() < deadline and held.pools != want:
        time.sleep(0.05)
        found = live.read().director
        if found is not held:
            held, since = found, time.monotonic()
        elif held.pools and time.monotonic() - since > still:
            break
    return held


def _end(form: Form, process: subprocess.Popen[bytes]) -> None:
    """End a program and its children: ldirectord, which would take long to clean up, at once."""
    deadline = time.monotonic() + _PATIENCE
    word = signal.SIGKILL if form is Form.LDIRECTORD else signal.SIGTERM
    while process.poll() is None and time.monotonic() < deadline:  # keepalived may miss a signal while it is starting
        os.killpg(process.pid, word)
        time.sleep(0.1)
    assert process.poll() is not None, "it does not end"
