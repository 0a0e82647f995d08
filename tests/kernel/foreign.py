"""keepalived and ldirectord as referees: run on a file, and what they make of it in the kernel."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from lvstui.core.model import Director, Pool, ServiceKey
from lvstui.formats.foreign.recognise import Form
from lvstui.kernel.live import Live
from tests.build import remove_services
from tests.formats.foreign.names import HOSTS
from tests.formats.foreign.wild_text import IDENTITY

PROGRAMS = (Form.KEEPALIVED, Form.LDIRECTORD)
_PATIENCE = 120.0
_STILL = {Form.KEEPALIVED: 8.0, Form.LDIRECTORD: 20.0}
"""Seconds without a change after which a program has done what it does; ldirectord forks for each step.

They pass only where the table is not the wanted one.
"""


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
    live: Live,
    form: Form,
    text: str,
    folder: Path,
    want: Director,
    still: float | None = None,
    files: Mapping[str, str] | None = None,
) -> Iterator[Director]:
    """Run a program on a text and yield the director that it makes: at once where it is the wanted one.

    Else it is taken for made once nothing has changed for `still` seconds, which each program has its own of.
    `files` are those that the text includes, by their names.
    """
    for name, content in (files or {}).items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")
    path = folder / ("made.conf" if form is Form.KEEPALIVED else "made.cf")
    path.write_text(text, encoding="utf-8")
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(_command(form, path), stdout=log, stderr=log, start_new_session=True)
    try:
        yield _settled(live, lambda: process.poll() is None, want, still or _STILL[form])
    finally:
        _end(form, process)
        remove_services(live)


@contextmanager
def known_hosts(path: Path) -> Iterator[None]:
    """Put a file in the place of /etc/hosts, with the hosts of which each has one address."""
    lines = [f"{found[0]} {name}" for name, found in HOSTS.items() if len(found) == 1]
    path.write_text("\n".join(["127.0.0.1 localhost", *lines, ""]))
    subprocess.run(["mount", "--bind", path, "/etc/hosts"], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "/etc/hosts"], check=True)


def _command(form: Form, path: Path) -> Sequence[str | Path]:
    if form is Form.LDIRECTORD:
        return ["ldirectord", "-d", path, "start"]
    pids = [f"--{name}={path.parent / name}" for name in ("pid", "checkers_pid")]
    return [
        "keepalived",
        "--dont-fork",
        "--log-console",
        "--check",
        f"--config-id={IDENTITY}",
        f"--use-file={path}",
        *pids,
    ]


def _settled(live: Live, runs: Callable[[], bool], want: Director, still: float) -> Director:
    """Read until the wanted table and timeouts are there, or nothing has changed for so many seconds."""
    deadline = time.monotonic() + _PATIENCE
    pools = kernels_part(want)

    def is_made(found: Director) -> bool:
        return found.pools == pools and want.timeouts in (None, found.timeouts)

    held, since = live.read().director, time.monotonic()
    while runs() and time.monotonic() < deadline and not is_made(held):
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
