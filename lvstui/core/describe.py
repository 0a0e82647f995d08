"""A change in one line for people, with every character that a terminal would not print escaped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from lvstui.core import fields
from lvstui.core.change import EMPTY, Change, DirectorField, Value, is_optional
from lvstui.core.model import (
    FULL_MASK_V4,
    FULL_PREFIX_V6,
    PLAIN_TUNNEL,
    AddressKey,
    Director,
    MarkGroup,
    MarkGroupKey,
    MarkKey,
    Persistence,
    RealServer,
    ServerKey,
    Service,
    ServiceKey,
    SyncDaemon,
    SyncRole,
    SysctlKey,
    Timeouts,
    Tunnel,
)
from lvstui.core.selectors import selector_text

_NOTE_SHOWN = 40
"""Characters of a note that are shown; the whole of it stands in the profile."""


def describe(change: Change, director: Director = EMPTY) -> str:
    """Write a change in one line: `tcp:192.0.2.10:443 shop / 10.0.0.11:443 web1: weight 3 -> 5`.

    Additions start with `+`, removals with `-`; what a profile lets go of stays in the kernel, and is no removal. The
    name of a server's service is looked up in `director`.
    """
    title = _title(change, director)
    match change:
        case Change(DirectorField.NAME, str() as before, str() as after):
            return f"{title}: name {_text(before)} -> {_text(after)}"
        case Change(DirectorField.SYNC, _, after):
            return f"{title}: {'managed by the profile' if after else _LET_GO}"
        case Change(target, _, None) if is_optional(target):
            return f"{title}: {_LET_GO}"
        case Change(SysctlKey(), None, str() as after):
            return f"+ {title}: {_shown(after)}"
        case Change(SysctlKey(), str() as before, str() as after):
            return f"{title}: {_shown(before)} -> {_shown(after)}"
        case _:
            return _line(title, _attributes(change.before), _attributes(change.after))


def _title(change: Change, director: Director) -> str:
    named = change.after or change.before
    match change.target:
        case AddressKey() | MarkKey() as key:
            return _titled(key, named if isinstance(named, Service) else None)
        case ServerKey(key, endpoint):
            pool = director.pools.get(key)
            name = f" {fields.visible(named.name)}" if isinstance(named, RealServer) and named.name else ""
            return f"{_titled(key, pool.service if pool else None)} / {fields.server_text(endpoint)}{name}"
        case MarkGroupKey(mark):
            return f"mark {mark}"
        case SyncRole() as role:
            return f"sync {fields.ROLE_WORDS[role]}"
        case SysctlKey(name):
            return f"sysctl {fields.visible(name)}"
        case DirectorField.TIMEOUTS:
            return "timeouts"
        case DirectorField.SYNC:
            return "sync daemons"
        case DirectorField.NAME:
            return "director"
        case _:
            assert_never(change.target)


def _attributes(value: Value | None) -> Mapping[str, str]:
    match value:
        case Service():
            return _service(value)
        case RealServer():
            return _server(value)
        case MarkGroup():
            return _group(value)
        case Timeouts():
            return _timeouts(value)
        case SyncDaemon():
            return _sync(value)
        case _:
            return {}


def _titled(key: ServiceKey, service: Service | None) -> str:
    name = f" {fields.visible(service.name)}" if service and service.name else ""
    return fields.service_text(key) + name


def _line(title: str, before: Mapping[str, str], after: Mapping[str, str]) -> str:
    """Put a line together from what a thing says of itself before and after; empty stands for absent."""
    if not after:
        return f"- {title}"
    if not before:
        told = ", ".join(f"{field} {text}" for field, text in after.items() if text != _ABSENT)
        return f"+ {title}: {told}"
    changed = [f"{field} {before[field]} -> {after[field]}" for field in after if before[field] != after[field]]
    return f"{title}: {', '.join(changed) or 'unchanged'}"


_ABSENT = "none"
_LET_GO = "left to the kernel"


def _text(text: str) -> str:
    shown = fields.visible(text)
    return f'"{shown if len(shown) <= _NOTE_SHOWN else shown[:_NOTE_SHOWN] + "..."}"' if text else _ABSENT


def _service(service: Service) -> Mapping[str, str]:
    return {
        "scheduler": fields.visible(service.scheduler),
        "flags": " ".join(fields.flag_words(service.flags, service.scheduler)) or _ABSENT,
        "persistence": persistence_text(service.persistence),
        "name": _text(service.name),
        "note": _text(service.note),
    }


def persistence_text(persistence: Persistence | None) -> str:
    """Tell a persistence: `300s`, `300s mask 255.255.255.0`, `300s prefix 64 engine sip`, or `none`."""
    if persistence is None:
        return _ABSENT
    parts = [f"{persistence.timeout}s"]
    if persistence.mask not in (FULL_MASK_V4, FULL_PREFIX_V6):
        kind = "prefix" if isinstance(persistence.mask, int) else "mask"
        parts.append(f"{kind} {fields.mask_text(persistence.mask)}")
    if persistence.engine:
        parts.append(f"engine {fields.visible(persistence.engine)}")
    return " ".join(parts)


def _group(group: MarkGroup) -> Mapping[str, str]:
    return {"name": _text(group.name), "match": "; ".join(map(selector_text, group.selectors)) or _ABSENT}


def _server(server: RealServer) -> Mapping[str, str]:
    return {
        "forwarding": fields.forwarding_text(server.forwarding),
        "weight": str(server.weight),
        "upper": str(server.upper) if server.upper else _ABSENT,
        "lower": str(server.lower) if server.lower else _ABSENT,
        "tunnel": tunnel_text(server.tunnel),
        "name": _text(server.name),
        "resume": _ABSENT if server.resume is None else str(server.resume),
    }


def tunnel_text(tunnel: Tunnel) -> str:
    """Tell an encapsulation: `gue port 6080 csum`, or `none` for the plain one."""
    if tunnel == PLAIN_TUNNEL:
        return _ABSENT
    parts = [fields.tunnel_type_text(tunnel.type)]
    if tunnel.port:
        parts.append(f"port {tunnel.port}")
    if tunnel.checksum:
        parts.append(fields.checksum_text(tunnel.checksum))
    return " ".join(parts)


def _shown(text: str) -> str:
    return fields.visible(text) or '""'


def _timeouts(timeouts: Timeouts) -> Mapping[str, str]:
    return {"tcp": f"{timeouts.tcp}s", "tcp_fin": f"{timeouts.tcp_fin}s", "udp": f"{timeouts.udp}s"}


def _sync(daemon: SyncDaemon) -> Mapping[str, str]:
    return {
        "interface": fields.visible(daemon.interface),
        "id": str(daemon.id),
        "max_length": str(daemon.max_length) if daemon.max_length else _ABSENT,
        "group": str(daemon.group),
        "port": str(daemon.port),
        "ttl": str(daemon.ttl),
    }


def sync_text(daemon: SyncDaemon) -> str:
    """Tell the settings of a sync daemon: `interface eth1, id 5, group 224.0.0.81, port 8848, ttl 1`."""
    return ", ".join(f"{field} {text}" for field, text in _sync(daemon).items() if text != _ABSENT)
