"""Real keepalived and ldirectord: they make our table of what we write, and of files by people what import does."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from lvstui.core.describe import describe
from lvstui.core.drift import diff
from lvstui.core.model import Director
from lvstui.formats.foreign.recognise import Form
from lvstui.formats.foreign.write import write
from lvstui.kernel.live import Live
from tests.build import remove_services
from tests.campaign import Report
from tests.formats.foreign import exported, wild, wild_ldirectord, wild_text
from tests.formats.foreign.names import load
from tests.kernel.foreign import PROGRAMS, kernels_part, known_hosts, made_by

NEEDS = "uml"

_STILL = 30.0
"""Seconds without a change after which a table is taken for made: ldirectord is slow where a machine is busy."""

_Text = Callable[[int], tuple[str, Director, dict[str, str]]]


def run(seconds: float, seed: int) -> Iterator[Report]:
    """Give each program files of ours and files of people in turn, each from a seed of its own."""
    live = Live()
    remove_services(live)
    with TemporaryDirectory() as folder, known_hosts(Path(folder) / "hosts"):
        for form in PROGRAMS:
            yield _attack(live, form, "written by us", _ours(form), seconds / 4, seed)
            yield _attack(live, form, "written by people", _theirs(form), seconds / 4, seed)
    live.close()


def _ours(form: Form) -> _Text:
    def text(seed: int) -> tuple[str, Director, dict[str, str]]:
        # ldirectord starts ipvsadm some ten times for each server.
        written = write(form, exported.plain(seed, 6 if form is Form.KEEPALIVED else 1 + seed % 2))
        return written.text, written.fitted, {}

    return text


def _theirs(form: Form) -> _Text:
    def text(seed: int) -> tuple[str, Director, dict[str, str]]:
        files: dict[str, str] = {}
        if form is Form.KEEPALIVED:
            found, files = wild_text.rewritten(wild.keepalived(seed), seed)
        else:
            found = wild_ldirectord.ldirectord(seed)
        return found, load(form, found, files, wild_text.IDENTITY).director, files

    return text


def _attack(live: Live, form: Form, whose: str, text: _Text, seconds: float, seed: int) -> Report:
    tried = failed = 0
    first = ""
    deadline = time.monotonic() + seconds
    with TemporaryDirectory() as folder:
        while time.monotonic() < deadline:
            wrong = _wrong(live, form, Path(folder), *text(seed + tried))
            if wrong:
                failed += 1
                first = first or f"seed {seed + tried}: {wrong}"
            tried += 1
    return Report(f"{form.value}, {whose}", tried, failed, first)


def _wrong(live: Live, form: Form, folder: Path, text: str, want: Director, files: dict[str, str]) -> str:
    """Return what the program makes otherwise, empty where that is nothing."""
    with made_by(live, form, text, folder, want, _STILL, files) as made:
        pools = kernels_part(want)
        if made.pools == pools:
            return ""
        changes = diff(Director(made.pools), Director(pools))
        return "; ".join(describe(change) for change in changes[:3])
