"""How the views were arranged last, kept for the user."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from lvstui.store.view_memory import FILTERS_KEPT, Arrangement, ViewMemory, memory_path

LOOK = Arrangement("active", True, "machine", ("history", "in"), ("total-in",))


def test_an_arrangement_is_there_again_the_next_time(tmp_path: Path) -> None:
    path = tmp_path / "new" / "view.toml"
    memory = ViewMemory(path)
    memory.keep("services", LOOK)
    memory.keep("entries", Arrangement("left"))
    again = ViewMemory(path)
    assert again.recall("services") == LOOK
    assert again.recall("entries") == Arrangement("left")
    assert again.recall("marks") == Arrangement()


@pytest.mark.parametrize(
    "content",
    [b"", b"[services", b"\xff", b"services = 3\n", b"[services]\nsort = 3\nhidden = [1]\ndescending = 'x'\n"],
)
def test_a_file_that_makes_no_sense_is_as_good_as_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "view.toml"
    path.write_bytes(content)
    memory = ViewMemory(path)
    assert memory.recall("services") == Arrangement()
    memory.keep("services", LOOK)
    assert ViewMemory(path).recall("services") == LOOK


def test_a_file_without_an_end_to_its_brackets_is_as_good_as_none(tmp_path: Path) -> None:
    path = tmp_path / "view.toml"
    path.write_text("services = " + "[" * 5000)
    assert ViewMemory(path).recall("services") == Arrangement()


def test_a_folder_that_cannot_be_written_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    memory = ViewMemory(tmp_path / "file" / "view.toml")
    memory.keep("services", LOOK)
    assert memory.recall("services") == LOOK


def test_words_that_would_not_survive_a_file_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "view.toml"
    ViewMemory(path).keep("services", Arrangement('a"\nb', hidden=("in", 'x"')))
    assert ViewMemory(path).recall("services") == Arrangement(hidden=("in",))


def test_nothing_is_left_behind_beside_the_file(tmp_path: Path) -> None:
    ViewMemory(tmp_path / "view.toml").keep("services", LOOK)
    assert [path.name for path in tmp_path.iterdir()] == ["view.toml"]


def test_the_place_is_the_state_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/somewhere")
    assert memory_path() == Path("/somewhere/lvstui/view.toml")
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert memory_path() == Path("/var/lib/lvstui/view.toml")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("HOME", "/home/operator")
    assert memory_path() == Path("/home/operator/.local/state/lvstui/view.toml")


@pytest.mark.parametrize("content", [b"a = " + b"[" * 9000, b"a = " + b"[" * 4000, b"a." * 500_000 + b"a = 1\n"])
def test_a_file_that_is_made_to_stop_its_reader_is_as_good_as_none_at_once(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "view.toml"
    path.write_bytes(content)
    begin = time.process_time()
    assert ViewMemory(path).recall("services") == Arrangement()
    assert time.process_time() - begin < 5


def test_the_last_filters_are_there_again_bounded_and_whatever_they_hold(tmp_path: Path) -> None:
    path = tmp_path / "view.toml"
    memory = ViewMemory(path)
    memory.keep("services", LOOK)
    filters = ['a"b\\ \x1b é #', "x" * 500, *(f"weight={n}" for n in range(20))]
    memory.keep_filters("services", filters)
    again = ViewMemory(path)
    assert again.recall("services") == LOOK
    assert list(again.filters("services")) == [filters[0], *(f"weight={n}" for n in range(FILTERS_KEPT - 1))]
    assert again.filters("marks") == ()


def test_the_fullest_memory_is_small_enough_to_be_read_again(tmp_path: Path) -> None:
    memory = ViewMemory(tmp_path / "view.toml")
    for view in range(6):
        memory.keep(f"v{view}", Arrangement("a" * 20, hidden=tuple(f"column{n}" for n in range(20))))
        memory.keep_filters(f"v{view}", [f"{n:02}{'é' * 38}" for n in range(20)])
    assert len(ViewMemory(tmp_path / "view.toml").filters("v5")) == FILTERS_KEPT
