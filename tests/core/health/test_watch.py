"""Which counters of a masqueraded server are trouble, and which never: packet by packet, as the kernel counts them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lvstui.core.health.verdict import Trouble
from lvstui.core.health.watch import Watch
from lvstui.core.model import (
    Director,
    Endpoint,
    Forwarding,
    Persistence,
    Pool,
    ServerKey,
    Service,
    ServiceFlags,
    ServiceKey,
)
from lvstui.core.observed import NO_INFO, Reading, ServerStats, Stats
from tests.build import SHOP, address_key, endpoint, pool, server

ENDS = tuple(map(endpoint, ("10.0.0.11:443", "10.0.0.12:443", "10.0.0.13:443")))
BAD = ENDS[0]
DNS = address_key("udp:192.0.2.53:53")

Packets = tuple[tuple[int, ...], tuple[int, ...]]
"""The lengths of a connection's packets: from the client, and back."""

SHORT: Packets = ((60, 52, 70, 52, 52), (60, 52, 87, 52))
SLOW: Packets = ((60, 52), (60,))
PROBED: Packets = ((60, 52, 40), (60,))
SCANNED: Packets = ((44, 40), (44,))
HALF: Packets = ((60,), (60, 60, 60))
UPLOAD: Packets = ((60, 52, 1500, 1500, 1500), (60, 40, 40, 40))
RESET: Packets = ((60,), (40,))
RESET_THRICE: Packets = ((52, 52, 52), (40, 40, 40))
ICMP: Packets = ((60,), (88,))
NOTHING: Packets = ((60, 60, 60), ())
GONE: Packets = ((60, 60, 70, 52), ())


@dataclass
class Counters:
    """Servers that connections are put through; readings show them two seconds at a time."""

    pool: Pool = field(
        default_factory=lambda: pool(SHOP, *(server(f"{end.address}:443", Forwarding.MASQ) for end in ENDS))
    )
    now: float = 100.0
    watch: Watch = field(default_factory=Watch)
    counted: dict[Endpoint, ServerStats] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.counted = dict.fromkeys(self.pool.servers, ServerStats())
        self.look()

    def open(self, end: Endpoint, packets: Packets, times: int = 1, *, connections: int = 1, active: int = 0) -> None:
        seen, (to, back) = self.counted[end], packets
        stats = seen.stats or Stats()
        stats = stats._replace(
            connections=stats.connections + times * connections,
            in_packets=stats.in_packets + times * len(to),
            out_packets=stats.out_packets + times * len(back),
            in_bytes=stats.in_bytes + times * sum(to),
            out_bytes=stats.out_bytes + times * sum(back),
        )
        self.counted[end] = seen._replace(stats=stats, active=seen.active + times * active)

    def look(self, seconds: float = 2.0) -> Mapping[Endpoint, Trouble]:
        """Let the counters come up to date, and return who is in trouble."""
        self.now += seconds
        director = Director({self.pool.service.key: self.pool})
        reading = Reading(director, NO_INFO, self.now, servers={self.pool.service.key: dict(self.counted)})
        return {key.endpoint: verdict.trouble for key, verdict in self.watch.look(reading).items()}

    def run(
        self, rounds: int, packets: Packets, elsewhere: Packets = SHORT, *, active: int = 0
    ) -> Mapping[Endpoint, Trouble]:
        """Pass two connections to each server between readings, of one kind to the first; return who is in trouble."""
        found: Mapping[Endpoint, Trouble] = {}
        for _ in range(rounds):
            for end in self.pool.servers:
                first = end == BAD
                self.open(end, packets if first else elsewhere, 2, active=active if first else 0)
            found = self.look()
        return found


@pytest.mark.parametrize(
    ("packets", "active", "trouble"),
    [
        (RESET, 0, Trouble.REFUSING),
        (RESET_THRICE, 0, Trouble.REFUSING),
        (ICMP, 1, Trouble.REFUSING),
        (NOTHING, 1, Trouble.SILENT),
        (GONE, 1, Trouble.SILENT),
    ],
)
def test_a_server_that_completes_nothing_is_told_within_three_updates_and_well_with_the_first_answer(
    packets: Packets, active: int, trouble: Trouble
) -> None:
    counters = Counters()
    assert counters.run(20, SHORT) == {}
    assert counters.run(3, packets, active=active) == {BAD: trouble}
    assert counters.run(100, packets, active=active) == {BAD: trouble}, "also when it goes on for long"
    assert counters.run(1, SHORT) == {}
    assert counters.run(20, SHORT) == {}


@pytest.mark.parametrize("packets", [SHORT, SLOW, PROBED, SCANNED, HALF, UPLOAD])
def test_whoever_answers_a_syn_is_well_whatever_the_client_does_then(packets: Packets) -> None:
    for active in (0, 1):
        assert Counters().run(200, packets, active=active) == {}


def test_two_connections_are_not_enough_and_none_is_nothing() -> None:
    counters = Counters()
    counters.open(BAD, NOTHING, 2)
    assert [counters.look() for _ in range(30)] == [{}] * 30


def test_a_burst_that_came_just_now_is_waited_for() -> None:
    counters = Counters()
    counters.open(BAD, ((60,), ()), 6)
    counters.open(ENDS[1], SHORT, 6)
    assert counters.look() == {}
    counters.open(BAD, ((52, 70), (60, 87)), 6, connections=0)
    assert counters.look() == {}


def test_a_server_alone_needs_more_to_show() -> None:
    lone = Counters(pool(SHOP, server("10.0.0.11:443", Forwarding.MASQ)))
    assert lone.run(2, NOTHING) == {}
    assert lone.run(2, NOTHING) == {BAD: Trouble.SILENT}


def test_all_servers_silent_are_all_told() -> None:
    assert Counters().run(5, NOTHING, NOTHING) == dict.fromkeys(ENDS, Trouble.SILENT)


def test_a_flood_of_syns_is_answered_and_so_no_trouble() -> None:
    assert Counters().run(200, HALF, HALF, active=1) == {}


def test_zeroed_counters_a_server_made_anew_and_other_weights_raise_no_alarm() -> None:
    counters = Counters()
    for turn in range(60):
        counters.run(1, SHORT)
        if turn % 7 == 0:
            counters.counted = dict.fromkeys(ENDS, ServerStats(active=3))
        if turn % 11 == 0:
            held = counters.pool.servers[BAD]
            counters.pool = replace(
                counters.pool, servers={**counters.pool.servers, BAD: replace(held, weight=turn % 3)}
            )
        if turn % 13 == 0:
            counters.counted[BAD] = ServerStats()
        assert counters.look() == {}


def test_zeroed_counters_do_not_make_a_silent_server_well() -> None:
    counters = Counters()
    assert counters.run(4, NOTHING) == {BAD: Trouble.SILENT}
    counters.counted = dict.fromkeys(ENDS, ServerStats(active=3))
    assert counters.look() == {BAD: Trouble.SILENT}
    assert counters.run(4, NOTHING) == {BAD: Trouble.SILENT}


def test_a_server_that_just_joined_is_as_good_as_its_first_answers() -> None:
    counters = Counters()
    counters.run(5, SHORT)
    joined = endpoint("10.0.0.14:443")
    counters.pool = replace(
        counters.pool, servers={**counters.pool.servers, joined: server("10.0.0.14:443", Forwarding.MASQ)}
    )
    counters.counted[joined] = ServerStats()
    for _ in range(5):
        counters.open(joined, SHORT, 3)
        assert counters.look() == {}


def test_connections_by_sync_move_no_counter_and_say_nothing() -> None:
    counters = Counters()
    for held in range(50):
        counters.counted = dict.fromkeys(ENDS, ServerStats(active=held, inactive=held))
        assert counters.look() == {}


def test_what_is_left_on_a_drained_server_raises_no_alarm() -> None:
    counters = Counters()
    counters.run(5, SHORT)
    for _ in range(60):
        counters.open(BAD, ((52, 52), ()), connections=0)
        counters.open(ENDS[1], SHORT, 3)
        assert counters.look() == {}


def test_nothing_is_claimed_of_a_server_that_got_no_client_for_minutes_or_is_gone() -> None:
    counters = Counters()
    assert counters.run(4, NOTHING) == {BAD: Trouble.SILENT}
    assert counters.look(100) == {BAD: Trouble.SILENT}
    assert counters.look(30) == {}
    assert counters.run(4, NOTHING) == {BAD: Trouble.SILENT}
    del counters.counted[BAD]
    counters.pool = replace(
        counters.pool, servers={end: one for end, one in counters.pool.servers.items() if end != BAD}
    )
    assert counters.look() == {}


def udp(**changes: object) -> Counters:
    service = replace(Service(DNS, scheduler="rr"), **changes)  # type: ignore[arg-type]
    return Counters(pool(service, *(server(f"{end.address}:443", Forwarding.MASQ) for end in ENDS)))


QUESTION: Packets = ((70,), (140,))
UNANSWERED: Packets = ((70,), ())
UNREACHABLE: Packets = ((70,), (98,))


def test_datagrams_without_an_answer_are_trouble_only_beside_siblings_that_answer() -> None:
    assert udp().run(6, UNANSWERED, QUESTION) == {BAD: Trouble.SILENT}
    assert udp().run(200, UNANSWERED, UNANSWERED) == {}, "as for syslog"
    lone = Counters(pool(Service(DNS), server("10.0.0.11:443", Forwarding.MASQ)))
    assert lone.run(200, UNANSWERED) == {}


def test_datagrams_answered_by_icmp_are_refused_where_siblings_answer_otherwise() -> None:
    assert udp().run(6, UNREACHABLE, QUESTION) == {BAD: Trouble.REFUSING}
    assert udp().run(200, UNREACHABLE, UNREACHABLE) == {}, "all answers may be that much longer"
    assert udp(scheduler="sh").run(200, UNREACHABLE, QUESTION) == {}, "one client may ask for nothing else"


def test_of_one_packet_services_and_of_datagrams_that_are_answered_elsewhere_nothing_is_claimed() -> None:
    assert udp(flags=ServiceFlags.ONE_PACKET).run(100, UNANSWERED, QUESTION) == {}
    routed = Counters(pool(Service(DNS), *(server(f"{end.address}:443") for end in ENDS)))
    assert routed.run(100, UNANSWERED, UNANSWERED) == {}


def test_one_heavy_client_on_one_server_by_hash_or_persistence_is_no_trouble() -> None:
    for service in (Service(SHOP, scheduler="sh"), Service(SHOP, persistence=Persistence(300))):
        counters = Counters(pool(service, *(server(f"{end.address}:443", Forwarding.MASQ) for end in ENDS)))
        for _ in range(100):
            counters.open(BAD, SLOW, 50, active=1)
            assert counters.look() == {}


def test_whoever_tries_the_ports_of_a_service_on_all_ports_is_no_trouble() -> None:
    counters = Counters(
        pool(address_key("tcp:192.0.2.10:0"), *(server(f"{end.address}:443", Forwarding.MASQ) for end in ENDS))
    )
    for _ in range(8):
        counters.open(BAD, RESET, 100)
        counters.open(ENDS[1], SHORT)
        assert counters.look() == {}


_HEALTHY = (SHORT, SLOW, PROBED, SCANNED, HALF, UPLOAD)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(("tcp", "udp")))
def test_no_healthy_traffic_is_ever_an_alarm(seed: int, protocol: str) -> None:
    """Answers come with the next counters now and then, rates change, counters are zeroed."""
    dice = Random(seed)
    counters = Counters() if protocol == "tcp" else udp()
    late: list[Callable[[], None]] = []
    for _ in range(150):
        for answer in late:
            answer()
        late.clear()
        for end in ENDS:
            for _ in range(dice.choice((0, 0, 1, 1, 2, 5, 20))):
                to, back = dice.choice(_HEALTHY) if protocol == "tcp" else ((70,), (dice.randint(80, 400),))
                if dice.random() < 0.02:
                    counters.open(end, (to[:1], ()))
                    late.append(lambda end=end, to=to, back=back: counters.open(end, (to[1:], back), connections=0))  # type: ignore[misc]
                else:
                    counters.open(end, (to, back), active=dice.choice((0, 0, 1)))
        if dice.random() < 0.01:
            counters.counted = dict.fromkeys(ENDS, ServerStats())
        assert counters.look(dice.choice((1, 2, 2, 10))) == {}


def test_a_thousand_services_cost_milliseconds_a_look() -> None:
    """A look at 20,000 servers of which 500 moved has to leave the second free; measured were some 10 ms."""
    from time import process_time

    keys: list[ServiceKey] = [address_key(f"tcp:10.{n // 250}.{n % 250}.1:80") for n in range(1000)]
    ends = [endpoint(f"10.200.0.{n}:80") for n in range(1, 21)]
    pools = {
        key: Pool(Service(key), {end: server(f"{end.address}:80", Forwarding.MASQ) for end in ends}) for key in keys
    }
    director, watch, costs = Director(pools), Watch(), []
    for second in range(6):
        moved = Stats(second, 5 * second, 4 * second, 300 * second, 300 * second)
        servers = {
            key: {end: ServerStats(stats=moved if place < 25 else Stats(1)) for end in ends}
            for place, key in enumerate(keys)
        }
        reading = Reading(director, NO_INFO, float(second), servers=servers)
        began = process_time()
        assert watch.look(reading) == {}
        costs.append(process_time() - began)
    assert min(costs[1:]) < 0.1


def test_the_same_object_is_returned_while_nothing_changed() -> None:
    counters = Counters()
    counters.run(5, NOTHING)
    assert counters.watch.found is counters.watch.found
    before = counters.watch.found
    counters.look()
    assert counters.watch.found is before
    assert ServerKey(SHOP, BAD) in before


def test_ipv6_has_longer_headers() -> None:
    ends = [f"[fd00::{number}]:443" for number in (11, 12, 13)]
    for packets, active, trouble in (
        (((80,), (60,)), 0, Trouble.REFUSING),
        (((80,), (128,)), 1, Trouble.REFUSING),
        (((80, 80, 80), ()), 1, Trouble.SILENT),
    ):
        counters = Counters(pool("tcp:[2001:db8::10]:443", *ends))
        first = next(iter(counters.pool.servers))
        found = counters.look()
        for _ in range(3):
            for end in counters.pool.servers:
                ways = packets if end == first else ((80, 72, 90, 72), (80, 72, 107))
                counters.open(end, ways, 2, active=active if end == first else 0)
            found = counters.look()
        assert found == {first: trouble}
    healthy = Counters(pool("tcp:[2001:db8::10]:443", *ends))
    for _ in range(50):
        for end in healthy.pool.servers:
            healthy.open(end, ((80, 72), (80,)), 2)
        assert healthy.look() == {}


def test_a_host_that_is_down_stays_silent_while_the_director_says_so_to_clients_late() -> None:
    late: Packets = ((60, 60, 60, 60), (88, 88, 88))
    held = Counters()
    assert held.run(4, NOTHING) == {BAD: Trouble.SILENT}
    assert held.run(60, late) == {BAD: Trouble.SILENT}
    assert held.run(1, SHORT) == {}
    assert held.run(60, late) == {}, "alone it shows nothing"
