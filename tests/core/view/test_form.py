"""A form as a value, whatever it asks."""

from __future__ import annotations

from functools import partial

from lvstui.core.attributes import SERVER
from lvstui.core.rules import Problem
from lvstui.core.view.form import NO, YES, Field, FieldKind, Form, Values, check_by

WEIGHT = Field("weight", "weight", "1", check=check_by(partial(SERVER.number, "weight")))
MORE = Field("more", "more", NO, FieldKind.CHOICE, (NO, YES))
UPPER = Field("upper", "upper", "0", check=check_by(partial(SERVER.number, "upper")), shown=lambda v: v["more"] == YES)


def heavier_than_upper(values: Values) -> tuple[Problem, ...]:
    heavy = int(values["weight"]) > int(values["upper"]) > 0
    return (Problem("weight", "is too much"),) if heavy else ()


FORM = Form("thing", (WEIGHT, MORE, UPPER), heavier_than_upper)


def problems(**values: str) -> list[str]:
    return [str(problem) for problem in FORM.problems({**FORM.start, **values})]


def test_it_opens_with_what_there_is_and_nothing_wrong() -> None:
    assert FORM.start == {"weight": "1", "more": "no", "upper": "0"}
    assert problems() == []


def test_each_wrong_field_is_reported_by_its_name() -> None:
    assert problems(weight="x", more="perhaps") == [
        'weight: must be a whole number from 0 to 2147483647, not "x"',
        "more: must be one of no, yes",
    ]


def test_a_field_left_empty_is_needed() -> None:
    assert problems(weight=" ") == ["weight: is needed"]


def test_what_is_wrong_together_is_reported_once_each_is_right() -> None:
    assert problems(weight="5", more="yes", upper="4") == ["weight: is too much"]
    assert problems(weight="5", more="yes", upper="y") == [
        'upper: must be a whole number from 0 to 2147483647, not "y"'
    ]


def test_a_hidden_field_is_neither_checked_nor_kept() -> None:
    values = {"weight": "5", "more": "no", "upper": "4 or so"}
    assert [field.id for field in FORM.visible(values)] == ["weight", "more"]
    assert FORM.problems(values) == ()
    assert FORM.reset_hidden(values) == {"weight": "5", "more": "no", "upper": "0"}
