"""A director as lines for `ipvsadm -R`, and a change as the one ipvsadm command that would do the same."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import assert_never

from lvstui.core import fields
from lvstui.core.change import Change, changes_kernel
from lvstui.core.model import (
    AddressKey,
    Director,
    Family,
    Forwarding,
    MarkKey,
    Persistence,
    Protocol,
    RealServer,
    ServerKey,
    Service,
    ServiceFlags,
    ServiceKey,
    SyncDaemon,
    SyncRole,
    SysctlKey,
    Timeouts,
    Tunnel,
    TunnelType,
)

_PROTOCOL_OPTIONS = {Protocol.TCP: "-t", Protocol.UDP: "-u", Protocol.SCTP: "--sctp-service"}
_FORWARDING_OPTIONS = {Forwarding.MASQ: "-m", Forwarding.TUNNEL: "-i", Forwarding.ROUTE: "-g"}


class Inexpressible(ValueError):
    """Something that no option of ipvsadm can say."""


def save_lines(director: Director) -> list[str]:
    """Write a director as `ipvsadm -Sn` does, with what -S forgets: thresholds, timeouts, daemons, flag-3.

    `ipvsadm -R` takes the lines as they are. What ipvsadm cannot say stands as a comment, for which
    `ipvsadm-restore` is needed.
    """
    lines: list[str] = []
    if director.timeouts is not None:
        lines.append(_set(director.timeouts))
    lines += [f"# left out: {_sysctl(name, text)}" for name, text in director.sysctl.items()]
    for pool in director.pools.values():
        try:
            lines.append(f"-A {_service(pool.service)}")
        except Inexpressible as reason:
            lines.append(f"# left out with its servers: {reason}")
            continue
        for server in pool.servers.values():
            try:
                lines.append(f"-a {_server(pool.service.key, server)}")
            except Inexpressible as reason:
                lines.append(f"# left out: {reason}")
    lines += [_start(daemon) for daemon in director.daemons.values()]
    return lines


def command(change: Change) -> str | None:
    """Return the ipvsadm command line that does the same as a change, every attribute spelled out.

    None where the kernel has nothing to do or where ipvsadm cannot say it. For settings of net.ipv4.vs it is sysctl's.
    """
    if isinstance(change.target, SysctlKey):
        return _sysctl(change.target.name, change.after) if isinstance(change.after, str) else None
    try:
        arguments = _arguments(change)
    except Inexpressible:
        return None
    return " && ".join(f"ipvsadm {line}" for line in arguments) or None


def _arguments(change: Change) -> tuple[str, ...]:
    if change.after is not None and not changes_kernel(change):
        return ()
    adds = change.before is None
    match change:
        case Change(AddressKey() | MarkKey() as key, _, None):
            return (f"-D {_service_key(key)}",)
        case Change(_, _, Service() as service):
            return (f"{'-A' if adds else '-E'} {_service(service)}",)
        case Change(ServerKey(key, endpoint), _, None):
            return (f"-d {_service_key(key)} -r {fields.server_text(endpoint)}",)
        case Change(ServerKey(key), _, RealServer() as server):
            return (f"{'-a' if adds else '-e'} {_server(key, server)}",)
        case Change(_, _, Timeouts() as timeouts):
            return (_set(timeouts),)
        case Change(SyncRole() as role, _, after):
            stop = () if adds else (f"--stop-daemon {fields.ROLE_WORDS[role]}",)
            return (*stop, _start(after)) if isinstance(after, SyncDaemon) else stop
        case _:
            return ()


def _service_key(key: ServiceKey) -> str:
    match key:
        case MarkKey(mark, family):
            return f"-f {mark} -6" if family is Family.IPV6 else f"-f {mark}"
        case AddressKey(protocol):
            option = _PROTOCOL_OPTIONS.get(protocol)
            if option is None:
                raise Inexpressible(f"{fields.service_text(key)}: ipvsadm knows no such protocol")
            return f"{option} {fields.service_text(key).partition(':')[2]}"
        case _:
            assert_never(key)


def _service(service: Service) -> str:
    parts = [_service_key(service.key), "-s", shlex.quote(service.scheduler)]
    if service.persistence is not None:
        parts += _persistence(service.persistence)
    if service.flags & ServiceFlags.ONE_PACKET:
        parts.append("-o")
    words = [w for w in fields.flag_words(service.flags, service.scheduler) if w != "one-packet"]
    if words:
        parts += ["-b", ",".join(words)]
    return " ".join(parts)


def _persistence(persistence: Persistence) -> Iterator[str]:
    yield from ("-p", str(persistence.timeout))
    if persistence.wide:
        yield from ("-M", str(persistence.mask))
    if persistence.engine:
        yield from ("--pe", shlex.quote(persistence.engine))


def _server(key: ServiceKey, server: RealServer) -> str:
    where = f"{_service_key(key)} -r {fields.server_text(server.endpoint)}"
    option = _FORWARDING_OPTIONS.get(server.forwarding)
    if option is None:
        method = fields.forwarding_text(server.forwarding)
        raise Inexpressible(f"{where}: ipvsadm cannot set forwarding {method}")
    parts = [where, option, f"-w {server.weight}"]
    if server.upper or server.lower:
        parts.append(f"-x {server.upper} -y {server.lower}")
    if server.forwarding is Forwarding.TUNNEL:
        parts += _tunnel(where, server.tunnel)
    return " ".join(parts)


def _tunnel(where: str, tunnel: Tunnel) -> Iterator[str]:
    """Spell the encapsulation as ipvsadm takes it: a port for gue only, no checksum option for ipip."""
    if tunnel.type not in fields.TUNNEL_WORDS or tunnel.checksum not in fields.CHECKSUM_WORDS:
        raise Inexpressible(f"{where}: ipvsadm cannot set this tunnel type or checksum")
    yield f"--tun-type {fields.TUNNEL_WORDS[tunnel.type]}"
    if tunnel.type is TunnelType.GUE:
        yield f"--tun-port {tunnel.port}"
    if tunnel.type is not TunnelType.IPIP:
        yield f"--tun-{fields.CHECKSUM_WORDS[tunnel.checksum]}"


def _set(timeouts: Timeouts) -> str:
    return f"--set {timeouts.tcp} {timeouts.tcp_fin} {timeouts.udp}"


def _sysctl(name: str, text: str) -> str:
    return f"sysctl -w {shlex.quote(f'net.ipv4.vs.{name}={text}')}"


def _start(daemon: SyncDaemon) -> str:
    parts = [f"--start-daemon {fields.ROLE_WORDS[daemon.role]} --mcast-interface {shlex.quote(daemon.interface)}"]
    parts.append(f"--syncid {daemon.id}")
    if daemon.max_length:
        parts.append(f"--sync-maxlen {daemon.max_length}")
    parts.append(f"--mcast-group {daemon.group} --mcast-port {daemon.port} --mcast-ttl {daemon.ttl}")
    return " ".join(parts)
