"""Makes one edit and is killed at a point of it: `python -m tests.engine.killed FOLDER EDIT POINT`."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from lvstui.core.change import Change, DirectorField, change_server, change_timeouts
from lvstui.core.marks import edits as marks
from lvstui.core.model import Director, Family, MarkGroup, MarkKey, Persistence, Pool, Service, Timeouts
from lvstui.core.record import Kind, Record
from lvstui.core.selectors import selector
from lvstui.engine.edits import Editor
from lvstui.engine.messages import Edit, Event
from lvstui.engine.profile import FollowedProfile
from lvstui.formats.profile.write import dumps
from lvstui.kernel.memory.kernel import MemoryKernel
from lvstui.store.history_file import Draft, HistoryFile
from lvstui.store.profile_file import ProfileFile
from tests.build import SHOP, server

ONE, TWO = server("10.0.0.11:443", weight=1, name="web1"), server("10.0.0.12:443", weight=2)
SERVERS = [server(f"10.0.0.{number}:0", weight=1) for number in (21, 22)]
GROUP = MarkGroup(80, (selector("tcp 192.0.2.99 80,443"),))
ON_MARK = Service(MarkKey(80, Family.IPV4), persistence=Persistence(300))

PLAIN = Director({SHOP: Pool(Service(SHOP, name="shop"), {ONE.endpoint: ONE, TWO.endpoint: TWO})}, timeouts=Timeouts())
GROUPED = replace(
    PLAIN,
    pools={**PLAIN.pools, ON_MARK.key: Pool(ON_MARK, {one.endpoint: one for one in SERVERS})},
    marks={80: GROUP},
)

START: Final[Mapping[str, Director]] = {"set": PLAIN, "apply": PLAIN, "add": PLAIN, "bundle": PLAIN, "delete": GROUPED}


def edit(name: str) -> Edit:
    """Return an edit by its name."""
    heavier: Sequence[Change] = (
        change_server(SHOP, ONE, replace(ONE, weight=9)),
        change_server(SHOP, TWO, replace(TWO, weight=9, name="web2")),
        Change(DirectorField.NAME, "", "lb1"),
        change_timeouts(Timeouts(), Timeouts(tcp=700)),
    )
    match name:
        case "set":
            return Edit(tuple(heavier), whole=True)
        case "apply":
            return Edit((*marks.create_group(GROUP, ON_MARK, SERVERS, PLAIN), *heavier), Kind.APPLY)
        case "add":
            return Edit(marks.create_group(GROUP, ON_MARK, SERVERS, PLAIN), whole=True)
        case "bundle":
            return Edit(marks.bundle_services(PLAIN, [SHOP], 80), whole=True)
        case _:
            return Edit(marks.remove_group(GROUPED, 80, services=True), whole=True)


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Dying(MemoryKernel):
    """A kernel on a file, whose process is killed before its write number `mortal`, from 0."""

    file: Path
    mortal = -1

    def write(self, change: Change) -> None:
        """Write, and put down what is held now."""
        if self.mortal == 0:
            _die()
        self.mortal -= 1
        super().write(change)
        self.file.write_text(dumps(self.read().director))


class DyingHistory(HistoryFile):
    """A history whose process is killed before or after a record is added."""

    point = ""

    def finish(self, draft: Draft, changes: Sequence[Change], entries: Sequence[str] = ()) -> Record:
        """Add what came of a draft."""
        if self.point == "saved":
            _die()
        record = super().finish(draft, changes, entries)
        if self.point == "recorded":
            _die()
        return record


def main() -> None:
    """Make the edit and die; ends with 0 where it was over before."""
    folder, name, point = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    kernel = Dying(START[name])
    kernel.file = folder / "kernel.toml"
    kernel.mortal = int(point) if point.isdigit() else -1
    records = DyingHistory(folder / "director.toml")
    records.point = point

    def post(event: Event) -> None:
        raise AssertionError(event)

    editor = Editor(kernel, FollowedProfile(ProfileFile(folder / "director.toml"), kernel, post), records, post)
    editor.make(edit(name), START[name])


if __name__ == "__main__":
    main()
