"""Forms for groups that there are, and edits that start from what was found."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lvstui.core.change import change_group, fold, merge
from lvstui.core.drift import diff
from lvstui.core.fields import FieldError
from lvstui.core.marks.edits import (
    bundle_services,
    cleared_bits,
    companions,
    copy_rules,
    lost_changes,
    remove_group,
    remove_selector,
    set_timeout,
    why_not_copied,
)
from lvstui.core.marks.forms import ALL, RULES, BundleForm, PacketsForm, RemovalForm
from lvstui.core.model import Family, MarkGroup, MarkGroupKey, MarkKey, Persistence, ServerKey
from lvstui.core.observed import Rule
from lvstui.core.selectors import selector
from tests.build import director, group, rule
from tests.core.marks.test_edits import HTTP, HTTPS, WEB

GROUPED = fold(WEB, bundle_services(WEB, [HTTP, HTTPS], 80, "shop"))
GROUP = (GROUPED.marks or {})[80]
MARK = MarkKey(80, Family.IPV4)


def test_packets_are_edited_a_match_a_line() -> None:
    form = PacketsForm(GROUPED, 80)
    start = form.form.start
    assert start["match.0"] == "tcp 192.0.2.10 80,443"
    assert [field.id for field in form.form.visible(start)] == ["match.0", "match.1", "name"]
    assert form.changes(start) == ()
    values = {**start, "match.0": "tcp 192.0.2.10 80,443,8080", "match.1": "udp 192.0.2.10 443", "name": "web"}
    after = group(80, "tcp 192.0.2.10 80,443,8080", "udp 192.0.2.10 443", name="web")
    assert form.changes(values) == (change_group(GROUP, after),)
    assert "match.2" in [field.id for field in form.form.visible(values)]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("tcp 192.0.2.10 x", "not a port"),
        ("", "a mark needs packets"),
        ("any", "every packet"),
        ("tcp 2001:db8::1 80", "there is no IPv6 service on mark 80"),
    ],
)
def test_what_is_wrong_with_packets_is_said(text: str, sentence: str) -> None:
    form = PacketsForm(GROUPED, 80).form
    problem = form.problems({**form.start, "match.0": text})[0]
    assert (problem.field, sentence in problem.sentence) == ("match.0", True)


def test_a_mark_without_rules_gets_a_group() -> None:
    form = PacketsForm(replace(GROUPED, marks={}), 80)
    group = MarkGroup(80, (selector("tcp any 80"),))
    assert form.changes({**form.form.start, "match.0": "tcp any 80"}) == (change_group(None, group),)


def test_a_group_ends_with_its_services_or_without_once_its_name_was_typed() -> None:
    form = RemovalForm(GROUPED, 80)
    start = form.form.start
    assert start["what"] == ALL
    assert [problem.field for problem in form.form.problems(start)] == ["typed"]
    assert form.form.problems({**start, "typed": "shop"}) == ()
    assert fold(GROUPED, form.changes(start)).pools == {}
    only = fold(GROUPED, form.changes({**start, "what": RULES}))
    assert (only.marks, set(only.pools)) == ({}, {MARK})
    assert RemovalForm(replace(GROUPED, marks={}), 80).form.start["what"] == "services"


def test_services_are_bundled_with_the_persistence_that_is_asked_for() -> None:
    form = BundleForm(WEB, (HTTP, HTTPS))
    start = form.form.start
    assert (start["services"], start["persistence"]) == ("tcp:192.0.2.10:80, tcp:192.0.2.10:443", "600")
    after = fold(WEB, form.changes({**start, "persistence": "900", "name": "shop"}))
    assert set(after.pools) == {MARK}
    assert after.pools[MARK].service.persistence == Persistence(900)
    assert len(after.pools[MARK].servers) == 3


@pytest.mark.parametrize(
    ("values", "field"),
    [({"services": ""}, "services"), ({"services": "tcp:192.0.2.99:80"}, "services"), ({"mark": "0"}, "mark")],
)
def test_what_cannot_be_bundled_is_said(values: dict[str, str], field: str) -> None:
    form = BundleForm(WEB, (HTTP, HTTPS)).form
    assert [problem.field for problem in form.problems({**form.start, **values})] == [field]


def test_a_mark_in_use_does_not_bundle() -> None:
    both = replace(GROUPED, pools={**GROUPED.pools, **WEB.pools})
    form = BundleForm(both, (HTTP, HTTPS)).form
    (problem,) = form.problems({**form.start, "mark": "80"})
    assert problem.sentence == "80 is in use; take another, such as 81"


def test_services_that_go_together_are_found() -> None:
    assert companions(WEB, HTTP) == [HTTPS]
    assert companions(director(), HTTP) == []


def test_rules_of_others_are_copied_where_they_are_known_for_certain() -> None:
    theirs = rule(80, "tcp 192.0.2.10 8080", table="mangle")
    (change,) = copy_rules(GROUPED, [theirs])
    assert change == change_group(GROUP, replace(GROUP, selectors=(*GROUP.selectors, selector("tcp 192.0.2.10 8080"))))
    (fresh,) = copy_rules(WEB, [theirs, theirs])
    assert fresh == change_group(None, group(80, "tcp 192.0.2.10 8080"))
    assert cleared_bits([replace(theirs, mask=0xFF)])
    assert not cleared_bits([theirs])


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (rule(80), "our own table"),
        (rule(0, table="mangle", raw="xt"), "could not be decoded"),
        (replace(rule(80, table="mangle"), verb="restore", value=None), "sets no mark"),
        (replace(rule(80, table="mangle"), selector=None, match=("ct state new",)), "more than protocol"),
    ],
)
def test_why_a_rule_cannot_be_copied(other: Rule, reason: str) -> None:
    assert reason in why_not_copied(other)
    with pytest.raises(FieldError):
        copy_rules(GROUPED, [other])


def test_what_was_lost_is_put_back_with_its_services() -> None:
    lost = diff(director(), GROUPED)
    assert fold(director(), lost_changes(lost)) == GROUPED
    assert lost_changes(lost, [81]) == ()
    assert {type(change.target) for change in lost_changes(lost, [80])} == {MarkKey, ServerKey, MarkGroupKey}
    assert lost_changes(diff(GROUPED, director())) == ()


def test_packets_are_taken_out_one_match_at_a_time() -> None:
    two = replace(GROUP, selectors=(*GROUP.selectors, selector("udp 192.0.2.10 443")))
    assert remove_selector(two, selector("udp 192.0.2.10 443")).after == GROUP
    assert remove_selector(GROUP, GROUP.selectors[0]).after is None
    assert remove_group(GROUPED, 80, services=False) == (change_group(GROUP, None),)


def test_all_services_of_a_mark_get_the_same_time() -> None:
    after = fold(GROUPED, set_timeout(GROUPED, 80, 30))
    assert after.pools[MARK].service.persistence == Persistence(30)
    assert fold(after, set_timeout(after, 80, 0)).pools[MARK].service.persistence is None
    assert set_timeout(after, 80, 30) == ()


def test_edits_of_a_group_on_top_of_each_other_are_one() -> None:
    named = replace(GROUP, name="web")
    larger = replace(named, selectors=(*GROUP.selectors, selector("udp 192.0.2.10 443")))
    assert merge((change_group(GROUP, named),), (change_group(named, larger),)) == (change_group(GROUP, larger),)
    assert merge((change_group(None, GROUP),), (change_group(GROUP, None),)) == ()
