"""What an expert would point out on a running director, with the edit that mends it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from lvstui.core import fields
from lvstui.core.advice import Advice, advice
from lvstui.core.change import MarkChange, fold
from lvstui.core.model import Director, Endpoint, Family, Forwarding, MarkGroup, Persistence, Pool, ServiceKey
from lvstui.core.observed import Info, Reading, Rule, Ruleset, ServerStats
from lvstui.core.selectors import selector
from lvstui.core.snapshot import Host, ProfileState, Snapshot
from tests.core.test_ties import director, pool


def seen(
    where: Director,
    *,
    rules: Ruleset | None = None,
    servers: Mapping[ServiceKey, Mapping[Endpoint, ServerStats]] | None = None,
    forwards: Mapping[Family, bool] | None = None,
) -> Snapshot:
    reading = Reading(where, Info("1.2.1", 4096), 0.0, servers=servers or {}, rules=rules, forwards=forwards or {})
    return Snapshot(reading, "Linux", Host("lb1"))


def said(found: tuple[Advice, ...], words: str) -> Advice:
    matching = [each for each in found if words in each.sentence]
    assert len(matching) == 1, [str(each) for each in found]
    return matching[0]


def weighed(where: Pool, *weights: int) -> Pool:
    ends = zip(where.servers.items(), weights, strict=True)
    return replace(where, servers={end: replace(server, weight=weight) for (end, server), weight in ends})


WEB = pool("tcp:192.0.2.10:80", "10.0.0.11:80", "10.0.0.12:80")
WEBS = pool("tcp:192.0.2.10:443", "10.0.0.11:443", "10.0.0.12:443")
MARKED = pool("mark:80", "10.0.0.11:0", "10.0.0.12:0", timeout=0)


def rule(
    mark: int,
    text: str = "tcp 192.0.2.10 80,443",
    *,
    table: str = "lvstui",
    chain: str = "prerouting",
    handle: int = 1,
    hook: str = "prerouting",
    priority: int = -120,
    mask: int = 0xFFFFFFFF,
    packets: int | None = None,
    counter: str = "",
    dormant: bool = False,
    raw: str = "",
) -> Rule:
    """A rule that sets a mark; with `raw`, one that could not be decoded."""
    return Rule(
        "nft",
        "inet",
        table,
        chain,
        handle,
        hook=hook,
        priority=priority,
        selector=None if raw else selector(text),
        value=None if raw else mark,
        mask=mask,
        packets=packets,
        counter=counter,
        dormant=dormant,
        decoded=not raw,
        raw=raw,
    )


def test_a_director_in_order_has_nothing_to_be_pointed_out() -> None:
    assert advice(seen(director(WEB))) == ()


def test_http_and_https_apart_may_land_on_different_servers_and_a_mark_mends_it() -> None:
    where = director(WEB, WEBS)
    found = said(advice(seen(where)), "may land on different servers")
    after = fold(where, found.changes)
    assert [fields.service_text(key) for key in after.pools] == ["mark:80"]


def test_pairs_that_stick_differently_are_made_alike() -> None:
    longer = replace(WEBS, service=replace(WEBS.service, persistence=Persistence(900)))
    where = director(WEB, longer)
    found = said(advice(seen(where)), "their persistence differs")
    assert fold(where, found.changes).pools[WEBS.service.key].service.persistence == Persistence(300)


def test_a_marked_group_without_persistence_is_given_it() -> None:
    where = director(MARKED)
    found = said(advice(seen(where, rules=Ruleset((rule(80),)))), "is not persistent")
    assert fold(where, found.changes).pools[MARKED.service.key].service.persistence == Persistence(300)


def test_persistence_on_port_0_is_told_of() -> None:
    assert said(advice(seen(director(pool("tcp:192.0.2.10:0", "10.0.0.11:0")))), "every port").remedy


def test_a_service_without_a_rule_and_a_rule_without_a_service_are_told_of() -> None:
    assert said(advice(seen(director(MARKED), rules=Ruleset())), "no rule sets it").mark == 80
    group = MarkGroup(90, (selector("tcp any 90"),))
    orphan = replace(director(), marks={90: group})
    assert said(advice(seen(orphan, rules=Ruleset())), "no service is on it").changes == (MarkChange(group, None),)


def test_what_cannot_be_read_is_not_told_to_be_missing() -> None:
    assert advice(seen(director(MARKED), rules=Ruleset(trouble="no right"))) == ()
    unknown = rule(0, raw="xt MARK")
    assert advice(seen(director(MARKED), rules=Ruleset((unknown,)))) == ()


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ((rule(80, hook="input", priority=100),), "comes too late"),
        ((rule(80, hook=""),), "nothing jumps to"),
        ((rule(80, dormant=True),), "dormant table"),
        ((rule(80, mask=0xFF),), "only the bits 0xff"),
        ((rule(80), rule(90, "tcp 192.0.2.10 443", handle=2)), "a later rule sets 90"),
    ],
)
def test_a_mark_that_ipvs_does_not_see_is_told_with_the_reason(rules: tuple[Rule, ...], words: str) -> None:
    sticky = replace(MARKED, service=replace(MARKED.service, persistence=Persistence()))
    assert said(advice(seen(director(sticky), rules=Ruleset(rules))), words).mark == 80


def test_rules_that_were_flushed_are_written_again_from_the_profile() -> None:
    change = MarkChange(None, MarkGroup(80, (selector("tcp any 80"),)))
    sticky = replace(MARKED, service=replace(MARKED.service, persistence=Persistence()))
    snapshot = replace(seen(director(sticky), rules=Ruleset()), profile=ProfileState("p", True, (change,)))
    assert said(advice(snapshot), "are gone from the packet filter").changes == (change,)


def test_weight_0_everywhere_is_told_and_old_weights_come_back() -> None:
    drained = weighed(WEB, 0, 0)
    servers = {end: replace(server, resume=5) for end, server in drained.servers.items()}
    where = director(replace(drained, servers=servers))
    found = said(advice(seen(where)), "every real server has weight 0")
    assert [server.weight for server in fold(where, found.changes).pools[WEB.service.key].servers.values()] == [5, 5]


def test_a_drained_server_of_a_persistent_service_keeps_its_clients() -> None:
    where = director(weighed(WEB, 1, 0), expire_quiescent_template="0")
    found = said(advice(seen(where)), "its clients keep coming back")
    assert fold(where, found.changes).sysctl["expire_quiescent_template"] == "1"
    assert advice(seen(director(weighed(WEB, 1, 0), expire_quiescent_template="1"))) == ()


def test_masq_without_forwarding_is_told_of_by_family() -> None:
    assert (
        "ip_forward is 0" in said(advice(seen(director(WEB), forwards={Family.IPV4: False})), "masq is used").sentence
    )
    assert advice(seen(director(WEB), forwards={Family.IPV6: False})) == ()


def test_a_routed_server_on_another_port_is_written_as_it_is_reached() -> None:
    held = pool("tcp:192.0.2.10:80", "10.0.0.11:8080")
    servers = {end: replace(server, forwarding=Forwarding.ROUTE) for end, server in held.servers.items()}
    where = director(replace(held, servers=servers))
    found = said(advice(seen(where)), "is on another port")
    assert [end.port for end in fold(where, found.changes).pools[WEB.service.key].servers] == [80]


def test_a_mask_so_wide_that_one_server_gets_everybody_is_told_of() -> None:
    wide = pool("tcp:192.0.2.10:80", "10.0.0.11:80", "10.0.0.12:80", mask="255.0.0.0")
    first, second = wide.servers
    counts = {wide.service.key: {first: ServerStats(sticky=99), second: ServerStats(sticky=1)}}
    where = director(wide)
    found = said(advice(seen(where, servers=counts)), "99 % of all entries")
    persistence = fold(where, found.changes).pools[wide.service.key].service.persistence
    assert persistence is not None
    assert persistence.mask == IPv4Address("255.255.255.255")


def test_both_families_of_a_mark_stick_alike() -> None:
    four = replace(MARKED, service=replace(MARKED.service, persistence=Persistence(300)))
    six = pool("mark6:80", "[fd00::11]:0", timeout=600)
    where = director(four, six)
    found = said(advice(seen(where, rules=Ruleset((rule(80),)))), "differ in persistence")
    assert fold(where, found.changes).pools[six.service.key].service.persistence == Persistence(300, 128)
