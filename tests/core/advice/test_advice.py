"""Advice about a running director, with the edit that repairs it."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from lvstui.core import fields
from lvstui.core.advice import Advice
from lvstui.core.advice.services import about_mark, advice
from lvstui.core.change import change_group, fold
from lvstui.core.drift import diff
from lvstui.core.model import (
    Family,
    Forwarding,
    MarkGroup,
    MarkKey,
    Persistence,
    Pool,
)
from lvstui.core.observed import Rule, Ruleset, ServerStats, Stats
from lvstui.core.record import Owner
from lvstui.core.selectors import selector
from lvstui.core.snapshot import ProfileState
from tests.build import director, group, pool, rule, snapshot, sticky_pool


def said(found: tuple[Advice, ...], words: str) -> Advice:
    matching = [advice for advice in found if words in advice.sentence]
    assert len(matching) == 1, [str(advice) for advice in found]
    return matching[0]


def weighed(where: Pool, *weights: int) -> Pool:
    ends = zip(where.servers.items(), weights, strict=True)
    return replace(where, servers={end: replace(server, weight=weight) for (end, server), weight in ends})


WEB = sticky_pool("tcp:192.0.2.10:80", "10.0.0.11:80", "10.0.0.12:80")
WEBS = sticky_pool("tcp:192.0.2.10:443", "10.0.0.11:443", "10.0.0.12:443")
MARKED = pool("mark:80", "10.0.0.11:0", "10.0.0.12:0")


def test_a_director_in_order_gets_no_advice() -> None:
    assert advice(snapshot(director(WEB))) == ()


def test_http_and_https_apart_may_land_on_different_servers_and_a_mark_repairs_it() -> None:
    where = director(WEB, WEBS)
    found = said(advice(snapshot(where)), "may land on different servers")
    after = fold(where, found.changes)
    assert [fields.service_text(key) for key in after.pools] == ["mark:80"]


def test_pairs_that_stick_differently_are_made_alike() -> None:
    longer = replace(WEBS, service=replace(WEBS.service, persistence=Persistence(900)))
    where = director(WEB, longer)
    found = said(advice(snapshot(where)), "their persistence differs")
    assert fold(where, found.changes).pools[WEBS.service.key].service.persistence == Persistence(300)


def test_a_marked_group_without_persistence_gets_it() -> None:
    where = director(MARKED)
    found = said(advice(snapshot(where, rules=Ruleset((rule(80),)))), "is not persistent")
    assert fold(where, found.changes).pools[MARKED.service.key].service.persistence == Persistence(300)


def test_persistence_on_port_0_is_reported() -> None:
    assert said(advice(snapshot(director(sticky_pool("tcp:192.0.2.10:0", "10.0.0.11:0")))), "every port").remedy


def test_a_service_without_a_rule_and_a_rule_without_a_service_are_reported() -> None:
    assert said(advice(snapshot(director(MARKED), rules=Ruleset())), "no rule sets it").mark == 80
    coming = {MARKED.service.key: Stats(connection_rate=1)}
    assert not [one for one in advice(snapshot(director(MARKED), rules=Ruleset(), services=coming)) if one.mark]
    group = MarkGroup(90, (selector("tcp any 90"),))
    orphan = replace(director(), marks={90: group})
    assert said(advice(snapshot(orphan, rules=Ruleset())), "no service is on it").changes == (
        change_group(group, None),
    )


def test_what_cannot_be_read_is_not_reported_as_missing() -> None:
    assert advice(snapshot(director(MARKED), rules=Ruleset(trouble="no right"))) == ()
    unknown = rule(0, raw="xt MARK")
    assert advice(snapshot(director(MARKED), rules=Ruleset((unknown,)))) == ()


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ((rule(80, hook="input", priority=100),), "comes too late"),
        ((rule(80, hook=""),), "nothing jumps to"),
        ((rule(80, dormant=True),), "dormant table"),
        ((rule(80, mask=0xFF), rule(0x100, mask=0xFF00, priority=-130)), "only the bits 0xff"),
        ((rule(80), rule(90, "tcp 192.0.2.10 443", handle=2)), "a later rule sets 90"),
    ],
)
def test_a_mark_that_ipvs_does_not_see_is_reported_with_the_reason(rules: tuple[Rule, ...], words: str) -> None:
    sticky = replace(MARKED, service=replace(MARKED.service, persistence=Persistence()))
    assert said(advice(snapshot(director(sticky), rules=Ruleset(rules))), words).mark == 80


def test_rules_that_were_flushed_are_written_again_from_the_profile() -> None:
    lost = group(80, "tcp any 80")
    held = director(replace(MARKED, service=replace(MARKED.service, persistence=Persistence())))
    seen = snapshot(held, rules=Ruleset(), saved=replace(held, marks={80: lost}))
    assert said(advice(seen), "are gone from the packet filter").changes == (change_group(None, lost),)


def test_weight_0_everywhere_is_reported_and_old_weights_come_back() -> None:
    drained = weighed(WEB, 0, 0)
    servers = {end: replace(server, resume=5) for end, server in drained.servers.items()}
    where = director(replace(drained, servers=servers))
    found = said(advice(snapshot(where)), "every real server has weight 0")
    assert [server.weight for server in fold(where, found.changes).pools[WEB.service.key].servers.values()] == [5, 5]


def test_a_drained_server_of_a_persistent_service_keeps_its_clients() -> None:
    where = director(weighed(WEB, 1, 0), expire_quiescent_template="0")
    found = said(advice(snapshot(where)), "its clients keep coming back")
    assert fold(where, found.changes).sysctl["expire_quiescent_template"] == "1"
    assert advice(snapshot(director(weighed(WEB, 1, 0), expire_quiescent_template="1"))) == ()


def test_of_a_drained_server_on_which_nothing_is_left_nobody_says_that_its_clients_come_back() -> None:
    where = director(weighed(WEB, 1, 0), expire_quiescent_template="0")
    _, drained = WEB.servers
    for held, comes_back in ((ServerStats(), False), (ServerStats(0, 9), False), (ServerStats(sticky=1), True)):
        found = advice(snapshot(where, servers={WEB.service.key: {drained: held}}))
        assert any("keep coming back" in advised.sentence for advised in found) == comes_back


def test_masq_without_forwarding_is_reported_by_family() -> None:
    assert (
        "ip_forward is 0"
        in said(advice(snapshot(director(WEB), forwards={Family.IPV4: False})), "masq is used").sentence
    )
    assert advice(snapshot(director(WEB), forwards={Family.IPV6: False})) == ()


def test_a_routed_server_on_another_port_is_written_as_it_is_reached() -> None:
    held = sticky_pool("tcp:192.0.2.10:80", "10.0.0.11:8080")
    servers = {end: replace(server, forwarding=Forwarding.ROUTE) for end, server in held.servers.items()}
    where = director(replace(held, servers=servers))
    found = said(advice(snapshot(where)), "is on another port")
    assert [end.port for end in fold(where, found.changes).pools[WEB.service.key].servers] == [80]


def test_a_mask_so_wide_that_one_server_gets_everybody_is_reported() -> None:
    wide = sticky_pool("tcp:192.0.2.10:80", "10.0.0.11:80", "10.0.0.12:80", mask="255.0.0.0")
    first, second = wide.servers
    counts = {wide.service.key: {first: ServerStats(sticky=99), second: ServerStats(sticky=1)}}
    where = director(wide)
    found = said(advice(snapshot(where, servers=counts)), "99 % of all entries")
    persistence = fold(where, found.changes).pools[wide.service.key].service.persistence
    assert persistence is not None
    assert persistence.mask == IPv4Address("255.255.255.255")


def test_both_families_of_a_mark_stick_alike() -> None:
    four = replace(MARKED, service=replace(MARKED.service, persistence=Persistence(300)))
    six = sticky_pool("mark6:80", "[fd00::11]:0", timeout=600)
    where = director(four, six)
    found = said(advice(snapshot(where, rules=Ruleset((rule(80),)))), "differ in persistence")
    assert fold(where, found.changes).pools[six.service.key].service.persistence == Persistence(300, 128)


STICKY = replace(MARKED, service=replace(MARKED.service, persistence=Persistence()))


def test_a_failing_rule_of_others_is_repaired_by_a_copy_in_our_table() -> None:
    where = director(STICKY)
    theirs = rule(80, table="mangle", hook="input", priority=120)
    found = said(advice(snapshot(where, rules=Ruleset((theirs,)))), "comes too late")
    after = fold(where, found.changes).marks
    assert after == {80: group(80, "tcp 192.0.2.10 80,443")}
    ours = said(advice(snapshot(where, rules=Ruleset((rule(80, dormant=True),)))), "dormant")
    assert ours.changes == ()


def test_the_same_flaw_of_two_rules_is_reported_once() -> None:
    both = (rule(80, mask=0xFF), rule(80, mask=0xFF, chain="output", hook="output", handle=2))
    others = tuple(replace(held, value=0x100, mask=0xFF00, priority=-130) for held in both)
    assert said(advice(snapshot(director(STICKY), rules=Ruleset((*both, *others)))), "only the bits").mark == 80


def test_all_lost_rules_are_one_advice_with_their_services() -> None:
    groups = {mark: MarkGroup(mark, (selector(f"tcp 192.0.2.{mark} 80"),)) for mark in (80, 81)}
    saved = replace(director(STICKY), marks=groups)
    lost = diff(director(), saved)
    seen = replace(snapshot(director(), rules=Ruleset()), profile=ProfileState("p", True, lost, saved=saved))
    found = said(advice(seen), "the rules are gone")
    assert (found.about, fold(director(), found.changes)) == ("2 marks", saved)


def test_a_family_that_is_marked_and_not_served_is_reported() -> None:
    six = rule(80, "tcp 2001:db8::10 80,443", handle=2)
    found = said(advice(snapshot(director(STICKY), rules=Ruleset((rule(80), six)))), "IPv6 packets get it")
    assert "mark6:80" in found.remedy
    twin = sticky_pool("mark6:80", "[fd00::1]:0", "[fd00::2]:0")
    assert advice(snapshot(director(STICKY, twin), rules=Ruleset((rule(80), six)))) == ()
    assert advice(snapshot(director(STICKY), rules=Ruleset((rule(80, "tcp any 80,443"),)))) == ()


def test_one_port_over_both_families_needs_no_persistence() -> None:
    rules = Ruleset((rule(80, "tcp 192.0.2.10 80"), rule(80, "tcp 2001:db8::10 80", handle=2)))
    twin = pool("mark6:80", "[fd00::1]:0", "[fd00::2]:0")
    assert advice(snapshot(director(MARKED, twin), rules=rules)) == ()


def test_a_mark_that_somebody_else_uses_is_reported() -> None:
    kube = replace(rule(0x4000, table="nat", mask=0x4000), selector=None)
    where = director(sticky_pool("mark:16464", "10.0.0.11:0", "10.0.0.12:0"))
    mine = rule(0x4050)
    found = said(advice(snapshot(where, rules=Ruleset((mine, kube)))), "kube-proxy uses")
    assert found.mark == 0x4050
    assert advice(snapshot(where, rules=Ruleset((mine,)))) == ()
    owned = replace(snapshot(where, rules=Ruleset((mine,))), owners=(Owner("kube-proxy", 1),))
    assert said(advice(owned), "kube-proxy uses")


def test_rules_of_others_that_set_our_mark_for_other_packets_are_reported() -> None:
    group = MarkGroup(80, (selector("tcp 192.0.2.10 80,443"),))
    where = replace(director(STICKY), marks={80: group})
    same = rule(80, "tcp 192.0.2.10 80", table="mangle", handle=7, priority=-150)
    other = rule(80, "tcp 192.0.2.99 25", table="mangle", handle=8, priority=-150)
    assert advice(snapshot(where, rules=Ruleset((rule(80), same)))) == ()
    assert "inet mangle" in said(advice(snapshot(where, rules=Ruleset((rule(80), other)))), "a rule of others").sentence


def test_a_service_that_went_from_our_rules_is_put_back_from_the_profile() -> None:
    saved = replace(director(STICKY), marks={80: group(80, "tcp 192.0.2.10 80,443")})
    held = replace(director(), marks=saved.marks)
    seen = replace(
        snapshot(held, rules=Ruleset((rule(80),))), profile=ProfileState("p", True, diff(held, saved), saved=saved)
    )
    assert fold(held, said(advice(seen), "no service is on it").changes) == saved


def test_services_that_hash_the_client_meet_without_a_mark() -> None:
    def hashed(where: Pool) -> Pool:
        return replace(where, service=replace(where.service, scheduler="sh"))

    assert advice(snapshot(director(hashed(WEB), hashed(WEBS)))) == ()
    assert said(advice(snapshot(director(hashed(WEB), WEBS))), "may land on different servers")


def test_services_without_any_persistence_are_left_alone() -> None:
    plain = [replace(pool, service=replace(pool.service, persistence=None)) for pool in (WEB, WEBS)]
    assert advice(snapshot(director(*plain))) == ()


def test_the_edit_takes_a_mark_that_nobody_uses() -> None:
    seen = snapshot(director(WEB, WEBS), rules=Ruleset((rule(80, table="mangle"),)))
    found = said(advice(seen), "may land on different servers")
    assert MarkKey(81, Family.IPV4) in fold(seen.reading.director, found.changes).pools


def test_advice_is_worked_out_anew_only_when_something_changed() -> None:
    seen = snapshot(director(WEB, WEBS))
    first = advice(seen)
    later = replace(seen, reading=replace(seen.reading, taken=1.0))
    assert advice(later)[0] is first[0]
    assert advice(replace(seen, reading=replace(seen.reading, director=director(WEB)))) == ()
    off = snapshot(director(WEB), forwards={Family.IPV4: False})
    assert advice(replace(seen, reading=off.reading)) == advice(off) != ()


def test_what_is_said_about_one_service_or_mark_is_found() -> None:
    seen = snapshot(director(MARKED, WEB), rules=Ruleset((rule(80),)))
    about_service = [advised for advised in advice(seen) if advised.concerns(MARKED.service.key)]
    assert list(about_mark(seen, 80)) == about_service != []
    assert not any(advised.concerns(WEB.service.key) for advised in advice(seen))
