"""Configuration: what a kernel can hold and a profile can save, as immutable values.

Two values that compare equal are the same configuration, names and notes included. Nothing that can only be
observed stands here (see observed.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, IntEnum, IntFlag
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import NamedTuple, TypeAlias, TypeVar

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

INT_MAX = 2**31 - 1
"""Largest weight and connection threshold (net/netfilter/ipvs/ip_vs_ctl.c: both are kept in a signed int)."""

PERSISTENCE_MAX = 31 * 24 * 3600
"""Longest persistence timeout in seconds that ipvsadm accepts; the kernel itself does not check."""

FULL_MASK_V4 = IPv4Address("255.255.255.255")
FULL_PREFIX_V6 = 128

SYNC_GROUP = IPv4Address("224.0.0.81")
SYNC_PORT = 8848

_OpenEnum = TypeVar("_OpenEnum", bound=IntEnum)


def _unnamed(cls: type[_OpenEnum], value: int, name: str) -> _OpenEnum:
    """Add a member for a number that the kernel holds but has no name for, so that no row is ever lost to it."""
    member = int.__new__(cls, value)
    member._name_ = name
    member._value_ = value
    cls._value2member_map_[value] = member
    return member


class Family(IntEnum):
    """Address family, with the numbers of the kernel (AF_INET, AF_INET6)."""

    IPV4 = 2
    IPV6 = 10

    @classmethod
    def of(cls, address: Address) -> Family:
        """Return the family of an address."""
        return cls.IPV4 if address.version == 4 else cls.IPV6

    @property
    def word(self) -> str:
        """The family in text: `IPv4`, `IPv6`."""
        return {Family.IPV4: "IPv4", Family.IPV6: "IPv6"}.get(self, "unknown")

    @property
    def short(self) -> str:
        """The family where there is little room: `v4`, `v6`."""
        return {Family.IPV4: "v4", Family.IPV6: "v6"}.get(self, "v?")

    @property
    def full_mask(self) -> IPv4Address | int:
        """The mask with which each client address counts for itself: a netmask, or a prefix length for IPv6."""
        return FULL_MASK_V4 if self is Family.IPV4 else FULL_PREFIX_V6


UNKNOWN_FAMILY = _unnamed(Family, 0, "UNKNOWN")
"""The family of a firewall-mark service of which nothing shows it (AF_UNSPEC); no member that one iterates over."""


class Protocol(IntEnum):
    """IP protocol of a service. Netlink does not check the number, so an unknown one becomes a member `IP_<n>`."""

    TCP = 6
    UDP = 17
    SCTP = 132

    @classmethod
    def _missing_(cls, value: object) -> Protocol | None:
        return _unnamed(cls, value, f"IP_{value}") if isinstance(value, int) and 0 <= value <= 0xFFFF else None


class Forwarding(IntEnum):
    """How packets reach a real server (IP_VS_CONN_F_FWD_MASK: three bits, of which the kernel names five values)."""

    MASQ = 0
    LOCAL = 1
    TUNNEL = 2
    ROUTE = 3
    BYPASS = 4

    @classmethod
    def _missing_(cls, value: object) -> Forwarding | None:
        return _unnamed(cls, value, f"FORWARDING_{value}") if isinstance(value, int) and 5 <= value <= 7 else None


class TunnelType(IntEnum):
    """Encapsulation of the tunnel method (IP_VS_CONN_F_TUNNEL_TYPE_*)."""

    IPIP = 0
    GUE = 1
    GRE = 2

    @classmethod
    def _missing_(cls, value: object) -> TunnelType | None:
        return _unnamed(cls, value, f"TYPE_{value}") if isinstance(value, int) and 3 <= value <= 255 else None


class ProbeType(Enum):
    """What a server is asked; the value is the word that stands for it."""

    TCP = "tcp"
    TLS = "tls"
    HTTP = "http"
    HTTPS = "https"
    DNS = "dns"
    SMTP = "smtp"
    UDP = "udp"

    @property
    def carrier(self) -> Protocol:
        """The protocol that the question goes over."""
        return Protocol.UDP if self in (ProbeType.DNS, ProbeType.UDP) else Protocol.TCP


class DnsRecord(IntEnum):
    """What a name server is asked for, with the numbers of the protocol (RFC 1035, 3596)."""

    A = 1
    NS = 2
    SOA = 6
    AAAA = 28


class ServiceFlags(IntFlag):
    """Flags of a service that an operator sets (IP_VS_SVC_F_*); persistence is `Service.persistence`."""

    NONE = 0
    ONE_PACKET = 0x04
    SCHED_1 = 0x08
    SCHED_2 = 0x10
    SCHED_3 = 0x20


class SyncRole(IntEnum):
    """Role of a connection synchronisation daemon (IP_VS_STATE_*)."""

    MASTER = 1
    BACKUP = 2


class AddressKey(NamedTuple):
    """A virtual service identified by protocol, address and port (0 = every port)."""

    protocol: Protocol
    address: Address
    port: int

    @property
    def family(self) -> Family:
        """The family of the virtual address."""
        return Family.of(self.address)


class MarkKey(NamedTuple):
    """A virtual service identified by a firewall mark (1..2^32-1); IPv4 and IPv6 may use the same mark."""

    mark: int
    family: Family


ServiceKey: TypeAlias = AddressKey | MarkKey


class Endpoint(NamedTuple):
    """A real server's address and port: its key within one service."""

    address: Address
    port: int


class ServerKey(NamedTuple):
    """A real server's place in the whole table: its service and its endpoint there."""

    service: ServiceKey
    endpoint: Endpoint


class MarkGroupKey(NamedTuple):
    """The group of packets that get one firewall mark."""

    mark: int


class SysctlKey(NamedTuple):
    """A setting of net.ipv4.vs by its last name."""

    name: str


@dataclass(frozen=True, slots=True)
class Persistence:
    """How long (seconds) and how widely a client sticks to its real server.

    `mask` is a netmask for an IPv4 service and a prefix length 1..128 for an IPv6 one; the kernel does not check
    that a netmask has no holes. `engine` names a persistence engine (`sip`) or is empty.
    """

    timeout: int = 300
    mask: IPv4Address | int = FULL_MASK_V4
    engine: str = ""

    @property
    def prefix(self) -> int | None:
        """The mask as a prefix length; None for a netmask with holes."""
        if isinstance(self.mask, int):
            return self.mask
        ones = int(self.mask).bit_count()
        return ones if int(self.mask) == (0xFFFFFFFF << (32 - ones)) & 0xFFFFFFFF else None

    @property
    def wide(self) -> bool:
        """Whether more than one address counts as the same client."""
        return self.mask not in (FULL_MASK_V4, FULL_PREFIX_V6)


@dataclass(frozen=True, slots=True)
class Tunnel:
    """The encapsulation towards a tunnelled server; kept by the kernel also while another method is used.

    `port` is the UDP port of GUE (else 0); `checksum` holds the kernel's bits: 0 nocsum, 1 csum, 2 remcsum.
    """

    type: TunnelType = TunnelType.IPIP
    port: int = 0
    checksum: int = 0


PLAIN_TUNNEL = Tunnel()


class Statuses(NamedTuple):
    """A range of HTTP statuses, both ends included; a single status has both ends equal."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Probe:
    """How the servers of a service are asked whether they are there; nothing is asked by itself.

    `port` 0 stands for the server's own. `path` and `status` are for http and https; `name` is what a certificate has
    to carry and a web server is called by, or what a name server is asked for, with `record`. `send` is an udp
    datagram, and `expect` what its answer has to contain, both as probe_fields.py reads them. Fewer `days` until the
    end of a certificate are a wrong answer. `timeout` is 0.1 to 30 seconds for all of it.
    """

    type: ProbeType = ProbeType.TCP
    port: int = 0
    path: str = "/"
    status: tuple[Statuses, ...] = (Statuses(200, 399),)
    name: str = ""
    record: DnsRecord = DnsRecord.A
    send: str = ""
    expect: str = ""
    days: int = 0
    timeout: float = 2.0


@dataclass(frozen=True, slots=True)
class RealServer:
    """One real server of one service; thresholds count connections, 0 = no limit.

    `name` and `resume` (the weight to go back to after a drain) live in the profile only.
    """

    endpoint: Endpoint
    forwarding: Forwarding = Forwarding.ROUTE
    weight: int = 1
    upper: int = 0
    lower: int = 0
    tunnel: Tunnel = PLAIN_TUNNEL
    name: str = ""
    resume: int | None = None


@dataclass(frozen=True, slots=True)
class Service:
    """A virtual service without its servers; `name`, `note` and `probe` live in the profile only."""

    key: ServiceKey
    scheduler: str = "wlc"
    flags: ServiceFlags = ServiceFlags.NONE
    persistence: Persistence | None = None
    name: str = ""
    note: str = ""
    probe: Probe | None = None

    @property
    def engine(self) -> str:
        """The name of its persistence engine, empty for none."""
        return self.persistence.engine if self.persistence else ""


@dataclass(frozen=True, slots=True)
class Pool:
    """A service together with its real servers."""

    service: Service
    servers: Mapping[Endpoint, RealServer] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Timeouts of connections without persistence, in seconds; the kernel takes 0 as "keep" and up to INT_MAX/HZ."""

    tcp: int = 900
    tcp_fin: int = 120
    udp: int = 300


@dataclass(frozen=True, slots=True)
class SyncDaemon:
    """A daemon that sends (master) or takes (backup) connections; the defaults are the kernel's own.

    `id` is 0..255; `max_length` the largest datagram in bytes (0: the kernel derives it from the interface's MTU);
    `group` a multicast address; `port` a UDP port; `ttl` 1..255.
    """

    role: SyncRole
    interface: str
    id: int = 0
    max_length: int = 0
    group: Address = SYNC_GROUP
    port: int = SYNC_PORT
    ttl: int = 1


class Ports(NamedTuple):
    """A range of ports, both ends included; a single port has both ends equal."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Selector:
    """Which packets get a mark: all for which every part that is set holds.

    `protocol` None stands for every protocol, and then there are no `ports`. Networks of one family; none stand for
    every address of both families. `interface` is the one that the packets come in through, empty for any.
    """

    protocol: Protocol | None = None
    addresses: tuple[Network, ...] = ()
    ports: tuple[Ports, ...] = ()
    interface: str = ""


@dataclass(frozen=True, slots=True)
class MarkGroup:
    """The packets that get one firewall mark (1..2^32-1), by rules in our own table; `name` lives in the profile only.

    The virtual services on the mark are services of their own, with `MarkKey`.
    """

    mark: int
    selectors: tuple[Selector, ...] = ()
    name: str = ""


@dataclass(frozen=True, slots=True)
class Home:
    """The machine and the network namespace that a director is: two of them are never the same director.

    `host` is the machine's name as `hostname` prints it, empty where that is not known. `netns` is a name of
    `ip netns`, empty for the machine's own namespace; one without a name is called as in /proc: `net:[4026532281]`.
    """

    host: str = ""
    netns: str = ""

    @property
    def is_nameless(self) -> bool:
        """Whether it is in a namespace without a name, by which nobody finds it again."""
        return self.netns.startswith("net:[")


NOBODYS = Home()
"""The home of a profile that does not say whose it is, and of the demo's director."""


@dataclass(frozen=True, slots=True)
class Director:
    """Everything that is configured on one director.

    `timeouts` None means: not managed by this profile; a reading of the kernel always has them. The same holds for
    `sync`: None is not managed, an empty mapping says that no daemon is wanted. `sysctl` holds settings of
    net.ipv4.vs by their last name, as the kernel writes them: all there are in a reading, the managed ones in a
    profile. `marks` are the groups of our own table of the packet filter by their mark; None stands in a reading that
    could not show them. `home` says whose profile this is, as far as it says so.
    """

    pools: Mapping[ServiceKey, Pool] = field(default_factory=dict)
    timeouts: Timeouts | None = None
    sync: Mapping[SyncRole, SyncDaemon] | None = None
    sysctl: Mapping[str, str] = field(default_factory=dict)
    name: str = ""
    marks: Mapping[int, MarkGroup] | None = field(default_factory=dict)
    home: Home = NOBODYS

    @property
    def groups(self) -> Mapping[int, MarkGroup]:
        """The groups of our own table; none where they could not be read."""
        return self.marks or {}

    @property
    def mixed(self) -> ServiceKey | None:
        """The first service with real servers of another address family than its own; None where there is none."""
        for key, pool in self.pools.items():
            if any(Family.of(endpoint.address) is not key.family for endpoint in pool.servers):
                return key
        return None

    @property
    def daemons(self) -> Mapping[SyncRole, SyncDaemon]:
        """The sync daemons; none where they are not managed."""
        return self.sync or {}
