"""A director cut down to what a file of another program has room for, with a sentence for each thing that goes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import replace
from ipaddress import IPv4Address
from typing import Final

from lvstui.core import fields, probe_fields
from lvstui.core.describe import probe_text, sync_text, tunnel_text
from lvstui.core.fields import quote
from lvstui.core.model import (
    FULL_MASK_V4,
    PERSISTENCE_MAX,
    PLAIN_TUNNEL,
    AddressKey,
    Director,
    Endpoint,
    Family,
    Forwarding,
    MarkKey,
    Persistence,
    Pool,
    Probe,
    RealServer,
    ServerKey,
    Service,
    ServiceFlags,
    ServiceKey,
    Timeouts,
    Tunnel,
    TunnelType,
)
from lvstui.core.words import count, first_of
from lvstui.formats.foreign.room import METHODS, Asking, Leftovers, Room

USUAL_SCHEDULER: Final = "wlc"
"""What stands for a scheduler that a program does not know: what keepalived and ipvsadm take where nothing is said."""

_ALL_CLIENTS: Final = IPv4Address(0)
_REMCSUM: Final = 2
"""The checksum that only gue has."""


def fit(director: Director, room: Room, left: Leftovers) -> Director:
    """Return what a file can say of a director; what else there is, is noted."""
    if director.name:
        left.lose("director", f"name {quote(director.name)}", _fate_of_text(room, "the director"))
    for name, text in director.sysctl.items():
        left.lose("director", f"net.ipv4.vs.{name} = {text}", "left out: a file in /etc/sysctl.d sets it")
    timeouts = _timeouts(director.timeouts, room, left) if director.timeouts else None
    keeps_sync = bool(director.daemons) and room.sync(director.daemons)
    for daemon in director.daemons.values() if not keeps_sync else ():
        became = f"left out: {room.program} {room.sync_rule}"
        left.lose(f"sync {fields.ROLE_WORDS[daemon.role]}", sync_text(daemon), became)
    method = _commonest(director) if room.one_method else None
    pools = {key: found for key, pool in director.pools.items() if (found := _pool(director, pool, room, left, method))}
    if room.same:
        pools = _with_one_limit(pools, room.same, room, left)
    return Director(pools, timeouts, director.daemons if keeps_sync else None)


def _with_one_limit(
    pools: Mapping[ServiceKey, Pool], same: Callable[[Service, RealServer], Hashable], room: Room, left: Leftovers
) -> dict[ServiceKey, Pool]:
    """Return services in which what a program takes for one server has the thresholds of the first."""
    first: dict[Hashable, tuple[str, RealServer]] = {}
    found: dict[ServiceKey, Pool] = {}
    for key, pool in pools.items():
        servers = dict(pool.servers)
        for endpoint, server in pool.servers.items():
            at = server_where(key, endpoint)
            where, other = first.setdefault(same(pool.service, server), (at, server))
            if (server.upper, server.lower) != (other.upper, other.lower):
                became = f"written as upper {other.upper}, lower {other.lower}: {room.program} takes it for {where}"
                left.lose(at, f"upper {server.upper}, lower {server.lower}", became)
                servers[endpoint] = replace(server, upper=other.upper, lower=other.lower)
        found[key] = Pool(pool.service, servers)
    return found


def server_where(key: ServiceKey, endpoint: Endpoint) -> str:
    """Write a server in a loss."""
    return f"{fields.service_text(key)} / {fields.server_text(endpoint)}"


def _fate_of_text(room: Room, what: str) -> str:
    if room.comments:
        return f"written as a comment: {room.program} has no room for that"
    return f"left out: {room.program} has no names of {what}"


def _timeouts(timeouts: Timeouts, room: Room, left: Leftovers) -> Timeouts | None:
    seconds = (timeouts.tcp, timeouts.tcp_fin, timeouts.udp)
    if all(0 < one <= room.timeout_max for one in seconds):
        return timeouts
    text = f"tcp {seconds[0]}, tcpfin {seconds[1]}, udp {seconds[2]}"
    why = f"it takes 1 to {room.timeout_max}" if room.timeout_max else "it sets none; `ipvsadm --set` does"
    left.lose("timeouts", text, f"left out: {room.program}: {why}")
    return None


def _commonest(director: Director) -> Forwarding:
    """Return the method of most servers."""
    methods = Counter(
        server.forwarding
        for pool in director.pools.values()
        for server in pool.servers.values()
        if server.forwarding in METHODS
    )
    return methods.most_common(1)[0][0] if methods else Forwarding.MASQ


def _pool(director: Director, pool: Pool, room: Room, left: Leftovers, method: Forwarding | None) -> Pool | None:
    """Return a service with its servers, None where there is no room for it."""
    key = pool.service.key
    where = fields.service_text(key)
    if why := _misfit(pool.service, room):
        beside = f" with its {count(len(pool.servers), 'server')}" if pool.servers else ""
        left.lose(where, "service", f"left out{beside}: {why}")
        return None
    servers = dict(_servers(pool, room, left, method))
    if not servers and not room.empty:
        left.lose(where, "service", f"left out: {room.program} takes no service without servers")
        return None
    return Pool(_service(director, pool.service, servers, room, left), servers)


def _servers(
    pool: Pool, room: Room, left: Leftovers, method: Forwarding | None
) -> Iterator[tuple[Endpoint, RealServer]]:
    """Yield the servers that there is room for, as far as there is; of two that come to be the same the first."""
    key = pool.service.key
    taken: set[Endpoint] = set()
    nameless: list[str] = []
    for server in pool.servers.values():
        found = _server(key, server, room, left, method)
        if found is None:
            continue
        if found.endpoint in taken:
            at = server_where(key, server.endpoint)
            left.lose(at, "server", f"left out: {fields.server_text(found.endpoint)} is there already")
            continue
        taken.add(found.endpoint)
        if server.name and not room.server_name(server.name):
            nameless.append(quote(server.name))
            left.comment(ServerKey(key, found.endpoint), f"name: {server.name}")
            found = replace(found, name="")
        yield found.endpoint, found
    if nameless:
        what = f"names of servers: {first_of(nameless)}"
        left.lose(fields.service_text(key), what, _fate_of_text(room, "servers"))


def _misfit(service: Service, room: Room) -> str:
    """Return why there is no room for a service at all, empty where there is."""
    key, program = service.key, room.program
    if key.family not in room.families:
        return f"{program} knows no {key.family.word}" if key.family in Family else "its family is not known"
    if isinstance(key, MarkKey):
        return "" if key.mark <= room.mark_max else f"{program} takes marks up to {room.mark_max}"
    if key.protocol not in room.protocols:
        return f"{program} knows no {fields.protocol_text(key.protocol)}"
    if key.port == 0 and not room.every_port:
        return f"{program} has no service on every port"
    if key.port == 0 and service.persistence is None:
        return f"{program} takes no service on every port that is not persistent"
    return ""


def _service(
    director: Director, service: Service, servers: dict[Endpoint, RealServer], room: Room, left: Leftovers
) -> Service:
    """Return what there is room for of a service."""
    where, program = fields.service_text(service.key), room.program
    scheduler, flags = service.scheduler, service.flags
    if not room.schedulers(scheduler):
        left.lose(where, f"scheduler {scheduler}", f"written as {USUAL_SCHEDULER}: {program} does not know it")
        scheduler, kept = USUAL_SCHEDULER, ServiceFlags.ONE_PACKET
    else:
        kept = room.flags | ServiceFlags.ONE_PACKET
    if ServiceFlags.ONE_PACKET in flags and not room.one_packet(service.key):
        kept &= ~ServiceFlags.ONE_PACKET
    if gone := fields.flag_words(flags & ~kept, service.scheduler):
        left.lose(where, f"flags {', '.join(gone)}", f"left out: {program} takes none of that here")
    persistence = _persistence(service.persistence, room, left, where) if service.persistence else None
    fitted = replace(service, scheduler=scheduler, flags=flags & kept, persistence=persistence)
    if service.name and not room.service_name(service.name):
        left.lose(where, f"name {quote(service.name)}", _fate_of_text(room, "services"))
        left.comment(service.key, f"name: {service.name}")
        fitted = replace(fitted, name="")
    if service.note and not room.note(service.note):
        fate = "written as a comment" if room.comments else f"left out: {program} has no notes"
        left.lose(where, f"note {quote(service.note)}", fate)
        left.comment(service.key, f"note: {service.note}")
        fitted = replace(fitted, note="")
    return replace(fitted, probe=_probe(Asking(service, servers, director), room, left))


def _persistence(persistence: Persistence, room: Room, left: Leftovers, where: str) -> Persistence:
    engine, seconds = persistence.engine, persistence.timeout
    if engine and not room.engines:
        left.lose(where, f"persistence engine {engine}", f"left out: {room.program} has none")
        engine = ""
    if not 1 <= seconds <= PERSISTENCE_MAX:
        seconds = min(max(seconds, 1), PERSISTENCE_MAX)
        left.lose(where, f"persistence of {persistence.timeout} s", f"written as {seconds}")
    mask = persistence.mask
    if mask == _ALL_CLIENTS and not room.mask_0:
        left.lose(where, f"netmask {mask}", f"written as {FULL_MASK_V4}: {room.program} takes it for none")
        mask = FULL_MASK_V4
    return Persistence(seconds, mask, engine)


def _probe(asking: Asking, room: Room, left: Leftovers) -> Probe | None:
    """Return what a check of the program asks; what means nothing with the type of a probe goes first."""
    probe = asking.service.probe
    if probe is not None:
        plain = _meant(probe)
        if plain != probe:
            left.lose(asking.where, f"probe {probe_text(probe)}", "left out is what means nothing with its type")
            asking = replace(asking, service=replace(asking.service, probe=plain))
    return room.check(left, asking)


def _meant(probe: Probe) -> Probe:
    """Return a probe without what means nothing with its type."""
    meant = Probe(probe.type, probe.port, timeout=probe.timeout)
    for field in probe_fields.USES[probe.type]:
        meant = replace(meant, **{field: getattr(probe, field)})
    return meant


def _server(
    key: ServiceKey, server: RealServer, room: Room, left: Leftovers, method: Forwarding | None
) -> RealServer | None:
    """Return what there is room for of a server, None where there is none for it."""
    where, program = server_where(key, server.endpoint), room.program
    if why := _misfit_server(key, server, room, method):
        left.lose(where, "server", f"left out: {why}")
        return None
    fitted = replace(server, endpoint=Endpoint(server.endpoint.address, _port(key, server, room)), resume=None)
    if fitted.endpoint.port != server.endpoint.port:
        became = f"written as {fitted.endpoint.port}: {program} takes no other there"
        left.lose(where, f"port {server.endpoint.port}", became)
    tunnel = _tunnel(server)
    if tunnel != server.tunnel:
        left.lose(where, tunnel_text(server.tunnel), f"written as {tunnel_text(tunnel)}: the rest means nothing here")
        fitted = replace(fitted, tunnel=tunnel)
    if (server.upper or server.lower) and not room.thresholds:
        left.lose(where, f"upper {server.upper}, lower {server.lower}", f"left out: {program} has no thresholds")
        fitted = replace(fitted, upper=0, lower=0)
    if server.resume is not None:
        left.lose(where, f"resume {server.resume}", f"left out: {program} keeps no weight to go back to")
    return fitted


def _misfit_server(key: ServiceKey, server: RealServer, room: Room, method: Forwarding | None) -> str:
    """Return why there is no room for a server at all, empty where there is."""
    if server.forwarding not in METHODS:
        return f"{room.program} cannot set forwarding {fields.forwarding_text(server.forwarding)}"
    if method not in (None, server.forwarding):
        text = fields.forwarding_text(server.forwarding)
        return f"{room.program} has one method for all, here that of most servers, and this one has {text}"
    tunnelled = server.forwarding is Forwarding.TUNNEL
    if Family.of(server.endpoint.address) is not key.family and not (room.mixed and tunnelled):
        return f"{room.program} takes servers of the service's own family only"
    return _misfit_tunnel(server.tunnel, room) if tunnelled else ""


def _misfit_tunnel(tunnel: Tunnel, room: Room) -> str:
    if tunnel.type not in fields.TUNNEL_WORDS or tunnel.checksum not in fields.CHECKSUM_WORDS:
        return f"{room.program} cannot set this type or checksum of a tunnel"
    if tunnel.type is not TunnelType.IPIP and not room.tunnels:
        return f"{room.program} knows tunnels of the type ipip only"
    if tunnel.type is TunnelType.GUE and not tunnel.port:
        return "gue needs a port"
    return ""


def _port(key: ServiceKey, server: RealServer, room: Room) -> int:
    """Return the port that a program gives a server: by route and tunnel packets keep that of the service."""
    port = server.endpoint.port
    keeps = server.forwarding is not Forwarding.MASQ
    if isinstance(key, AddressKey):
        return key.port if keeps or (port == 0 and not room.masq_port_0) else port
    return port if room.mark_ports or not keeps else 0


def _tunnel(server: RealServer) -> Tunnel:
    """Return what programs can say of a tunnel: nothing with other methods, no checksum of ipip, ports of gue only."""
    tunnel = server.tunnel
    if server.forwarding is not Forwarding.TUNNEL or tunnel.type is TunnelType.IPIP:
        return PLAIN_TUNNEL
    if tunnel.type is TunnelType.GUE:
        return tunnel
    return Tunnel(tunnel.type, 0, 0 if tunnel.checksum == _REMCSUM else tunnel.checksum)
