"""Observation: what can only be seen on a director, never written or saved."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, NamedTuple, TypeAlias

from lvstui.core.model import Address, Director, Endpoint, Family, Protocol, Selector, ServerKey, ServiceKey
from lvstui.core.packets.program import NO_RULES, Program


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
    """What the kernel counts of one real server; `sticky` is PERSIST_CONNS, the entries bound to it.

    None is what is not known: /proc/net/ip_vs has connections only.
    """

    active: int = 0
    inactive: int = 0
    sticky: int | None = 0
    stats: Stats | None = Stats()


def sum_known(numbers: Iterable[int | None]) -> int | None:
    """Return a sum, None where one of its numbers is not known."""
    total = 0
    for number in numbers:
        if number is None:
            return None
        total += number
    return total


def sum_stats(counted: Iterable[Stats | None]) -> Stats | None:
    """Return the sum of counters and rates, None where some are not known."""
    known: list[Stats] = []
    for stats in counted:
        if stats is None:
            return None
        known.append(stats)
    return Stats(*map(sum, zip(*known, strict=True)))


class MachineKey(NamedTuple):
    """A machine: one real-server address, whatever services it serves."""

    address: Address


GroupKey: TypeAlias = ServiceKey | MachineKey
"""What has real servers under it in the services view."""

RowKey: TypeAlias = GroupKey | ServerKey
"""What identifies a row of the services view, wherever it moves."""


class Origin(Enum):
    """Who made a row of the connection table: this director's own traffic, or a sync message; or it is not known."""

    LOCAL = "local"
    SYNC = "sync"
    UNKNOWN = ""


class Entry(NamedTuple):
    """A persistence entry (the kernel calls it a template): where this client's next connections go.

    `service` is what the row says: port 0 for a service on port 0 and for FTP (21), 65535 for an entry that was
    invalidated; for a firewall mark the family is the client's. `client` is masked as the service was when it was
    made. `server` has port 0 where the service is on port 0 or on a mark, whatever the server's configured port is.
    `state` is the kernel's word (NONE, ASSURED, ERR!), `ends` the moment (seconds of the monotonic clock) at which its
    timer runs out. `identity` is what the persistence engine `engine` knows clients by (SIP: the call id): bytes from
    the network as Latin-1, to be escaped wherever they are shown.
    """

    service: ServiceKey
    client: Address
    server: Endpoint
    state: str
    ends: float
    engine: str = ""
    identity: str = ""
    origin: Origin = Origin.UNKNOWN


Alike: TypeAlias = tuple[Entry, bytes, float]
"""An entry that differs from an earlier one by its client and its end only: that one, the packed address, the end."""


class Connection(NamedTuple):
    """One connection through the director; `state` is the kernel's word (ESTABLISHED, TIME_WAIT, UDP …)."""

    protocol: Protocol
    client: Endpoint
    virtual: Endpoint
    server: Endpoint
    state: str
    ends: float
    origin: Origin = Origin.UNKNOWN


@dataclass(frozen=True, slots=True)
class Scan:
    """What is known of the connection table: the newest reading of it as far as it has come.

    `began` and `taken` are the moments (monotonic seconds) of its first and its newest row, `rows` how many were read.
    It is `complete` when the end of the table was reached, and `running` while it goes on. `left_out` rows were
    counted but not kept, to keep memory bounded; what somebody looks for is always kept. `trouble` says why the table
    cannot be read.
    """

    entries: Sequence[Entry] = ()
    connections: Sequence[Connection] = ()
    began: float = 0.0
    taken: float = 0.0
    rows: int = 0
    left_out: int = 0
    complete: bool = False
    running: bool = False
    trouble: str = ""

    @property
    def whole(self) -> bool:
        """Whether every row of the table is here."""
        return self.complete and not self.left_out


class Sticker(NamedTuple):
    """A client, in the mask of its service, that sticks to a real server, and for how many seconds if it stays away."""

    client: str
    left: int


@dataclass(frozen=True, slots=True)
class Glimpse:
    """Of each real server some clients that stick to it, those first who stay longest, by one reading of the table.

    `taken` is its moment (monotonic seconds), `whole` says whether it saw every row.
    """

    taken: float
    whole: bool
    clients: Mapping[ServerKey, Sequence[Sticker]]


ALL_BITS: Final = 0xFFFFFFFF
"""The mask of a rule that sets the whole mark."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of the packet filter that sets, saves or restores a mark.

    `tool` is where it was found: `nft` (also rules that iptables-nft wrote) or `iptables-legacy`. `hook` and `priority`
    are those of the base chain through which packets come, `path` the chains from there to this one; without a way
    to it `hook` is empty. `match` are its conditions in words (`ip daddr 192.0.2.10`, `tcp dport 80, 443`), `selector`
    the same as a value where a selector can say all of it. The mark becomes `(mark & ~mask) ^ value`, as `verb` says:
    `set`; the connection's mark does with `save`, which copies the packet's, or writes a `value` to it. What `save` and
    `restore` copy is the other mark's `bits`, then without a value: the mark becomes `(mark & ~mask) ^ (other & bits)`,
    the latter moved by `shift` bits (to the left where positive).
    A rule that could not be decoded for certain has `decoded` False and its text in `raw`. A rule that is reachable
    by several paths, or sets a mark by a map, stands once for each. Packets and bytes are None where nothing counts;
    `counter` names the one that it shares with others, if it does. All texts but `tool` are from outside.
    """

    tool: str
    family: str
    table: str
    chain: str
    handle: int = 0
    path: tuple[str, ...] = ()
    hook: str = ""
    priority: int = 0
    match: tuple[str, ...] = ()
    selector: Selector | None = None
    verb: str = "set"
    value: int | None = None
    mask: int = ALL_BITS
    packets: int | None = None
    bytes: int | None = None
    counter: str = ""
    comment: str = ""
    dormant: bool = False
    decoded: bool = True
    raw: str = ""
    bits: int = ALL_BITS
    shift: int = 0


@dataclass(frozen=True, slots=True)
class Ruleset:
    """All rules about marks, of one generation of the ruleset; `trouble` says why they, or some, are not known.

    `program` are the tables that these stand in, as the kernel runs them; the same object while no rule changed.
    `ours` says whether our own table stands there; `missing` says why rules cannot be written here (no nf_tables, no
    right, no inet family), empty where they can.
    """

    rules: tuple[Rule, ...] = ()
    generation: int = 0
    ours: bool = False
    trouble: str = ""
    missing: str = ""
    program: Program = NO_RULES


class Policy(NamedTuple):
    """A rule of policy routing (`ip rule`) about packets with a mark: those for which `(mark & mask) == value`.

    `action` is what it does, in ip's words (`lookup 100`); `inverted` says that it is for all other packets.
    `delivers` says that its table brings packets to this machine itself, as IPVS needs it for addresses that are not
    the machine's own.
    """

    family: Family
    priority: int
    value: int
    mask: int
    action: str
    inverted: bool = False
    delivers: bool = False

    def is_about(self, mark: int) -> bool:
        """Return whether the rule asks for this mark."""
        return mark & self.mask == self.value

    def __str__(self) -> str:
        mark = f"0x{self.value:x}" + (f"/0x{self.mask:x}" if self.mask != ALL_BITS else "")
        six = "-6 " if self.family is Family.IPV6 else ""
        return f"ip {six}rule {self.priority}: {'not ' if self.inverted else ''}fwmark {mark} {self.action}"


@dataclass(frozen=True, slots=True)
class Info:
    """The kernel's IPVS: its version (`1.2.1`) and the number of buckets of its connection table.

    Since Linux 7.2 each namespace has a table of its own, which comes with the first service (0 before) and grows.
    """

    version: str
    table_size: int


NO_INFO: Final = Info("", 0)
"""What is said of a kernel without IPVS."""


@dataclass(frozen=True, slots=True)
class TableStatus:
    """The connection table as the kernel itself counts it: its rows and its buckets."""

    rows: int
    buckets: int


@dataclass(frozen=True, slots=True)
class Reading:
    """One look at the kernel: the configuration it held and what it counted.

    `taken` is in seconds of a monotonic clock. Statistics lack the rows for which the source has none:
    /proc/net/ip_vs counts connections only and has no statistics at all. `total` is the whole director since the last
    zeroing, `cpus` each CPU since IPVS was loaded, without rates; None and empty where /proc does not let them be read.
    `rules` are the packet filter's rules about marks, None where nobody looked. `forwards` says whether the host
    forwards packets of a family, without which masq cannot work; empty where that could not be read. `table` is None
    on kernels that do not count their table (before Linux 7.2), and for others than root. `policies` are the rules of
    policy routing that ask for a mark. `addresses` are those of each network interface that are in use, in the kernel's
    order, of IPv4 the first one only; empty where they are not known. What is `partial` lacks a part of what is
    configured: thresholds, tunnels, engines and the flags of schedulers.
    """

    director: Director
    info: Info
    taken: float
    services: Mapping[ServiceKey, Stats] = field(default_factory=dict)
    servers: Mapping[ServiceKey, Mapping[Endpoint, ServerStats]] = field(default_factory=dict)
    total: Stats | None = field(default_factory=Stats)
    cpus: tuple[Stats, ...] = ()
    rules: Ruleset | None = None
    forwards: Mapping[Family, bool] = field(default_factory=dict)
    table: TableStatus | None = None
    policies: tuple[Policy, ...] = ()
    addresses: Mapping[str, tuple[Address, ...]] = field(default_factory=dict)
    partial: bool = False

    @property
    def connections(self) -> int:
        """Count the connections of all servers, active and inactive."""
        return sum(seen.active + seen.inactive for pool in self.servers.values() for seen in pool.values())

    @property
    def sticky(self) -> int | None:
        """Count the persistence entries of all servers; None where they are not known."""
        return sum_known(seen.sticky for pool in self.servers.values() for seen in pool.values())

    @property
    def rows(self) -> int | None:
        """Count the rows of the connection table, connections and persistence entries; None where not all are known."""
        return self.table.rows if self.table else sum_known((self.connections, self.sticky))
