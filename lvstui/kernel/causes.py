"""What is wrong in a value that the kernel refuses: the field to mend and a sentence with the remedy."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple, TypeAlias, assert_never

from lvstui.core import sysctls
from lvstui.core.fields import FieldError
from lvstui.core.model import (
    INT_MAX,
    Address,
    AddressKey,
    Family,
    Forwarding,
    MarkKey,
    RealServer,
    Service,
    ServiceKey,
    SyncDaemon,
    Timeouts,
    TunnelType,
)

NAME_MAX = 15
"""Longest name of a scheduler or an interface in bytes (IP_VS_SCHEDNAME_MAXLEN, IP_VS_IFNAME_MAXLEN, less the NUL)."""

ENGINE_MAX = 16
"""Longest name of a persistence engine in bytes (IP_VS_PENAME_MAXLEN)."""

TIMEOUT_MAX = INT_MAX // 100
"""Longest connection timeout in seconds with HZ=100; a kernel with a faster clock takes less (INT_MAX / HZ)."""


class Cause(NamedTuple):
    """Why a write is refused: the field to mend (empty: the whole object) and a sentence with the remedy."""

    field: str
    sentence: str


_U32_MAX = 2**32 - 1
_U16_MAX = 65535

_Range: TypeAlias = tuple[str, int, int, int]
"""A field, the number in it, and the least and the most that it may be."""


def number_cause(value: Service | RealServer | SyncDaemon) -> Cause | None:
    """Find a number that the kernel does not take or that netlink has no room for, None where all are right."""
    for name, number, least, most in _numbers(value):
        if not least <= number <= most:
            return Cause(name, f"{name}: {number} is out of range; give {least} to {most}")
    return None


def _numbers(value: Service | RealServer | SyncDaemon) -> Iterator[_Range]:
    match value:
        case Service(key, persistence=persistence):
            yield _key_number(key)
            if persistence is not None:
                yield "timeout", persistence.timeout, 0, _U32_MAX
        case RealServer(endpoint, weight=weight, upper=upper, lower=lower, tunnel=tunnel):
            yield "server", endpoint.port, 0, _U16_MAX
            yield "weight", weight, 0, INT_MAX
            yield "upper", upper, 0, INT_MAX
            yield "lower", lower, 0, _U32_MAX
            yield "tunnel", tunnel.port, 0, _U16_MAX
            yield "tunnel", tunnel.checksum, 0, _U16_MAX
        case SyncDaemon():
            yield "id", value.id, 0, _U32_MAX
            yield "max_length", value.max_length, 0, _U16_MAX
            yield "port", value.port, 0, _U16_MAX
            yield "ttl", value.ttl, 0, 255
        case _:
            assert_never(value)


def _key_number(key: ServiceKey) -> _Range:
    match key:
        case AddressKey():
            return "service", key.port, 0, _U16_MAX
        case MarkKey():
            return "service", key.mark, 1, _U32_MAX
        case _:
            assert_never(key)


def name_cause(service: Service) -> Cause | None:
    """Find a name that netlink refuses with EINVAL for its length before the kernel looks it up, None for none."""
    engine = engine_of(service)
    if len(service.scheduler.encode()) > NAME_MAX:
        return Cause("scheduler", f"scheduler: a name has at most {NAME_MAX} bytes; correct {service.scheduler!r}")
    if len(engine.encode()) > ENGINE_MAX:
        return Cause("engine", f"engine: a name has at most {ENGINE_MAX} bytes; correct {engine!r}")
    return None


def mask_cause(service: Service) -> Cause | None:
    """Find what the kernel answers with EINVAL in a service's mask, None where it finds nothing."""
    if service.persistence is None:
        return None
    family, persistence = service.key.family, service.persistence
    match family, persistence.mask:
        case Family.IPV6, int() as prefix if 1 <= prefix <= 128:
            return None
        case Family.IPV6, mask:
            return Cause("prefix", f"prefix: {mask} is no prefix length of IPv6; give 1 to 128")
        case Family.IPV4, int() as prefix:
            return Cause("netmask", f"netmask: {prefix} is no IPv4 netmask; write it as 255.255.255.0")
        case _:
            return None


def engine_of(service: Service) -> str:
    """Name the persistence engine of a service, empty for none."""
    return service.persistence.engine if service.persistence else ""


def threshold_cause(server: RealServer) -> Cause | None:
    """Find what the kernel answers with ERANGE in a real server, None where it finds nothing."""
    if server.lower <= server.upper:
        return None
    return Cause(
        "lower",
        f"lower: the lower threshold {server.lower} is above the upper one {server.upper}; "
        "lower it, or raise `upper` (0 there means no limit, and then `lower` must be 0 too)",
    )


def tunnel_cause(server: RealServer) -> Cause | None:
    """Find GUE without a port, which the kernel refuses also in a server that is not tunnelled."""
    if server.tunnel.type is not TunnelType.GUE or server.tunnel.port:
        return None
    return Cause("tunnel", "tunnel: GUE needs the UDP port of the server's end, for example port = 6080")


def family_cause(server: RealServer, family: Family) -> Cause | None:
    """Find why a server's address does not go with the family of its service, sync daemons aside."""
    if Family.of(server.endpoint.address) == family or server.forwarding == Forwarding.TUNNEL:
        return None
    return Cause(
        "forwarding",
        "forwarding: only a tunnel leads to a real server of another address family than its service; "
        "use tunnel, or an address of the service's family",
    )


def address_cause(address: Address) -> Cause:
    """Say that an address is not one of a single machine (the kernel asks its routing table)."""
    return Cause(
        "server",
        f"server: {address} is no unicast address for this kernel; give the address of one machine "
        "(not a network, broadcast, multicast or link-local one)",
    )


_LIMITED_BROADCAST = IPv4Address("255.255.255.255")
_THIS_NETWORK = 0


def unicast(address: Address) -> bool:
    """Tell whether an address alone, without a routing table, is one that the kernel accepts for a server."""
    match address:
        case IPv4Address():
            return not address.is_multicast and address != _LIMITED_BROADCAST and address.packed[0] != _THIS_NETWORK
        case IPv6Address():
            unusable = address.is_multicast or address.is_unspecified or address.is_link_local
            return not unusable and address.ipv4_mapped is None
        case _:
            assert_never(address)


def timeout_cause(timeouts: Timeouts) -> Cause | None:
    """Name the longest timeout, which is the one out of the kernel's range, as INT_MAX/HZ differs by kernel."""
    named = {"tcp": timeouts.tcp, "tcp_fin": timeouts.tcp_fin, "udp": timeouts.udp}
    field = next((name for name, seconds in named.items() if seconds < 0), None) or max(named, key=named.__getitem__)
    return Cause(
        field,
        f"{field}: {named[field]} seconds are out of this kernel's range; "
        f"give 1 to {INT_MAX // 1000} (0 keeps the present one)",
    )


def sysctl_cause(name: str, text: str) -> Cause | None:
    """Find what the kernel answers with EINVAL in a setting of net.ipv4.vs, None where it finds nothing."""
    try:
        sysctls.read(sysctls.name(name), text)
    except FieldError as error:
        return Cause(error.field, str(error))
    return None


def sync_cause(daemon: SyncDaemon) -> Cause | None:
    """Find what the kernel answers with EINVAL in a sync daemon, None where it finds nothing."""
    if len(daemon.interface.encode()) > NAME_MAX:
        return Cause("interface", f"interface: a name has at most {NAME_MAX} bytes; correct {daemon.interface!r}")
    if not daemon.group.is_multicast:
        return Cause("group", f"group: {daemon.group} is no multicast address; the kernel's own is 224.0.0.81")
    return None
