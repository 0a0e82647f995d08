"""A host that is down, to whose clients the director itself answers by ICMP: counters as the lab showed them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from lvstui.core.health.counted import Span, Traffic
from lvstui.core.health.reach import Hop, Reach
from lvstui.core.health.verdict import Trouble
from lvstui.core.model import Address, Endpoint, Forwarding, Protocol, ServerKey
from lvstui.core.observed import ServerStats, Stats
from tests.build import SHOP, address_key, endpoint, pool, server
from tests.core.health.test_watch import BAD, DNS, ICMP, NOTHING, RESET, SHORT, Counters, Packets

Recorded = tuple[tuple[int, int, int, int, int], ...]
"""Connections, packets and bytes (in, out of each) of a server every two seconds."""

ADDRESS = BAD.address
WELL = "10.0.0.9:443"
ASKED = Hop(ADDRESS, "incomplete")
THERE, FORGOTTEN = Hop(ADDRESS, "reachable"), Hop(ADDRESS, "unknown")
BEFORE_TCP: Recorded = ((2, 6, 0, 380, 0), (2, 5, 0, 310, 0), (1, 5, 0, 292, 0), (1, 6, 0, 370, 0))
TCP: Recorded = (
    (1, 4, 8, 250, 714), (1, 2, 5, 120, 450), (2, 3, 0, 180, 0), (0, 0, 4, 0, 352), (3, 3, 2, 180, 176),
    (2, 5, 0, 310, 0), (2, 3, 7, 180, 626), (2, 5, 6, 300, 528), (2, 3, 0, 180, 0), (2, 2, 4, 120, 352),
    (1, 3, 4, 180, 352), (3, 6, 0, 360, 0), (1, 5, 7, 310, 616), (2, 4, 7, 250, 636), (1, 2, 0, 120, 0),
    (2, 4, 4, 240, 352), (2, 4, 6, 240, 528), (1, 2, 0, 120, 0), (1, 4, 3, 250, 264),
)  # fmt: skip
BEFORE_UDP: Recorded = ((9, 9, 0, 297, 0), *[(8, 8, 0, 264, 0)] * 3)
UDP: Recorded = (
    (8, 8, 10, 264, 610), (8, 8, 12, 264, 732), (8, 8, 0, 264, 0), (8, 8, 12, 264, 732), (8, 8, 11, 264, 671),
    (8, 8, 0, 264, 0), (8, 8, 12, 264, 732), (9, 9, 12, 297, 732), (8, 8, 0, 264, 0), (8, 8, 11, 264, 671),
    (8, 8, 12, 264, 732), (8, 8, 0, 264, 0), (8, 8, 11, 264, 671), (8, 8, 13, 264, 793), (9, 9, 0, 297, 0),
)  # fmt: skip
NO_STATS = Stats()
NAMES = ("connections", "in_packets", "out_packets", "in_bytes", "out_bytes")
NAME: Packets = ((33,), (32,))


class Lab(Counters):
    """Counters beside a neighbour table, of which one hop is known."""

    hop: Hop | None = THERE
    asked: int = 0

    def pass_by(self, recorded: Recorded, others: Packets) -> list[Mapping[Endpoint, Trouble]]:
        """Let a recorded time pass, and return what was found after each piece of it."""
        bad, *well = self.pool.servers
        found = []
        for connections, ins, outs, in_bytes, out_bytes in recorded:
            stats = (self.counted[bad].stats or NO_STATS)._asdict()
            for name, grown in zip(NAMES, (connections, ins, outs, in_bytes, out_bytes), strict=True):
                stats[name] += grown
            seen = self.counted[bad]
            self.counted[bad] = seen._replace(stats=NO_STATS._replace(**stats), active=max(20, seen.active))
            for end in well:
                self.open(end, others, 8 if others is NAME else 2)
            self.look()
            found.append(self.answer())
        return found

    def answer(self) -> Mapping[Endpoint, Trouble]:
        """Read the neighbour table where that is asked for."""
        if asked := self.watch.asks_hops(self.now):
            self.asked += 1
            hops = {address: self.hop if address == ADDRESS else Hop(address, "reachable") for address in asked}
            self.watch.hear(hops, self.now)
        return {key.endpoint: verdict.trouble for key, verdict in self.watch.found.items()}

    @property
    def evidence(self) -> str:
        (verdict,) = self.watch.found.values()
        return verdict.evidence


def dns() -> Lab:
    return Lab(pool(DNS, *(server(end, Forwarding.MASQ) for end in ("10.0.0.11:53", "10.0.0.12:53"))))


WEB: Recorded = ((2, 10, 8, 574, 502),) * 3
LOOKUPS: Recorded = ((8, 8, 8, 264, 256),) * 3


@pytest.mark.parametrize(
    ("make", "healthy", "before", "while_down", "others"),
    [(Lab, WEB, BEFORE_TCP, TCP, SHORT), (dns, LOOKUPS, BEFORE_UDP, UDP, NAME)],
    ids=["TCP", "UDP"],
)
def test_a_host_that_is_down_is_silent_for_as_long_and_well_with_its_next_answers(
    make: Callable[[], Lab], healthy: Recorded, before: Recorded, while_down: Recorded, others: Packets
) -> None:
    lab = make()
    silent = {next(iter(lab.pool.servers)): Trouble.SILENT}
    assert lab.pass_by(healthy, others)[-1] == {}
    assert lab.pass_by(before, others)[-1] == silent
    lab.hop = ASKED
    assert all(found == silent for found in lab.pass_by(while_down * 10, others))
    assert lab.evidence == "the director cannot reach it: ARP for 10.0.0.11 fails"
    lab.hop = THERE
    assert lab.pass_by(healthy, others)[-2:] == [{}, {}]


@pytest.mark.parametrize(("make", "while_down", "others"), [(Lab, TCP, SHORT), (dns, UDP, NAME)], ids=["TCP", "UDP"])
def test_a_host_that_was_down_before_anybody_looked_is_silent_too(
    make: Callable[[], Lab], while_down: Recorded, others: Packets
) -> None:
    lab = make()
    lab.hop = ASKED
    found = lab.pass_by(while_down, others)
    silent = {next(iter(lab.pool.servers)): Trouble.SILENT}
    assert silent in found[:5]
    assert found[found.index(silent) :] == [silent] * (len(found) - found.index(silent))


def test_what_is_known_of_an_address_holds_in_whichever_service_it_gets_traffic() -> None:
    reach, kind = Reach(), Traffic(Protocol.TCP, 20, masq=True, sticky=False, any_port=False)
    one, other = (ServerKey(service, BAD) for service in (SHOP, address_key("tcp:192.0.2.10:80")))
    reach.take(one, Span(2, 4, 0, 240, 0, 2), ServerStats(), kind, 10.0, troubled=True)
    assert reach.asks(10.0) == (ADDRESS,)
    reach.hear({ADDRESS: Hop(ADDRESS, "failed")}, 10.0)
    assert [key for key, _ in reach.found()] == [one]
    reach.take(other, Span(1, 1, 0, 60, 0, 0), ServerStats(), kind, 11.0, troubled=False)
    assert {key: verdict.trouble for key, verdict in reach.found()} == dict.fromkeys((one, other), Trouble.SILENT)
    assert reach.hear({ADDRESS: THERE}, 12.0) == {one, other}
    assert not reach.found()


def test_a_neighbour_that_was_forgotten_and_is_just_being_asked_is_no_trouble() -> None:
    lab = Lab()
    lab.hop = ASKED
    lab.pass_by(((2, 6, 0, 360, 0), (1, 4, 6, 240, 528)), SHORT)
    assert lab.watch.found == {}
    lab.hop = THERE
    lab.pass_by(((2, 10, 8, 574, 502),) * 3, SHORT)
    assert lab.watch.found == {}


def test_a_router_that_does_not_answer_is_named() -> None:
    lab = Lab()
    lab.hop = Hop(endpoint("10.9.9.1:0").address, "failed")
    lab.pass_by(TCP[:2], SHORT)
    assert lab.evidence == "the director cannot reach it: ARP for 10.9.9.1, the router towards 10.0.0.11, fails"


@pytest.mark.parametrize("hop", [THERE, FORGOTTEN, None])
def test_who_can_be_reached_is_judged_by_the_counters(hop: Hop | None) -> None:
    for packets, active, trouble in (
        (RESET, 0, Trouble.REFUSING),
        (ICMP, 1, Trouble.REFUSING),
        (NOTHING, 1, Trouble.SILENT),
    ):
        lab = Lab()
        lab.hop = hop
        for _ in range(6):
            lab.run(1, packets, active=active)
            lab.answer()
        assert lab.answer() == {BAD: trouble}


def test_answers_that_look_like_errors_are_answers_of_a_host_that_is_there() -> None:
    alike: Packets = ((60, 60, 60, 60), (88, 88, 88))
    lab = Lab()
    for packets in (*[NOTHING] * 4, *[alike] * 4):
        lab.run(1, packets)
        lab.answer()
    assert lab.watch.found == {}


def test_servers_that_serve_are_looked_up_never_or_every_half_minute() -> None:
    lab = Lab()
    lab.pass_by(((2, 10, 8, 574, 502),) * 300, SHORT)
    assert lab.asked == 0
    lab.pass_by(((2, 10, 8, 574, 800),) * 300, SHORT)
    assert lab.asked <= 21


def test_many_servers_in_trouble_are_looked_up_a_few_at_a_time() -> None:
    ends = [f"10.0.{number}.1:443" for number in range(100)]
    many = Counters(pool("tcp:192.0.2.9:443", *(server(end, Forwarding.MASQ) for end in [*ends, WELL])))
    seen: set[Address] = set()
    for _ in range(30):
        for end in many.pool.servers:
            many.open(end, SHORT if end == endpoint(WELL) else NOTHING, 2)
        many.look()
        asked = many.watch.asks_hops(many.now)
        assert len(asked) <= 16
        seen.update(asked)
        many.watch.hear(dict.fromkeys(asked), many.now)
    assert len(seen) == 100
