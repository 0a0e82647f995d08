"""The tour of the README can be taken: what it names is there. tests/e2e/test_tour.py takes it."""

from __future__ import annotations

from tests.docs.parts import ROOT
from tests.docs.tour import KEYS, Do, steps


def test_the_tour_has_six_steps_in_each_of_which_something_is_pressed_and_seen() -> None:
    assert len(steps()) == 6
    for title, acts in steps():
        assert {act.do for act in acts} >= {Do.PRESS, Do.SEE}, title


def test_the_tour_presses_keys_that_there_are_and_runs_what_make_can() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for title, acts in steps():
        for act in acts:
            if act.do is Do.PRESS:
                assert act.text in KEYS, title
            if act.do is Do.RUN:
                assert act.text in makefile, title


def test_what_the_tour_types_stands_behind_a_key_that_asks_and_before_enter() -> None:
    for title, acts in steps():
        for before, act, after in zip(acts, acts[1:], acts[2:], strict=False):
            if act.do is Do.TYPE:
                assert before.text in ("Ctrl-F", "/", "T"), title
                assert after.text == "Enter", title
