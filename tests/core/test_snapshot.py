"""What is derived from a snapshot is worked out once, and anew when a part of it changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lvstui.core.model import Director
from lvstui.core.snapshot import EMPTY_SNAPSHOT, Derived


def test_a_result_is_kept_until_an_input_is_another_object() -> None:
    worked: list[str] = []

    def work(director: Director, word: str) -> Sequence[object]:
        worked.append(word)
        return [director, word]

    snapshot = replace(EMPTY_SNAPSHOT, derived=Derived())
    director = Director()
    first = snapshot.derive(work, director, "one")
    assert snapshot.derive(work, director, "o" + "ne") is first
    assert replace(snapshot, origin="later").derive(work, director, "one") is first
    assert snapshot.derive(work, Director(), "one") is not first
    assert worked == ["one", "one"]


def test_the_empty_snapshot_holds_nothing() -> None:
    assert EMPTY_SNAPSHOT.reading.director == Director()
    assert EMPTY_SNAPSHOT.reading.connections == 0
    assert not EMPTY_SNAPSHOT.undo
    assert EMPTY_SNAPSHOT.scan is None
