"""The director as a whole and its CPUs, with /proc/net/ip_vs_stats as referee for the running kernel."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lvstui.core.change import EMPTY, change_server, change_service
from lvstui.core.model import Forwarding, Service
from lvstui.core.observed import Reading, Stats
from lvstui.kernel.live import Live
from lvstui.kernel.memory.demo import demo_director
from lvstui.kernel.memory.kernel import MemoryKernel
from lvstui.kernel.port import Kernel
from lvstui.kernel.procfs.table import Counted, Totals, parse_totals
from tests.build import address_key, remove_services, server

TEXT = """\
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
    total, cpus = parse_totals(TEXT, online=2)
    assert total == Stats(27, 11, 12, 45, 30, 2, 16, 3, 4095, 2**32)
    assert cpus == (Stats(26, 11, 12, 29, 30), Stats(1, 0, 0, 16, 0))


def test_cpus_that_are_only_possible_are_left_out_while_they_are_idle() -> None:
    assert len(parse_totals(TEXT, online=1).cpus) == 2
    assert len(parse_totals(TEXT, online=4).cpus) == 4


@pytest.mark.parametrize("text", ["", "a\nb\n", TEXT[:300], TEXT.replace("1A", "1G"), TEXT.replace("1A", "")])
def test_another_text_is_not_taken_for_statistics(text: str) -> None:
    with pytest.raises(ValueError, match=r"statistics|literal"):
        parse_totals(text, online=2)


def test_statistics_that_cannot_be_read_are_none() -> None:
    assert Totals("no-such-namespace").read() == Counted()


def test_an_idle_kernel_counts_nothing_on_each_of_its_cpus(kernel: Kernel) -> None:
    kernel.zero(None)
    reading = kernel.read()
    assert reading.total[:5] == (0, 0, 0, 0, 0)
    assert len(reading.cpus) >= 1
    assert all(stats[5:] == (0, 0, 0, 0, 0) for stats in reading.cpus)
    assert reading.connections == 0


def test_the_demo_spreads_over_its_cpus_all_that_its_services_count() -> None:
    now = 0.0
    kernel = MemoryKernel(demo_director(), clock=lambda: now, traffic=True)
    kernel.read()
    now = 10.0
    reading = kernel.read()
    assert reading.total.connections == sum(stats.connections for stats in reading.services.values()) > 0
    assert reading.total.in_byte_rate == sum(stats.in_byte_rate for stats in reading.services.values()) > 0
    assert tuple(map(sum, zip(*reading.cpus, strict=True)))[:5] == reading.total[:5]
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
    """Wait for the kernel's estimator, which brings the totals up to date every two seconds."""
    deadline = time.monotonic() + 20
    while (reading := live.read()).total.connections < 20 and time.monotonic() < deadline:
        time.sleep(0.1)
    return reading


@pytest.mark.kernel
def test_the_kernel_says_the_same_of_the_whole_and_zeroes_that_but_not_its_cpus(live: Live) -> None:
    live.zero(None)
    with _served(live):
        program = "import socket; [socket.socket(2, 2).sendto(b'x' * 100, ('127.0.0.1', 5300)) for _ in range(20)]"
        subprocess.run(("python3", "-c", program), check=True)
        reading = _settled(live)
    assert reading.total[:5] == _referee()
    assert reading.total.connections == 20
    assert reading.connections == 20
    assert sum(stats.connections for stats in reading.cpus) >= 20
    live.zero(None)
    after = live.read()
    assert after.total[:5] == _referee()
    assert after.total.connections == 0
    assert after.cpus == reading.cpus
