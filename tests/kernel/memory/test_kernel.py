"""The memory kernel: what it refuses beyond the shared contract, and the traffic that it plays."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given

from lvstui.core.change import (
    EMPTY,
    Change,
    DirectorField,
    change_daemon,
    change_server,
    change_service,
    change_timeouts,
    kernel_writes,
    strip_profile_values,
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
    ServerKey,
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
from lvstui.kernel.memory.demo import demo_director
from lvstui.kernel.memory.kernel import DEFAULTS, MemoryKernel
from lvstui.kernel.port import Kernel, NoIpvs, NoRight, Refused
from tests.build import address_key, known, remove_services, server
from tests.core.strategies import directors, laws

KEY = address_key("tcp:192.0.2.10:443")
KEY6 = address_key("tcp:[2001:db8::10]:443")
SHOP = Service(KEY)
SHOP6 = Service(KEY6)
WEB1 = server("10.0.0.11:443", Forwarding.MASQ, weight=3)
WEB2 = server("10.0.0.12:443", Forwarding.MASQ, weight=3)
WEB6 = server("[fd00::11]:443", Forwarding.TUNNEL)
MASTER = SyncDaemon(SyncRole.MASTER, "eth1", id=5)
PERSISTENT = replace(SHOP, persistence=Persistence())
STREAM = replace(SHOP, key=address_key("udp:192.0.2.10:5060"))


def director(service: Service, *servers: RealServer, sync: Iterable[SyncDaemon] = ()) -> Director:
    pool = Pool(service, {server.endpoint: server for server in servers})
    return Director({service.key: pool}, sync={daemon.role: daemon for daemon in sync})


def at(address: str, server: RealServer = WEB1) -> RealServer:
    return replace(server, endpoint=Endpoint(ip_address(address), 443))


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


# --- the table


@laws
@given(directors())
def test_a_reading_is_the_director_without_names_and_the_same_object_next_time(given_director: Director) -> None:
    kernel = MemoryKernel(given_director)
    reading = kernel.read()
    assert kernel.read().director is reading.director
    assert reading.director.name == ""
    for key, pool in given_director.pools.items():
        held = reading.director.pools[key]
        assert held.service == strip_profile_values(pool.service)
        assert held.servers == {endpoint: strip_profile_values(server) for endpoint, server in pool.servers.items()}


def test_the_memory_kernel_is_a_kernel() -> None:
    kernel: Kernel = MemoryKernel()
    assert (kernel.origin, kernel.read_only) == ("demo", "")
    assert kernel.read().director == Director(timeouts=Timeouts(), sync={}, sysctl=DEFAULTS)


def test_a_write_that_changes_nothing_keeps_the_director_object() -> None:
    kernel = MemoryKernel(director(SHOP, WEB1))
    before = kernel.read().director
    kernel.write(change_server(KEY, WEB1, replace(WEB1, name="web1")))
    kernel.write(change_timeouts(None, Timeouts()))
    kernel.write(Change(DirectorField.SYNC, False, True))
    assert kernel.read().director is before


def test_a_write_makes_a_new_director_and_leaves_the_old_one_as_it_was() -> None:
    kernel = MemoryKernel(director(SHOP, WEB1))
    before = kernel.read().director
    kernel.write(change_server(KEY, WEB1, replace(WEB1, weight=9)))
    assert kernel.read().director.pools[KEY].servers[WEB1.endpoint].weight == 9
    assert before.pools[KEY].servers[WEB1.endpoint].weight == 3


@laws
@given(directors())
def test_what_a_change_writes_is_held_afterwards(want: Director) -> None:
    kernel = MemoryKernel()
    for change in kernel_writes(diff(kernel.read().director, want)):
        kernel.write(change)
        if isinstance(change.target, ServiceKey | ServerKey):
            assert kernel.lookup(change.target) == strip_profile_values(change.after)


def test_counters_stand_still_without_traffic() -> None:
    reading = MemoryKernel(director(SHOP, WEB1), clock=Clock()).read()
    assert reading.taken == 1000.0
    assert reading.services == {KEY: Stats()}
    assert reading.servers == {KEY: {WEB1.endpoint: ServerStats()}}


def test_a_failure_is_raised_by_everything_until_it_is_over() -> None:
    kernel = MemoryKernel(director(SHOP, WEB1))
    kernel.failure = NoIpvs("the kernel has no IPVS: modprobe ip_vs")
    change = change_server(KEY, WEB1, None)
    for attempt in (kernel.read, lambda: kernel.zero(None), lambda: kernel.write(change)):
        with pytest.raises(NoIpvs, match="modprobe ip_vs"):
            attempt()
    with pytest.raises(NoIpvs):
        kernel.lookup(change.target)
    kernel.failure = None
    assert kernel.read().director.pools[KEY].servers == {WEB1.endpoint: WEB1}


def test_a_read_only_kernel_is_read_and_not_written() -> None:
    kernel = MemoryKernel(director(SHOP, WEB1))
    kernel.read_only = "CAP_NET_ADMIN is missing: run lvstui with sudo"
    with pytest.raises(NoRight, match="sudo"):
        kernel.zero(None)
    with pytest.raises(NoRight, match="sudo"):
        kernel.write(change_server(KEY, WEB1, None))
    assert kernel.lookup(change_server(KEY, WEB1, None).target) == WEB1


# --- what is refused

MIXED = director(SHOP, WEB1, WEB6)
SYNCED = director(SHOP, WEB1, sync=[MASTER])
HELD = director(SHOP, WEB1)


@pytest.mark.parametrize(
    ("have", "change", "field", "words"),
    [
        (HELD, change_service(None, SHOP), "service", "exists already"),
        (EMPTY, change_service(SHOP, None), "service", "no such service"),
        (EMPTY, change_service(SHOP, SHOP), "service", "no such service"),
        (EMPTY, change_service(None, Service(KEY, "speed")), "scheduler", "modprobe ip_vs_speed"),
        (HELD, change_service(SHOP, Service(KEY, "speed")), "scheduler", "modprobe ip_vs_speed"),
        (EMPTY, change_service(None, Service(KEY, "a" * 16)), "scheduler", "15 bytes"),
        (HELD, change_service(SHOP, replace(SHOP, persistence=Persistence(engine="h323"))), "engine", "ip_vs_pe_h323"),
        (EMPTY, change_service(None, replace(SHOP, persistence=Persistence(engine="e" * 17))), "engine", "16 bytes"),
        (EMPTY, change_service(None, replace(SHOP6, persistence=Persistence(mask=0))), "prefix", "1 to 128"),
        (EMPTY, change_service(None, replace(SHOP6, persistence=Persistence(mask=129))), "prefix", "1 to 128"),
        (EMPTY, change_server(KEY, None, WEB1), "service", "no such service"),
        (HELD, change_server(KEY, None, WEB1), "server", "has it already"),
        (HELD, change_server(KEY, WEB2, WEB2), "server", "no such real server"),
        (HELD, change_server(KEY, WEB2, None), "server", "no such real server"),
        (HELD, change_server(KEY, WEB1, replace(WEB1, weight=-1)), "weight", str(INT_MAX)),
        (HELD, change_server(KEY, WEB1, replace(WEB1, weight=INT_MAX + 1)), "weight", str(INT_MAX)),
        (HELD, change_server(KEY, WEB1, replace(WEB1, lower=9, upper=8)), "lower", "above the upper"),
        (HELD, change_server(KEY, WEB1, replace(WEB1, lower=1)), "lower", "no limit"),
        (HELD, change_server(KEY, WEB1, replace(WEB1, upper=INT_MAX + 1)), "upper", str(INT_MAX)),
        (HELD, change_server(KEY, WEB1, replace(WEB1, tunnel=Tunnel(TunnelType.GUE))), "tunnel", "UDP port"),
        (HELD, change_server(KEY, None, replace(WEB6, forwarding=Forwarding.MASQ)), "forwarding", "tunnel"),
        (SYNCED, change_server(KEY, None, WEB6), "server", "sync daemon"),
        (MIXED, change_daemon(None, MASTER), "role", "another address family"),
        (SYNCED, change_daemon(None, MASTER), "role", "already runs"),
        (HELD, change_daemon(MASTER, None), "role", "no master daemon"),
        (HELD, change_daemon(None, replace(MASTER, interface="eth9")), "interface", "eth9"),
        (HELD, change_daemon(None, replace(MASTER, interface="e" * 16)), "interface", "15 bytes"),
        (HELD, change_daemon(None, replace(MASTER, group=IPv4Address("192.0.2.1"))), "group", "multicast"),
        (SYNCED, change_daemon(MASTER, replace(MASTER, interface="eth9")), "interface", "eth9"),
        (HELD, change_timeouts(None, Timeouts(tcp=-1)), "tcp", "0 keeps"),
        (HELD, change_timeouts(None, Timeouts(udp=INT_MAX)), "udp", "range"),
        (HELD, change_timeouts(None, Timeouts(tcp_fin=INT_MAX)), "tcp_fin", "range"),
    ],
)
def test_a_refusal_names_field_and_remedy_and_changes_nothing(
    have: Director, change: Change, field: str, words: str
) -> None:
    kernel = MemoryKernel(have)
    before = kernel.read().director
    with pytest.raises(Refused, match=words) as refusal:
        kernel.write(change)
    assert refusal.value.field == field
    assert str(refusal.value).startswith(f"{field}: ")
    assert kernel.read().director is before


@pytest.mark.parametrize(
    "address", ["0.0.0.0", "255.255.255.255", "224.0.0.1", "::", "ff02::1", "fe80::1", "::ffff:10.0.0.1"]
)
def test_a_server_needs_the_address_of_one_machine(address: str) -> None:
    service, server = (SHOP6, WEB6) if ":" in address else (SHOP, WEB1)
    with pytest.raises(Refused, match="unicast") as refusal:
        MemoryKernel(director(service)).write(change_server(service.key, None, at(address, server)))
    assert refusal.value.field == "server"


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.11", "203.0.113.9", "::1", "fd00::1", "2001:db8::1"])
def test_a_server_may_have_any_unicast_address(address: str) -> None:
    service, server = (SHOP6, WEB6) if ":" in address else (SHOP, WEB1)
    kernel = MemoryKernel(director(service))
    kernel.write(change_server(service.key, None, at(address, server)))
    assert Endpoint(ip_address(address), 443) in kernel.read().director.pools[service.key].servers


def test_zeroing_an_unknown_service_is_refused() -> None:
    with pytest.raises(Refused, match="no such service") as refusal:
        MemoryKernel().zero(KEY)
    assert refusal.value.field == "service"


def test_what_the_kernel_takes_silently_is_taken() -> None:
    kernel = MemoryKernel()
    odd = Service(AddressKey(Protocol(47), IPv4Address("192.0.2.1"), 0), "none", ServiceFlags.ONE_PACKET)
    holes = replace(SHOP, persistence=Persistence(timeout=2**32 - 1, mask=IPv4Address("255.0.255.0"), engine="sip"))
    for service in (odd, holes):
        kernel.write(change_service(None, service))
        assert kernel.lookup(change_service(None, service).target) == service


def test_one_mark_serves_both_families() -> None:
    kernel = MemoryKernel()
    for family in Family:
        kernel.write(change_service(None, Service(MarkKey(80, family))))
    assert set(kernel.read().director.pools) == {MarkKey(80, Family.IPV4), MarkKey(80, Family.IPV6)}


def test_a_timeout_of_zero_keeps_the_present_one() -> None:
    kernel = MemoryKernel()
    kernel.write(change_timeouts(None, Timeouts(tcp=60, tcp_fin=0, udp=0)))
    assert kernel.read().director.timeouts == Timeouts(60, 120, 300)


@pytest.mark.parametrize(
    ("daemon", "length"),
    [
        (MASTER, 1472),
        (replace(MASTER, group=IPv6Address("ff05::81")), 1452),
        (replace(MASTER, max_length=65_535), 65_507),
        (replace(MASTER, max_length=9), 9),
        (SyncDaemon(SyncRole.BACKUP, "lo", max_length=9), 1024),
    ],
)
def test_the_length_of_a_datagram_is_derived_and_limited(daemon: SyncDaemon, length: int) -> None:
    kernel = MemoryKernel()
    kernel.write(change_daemon(None, daemon))
    assert kernel.lookup(change_daemon(None, daemon).target) == replace(daemon, max_length=length)


def test_removing_all_services_leaves_timeouts_and_daemons() -> None:
    kernel = MemoryKernel(replace(SYNCED, timeouts=Timeouts(1, 2, 3)))
    remove_services(kernel)
    held = kernel.read().director
    assert (held.pools, held.timeouts, list(held.sync or {})) == ({}, Timeouts(1, 2, 3), [SyncRole.MASTER])


# --- traffic


def play(kernel: MemoryKernel, clock: Clock, seconds: float) -> dict[Endpoint, ServerStats]:
    """Let time pass, a reading a second, and return the servers of the only service."""
    for _ in range(int(seconds)):
        clock.now += 1
        kernel.read()
    return dict(next(iter(kernel.read().servers.values())))


def playing(held: Director) -> tuple[MemoryKernel, Clock]:
    clock = Clock()
    kernel = MemoryKernel(held, clock=clock, traffic=True)
    kernel.read()
    return kernel, clock


def test_the_same_clock_and_the_same_edits_give_the_same_counters() -> None:
    first, second = playing(demo_director()), playing(demo_director())
    readings = []
    for kernel, clock in (first, second):
        clock.now += 3.5
        kernel.read()
        remove_services(kernel)
        kernel.write(change_service(None, SHOP))
        kernel.write(change_server(KEY, None, WEB1))
        clock.now += 3.5
        readings.append(kernel.read())
    assert readings[0].servers == readings[1].servers
    assert readings[0].services[KEY].connections > 0
    assert first[0].read() == readings[0]


def test_counters_never_go_backwards_and_services_sum_up_their_servers() -> None:
    kernel, clock = playing(demo_director())
    before = kernel.read()
    start = before
    for step in (0.3, 1, 0, 5, 3600, -7, 1):
        clock.now += step
        now = kernel.read()
        for key, stats in now.services.items():
            assert all(new >= old for new, old in zip(stats[:5], before.services[key][:5], strict=True))
            counted = sum(known(server.stats).connections for server in now.servers[key].values())
            assert abs(stats.connections - counted) <= len(now.servers[key])
        before = now
    assert all(before.services[key].connections > start.services[key].connections for key in before.services)


def test_answers_of_the_web_outweigh_its_requests_and_pass_only_a_masquerading_director() -> None:
    kernel, clock = playing(director(SHOP, WEB1, replace(WEB2, forwarding=Forwarding.ROUTE)))
    seen = play(kernel, clock, 30)
    masq, route = known(seen[WEB1.endpoint].stats), known(seen[WEB2.endpoint].stats)
    assert masq.out_bytes > 5 * masq.in_bytes > 0
    assert route.in_bytes > 0
    assert (route.out_packets, route.out_bytes, route.out_byte_rate) == (0, 0, 0)


def test_connections_spread_by_weight() -> None:
    kernel, clock = playing(director(SHOP, WEB1, replace(WEB2, weight=1)))
    seen = play(kernel, clock, 60)
    assert seen[WEB1.endpoint].active > 2 * seen[WEB2.endpoint].active > 0


def test_a_new_weight_shows_in_the_following_seconds() -> None:
    kernel, clock = playing(director(SHOP, WEB1, WEB2))
    before = play(kernel, clock, 5)
    kernel.write(change_server(KEY, WEB1, replace(WEB1, weight=30)))
    after = play(kernel, clock, 5)
    rates = [known(seen[WEB1.endpoint].stats).connection_rate for seen in (before, after)]
    assert rates[1] > 1.5 * rates[0]
    assert after[WEB2.endpoint].active < before[WEB2.endpoint].active


def test_a_drained_server_loses_its_connections_within_two_minutes() -> None:
    kernel, clock = playing(director(SHOP, WEB1, WEB2))
    before = play(kernel, clock, 5)[WEB1.endpoint]
    kernel.write(change_server(KEY, WEB1, replace(WEB1, weight=0)))
    draining = play(kernel, clock, 10)[WEB1.endpoint]
    assert before.active > draining.active > 0
    assert known(draining.stats).connection_rate == 0
    assert play(kernel, clock, 110)[WEB1.endpoint].active <= before.active / 20


def test_a_drained_server_of_a_persistent_service_still_gets_its_sticky_clients() -> None:
    kernel, clock = playing(director(PERSISTENT, WEB1, WEB2))
    before = play(kernel, clock, 5)[WEB1.endpoint]
    kernel.write(change_server(KEY, WEB1, replace(WEB1, weight=0)))
    draining = play(kernel, clock, 120)[WEB1.endpoint]
    assert known(before.sticky) > known(draining.sticky) > 0
    assert known(draining.stats).connections > known(before.stats).connections
    assert play(kernel, clock, 3600)[WEB1.endpoint][:3] == (0, 0, 0)


def test_only_persistent_services_have_sticky_clients() -> None:
    reading = playing(demo_director())[0].read()
    for key, pool in reading.director.pools.items():
        sticky = sum(known(server.sticky) for server in reading.servers[key].values())
        assert (sticky > 0) == (pool.service.persistence is not None)


def test_a_server_above_its_threshold_gets_no_new_connections_until_it_is_below_the_lower_one() -> None:
    kernel, clock = playing(director(SHOP, WEB1, WEB2))
    held = play(kernel, clock, 5)[WEB1.endpoint]
    connections = held.active + held.inactive
    limited = replace(WEB1, upper=connections // 2, lower=connections // 3)
    kernel.write(change_server(KEY, WEB1, limited))
    assert known(play(kernel, clock, 2)[WEB1.endpoint].stats).connection_rate == 0
    rates = [play(kernel, clock, 1)[WEB1.endpoint] for _ in range(300)]
    again = next(server for server in rates if known(server.stats).connection_rate)
    assert again.active + again.inactive <= limited.lower + known(held.stats).connection_rate * 3


def test_a_server_added_later_starts_at_zero() -> None:
    kernel, clock = playing(director(SHOP, WEB1))
    kernel.write(change_server(KEY, None, WEB2))
    assert kernel.read().servers[KEY][WEB2.endpoint] == ServerStats()
    assert 0 < known(play(kernel, clock, 5)[WEB2.endpoint].stats).connections < 1000


def test_one_packet_services_hold_no_connections() -> None:
    kernel, clock = playing(director(replace(STREAM, flags=ServiceFlags.ONE_PACKET), WEB1))
    seen = play(kernel, clock, 5)[WEB1.endpoint]
    assert (seen.active, seen.inactive) == (0, 0)
    assert known(seen.stats).in_packets > 0


def test_a_service_without_a_willing_server_stands_still() -> None:
    kernel, clock = playing(director(replace(SHOP, scheduler="none"), WEB1))
    before = kernel.read().services[KEY].connections
    play(kernel, clock, 5)
    assert kernel.read().services[KEY].connections == before


def test_zeroing_one_service_zeroes_it_with_its_servers_and_no_other() -> None:
    kernel, clock = playing(demo_director())
    key, other = list(kernel.read().director.pools)[:2]
    active = kernel.read().servers[key]
    kernel.zero(key)
    zeroed = kernel.read()
    assert zeroed.services[key][:5] == (0, 0, 0, 0, 0)
    assert all(known(server.stats)[:5] == (0, 0, 0, 0, 0) for server in zeroed.servers[key].values())
    assert [server.active for server in zeroed.servers[key].values()] == [s.active for s in active.values()]
    assert zeroed.services[other].connections > 0
    kernel.zero(None)
    assert all(stats[:5] == (0, 0, 0, 0, 0) for stats in kernel.read().services.values())
    clock.now += 10
    assert kernel.read().services[other].connections > 0


# --- the demo


def test_the_demo_director_can_be_written_to_a_kernel() -> None:
    kernel = MemoryKernel()
    for change in kernel_writes(diff(kernel.read().director, demo_director())):
        kernel.write(change)
    assert kernel.read().director == MemoryKernel(demo_director()).read().director


def test_the_demo_has_one_of_everything() -> None:
    pools = demo_director().pools.values()
    keys = [pool.service.key for pool in pools]
    servers = [server for pool in pools for server in pool.servers.values()]
    assert {key.protocol for key in keys if isinstance(key, AddressKey)} >= set(Protocol)
    assert any(isinstance(key, MarkKey) for key in keys)
    assert {key.family for key in keys} == set(Family)
    assert any(server.weight == 0 and server.resume for server in servers)
    assert {TunnelType.GUE, TunnelType.IPIP} <= {server.tunnel.type for server in servers}
    assert all(server.name for server in servers)


def test_a_server_of_the_demo_is_over_its_threshold() -> None:
    reading = playing(demo_director())[0].read()
    over = [
        server.endpoint
        for key, pool in reading.director.pools.items()
        for server in pool.servers.values()
        if server.upper and (seen := reading.servers[key][server.endpoint]).active + seen.inactive > server.upper
    ]
    assert len(over) == 1
