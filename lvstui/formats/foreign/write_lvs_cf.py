"""A director as lvs.cf, which Piranha reads: one method for all, a name for each, a check of every server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from ipaddress import IPv4Address
from typing import Final

from lvstui.core import fields
from lvstui.core.describe import probe_text
from lvstui.core.model import (
    INT_MAX,
    Address,
    AddressKey,
    Director,
    Family,
    Forwarding,
    MarkKey,
    Pool,
    Probe,
    ProbeType,
    Protocol,
    RealServer,
    ServerKey,
    ServiceFlags,
    ServiceKey,
    Statuses,
    SyncDaemon,
    SyncRole,
)
from lvstui.formats.foreign.fit import server_where
from lvstui.formats.foreign.room import TCP_AND_UDP, Asking, Leftovers, Room, is_plain, name_lines, never
from lvstui.formats.foreign.words import PIRANHA_METHODS, PIRANHA_SCHEDULERS, server_name, service_name

_METHODS: Final = {method: word for word, method in PIRANHA_METHODS.items()}
_USUAL_PORT: Final = 80
_DEVICE: Final = "eth0"
_MARK_MAX: Final = 2**31 - 1
"""Marks beyond are written as negative numbers, which ipvsadm does not take (startVirtualServer in lvscontrol.c)."""

_PATH_MAX: Final = 900
"""Characters of a page, so that the line around it stays below 1024, as all that we write does."""

_ANY_ANSWER: Final = (Statuses(100, 599),)


def _is_word(text: str) -> bool:
    """Return whether a name is one word, of which nothing is taken for a quote, a brace or a comment."""
    return is_plain(text) and not set("\"'{}#=") & set(text) and not any(letter.isspace() for letter in text)


def _check(left: Leftovers, asking: Asking) -> Probe | None:
    """Return the probe that Piranha's nanny asks: it connects to each server by tcp, asked for or not."""
    service, where = asking.service, asking.where
    key, probe = service.key, service.probe
    if isinstance(key, AddressKey) and key.protocol is Protocol.UDP:
        if probe is not None:
            left.lose(where, f"probe {probe_text(probe)}", "left out: Piranha asks nothing over udp")
        return None
    port = _mark_port(left, asking) if isinstance(key, MarkKey) else 0
    plain = Probe(ProbeType.TCP, port)
    if probe is None:
        left.lose(where, "no probe", "Piranha connects to each server by itself, and takes out those that refuse")
        return plain
    if probe.port != port:
        left.lose(where, f"probe port {probe.port}", "left out: Piranha asks the server's own port")
    if probe.timeout != plain.timeout:
        left.lose(where, f"probe timeout {probe.timeout:g}s", "left out: Piranha has its own")
    if probe.type is ProbeType.TCP:
        return plain
    text = f"probe {probe_text(probe)}"
    path = probe.path.replace('"', "%22").replace("\\", "%5C")
    if probe.type is not ProbeType.HTTP or len(path) > _PATH_MAX:
        left.lose(where, text, "written as a check that connects")
        return plain
    if (path, probe.status, probe.name) != (probe.path, _ANY_ANSWER, ""):
        left.lose(where, text, f"written as GET {path}: any answer of HTTP is good, and no host is named")
    return replace(plain, type=ProbeType.HTTP, path=path, status=_ANY_ANSWER)


def _mark_port(left: Leftovers, asking: Asking) -> int:
    """Return the port that is asked where the service is a mark: the probe's, a server's, one that gets the mark."""
    service = asking.service
    if service.probe and service.probe.port:
        return service.probe.port
    group = asking.director.groups.get(service.key.mark) if isinstance(service.key, MarkKey) else None
    marked = (
        ports.first
        for selector in (group.selectors if group else ())
        if selector.protocol is Protocol.TCP
        for ports in selector.ports
    )
    own = (endpoint.port for endpoint in asking.servers if endpoint.port)
    port = next(own, 0) or next(marked, 0) or _USUAL_PORT
    left.lose(asking.where, "port to ask", f"written as {port}: Piranha asks each server, and a mark has no port")
    return port


def _is_lone_master(daemons: Mapping[SyncRole, SyncDaemon]) -> bool:
    """Return whether there is only what Piranha starts on the active director, with interface and id."""
    return all(one == SyncDaemon(SyncRole.MASTER, one.interface, one.id) for one in daemons.values())


ROOM: Final = Room(
    program="Piranha",
    protocols=TCP_AND_UDP,
    families=frozenset((Family.IPV4,)),
    schedulers=PIRANHA_SCHEDULERS.__contains__,
    flags=ServiceFlags.NONE,
    one_packet=never,
    engines=False,
    thresholds=False,
    tunnels=False,
    mixed=False,
    mark_ports=False,
    masq_port_0=False,
    empty=True,
    every_port=False,
    sync=_is_lone_master,
    sync_rule="starts a master alone, and says its interface and id only",
    timeout_max=INT_MAX,
    check=_check,
    service_name=_is_word,
    server_name=_is_word,
    note=never,
    one_method=True,
    mark_max=_MARK_MAX,
    mask_0=False,
)


def write_lvs_cf(director: Director, fitted: Director, left: Leftovers) -> list[str]:
    """Write what there is room for of a director; note what Piranha wants to know and nobody here does."""
    lines = name_lines(director)
    servers = [server for pool in fitted.pools.values() for server in pool.servers.values()]
    method = servers[0].forwarding if servers else Forwarding.MASQ
    lines += ["serial_no = 1", "service = lvs", "backup_active = 0", f"network = {_METHODS[method]}"]
    if timeouts := fitted.timeouts:
        lines += [f"tcp_timeout = {timeouts.tcp}", f"tcpfin_timeout = {timeouts.tcp_fin}"]
        lines.append(f"udp_timeout = {timeouts.udp}")
    for daemon in fitted.daemons.values():
        lines += ["syncdaemon = 1", f"syncd_iface = {daemon.interface}", f"syncd_id = {daemon.id}"]
    for number, pool in enumerate(fitted.pools.values(), 1):
        address = _address(director, pool.service.key, left)
        lines += [*left.comments(pool.service.key), *_virtual(pool, f"{address} {_DEVICE}:{number}", left)]
    if fitted.pools:
        became = f"written as {_DEVICE}:1 and so on: correct them, and write primary = ADDRESS of this director"
        left.lose("director", "interfaces, on which Piranha puts the addresses of services", became)
    return lines


def _address(director: Director, key: ServiceKey, left: Leftovers) -> Address:
    """Return the address of a service, which Piranha wants of a mark too: the first that gets the mark."""
    if isinstance(key, AddressKey):
        return key.address
    group = director.groups.get(key.mark)
    networks = [network for selector in (group.selectors if group else ()) for network in selector.addresses]
    found = next((network.network_address for network in networks if network.version == 4), IPv4Address(0))
    left.lose(fields.service_text(key), "address", f"written as {found}: Piranha wants one of a mark too; correct it")
    return found


def _virtual(pool: Pool, address: str, left: Leftovers) -> Iterator[str]:
    service = pool.service
    probe = service.probe
    yield f"virtual {service.name or service_name(service.key)} {{"
    yield "    active = 1"
    yield f"    address = {address}"
    match service.key:
        case AddressKey(protocol, _, port):
            yield f"    port = {port}"
            yield f"    protocol = {fields.PROTOCOL_WORDS[protocol]}"
        case MarkKey(mark, _):
            yield f"    fwmark = {mark}"
            yield f"    port = {probe.port if probe else _USUAL_PORT}"
    yield f"    scheduler = {service.scheduler}"
    if persistence := service.persistence:
        yield f"    persistent = {persistence.timeout}"
        if persistence.wide:
            yield f"    pmask = {persistence.mask}"
    if probe and probe.type is ProbeType.HTTP:
        yield f'    send = "GET {probe.path} HTTP/1.0\\r\\n\\r\\n"'
        yield '    expect = "HTTP"'
    for server in pool.servers.values():
        yield from left.comments(ServerKey(service.key, server.endpoint), "    ")
        yield from _server(server)
        if server.forwarding is Forwarding.MASQ and not server.endpoint.port:
            where = server_where(service.key, server.endpoint)
            left.lose(where, "port 0", "written as it is: Piranha asks that port; write the one that answers")
    yield "}"


def _server(server: RealServer) -> Iterator[str]:
    address, port = server.endpoint
    yield f"    server {server.name or server_name(server.endpoint)} {{"
    yield "        active = 1"
    yield f"        address = {address}"
    if port or server.forwarding is Forwarding.MASQ:
        yield f"        port = {port}"
    yield f"        weight = {server.weight}"
    yield "    }"
