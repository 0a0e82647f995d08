"""What ipvsadm makes we read, what we write ipvsadm reads, and both count the same."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_address

import pytest

from lvstui.core.change import change_daemon, change_timeouts, kernel_writes
from lvstui.core.drift import diff
from lvstui.core.model import Director, RealServer, ServerKey, SyncDaemon, SyncRole, Timeouts
from lvstui.core.observed import Reading, RowKey, ServerStats
from lvstui.kernel.live import Live
from tests.build import known
from tests.kernel import corpus
from tests.kernel.ipvsadm import ipvsadm, listed, saved
from tests.lab.net import ask, shop

pytestmark = pytest.mark.kernel

CORPUS = corpus.generate(seed=1, services=240)
SEEDS = (2, 3, 4)


def _servers(director: Director, cells: Callable[[RealServer], tuple[int, ...]]) -> dict[RowKey, tuple[int, ...]]:
    return {
        ServerKey(key, endpoint): cells(server)
        for key, pool in director.pools.items()
        for endpoint, server in pool.servers.items()
    }


def _counted(reading: Reading, cells: Callable[[ServerStats], tuple[int, ...]]) -> dict[RowKey, tuple[int, ...]]:
    return {
        ServerKey(key, endpoint): cells(stats)
        for key, servers in reading.servers.items()
        for endpoint, stats in servers.items()
    }


def _read_until(live: Live, condition: Callable[[Reading], bool]) -> Reading:
    """Read until the kernel has summed its counters up, which its estimator does every 2 s."""
    end = time.monotonic() + 60
    while not condition(reading := live.read()):
        assert time.monotonic() < end, "the counters never came to what was expected"
    return reading


def _connections(reading: Reading) -> int:
    return sum(counted.connections for counted in reading.services.values())


def test_everything_that_ipvsadm_can_make_is_read_as_it_was_made(live: Live) -> None:
    ipvsadm("-R", lines=corpus.loadable(CORPUS))
    director = live.read().director
    assert director.pools == CORPUS.pools
    assert saved() == corpus.saved(director)
    thresholds = {row: limits[:2] for row, limits in listed("--thresholds", numbers=4).items() if limits}
    servers = {row: cells for row, cells in thresholds.items() if isinstance(row, ServerKey)}
    assert servers == _servers(director, lambda server: (server.upper, server.lower))
    assert live.read().director is director


@pytest.mark.parametrize("seed", SEEDS)
def test_everything_that_we_write_is_read_by_ipvsadm_as_it_was_meant(live: Live, seed: int) -> None:
    have = live.read().director
    for change in kernel_writes(diff(have, replace(corpus.generate(seed, 40), timeouts=have.timeouts, sync={}))):
        live.write(change)
    want = corpus.generate(seed, 40)
    assert saved() == corpus.saved(want)
    limits = {row: cells[:2] for row, cells in listed("--thresholds", numbers=4).items()}
    servers = {row: cells for row, cells in limits.items() if isinstance(row, ServerKey)}
    assert servers == _servers(want, lambda server: (server.upper, server.lower))


def test_one_corpus_becomes_another_by_their_difference(live: Live) -> None:
    ipvsadm("-R", lines=corpus.loadable(corpus.generate(5, 40)))
    have = live.read().director
    # Half of the services stay with other servers and settings, so that every kind of edit is in the difference.
    other = corpus.generate(6, 40).pools
    keys = list(have.pools)[:20]
    kept = {key: replace(have.pools[key], servers={}) for key in keys}
    edited = {
        key: replace(pool, service=replace(pool.service, scheduler="wrr", persistence=None))
        for key, pool in kept.items()
    }
    want = replace(have, pools={**edited, **other})
    for change in kernel_writes(diff(have, want)):
        live.write(change)
    assert saved() == corpus.saved(want)
    assert live.read().director == want


def test_real_traffic_is_counted_as_ipvsadm_counts_it(live: Live) -> None:
    with shop():
        requests = [("198.18.0.7", "192.0.2.10", 443), ("198.18.0.9", "192.0.2.10", 80)] * 10
        requests += [("2001:db8:c::7", "2001:db8:1::10", 80), ("198.18.0.8", "192.0.2.20", 80)] * 5
        assert all(ask(requests))
        _read_until(live, lambda reading: _connections(reading) == len(requests))
        for _ in range(100):
            before = live.read()
            stats = listed("--stats", "--exact", numbers=5)
            rates = listed("--rate", "--exact", numbers=5)
            connections = listed(numbers=2)
            sticky = listed("--persistent-conn", numbers=4)
            reading = live.read()
            if (before.services, before.servers) == (reading.services, reading.servers):
                break
        else:
            pytest.fail("the counters never stood still")
    assert {row: cells for row, cells in stats.items() if not isinstance(row, ServerKey)} == {
        key: counted[:5] for key, counted in reading.services.items()
    }
    assert {row: cells for row, cells in rates.items() if not isinstance(row, ServerKey)} == {
        key: counted[5:] for key, counted in reading.services.items()
    }
    for found, cells in (
        (stats, _counted(reading, lambda server: known(server.stats)[:5])),
        (rates, _counted(reading, lambda server: known(server.stats)[5:])),
        (connections, _counted(reading, lambda server: (server.active, server.inactive))),
        (
            {row: cells[1:] for row, cells in sticky.items()},
            _counted(reading, lambda server: (known(server.sticky), server.active, server.inactive)),
        ),
    ):
        assert {row: values for row, values in found.items() if isinstance(row, ServerKey)} == cells
    for number in range(5):
        assert any(counted[number] for counted in reading.services.values())
    assert any(server.sticky for servers in reading.servers.values() for server in servers.values())


def test_zero_empties_the_counters_of_the_service_that_was_meant(live: Live) -> None:
    with shop():
        assert all(ask([("198.18.0.7", "192.0.2.10", 443), ("198.18.0.9", "192.0.2.10", 80)] * 3))
        services = _read_until(live, lambda reading: _connections(reading) == 6).services
        first, second = (key for key in services if services[key].connections)
        live.zero(first)
        services = live.read().services
        assert services[first].connections == 0
        assert services[second].connections == 3
        live.zero(None)
        assert all(counted.connections == 0 for counted in live.read().services.values())


def test_timeouts_are_those_of_ipvsadm(live: Live) -> None:
    ipvsadm("--set", "800", "100", "200")
    assert live.read().director.timeouts == Timeouts(800, 100, 200)
    live.write(change_timeouts(None, Timeouts(801, 101, 201)))
    assert ipvsadm("-Ln", "--timeout") == "Timeout (tcp tcpfin udp): 801 101 201\n"


def test_daemons_are_those_of_ipvsadm(live: Live) -> None:
    options = (
        "--mcast-interface lo --syncid 5 --sync-maxlen 1200 --mcast-group 239.1.2.3 --mcast-port 9000 --mcast-ttl 4"
    )
    ipvsadm("--start-daemon", "master", *options.split())
    master = SyncDaemon(SyncRole.MASTER, "lo", 5, 1200, ip_address("239.1.2.3"), 9000, 4)
    assert live.read().director.sync == {SyncRole.MASTER: master}
    live.write(change_daemon(None, SyncDaemon(SyncRole.BACKUP, "lo", 6, 1300, ip_address("ff01::7"), 9001, 1)))
    assert ipvsadm("-Ln", "--daemon").splitlines() == [
        "master sync daemon (mcast=lo, syncid=5, maxlen=1200, group=239.1.2.3, port=9000, ttl=4)",
        "backup sync daemon (mcast=lo, syncid=6, maxlen=1300, group=ff01::7, port=9001, ttl=1)",
    ]
    live.write(change_daemon(master, None))
    ipvsadm("--stop-daemon", "backup")
    assert live.read().director.sync == {}
