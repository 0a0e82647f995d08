"""What would be wrong: what the kernel would refuse, and what it takes without a word although it cannot work."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import Enum
from ipaddress import IPv4Address

from lvstui.core import fields, selectors, sysctls
from lvstui.core.change import Change
from lvstui.core.model import (
    FULL_PREFIX_V6,
    INT_MAX,
    PERSISTENCE_MAX,
    AddressKey,
    Director,
    Family,
    Forwarding,
    MarkGroup,
    Persistence,
    Pool,
    Protocol,
    RealServer,
    Selector,
    ServerKey,
    Service,
    ServiceFlags,
    ServiceKey,
    SyncDaemon,
    SysctlKey,
    Timeouts,
    TunnelType,
)


class Severity(Enum):
    """How bad a problem is: the kernel (or the profile) refuses it, or it is taken and does not do what it says."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, in a sentence that goes on from the field; `where` is empty in a single change."""

    field: str
    sentence: str
    severity: Severity = Severity.ERROR
    where: str = ""

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        return f"{place}{self.field}: {self.sentence}"


def problems(change: Change, director: Director) -> tuple[Problem, ...]:
    """Tell what is wrong with a change that is about to be made on a director, errors first."""
    match change:
        case Change(_, before, Service() as after):
            others = [pool.service for key, pool in director.pools.items() if key != after.key]
            found = _service(after, others, adds=before is None and after.key in director.pools)
        case Change(ServerKey(key, endpoint), before, RealServer() as after):
            pool = director.pools.get(key) or Pool(Service(key))
            others_here = [server for other, server in pool.servers.items() if other != endpoint]
            found = _server(after, key, others_here, director, before is None and endpoint in pool.servers)
        case Change(_, _, Timeouts() as after):
            found = _timeouts(after)
        case Change(_, _, SyncDaemon() as after):
            found = _sync(after, director)
        case Change(SysctlKey(name), _, str() as text):
            found = _sysctl(name, text)
        case Change(_, _, MarkGroup() as after):
            found = _group(after, (group for mark, group in director.groups.items() if mark != after.mark))
        case _:
            return ()
    return tuple(sorted(found, key=lambda problem: problem.severity is not Severity.ERROR))


def check(director: Director) -> tuple[Problem, ...]:
    """Tell what is wrong in a whole director, with where it is."""
    return tuple(_everything(director))


def _everything(director: Director) -> Iterator[Problem]:
    if director.timeouts is not None:
        yield from _at("timeouts", _timeouts(director.timeouts))
    for name, text in director.sysctl.items():
        yield from _at("sysctl", _sysctl(name, text))
    for daemon in director.daemons.values():
        yield from _at(f"sync {fields.ROLE_WORDS[daemon.role]}", _sync(daemon, director))
    for key, pool in director.pools.items():
        where = fields.service_text(key)
        yield from _at(where, _service(pool.service, ()))
        for endpoint, server in pool.servers.items():
            yield from _at(f"{where} / {fields.server_text(endpoint)}", _server(server, key, (), director))

    for mark, group in director.groups.items():
        yield from _at(f"mark {mark}", _group(group, ()))


def _at(where: str, found: Iterable[Problem]) -> Iterator[Problem]:
    return (replace(problem, where=where) for problem in found)


def _warning(field: str, sentence: str) -> Problem:
    return Problem(field, sentence, Severity.WARNING)


def _service(service: Service, others: Iterable[Service], adds: bool = False) -> Iterator[Problem]:
    key = service.key
    if adds:
        yield Problem("service", "it exists already; edit it instead of adding it")
    if service.name and any(other.name == service.name for other in others):
        yield Problem(
            "name", f'another service is called "{fields.visible(service.name)}" already; choose another name'
        )
    if isinstance(key, AddressKey):
        if key.protocol not in fields.PROTOCOL_WORDS:
            yield _warning("service", "the kernel balances tcp, udp and sctp only; use one of them, or a firewall mark")
        if key.port == 0 and service.persistence is None:
            yield _warning("service", "without persistence the kernel serves nobody on port 0; add it, or give a port")
        if service.flags & ServiceFlags.ONE_PACKET and key.protocol is not Protocol.UDP:
            yield _warning("flags", "one-packet has an effect on udp services only; take it out")
    if service.persistence is not None:
        yield from _persistence(service.persistence, key)


def _persistence(persistence: Persistence, key: ServiceKey) -> Iterator[Problem]:
    if not 1 <= persistence.timeout <= PERSISTENCE_MAX:
        yield _warning(
            "timeout",
            f"{persistence.timeout} seconds are not kept as they are written; give 1 to {PERSISTENCE_MAX} (31 days)",
        )
    mask = persistence.mask
    if key.family is Family.IPV6:
        if not (isinstance(mask, int) and 1 <= mask <= FULL_PREFIX_V6):
            yield Problem("prefix", f"{mask} is no prefix length of IPv6; give 1 to {FULL_PREFIX_V6}")
    elif not isinstance(mask, IPv4Address):
        yield Problem("netmask", f"{mask} is no IPv4 netmask; write one such as 255.255.255.0")
    elif not fields.contiguous(mask):
        yield _warning("netmask", f"{mask} has holes, which groups clients at random; 255.255.255.0 has none")
    if persistence.engine == "sip" and isinstance(key, AddressKey) and key.protocol is not Protocol.UDP:
        yield _warning("engine", "sip reads calls in udp packets only; make the service udp, or take the engine out")


def _server(
    server: RealServer,
    key: ServiceKey,
    others: Iterable[RealServer],
    director: Director,
    adds: bool = False,
) -> Iterator[Problem]:
    if adds:
        yield Problem("server", "the service has it already; edit it instead of adding it")
    if server.name and any(other.name == server.name for other in others):
        yield Problem("name", f'another server here is called "{fields.visible(server.name)}"; choose another name')
    if not 0 <= server.weight <= INT_MAX:
        yield Problem("weight", f"{server.weight} is out of range; give 0 to {INT_MAX}")
    if not 0 <= server.upper <= INT_MAX:
        yield Problem("upper", f"{server.upper} is out of range; give 0 (no limit) to {INT_MAX}")
    if server.lower > server.upper:
        yield Problem("lower", f"{server.lower} is above the upper threshold {server.upper}; lower it, or raise upper")
    if server.tunnel.type is TunnelType.GUE and server.tunnel.port == 0:
        yield Problem("tunnel", "gue needs the UDP port of the server's end, such as port = 6080")
    yield from _reach(server, key, director)


def _reach(server: RealServer, key: ServiceKey, director: Director) -> Iterator[Problem]:
    """Tell what keeps packets from arriving at a server as its service is."""
    address, port = server.endpoint
    if address.is_multicast or address.is_unspecified:
        yield Problem("server", f"{address} is not the address of one machine; give one that is")
    if Family.of(address) is not key.family:
        if server.forwarding is not Forwarding.TUNNEL:
            yield Problem("forwarding", "only tunnel leads to a server of another address family than its service")
        elif director.sync:
            yield Problem("server", "the kernel takes no server of another address family while a sync daemon runs")
    keeps_port = server.forwarding in (Forwarding.ROUTE, Forwarding.TUNNEL)
    if keeps_port and isinstance(key, AddressKey) and key.port not in (0, port):
        method = fields.forwarding_text(server.forwarding)
        yield _warning(
            "server", f"{method} cannot change the port: packets arrive at {key.port}; write that, or use masq"
        )


def _group(group: MarkGroup, others: Iterable[MarkGroup]) -> Iterator[Problem]:
    if group.name and any(other.name == group.name for other in others):
        yield Problem("name", f'another mark is called "{fields.visible(group.name)}" already; choose another name')
    if not group.selectors:
        yield Problem("match", f"a mark needs packets: write some, such as {selectors.EXAMPLE}")
    if any(selector == Selector() for selector in group.selectors):
        yield Problem(
            "match", "this would mark every packet that comes in; name a protocol, an address or an interface"
        )
    if len(set(group.selectors)) < len(group.selectors):
        yield _warning("match", "the same packets are named twice; take one out")


def _timeouts(timeouts: Timeouts) -> Iterator[Problem]:
    for field, seconds in (("tcp", timeouts.tcp), ("tcp_fin", timeouts.tcp_fin), ("udp", timeouts.udp)):
        if not 0 <= seconds <= INT_MAX // 100:
            yield Problem(field, f"{seconds} is out of range; give 1 to {INT_MAX // 1000} seconds")
        elif seconds > INT_MAX // 1000:
            yield _warning(field, f"{seconds} is too long for kernels with a fast clock; give 1 to {INT_MAX // 1000}")
        elif seconds == 0:
            yield _warning(field, "0 tells the kernel to keep what it has; write the seconds that are wanted")


def _sysctl(name: str, text: str) -> Iterator[Problem]:
    try:
        plain = sysctls.read(sysctls.name(name), text)
    except fields.FieldError as error:
        yield Problem(error.field, error.sentence)
        return
    if strange := sysctls.doubt(name, plain) or sysctls.slip(name):
        yield _warning(name, strange)


def _sync(daemon: SyncDaemon, director: Director) -> Iterator[Problem]:
    if not daemon.group.is_multicast:
        yield Problem("group", f"{daemon.group} is no multicast address; the kernel's own is 224.0.0.81")
    for key, pool in director.pools.items():
        if any(Family.of(endpoint.address) is not key.family for endpoint in pool.servers):
            where = fields.service_text(key)
            yield Problem("role", f"no sync daemon starts while a service has servers of the other family ({where})")
            return
