"""Plans as files of JSON: what is written is read back, and what is wrong in one is said by its field and line."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvstui.commands.place import is_plan
from lvstui.core.change import change_server, change_service, change_sysctl, change_timeouts
from lvstui.core.drift import find_drift
from lvstui.core.model import Director, Home, Persistence, Service, Timeouts
from lvstui.core.plan import Plan, Step, steps
from lvstui.formats.plan import dump, load
from lvstui.formats.profile.write import ProfileError
from tests.build import SHOP, server
from tests.core.strategies import directors, laws

MADE = datetime(2026, 11, 27, 12, 30, 5, 123000, tzinfo=UTC)
WEB1 = server("10.0.0.11:443", weight=3, name="web1")
PLAN = Plan(
    (
        Step(change_service(None, Service(SHOP, persistence=Persistence(), name="shop")), None),
        Step(change_server(SHOP, None, WEB1), WEB1),
        Step(change_timeouts(Timeouts(), Timeouts(tcp=60)), None),
        Step(change_sysctl("conntrack", "0", "1"), "1"),
    ),
    "/etc/lvstui/director.toml",
    "anna",
    "192.0.2.7",
    MADE,
    Home("lb1", "blue"),
)
Edit: TypeAlias = "Callable[[dict[str, object], list[dict[str, dict[str, object]]]], object]"


def edited(edit: Edit) -> str:
    document = json.loads(dump(PLAN, Director()))
    edit(document, document["change"])
    return json.dumps(document, indent=1)


def complaints(text: str) -> list[str]:
    with pytest.raises(ProfileError) as caught:
        load(text, "plan.json")
    return [str(mistake) for mistake in caught.value.mistakes]


@given(directors(whole=True), directors(whole=True), directors(), st.text(max_size=5))
@laws
def test_a_plan_is_read_back_as_it_was_written(have: Director, want: Director, profile: Director, word: str) -> None:
    word = word.encode(errors="replace").decode()
    plan = Plan(steps(find_drift(have, want), want, profile), word, word, word, MADE, Home("lb1", "blue"))
    text = dump(plan, want)
    assert is_plan(text)
    assert load(text, "plan.json") == plan


def test_each_change_stands_on_a_line_of_its_own() -> None:
    lines = dump(PLAN, Director()).splitlines()
    assert sum('"what": ' in line for line in lines) == len(PLAN.steps)
    assert '"conntrack: 0 -> 1"' not in lines[-3]
    assert '"text": "sysctl conntrack: 0 -> 1"' in lines[-3]


@pytest.mark.parametrize("text", ['format = 1\n[[service]]\nservice = "mark:1"\n', "", "# {", "-A -t 192.0.2.1:80\n"])
def test_what_is_no_json_is_no_plan(text: str) -> None:
    assert not is_plan(text)
    assert is_plan(f" \n{{{text}")


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("{", ":1: error: JSON: expecting property name enclosed in double quotes (column 2)"),
        ('{\n"plan": 1,\n"plan": 1}', ':1: error: JSON: "plan" is there twice in one object; take one out'),
        ('{"plan": NaN}', ":1: error: JSON: NaN is no number"),
        (f'{{"plan": {"9" * 5000}}}', ":1: error: JSON: "),
        ('{"change": ' + "[" * 200_000, ":1: error: JSON: is nested too deeply"),
        ('{"profile": "x", "dry_run": false, "change": []}', ":1: error: plan: is missing, so this is no plan; "),
        ('{"plan": 2}', ":1: error: plan: 2 is newer than this lvstui reads (1); use a newer lvstui"),
        ('{"plan": true}', ":1: error: plan: must be a whole number, and 1 for this lvstui"),
        ('{"plan": 0}', ":1: error: plan: must be a whole number"),
    ],
)
def test_what_is_no_plan_is_said_in_a_sentence(text: str, wrong: str) -> None:
    (said,) = complaints(text)
    assert said.startswith(f"plan.json{wrong}"), said


@pytest.mark.parametrize(
    ("edit", "wrong"),
    [
        (lambda top, _: top.pop("user"), "1: error: user: is missing"),
        (lambda top, _: top.update(usr="x"), "1: error: usr: is not a key here; did you mean user?"),
        (lambda top, _: top.update(time="soon"), "1: error: time: must be a moment such as 2026-11-27T12:30:05Z"),
        (lambda top, _: top.update(change={}), "1: error: change: must be a list, not a table"),
        (lambda top, _: top.update(director=3), "1: error: director: must be a table, not a whole number"),
        (lambda _, some: some[0].update(what="servce"), 'change[0].what: "servce" is nothing that a plan changes'),
        (lambda _, some: some[0].update(what=7), "change[0].what: must be text, not a whole number"),
        (lambda _, some: some[0].update(service="x"), 'change[0].service: "x" is not a service'),
        (lambda _, some: some[0].update(mark=80), "change[0].mark: must be null, as this is about a service"),
        (lambda _, some: some[0].update(zzz=1), "change[0].zzz: is not a key here"),
        (lambda _, some: some[0].update(new=None), "change[0].new: is null, and so are old and saved"),
        (lambda _, some: some[0].update(new="wlc"), "change[0].new: must be an object: a service as configured"),
        (lambda _, some: some[0]["new"].update(scheduler=7), "change[0].new.scheduler: must be text"),
        (
            lambda _, some: some[0]["new"]["persistence"].update(timeout=-1),
            "change[0].new.persistence.timeout: must be",
        ),
        (lambda _, some: some[0]["new"].update(service="mark:1"), "change[0].new.service: is of another object"),
        (lambda _, some: some[1]["new"].update(weight=2**31), "change[1].new.weight: must be from 0 to 2147483647"),
        (lambda _, some: some[1]["new"].update(wight=1), "change[1].new.wight: is not a key here; did you mean"),
        (lambda _, some: some[1]["saved"].update(forwarding="x"), "change[1].saved.forwarding: "),
        (lambda _, some: some[2]["new"].update(tcp="x"), "change[2].new.tcp: must be a whole number, not text"),
        (lambda _, some: some[3].update(new=[1]), "change[3].new: must be a whole number, or a text such as"),
        (lambda _, some: some[3].update(sysctl="../x"), "change[3].sysctl: is no name of a setting"),
        (lambda _, some: some.append(some[0]), "change[4]: is about the same as change[0]; a plan changes each once"),
        (lambda _, some: some.append(1), "change[4]: must be an object"),
    ],
)
def test_what_is_wrong_in_a_plan_is_said_by_its_field(edit: Edit, wrong: str) -> None:
    assert any(wrong in said for said in complaints(edited(edit))), complaints(edited(edit))


def test_a_mistake_names_the_line_of_its_change_however_the_file_is_laid_out() -> None:
    text = edited(lambda _, some: some[1]["new"].update(weight=-1))
    line = next(at for at, line in enumerate(text.splitlines(), 1) if '"what": "server"' in line) - 1
    assert complaints(text)[0].startswith(f"plan.json:{line}: error: change[1].new.weight: must be from 0")
    assert complaints(json.dumps(json.loads(text)))[0].startswith("plan.json:1: error: change[1].new.weight: ")


def test_of_very_many_mistakes_the_first_are_said() -> None:
    assert len(complaints(edited(lambda _, some: some.extend(some[:1] * 1_000)))) == 20


_STRANGE: tuple[object, ...] = (
    None,
    True,
    0,
    -1,
    2**70,
    1.5,
    "",
    "\ud800",
    "x" * 5000,
    [],
    [[]],
    {},
    {"": None},
    {"new": {"new": {}}},
)


def _places(value: object) -> list[tuple[dict[str, object] | list[object], str | int]]:
    """Return every place in a document that a value can be put into."""
    found: list[tuple[dict[str, object] | list[object], str | int]] = []
    if isinstance(value, dict):
        found += ((value, key) for key in value)
        for inner in value.values():
            found += _places(inner)
    elif isinstance(value, list):
        found += ((value, at) for at in range(len(value)))
        for inner in value:
            found += _places(inner)
    return found


@pytest.mark.parametrize("value", _STRANGE, ids=lambda value: repr(value)[:12])
def test_nothing_that_json_can_hold_is_more_than_a_mistake(value: object) -> None:
    count = len(_places(json.loads(dump(PLAN, Director()))))
    for at in range(count):
        document = json.loads(dump(PLAN, Director()))
        where, key = _places(document)[at]
        where[key] = value  # type: ignore[index]
        with suppress(ProfileError):
            load(json.dumps(document), "plan.json")
