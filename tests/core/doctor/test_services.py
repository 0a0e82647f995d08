"""The doctor's questions about one service."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from lvstui.core.doctor.facts import Claim, Facts, Local
from lvstui.core.doctor.finding import State
from lvstui.core.fields import service
from lvstui.core.health.verdict import Trouble, Verdict
from lvstui.core.model import (
    Address,
    Director,
    Forwarding,
    RealServer,
    ServerKey,
    Service,
    ServiceFlags,
)
from lvstui.core.observed import Scan, ServerStats, Stats
from lvstui.core.trace.route import FILTERED, Route
from lvstui.core.trace.trace import End
from tests.build import connection, director, group, pool, server, sticky_pool
from tests.core.doctor.facts import findings, healthy, only, seen_of, with_counts, with_setting

VIP = ip_address("192.0.2.10")
WEB = pool("tcp:192.0.2.10:80", "10.0.0.11:80", "10.0.0.12:80")
DIRECT = pool("tcp:192.0.2.10:80", server("10.0.0.11:80"), server("10.0.0.12:80"))


def without(facts: Facts, address: Address, way: Route) -> Facts:
    """Take an address away; packets to it go another way."""
    left = {held: local for held, local in facts.network.addresses.items() if held != address}
    ways = {
        key: tuple(
            replace(trace, endings=tuple(replace(end, end=End.AWAY, way=way, pool=None) for end in trace.endings))
            for trace in traces
        )
        for key, traces in facts.ways.items()
    }
    return replace(facts, network=replace(facts.network, addresses=left), ways=ways)


AWAY = Route("unicast", "eth0", ip_address("192.0.2.1"))


def test_a_virtual_address_that_is_missing_is_found_with_the_command_that_adds_it() -> None:
    found = only(without(healthy(WEB), VIP, AWAY))
    assert (found.question, found.answer.remedy) == ("address", "ip addr add 192.0.2.10/32 dev eth0")


def test_a_virtual_address_on_an_interface_that_is_down_is_found() -> None:
    facts = healthy(WEB)
    links = {**facts.network.links, "eth0": facts.network.links["eth0"]._replace(up=False)}
    found = only(replace(facts, network=replace(facts.network, links=links)))
    assert (found.question, found.answer.remedy) == ("address", "ip link set eth0 up")


def test_a_virtual_address_that_is_there_and_not_in_use_is_found() -> None:
    facts = healthy(WEB)
    held = facts.network.addresses
    facts = without(facts, VIP, AWAY)
    found = only(replace(facts, network=replace(facts.network, addresses=held)))
    assert (found.question, "192.0.2.10 is on eth0, but" in found.answer.found) == ("address", True)


def test_a_virtual_address_on_another_host_may_be_right() -> None:
    facts = without(healthy(WEB), VIP, AWAY)
    facts = replace(facts, claims={VIP: Claim("eth0", ("52:54:00:00:00:99",))})
    assert "another host (52:54:00:00:00:99)" in only(facts, State.WARNING).answer.found


def test_an_address_that_a_route_alone_makes_local_is_here() -> None:
    facts = healthy(WEB)
    left = {held: local for held, local in facts.network.addresses.items() if held != VIP}
    assert findings(replace(facts, network=replace(facts.network, addresses=left))) == {}


def test_what_rp_filter_drops_is_found_with_the_packet() -> None:
    facts = without(healthy(WEB), ip_address("192.0.2.99"), Route(trouble=FILTERED))
    seen = connection("198.51.100.1:4000", "192.0.2.10:80", "10.0.0.11:80")
    found = only(replace(facts, scan=Scan(connections=(seen,), complete=True)))
    assert (found.question, "198.51.100.1 sends in by eth0" in found.answer.found) == ("rp-filter", True)


def test_clients_that_nobody_has_seen_may_come_in_where_rp_filter_takes_them() -> None:
    facts = without(healthy(WEB), ip_address("192.0.2.99"), Route(trouble=FILTERED))
    found = only(with_setting(facts, "ipv4/conf/eth0/rp_filter", "1"), State.WARNING)
    assert (found.question, found.answer.remedy.startswith("if clients come in by eth0")) == ("rp-filter", True)


def test_another_host_that_answers_for_the_address_is_found() -> None:
    found = only(replace(healthy(WEB), claims={VIP: Claim("eth0", ("52:54:00:00:00:99",))}))
    assert (found.question, "52:54:00:00:00:99" in found.answer.found) == ("other-owner", True)


def test_a_real_server_that_answers_for_the_address_is_named_with_what_silences_it() -> None:
    facts = healthy(DIRECT)
    mac = facts.routes[ip_address("10.0.0.12")].link_address
    found = only(replace(facts, claims={VIP: Claim("eth0", (mac,))}))
    assert "10.0.0.12:80" in found.answer.found
    assert "arp_ignore=1" in found.answer.remedy


def test_who_answers_cannot_be_known_without_the_right() -> None:
    facts = replace(healthy(WEB), claims={VIP: Claim("eth0", trouble="the right CAP_NET_RAW is missing")})
    assert only(facts, State.UNKNOWN).question == "other-owner"


def marked(*selectors: str) -> Director:
    held = director(pool("mark:80", "10.0.0.21:0"))
    return replace(held, marks={80: group(80, *selectors)} if selectors else {})


def test_a_mark_that_nobody_sets_is_found() -> None:
    assert findings(seen_of(marked("tcp 192.0.2.20 80"))) == {}
    found = findings(seen_of(marked()))
    assert found["mark"].answer.state is State.WRONG
    assert found["address"].answer.state is State.UNKNOWN


def test_a_mark_that_tc_may_set_is_not_known_to_be_missing() -> None:
    facts = seen_of(marked())
    with_tc = replace(facts, network=replace(facts.network, classified=("eth0",)))
    found = findings(with_tc)["mark"].answer
    assert (found.state, "filters of tc on eth0 may" in found.found) == (State.UNKNOWN, True)
    coming = {facts.pools[0].service.key: Stats(connection_rate=7)}
    reading = replace(facts.reading, services=coming)
    found = findings(replace(facts, snapshot=replace(facts.snapshot, reading=reading)))["mark"].answer
    assert (found.state, "7 new connections come with it in a second" in found.found) == (State.UNKNOWN, True)


def test_rules_of_one_family_do_not_mark_packets_of_the_other() -> None:
    key = service("mark6:80")
    held = replace(marked("tcp 192.0.2.20 80"), pools={key: pool(key, "[fd00::21]:0")})
    found = findings(seen_of(held))["mark"].answer
    assert (found.state, found.found.partition(":")[0]) == (State.WRONG, "no rule")


def test_rules_that_cannot_be_read_leave_it_open_whether_packets_come() -> None:
    facts = healthy(WEB)
    ways = {key: tuple(replace(trace, trouble="no right") for trace in traces) for key, traces in facts.ways.items()}
    found = only(replace(facts, ways=ways), State.UNKNOWN)
    assert found.answer.sentence == "could not be known, because not all rules are known: no right"


def test_a_service_on_port_0_without_persistence_serves_nobody() -> None:
    found = findings(healthy(pool("tcp:192.0.2.10:0", "10.0.0.11:0")))
    assert found["weights"].answer.state is State.WRONG


def test_packets_that_another_service_takes_are_found() -> None:
    held = marked("tcp 192.0.2.10 80")
    held = replace(held, pools={**held.pools, WEB.service.key: WEB})
    found = findings(seen_of(held))
    assert found["arrival"].service == WEB.service.key
    assert "mark:80 instead" in found["arrival"].answer.found


def test_a_service_on_all_ports_is_asked_about_at_one_that_no_other_has() -> None:
    every = sticky_pool("tcp:192.0.2.10:0", "10.0.0.11:0")
    found = findings(healthy(WEB, every))
    assert set(found) == {"advice"}


@pytest.mark.parametrize("servers", [(), (server("10.0.0.11:80", weight=0),)])
def test_a_service_that_serves_nobody_is_found(servers: tuple[RealServer, ...]) -> None:
    assert only(healthy(pool("tcp:192.0.2.10:80", *servers))).question == "weights"


@pytest.mark.parametrize(
    ("scheduler", "flags", "found"),
    [
        ("sh", ServiceFlags.NONE, True),
        ("mh", ServiceFlags.NONE, True),
        ("dh", ServiceFlags.NONE, True),
        ("sh", ServiceFlags.SCHED_1, False),
        ("mh", ServiceFlags.SCHED_1, False),
        ("wlc", ServiceFlags.NONE, False),
        ("rr", ServiceFlags.NONE, False),
    ],
)
def test_a_scheduler_that_refuses_the_clients_of_drained_servers_is_found(
    scheduler: str, flags: ServiceFlags, found: bool
) -> None:
    drained = server("10.0.0.12:80", Forwarding.MASQ, weight=0)
    held = pool(Service(WEB.service.key, scheduler, flags), "10.0.0.11:80", drained)
    assert set(findings(healthy(held))) == ({"refusing"} if found else set())


def test_full_servers_are_found_and_wrong_where_no_other_takes_clients() -> None:
    limited = server("10.0.0.11:80", Forwarding.MASQ, upper=10)
    counts = {limited.endpoint: ServerStats(active=10)}
    assert only(with_counts(healthy(pool("tcp:192.0.2.10:80", limited, "10.0.0.12:80")), counts), State.WARNING)
    assert only(with_counts(healthy(pool("tcp:192.0.2.10:80", limited)), counts)).question == "full"


def test_a_server_that_is_seen_in_trouble_is_found_with_its_evidence() -> None:
    facts = healthy(WEB)
    key = ServerKey(WEB.service.key, next(iter(WEB.servers)))
    health = {key: Verdict(Trouble.SILENT, "12 new in 20 s, 0 established", 0.0)}
    found = only(replace(facts, snapshot=replace(facts.snapshot, health=health)))
    assert found.answer.found == "10.0.0.11:80 is silent: 12 new in 20 s, 0 established"


@pytest.mark.parametrize(("arp_ignore", "is_found"), [("0", False), ("1", True), ("2", True), ("3", False)])
def test_an_address_that_its_neighbours_do_not_find_is_to_be_looked_at(arp_ignore: str, is_found: bool) -> None:
    facts = healthy(WEB)
    facts = replace(facts, network=replace(facts.network, addresses=on_loopback(facts, VIP)))
    found = findings(with_setting(facts, "ipv4/conf/eth0/arp_ignore", arp_ignore))
    assert set(found) == ({"address"} if is_found else set())
    if is_found:
        assert found["address"].answer.state is State.WARNING
        assert f"neighbours on eth0 do not find {VIP}" in found["address"].answer.found


def on_loopback(facts: Facts, address: Address) -> dict[Address, Local]:
    """Return the addresses of a machine that has one of them on its loopback interface alone."""
    return {**facts.network.addresses, address: Local("lo", address.max_prefixlen)}
