"""What /proc/net shows of IPVS to anybody: the table, and the counters of the director as a whole.

/proc/net/ip_vs has less in it than netlink's answers: it lacks thresholds, persistence engines, the scheduler's flags,
IPv6's one-packet flag, tunnels, statistics, timeouts and sync daemons.
"""

from __future__ import annotations

import os
import re
import socket
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import NamedTuple

from lvstui.core.model import (
    FULL_PREFIX_V6,
    UNKNOWN_FAMILY,
    Address,
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
)
from lvstui.core.observed import Info, Reading, ServerStats, Stats
from lvstui.kernel.namespace import KeptFile, call_in, explain_absence
from lvstui.kernel.port import KernelError

TABLE = Path("/proc/thread-self/net/ip_vs")
TOTALS = "/proc/thread-self/net/ip_vs_stats_percpu"
"""The files of the calling thread's network namespace."""

_CLOCK_COARSE = 6
"""CLOCK_MONOTONIC_COARSE, which moves once a tick: its resolution is 1/HZ, which anybody may read."""

_HEAD = re.compile(r"IP Virtual Server version (\S+) \(size=([0-9]{1,10})\)")
_NAMES = {
    "Masq": Forwarding.MASQ,
    "Local": Forwarding.LOCAL,
    "Tunnel": Forwarding.TUNNEL,
    "Route": Forwarding.ROUTE,
    "Bypass": Forwarding.BYPASS,
}
_COUNTERS = 5


class Proc:
    """The table of /proc/net/ip_vs in one network namespace."""

    def __init__(self, netns: str | None = None) -> None:
        self._netns = netns
        self._director = Director()

    def read(self) -> Reading:
        """Read the table; services have no statistics, servers their connections only. Raises `KernelError`."""
        try:
            text = call_in(self._netns, TABLE.read_text)
        except FileNotFoundError:
            raise explain_absence() from None
        except OSError as problem:
            raise KernelError(f"/proc/net/ip_vs cannot be read: {problem.strerror}") from problem
        reading = parse(text, round(1 / time.clock_getres(_CLOCK_COARSE)), time.monotonic())
        if reading.director != self._director:
            self._director = reading.director
        return replace(reading, director=self._director)


@dataclass(slots=True)
class _Block:
    """The words of a service's line, and its servers."""

    words: list[str]
    servers: dict[Endpoint, RealServer] = field(default_factory=dict)
    counts: dict[Endpoint, ServerStats] = field(default_factory=dict)

    @property
    def is_vague(self) -> bool:
        """Whether nothing in a firewall-mark service shows its family; beside another one it has the other family."""
        return self.words[0] == "FWM" and "persistent" not in self.words and not self.servers


def parse(text: str, hz: int, taken: float) -> Reading:
    """Read the text of the table, in which persistence timeouts are in ticks, `hz` a second. Raises `KernelError`."""
    head, *lines = text.splitlines() or [""]
    match = _HEAD.match(head)
    if match is None:
        raise KernelError("/proc/net/ip_vs does not start as expected; is this IPVS?")
    pools: dict[ServiceKey, Pool] = {}
    counts: dict[ServiceKey, dict[Endpoint, ServerStats]] = {}
    try:
        blocks = sorted(_blocks(lines), key=lambda block: block.is_vague)
        marks = Counter(block.words[1] for block in blocks if block.words[0] == "FWM")
        for block in blocks:
            service = _service(block, hz, pools, is_alone=marks[block.words[1]] == 1)
            pools[service.key] = Pool(service, block.servers)
            counts[service.key] = block.counts
    except (ValueError, KeyError, IndexError) as problem:
        raise KernelError(f"/proc/net/ip_vs holds something unknown: {problem}") from problem
    return Reading(Director(pools), Info(match[1], int(match[2])), taken, {}, counts, partial=True)


def _blocks(lines: Iterable[str]) -> list[_Block]:
    """Read the servers' lines, `-> ADDRESS:PORT FORWARDING WEIGHT ACTIVE INACTIVE`, below those of their services."""
    blocks: list[_Block] = []
    for line in lines:
        words = line.split()
        if not words or words[0] == "Prot" or words[1].startswith("RemoteAddress"):
            continue
        if words[0] == "->":
            _, place, forwarding, weight, active, inactive = words
            endpoint = Endpoint(*_place(place))
            blocks[-1].servers[endpoint] = RealServer(endpoint, _NAMES[forwarding], int(weight))
            blocks[-1].counts[endpoint] = ServerStats(int(active), int(inactive), None, None)
        else:
            blocks.append(_Block(words))
    return blocks


def _service(block: _Block, hz: int, others: Mapping[ServiceKey, Pool], *, is_alone: bool) -> Service:
    """Read a service's line: `PROTOCOL PLACE SCHEDULER [ops] [persistent TICKS MASK]`.

    `is_alone` says that a firewall mark has no other service.
    """
    protocol, place, scheduler, *flags = block.words
    ticks, mask = (int(flags[-2]) & 0xFFFFFFFF, _hexadecimal(flags[-1], 32)) if "persistent" in flags else (0, None)
    key: ServiceKey
    if protocol == "FWM":
        unknown = block.is_vague and is_alone
        key = MarkKey(_hexadecimal(place, 32), UNKNOWN_FAMILY if unknown else _mark_family(block, mask))
        if key in others:
            key = MarkKey(key.mark, Family.IPV4 if key.family is Family.IPV6 else Family.IPV6)
    else:
        number = Protocol(int(protocol[3:])) if protocol.startswith("IP_") else Protocol[protocol]
        key = AddressKey(number, *_place(place))
    persistence = None
    if mask is not None:  # the kernel turns the bytes of IPv6's prefix length too
        persistence = Persistence(ticks // hz, IPv4Address(mask) if key.family is Family.IPV4 else socket.ntohl(mask))
    return Service(key, scheduler, ServiceFlags.ONE_PACKET if "ops" in flags else ServiceFlags.NONE, persistence)


def _mark_family(block: _Block, mask: int | None) -> Family:
    """Return the family of a firewall-mark service, which its line does not name.

    A mask that is an IPv6 prefix length shows it (128.0.0.0 looks like /128, and nobody masks so), else the first
    server does, though a tunnelled one may be of the other family. A mark's second service has what is left.
    """
    if mask is not None:
        return Family.IPV6 if 1 <= socket.ntohl(mask) <= FULL_PREFIX_V6 else Family.IPV4
    return next((Family.of(endpoint.address) for endpoint in block.servers), Family.IPV4)


def _place(text: str) -> tuple[Address, int]:
    """Read `C0000201:0050` or `[2001:0db8:…]:0050`."""
    address, _, port = text.rpartition(":")
    if address.startswith("["):
        return IPv6Address(address[1:-1]), _hexadecimal(port, 16)
    return IPv4Address(int(address, 16)), _hexadecimal(port, 16)


def _hexadecimal(text: str, bits: int) -> int:
    number = int(text, 16)
    if not 0 <= number < 1 << bits:
        raise ValueError(f"{text} has more than {bits} bits")
    return number


class Counted(NamedTuple):
    """The whole director since the counters were zeroed, with rates; each CPU since IPVS was loaded, without."""

    total: Stats | None = None
    cpus: tuple[Stats, ...] = ()


class Totals:
    """The counters in one network namespace."""

    def __init__(self, netns: str | None = None) -> None:
        self._file = KeptFile(TOTALS, netns)
        self._online = os.cpu_count() or 1

    def read(self) -> Counted:
        """Read them; returns nothing counted where they cannot be read."""
        for _ in range(2):
            try:
                return parse_totals(self._file.read().decode("ascii"), self._online)
            except (OSError, KernelError, ValueError):
                self._file.close()  # the module went, and may be back
        return Counted()

    def close(self) -> None:
        """Close the file; the next reading would open it anew."""
        self._file.close()


def parse_totals(text: str, online: int) -> Counted:
    """Read the text of the statistics, which is in hexadecimal; raises ValueError for any other text.

    The kernel lists all CPUs that the machine could have; those beyond the `online` ones are left out while idle.
    """
    cpus: list[Stats] = []
    total: list[int] = []
    rates: list[int] = []
    for line in text.splitlines()[2:]:
        words = line.split()
        if not words or words[0] == "Conns/s":
            continue
        if words[0] == "~":
            total = _numbers(words[1:])
        elif total:
            rates = _numbers(words)
        else:
            cpus.append(Stats(*_numbers(words[1:])))
    if not rates:
        raise ValueError("the statistics end before their end")
    while len(cpus) > online and cpus[-1] == Stats():
        cpus.pop()
    return Counted(Stats(*total, *rates), tuple(cpus))


def _numbers(words: list[str]) -> list[int]:
    if len(words) != _COUNTERS:
        raise ValueError("a row of the statistics does not hold five numbers")
    return [int(word, 16) for word in words]
