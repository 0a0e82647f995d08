"""Which services a setting of net.ipv4.vs has something to do with on this director, as it is now."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from lvstui.core import fields
from lvstui.core.model import AddressKey, Director, Forwarding, MarkKey, Pool, Protocol, Service, SyncRole
from lvstui.core.naming import service_name

_SHOWN: Final = 3
"""Services that are named."""


class _Services(NamedTuple):
    """Services of a kind: how one and several of them are called, and which they are."""

    one: str
    several: str
    include: Callable[[Pool], bool]


class _Daemons(NamedTuple):
    """Sync daemons; with `services`, what they do to all services."""

    roles: tuple[SyncRole, ...]
    services: bool = False


def scope(director: Director, setting: str) -> str:
    """Say what a setting touches: `touches 2 tcp services: shop, mail`; empty where that cannot be told."""
    match _SCOPES.get(setting):
        case _Services() as kind:
            return _of_services(director, kind)
        case _Daemons() as daemons:
            return _of_daemons(director, daemons)
        case None:
            return ""


def _of_services(director: Director, kind: _Services) -> str:
    found = [pool.service for pool in director.pools.values() if kind.include(pool)]
    if not found:
        return f"touches nothing now: there is no {kind.one}"
    called = kind.one if len(found) == 1 else kind.several
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return f"touches {len(found)} {called}: {', '.join(map(service_name, found[:_SHOWN]))}{more}"


def _of_daemons(director: Director, daemons: _Daemons) -> str:
    running = [fields.ROLE_WORDS[role] for role in daemons.roles if role in director.daemons]
    if not running:
        words = " or ".join(fields.ROLE_WORDS[role] for role in daemons.roles)
        return f"touches nothing now: no sync {words} runs"
    if daemons.services:
        return f"{_of_services(director, _ALL)}; a sync {running[0]} runs"
    return f"touches the sync {' and '.join(running)}"


def _carries(service: Service, *protocols: Protocol) -> bool:
    """Return whether a service may carry a protocol; a mark says nothing about it."""
    return not isinstance(service.key, AddressKey) or service.key.protocol in protocols


def _forwards(*methods: Forwarding) -> Callable[[Pool], bool]:
    return lambda pool: any(server.forwarding in methods for server in pool.servers.values())


def _is_draining(pool: Pool) -> bool:
    return pool.service.persistence is not None and any(not server.weight for server in pool.servers.values())


def _scheduled(scheduler: str) -> _Services:
    kind = f"{scheduler} service"
    return _Services(kind, f"{kind}s", lambda pool: pool.service.scheduler == scheduler)


_ALL: Final = _Services("service", "services", lambda _: True)
_MASQ: Final = _Services("service with masq servers", "services with masq servers", _forwards(Forwarding.MASQ))
_TCP: Final = _Services("tcp service", "tcp services", lambda pool: _carries(pool.service, Protocol.TCP))
_SCTP: Final = _Services("sctp service", "sctp services", lambda pool: _carries(pool.service, Protocol.SCTP))
_MASTER: Final = _Daemons((SyncRole.MASTER,))
_EITHER: Final = _Daemons((SyncRole.MASTER, SyncRole.BACKUP))

_SCOPES: Final[Mapping[str, _Services | _Daemons]] = {
    "backup_only": _Daemons((SyncRole.BACKUP,), services=True),
    "cache_bypass": _Services("mark service", "mark services", lambda pool: isinstance(pool.service.key, MarkKey)),
    "conn_reuse_mode": _Services(
        "tcp or sctp service",
        "tcp or sctp services",
        lambda pool: _carries(pool.service, Protocol.TCP, Protocol.SCTP),
    ),
    "conntrack": _ALL,
    "expire_nodest_conn": _ALL,
    "expire_quiescent_template": _Services(
        "persistent service with a drained server", "persistent services with a drained server", _is_draining
    ),
    "lblc_expiration": _scheduled("lblc"),
    "lblcr_expiration": _scheduled("lblcr"),
    "nat_icmp_send": _MASQ,
    "pmtu_disc": _Services("service with tunnel servers", "services with tunnel servers", _forwards(Forwarding.TUNNEL)),
    "schedule_icmp": _ALL,
    "secure_tcp": _TCP,
    "sloppy_sctp": _SCTP,
    "sloppy_tcp": _TCP,
    "snat_reroute": _MASQ,
    "sync_persist_mode": _MASTER,
    "sync_ports": _EITHER,
    "sync_qlen_max": _MASTER,
    "sync_refresh_period": _MASTER,
    "sync_retries": _MASTER,
    "sync_sock_size": _EITHER,
    "sync_threshold": _MASTER,
    "sync_version": _MASTER,
}
"""By setting, as net/netfilter/ipvs asks for it: pmtu_disc in ip_vs_xmit.c for tunnels alone, schedule_icmp for all."""
