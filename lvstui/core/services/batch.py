"""Many servers edited at once: which rows are meant, and what becomes of their weights."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import NamedTuple, TypeAlias

from lvstui.core import fields
from lvstui.core.attributes import with_weight
from lvstui.core.change import Change, change_server
from lvstui.core.drift import remove_pool
from lvstui.core.fields import FieldError, quote
from lvstui.core.model import INT_MAX, Director, RealServer, ServerKey, ServiceKey
from lvstui.core.observed import MachineKey, RowKey
from lvstui.core.services.row import machines
from lvstui.core.view.command_line import remedy
from lvstui.core.weights import Rule, drain, restore

Targets: TypeAlias = Mapping[ServerKey, RealServer]
"""The servers that are meant, as the newest reading shows them."""

Staged: TypeAlias = Mapping[ServerKey, Change]


def targets(director: Director, keys: Iterable[RowKey]) -> Targets:
    """Find the servers that rows stand for: a service and a machine stand for all of their servers, shown or not."""
    rows = list(keys)
    grouped = machines(director) if any(isinstance(key, MachineKey) for key in rows) else {}
    found: dict[ServerKey, RealServer] = {}
    for row in rows:
        match row:
            case ServerKey():
                servers: Iterable[ServerKey] = (row,)
            case MachineKey():
                servers = grouped.get(row, ())
            case _:
                servers = [ServerKey(row, at) for at in director.pools[row].servers] if row in director.pools else ()
        for key in servers:
            pool = director.pools.get(key.service)
            if pool and key.endpoint in pool.servers:
                found[key] = pool.servers[key.endpoint]
    return found


def server_words(director: Director) -> Iterator[str]:
    """Yield the words by which servers can be named: names, then addresses with their ports and without."""
    yield from (server.name for pool in director.pools.values() for server in pool.servers.values() if server.name)
    ends = dict.fromkeys(end for pool in director.pools.values() for end in pool.servers)
    yield from map(fields.server_text, ends)
    yield from dict.fromkeys(str(end.address) for end in ends)


def named_servers(director: Director, word: str) -> Targets:
    """Find the servers that a word names, in all services: a name, `10.0.0.11:80`, or all at an address.

    Raises `FieldError` where there is none.
    """
    with suppress(FieldError):
        word = str(fields.address("server", word))
    with suppress(FieldError):
        word = fields.server_text(fields.server(word))
    found = {
        ServerKey(key, end): server
        for key, pool in director.pools.items()
        for end, server in pool.servers.items()
        if word in (server.name, fields.server_text(end), str(end.address))
    }
    if not found:
        raise FieldError("server", f"no real server is called {quote(word)}; {remedy(word, server_words(director))}")
    return found


def service_words(director: Director) -> Iterator[str]:
    """Yield the words by which services can be named: names, then what they are."""
    yield from (pool.service.name for pool in director.pools.values() if pool.service.name)
    yield from map(fields.service_text, director.pools)


def named_service(director: Director, word: str) -> ServiceKey:
    """Find the service of a name, or of a text such as `tcp:192.0.2.10:443`. Raises `FieldError`."""
    named = [key for key, pool in director.pools.items() if word and pool.service.name == word]
    if named:
        return named[0]
    with suppress(FieldError):
        if (key := fields.service(word)) in director.pools:
            return key
    raise FieldError("service", f"no service is called {quote(word)}; {remedy(word, service_words(director))}")


def toggle(servers: Targets, staged: Staged) -> Rule:
    """Choose what the drain key does: drain all, take back a drain that is only staged, or restore all."""
    if any(_weight(server, staged.get(key)) for key, server in servers.items()):
        return drain
    return (lambda server, _: server.weight) if any(key in staged for key in servers) else restore


def weigh(servers: Targets, staged: Staged, rule: Rule) -> tuple[Change, ...]:
    """Return what to stage for these servers: a rule applied on top of what is staged already."""
    changes = (_weighed(key, server, staged.get(key), rule) for key, server in servers.items())
    return tuple(change for change in changes if change is not None)


def _weighed(key: ServerKey, server: RealServer, staged: Change | None, rule: Rule) -> Change | None:
    # What is written must start from what the operator saw when the edit began.
    before, after = staged.values(RealServer) if staged else (None, None)
    seen = before or server
    weight = rule(seen, _weight(server, staged))
    if weight is None:
        return staged
    fresh = with_weight(seen, max(0, min(INT_MAX, weight)))
    after = replace(after or seen, weight=fresh.weight, resume=fresh.resume)
    return None if after == seen else change_server(key.service, seen, after)


def _weight(server: RealServer, staged: Change | None) -> int:
    return staged.after.weight if staged and isinstance(staged.after, RealServer) else server.weight


def removal(director: Director, keys: Iterable[RowKey]) -> tuple[Change, ...]:
    """Return the changes that remove rows: a service whole, a machine out of every service."""
    keys = list(keys)
    services = [key for key in keys if not isinstance(key, ServerKey | MachineKey) and key in director.pools]
    single = targets(director, (key for key in keys if isinstance(key, ServerKey | MachineKey)))
    changes: list[Change] = [
        change_server(key.service, server, None) for key, server in single.items() if key.service not in services
    ]
    for service in services:
        changes += remove_pool(director.pools[service])
    return tuple(changes)


class Destination(NamedTuple):
    """Where servers are copied to; `port` is their port there, None the one that each has here."""

    service: ServiceKey
    port: int | None = None


def destination(director: Director, text: str) -> Destination:
    """Read `SERVICE` or `SERVICE port N`, the service by name or as `tcp:192.0.2.10:443`; raises `FieldError`."""
    name, word, number = text.strip().rpartition(" port ")
    port: int | None = None
    if word:
        port = fields.number("service.port", number)
    else:
        name = text.strip()
    named = [key for key, pool in director.pools.items() if pool.service.name == name and name]
    key = named[0] if named else fields.service(name)
    if key not in director.pools:
        raise FieldError("service", f"there is no {fields.service_text(key)}; add it first")
    return Destination(key, port)


def copies(director: Director, servers: Targets, to: Destination) -> tuple[Change, ...]:
    """Return the additions that put servers into another service as well, with all that they have.

    Those that are there already are left out. A name that another server there has is not taken along.
    """
    there = director.pools[to.service].servers
    names = {server.name for server in there.values()}
    added: dict[object, Change] = {}
    for server in servers.values():
        endpoint = server.endpoint if to.port is None else server.endpoint._replace(port=to.port)
        if endpoint not in there and endpoint not in added:
            name = "" if server.name in names else server.name
            names.add(name)
            added[endpoint] = change_server(to.service, None, replace(server, endpoint=endpoint, name=name))
    return tuple(added.values())
