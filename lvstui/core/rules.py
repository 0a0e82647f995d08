"""What would be wrong: what the kernel would refuse, and what it takes without a word although it cannot work."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import starmap
from typing import Final, assert_never

from lvstui.core import fields, selectors, sysctls
from lvstui.core.attribute import out_of_range
from lvstui.core.attributes import DAEMON, SERVER, SERVICE, TIMEOUTS
from lvstui.core.change import Change
from lvstui.core.mistake import Severity as Severity
from lvstui.core.model import (
    FULL_MASK_V4,
    FULL_PREFIX_V6,
    INT_MAX,
    PERSISTENCE_MAX,
    SYNC_GROUP,
    Address,
    AddressKey,
    Director,
    Family,
    Forwarding,
    MarkGroup,
    Persistence,
    Pool,
    Probe,
    ProbeType,
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
from lvstui.core.probe_fields import fits


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, in a sentence that goes on from the field; `where` is empty in a single change.

    `needs` are other fields that it follows from: where one of them is wrong itself, this may not be true.
    """

    field: str
    sentence: str
    severity: Severity = Severity.ERROR
    where: str = ""
    needs: tuple[str, ...] = dataclasses.field(default=(), compare=False)

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        return f"{place}{self.field}: {self.sentence}"


def problems(change: Change, director: Director) -> tuple[Problem, ...]:
    """Return what is wrong with a change that is about to be made on a director, errors first."""
    match change:
        case Change(_, before, Service() as after):
            others = [pool.service for key, pool in director.pools.items() if key != after.key]
            found = service_problems(after, others, adds=before is None and after.key in director.pools)
        case Change(ServerKey(key, endpoint), before, RealServer() as after):
            pool = director.pools.get(key) or Pool(Service(key))
            others_here = [server for other, server in pool.servers.items() if other != endpoint]
            found = server_problems(after, key, others_here, director, before is None and endpoint in pool.servers)
        case Change(_, _, Timeouts() as after):
            found = timeouts_problems(after)
        case Change(_, _, SyncDaemon() as after):
            found = daemon_problems(after, director)
        case Change(SysctlKey(name), _, str() as text):
            found = setting_problems(name, text)
        case Change(_, _, MarkGroup() as after):
            found = group_problems(after, (group for mark, group in director.groups.items() if mark != after.mark))
        case _:
            return ()
    return tuple(sorted(found, key=lambda problem: problem.severity is not Severity.ERROR))


def check(director: Director) -> tuple[Problem, ...]:
    """Return what is wrong in a whole director, with where it is."""
    return tuple(_everything(director))


def _everything(director: Director) -> Iterator[Problem]:
    if director.timeouts is not None:
        yield from _at("timeouts", timeouts_problems(director.timeouts))
    for name, text in director.sysctl.items():
        yield from _at("sysctl", setting_problems(name, text))
    for daemon in director.daemons.values():
        yield from _at(f"sync {fields.ROLE_WORDS[daemon.role]}", daemon_problems(daemon, director))
    for key, pool in director.pools.items():
        where = fields.service_text(key)
        yield from _at(where, service_problems(pool.service, ()))
        for endpoint, server in pool.servers.items():
            for problem in server_problems(server, key, (), director):
                yield replace(problem, where=f"{where} / {fields.server_text(endpoint)}")
    for mark, group in director.groups.items():
        yield from _at(f"mark {mark}", group_problems(group, ()))


def _at(where: str, found: Iterable[Problem]) -> Iterator[Problem]:
    return (replace(problem, where=where) for problem in found)


def _warning(name: str, sentence: str, *needs: str) -> Problem:
    return Problem(name, sentence, Severity.WARNING, needs=needs)


EXISTS: Final = Problem("service", "it exists already; edit it instead of adding it")
HAS_SERVER: Final = Problem("server", "the service has it already; edit it instead of adding it")
SYNC_RUNS: Final = Problem(
    "server",
    "the kernel takes no server of another address family while a sync daemon runs; "
    "stop the daemon, or give an address of the service's family",
    needs=("service",),
)
OTHER_FAMILY: Final = Problem(
    "forwarding",
    "only tunnel leads to a server of another address family than its service; "
    "use tunnel, or an address of the service's family",
    needs=("service", "server"),
)
GUE_PORT: Final = Problem("tunnel", "gue needs the UDP port of the server's end, such as port = 6080")


def name_taken(what: str, name: str) -> Problem:
    """Return the problem of a name that another service, server of the service or mark has."""
    return Problem("name", f'another {what} is called "{fields.visible(name)}" already; choose another name')


def misfits(value: Service | RealServer | SyncDaemon) -> Iterator[Problem]:
    """Find what the kernel has no room for: numbers out of their range, and names that are too long."""
    words: tuple[tuple[Callable[[str], object], str], ...] = ()
    match value:
        case RealServer():
            found = _beyond("server", value.endpoint.port, _PORTS) + SERVER.beyond(value)
        case Service():
            key = value.key
            number, limits = (key.port, _PORTS) if isinstance(key, AddressKey) else (key.mark, fields.LIMITS["mark"])
            found = _beyond("service", number, limits) + SERVICE.beyond(value)
            words = (fields.scheduler, value.scheduler), (fields.engine, value.engine)
        case SyncDaemon():
            found = DAEMON.beyond(value)
            words = ((fields.interface, value.interface),)
        case _:
            assert_never(value)
    yield from starmap(Problem, found)
    for read, text in words:
        if error := fields.misread(read, text):
            yield Problem(error.field, error.sentence)


def _beyond(field: str, number: int, limits: tuple[int, int]) -> list[tuple[str, str]]:
    return [] if limits[0] <= number <= limits[1] else [(field, out_of_range(number, limits))]


def wrong_mask(service: Service) -> Problem | None:
    """Return the problem of a persistence's mask that is not of the service's family, None where there is none."""
    if service.persistence is None:
        return None
    match service.key.family, service.persistence.mask:
        case (Family.IPV6, int() as prefix) if 1 <= prefix <= FULL_PREFIX_V6:
            return None
        case Family.IPV6, mask:
            return Problem("prefix", f"{mask} is no prefix length of IPv6; give 1 to {FULL_PREFIX_V6}")
        case Family.IPV4, int() as prefix:
            return Problem("netmask", f"{prefix} is no IPv4 netmask; write one such as {FULL_MASK_V4}")
        case _:
            return None


def wrong_thresholds(server: RealServer) -> Problem | None:
    """Return the problem of a lower threshold above the upper one, None where there is none."""
    if server.lower <= server.upper:
        return None
    if server.upper == 0:
        sentence = f"{server.lower} is above the upper threshold 0 (no limit); make it 0, or raise upper"
    else:
        sentence = f"{server.lower} is above the upper threshold {server.upper}; lower it, or raise upper"
    return Problem("lower", sentence, needs=("upper",))


def wrong_family(server: RealServer, family: Family) -> Problem | None:
    """Return the problem of a server that a service of this family cannot reach, None where it can; daemons aside."""
    if Family.of(server.endpoint.address) is family or server.forwarding is Forwarding.TUNNEL:
        return None
    return OTHER_FAMILY


def wrong_tunnel(server: RealServer) -> Problem | None:
    """Return the problem of GUE without a port, None where there is none; the kernel minds it without tunnel, too."""
    return GUE_PORT if server.tunnel.type is TunnelType.GUE and server.tunnel.port == 0 else None


def not_one_machine(address: Address) -> Problem:
    """Return the problem of an address that is not one of a single machine."""
    return Problem(
        "server",
        f"{address} is no unicast address; give the address of one machine "
        "(not a network, broadcast, multicast or link-local one)",
    )


def wrong_group(daemon: SyncDaemon) -> Problem | None:
    """Return the problem of a sync daemon's group that is no multicast address, None where it is one."""
    if daemon.group.is_multicast:
        return None
    return Problem("group", f"{daemon.group} is no multicast address; the kernel's own is {SYNC_GROUP}")


def families_mixed(where: str = "") -> Problem:
    """Return the problem that keeps sync daemons from starting; `where` is the service with such servers, if known."""
    service = f"{where} has" if where else "a service has"
    return Problem(
        "role",
        f"the kernel starts no sync daemon while {service} servers of another address family; remove those first",
    )


def timeout_beyond(field: str, seconds: int) -> Problem:
    """Return the problem of a timeout (seconds) out of the kernel's range, which depends on its clock."""
    sentence = f"{seconds} seconds are out of the kernel's range; give 1 to {_TIMEOUT_SAFE} (0 keeps the present one)"
    return Problem(field, sentence)


TIMEOUT_MAX: Final = INT_MAX // 100
"""Longest timeout of connections in seconds with HZ=100; a kernel with a faster clock takes less (INT_MAX / HZ)."""

_TIMEOUT_SAFE: Final = INT_MAX // 1000
_PORTS: Final = (0, 65535)
_IPVSADM_WEIGHT: Final = 65535
"""The largest weight that ipvsadm up to 1.31 takes (parse_options), unless it is patched; the kernel keeps an int."""


def wrong_setting(name: str, text: str) -> Problem | None:
    """Return the problem of a setting of net.ipv4.vs that the kernel refuses, None where it takes it."""
    error = fields.misread(lambda text: sysctls.read(sysctls.name(name), text), text)
    return Problem(error.field, error.sentence) if error else None


def _name_problems(name: str, read: Callable[[str], object], what: str) -> Iterator[Problem]:
    """Find a name that commands would take for an address."""
    if ":" in name and fields.misread(read, name) is None:
        yield _warning("name", f"reads as {what}, which commands would take it for; choose another name")


def service_problems(service: Service, others: Iterable[Service], adds: bool = False) -> Iterator[Problem]:
    """Find what is wrong with a service beside `others`; `adds` says that its address is taken."""
    key = service.key
    if adds:
        yield EXISTS
    yield from misfits(service)
    if service.name and any(other.name == service.name for other in others):
        yield name_taken("service", service.name)
    yield from _name_problems(service.name, fields.service, "a service")
    if isinstance(key, AddressKey):
        if key.protocol not in fields.PROTOCOL_WORDS:
            yield _warning("service", "the kernel balances tcp, udp and sctp only; use one of them, or a firewall mark")
        if key.port == 0 and service.persistence is None:
            sentence = "without persistence the kernel serves nobody on port 0; add it, or give a port"
            yield _warning("service", sentence, "persistence")
        if service.flags & ServiceFlags.ONE_PACKET and key.protocol is not Protocol.UDP:
            yield _warning("flags", "one-packet has an effect on udp services only; take it out", "service")
    if problem := wrong_mask(service):
        yield problem
    if service.persistence is not None:
        yield from _persistence(service.persistence, key)
    if service.probe is not None:
        yield from _probe(service.probe, key)


def _persistence(persistence: Persistence, key: ServiceKey) -> Iterator[Problem]:
    if not 1 <= persistence.timeout <= PERSISTENCE_MAX:
        yield _warning(
            "timeout",
            f"{persistence.timeout} seconds are not kept as they are written; give 1 to {PERSISTENCE_MAX} (31 days)",
        )
    mask = persistence.mask
    if key.family is Family.IPV4 and persistence.prefix is None:
        yield _warning("netmask", f"{mask} has holes, which groups clients at random; 255.255.255.0 has none")
    if persistence.engine == "sip" and isinstance(key, AddressKey) and key.protocol is not Protocol.UDP:
        sentence = "sip reads calls in udp packets only; make the service udp, or take the engine out"
        yield _warning("engine", sentence, "service")


def _probe(probe: Probe, key: ServiceKey) -> Iterator[Problem]:
    kind = probe.type
    if kind is ProbeType.DNS and not probe.name:
        yield Problem(
            "probe.name", "dns needs the name to ask for; write one such as example.net", needs=("probe.type",)
        )
    if kind is ProbeType.UDP and not probe.send:
        sentence = "an empty datagram is sent, which most servers leave unanswered; write what to send"
        yield _warning("probe.send", sentence, "probe.type")
    plain = Probe()
    for part in dataclasses.fields(Probe):
        if getattr(probe, part.name) != getattr(plain, part.name) and not fits(part.name, kind):
            others = " or ".join(other.value for other in ProbeType if fits(part.name, other))
            sentence = f"means nothing with type {kind.value}; make the type {others}, or take it out"
            yield _warning(f"probe.{part.name}", sentence, "probe.type")
    if not isinstance(key, AddressKey) or probe.port:
        return
    if key.port == 0:
        sentence = "servers of a service on every port have no port of their own; write which to ask"
        yield _warning("probe.port", sentence, "service")
    elif key.protocol is not kind.carrier:
        carrier, own = fields.protocol_text(kind.carrier), fields.protocol_text(key.protocol)
        sentence = f"{kind.value} is asked over {carrier}, and the service takes {own}; choose another type, or a port"
        yield _warning("probe.type", sentence, "service", "probe.port")


def server_problems(
    server: RealServer, key: ServiceKey, others: Iterable[RealServer], director: Director, adds: bool = False
) -> Iterator[Problem]:
    """Find what is wrong with a server of the service `key`, beside `others`, on a director with its sync daemons."""
    if adds:
        yield HAS_SERVER
    if server.name and any(other.name == server.name for other in others):
        yield name_taken("server of this service", server.name)
    yield from _name_problems(server.name, fields.server, "a server")
    if _IPVSADM_WEIGHT < server.weight <= INT_MAX:
        sentence = f"the kernel takes it, but most ipvsadm stop at {_IPVSADM_WEIGHT}; give that or less"
        yield _warning("weight", sentence)
    yield from misfits(server)
    if problem := wrong_thresholds(server):
        yield problem
    if problem := wrong_tunnel(server):
        yield problem
    address, port = server.endpoint
    if address.is_multicast or address.is_unspecified:
        yield not_one_machine(address)
    if problem := wrong_family(server, key.family):
        yield problem
    elif director.sync and Family.of(address) is not key.family:
        yield SYNC_RUNS
    keeps_port = server.forwarding in (Forwarding.ROUTE, Forwarding.TUNNEL)
    if keeps_port and isinstance(key, AddressKey) and key.port not in (0, port):
        method = fields.forwarding_text(server.forwarding)
        sentence = f"{method} cannot change the port: packets arrive at {key.port}; write that, or use masq"
        yield _warning("server", sentence, "service", "forwarding")


def group_problems(group: MarkGroup, others: Iterable[MarkGroup]) -> Iterator[Problem]:
    """Find what is wrong with a mark beside `others`."""
    if group.name and any(other.name == group.name for other in others):
        yield name_taken("mark", group.name)
    yield from _name_problems(group.name, fields.service, "a service")
    if not group.selectors:
        yield Problem("match", f"a mark needs packets: write some, such as {selectors.EXAMPLE}")
    if any(selector == Selector() for selector in group.selectors):
        yield Problem(
            "match", "this would mark every packet that comes in; name a protocol, an address or an interface"
        )
    if len(set(group.selectors)) < len(group.selectors):
        yield _warning("match", "the same packets are named twice; take one out")


def timeouts_problems(timeouts: Timeouts) -> Iterator[Problem]:
    """Find what is wrong with timeouts."""
    for attribute in TIMEOUTS:
        field, seconds = attribute.name, int(attribute.text(timeouts))
        if not 0 <= seconds <= TIMEOUT_MAX:
            yield timeout_beyond(field, seconds)
        elif seconds > _TIMEOUT_SAFE:
            yield _warning(field, f"{seconds} is too long for kernels with a fast clock; give 1 to {_TIMEOUT_SAFE}")
        elif seconds == 0:
            yield _warning(field, "0 tells the kernel to keep what it has; write the seconds that are wanted")


def setting_problems(name: str, text: str) -> Iterator[Problem]:
    """Find what is wrong with a setting of net.ipv4.vs."""
    if problem := wrong_setting(name, text):
        yield problem
    elif strange := sysctls.doubt(name, sysctls.read(name, text)) or sysctls.slip(name):
        yield _warning(name, strange)


def daemon_problems(daemon: SyncDaemon, director: Director) -> Iterator[Problem]:
    """Find what is wrong with a sync daemon on a director with its services."""
    yield from misfits(daemon)
    if problem := wrong_group(daemon):
        yield problem
    if (key := director.mixed) is not None:
        yield families_mixed(fields.service_text(key))
