"""The contract of `Kernel`, kept by the kernel in memory and by the running one alike."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, ip_address

import pytest

from lvstui.core.change import (
    EMPTY,
    Change,
    DirectorField,
    change_daemon,
    change_server,
    change_service,
    change_sysctl,
    change_timeouts,
    kernel_writes,
)
from lvstui.core.drift import diff
from lvstui.core.model import (
    INT_MAX,
    AddressKey,
    Director,
    Endpoint,
    Family,
    Forwarding,
    MarkKey,
    Persistence,
    Pool,
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
from lvstui.core.observed import ServerStats, Stats
from lvstui.core.offer import SCHEDULERS
from lvstui.kernel.port import Kernel, Refused
from tests.build import MARK, address_key, remove_services

WEB = address_key("tcp:192.0.2.10:80")
WEB6 = address_key("tcp:[2001:db8::10]:80")
DNS = address_key("udp:192.0.2.10:53")
MARK6 = MarkKey(80, Family.IPV6)
MASK = IPv4Address("255.255.255.0")
GUE = Tunnel(TunnelType.GUE, 6080, 1)
MASTER = SyncDaemon(SyncRole.MASTER, "lo", 7, 1400)
BACKUP = SyncDaemon(SyncRole.BACKUP, "lo", 8, 1400)


def at(address: str, port: int = 80) -> Endpoint:
    return Endpoint(ip_address(address), port)


FIRST = RealServer(at("10.0.0.11"), Forwarding.MASQ, 3, upper=1000, lower=800)
SECOND = RealServer(at("10.0.0.12"), Forwarding.TUNNEL, 2, tunnel=GUE)
SIXTH = RealServer(at("fd00::11"), Forwarding.TUNNEL, 1)


def add(kernel: Kernel, key: ServiceKey = WEB, *servers: RealServer) -> Service:
    service = Service(key)
    kernel.write(change_service(None, service))
    for server in servers:
        kernel.write(change_server(key, None, server))
    return service


def pool(kernel: Kernel, key: ServiceKey = WEB) -> Pool:
    return kernel.read().director.pools[key]


def refusal(kernel: Kernel, change: Change) -> Refused:
    """Write what must be refused, and see that nothing changed."""
    before = kernel.read().director
    with pytest.raises(Refused) as caught:
        kernel.write(change)
    assert kernel.read().director == before
    assert str(caught.value)
    return caught.value


SERVICES = [
    *(Service(WEB, scheduler) for scheduler in sorted(SCHEDULERS - {"twos"})),
    Service(WEB6),
    Service(DNS, "rr", ServiceFlags.ONE_PACKET),
    Service(address_key("sctp:192.0.2.10:3868")),
    Service(AddressKey(Protocol(50), ip_address("192.0.2.10"), 0)),
    Service(address_key("tcp:192.0.2.10:0")),
    Service(address_key("tcp:192.0.2.10:65535")),
    Service(MARK),
    Service(MARK6),
    Service(MarkKey(2**32 - 1, Family.IPV4)),
    Service(WEB, "sh", ServiceFlags.SCHED_1 | ServiceFlags.SCHED_2),
    Service(WEB, "mh", ServiceFlags.SCHED_1),
    Service(WEB, "wlc", ServiceFlags.SCHED_3),
    Service(WEB, persistence=Persistence()),
    Service(WEB, persistence=Persistence(1, MASK)),
    Service(WEB, persistence=Persistence(2678400, IPv4Address("0.0.0.0"))),
    Service(WEB, persistence=Persistence(300, IPv4Address("255.0.255.0"))),
    Service(WEB6, persistence=Persistence(300, 1)),
    Service(WEB6, persistence=Persistence(300, 128)),
    Service(MARK, persistence=Persistence(60, MASK)),
    Service(MARK6, persistence=Persistence(60, 64)),
    Service(DNS, persistence=Persistence(60, engine="sip")),
    Service(DNS, "rr", ServiceFlags.ONE_PACKET, Persistence(60, MASK, "sip")),
]


@pytest.mark.parametrize("service", SERVICES, ids=repr)
def test_a_service_is_read_back_as_it_was_added(kernel: Kernel, service: Service) -> None:
    kernel.write(change_service(None, service))
    assert kernel.read().director.pools == {service.key: Pool(service)}
    assert kernel.lookup(change_service(service, None).target) == service


@pytest.mark.parametrize("after", [service for service in SERVICES if service.key == WEB], ids=repr)
def test_an_edited_service_is_replaced_and_keeps_its_servers(kernel: Kernel, after: Service) -> None:
    before = Service(WEB, "wrr", ServiceFlags.SCHED_2, Persistence(600, MASK))
    kernel.write(change_service(None, before))
    kernel.write(change_server(WEB, None, FIRST))
    kernel.write(change_service(before, after))
    assert pool(kernel) == Pool(after, {FIRST.endpoint: FIRST})


def test_an_engine_can_be_taken_away_again(kernel: Kernel) -> None:
    before = Service(DNS, persistence=Persistence(60, engine="sip"))
    after = Service(DNS, persistence=Persistence(60))
    kernel.write(change_service(None, before))
    kernel.write(change_service(before, after))
    assert pool(kernel, DNS).service == after


def test_both_families_may_use_one_mark_and_all_protocols_one_port(kernel: Kernel) -> None:
    keys = (MARK, MARK6, WEB, WEB6, WEB._replace(protocol=Protocol.UDP), WEB._replace(protocol=Protocol.SCTP))
    for key in keys:
        add(kernel, key)
    assert set(kernel.read().director.pools) == set(keys)


SERVERS = [
    *(RealServer(at("10.0.0.11"), forwarding) for forwarding in list(Forwarding)[:5]),
    *(RealServer(at("10.0.0.11"), weight=weight) for weight in (0, 65536, INT_MAX)),
    RealServer(at("10.0.0.11", 0)),
    RealServer(at("10.0.0.11", 8080), Forwarding.ROUTE),
    RealServer(at("10.0.0.11"), upper=INT_MAX, lower=INT_MAX),
    RealServer(at("10.0.0.11"), upper=10),
    RealServer(at("10.0.0.11"), Forwarding.TUNNEL, tunnel=GUE),
    RealServer(at("10.0.0.11"), Forwarding.TUNNEL, tunnel=Tunnel(TunnelType.GUE, 65535, 2)),
    RealServer(at("10.0.0.11"), Forwarding.TUNNEL, tunnel=Tunnel(TunnelType.GRE, 0, 1)),
    RealServer(at("10.0.0.11"), Forwarding.MASQ, tunnel=Tunnel(TunnelType.GRE)),
]


@pytest.mark.parametrize("server", SERVERS, ids=repr)
def test_a_server_is_read_back_as_it_was_added(kernel: Kernel, server: RealServer) -> None:
    add(kernel, WEB, server)
    assert pool(kernel).servers == {server.endpoint: server}
    assert kernel.lookup(change_server(WEB, server, None).target) == server


@pytest.mark.parametrize("server", [server for server in SERVERS if server.endpoint == FIRST.endpoint], ids=repr)
def test_an_edited_server_is_replaced_and_the_others_stay(kernel: Kernel, server: RealServer) -> None:
    add(kernel, WEB, FIRST, SECOND)
    kernel.write(change_server(WEB, FIRST, server))
    assert pool(kernel).servers == {server.endpoint: server, SECOND.endpoint: SECOND}


@pytest.mark.parametrize("server", [FIRST, SECOND, SIXTH], ids=repr)
def test_an_edit_of_what_was_read_keeps_everything_else(kernel: Kernel, server: RealServer) -> None:
    add(kernel, WEB, server)
    held = pool(kernel).servers[server.endpoint]
    kernel.write(change_server(WEB, held, replace(held, weight=held.weight + 1)))
    assert pool(kernel).servers == {server.endpoint: replace(server, weight=server.weight + 1)}


def test_ipv6_servers_are_read_back(kernel: Kernel) -> None:
    server = RealServer(at("fd00::11"), Forwarding.MASQ, 5, upper=20, lower=10)
    add(kernel, WEB6, server)
    assert pool(kernel, WEB6).servers == {server.endpoint: server}


@pytest.mark.parametrize("key", [WEB, WEB6, MARK, MARK6], ids=repr)
def test_a_tunnel_leads_to_a_server_of_either_family(kernel: Kernel, key: ServiceKey) -> None:
    servers = (SECOND, SIXTH)
    add(kernel, key, *servers)
    assert pool(kernel, key).servers == {server.endpoint: server for server in servers}


def test_a_server_removed_is_gone_and_the_others_stay(kernel: Kernel) -> None:
    add(kernel, WEB, FIRST, SECOND)
    kernel.write(change_server(WEB, FIRST, None))
    assert pool(kernel).servers == {SECOND.endpoint: SECOND}


def test_a_service_removed_takes_its_servers_along(kernel: Kernel) -> None:
    service = add(kernel, WEB, FIRST, SECOND)
    add(kernel, MARK, FIRST)
    kernel.write(change_service(service, None))
    assert set(kernel.read().director.pools) == {MARK}
    add(kernel, WEB)
    assert pool(kernel).servers == {}


def test_one_servers_address_may_serve_with_several_ports(kernel: Kernel) -> None:
    servers = [RealServer(at("10.0.0.11", port)) for port in (80, 81, 82)]
    add(kernel, WEB, *servers)
    assert set(pool(kernel).servers) == {server.endpoint for server in servers}


def test_names_and_notes_are_not_held(kernel: Kernel) -> None:
    service = Service(WEB, name="shop", note="ask first")
    server = replace(FIRST, name="web1", resume=3)
    kernel.write(change_service(None, service))
    kernel.write(change_server(WEB, None, server))
    assert pool(kernel) == Pool(Service(WEB), {FIRST.endpoint: FIRST})
    assert kernel.lookup(change_service(service, None).target) == Service(WEB)
    assert kernel.lookup(change_server(WEB, server, None).target) == FIRST


def test_what_lives_in_the_profile_only_is_no_write(kernel: Kernel) -> None:
    before = kernel.read().director
    for change in (
        Change(DirectorField.NAME, "", "lb1"),
        Change(DirectorField.SYNC, False, True),
        change_timeouts(Timeouts(), None),
    ):
        kernel.write(change)
    assert kernel.read().director is before
    assert kernel.lookup(Change(DirectorField.NAME, "", "lb1").target) is None
    assert kernel.lookup(Change(DirectorField.SYNC, False, True).target) is None


SERVICE_REFUSALS = [
    (Service(WEB, "nosuch"), "scheduler"),
    (Service(WEB, "x" * 16), "scheduler"),
    (Service(WEB, persistence=Persistence(engine="nosuch")), "engine"),
    (Service(WEB, persistence=Persistence(engine="x" * 17)), "engine"),
    (Service(WEB, persistence=Persistence(mask=24)), "netmask"),
    (Service(WEB6, persistence=Persistence(mask=0)), "prefix"),
    (Service(WEB6, persistence=Persistence(mask=129)), "prefix"),
    (Service(WEB6, persistence=Persistence(mask=-1)), "prefix"),
    (Service(WEB6, persistence=Persistence(mask=MASK)), "prefix"),
    (Service(WEB, persistence=Persistence(2**32)), "timeout"),
    (Service(WEB, persistence=Persistence(-1)), "timeout"),
]


@pytest.mark.parametrize(("service", "field"), SERVICE_REFUSALS, ids=repr)
def test_a_wrong_service_is_refused_by_its_field(kernel: Kernel, service: Service, field: str) -> None:
    assert refusal(kernel, change_service(None, service)).field == field
    add(kernel, service.key)
    assert refusal(kernel, change_service(Service(service.key), service)).field == field


@pytest.mark.parametrize("mark", [0, 2**32])
def test_a_mark_out_of_range_is_refused(kernel: Kernel, mark: int) -> None:
    change = change_service(None, Service(MarkKey(mark, Family.IPV4)))
    assert kernel.lookup(change.target) is None
    assert refusal(kernel, change).field == "service"


def test_a_service_that_exists_cannot_be_added(kernel: Kernel) -> None:
    service = add(kernel)
    assert refusal(kernel, change_service(None, service)).field == "service"


@pytest.mark.parametrize("key", [WEB, WEB6, MARK, MARK6], ids=repr)
def test_a_service_that_does_not_exist_cannot_be_touched(kernel: Kernel, key: ServiceKey) -> None:
    add(kernel, DNS)
    service = Service(key)
    assert kernel.lookup(change_service(service, None).target) is None
    assert kernel.lookup(change_server(key, FIRST, None).target) is None
    assert refusal(kernel, change_service(service, replace(service, scheduler="rr"))).field == "service"
    assert refusal(kernel, change_service(service, None)).field == "service"
    for before, after in ((None, FIRST), (FIRST, replace(FIRST, weight=1)), (FIRST, None)):
        assert refusal(kernel, change_server(key, before, after)).field == "service"
    with pytest.raises(Refused) as caught:
        kernel.zero(key)
    assert caught.value.field == "service"


SERVER_REFUSALS = [
    (replace(FIRST, weight=-1), "weight"),
    (replace(FIRST, weight=2**31), "weight"),
    (replace(FIRST, weight=2**32 + 1), "weight"),
    (replace(FIRST, upper=10, lower=11), "lower"),
    (replace(FIRST, upper=0, lower=1), "lower"),
    (replace(FIRST, upper=2**31, lower=0), "upper"),
    (replace(FIRST, upper=-1, lower=-2), "upper"),
    (replace(FIRST, upper=2**32 + 1, lower=0), "upper"),
    (replace(FIRST, forwarding=Forwarding.TUNNEL, tunnel=Tunnel(TunnelType.GUE)), "tunnel"),
    (replace(FIRST, tunnel=Tunnel(TunnelType.GUE)), "tunnel"),
]


@pytest.mark.parametrize(("server", "field"), SERVER_REFUSALS, ids=repr)
def test_a_wrong_server_is_refused_by_its_field(kernel: Kernel, server: RealServer, field: str) -> None:
    add(kernel)
    assert refusal(kernel, change_server(WEB, None, server)).field == field
    kernel.write(change_server(WEB, None, FIRST))
    assert refusal(kernel, change_server(WEB, FIRST, server)).field == field


@pytest.mark.parametrize(
    ("key", "address"),
    [
        (WEB, "224.0.0.1"),
        (WEB, "255.255.255.255"),
        (WEB, "0.0.0.0"),
        (WEB6, "ff02::1"),
        (WEB6, "::"),
        (WEB6, "fe80::1"),
    ],
)
def test_a_server_must_be_one_machine(kernel: Kernel, key: ServiceKey, address: str) -> None:
    add(kernel, key)
    assert refusal(kernel, change_server(key, None, RealServer(at(address)))).field == "server"


@pytest.mark.parametrize(("key", "address"), [(WEB, "fd00::11"), (WEB6, "10.0.0.11"), (MARK, "fd00::11")])
@pytest.mark.parametrize("forwarding", [Forwarding.MASQ, Forwarding.ROUTE])
def test_only_a_tunnel_leads_to_the_other_family(
    kernel: Kernel, key: ServiceKey, address: str, forwarding: Forwarding
) -> None:
    add(kernel, key)
    server = RealServer(at(address), forwarding)
    assert refusal(kernel, change_server(key, None, server)).field == "forwarding"
    tunnelled = replace(server, forwarding=Forwarding.TUNNEL)
    kernel.write(change_server(key, None, tunnelled))
    assert refusal(kernel, change_server(key, tunnelled, server)).field == "forwarding"


def test_a_server_that_exists_cannot_be_added(kernel: Kernel) -> None:
    add(kernel, WEB, FIRST)
    assert refusal(kernel, change_server(WEB, None, replace(FIRST, weight=9))).field == "server"


def test_a_server_that_does_not_exist_cannot_be_touched(kernel: Kernel) -> None:
    add(kernel, WEB, FIRST)
    assert kernel.lookup(change_server(WEB, SECOND, None).target) is None
    assert refusal(kernel, change_server(WEB, SECOND, replace(SECOND, weight=9))).field == "server"
    assert refusal(kernel, change_server(WEB, SECOND, None)).field == "server"


def test_timeouts_are_set_together(kernel: Kernel) -> None:
    wanted = Timeouts(800, 100, 200)
    assert kernel.lookup(change_timeouts(None, wanted).target) == Timeouts()
    kernel.write(change_timeouts(Timeouts(), wanted))
    assert kernel.read().director.timeouts == wanted
    assert kernel.lookup(change_timeouts(None, wanted).target) == wanted


def test_a_timeout_of_zero_keeps_the_present_one(kernel: Kernel) -> None:
    kernel.write(change_timeouts(Timeouts(), Timeouts(800, 100, 200)))
    kernel.write(change_timeouts(Timeouts(800, 100, 200), Timeouts(0, 90, 0)))
    assert kernel.read().director.timeouts == Timeouts(800, 90, 200)


@pytest.mark.parametrize(
    ("timeouts", "field"),
    [
        (Timeouts(tcp=INT_MAX), "tcp"),
        (Timeouts(tcp_fin=INT_MAX), "tcp_fin"),
        (Timeouts(udp=INT_MAX), "udp"),
        (Timeouts(udp=-1), "udp"),
        (Timeouts(tcp=2**32 + 5), "tcp"),
    ],
)
def test_a_timeout_out_of_range_is_refused_by_its_field(kernel: Kernel, timeouts: Timeouts, field: str) -> None:
    assert refusal(kernel, change_timeouts(Timeouts(), timeouts)).field == field


@pytest.mark.parametrize(
    "daemon",
    [
        MASTER,
        BACKUP,
        replace(MASTER, id=255, port=9000, ttl=5, group=ip_address("239.1.2.3")),
        replace(BACKUP, group=ip_address("ff01::5")),
    ],
    ids=repr,
)
def test_a_daemon_runs_as_it_was_started_until_it_is_stopped(kernel: Kernel, daemon: SyncDaemon) -> None:
    kernel.write(change_daemon(None, daemon))
    assert kernel.read().director.sync == {daemon.role: daemon}
    assert kernel.lookup(change_daemon(daemon, None).target) == daemon
    kernel.write(change_daemon(daemon, None))
    assert kernel.read().director.sync == {}
    assert kernel.lookup(change_daemon(daemon, None).target) is None


def test_both_daemons_may_run(kernel: Kernel) -> None:
    kernel.write(change_daemon(None, MASTER))
    kernel.write(change_daemon(None, BACKUP))
    assert kernel.read().director.sync == {SyncRole.MASTER: MASTER, SyncRole.BACKUP: BACKUP}


def test_the_kernel_finds_the_length_of_a_datagram_that_is_left_out(kernel: Kernel) -> None:
    kernel.write(change_daemon(None, replace(MASTER, max_length=0)))
    (daemon,) = (kernel.read().director.sync or {}).values()
    assert daemon.max_length > 0
    assert replace(daemon, max_length=MASTER.max_length) == MASTER


def test_an_edited_daemon_is_started_anew(kernel: Kernel) -> None:
    after = replace(MASTER, id=99, ttl=3)
    kernel.write(change_daemon(None, MASTER))
    kernel.write(change_daemon(MASTER, after))
    assert kernel.read().director.sync == {SyncRole.MASTER: after}


DAEMON_REFUSALS = [
    (replace(MASTER, interface="nosuch0"), "interface"),
    (replace(MASTER, interface="x" * 16), "interface"),
    (replace(MASTER, group=ip_address("192.0.2.1")), "group"),
    (replace(MASTER, group=ip_address("2001:db8::1")), "group"),
    (replace(MASTER, id=-1), "id"),
    (replace(MASTER, max_length=65536), "max_length"),
    (replace(MASTER, port=65536), "port"),
    (replace(MASTER, ttl=256), "ttl"),
]


@pytest.mark.parametrize(("daemon", "field"), DAEMON_REFUSALS, ids=repr)
def test_a_wrong_daemon_is_refused_by_its_field(kernel: Kernel, daemon: SyncDaemon, field: str) -> None:
    assert refusal(kernel, change_daemon(None, daemon)).field == field


@pytest.mark.parametrize(("daemon", "field"), DAEMON_REFUSALS, ids=repr)
def test_a_daemon_runs_as_before_where_its_edit_is_refused(kernel: Kernel, daemon: SyncDaemon, field: str) -> None:
    kernel.write(change_daemon(None, MASTER))
    assert refusal(kernel, change_daemon(MASTER, daemon)).field == field


def test_a_daemon_runs_once_and_stops_once(kernel: Kernel) -> None:
    assert refusal(kernel, change_daemon(MASTER, None)).field == "role"
    assert refusal(kernel, change_daemon(MASTER, replace(MASTER, id=9))).field == "role"
    kernel.write(change_daemon(None, MASTER))
    assert refusal(kernel, change_daemon(None, replace(MASTER, id=9))).field == "role"


def test_daemons_and_servers_of_the_other_family_exclude_each_other(kernel: Kernel) -> None:
    add(kernel, WEB, SIXTH)
    assert refusal(kernel, change_daemon(None, MASTER)).field == "role"
    kernel.write(change_server(WEB, SIXTH, None))
    kernel.write(change_daemon(None, MASTER))
    assert refusal(kernel, change_server(WEB, None, SIXTH)).field == "server"


def test_removing_all_services_leaves_the_rest(kernel: Kernel) -> None:
    add(kernel, WEB, FIRST)
    add(kernel, MARK6)
    kernel.write(change_timeouts(Timeouts(), Timeouts(800, 100, 200)))
    kernel.write(change_daemon(None, MASTER))
    kernel.write(change_sysctl("sync_retries", "0", "2"))
    before = kernel.read().director
    remove_services(kernel)
    assert kernel.read().director == replace(before, pools={})
    assert (before.timeouts, before.sync) == (Timeouts(800, 100, 200), {SyncRole.MASTER: MASTER})
    assert before.sysctl["sync_retries"] == "2"


def test_a_reading_counts_every_row(kernel: Kernel) -> None:
    own = address_key("tcp:192.0.2.77:80")  # a server keeps the count of entries that another test left on it
    servers = replace(FIRST, endpoint=at("10.0.0.77")), replace(SECOND, endpoint=at("10.0.0.78"))
    add(kernel, own, *servers)
    add(kernel, MARK6)
    reading = kernel.read()
    assert reading.services == {own: Stats(), MARK6: Stats()}
    assert reading.servers == {own: dict.fromkeys((one.endpoint for one in servers), ServerStats()), MARK6: {}}
    assert reading.info.table_size > 0
    assert reading.info.version.count(".") == 2


def test_zero_changes_no_configuration(kernel: Kernel) -> None:
    add(kernel, WEB, FIRST)
    before = kernel.read().director
    kernel.zero(WEB)
    kernel.zero(None)
    assert kernel.read().director is before


def test_reading_twice_gives_the_same_director_and_later_readings_are_later(kernel: Kernel) -> None:
    add(kernel, WEB, FIRST, SECOND)
    first, second = kernel.read(), kernel.read()
    assert second.director is first.director
    assert second.taken >= first.taken


def test_what_an_edit_does_not_touch_is_the_same_object(kernel: Kernel) -> None:
    add(kernel, WEB, FIRST, SECOND)
    add(kernel, MARK, FIRST)
    before = kernel.read().director
    kernel.write(change_server(WEB, FIRST, replace(FIRST, weight=9)))
    after = kernel.read().director
    assert after is not before
    assert after.pools[MARK] is before.pools[MARK]
    assert after.pools[WEB].service is before.pools[WEB].service
    assert after.pools[WEB].servers[SECOND.endpoint] is before.pools[WEB].servers[SECOND.endpoint]
    kernel.write(change_server(WEB, replace(FIRST, weight=9), FIRST))
    assert kernel.read().director == before


def test_a_whole_director_can_be_written_and_taken_back(kernel: Kernel) -> None:
    pools = {service.key: Pool(service, {FIRST.endpoint: FIRST}) for service in SERVICES if service.key.family == 2}
    pools[WEB6] = Pool(Service(WEB6), {at("fd00::12"): RealServer(at("fd00::12"))})
    start = kernel.read().director
    settings = {**start.sysctl, "sync_threshold": "5 40", "expire_nodest_conn": "1"}
    daemons = {SyncRole.MASTER: MASTER, SyncRole.BACKUP: BACKUP}
    want = Director(pools, Timeouts(1, 2, 3), daemons, settings, marks=start.marks)
    for change in kernel_writes(diff(start, want)):
        kernel.write(change)
    assert kernel.read().director == want
    for change in kernel_writes(diff(want, replace(EMPTY, timeouts=Timeouts(), sync={}, sysctl=start.sysctl))):
        kernel.write(change)
    assert kernel.read().director == start


def test_a_daemon_starts_on_an_interface_that_is_named_and_on_no_other(kernel: Kernel) -> None:
    assert "lo" in kernel.interfaces
    kernel.write(change_daemon(None, replace(BACKUP, interface="lo")))
    assert "lvstui9" not in kernel.interfaces
    assert refusal(kernel, change_daemon(None, replace(MASTER, interface="lvstui9"))).field == "interface"
