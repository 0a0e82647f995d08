"""Observation: what can only be seen on a director, never written or saved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from lvstui.core.model import Address, Director, Endpoint, ServiceKey


class Stats(NamedTuple):
    """Counters since creation or the last zeroing, and the kernel's own estimates per second (2 s period)."""

    connections: int = 0
    in_packets: int = 0
    out_packets: int = 0
    in_bytes: int = 0
    out_bytes: int = 0
    connection_rate: int = 0
    in_packet_rate: int = 0
    out_packet_rate: int = 0
    in_byte_rate: int = 0
    out_byte_rate: int = 0


class ServerStats(NamedTuple):
    """What the kernel counts of one real server; `sticky` is PERSIST_CONNS, the entries bound to it."""

    active: int = 0
    inactive: int = 0
    sticky: int = 0
    stats: Stats = Stats()


class ServerKey(NamedTuple):
    """A real server's place in the whole table: its service and its endpoint there."""

    service: ServiceKey
    endpoint: Endpoint


class MachineKey(NamedTuple):
    """A machine: one real-server address, whatever services it serves."""

    address: Address


GroupKey: TypeAlias = ServiceKey | MachineKey
"""What has real servers under it in the services view."""

RowKey: TypeAlias = GroupKey | ServerKey
"""What identifies a row of the services view, wherever it moves."""


@dataclass(frozen=True, slots=True)
class Info:
    """The kernel's IPVS: its version (`1.2.1`) and the number of buckets of its connection table."""

    version: str
    table_size: int


@dataclass(frozen=True, slots=True)
class Reading:
    """One look at the kernel: the configuration it held and what it counted.

    `taken` is in seconds of a monotonic clock. Statistics lack the rows that the source does not tell them for:
    /proc/net/ip_vs counts connections only and gives no statistics at all. `total` is the whole director since the last
    zeroing, `cpus` each CPU since IPVS was loaded, without rates; empty where /proc does not let them be read.
    """

    director: Director
    info: Info
    taken: float
    services: Mapping[ServiceKey, Stats] = field(default_factory=dict)
    servers: Mapping[ServiceKey, Mapping[Endpoint, ServerStats]] = field(default_factory=dict)
    total: Stats = field(default_factory=Stats)
    cpus: tuple[Stats, ...] = ()

    @property
    def connections(self) -> int:
        """Count the connections of all servers, active and inactive; the table also holds persistence entries."""
        return sum(seen.active + seen.inactive for pool in self.servers.values() for seen in pool.values())
