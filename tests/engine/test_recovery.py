"""What processes leave that are killed for real, at every point of an edit, and what the next start makes of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from lvstui.core.change import change_server, fold, kernel_writes
from lvstui.core.drift import find_drift
from lvstui.core.model import NOBODYS, Director, Home, MarkKey
from lvstui.core.record import Kind, Record
from lvstui.engine.recovery import recover
from lvstui.formats.profile.write import dumps, loads
from lvstui.kernel.memory.kernel import MemoryKernel
from lvstui.store.history_file import HistoryFile
from lvstui.store.journal_file import left_paths
from lvstui.store.profile_file import ProfileFile
from tests.build import SHOP
from tests.engine.killed import GROUPED, ON_MARK, ONE, PLAIN, START, edit


class Surviving(MemoryKernel):
    """The kernel in which a killed process wrote; unlike the demo's it is still there."""

    origin = "Linux"


@dataclass
class Scene:
    """A profile, and the kernel that an edit was made in."""

    folder: Path
    kernel: MemoryKernel

    @property
    def profile(self) -> Path:
        return self.folder / "director.toml"

    @property
    def saved(self) -> Director:
        return loads(self.profile.read_text(), "director.toml")

    @property
    def records(self) -> list[Record]:
        return list(HistoryFile(self.profile).records())

    def recover(self, here: Home = NOBODYS, *, read_only: bool = False) -> list[str]:
        records = HistoryFile(self.profile)
        return list(recover(self.kernel, ProfileFile(self.profile), records, here, read_only=read_only))


def kill(folder: Path, name: str, point: str) -> Scene:
    """Let a process make an edit, and die at a point of it."""
    (folder / "director.toml").write_text(dumps(START[name]))
    (folder / "kernel.toml").write_text(dumps(START[name]))
    command = [sys.executable, "-m", "tests.engine.killed", str(folder), name, point]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    return Scene(folder, Surviving(loads((folder / "kernel.toml").read_text(), "kernel.toml")))


def is_settled(scene: Scene) -> bool:
    """Return whether kernel and profile agree, and no journal is left."""
    left = [path for path in scene.folder.iterdir() if "journal" in path.name]
    return not find_drift(scene.kernel.read().director, scene.saved) and not left and not left_paths(scene.profile)


def test_killed_before_its_first_write_an_edit_is_reported_and_nothing_recorded(tmp_path: Path) -> None:
    scene = kill(tmp_path, "set", "0")
    (said,) = scene.recover()
    assert "was interrupted: 0 of 4 changes were written; not written: " in said
    assert said.endswith("and 3 more: repeat the edit for that")
    assert is_settled(scene)
    assert scene.records == []
    assert scene.saved == PLAIN


def test_what_was_written_before_a_kill_gets_into_profile_and_history_at_the_next_start(tmp_path: Path) -> None:
    scene = kill(tmp_path, "set", "2")
    (said,) = scene.recover()
    assert "was interrupted: 3 of 4 changes were written, now recorded as 1; not written: timeouts: tcp" in said
    assert is_settled(scene)
    (record,) = scene.records
    assert record.changes == edit("set").changes[:3]
    assert record.interrupted
    assert record.title.endswith("do  interrupted, recorded at a later start")
    assert scene.saved == fold(PLAIN, record.changes)
    assert scene.recover() == []


def test_killed_between_profile_and_history_an_edit_is_recorded_whole(tmp_path: Path) -> None:
    scene = kill(tmp_path, "set", "saved")
    (said,) = scene.recover()
    assert said.endswith("was interrupted: 4 of 4 changes were written, now recorded as 1")
    assert is_settled(scene)
    assert [record.changes for record in scene.records] == [edit("set").changes]


def test_killed_after_its_record_an_edit_is_not_recorded_again(tmp_path: Path) -> None:
    scene = kill(tmp_path, "set", "recorded")
    assert scene.recover() == []
    assert is_settled(scene)
    assert [record.interrupted for record in scene.records] == [False]


def test_what_somebody_changed_since_is_left_alone(tmp_path: Path) -> None:
    scene = kill(tmp_path, "set", "2")
    kept = replace(ONE, weight=5)
    scene.kernel.write(change_server(SHOP, replace(ONE, weight=9, name=""), kept))
    (said,) = scene.recover()
    assert "(1 of these changed by others since)" in said
    assert scene.kernel.read().director.pools[SHOP].servers[ONE.endpoint].weight == 5
    assert scene.saved.pools[SHOP].servers[ONE.endpoint] == ONE


def test_without_the_right_to_write_what_is_left_is_only_named(tmp_path: Path) -> None:
    scene = kill(tmp_path, "set", "2")
    (said,) = scene.recover(read_only=True)
    assert "is not recorded yet: start lvstui with the right to write" in said
    assert scene.records == []
    assert scene.saved == PLAIN
    assert len(left_paths(scene.profile)) == 1


@pytest.mark.parametrize(
    ("name", "point"),
    [*(("add", str(n)) for n in range(4)), *(("delete", str(n)) for n in range(2)), ("bundle", "1"), ("bundle", "4")],
)
def test_a_service_of_a_group_never_stays_without_its_rules(tmp_path: Path, name: str, point: str) -> None:
    scene = kill(tmp_path, name, point)
    scene.recover()
    held = scene.kernel.read().director
    assert {key.mark for key in held.pools if isinstance(key, MarkKey)} == set(held.groups)
    assert is_settled(scene)
    passed = {"add": False, "delete": point == "0", "bundle": point == "4"}
    assert (ON_MARK.key in held.pools) is passed[name]
    written = [change for record in scene.records for change in record.changes]
    assert not kernel_writes(find_drift(held, fold(START[name], written)))


def test_of_an_interrupted_apply_only_groups_are_touched_and_the_rest_is_recorded(tmp_path: Path) -> None:
    scene = kill(tmp_path, "apply", "6")
    scene.recover()
    (record,) = scene.records
    assert record.kind is Kind.APPLY
    assert not kernel_writes(find_drift(GROUPED, fold(PLAIN, record.changes[:4])))  # the group came whole
    assert not kernel_writes(find_drift(scene.kernel.read().director, fold(PLAIN, record.changes)))
    assert scene.saved == PLAIN  # apply leaves the profile as it is


def test_what_a_demo_left_is_named_on_a_real_kernel_with_the_file_to_remove(tmp_path: Path) -> None:
    scene = kill(tmp_path, "set", "2")
    (path,) = left_paths(scene.profile)
    (said,) = scene.recover(Home("lb1"))
    assert said.endswith(f"it was on a demo; start lvstui there, or remove {path}")
    assert left_paths(scene.profile) == [path]
    assert scene.records == []


def test_a_journal_of_a_living_process_is_left_alone(tmp_path: Path) -> None:
    profile = tmp_path / "director.toml"
    profile.write_text(dumps(PLAIN))
    records = HistoryFile(profile)
    draft = records.begin(Kind.DO, edit("set").changes)
    scene = Scene(tmp_path, Surviving(PLAIN))
    assert scene.recover() == []
    records.end(draft)
    records.close()
    assert is_settled(scene)


@pytest.mark.parametrize("line", [b"", b"\n", b"\0{}\n", b'{"number":0,', b"nonsense\n", b"\xff" * 99])
def test_a_torn_journal_is_removed(tmp_path: Path, line: bytes) -> None:
    scene = Scene(tmp_path, Surviving(PLAIN))
    scene.profile.write_text(dumps(PLAIN))
    (tmp_path / ".director.toml.journal.1-00").write_bytes(line)
    assert scene.recover() == []
    assert is_settled(scene)


@pytest.mark.parametrize("line", [b'{"number":0,"time":"2030-01-01T00:00:00Z","kind":"newer"}', b"{}"])
def test_a_journal_of_a_newer_lvstui_is_kept_and_named(tmp_path: Path, line: bytes) -> None:
    scene = Scene(tmp_path, Surviving(PLAIN))
    scene.profile.write_text(dumps(PLAIN))
    journal = tmp_path / ".director.toml.journal.1-00"
    journal.write_bytes(line + b"\n")
    (said,) = scene.recover()
    assert said.endswith(f"it was made by another version; start that one here, or remove {journal}")
    assert journal.read_bytes() == line + b"\n"


def test_a_host_that_is_written_with_other_capitals_is_the_same(tmp_path: Path) -> None:
    scene = kill(tmp_path, "set", "2")
    (journal,) = left_paths(scene.profile)
    line = journal.read_bytes().rstrip(b"\n")
    journal.write_bytes(line[:-1] + b',"host":"LB1.example","netns":"blue"}\n')
    (said,) = scene.recover(Home("lb1.Example", "green"))
    assert "it was on LB1.example, netns blue; start lvstui there" in said
    (said,) = scene.recover(Home("lb1.Example", "blue"))
    assert "3 of 4 changes were written, now recorded as 1" in said


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a file of another user")
def test_any_number_of_journals_of_others_hide_none_of_ours(tmp_path: Path) -> None:
    scene = kill(tmp_path, "set", "2")
    for number in range(150):
        planted = tmp_path / f".director.toml.journal.0-{number}"
        planted.write_bytes(b"{}\n")
        os.chown(planted, 65534, 65534)
    (said,) = scene.recover()
    assert "3 of 4 changes were written, now recorded as 1" in said


def test_a_history_under_the_name_of_a_journal_is_named_and_settles_nothing(tmp_path: Path) -> None:
    scene = kill(tmp_path, "set", "recorded")
    scene.recover()
    before = scene.records
    history = HistoryFile(scene.profile).path
    planted = history.rename(tmp_path / ".director.toml.journal.1-0")
    (said,) = scene.recover()
    assert f"{planted} is no journal but a history; put it back" in said
    assert not scene.records
    planted.rename(history)
    assert scene.records == before


def test_edits_of_entries_that_were_interrupted_may_have_been_done(tmp_path: Path) -> None:
    scene = Scene(tmp_path, Surviving(PLAIN))
    scene.profile.write_text(dumps(PLAIN))
    records = HistoryFile(scene.profile)
    draft = records.begin(Kind.ENTRIES, (), ["pin 10.1.0.1 of shop to web1 for 300 s"])
    assert draft.journal is not None
    (path,) = tmp_path.glob(".director.toml.journal.*")
    left = path.read_bytes()
    records.end(draft)
    records.close()
    path.write_bytes(left)
    (said,) = scene.recover()
    assert "pin 10.1.0.1 of shop to web1 for 300 s; may have been done" in said
    (record,) = scene.records
    assert record.entries == ("may have been done: pin 10.1.0.1 of shop to web1 for 300 s",)
