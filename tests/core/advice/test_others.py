"""Systems that others run beside IPVS get no advice that is not true, or that their owner would undo."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lvstui.core.advice.services import advice
from lvstui.core.marks.detail import detail
from lvstui.core.marks.mark import mark_at
from lvstui.core.marks.rows import GroupRow
from lvstui.core.model import AddressKey, Family, Persistence
from lvstui.core.observed import ALL_BITS, Policy, Ruleset
from lvstui.core.record import Owner
from lvstui.core.snapshot import Snapshot
from tests.build import block_text, director, pool, rule, snapshot, sticky_pool
from tests.core.advice import rulesets


def seen(table: str, *rules: str) -> Snapshot:
    return snapshot(rulesets.director(table), rules=rulesets.ruleset(*rules))


def sentences(of: Snapshot) -> list[str]:
    return [str(piece) for piece in advice(of)]


def test_swarms_ingress_gets_no_advice() -> None:
    swarm = seen("swarm_ingress", "swarm_ingress")
    assert sentences(swarm) == []
    assert [mark_at(swarm, mark).state.text for mark in (257, 258)] == ["ok", "ok"]


def test_a_mark_that_comes_from_the_connections_mark_is_set() -> None:
    restored = seen("connmark_restored", "connmark_restored")
    assert sentences(restored) == []
    assert mark_at(restored, 80).state.text == "ok"
    (known,) = mark_at(restored, 80).rules
    assert known.verb == "save 80"


def test_a_swarm_of_many_services_gets_no_advice_wherever_dockerd_is_seen() -> None:
    marks = range(256, 300)
    held = director(*(pool(f"mark:{mark}", "10.0.1.1:0", "10.0.1.2:0") for mark in marks))
    published = [
        rule(mark, f"tcp any {9000 + mark + more}", table="mangle", priority=-150)
        for mark in marks
        for more in (0, 1000)
    ]
    among = snapshot(held, rules=Ruleset(tuple(published)))
    assert len(sentences(among)) == len(marks)
    assert sentences(replace(among, owners=(Owner("dockerd", 7),))) == []


def test_affinity_of_kubernetes_is_not_to_be_bundled_by_a_mark() -> None:
    assert sentences(seen("kube_proxy_affinity")) == []
    assert sentences(seen("kube_proxy_affinity", "kube_proxy_affinity")) == []


@pytest.mark.parametrize("program", ["kube-proxy", "kube-router", "k3s-server"])
def test_affinity_of_any_length_is_left_alone_where_its_owner_runs(program: str) -> None:
    table = rulesets.director("kube_proxy_affinity")
    pools = [
        replace(held, service=replace(held.service, persistence=Persistence(600))) for held in table.pools.values()
    ]
    alone = snapshot(director(*pools))
    assert len(sentences(alone)) == 1
    assert sentences(replace(alone, owners=(Owner(program, 7),))) == []
    keys = frozenset(key for key in table.pools if isinstance(key, AddressKey))
    assert len(sentences(replace(alone, owners=(Owner("keepalived", 7, services=keys),)))) == 1


def test_the_rules_of_kube_proxy_in_ipvs_mode_show_whose_the_services_are() -> None:
    table = rulesets.director("kube_proxy_affinity")
    pools = [
        replace(held, service=replace(held.service, persistence=Persistence(600))) for held in table.pools.values()
    ]
    rules = rulesets.ruleset("kube_proxy_affinity")
    assert sentences(snapshot(director(*pools), rules=rules)) == []


def test_kube_router_gets_no_advice() -> None:
    assert sentences(seen("kube_router", "kube_router")) == []


@pytest.mark.parametrize("other", ["mwan3", "istio", "tailscale", "wg_quick", "kube_proxy_affinity"])
def test_rules_of_others_beside_a_group_of_ours_are_no_advice(other: str) -> None:
    assert sentences(seen("web_group", "web_group", other)) == []


def test_a_mark_that_policy_routing_uses_too_is_reported_unless_its_table_delivers_here() -> None:
    web = seen("web_group", "web_group")

    def routed(*policies: Policy) -> list[str]:
        return sentences(replace(web, reading=replace(web.reading, policies=policies)))

    policy = Policy(Family.IPV4, 100, 80, ALL_BITS, "lookup 200")
    (said,) = routed(policy)
    assert "policy routing uses it too (ip rule 100: fwmark 0x50 lookup 200)" in said
    assert routed(policy._replace(delivers=True)) == []
    assert routed(policy._replace(value=0x100, mask=0x3F00)) == []
    assert len(routed(policy._replace(mask=0xFF))) == 1
    assert routed(policy._replace(value=0xCA6C, inverted=True)) == []
    where = block_text(detail(replace(web, reading=replace(web.reading, policies=(policy,))), GroupRow(80), 78))
    assert "ip rule 100: fwmark 0x50 lookup 200" in where


def test_a_group_of_keepalived_itself_needs_no_persistence() -> None:
    marked = rule(1000, "tcp 192.0.2.10 80,443", table="keepalived_ipvs", chain="in", hook="input", priority=-1)
    held = director(pool("mark:1000", "10.0.0.11:0", "10.0.0.12:0"))
    theirs = snapshot(held, rules=Ruleset((marked,)))
    assert sentences(theirs) == []
    assert mark_at(theirs, 1000).state.text == "ok"
    ours = replace(marked, table="shop")
    assert len(sentences(snapshot(held, rules=Ruleset((ours,))))) == 1


def test_services_of_operators_beside_a_cluster_still_get_advice() -> None:
    web = [sticky_pool(f"tcp:192.0.2.10:{port}", f"10.0.0.11:{port}", f"10.0.0.12:{port}") for port in (80, 443)]
    proxy = Owner("kube-proxy", 7, services=frozenset())
    assert len(sentences(replace(snapshot(director(*web)), owners=(proxy,)))) == 1
