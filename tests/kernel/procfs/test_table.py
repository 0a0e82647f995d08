"""/proc/net/ip_vs and its statistics, as text and as the kernel writes them."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from ipaddress import IPv4Address, ip_address
from pathlib import Path

import pytest

from lvstui.core.change import EMPTY, change_server, change_service
from lvstui.core.drift import add_profile_values, find_drift
from lvstui.core.fields import service_text
from lvstui.core.model import (
    PLAIN_TUNNEL,
    UNKNOWN_FAMILY,
    AddressKey,
    Director,
    Family,
    Forwarding,
    MarkKey,
    Persistence,
    Pool,
    Protocol,
    RealServer,
    Service,
    ServiceFlags,
)
from lvstui.core.observed import Info, Reading, ServerStats, Stats
from lvstui.kernel.live import Live
from lvstui.kernel.memory.demo import demo_director
from lvstui.kernel.memory.kernel import MemoryKernel
from lvstui.kernel.port import Kernel, KernelError
from lvstui.kernel.procfs.table import Counted, Proc, Totals, parse, parse_totals
from tests.build import address_key, endpoint, known, remove_services, server
from tests.kernel import corpus
from tests.kernel.ipvsadm import ipvsadm

HEAD = """\
IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port Forward Weight ActiveConn InActConn
"""
TABLE = (
    HEAD
    + """\
TCP  C000020A:0050 wlc  persistent 30000 FFFFFF00
  -> 0A00000B:0050      Masq    3      12         34
  -> 0A00000C:1F90      Tunnel  65536  0          0
UDP  C000020A:0035 rr ops
IP_50  C000020A:0000 rr
TCP  [2001:0db8:0000:0000:0000:0000:0000:0010]:0050 lc persistent 6000 40000000
  -> [fd00:0000:0000:0000:0000:0000:0000:0011]:0050      Route   1      0          0
"""
)


def service(protocol: int, address: str, port: int) -> AddressKey:
    return AddressKey(Protocol(protocol), ip_address(address), port)


def test_the_table_is_read_with_all_that_is_in_it() -> None:
    reading = parse(TABLE, 100, 7.0)
    web, dns, esp = service(6, "192.0.2.10", 80), service(17, "192.0.2.10", 53), service(50, "192.0.2.10", 0)
    web6 = service(6, "2001:db8::10", 80)
    first, second = endpoint("10.0.0.11:80"), endpoint("10.0.0.12:8080")
    sixth = endpoint("[fd00::11]:80")
    assert reading.director == Director(
        {
            web: Pool(
                Service(web, persistence=Persistence(300, IPv4Address("255.255.255.0"))),
                {
                    first: RealServer(first, Forwarding.MASQ, 3),
                    second: RealServer(second, Forwarding.TUNNEL, 65536),
                },
            ),
            dns: Pool(Service(dns, "rr", ServiceFlags.ONE_PACKET)),
            esp: Pool(Service(esp, "rr")),
            web6: Pool(Service(web6, "lc", persistence=Persistence(60, 64)), {sixth: RealServer(sixth)}),
        }
    )
    assert reading.info == Info("1.2.1", 4096)
    assert reading.taken == 7.0
    assert reading.services == {}
    assert reading.servers[web] == {first: ServerStats(12, 34, None, None), second: ServerStats(0, 0, None, None)}


@pytest.mark.parametrize(("hz", "ticks"), [(100, "30000"), (250, "75000"), (300, "90000"), (1000, "300000")])
def test_a_persistence_timeout_is_in_ticks_of_the_kernel(hz: int, ticks: str) -> None:
    (pool,) = parse(TABLE.replace("30000", ticks).split("UDP")[0], hz, 0).director.pools.values()
    assert pool.service.persistence == Persistence(300, IPv4Address("255.255.255.0"))


def test_a_long_timeout_that_the_kernel_prints_as_negative_is_read() -> None:
    ticks = 2678400 * 1000 - 2**32
    (pool,) = parse(TABLE.replace("30000", str(ticks)).split("UDP")[0], 1000, 0).director.pools.values()
    assert pool.service.persistence is not None
    assert pool.service.persistence.timeout == 2678400


@pytest.mark.parametrize(
    ("lines", "families"),
    [
        (["FWM  00000050 rr"], [UNKNOWN_FAMILY]),
        (["FWM  00000050 rr persistent 30000 FFFFFFFF"], [Family.IPV4]),
        (["FWM  00000050 rr persistent 30000 40000000"], [Family.IPV6]),
        (["FWM  00000050 rr", "  -> [fd00::11]:0050      Masq    1  0  0"], [Family.IPV6]),
        (["FWM  00000050 rr", "  -> 0A00000B:0050      Masq    1  0  0"], [Family.IPV4]),
        (["FWM  00000050 rr", "FWM  00000050 lc"], [Family.IPV4, Family.IPV6]),
        (["FWM  00000050 rr", "FWM  00000050 lc persistent 1 FFFFFFFF"], [Family.IPV6, Family.IPV4]),
        (["FWM  00000050 rr persistent 1 40000000", "FWM  00000050 lc"], [Family.IPV6, Family.IPV4]),
    ],
)
def test_the_family_of_a_mark_is_deduced_and_two_services_never_fall_together(
    lines: list[str], families: list[Family]
) -> None:
    pools = parse(HEAD + "\n".join(lines) + "\n", 100, 0).director.pools
    schedulers = [line.split()[2] for line in lines if line.startswith("FWM")]
    assert {key: pool.service.scheduler for key, pool in pools.items()} == {
        MarkKey(0x50, family): scheduler for family, scheduler in zip(families, schedulers, strict=True)
    }


@pytest.mark.parametrize(
    "text", ["", "nonsense\n", HEAD + "TCP  zzz:0050 rr\n", HEAD + "  -> 0A00000B:0050 Masq 1 0 0\n"]
)
def test_what_is_not_the_table_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(KernelError, match="/proc/net/ip_vs"):
        parse(text, 100, 0)


def poorer(director: Director) -> Director:
    """Take away what /proc does not show."""
    pools = {}
    for key, pool in director.pools.items():
        flags = pool.service.flags & ServiceFlags.ONE_PACKET
        if isinstance(key, AddressKey) and key.family is Family.IPV6:
            flags = ServiceFlags.NONE
        persistence = pool.service.persistence and replace(pool.service.persistence, engine="")
        servers = {
            endpoint: replace(server, upper=0, lower=0, tunnel=PLAIN_TUNNEL)
            for endpoint, server in pool.servers.items()
        }
        pools[key] = Pool(replace(pool.service, flags=flags, persistence=persistence), servers)
    return Director(pools)


@pytest.mark.kernel
def test_proc_shows_the_same_table_as_netlink_but_less(live: Live) -> None:
    table = corpus.generate(seed=7, services=200)
    # Without persistence and servers of its own family a mark's family cannot be known.
    plain = {key: pool for key, pool in table.pools.items() if isinstance(key, AddressKey) or pool.service.persistence}
    ipvsadm("-R", lines=corpus.loadable(Director(plain)))
    proc = Proc()
    reading = proc.read()
    assert reading.director == poorer(live.read().director)
    assert reading.info == live.read().info
    assert proc.read().director is reading.director


TOTALS = """\
       Total Incoming Outgoing         Incoming         Outgoing
CPU    Conns  Packets  Packets            Bytes            Bytes
  0       1A        B        C               1D               1E
  1        1        0        0               10                0
  2        0        0        0                0                0
  3        0        0        0                0                0
  ~       1B        B        C               2D               1E

     Conns/s   Pkts/s   Pkts/s          Bytes/s          Bytes/s
           2       10        3              FFF        100000000
"""


def test_the_table_is_read_in_hexadecimal() -> None:
    total, cpus = parse_totals(TOTALS, online=2)
    assert total == Stats(27, 11, 12, 45, 30, 2, 16, 3, 4095, 2**32)
    assert cpus == (Stats(26, 11, 12, 29, 30), Stats(1, 0, 0, 16, 0))


def test_cpus_that_are_only_possible_are_left_out_while_they_are_idle() -> None:
    assert len(parse_totals(TOTALS, online=1).cpus) == 2
    assert len(parse_totals(TOTALS, online=4).cpus) == 4


@pytest.mark.parametrize("text", ["", "a\nb\n", TOTALS[:300], TOTALS.replace("1A", "1G"), TOTALS.replace("1A", "")])
def test_another_text_is_not_taken_for_statistics(text: str) -> None:
    with pytest.raises(ValueError, match=r"statistics|literal"):
        parse_totals(text, online=2)


def test_statistics_that_cannot_be_read_are_none() -> None:
    assert Totals("no-such-namespace").read() == Counted()


def test_an_idle_kernel_counts_nothing_on_each_of_its_cpus(kernel: Kernel) -> None:
    kernel.zero(None)
    reading = kernel.read()
    assert known(reading.total)[:5] == (0, 0, 0, 0, 0)
    assert len(reading.cpus) >= 1
    assert all(stats[5:] == (0, 0, 0, 0, 0) for stats in reading.cpus)
    assert reading.connections == 0


def test_the_demo_spreads_over_its_cpus_all_that_its_services_count() -> None:
    now = 0.0
    kernel = MemoryKernel(demo_director(), clock=lambda: now, traffic=True)
    kernel.read()
    now = 10.0
    reading = kernel.read()
    assert known(reading.total).connections == sum(stats.connections for stats in reading.services.values()) > 0
    assert known(reading.total).in_byte_rate == sum(stats.in_byte_rate for stats in reading.services.values()) > 0
    assert tuple(map(sum, zip(*reading.cpus, strict=True)))[:5] == known(reading.total)[:5]
    assert reading.connections == sum(
        seen.active + seen.inactive for pool in reading.servers.values() for seen in pool.values()
    )
    assert MemoryKernel(EMPTY, traffic=True).read().total == Stats()


WEB = Service(address_key("udp:127.0.0.1:5300"), "rr")
REAL = server("127.0.0.1:5301", Forwarding.MASQ)


@contextmanager
def _served(live: Live) -> Iterator[None]:
    live.write(change_service(None, WEB))
    live.write(change_server(WEB.key, None, REAL))
    yield
    remove_services(live)


def _referee() -> tuple[int, ...]:
    return tuple(int(word, 16) for word in Path("/proc/net/ip_vs_stats").read_text().splitlines()[2].split())


def _settled(live: Live) -> Reading:
    """Wait until the kernel's estimator, which brings the totals up to date every two seconds, has nothing to add."""
    reading = live.read()
    still = time.monotonic()
    while time.monotonic() < still + 5:
        time.sleep(0.1)
        now = live.read()
        if (known(now.total)[:5], now.cpus) != (known(reading.total)[:5], reading.cpus):
            still = time.monotonic()
        reading = now
    return reading


# All sockets are there before the first one sends, so no two have the same port.
_SEND = """
import socket
senders = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(20)]
for sender in senders:
    sender.sendto(b"x" * 100, ("127.0.0.1", 5300))
"""


@pytest.mark.kernel
def test_the_kernel_says_the_same_of_the_whole_and_zeroes_that_but_not_its_cpus(live: Live) -> None:
    _settled(live)  # what came in before is not zeroed while it is not counted yet
    live.zero(None)
    with _served(live):
        subprocess.run((sys.executable, "-c", _SEND), check=True)
        reading = _settled(live)
    assert known(reading.total)[:5] == _referee()
    assert known(reading.total).connections == 20
    assert reading.connections == 20
    assert sum(stats.connections for stats in reading.cpus) >= 20
    live.zero(None)
    after = live.read()
    assert known(after.total)[:5] == _referee()
    assert known(after.total).connections == 0
    assert after.cpus == reading.cpus


def test_a_mark_whose_family_nothing_shows_is_no_other_than_the_profiles() -> None:
    held = parse(f"{HEAD}FWM  0000008C rr\n", 100, 0).director
    assert [service_text(key) for key in held.pools] == ["mark?:140"]
    key = MarkKey(140, Family.IPV6)
    profile = Director({key: Pool(Service(key, "rr", name="dns"))})
    assert [pool.service.name for pool in add_profile_values(held, profile).pools.values()] == ["dns"]
    assert find_drift(held, profile) == ()
