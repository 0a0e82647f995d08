"""The bytes of the kernel's IPVS generic netlink family: every message written, every attribute read.

The numbers are those of include/uapi/linux/ip_vs.h, version 1 of the family. Numbers are in the machine's byte
order except the ports and IPv4 masks, which are in network order. What reads raises `Garbled` for attributes that are
missing, of another size than the kernel's, or hold what it has no word for.
"""

from __future__ import annotations

import struct
from enum import IntEnum
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple, TypeVar, assert_never

from lvstui.core.model import (
    INT_MAX,
    SYNC_GROUP,
    SYNC_PORT,
    Address,
    AddressKey,
    Endpoint,
    Family,
    Forwarding,
    MarkKey,
    Persistence,
    Protocol,
    RealServer,
    Service,
    ServiceFlags,
    ServiceKey,
    SyncDaemon,
    SyncRole,
    Timeouts,
    Tunnel,
    TunnelType,
)
from lvstui.core.observed import Info, Stats
from lvstui.kernel.netlink.attributes import NATIVE, Attributes
from lvstui.kernel.port import Garbled

FAMILY_NAME = "IPVS"
FAMILY_VERSION = 1

_Word = TypeVar("_Word", bound=int)


class Command(IntEnum):
    """What a message asks for (IPVS_CMD_*)."""

    NEW_SERVICE = 1
    SET_SERVICE = 2
    DEL_SERVICE = 3
    GET_SERVICE = 4
    NEW_DEST = 5
    SET_DEST = 6
    DEL_DEST = 7
    GET_DEST = 8
    NEW_DAEMON = 9
    DEL_DAEMON = 10
    GET_DAEMON = 11
    SET_CONFIG = 12
    GET_CONFIG = 13
    GET_INFO = 15
    ZERO = 16


# IPVS_CMD_ATTR_*; GET_INFO answers with numbers of its own (IPVS_INFO_ATTR_*).
TOP_SERVICE, TOP_DEST, TOP_DAEMON, TOP_TIMEOUT_TCP, TOP_TIMEOUT_TCP_FIN, TOP_TIMEOUT_UDP = range(1, 7)
INFO_VERSION, INFO_TABLE_SIZE = 1, 2
# IPVS_SVC_ATTR_*
SVC_FAMILY, SVC_PROTOCOL, SVC_ADDRESS, SVC_PORT, SVC_MARK, SVC_SCHEDULER = range(1, 7)
SVC_FLAGS, SVC_TIMEOUT, SVC_NETMASK, SVC_STATS, SVC_ENGINE, SVC_STATS64 = range(7, 13)
# IPVS_DEST_ATTR_*
DEST_ADDRESS, DEST_PORT, DEST_FORWARDING, DEST_WEIGHT, DEST_UPPER, DEST_LOWER = range(1, 7)
DEST_ACTIVE, DEST_INACTIVE, DEST_STICKY, DEST_STATS, DEST_FAMILY, DEST_STATS64 = range(7, 13)
DEST_TUNNEL_TYPE, DEST_TUNNEL_PORT, DEST_TUNNEL_FLAGS = range(13, 16)
# IPVS_DAEMON_ATTR_*
DAEMON_STATE, DAEMON_INTERFACE, DAEMON_ID, DAEMON_LENGTH = range(1, 5)
DAEMON_GROUP, DAEMON_GROUP6, DAEMON_PORT, DAEMON_TTL = range(5, 9)

_PERSISTENT = 0x1
_SHOWN = int(ServiceFlags.ONE_PACKET | ServiceFlags.SCHED_1 | ServiceFlags.SCHED_2 | ServiceFlags.SCHED_3)
_WRITTEN = _PERSISTENT | _SHOWN
"""The flags that a write replaces; the rest (IP_VS_SVC_F_HASHED) is the kernel's own."""
_FORWARDING_MASK = 0x7

_U16 = struct.Struct("=H")
_U32 = struct.Struct("=I")
_FLAGS = struct.Struct("=II")


def _u8(number: int, value: int) -> bytes:
    return NATIVE.attribute(number, value.to_bytes(1, "big"))


def _u16(number: int, value: int) -> bytes:
    return NATIVE.attribute(number, _U16.pack(value))


def _u32(number: int, value: int) -> bytes:
    return NATIVE.attribute(number, _U32.pack(value))


def _capped(number: int, value: int) -> bytes:
    """Encode a number that the kernel checks: what has no place becomes the largest, which it refuses too."""
    return NATIVE.attribute(number, _U32.pack(value if 0 <= value <= 0xFFFFFFFF else 0xFFFFFFFF))


def _port(number: int, value: int) -> bytes:
    return NATIVE.attribute(number, value.to_bytes(2, "big"))


def _text(number: int, value: str) -> bytes:
    if "\0" in value:
        raise ValueError(value)
    return NATIVE.attribute(number, value.encode() + b"\0")


def service_key(key: ServiceKey) -> bytes:
    """Encode the attribute that names one service."""
    return NATIVE.nest(TOP_SERVICE, _key(key))


def _key(key: ServiceKey) -> bytes:
    match key:
        case AddressKey(protocol, address, port):
            head = _u16(SVC_FAMILY, key.family) + _u16(SVC_PROTOCOL, protocol)
            return head + NATIVE.attribute(SVC_ADDRESS, address.packed) + _port(SVC_PORT, port)
        case MarkKey(mark, family):
            if mark == 0:
                raise ValueError(mark)  # the kernel would take it for a service of address 0.0.0.0
            return _u16(SVC_FAMILY, family) + _u32(SVC_MARK, mark)
        case _:
            assert_never(key)


def service(value: Service) -> bytes:
    """Encode a whole service. Raises ValueError or struct.error where a value has no place on the wire."""
    persistence = value.persistence
    flags = int(value.flags) | (_PERSISTENT if persistence else 0)
    parts = [
        _key(value.key),
        _text(SVC_SCHEDULER, value.scheduler),
        NATIVE.attribute(SVC_FLAGS, _FLAGS.pack(flags, _WRITTEN)),
        _u32(SVC_TIMEOUT, persistence.timeout if persistence else 0),
        NATIVE.attribute(SVC_NETMASK, _mask(value.key.family, persistence)),
    ]
    if persistence and persistence.engine:
        parts.append(_text(SVC_ENGINE, persistence.engine))
    return NATIVE.nest(TOP_SERVICE, *parts)


def _mask(family: Family, persistence: Persistence | None) -> bytes:
    """Encode the client mask: a netmask in network order, but an IPv6 prefix length in the machine's own."""
    match family, persistence.mask if persistence else family.full_mask:
        case Family.IPV4, IPv4Address() as netmask:
            return netmask.packed
        case Family.IPV6, int() as prefix:
            return _U32.pack(prefix)
        case _, mask:
            raise ValueError(mask)


def endpoint(value: Endpoint) -> bytes:
    """Encode the attribute that names one real server within its service."""
    return NATIVE.nest(TOP_DEST, _endpoint(value))


def _endpoint(value: Endpoint) -> bytes:
    address, port = value
    place = NATIVE.attribute(DEST_ADDRESS, address.packed) + _port(DEST_PORT, port)
    return place + _u16(DEST_FAMILY, Family.of(address).value)


def server(value: RealServer) -> bytes:
    """Encode a whole real server. Raises ValueError or struct.error where a value has no place on the wire."""
    tunnel = value.tunnel
    if not 0 <= value.upper <= INT_MAX:
        raise ValueError(value.upper)  # Linux 6.1 takes it, later ones refuse it
    return NATIVE.nest(
        TOP_DEST,
        _endpoint(value.endpoint),
        _u32(DEST_FORWARDING, value.forwarding),
        _capped(DEST_WEIGHT, value.weight),
        _u32(DEST_UPPER, value.upper),
        _capped(DEST_LOWER, value.lower),
        _u8(DEST_TUNNEL_TYPE, tunnel.type),
        _port(DEST_TUNNEL_PORT, tunnel.port),
        _u16(DEST_TUNNEL_FLAGS, tunnel.checksum),
    )


def timeouts(value: Timeouts) -> bytes:
    """Encode the three connection timeouts."""
    tcp = _capped(TOP_TIMEOUT_TCP, value.tcp) + _capped(TOP_TIMEOUT_TCP_FIN, value.tcp_fin)
    return tcp + _capped(TOP_TIMEOUT_UDP, value.udp)


def daemon_role(role: SyncRole) -> bytes:
    """Encode the attribute that names one sync daemon."""
    return NATIVE.nest(TOP_DAEMON, _u32(DAEMON_STATE, role))


def daemon(value: SyncDaemon) -> bytes:
    """Encode a sync daemon. Raises ValueError or struct.error where a value has no place on the wire."""
    group = DAEMON_GROUP if value.group.version == 4 else DAEMON_GROUP6
    parts = [
        _u32(DAEMON_STATE, value.role),
        _text(DAEMON_INTERFACE, value.interface),
        _u32(DAEMON_ID, value.id),
        NATIVE.attribute(group, value.group.packed),
        _u16(DAEMON_PORT, value.port),
        _u8(DAEMON_TTL, value.ttl),
    ]
    if value.max_length:
        parts.append(_u16(DAEMON_LENGTH, value.max_length))
    return NATIVE.nest(TOP_DAEMON, *parts)


def _exactly(size: int, data: bytes) -> bytes:
    if len(data) != size:
        raise Garbled(f"{len(data)} bytes where {size} belong")
    return data


def _number(found: Attributes, kind: int, size: int = 4, default: int | None = None) -> int:
    """Read a number of some bytes; one that may be missing has a default."""
    if default is not None and kind not in found:
        return default
    return NATIVE.number(_exactly(size, found[kind]))


def _port_of(found: Attributes, kind: int) -> int:
    return int.from_bytes(_exactly(2, found[kind]), "big") if kind in found else 0


def _member(kind: type[_Word], number: int) -> _Word:
    try:
        return kind(number)
    except ValueError:
        raise Garbled(f"{number} is no {kind.__name__}") from None


def _name(data: bytes | None) -> str:
    return (data or b"").split(b"\0", 1)[0].decode(errors="backslashreplace")


def _address(family: Family, data: bytes) -> Address:
    """Read an address out of the kernel's union, which always has room for sixteen bytes."""
    if family is Family.IPV4:
        return IPv4Address(_exactly(4, data[:4]))
    return IPv6Address(_exactly(16, data[:16]))


def read_service(found: Attributes) -> Service:
    """Read a service's configuration."""
    family = _member(Family, _number(found, SVC_FAMILY, 2))
    key: ServiceKey
    if SVC_MARK in found:
        mark = _number(found, SVC_MARK)
        if not mark:
            raise Garbled("a service on mark 0")
        key = MarkKey(mark, family)
    else:
        protocol = _member(Protocol, _number(found, SVC_PROTOCOL, 2))
        key = AddressKey(protocol, _address(family, found[SVC_ADDRESS]), _port_of(found, SVC_PORT))
    flags = NATIVE.number(_exactly(8, found[SVC_FLAGS])[:4])
    persistence = None
    if flags & _PERSISTENT:
        mask = _exactly(4, found[SVC_NETMASK])
        persistence = Persistence(
            timeout=_number(found, SVC_TIMEOUT),
            mask=IPv4Address(mask) if family is Family.IPV4 else NATIVE.number(mask),
            engine=_name(found.get(SVC_ENGINE)),
        )
    return Service(key, _name(found[SVC_SCHEDULER]), ServiceFlags(flags & _SHOWN), persistence)


class ServerSettings(NamedTuple):
    """What is configured of a real server besides its address and port; many servers share the same."""

    family: Family
    forwarding: Forwarding
    weight: int
    upper: int
    lower: int
    tunnel: Tunnel


def read_settings(found: Attributes, service_family: Family) -> ServerSettings:
    """Read a real server's settings; kernels before 3.18 name no family, before 5.3 no tunnel."""
    return ServerSettings(
        family=_member(Family, _number(found, DEST_FAMILY, 2, service_family)),
        forwarding=_member(Forwarding, _number(found, DEST_FORWARDING) & _FORWARDING_MASK),
        weight=_number(found, DEST_WEIGHT),
        upper=_number(found, DEST_UPPER),
        lower=_number(found, DEST_LOWER),
        tunnel=Tunnel(
            _member(TunnelType, _number(found, DEST_TUNNEL_TYPE, 1, 0)),
            _port_of(found, DEST_TUNNEL_PORT),
            _number(found, DEST_TUNNEL_FLAGS, 2, 0),
        ),
    )


def read_server(found: Attributes, service_family: Family) -> RealServer:
    """Read a real server's configuration."""
    return make_server(read_settings(found, service_family), found[DEST_ADDRESS], found[DEST_PORT])


def make_server(settings: ServerSettings, address: bytes, port: bytes) -> RealServer:
    """Return a real server with these settings."""
    family, forwarding, weight, upper, lower, tunnel = settings
    place = Endpoint(_address(family, address), int.from_bytes(_exactly(2, port), "big"))
    return RealServer(place, forwarding, weight, upper, lower, tunnel)


def read_count(found: Attributes, kind: int) -> int:
    """Read how many connections of a kind a real server has; 0 where the kernel does not say."""
    return _number(found, kind, default=0)


def read_stats(found: Attributes) -> Stats:
    """Read what the kernel counts of a service or a real server; their statistics have the same numbers."""
    wide = DEST_STATS64 in found
    counted = NATIVE.attributes(found.get(DEST_STATS64 if wide else DEST_STATS, b""))  # 1..10, in Stats' order
    return Stats._make(NATIVE.number(counted.get(number, b"")) for number in range(1, 1 + len(Stats._fields)))


def read_timeouts(found: Attributes) -> Timeouts:
    """Read the connection timeouts; a protocol that is not compiled in has none."""
    kinds = TOP_TIMEOUT_TCP, TOP_TIMEOUT_TCP_FIN, TOP_TIMEOUT_UDP
    return Timeouts(*(_number(found, kind, default=0) for kind in kinds))


def read_info(found: Attributes) -> Info:
    """Read the version, which the kernel keeps as 0x10201 for 1.2.1, and the size of the connection table."""
    version = _number(found, INFO_VERSION)
    return Info(f"{version >> 16}.{version >> 8 & 0xFF}.{version & 0xFF}", _number(found, INFO_TABLE_SIZE))


def read_daemon(found: Attributes) -> SyncDaemon:
    """Read a running sync daemon; kernels before 4.3 name its role, interface and id only."""
    group: Address = SYNC_GROUP
    if DAEMON_GROUP in found:
        group = IPv4Address(_exactly(4, found[DAEMON_GROUP]))
    elif DAEMON_GROUP6 in found:
        group = IPv6Address(_exactly(16, found[DAEMON_GROUP6]))
    return SyncDaemon(
        role=_member(SyncRole, _number(found, DAEMON_STATE)),
        interface=_name(found[DAEMON_INTERFACE]),
        id=_number(found, DAEMON_ID),
        max_length=_number(found, DAEMON_LENGTH, 2, 0),
        group=group,
        port=_number(found, DAEMON_PORT, 2, SYNC_PORT),
        ttl=_number(found, DAEMON_TTL, 1, 1),
    )
