"""The doctor's questions about the real servers of a service."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from lvstui.core import fields
from lvstui.core.doctor.finding import State
from lvstui.core.doctor.servers import overhead
from lvstui.core.model import Forwarding, ServerKey, Service, ServiceFlags, Tunnel, TunnelType
from lvstui.core.observed import ServerStats, Stats
from lvstui.core.packets import program
from lvstui.core.probes.answer import Answer, Outcome
from tests.build import endpoint, pool, server
from tests.core.doctor.facts import findings, healthy, only, with_counts, with_passages, with_route

RS1 = ip_address("10.0.0.11")
WEB = pool("tcp:192.0.2.10:80", "10.0.0.11:80", "10.0.0.12:80")
DIRECT = pool("tcp:192.0.2.10:80", server("10.0.0.11:80"), server("10.0.0.12:80"))
TUNNEL = pool("tcp:192.0.2.10:80", server("10.0.0.11:80", Forwarding.TUNNEL))


@pytest.mark.parametrize("state", ["failed", "incomplete"])
def test_a_neighbour_that_does_not_answer_is_found(state: str) -> None:
    found = only(with_route(healthy(WEB), RS1, neighbour=state, link_address=""))
    assert (found.question, found.answer.found) == ("routes", f"10.0.0.11:80: it does not answer on eth1 ({state})")


def test_who_failed_once_may_be_well_again_unless_it_was_asked_just_now() -> None:
    facts = with_route(healthy(WEB), RS1, neighbour="failed", link_address="")
    remedy = "look whether the machine is up, and at its address, cable and VLAN"
    assert only(facts).answer.remedy == f"{remedy}; it may be well again: a probe asks it anew"
    asked = {ServerKey(WEB.service.key, end): (Answer(Outcome.ANSWERS, "it takes"),) for end in WEB.servers}
    assert only(replace(facts, probes=asked)).answer.remedy == remedy


@pytest.mark.parametrize("state", ["reachable", "stale", "delay", "permanent", "noarp", "unknown", ""])
def test_other_neighbours_are_fine(state: str) -> None:
    assert findings(with_route(healthy(WEB), RS1, neighbour=state)) == {}


def test_a_server_without_a_route_is_found() -> None:
    found = only(with_route(healthy(WEB), RS1, kind="", trouble="there is no route"))
    assert found.answer.found == "10.0.0.11:80: there is no route"


def test_a_direct_server_behind_a_router_is_found() -> None:
    router = ip_address("10.0.0.1")
    found = only(with_route(healthy(DIRECT), RS1, gateway=router))
    assert (found.question, str(router) in found.answer.found) == ("network", True)
    assert findings(with_route(healthy(WEB), RS1, gateway=router)) == {}
    assert findings(with_route(healthy(TUNNEL), RS1, gateway=router)) == {}


def test_a_direct_server_on_another_port_is_found_once() -> None:
    found = only(healthy(pool("tcp:192.0.2.10:80", server("10.0.0.11:8080"))))
    assert found.question == "ports"


@pytest.mark.parametrize(
    ("tunnel", "at", "bytes_before"),
    [
        (Tunnel(), "10.0.0.11:80", 20),
        (Tunnel(), "[fd00::11]:80", 40),
        (Tunnel(TunnelType.GUE, 6080), "10.0.0.11:80", 32),
        (Tunnel(TunnelType.GUE, 6080, 2), "10.0.0.11:80", 36),
        (Tunnel(TunnelType.GRE), "10.0.0.11:80", 24),
        (Tunnel(TunnelType.GRE, 0, 1), "10.0.0.11:80", 28),
    ],
)
def test_the_headers_of_tunnels_take_room(tunnel: Tunnel, at: str, bytes_before: int) -> None:
    assert overhead(server(at, Forwarding.TUNNEL, tunnel=tunnel)) == bytes_before


@pytest.mark.parametrize(("mtu", "state"), [(1519, State.WARNING), (80, State.WRONG), (1520, None)])
def test_packets_that_do_not_fit_into_a_tunnel_are_found(mtu: int, state: State | None) -> None:
    found = findings(with_route(healthy(TUNNEL), RS1, mtu=mtu))
    assert {name: finding.answer.state for name, finding in found.items()} == ({"mtu": state} if state else {})


@pytest.mark.parametrize(
    ("stats", "is_found"),
    [
        (Stats(in_packets=50), True),
        (Stats(in_packets=2), False),
        (Stats(in_packets=50, out_packets=48), False),
        (Stats(in_packets=5000, out_packets=4000, in_packet_rate=9), True),
        (Stats(in_packets=5000, out_packets=4000, in_packet_rate=9, out_packet_rate=8), False),
    ],
)
def test_a_masqueraded_server_of_which_nothing_comes_back_is_found(stats: Stats, is_found: bool) -> None:
    counts = {endpoint("10.0.0.11:80"): ServerStats(stats=stats), endpoint("10.0.0.12:80"): ServerStats()}
    assert set(findings(with_counts(healthy(WEB), counts))) == ({"answers"} if is_found else set())
    assert findings(with_counts(healthy(DIRECT), counts)) == {}


def test_answers_that_a_probe_gets_and_clients_do_not_take_another_way() -> None:
    facts = with_counts(healthy(WEB), {endpoint("10.0.0.11:80"): ServerStats(stats=Stats(in_packets=50))})
    key = ServerKey(WEB.service.key, endpoint("10.0.0.11:80"))
    facts = replace(facts, probes={key: (Answer(Outcome.ANSWERS, "it answers", 1.0),)})
    assert "though it answers this director" in only(facts).answer.found


def test_counters_that_only_root_sees_are_not_known() -> None:
    counts = {endpoint("10.0.0.11:80"): ServerStats(stats=None)}
    assert only(with_counts(healthy(WEB), counts), State.UNKNOWN).question == "answers"


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        (Outcome.SILENT, State.WRONG),
        (Outcome.REFUSES, State.WRONG),
        (Outcome.UNREACHABLE, State.WRONG),
        (Outcome.UNASKED, State.UNKNOWN),
        (Outcome.UNKNOWN, State.UNKNOWN),
        (Outcome.WRONG, State.WRONG),
    ],
)
def test_what_a_probe_found_is_said(outcome: Outcome, state: State) -> None:
    key = ServerKey(DIRECT.service.key, endpoint("10.0.0.11:80"))
    facts = replace(healthy(DIRECT), probes={key: (Answer(outcome, "no answer for 192.0.2.10 in 2 s"),)})
    found = only(facts, state)
    assert (found.question, "no answer for 192.0.2.10" in found.answer.found) == ("probe", True)


def test_a_tunnel_to_this_machine_itself_needs_no_room() -> None:
    assert findings(with_route(healthy(TUNNEL), RS1, kind="local", interface="lo", mtu=0)) == {}


@pytest.mark.parametrize("method", [Forwarding.ROUTE, Forwarding.TUNNEL])
def test_of_a_server_on_this_machine_only_its_program_is_to_be_looked_at(method: Forwarding) -> None:
    facts = healthy(pool("tcp:192.0.2.10:80", server("10.0.0.11:80", method)))
    key = ServerKey(facts.pools[0].service.key, endpoint("10.0.0.11:80"))
    facts = replace(facts, probes={key: (Answer(Outcome.REFUSES, "10.0.0.11:80 refuses a connection"),)})
    assert "the virtual address on" in only(facts).answer.remedy
    here = with_route(facts, RS1, kind="local", interface="lo")
    assert only(here).answer.remedy.startswith("on the server, look at the program")


def test_answers_of_one_packet_services_by_masq_leave_as_they_are() -> None:
    names = pool(Service(fields.service("udp:192.0.2.10:53"), flags=ServiceFlags.ONE_PACKET), "10.0.0.11:53")
    assert "from the servers' own addresses" in only(healthy(names), State.WARNING).answer.found
    direct = pool(names.service, server("10.0.0.11:53", Forwarding.ROUTE))
    assert findings(healthy(direct)) == {}


def test_answers_may_be_dropped_by_rules_of_this_machine() -> None:
    counts = {endpoint("10.0.0.11:80"): ServerStats(stats=Stats(in_packets=50))}
    facts = with_counts(healthy(WEB), counts)
    assert "another way" in only(facts).answer.found
    assert "drops them here" not in only(facts).answer.found
    assert "or a rule of the hook forward drops them here" in only(replace(facts, answered={})).answer.found
    closed = findings(with_passages(facts, program.Outcome.DROP))["answers"].answer
    assert closed.found == "nothing comes back from 10.0.0.11:80: chain FORWARD of filter (policy drop) drops it"
    assert closed.remedy == "accept there what comes from 10.0.0.11, source port 80"
    perhaps = findings(with_passages(facts, program.Outcome.ACCEPT, program.Outcome.DROP))["answers"].answer
    assert "or chain FORWARD of filter (policy drop) drops them here" in perhaps.found
