"""A change in one line for people, with every character that a terminal would not print escaped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from lvstui.core import fields
from lvstui.core.change import (
    EMPTY,
    Change,
    DirectorName,
    ManageSync,
    MarkChange,
    ServerChange,
    ServiceChange,
    SyncChange,
    SysctlChange,
    TimeoutsChange,
)
from lvstui.core.model import (
    FULL_MASK_V4,
    FULL_PREFIX_V6,
    PLAIN_TUNNEL,
    Director,
    MarkGroup,
    Persistence,
    RealServer,
    Service,
    ServiceKey,
    SyncDaemon,
    Timeouts,
    Tunnel,
)
from lvstui.core.selectors import selector_text

_NOTE_SHOWN = 40
"""Characters of a note that are shown; the whole of it stands in the profile."""


def describe(change: Change, director: Director = EMPTY) -> str:
    """Tell a change in one line: `tcp:192.0.2.10:443 shop / 10.0.0.11:443 web1: weight 3 -> 5`.

    Additions start with `+`, removals with `-`; what a profile lets go of stays in the kernel, and is no removal. The
    name of a server's service is looked up in `director`.
    """
    match change:
        case ServiceChange(before, after):
            return _line(_titled(change.key, after or before), _service(before), _service(after))
        case ServerChange(key, before, after):
            pool = director.pools.get(key)
            named = after or before
            name = f" {fields.visible(named.name)}" if named and named.name else ""
            title = f"{_titled(key, pool.service if pool else None)} / {fields.server_text(change.endpoint)}{name}"
            return _line(title, _server(before), _server(after))
        case MarkChange(before, after):
            return _line(f"mark {change.mark}", _group(before), _group(after))
        case TimeoutsChange(_, None):
            return f"timeouts: {_LET_GO}"
        case TimeoutsChange(before, after):
            return _line("timeouts", _timeouts(before), _timeouts(after))
        case SyncChange(before, after):
            return _line(f"sync {fields.ROLE_WORDS[change.role]}", _sync(before), _sync(after))
        case SysctlChange(name, before, after):
            return _sysctl(fields.visible(name), before, after)
        case ManageSync(_, after):
            return f"sync daemons: {'managed by the profile' if after else _LET_GO}"
        case DirectorName(before, after):
            return f"director: name {_text(before)} -> {_text(after)}"
        case _:
            assert_never(change)


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


def _service(service: Service | None) -> Mapping[str, str]:
    if service is None:
        return {}
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


def _group(group: MarkGroup | None) -> Mapping[str, str]:
    if group is None:
        return {}
    return {"name": _text(group.name), "match": "; ".join(map(selector_text, group.selectors)) or _ABSENT}


def _server(server: RealServer | None) -> Mapping[str, str]:
    if server is None:
        return {}
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


def _sysctl(name: str, before: str | None, after: str | None) -> str:
    """Tell a setting; `+` is one that the profile manages from now on."""
    if after is None:
        return f"sysctl {name}: {_LET_GO}"
    if before is None:
        return f"+ sysctl {name}: {_shown(after)}"
    return f"sysctl {name}: {_shown(before)} -> {_shown(after)}"


def _shown(text: str) -> str:
    return fields.visible(text) or '""'


def _timeouts(timeouts: Timeouts | None) -> Mapping[str, str]:
    if timeouts is None:
        return {}
    return {"tcp": f"{timeouts.tcp}s", "tcp_fin": f"{timeouts.tcp_fin}s", "udp": f"{timeouts.udp}s"}


def _sync(daemon: SyncDaemon | None) -> Mapping[str, str]:
    if daemon is None:
        return {}
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
