"""The form that makes a whole mark group: what its answers mean, and what is wrong with them."""

from __future__ import annotations

import pytest

from lvstui.core import fields
from lvstui.core.change import Change, fold
from lvstui.core.fields import FieldError
from lvstui.core.marks.new_group_form import GroupForm, machines, networks, servers
from lvstui.core.model import Director, Family, Forwarding, MarkGroupKey, MarkKey, Persistence
from lvstui.core.observed import Ruleset
from lvstui.core.selectors import selector, selector_text
from lvstui.core.view.form import complete_item
from tests.build import director, rule, sticky_pool
from tests.core.marks.test_edits import WEB


def answers(form: GroupForm, **values: str) -> dict[str, str]:
    return {**form.form.start, "addresses": "192.0.2.50", "servers": "10.0.0.21", **values}


def director_after(**values: str) -> Director:
    form = GroupForm(WEB)
    return fold(WEB, form.changes(answers(form, **values)))


def wrong(form: GroupForm, **values: str) -> dict[str, str]:
    said: dict[str, str] = {}
    for problem in form.form.problems(answers(form, **values)):
        said[problem.field] = f"{said.get(problem.field, '')}{problem.sentence}"
    return said


def test_a_group_is_made_of_what_was_asked_with_proposals_for_the_rest() -> None:
    after = director_after(addresses="192.0.2.50, 2001:db8::50", servers="10.0.0.21 3, fd00::21", name="web")
    assert after.marks is not None
    assert [selector_text(selector) for selector in after.marks[80].selectors] == [
        "tcp 192.0.2.50 80,443",
        "tcp 2001:db8::50 80,443",
    ]
    four, six = (after.pools[MarkKey(80, family)] for family in Family)
    assert four.service.persistence == Persistence(300)
    assert six.service.persistence == Persistence(300, 128)
    assert [(fields.server_text(end), server.weight) for end, server in four.servers.items()] == [("10.0.0.21:0", 3)]
    assert [fields.server_text(end) for end in six.servers] == ["[fd00::21]:0"]


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ({"template": "ftp active"}, ["tcp 192.0.2.50 21"]),
        ({"template": "ftp passive", "passive": "30000-30100"}, ["tcp 192.0.2.50 21,30000-30100"]),
        ({"template": "sip"}, ["udp 192.0.2.50 5060", "tcp 192.0.2.50 5060"]),
        ({"template": "any port"}, ["any 192.0.2.50"]),
        ({"template": "own ports", "protocol": "udp", "ports": "53,8000-8100"}, ["udp 192.0.2.50 53,8000-8100"]),
        ({"template": "own ports", "ports": "any"}, ["tcp 192.0.2.50"]),
    ],
)
def test_the_ports_come_from_a_template_or_are_free(values: dict[str, str], texts: list[str]) -> None:
    marks = director_after(**values).marks
    assert marks is not None
    assert [selector_text(selector) for selector in marks[80].selectors] == texts


def test_no_persistence_is_possible_and_warned_of_where_ports_belong_together() -> None:
    assert director_after(persistence="0").pools[MarkKey(80, Family.IPV4)].service.persistence is None
    assert "may land on different servers" in wrong(GroupForm(WEB), persistence="0")["persistence"]
    assert "persistence" not in wrong(GroupForm(WEB), persistence="0", template="ftp active")


@pytest.mark.parametrize(
    ("values", "field", "sentence"),
    [
        ({"addresses": ""}, "addresses", "is needed"),
        ({"addresses": "192.0.2.300"}, "addresses", "not an address or network"),
        ({"addresses": "192.0.2.10/24"}, "addresses", "write 192.0.2.0/24"),
        ({"mark": "0"}, "mark", "must be from 1"),
        ({"template": "own ports", "ports": ""}, "ports", "is needed"),
        ({"template": "own ports", "ports": "80,x"}, "ports", "not a port"),
        ({"template": "ftp passive", "passive": "9-1"}, "passive", "runs backwards"),
        ({"persistence": "soon"}, "persistence", "whole number"),
        ({"servers": "nobody"}, "servers", "no server here has that name"),
        ({"servers": "10.0.0.1 heavy"}, "servers", "no weight and none of masq, route, tunnel"),
        ({"servers": "10.0.0.1, 10.0.0.1"}, "servers", "named twice"),
        ({"servers": "10.0.0.1 99999999999"}, "servers", "weight must be from 0"),
        ({"servers": "fd00::1"}, "servers", "no virtual address of its family"),
        ({"servers": ""}, "servers", "none for IPv4"),
        ({"weight": "-1"}, "weight", "whole number"),
        ({"addresses": "192.0.2.10"}, "addresses", "tcp:192.0.2.10:80 and 1 more no longer gets these packets"),
        ({"template": "ftp active"}, "template", "ip_vs_ftp"),
    ],
)
def test_each_field_says_what_is_wrong_or_unwise(values: dict[str, str], field: str, sentence: str) -> None:
    assert sentence in wrong(GroupForm(WEB), **values)[field]


def test_a_mark_that_is_taken_is_refused_and_one_that_others_set_is_reported() -> None:
    grouped = director_after(name="web")
    assert "there is a group for 80 already" in wrong(GroupForm(grouped), mark="80")["mark"]
    assert "some of these packets get mark" in wrong(GroupForm(grouped))["addresses"]
    assert "called" in wrong(GroupForm(grouped), name="web", addresses="192.0.2.60")["name"]
    rules = Ruleset((rule(90, table="firewalld"),))
    assert wrong(GroupForm(WEB, rules), mark="90")["mark"] == "rules in firewalld set it as well"


def test_a_service_that_is_there_stays_as_it_is() -> None:
    where = director(sticky_pool("mark:80", "10.0.0.11:0"))
    form = GroupForm(where, mark=80)
    changes: tuple[Change, ...] = form.changes(answers(form))
    assert [change.target for change in changes] == [MarkGroupKey(80)]
    assert "stays as it is" in wrong(form)["mark"]


def test_a_mark_that_others_set_gets_a_service_and_its_rules_stay() -> None:
    form = GroupForm(WEB, mark=21, selectors=(selector("tcp 192.0.2.21 21"),))
    assert form.form.start["template"] == "its rules"
    assert "addresses" not in [field.id for field in form.form.visible(form.form.start)]
    after = fold(WEB, form.changes(answers(form)))
    assert (after.marks, len(after.pools[MarkKey(21, Family.IPV4)].servers)) == (WEB.marks, 1)
    assert "the rules set 21" in wrong(form, mark="22")["mark"]
    unknown = GroupForm(WEB, mark=21, selectors=())
    assert {key for key in fold(WEB, unknown.changes(answers(unknown))).pools if isinstance(key, MarkKey)} == {
        MarkKey(21, Family.IPV4)
    }
    assert unknown.form.problems(answers(unknown)) == ()


def test_known_machines_lend_their_names_and_the_usual_method() -> None:
    known = machines(WEB)
    assert set(known) == {"10.0.0.11", "10.0.0.12", "10.0.0.13"}
    (server,) = servers("10.0.0.11 2 tunnel", known, 1, Forwarding.MASQ)
    assert (server.weight, server.forwarding, server.endpoint.port) == (2, Forwarding.TUNNEL, 0)
    apart = servers("10.0.0.11 3 10.0.0.12 tunnel, fd00::13", known, 1, Forwarding.MASQ)
    assert [(str(server.endpoint.address), server.weight, server.forwarding) for server in apart] == [
        ("10.0.0.11", 3, Forwarding.MASQ),
        ("10.0.0.12", 1, Forwarding.TUNNEL),
        ("fd00::13", 1, Forwarding.MASQ),
    ]
    assert networks("192.0.2.50 2001:db8::50") == networks("192.0.2.50, 2001:db8::50")
    with pytest.raises(FieldError):
        networks("")


@pytest.mark.parametrize(
    ("text", "whole"),
    [("we", "web1"), ("web1, w", "web1, web2"), ("web1", ""), ("", ""), ("web1, web1, ", ""), ("x", "")],
)
def test_the_last_item_of_a_list_is_completed(text: str, whole: str) -> None:
    assert complete_item(text, ("web1", "web2")) == whole
