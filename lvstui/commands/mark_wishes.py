"""What `lvstui mark add` and `mark delete` want changed: from words and the present director to changes."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator, Sequence
from dataclasses import replace

from lvstui.commands.status import Failure
from lvstui.core import fields
from lvstui.core.attributes import SERVICE
from lvstui.core.change import Change, change_group, change_server, remove_pool
from lvstui.core.fields import FieldError, visible
from lvstui.core.marks import edits as mark_edits
from lvstui.core.model import Director, Endpoint, Family, MarkGroup, MarkKey, Persistence, RealServer, Selector, Service
from lvstui.core.selectors import selector, selector_text, several_ports


def changes(options: Namespace, director: Director) -> tuple[Change, ...]:
    """Return the changes that the command asks for; raises `Failure` and `FieldError`."""
    mark = _mark(options.mark, director)
    matches = tuple(selector(text) for text in options.match)
    return (
        _add(mark, matches, options, director) if options.edit == "add" else _delete(mark, matches, options, director)
    )


def _mark(text: str, director: Director) -> int:
    """Read a mark, or find the group of that name."""
    found = [group.mark for group in director.groups.values() if group.name == text]
    return found[0] if len(found) == 1 else fields.number("mark", text)


def _add(mark: int, matches: tuple[Selector, ...], options: Namespace, director: Director) -> tuple[Change, ...]:
    """Add a group with its services, or add packets to a group that there is."""
    held = director.groups.get(mark)
    before = held.selectors if held else ()
    name = (held.name if held else "") if options.name is None else fields.label("name", options.name)
    group = MarkGroup(mark, (*before, *(match for match in matches if match not in before)), name)
    if options.rules_only:
        return () if group == held else (change_group(held, group),)
    servers = _servers(options)
    service = Service(
        MarkKey(mark, Family.IPV4),
        scheduler=fields.scheduler(options.scheduler or "wlc"),
        persistence=_persistence(options.persistence, group),
        name=name,
    )
    return (*_join(mark, servers, options, director), *mark_edits.create_group(group, service, servers, director))


def _join(mark: int, servers: Sequence[RealServer], options: Namespace, director: Director) -> Iterator[Change]:
    """Add servers to the services on the mark that are there already, which stay otherwise as they are."""
    for family in Family:
        pool = director.pools.get(MarkKey(mark, family))
        if pool is None:
            continue
        where = fields.service_text(pool.service.key)
        if options.scheduler is not None or options.persistence is not None:
            raise Failure(f"{where} is there already; `lvstui set {where} scheduler=... timeout=...` edits it")
        for server in servers:
            if Family.of(server.endpoint.address) is family and server.endpoint not in pool.servers:
                yield change_server(pool.service.key, None, server)


def _persistence(text: str | None, group: MarkGroup) -> Persistence | None:
    """Read seconds of persistence, 0 for none; a group of several ports needs some, so it is proposed them."""
    if text is None:
        return Persistence(mark_edits.PERSISTENCE) if several_ports(group.selectors) else None
    seconds = SERVICE.number("persistence.timeout", text) if text != "0" else 0
    return Persistence(seconds) if seconds else None


def _servers(options: Namespace) -> Sequence[RealServer]:
    """Read servers; IPVS keeps ports as they are on a mark, so a server without a port has port 0."""
    forwarding = fields.forwarding(options.forwarding)
    return [RealServer(_endpoint(text), forwarding) for text in options.server]


def _endpoint(text: str) -> Endpoint:
    try:
        return Endpoint(fields.address("server", text), 0)
    except FieldError:
        return fields.server(text)


def _delete(mark: int, matches: tuple[Selector, ...], options: Namespace, director: Director) -> tuple[Change, ...]:
    """Take packets out of a group, or all of them, and on demand the services on its mark with them."""
    held = director.groups.get(mark)
    pools = [pool for family in Family if (pool := director.pools.get(MarkKey(mark, family)))]
    if held is None and not (pools and options.services):
        raise Failure(f"our table has no group with mark {mark}; `lvstui show marks` lists them")
    for match in matches:
        if held is None or match not in held.selectors:
            raise Failure(f"mark {mark} is not given to {visible(selector_text(match))}; `lvstui show marks` lists it")
    kept = tuple(selector for selector in held.selectors if selector not in matches) if held and matches else ()
    if kept and options.services:
        raise Failure("--services is for a whole group; leave it out to take some of its packets away")
    rules = (change_group(held, replace(held, selectors=kept) if kept else None),) if held else ()
    removed = (change for pool in pools for change in remove_pool(pool)) if options.services else ()
    return (*rules, *removed)
