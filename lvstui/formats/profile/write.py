"""The profile: a director as one TOML file that people read, edit and keep in git."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

from lvstui.core import fields, selectors, sysctls
from lvstui.core.model import (
    FULL_MASK_V4,
    FULL_PREFIX_V6,
    PLAIN_TUNNEL,
    SYNC_GROUP,
    SYNC_PORT,
    Address,
    AddressKey,
    Director,
    Endpoint,
    Forwarding,
    MarkGroup,
    Persistence,
    Pool,
    RealServer,
    Service,
    SyncDaemon,
    Timeouts,
    Tunnel,
    TunnelType,
)
from lvstui.formats.profile.flaws import ProfileError
from lvstui.formats.profile.read import FORMAT, loads

__all__ = ["FORMAT", "HEADER", "ProfileError", "dumps", "loads"]

HEADER: Final = "# written by lvstui; edit freely, then: lvstui check FILE && lvstui diff FILE"

_Inline: TypeAlias = Mapping[str, str | int]
_Table: TypeAlias = Mapping[str, str | int | tuple[str, ...] | _Inline]


def dumps(director: Director) -> str:
    """Write a profile in its one canonical form: fixed order of keys, defaults left out, one server a line.

    Raises `ProfileError` where two services, two marks, or two servers of one service, have the same name.
    """
    pools = sorted(director.pools.values(), key=_service_order)
    _refuse_twice((pool.service.name for pool in pools), "service")
    head = f"{HEADER}\nformat = {FORMAT}\n"
    if director.sync is not None and not director.sync:
        head += "sync = []\n"
    blocks = [head]
    if director.name:
        blocks.append(_block("[director]", {"name": director.name}))
    if director.timeouts is not None:
        blocks.append(_block("[timeouts]", _timeouts(director.timeouts)))
    if director.sysctl:
        blocks.append(
            _block("[sysctl]", {name: sysctls.typed(director.sysctl[name]) for name in sorted(director.sysctl)})
        )
    daemons = sorted((director.sync or {}).values(), key=lambda daemon: daemon.role)
    blocks += [_block("[[sync]]", sync_table(daemon)) for daemon in daemons]
    blocks += [service_block(pool) for pool in pools]
    marks = director.marks or {}
    _refuse_twice((group.name for group in marks.values()), "mark")
    blocks += [_block("[[mark]]", mark_table(marks[mark])) for mark in sorted(marks)]
    return "\n".join(blocks)


def service_table(service: Service) -> _Table:
    """Name what a service is configured with as the profile does, defaults left out."""
    table: dict[str, str | int | tuple[str, ...] | _Inline] = {}
    if service.name:
        table["name"] = service.name
    table["service"] = fields.service_text(service.key)
    if service.scheduler != "wlc":
        table["scheduler"] = service.scheduler
    if service.flags:
        table["flags"] = fields.flag_words(service.flags, service.scheduler)
    if service.persistence is not None:
        table["persistence"] = _persistence(service.persistence)
    if service.note:
        table["note"] = service.note
    return table


def _persistence(persistence: Persistence) -> _Inline:
    table: dict[str, str | int] = {"timeout": persistence.timeout}
    match persistence.mask:
        case int() as prefix if prefix != FULL_PREFIX_V6:
            table["prefix"] = prefix
        case mask if mask not in (FULL_MASK_V4, FULL_PREFIX_V6):
            table["netmask"] = str(mask)
        case _:
            pass
    if persistence.engine:
        table["engine"] = persistence.engine
    return table


def mark_table(group: MarkGroup) -> _Table:
    """Name what gets a firewall mark as the profile does."""
    name: _Table = {"name": group.name} if group.name else {}
    return {"mark": group.mark, **name, "match": tuple(map(selectors.selector_text, group.selectors))}


def server_table(server: RealServer) -> _Table:
    """Name what a real server is configured with as the profile does, defaults left out."""
    table: dict[str, str | int | tuple[str, ...] | _Inline] = {}
    if server.name:
        table["name"] = server.name
    table["server"] = fields.server_text(server.endpoint)
    if server.forwarding is not Forwarding.ROUTE:
        table["forwarding"] = fields.forwarding_text(server.forwarding)
    if server.weight != 1:
        table["weight"] = server.weight
    if server.upper:
        table["upper"] = server.upper
    if server.lower:
        table["lower"] = server.lower
    if server.tunnel != PLAIN_TUNNEL:
        table["tunnel"] = _tunnel(server.tunnel)
    if server.resume is not None:
        table["resume"] = server.resume
    return table


def _tunnel(tunnel: Tunnel) -> _Inline:
    table: dict[str, str | int] = {}
    if tunnel.type is not TunnelType.IPIP:
        table["type"] = fields.tunnel_type_text(tunnel.type)
    if tunnel.port:
        table["port"] = tunnel.port
    if tunnel.checksum:
        table["checksum"] = fields.checksum_text(tunnel.checksum)
    return table


def _timeouts(timeouts: Timeouts) -> _Inline:
    return {"tcp": timeouts.tcp, "tcp_fin": timeouts.tcp_fin, "udp": timeouts.udp}


def sync_table(daemon: SyncDaemon) -> _Inline:
    """Name what a sync daemon is configured with as the profile does, defaults left out."""
    table: dict[str, str | int] = {"role": fields.ROLE_WORDS[daemon.role], "interface": daemon.interface}
    if daemon.id:
        table["id"] = daemon.id
    if daemon.max_length:
        table["max_length"] = daemon.max_length
    if daemon.group != SYNC_GROUP:
        table["group"] = str(daemon.group)
    if daemon.port != SYNC_PORT:
        table["port"] = daemon.port
    if daemon.ttl != 1:
        table["ttl"] = daemon.ttl
    return table


def _service_order(pool: Pool) -> tuple[str, bool, int, int, int, int]:
    """Sort services by name, then addresses before marks, IPv4 before IPv6, and by number."""
    key = pool.service.key
    if isinstance(key, AddressKey):
        return (pool.service.name, False, *_address_order(key.address), key.port, key.protocol)
    return (pool.service.name, True, key.family, key.mark, 0, 0)


def _address_order(address: Address) -> tuple[int, int]:
    return address.version, int(address)


def _server_order(endpoint: Endpoint) -> tuple[int, int, int]:
    return (*_address_order(endpoint.address), endpoint.port)


def service_block(pool: Pool) -> str:
    """Write a service with its servers as it stands in a profile."""
    block = _block("[[service]]", service_table(pool.service))
    if not pool.servers:
        return block
    servers = pool.servers
    where = fields.service_text(pool.service.key)
    _refuse_twice((server.name for server in servers.values()), f"server of {where}")
    rows = [f"    {server_line(servers[endpoint])},\n" for endpoint in sorted(servers, key=_server_order)]
    return f"{block}server = [\n{''.join(rows)}]\n"


def server_line(server: RealServer) -> str:
    """Write a real server as it stands in its service's list."""
    return _inline(server_table(server))


def _refuse_twice(names: Iterable[str], what: str) -> None:
    twice = [name for name, count in Counter(names).items() if name and count > 1]
    if twice:
        name = fields.visible(twice[0])
        raise ProfileError(f'name: more than one {what} is called "{name}"; give each a name of its own')


def _block(header: str, table: _Table) -> str:
    return header + "\n" + "".join(f"{key} = {_value(value)}\n" for key, value in table.items())


def _inline(table: _Table) -> str:
    return "{ " + ", ".join([f"{key} = {_value(value)}" for key, value in table.items()]) + " }"


def _value(value: str | int | tuple[str, ...] | _Inline) -> str:
    match value:
        case str():
            return _string(value)
        case int():
            return str(value)
        case tuple():
            return f"[{', '.join(map(_string, value))}]"
        case _:
            return _inline(value)


def _string(text: str) -> str:
    """Quote a text; what needs escapes is left to tomli-w, which plain addresses and words can do without."""
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    from tomli_w import dumps as dumps_toml  # 10 ms of imports that most profiles never need

    return dumps_toml({"text": text}).removeprefix("text = ").removesuffix("\n")
