"""A change in one line for people, with every character that a terminal would not print escaped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import assert_never

from lvstui.core import fields
from lvstui.core.attribute import NONE, shorten
from lvstui.core.attributes import DAEMON, GROUP, SERVER, SERVICE, TIMEOUTS
from lvstui.core.change import EMPTY, Change, DirectorField, Value, is_optional
from lvstui.core.model import (
    SYNC_GROUP,
    Address,
    AddressKey,
    Director,
    Endpoint,
    Family,
    MarkGroup,
    MarkGroupKey,
    MarkKey,
    Persistence,
    Probe,
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


def describe(change: Change, director: Director = EMPTY, *, short: bool = False) -> str:
    """Write a change in one line: `tcp:192.0.2.10:443 shop / 10.0.0.11:443 web1: weight 3 -> 5`.

    A `short` one says by name what has a name, `shop / web1: weight 3 -> 5`, and addresses of what comes or goes only.

    Additions start with `+`, removals with `-`; what a profile lets go of stays in the kernel, and is no removal. The
    name of a server's service is looked up in `director`.
    """
    title = title_of(change, director, short=short)
    match change:
        case Change(DirectorField.NAME, str() as before, str() as after):
            names = (f'"{shorten(name)}"' if name else NONE for name in (before, after))
            return f"{title}: name {' -> '.join(names)}"
        case Change(DirectorField.SYNC, _, after):
            return f"{title}: {'managed by the profile' if after else _LET_GO}"
        case Change(target, _, None) if is_optional(target):
            return f"{title}: {_LET_GO}"
        case Change(SysctlKey(), None, str() as after):
            return f"+ {title}: {_shown(after)}"
        case Change(SysctlKey(), str() as before, str() as after):
            return f"{title}: {_shown(before)} -> {_shown(after)}"
        case _:
            old, new = _described(change.before), _described(change.after)
            if not new:
                return f"- {title}"
            if not old:
                return f"+ {title}: {_listed(new)}"
            changed = [_changed(name, old[name], new[name]) for name in new if old[name] != new[name]]
            return f"{title}: {', '.join(changed) or 'unchanged'}"


def _changed(name: str, old: str, new: str) -> str:
    """Write a value that changed; of a drain say what it means: the weight to go back to is remembered, or no more."""
    if name != "resume":
        return f"{name} {old} -> {new}"
    return f"no longer remembers {old}" if new == NONE else f"remembers {new}"


def title_of(change: Change, director: Director = EMPTY, *, short: bool = False) -> str:
    """Return what a change is about: `tcp:192.0.2.10:443 shop / 10.0.0.11:443 web1`, or in short `shop / web1`."""
    named = change.after or change.before
    stays = change.before is not None and change.after is not None
    match change.target:
        case AddressKey() | MarkKey() as key:
            name = named.name if isinstance(named, Service) else ""
            return _titled(name, fields.service_text(key), short=short, alone=stays)
        case ServerKey(key, endpoint):
            pool = director.pools.get(key)
            above = _titled(pool.service.name if pool else "", fields.service_text(key), short=short)
            name = named.name if isinstance(named, RealServer) else ""
            return f"{above} / {_titled(name, fields.server_text(endpoint), short=short, alone=stays)}"
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


def _described(value: Value | None) -> Mapping[str, str]:
    match value:
        case Service():
            return SERVICE.describe(value)
        case RealServer():
            return SERVER.describe(value)
        case MarkGroup():
            return GROUP.describe(value)
        case Timeouts():
            return TIMEOUTS.describe(value)
        case SyncDaemon():
            return DAEMON.describe(value)
        case _:
            return {}


def value_text(value: Value | None) -> str:
    """Return all that is configured of one thing in a line, without what it leaves out; empty for nothing."""
    return _shown(value) if isinstance(value, str) else _listed(_described(value))


def _titled(name: str, address: str, *, short: bool, alone: bool = True) -> str:
    """Return what something is and is called; in `short` its name first, and where that is enough `alone`."""
    if not name:
        return address
    name = fields.visible(name)
    if not short:
        return f"{address} {name}"
    return name if alone else f"{name} {address}"


def _listed(described: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {text}" for name, text in described.items() if text != NONE)


_LET_GO = "left to the kernel"


def _shown(text: str) -> str:
    return fields.visible(text) or '""'


def persistence_text(persistence: Persistence | None) -> str:
    """Describe a persistence: `300s`, `300s mask 255.255.255.0`, `300s prefix 64 engine sip`, or `none`."""
    return SERVICE.describe_group(Service(MarkKey(0, Family.IPV4), persistence=persistence), "persistence")


def probe_text(probe: Probe | None) -> str:
    """Describe what servers are asked: `http path /health status 200`, or `none`."""
    return SERVICE.describe_group(Service(MarkKey(0, Family.IPV4), probe=probe), "probe")


def tunnel_text(tunnel: Tunnel) -> str:
    """Describe an encapsulation: `gue port 6080 csum`, or `none` for the plain one."""
    return SERVER.describe_group(RealServer(Endpoint(SYNC_GROUP, 0), tunnel=tunnel), "tunnel")


def sync_text(daemon: SyncDaemon) -> str:
    """Describe the settings of a sync daemon: `interface eth1, id 5, group 224.0.0.81, port 8848, ttl 1`."""
    return _listed(DAEMON.describe(daemon))


def masked_client_text(client: Address, width: int | None) -> str:
    """Write a client as its service remembers it: `10.1.0.9`, `10.1.5.0/24`."""
    return str(client) if width in (None, client.max_prefixlen) else f"{client}/{width}"


def service_name(service: Service) -> str:
    """Return a service's name, or what it is where it has none; what is strange in it is escaped."""
    return fields.visible(service.name) or fields.service_text(service.key)


def service_names(director: Director, key: ServiceKey | None) -> tuple[str, ...]:
    """Return the name of a service, if it has one, and its text."""
    if key is None:
        return ()
    pool = director.pools.get(key)
    name = pool.service.name if pool else ""
    return (name, fields.service_text(key)) if name else (fields.service_text(key),)


def server_names(director: Director, key: ServiceKey | None, endpoint: Endpoint) -> tuple[str, ...]:
    """Return the name of a server, if it has one, its text and its address."""
    pool = director.pools.get(key) if key is not None else None
    server = pool.servers.get(endpoint) if pool else None
    texts = (fields.server_text(endpoint), str(endpoint.address))
    return (server.name, *texts) if server and server.name else texts


def notes(director: Director, keys: Iterable[ServiceKey | None]) -> list[str]:
    """Return the notes of these services, each with whose it is: `of shop: ask the shop team first`."""
    pools = (director.pools[key].service for key in dict.fromkeys(keys) if key is not None and key in director.pools)
    return [f"of {service_name(service)}: {fields.visible(service.note)}" for service in pools if service.note]
