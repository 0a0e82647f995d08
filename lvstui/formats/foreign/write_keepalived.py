"""A director as keepalived.conf, with checkers in place of probes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from lvstui.core import fields, probe_fields
from lvstui.core.describe import probe_text
from lvstui.core.fields import quote
from lvstui.core.model import (
    PERSISTENCE_MAX,
    AddressKey,
    Director,
    Family,
    Forwarding,
    MarkKey,
    Pool,
    Probe,
    ProbeType,
    RealServer,
    ServerKey,
    ServiceFlags,
    SyncDaemon,
    SyncRole,
    TunnelType,
)
from lvstui.formats.foreign.room import (
    BOTH_FAMILIES,
    EVERY_PROTOCOL,
    Asking,
    Leftovers,
    Room,
    is_plain,
    is_udp_or_mark,
    lacks_port,
    name_lines,
    never,
)
from lvstui.formats.foreign.words import KEEPALIVED_CHECKS, KEEPALIVED_METHODS, KEEPALIVED_SCHEDULERS

_METHODS: Final = {method: word for word, method in KEEPALIVED_METHODS.items()}
_CHECKS: Final = {kind: word for word, kind in KEEPALIVED_CHECKS.items()}

_LINE_MAX: Final = 900
"""Bytes of a value: a line may have 1,023 (MAXBUF), and is read as two where it has more."""

_LAST_BYTE: Final = "ff"
"""The byte at the end of a datagram that keepalived 2.2 takes for a mistake of its own (read_hex_str in parser.c)."""

_ONLY_TCP: Final = "written as TCP_CHECK: keepalived has no check of a certificate alone"


def _is_quotable(text: str) -> bool:
    """Return whether a text can stand in quotes: nothing in it ends them or is put in for something else."""
    return is_plain(text) and not set('"\\${}') & set(text) and len(text.encode()) <= _LINE_MAX


def _check(left: Leftovers, asking: Asking) -> Probe | None:
    """Return the probe that a checker asks."""
    probe = asking.service.probe
    if probe is None:
        return None
    text = f"probe {probe_text(probe)}"
    if lacks_port(left, asking, probe):
        return None
    if probe.days:
        left.lose(asking.where, f"probe days {probe.days}", "left out: keepalived looks at no certificate")
        probe = replace(probe, days=0)
    if probe.type is ProbeType.TLS:
        left.lose(asking.where, text, _ONLY_TCP)
        return Probe(ProbeType.TCP, probe.port, timeout=probe.timeout)
    if probe.type is ProbeType.UDP:
        return _datagram(left, asking, probe)
    if probe.type in (ProbeType.HTTP, ProbeType.HTTPS):
        if len(probe.path) > _LINE_MAX or len(probe_fields.statuses_text(probe.status)) > _LINE_MAX:
            left.lose(asking.where, text, f"left out: keepalived reads lines of {_LINE_MAX} characters")
            return None
        path = probe.path.replace('"', "%22").replace("\\", "%5C").replace("$", "%24")
        if path != probe.path:
            left.lose(asking.where, f"probe path {probe.path}", f"written as {path}, which servers take for the same")
        return replace(probe, path=path)
    return probe


def _datagram(left: Leftovers, asking: Asking, probe: Probe) -> Probe | None:
    """Return the probe of a datagram, of which the bytes are written, and any answer is right."""
    content = probe_fields.payload(probe.send).hex()
    long = f"keepalived reads lines of {_LINE_MAX} characters" if len(content) > _LINE_MAX else ""
    ending = f"keepalived 2.2 takes no datagram that ends with {_LAST_BYTE}" if content.endswith(_LAST_BYTE) else ""
    if why := long or ending:
        left.lose(asking.where, f"probe {probe_text(probe)}", f"left out: {why}")
        return None
    if probe.expect:
        left.lose(asking.where, f"probe expect {quote(probe.expect)}", "left out: any answer is right for keepalived")
    return replace(probe, send=f"hex:{content}" if content else "", expect="")


def _are_twins(daemons: Mapping[SyncRole, SyncDaemon]) -> bool:
    """Return whether both daemons run alike, which is how keepalived starts them without VRRP."""
    return len(daemons) == len(SyncRole) and len({replace(one, role=SyncRole.MASTER) for one in daemons.values()}) == 1


ROOM: Final = Room(
    program="keepalived",
    protocols=EVERY_PROTOCOL,
    families=BOTH_FAMILIES,
    schedulers=KEEPALIVED_SCHEDULERS.__contains__,
    flags=ServiceFlags.SCHED_1 | ServiceFlags.SCHED_2 | ServiceFlags.SCHED_3,
    one_packet=is_udp_or_mark,
    engines=True,
    thresholds=True,
    tunnels=True,
    mixed=True,
    mark_ports=False,
    masq_port_0=False,
    empty=False,
    every_port=True,
    sync=_are_twins,
    sync_rule="starts a master and a backup that are alike, or the one of them that its VRRP asks for",
    timeout_max=PERSISTENCE_MAX,
    check=_check,
    service_name=_is_quotable,
    server_name=_is_quotable,
    note=never,
)


def write_keepalived(director: Director, fitted: Director, left: Leftovers) -> list[str]:
    """Write what there is room for of a director; note where keepalived will complain of what it takes all the same."""
    lines = name_lines(director)
    if settings := list(_globals(fitted)):
        lines += ["global_defs {", *(f"    {line}" for line in settings), "}"]
    for pool in fitted.pools.values():
        if not any(server.weight for server in pool.servers.values()):
            became = "written as they are: keepalived takes them, but `keepalived -t` warns of a quorum without weight"
            left.lose(fields.service_text(pool.service.key), "weights, which are all 0", became)
        lines += ["", *_virtual(pool, left)]
    return lines[1:] if lines and not lines[0] else lines


def _globals(fitted: Director) -> Iterator[str]:
    if timeouts := fitted.timeouts:
        yield f"lvs_timeouts tcp {timeouts.tcp} tcpfin {timeouts.tcp_fin} udp {timeouts.udp}"
    for daemon in list(fitted.daemons.values())[:1]:
        length = f" maxlen {daemon.max_length}" if daemon.max_length else ""
        more = f"port {daemon.port} ttl {daemon.ttl} group {daemon.group}"
        yield f"lvs_sync_daemon {daemon.interface} id {daemon.id}{length} {more}"


def _virtual(pool: Pool, left: Leftovers) -> Iterator[str]:
    service = pool.service
    method = next(iter(pool.servers.values()))
    yield from left.comments(service.key)
    match service.key:
        case MarkKey(mark, family):
            yield f"virtual_server fwmark {mark} {{"
            yield f"    ip_family {'inet6' if family is Family.IPV6 else 'inet'}"
        case AddressKey(protocol, address, port):
            yield f"virtual_server {address} {port} {{"
            yield f"    protocol {protocol.name}"
    yield f"    lvs_sched {service.scheduler}"
    for word in fields.flag_words(service.flags & ~ServiceFlags.ONE_PACKET, service.scheduler):
        yield f"    {word}"
    if ServiceFlags.ONE_PACKET in service.flags:
        yield "    ops"
    yield f"    lvs_method {method_text(method)}"
    if persistence := service.persistence:
        yield f"    persistence_timeout {persistence.timeout}"
        if persistence.wide:
            yield f"    persistence_granularity {persistence.mask}"
        if persistence.engine:
            yield f"    persistence_engine {persistence.engine}"
    if service.name:
        yield f'    snmp_name "{service.name}"'
    for server in pool.servers.values():
        yield from left.comments(ServerKey(service.key, server.endpoint), "    ")
        is_same = _is_same(server, method)
        yield from (f"    {line}" for line in server_lines(service.probe, server, same_method=is_same))
    yield "}"


def _is_same(server: RealServer, other: RealServer) -> bool:
    return (server.forwarding, server.tunnel) == (other.forwarding, other.tunnel)


def method_text(server: RealServer) -> str:
    """Write how packets reach a server: `DR`, `TUN type gue port 6080 csum`."""
    tunnel = server.tunnel
    words = [_METHODS[server.forwarding]]
    if server.forwarding is Forwarding.TUNNEL:
        words += ["type", fields.TUNNEL_WORDS[tunnel.type]]
        if tunnel.type is TunnelType.GUE:
            words += ["port", str(tunnel.port)]
        if tunnel.type is not TunnelType.IPIP:
            words.append(fields.CHECKSUM_WORDS[tunnel.checksum])
    return " ".join(words)


def server_lines(probe: Probe | None, server: RealServer, *, same_method: bool) -> Iterator[str]:
    """Write the block of a server; with the `same_method` as its service it says nothing of that."""
    address, port = server.endpoint
    yield f"real_server {address} {port} {{" if port else f"real_server {address} {{"
    yield f"    weight {server.weight}"
    if not same_method:
        yield f"    lvs_method {method_text(server)}"
    for word, threshold in (("uthreshold", server.upper), ("lthreshold", server.lower)):
        if threshold:
            yield f"    {word} {threshold}"
    if server.name:
        yield f'    snmp_name "{server.name}"'
    if probe:
        yield from (f"    {line}" for line in _checker(probe))
    yield "}"


def _checker(probe: Probe) -> Iterator[str]:
    yield f"{_CHECKS[probe.type]} {{"
    yield from (f"    {line}" for line in _asking(probe))
    if probe.port:
        yield f"    connect_port {probe.port}"
    yield f"    connect_timeout {probe.timeout:g}"
    yield "}"


def _asking(probe: Probe) -> Iterator[str]:
    """Write what a checker asks beyond port and time."""
    match probe.type:
        case ProbeType.HTTP | ProbeType.HTTPS:
            if probe.name:
                yield f"virtualhost {probe.name}"
                if probe.type is ProbeType.HTTPS:
                    yield "enable_sni"
            yield "url {"
            yield f'    path "{probe.path}"'
            yield f"    status_code {probe_fields.statuses_text(probe.status).replace(',', ' ')}"
            yield "}"
        case ProbeType.DNS:
            yield f"type {probe.record.name}"
            yield f"name {probe.name or '.'}"
        case ProbeType.UDP:
            if probe.send:
                yield f"payload {probe.send.removeprefix('hex:')}"
            yield "require_reply"
        case _:
            pass
