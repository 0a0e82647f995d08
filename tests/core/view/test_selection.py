"""The cursor and the marks stay on their rows while others come and go."""

from __future__ import annotations

from lvstui.core.view.table import Selection


def showing(*keys: str) -> Selection[str]:
    selection = Selection[str]()
    selection.show(keys)
    return selection


def test_without_rows_there_is_no_cursor_and_nothing_is_chosen() -> None:
    selection = showing()
    selection.move(3)
    selection.toggle()
    selection.mark_range()
    assert (selection.cursor, selection.key, selection.chosen) == (-1, None, [])


def test_the_cursor_stays_on_its_row_and_goes_to_the_nearest_one_left() -> None:
    selection = showing("a", "b", "c")
    selection.move(1)
    selection.show(["new", "a", "b", "c"])
    assert selection.key == "b"
    selection.show(["new", "a", "c"])
    assert selection.key == "c"


def test_the_cursor_stops_at_the_first_and_the_last_row() -> None:
    selection = showing("a", "b", "c")
    selection.move(-5)
    assert selection.key == "a"
    selection.move(99)
    assert selection.key == "c"


def test_what_is_chosen_is_the_row_under_the_cursor_or_the_marked_rows_in_their_order() -> None:
    selection = showing("a", "b", "c", "d")
    assert selection.chosen == ["a"]
    selection.move(3)
    selection.toggle()
    selection.move(1)
    selection.mark_range()
    assert selection.chosen == ["b", "c", "d"]
    selection.move(2)
    selection.toggle()
    assert selection.chosen == ["b", "d"]


def test_marks_of_rows_that_go_end() -> None:
    selection = showing("a", "b", "c")
    selection.mark_range()
    selection.move(2)
    selection.toggle()
    selection.show(["b", "c"])
    assert selection.marked == {"c"}
    selection.clear()
    assert selection.marked == frozenset()
