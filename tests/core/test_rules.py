"""What is reported as wrong, and how gravely."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

import pytest
from hypothesis import given

from lvstui.core.change import (
    EMPTY,
    Change,
    DirectorField,
    change_daemon,
    change_server,
    change_service,
    change_sysctl,
    change_timeouts,
)
from lvstui.core.model import (
    INT_MAX,
    PERSISTENCE_MAX,
    AddressKey,
    Director,
    Forwarding,
    Persistence,
    Pool,
    Probe,
    ProbeType,
    Protocol,
    RealServer,
    Service,
    ServiceFlags,
    ServiceKey,
    SyncDaemon,
    SyncRole,
    Timeouts,
    Tunnel,
    TunnelType,
)
from lvstui.core.rules import Problem, Severity, check, problems
from tests.build import MARK, address_key, endpoint, pool, server
from tests.core.strategies import directors, laws

TCP = address_key("tcp:192.0.2.10:443")
UDP = address_key("udp:192.0.2.10:53")
ANY = address_key("tcp:192.0.2.10:0")
V6 = address_key("tcp:[2001:db8::10]:443")
WEB = server("10.0.0.11:443")
WEB6 = server("[fd00::11]:443", Forwarding.TUNNEL)
MASTER = SyncDaemon(SyncRole.MASTER, "eth1")
E, W = Severity.ERROR, Severity.WARNING


def flawed_fields(found: tuple[Problem, ...]) -> list[tuple[str, Severity]]:
    return [(problem.field, problem.severity) for problem in found]


def add(service: Service) -> Change:
    return change_service(None, service)


def put(key: ServiceKey, server: RealServer) -> Change:
    return change_server(key, None, server)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (add(Service(TCP)), []),
        (add(Service(ANY)), [("service", W)]),
        (add(Service(ANY, persistence=Persistence())), []),
        (add(Service(AddressKey(Protocol(47), TCP.address, 1))), [("service", W)]),
        (add(Service(TCP, flags=ServiceFlags.ONE_PACKET)), [("flags", W)]),
        (add(Service(UDP, flags=ServiceFlags.ONE_PACKET)), []),
        (add(Service(TCP, persistence=Persistence(PERSISTENCE_MAX))), []),
        (add(Service(TCP, persistence=Persistence(PERSISTENCE_MAX + 1))), [("timeout", W)]),
        (add(Service(TCP, persistence=Persistence(0))), [("timeout", W)]),
        (add(Service(TCP, persistence=Persistence(mask=IPv4Address("255.0.255.0")))), [("netmask", W)]),
        (add(Service(TCP, persistence=Persistence(mask=24))), [("netmask", E)]),
        (add(Service(V6, persistence=Persistence(mask=64))), []),
        (add(Service(V6, persistence=Persistence(mask=0))), [("prefix", E)]),
        (add(Service(V6, persistence=Persistence())), [("prefix", E)]),
        (add(Service(UDP, persistence=Persistence(engine="sip"))), []),
        (add(Service(MARK, persistence=Persistence(engine="sip"))), []),
        (add(Service(TCP, persistence=Persistence(engine="sip"))), [("engine", W)]),
        (add(Service(TCP, probe=Probe(ProbeType.HTTP, path="/health"))), []),
        (add(Service(TCP, probe=Probe(path="/health", name="x"))), [("probe.path", W), ("probe.name", W)]),
        (add(Service(TCP, probe=Probe(ProbeType.DNS))), [("probe.name", E), ("probe.type", W)]),
        (add(Service(UDP, probe=Probe(ProbeType.DNS, name="."))), []),
        (add(Service(UDP, probe=Probe(ProbeType.UDP))), [("probe.send", W)]),
        (add(Service(UDP, probe=Probe(ProbeType.HTTP))), [("probe.type", W)]),
        (add(Service(UDP, probe=Probe(ProbeType.HTTP, 8080))), []),
        (add(Service(ANY, persistence=Persistence(), probe=Probe())), [("probe.port", W)]),
        (add(Service(MARK, probe=Probe(ProbeType.HTTP))), []),
        (put(TCP, WEB), []),
        (put(TCP, replace(WEB, weight=-1)), [("weight", E)]),
        (put(TCP, replace(WEB, weight=INT_MAX + 1)), [("weight", E)]),
        (put(TCP, replace(WEB, upper=5, lower=5)), []),
        (put(TCP, replace(WEB, upper=5, lower=6)), [("lower", E)]),
        (put(TCP, replace(WEB, upper=0, lower=1)), [("lower", E)]),
        (put(TCP, replace(WEB, upper=INT_MAX + 1)), [("upper", E)]),
        (put(TCP, replace(WEB, tunnel=Tunnel(TunnelType.GUE))), [("tunnel", E)]),
        (put(TCP, replace(WEB, endpoint=endpoint("10.0.0.11:8443"))), [("server", W)]),
        (put(TCP, server("10.0.0.11:8443", Forwarding.MASQ)), []),
        (put(MARK, replace(WEB, endpoint=endpoint("10.0.0.11:8443"))), []),
        (put(TCP, replace(WEB, endpoint=endpoint("224.0.0.1:443"))), [("server", E)]),
        (put(TCP, WEB6), []),
        (put(TCP, replace(WEB6, forwarding=Forwarding.MASQ)), [("forwarding", E)]),
        (change_timeouts(None, Timeouts()), []),
        (change_timeouts(None, Timeouts(tcp=-1)), [("tcp", E)]),
        (change_timeouts(None, Timeouts(udp=INT_MAX)), [("udp", E)]),
        (change_timeouts(None, Timeouts(tcp_fin=INT_MAX // 1000 + 1)), [("tcp_fin", W)]),
        (change_timeouts(None, Timeouts(tcp=0)), [("tcp", W)]),
        (change_daemon(None, MASTER), []),
        (change_daemon(None, replace(MASTER, group=IPv4Address("10.0.0.1"))), [("group", E)]),
        (Change(DirectorField.NAME, "", "lb1"), []),
    ],
)
def test_what_is_wrong_with_a_change_is_found(change: Change, expected: list[tuple[str, Severity]]) -> None:
    assert flawed_fields(problems(change, EMPTY)) == expected


def test_the_removal_of_what_is_wrong_is_never_wrong() -> None:
    wrong = Director({ANY: Pool(Service(ANY), {WEB.endpoint: replace(WEB, weight=-1)})})
    assert problems(change_service(Service(ANY), None), wrong) == ()
    assert problems(change_server(ANY, replace(WEB, weight=-1), None), wrong) == ()


def test_what_exists_cannot_be_added_and_may_be_edited() -> None:
    held = Director({TCP: pool(TCP, WEB)})
    assert flawed_fields(problems(add(Service(TCP)), held)) == [("service", E)]
    assert flawed_fields(problems(put(TCP, WEB), held)) == [("server", E)]
    assert problems(change_service(Service(TCP), Service(TCP, "rr")), held) == ()
    assert problems(change_server(TCP, WEB, replace(WEB, weight=2)), held) == ()


def test_a_name_belongs_to_one_service_and_to_one_server_of_it() -> None:
    other = replace(WEB, endpoint=endpoint("10.0.0.12:443"))
    named = replace(WEB, name="web")
    held = Director({TCP: Pool(Service(TCP, name="shop"), {WEB.endpoint: named})})
    assert flawed_fields(problems(add(Service(UDP, name="shop")), held)) == [("name", E)]
    assert flawed_fields(problems(put(TCP, replace(other, name="web")), held)) == [("name", E)]
    assert problems(change_service(Service(TCP), Service(TCP, name="shop")), held) == ()
    assert problems(change_server(TCP, WEB, named), held) == ()


def test_servers_of_the_other_family_and_sync_daemons_exclude_each_other() -> None:
    mixed = Director({TCP: pool(TCP, WEB6)})
    assert flawed_fields(problems(change_daemon(None, MASTER), mixed)) == [("role", E)]
    assert flawed_fields(problems(put(TCP, WEB6), Director(sync={SyncRole.MASTER: MASTER}))) == [("server", E)]


def test_errors_stand_before_warnings() -> None:
    change = put(TCP, server("[fd00::11]:80", weight=-1))
    assert [problem.severity for problem in problems(change, EMPTY)] == [E, E, W]


def test_what_is_wrong_in_a_whole_director_is_found_with_its_place() -> None:
    director = Director(
        {TCP: Pool(Service(TCP), {WEB.endpoint: replace(WEB, weight=-1)}), ANY: pool(ANY)},
        timeouts=Timeouts(tcp=0),
        sync={SyncRole.MASTER: replace(MASTER, group=IPv4Address("10.0.0.1"))},
    )
    assert [(problem.where, problem.field) for problem in check(director)] == [
        ("timeouts", "tcp"),
        ("sync master", "group"),
        ("tcp:192.0.2.10:443 / 10.0.0.11:443", "weight"),
        ("tcp:192.0.2.10:0", "service"),
    ]
    assert str(check(director)[2]).startswith("tcp:192.0.2.10:443 / 10.0.0.11:443: weight: -1 is out of range; give 0")


@laws
@given(directors())
def test_what_a_kernel_can_hold_has_warnings_at_most(director: Director) -> None:
    assert [problem for problem in check(director) if problem.severity is E] == []


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("conntrack", "1", []),
        ("conntrack", "2", [("conntrack", W)]),
        ("conntrack", "yes", [("conntrack", E)]),
        ("of_a_newer_kernel", "any text", []),
        ("conntrak", "1", [("conntrak", W)]),
        ("../stat", "1", [("../stat", E)]),
    ],
)
def test_a_setting_is_judged_by_what_the_kernel_takes_and_by_what_it_means(
    name: str, text: str, expected: list[tuple[str, Severity]]
) -> None:
    assert flawed_fields(problems(change_sysctl(name, "0", text), EMPTY)) == expected
    assert flawed_fields(check(Director(sysctl={name: text}))) == expected
    assert problems(change_sysctl(name, "0", None), EMPTY) == ()


def test_a_field_that_a_probe_has_no_use_for_is_named_with_the_types_that_have_one() -> None:
    (problem,) = problems(add(Service(TCP, probe=Probe(path="/health"))), EMPTY)
    assert str(problem) == "probe.path: means nothing with type tcp; make the type http or https, or take it out"
