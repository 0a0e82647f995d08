"""/proc/net/ip_vs: the table as anybody may read it, with less in it than in netlink's answers.

It lacks thresholds, persistence engines, the scheduler's flags, IPv6's one-packet flag, tunnels, statistics,
timeouts and sync daemons.
"""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Container, Iterable
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

from lvstui.core.model import (
    FULL_PREFIX_V6,
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
from lvstui.core.observed import Info, Reading, ServerStats
from lvstui.kernel.namespace import call_in
from lvstui.kernel.port import NO_IPVS, KernelError, NoIpvs

TABLE = Path("/proc/thread-self/net/ip_vs")
"""The table of the calling thread's network namespace."""

_CLOCK_COARSE = 6
"""CLOCK_MONOTONIC_COARSE, which moves once a tick: its resolution is 1/HZ, which anybody may read."""

_HEAD = re.compile(r"IP Virtual Server version (\S+) \(size=(\d+)\)")
_NAMES = {
    "Masq": Forwarding.MASQ,
    "Local": Forwarding.LOCAL,
    "Tunnel": Forwarding.TUNNEL,
    "Route": Forwarding.ROUTE,
    "Bypass": Forwarding.BYPASS,
}


class Proc:
    """The table of /proc/net/ip_vs in one network namespace."""

    def __init__(self, netns: str | None = None) -> None:
        self._netns = netns
        self._director = Director()

    def read(self) -> Reading:
        """Read the table; services have no statistics, servers their connections only."""
        try:
            text = call_in(self._netns, TABLE.read_text)
        except FileNotFoundError:
            raise NoIpvs(NO_IPVS) from None
        except OSError as problem:
            raise KernelError(f"/proc/net/ip_vs cannot be read: {problem.strerror}") from problem
        reading = parse(text, round(1 / time.clock_getres(_CLOCK_COARSE)), time.monotonic())
        if reading.director != self._director:
            self._director = reading.director
        return Reading(self._director, reading.info, reading.taken, reading.services, reading.servers)


class _Block:
    """A service's line and those of its servers."""

    def __init__(self, words: list[str]) -> None:
        self.words = words
        self.servers: dict[Endpoint, RealServer] = {}
        self.counts: dict[Endpoint, ServerStats] = {}

    def add(self, words: list[str]) -> None:
        """Take a server's line: `-> ADDRESS:PORT FORWARDING WEIGHT ACTIVE INACTIVE`."""
        _, place, forwarding, weight, active, inactive = words
        endpoint = Endpoint(*_place(place))
        self.servers[endpoint] = RealServer(endpoint, _NAMES[forwarding], int(weight))
        self.counts[endpoint] = ServerStats(int(active), int(inactive))


def parse(text: str, hz: int, taken: float) -> Reading:
    """Read the text of the table; persistence timeouts in it are in ticks, `hz` of them a second."""
    head, *lines = text.splitlines() or [""]
    match = _HEAD.match(head)
    if match is None:
        raise KernelError("/proc/net/ip_vs does not start as expected; is this IPVS?")
    try:
        pools, servers = _pools(_blocks(lines), hz)
    except (ValueError, KeyError, IndexError) as problem:
        raise KernelError(f"/proc/net/ip_vs holds something unknown: {problem}") from problem
    return Reading(Director(pools), Info(match[1], int(match[2])), taken, {}, servers)


def _blocks(lines: Iterable[str]) -> list[_Block]:
    blocks: list[_Block] = []
    for line in lines:
        words = line.split()
        if not words or words[0] == "Prot" or words[1].startswith("RemoteAddress"):
            continue
        if words[0] == "->":
            blocks[-1].add(words)
        else:
            blocks.append(_Block(words))
    return blocks


def _pools(
    blocks: Iterable[_Block], hz: int
) -> tuple[dict[ServiceKey, Pool], dict[ServiceKey, dict[Endpoint, ServerStats]]]:
    pools: dict[ServiceKey, Pool] = {}
    counts: dict[ServiceKey, dict[Endpoint, ServerStats]] = {}
    for block in sorted(blocks, key=_is_vague):
        service = _service(block, hz, pools)
        pools[service.key] = Pool(service, block.servers)
        counts[service.key] = block.counts
    return pools, counts


def _is_vague(block: _Block) -> bool:
    """Return whether nothing in a firewall-mark service shows its family; such ones take what the others leave."""
    return block.words[0] == "FWM" and "persistent" not in block.words and not block.servers


def _service(block: _Block, hz: int, others: Container[ServiceKey]) -> Service:
    """Read a service's line: `PROTOCOL PLACE SCHEDULER [ops] [persistent TICKS MASK]`."""
    protocol, place, scheduler, *flags = block.words
    ticks, mask = (int(flags[-2]) & 0xFFFFFFFF, int(flags[-1], 16)) if "persistent" in flags else (0, None)
    key: ServiceKey
    if protocol == "FWM":
        key = MarkKey(int(place, 16), _mark_family(block, mask))
        if key in others:
            key = MarkKey(key.mark, Family.IPV4 if key.family is Family.IPV6 else Family.IPV6)
    else:
        key = AddressKey(_protocol(protocol), *_place(place))
    persistence = None if mask is None else Persistence(ticks // hz, _mask(mask, key.family))
    return Service(key, scheduler, ServiceFlags.ONE_PACKET if "ops" in flags else ServiceFlags.NONE, persistence)


def _mark_family(block: _Block, mask: int | None) -> Family:
    """Return the family of a firewall-mark service, which its line does not name.

    A mask that is an IPv6 prefix length shows it (128.0.0.0 looks like /128, and nobody masks so), else the first
    server does, though a tunnelled one may be of the other family. A mark's second service has what is left.
    """
    if mask is not None:
        return Family.IPV6 if 1 <= socket.ntohl(mask) <= FULL_PREFIX_V6 else Family.IPV4
    return next((Family.of(endpoint.address) for endpoint in block.servers), Family.IPV4)


def _mask(mask: int, family: Family) -> IPv4Address | int:
    """Read a mask; the kernel turns the bytes of IPv6's prefix length too."""
    return IPv4Address(mask) if family is Family.IPV4 else socket.ntohl(mask)


def _protocol(name: str) -> Protocol:
    return Protocol(int(name[3:])) if name.startswith("IP_") else Protocol[name]


def _place(text: str) -> tuple[Address, int]:
    """Read `C0000201:0050` or `[2001:0db8:…]:0050`."""
    address, _, port = text.rpartition(":")
    if address.startswith("["):
        return IPv6Address(address[1:-1]), int(port, 16)
    return IPv4Address(int(address, 16)), int(port, 16)
