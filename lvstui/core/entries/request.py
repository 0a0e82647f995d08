"""What an operator asks to be done with persistence entries, before it becomes edits: the questions of the dialog."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from lvstui.core import fields
from lvstui.core.describe import server_names, service_name, service_names
from lvstui.core.entries.edits import EntryEdit, Expire, Manner, Move, Pin, SetTime, check, client_text, consequences
from lvstui.core.entries.resolve import ResolvedEntry
from lvstui.core.entries.rows import resolved_entries
from lvstui.core.entries.sync_plan import spread
from lvstui.core.fields import FieldError
from lvstui.core.health.verdict import Health
from lvstui.core.model import Address, Director, Endpoint, Persistence, Pool, ServerKey, ServiceKey
from lvstui.core.observed import sum_known
from lvstui.core.snapshot import Snapshot
from lvstui.core.view.brief import compact, seen_on, server_state
from lvstui.core.view.table import Cell, Column, Tone
from lvstui.core.words import count, first_of

TARGET_COLUMNS: Final = (
    Column("server", "Real server", 27, 1, grow=1),
    Column("weight", "Weight", 6, 1, right=True),
    Column("sticky", "Entries", 7, 1, right=True),
    Column("active", "Active", 6, 2, right=True),
    Column("state", "State", 12, 1),
)

_NAMED: Final = 3
"""Services that a title names."""


class Action(Enum):
    """What is to be done."""

    EXPIRE = "expire"
    MOVE = "move"
    TIME = "set the time of"
    PIN = "pin"


class Spread(Enum):
    """The choice of all the other servers, by their weights."""

    BY_WEIGHT = "spread by weight over the other servers"


Target = Endpoint | Spread
"""Where clients are to go; an endpoint with port 0 stands for that machine, in whatever service an entry is."""


@dataclass(frozen=True, slots=True)
class EntryRequest:
    """What is to be done with these entries, or for PIN with a client of a service.

    `seconds` is how long clients stay after their last new connection, `pace` how many are moved a second (0: as fast
    as it goes).
    """

    action: Action
    chosen: tuple[ResolvedEntry, ...] = ()
    service: ServiceKey | None = None
    client: Address | None = None
    identity: str = ""
    target: Target = Spread.BY_WEIGHT
    manner: Manner = Manner.SOFT
    seconds: int = 300
    pace: float = 0.0


def pin_of(text: str, director: Director) -> EntryRequest:
    """Read `CLIENT SERVICE`, then the call id where an engine identifies clients by it; raises `FieldError`."""
    client, _, rest = text.strip().partition(" ")
    address, rest = fields.address("client", client), rest.strip()
    pools = [pool for pool in director.pools.values() if pool.service.persistence is not None]
    names = {fields.service_text(pool.service.key): pool for pool in pools}
    names |= {pool.service.name: pool for pool in pools if pool.service.name}
    found = [name for name in names if rest == name or rest.startswith(f"{name} ")]
    if not found:
        known = ", ".join(service_name(pool.service) for pool in pools)
        raise FieldError("service", f"write CLIENT SERVICE; persistent are {known}")
    name = max(found, key=len)
    service, identity = names[name].service, rest.removeprefix(name).strip()
    engine = service.engine
    if engine and not identity:
        raise FieldError(
            "client", f"{fields.visible(name)} identifies clients by {engine}: write the call id behind it"
        )
    if identity and not engine:
        raise FieldError("client", f"{fields.visible(identity)} is one word too many: write CLIENT SERVICE")
    return EntryRequest(Action.PIN, service=service.key, client=address, identity=identity)


def pin_text(resolved: ResolvedEntry, director: Director) -> str:
    """Propose an entry's own client for a pin, as `pin_of` reads it."""
    pool = director.pools.get(resolved.service) if resolved.service is not None else None
    name = (pool.service.name or fields.service_text(pool.service.key)) if pool else ""
    identity = resolved.entry.identity if resolved.entry.identity.isprintable() else ""  # bytes from the network
    return " ".join(filter(None, (str(resolved.entry.client), name, identity)))


def _services(request: EntryRequest) -> tuple[ServiceKey, ...]:
    found = [*(resolved.service for resolved in request.chosen), request.service]
    return tuple(dict.fromkeys(service for service in found if service is not None))


def _pools(snapshot: Snapshot, request: EntryRequest) -> list[Pool]:
    pools = snapshot.reading.director.pools
    return [pools[key] for key in _services(request) if key in pools]


def usual_seconds(snapshot: Snapshot, request: EntryRequest) -> int:
    """Propose the time that the services themselves set, the longest of them."""
    found = (pool.service.persistence for pool in _pools(snapshot, request))
    return max((persistence.timeout for persistence in found if persistence), default=Persistence().timeout)


def emptying(snapshot: Snapshot, place: ServerKey) -> EntryRequest:
    """Return the request that moves all clients that stick to a server to the others of its service, by weight."""
    chosen = tuple(
        resolved
        for resolved in resolved_entries(snapshot).values()
        if (resolved.service, resolved.server) == place and resolved.state != "void"
    )
    request = EntryRequest(Action.MOVE, chosen, place.service)
    return replace(request, seconds=usual_seconds(snapshot, request))


def title(snapshot: Snapshot, request: EntryRequest) -> str:
    """Return what is to be done in a line, by names: `Move 9 clients of shop away from web4`."""
    director, chosen = snapshot.reading.director, request.chosen
    if request.action is Action.PIN and request.service is not None:
        pool = director.pools.get(request.service)
        name = service_name(pool.service) if pool else fields.service_text(request.service)
        return f"Pin {request.client} of {name} to a real server"
    if len(chosen) == 1:
        who = client_text(chosen[0].entry, director)
    else:
        names = [
            fields.visible(service_names(director, key)[0]) for key in dict.fromkeys(e.service_key for e in chosen)
        ]
        who = f"{count(len(chosen), 'client')} of {first_of(names, _NAMED)}"
    return f"{request.action.value[0].upper()}{request.action.value[1:]} {who}{_away(director, request)}"


def _away(director: Director, request: EntryRequest) -> str:
    """Return the server that clients are bound to, where it is the same machine for all."""
    ends = {resolved.server or resolved.entry.server: resolved.service for resolved in request.chosen}
    if len({end.address for end in ends}) != 1:
        return ""
    names = {fields.visible(server_names(director, service, end)[0]) for end, service in ends.items()}
    name = names.pop() if len(names) == 1 else str(next(iter(ends)).address)
    return f" away from {name}" if request.action is Action.MOVE else f" on {name}"


def targets(snapshot: Snapshot, request: EntryRequest) -> Sequence[Target]:
    """List where clients can go, servers that are seen not to serve at the end; several clients can be spread."""
    pools = _pools(snapshot, request)
    if request.action not in (Action.MOVE, Action.PIN) or not pools:
        return ()
    ends = dict.fromkeys(endpoint for pool in pools for endpoint in pool.servers)
    found = ends if len(pools) == 1 else dict.fromkeys(Endpoint(end.address, 0) for end in ends)
    left = {resolved.entry.server.address for resolved in request.chosen}
    only = [endpoint for endpoint in found if len(left) != 1 or endpoint.address not in left]
    troubled = [endpoint for endpoint in only if _is_troubled(snapshot, pools, endpoint)]
    well = [endpoint for endpoint in only if endpoint not in troubled]
    spreads = len(request.chosen) > 1 and len(well) > 1
    return [*([Spread.BY_WEIGHT] if spreads else []), *well, *troubled]


def _is_troubled(snapshot: Snapshot, pools: Sequence[Pool], target: Endpoint) -> bool:
    """Return whether a target is seen not to serve, in any of the services."""
    ends = ((pool.service.key, _find(pool, target)) for pool in pools)
    return any(end is not None and ServerKey(key, end) in snapshot.health for key, end in ends)


def target_cells(snapshot: Snapshot, request: EntryRequest, target: Target) -> tuple[Cell, ...]:
    """Return the cells of one choice, one for each of TARGET_COLUMNS."""
    if isinstance(target, Spread):
        return (Cell(target.value, Tone.STRONG), *[Cell("")] * 4)
    places = [
        (ServerKey(pool.service.key, endpoint), pool.servers[endpoint])
        for pool in _pools(snapshot, request)
        if (endpoint := _find(pool, target)) is not None
    ]
    if not places:
        return (Cell(str(target.address)), *[Cell("")] * 3, Cell("gone", Tone.BAD))
    server, seen = places[0][1], [seen_on(snapshot, place) for place, _ in places]
    verdicts = [snapshot.health[place] for place, _ in places if place in snapshot.health]
    text = fields.server_text(target) if target.port else str(target.address)
    sticky = sum_known(one.sticky for one in seen)
    return (
        Cell(f"{server.name} {text}" if server.name else text),
        Cell("-".join(dict.fromkeys(str(server.weight) for _, server in places))),
        Cell("" if sticky is None else compact(sticky)),
        Cell(compact(sum(one.active for one in seen))),
        server_state(server, seen[0], verdicts[0] if verdicts else None),
    )


def _find(pool: Pool, target: Endpoint) -> Endpoint | None:
    """Find a target in a service: as it stands, or the first server at its address."""
    if target in pool.servers:
        return target
    return next((endpoint for endpoint in pool.servers if endpoint.address == target.address), None)


def edits(snapshot: Snapshot, request: EntryRequest) -> tuple[EntryEdit, ...]:
    """Return the edits that a request comes down to; raises `FieldError` where none of them is possible.

    Of many entries those that cannot be edited, or need not be, are left out.
    """
    good: list[EntryEdit] = []
    first: FieldError | None = None
    for edit in _edits(snapshot, request):
        try:
            check(edit, snapshot.reading.director)
        except FieldError as error:
            first = first or error
        else:
            good.append(edit)
    if not good:
        raise first or FieldError("server", "there is no other server to go to")
    return tuple(good)


def _edits(snapshot: Snapshot, request: EntryRequest) -> Iterator[EntryEdit]:
    match request.action:
        case Action.EXPIRE:
            yield from (Expire(resolved.entry, request.manner) for resolved in request.chosen)
        case Action.TIME:
            yield from (SetTime(resolved.entry, request.seconds) for resolved in request.chosen)
        case Action.PIN:
            for pool in _pools(snapshot, request):
                if request.client is not None and not isinstance(request.target, Spread):
                    engine = pool.service.engine
                    key, client, seconds = pool.service.key, request.client, request.seconds
                    yield Pin(key, client, request.target, seconds, engine, request.identity)
        case Action.MOVE:
            for pool in _pools(snapshot, request):
                yield from _moves(pool, request, snapshot.health)


def _moves(pool: Pool, request: EntryRequest, health: Health) -> Iterator[EntryEdit]:
    entries = [resolved.entry for resolved in request.chosen if resolved.service == pool.service.key]
    if isinstance(request.target, Spread):
        left = {resolved.entry.server.address for resolved in request.chosen}
        others = [
            server
            for end, server in pool.servers.items()
            if (len(left) != 1 or end.address not in left) and ServerKey(pool.service.key, end) not in health
        ]
        goals: Sequence[Endpoint] = spread(len(entries), others)
    else:
        goal = _find(pool, request.target)
        goals = [goal] * len(entries) if goal is not None else ()
    for entry, endpoint in zip(entries, goals, strict=False):
        yield Move(entry, endpoint, request.seconds, request.manner)


def lines(snapshot: Snapshot, request: EntryRequest) -> list[str]:
    """Return what will happen, or why nothing can."""
    try:
        found = edits(snapshot, request)
    except FieldError as error:
        return [f"not possible: {error.sentence}"]
    children = sum(resolved.children for resolved in request.chosen)
    sure = all(resolved.sure for resolved in request.chosen)
    sentences = consequences(found, snapshot.reading.director, children, sure, snapshot.health)
    left_out = max(1, len(request.chosen)) - len(found)
    if left_out:
        sentences.insert(0, f"{left_out} of {len(request.chosen)} are left out: they need no edit, or cannot be edited")
    return sentences


def alternatives(snapshot: Snapshot, address: Address) -> list[str]:
    """Return what the settings would do with all entries of one server, instead of moving them one by one."""
    sysctl = snapshot.reading.director.sysctl
    quiescent, nodest = sysctl.get("expire_quiescent_template"), sysctl.get("expire_nodest_conn")
    if quiescent is None and nodest is None:
        return []
    return [
        f"other ways, for all clients on {address}:",
        f"expire_quiescent_template {quiescent or '?'}: with 1 and weight 0 clients are scheduled again at their next "
        "connection; open ones stay",
        f"expire_nodest_conn {nodest or '?'}: with 1, deleting the server ends its entries and connections in 0.2 s; "
        "with 0 they stay, and become void once their client connects",
    ]
