"""What an operator wants done with persistence entries, before it becomes edits: the questions of the dialog."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from lvstui.core import fields
from lvstui.core.describe import service_name
from lvstui.core.entries.edits import EntryEdit, Expire, Manner, Move, Pin, SetTime, check, client_text, consequences
from lvstui.core.entries.resolve import ResolvedEntry
from lvstui.core.entries.sync_plan import spread
from lvstui.core.fields import FieldError
from lvstui.core.model import Address, Director, Endpoint, Persistence, Pool, ServerKey, ServiceKey
from lvstui.core.snapshot import Snapshot
from lvstui.core.view.brief import compact, seen_on, server_state
from lvstui.core.view.table import Cell, Column, Tone

TARGET_COLUMNS: Final = (
    Column("server", "Real server", 30, 1, grow=1),
    Column("weight", "Weight", 6, 1, right=True),
    Column("sticky", "Entries", 7, 1, right=True),
    Column("active", "Active", 6, 2, right=True),
    Column("state", "State", 5, 1),
)

_NAMED: Final = 3
"""Entries that a title names."""


class Deed(Enum):
    """What is to be done."""

    EXPIRE = "expire"
    MOVE = "move"
    TIME = "set the time of"
    PIN = "pin"


class Spread(Enum):
    """Stands for the choice of all the other servers, by their weights."""

    BY_WEIGHT = "spread by weight over the other servers"


Target = Endpoint | Spread
"""Where clients are to go; an endpoint with port 0 stands for that machine, in whatever service an entry is."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is wanted: of these entries, or for PIN of a client of a service.

    `seconds` is how long clients stay after their last new connection, `pace` how many are moved a second (0: as fast
    as it goes).
    """

    deed: Deed
    chosen: tuple[ResolvedEntry, ...] = ()
    service: ServiceKey | None = None
    client: Address | None = None
    identity: str = ""
    target: Target = Spread.BY_WEIGHT
    manner: Manner = Manner.SOFT
    seconds: int = 300
    pace: float = 0.0


def pin_of(text: str, director: Director) -> Wish:
    """Read `CLIENT SERVICE`, and behind them the call id where an engine tells clients by it; raises `FieldError`."""
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
    engine = service.persistence.engine if service.persistence else ""
    if engine and not identity:
        raise FieldError("client", f"{fields.visible(name)} tells clients by {engine}: write the call id behind it")
    if identity and not engine:
        raise FieldError("client", f"{fields.visible(identity)} is one word too many: write CLIENT SERVICE")
    return Wish(Deed.PIN, service=service.key, client=address, identity=identity)


def pin_text(resolved: ResolvedEntry, director: Director) -> str:
    """Propose an entry's own client for a pin, as `pin_of` reads it."""
    pool = director.pools.get(resolved.service) if resolved.service is not None else None
    name = (pool.service.name or fields.service_text(pool.service.key)) if pool else ""
    identity = resolved.entry.identity if resolved.entry.identity.isprintable() else ""  # bytes from the network
    return " ".join(filter(None, (str(resolved.entry.client), name, identity)))


def services(wish: Wish) -> tuple[ServiceKey, ...]:
    """Name the services that a wish is about."""
    found = [resolved.service for resolved in wish.chosen if resolved.service is not None]
    return tuple(dict.fromkeys([*found, *([wish.service] if wish.service is not None else [])]))


def usual_seconds(snapshot: Snapshot, wish: Wish) -> int:
    """Propose the time that the services themselves give, the longest of them."""
    pools = (snapshot.reading.director.pools.get(key) for key in services(wish))
    times = [pool.service.persistence.timeout for pool in pools if pool and pool.service.persistence]
    return max(times, default=Persistence().timeout)


def title(snapshot: Snapshot, wish: Wish) -> str:
    """Say what is to be done, naming the first entries."""
    director = snapshot.reading.director
    if wish.deed is Deed.PIN and wish.service is not None:
        pool = director.pools.get(wish.service)
        name = service_name(pool.service) if pool else fields.service_text(wish.service)
        return f"Pin {wish.client} of {name} to a real server"
    names = [client_text(resolved.entry, director) for resolved in wish.chosen[:_NAMED]]
    more = len(wish.chosen) - len(names)
    text = ", ".join(names) + (f" and {more} more" if more else "")
    return f"{wish.deed.value[0].upper()}{wish.deed.value[1:]} {text}"


def targets(snapshot: Snapshot, wish: Wish) -> Sequence[Target]:
    """List where clients can go; several clients can be spread."""
    keys = services(wish)
    pools = [snapshot.reading.director.pools[key] for key in keys if key in snapshot.reading.director.pools]
    if wish.deed not in (Deed.MOVE, Deed.PIN) or not pools:
        return ()
    found: dict[Endpoint, None] = {}
    for pool in pools:
        for endpoint in pool.servers:
            found[endpoint if len(pools) == 1 else Endpoint(endpoint.address, 0)] = None
    left = {resolved.entry.server.address for resolved in wish.chosen}
    only = [endpoint for endpoint in found if len(left) != 1 or endpoint.address not in left]
    return [*([Spread.BY_WEIGHT] if len(wish.chosen) > 1 and len(only) > 1 else []), *only]


def target_cells(snapshot: Snapshot, wish: Wish, target: Target) -> tuple[Cell, ...]:
    """Return the cells of one choice, one for each of TARGET_COLUMNS."""
    if isinstance(target, Spread):
        return (Cell(target.value, Tone.STRONG), Cell(""), Cell(""), Cell(""), Cell(""))
    places = []
    for key in services(wish):
        pool = snapshot.reading.director.pools.get(key)
        endpoint = resolved(pool, target) if pool else None
        if pool is not None and endpoint is not None:
            places.append((pool.servers[endpoint], seen_on(snapshot, ServerKey(key, endpoint))))
    if not places:
        return (Cell(str(target.address)), Cell(""), Cell(""), Cell(""), Cell("gone", Tone.BAD))
    server, seen = places[0]
    text = fields.server_text(target) if target.port else str(target.address)
    return (
        Cell(f"{server.name} {text}" if server.name else text),
        Cell("-".join(dict.fromkeys(str(server.weight) for server, _ in places))),
        Cell(compact(sum(server.sticky for _, server in places))),
        Cell(compact(sum(server.active for _, server in places))),
        server_state(server, seen),
    )


def resolved(pool: Pool, target: Endpoint) -> Endpoint | None:
    """Find a target in a service: as it stands, or the first server at its address."""
    if target in pool.servers:
        return target
    return next((endpoint for endpoint in pool.servers if endpoint.address == target.address), None)


def edits(snapshot: Snapshot, wish: Wish) -> tuple[EntryEdit, ...]:
    """Return the edits that a wish comes down to; raises `FieldError` where none of them can be made.

    Of many entries those that cannot be edited, or need not be, are left out.
    """
    good: list[EntryEdit] = []
    first: FieldError | None = None
    for edit in _edits(snapshot, wish):
        try:
            check(edit, snapshot.reading.director)
        except FieldError as error:
            first = first or error
        else:
            good.append(edit)
    if not good:
        raise first or FieldError("server", "there is no other server to go to")
    return tuple(good)


def _edits(snapshot: Snapshot, wish: Wish) -> Iterator[EntryEdit]:
    match wish.deed:
        case Deed.EXPIRE:
            yield from (Expire(resolved.entry, wish.manner) for resolved in wish.chosen)
        case Deed.TIME:
            yield from (SetTime(resolved.entry, wish.seconds) for resolved in wish.chosen)
        case Deed.PIN:
            yield from _pins(snapshot, wish)
        case Deed.MOVE:
            yield from _moves(snapshot, wish)


def _pins(snapshot: Snapshot, wish: Wish) -> Iterator[EntryEdit]:
    pool = snapshot.reading.director.pools.get(wish.service) if wish.service is not None else None
    if pool is None or wish.client is None or isinstance(wish.target, Spread):
        return
    engine = pool.service.persistence.engine if pool.service.persistence else ""
    yield Pin(pool.service.key, wish.client, wish.target, wish.seconds, engine, wish.identity)


def _moves(snapshot: Snapshot, wish: Wish) -> Iterator[EntryEdit]:
    left = {resolved.entry.server.address for resolved in wish.chosen}
    for key in services(wish):
        pool = snapshot.reading.director.pools.get(key)
        entries = [resolved.entry for resolved in wish.chosen if resolved.service == key]
        if pool is None:
            continue
        if isinstance(wish.target, Spread):
            others = [server for end, server in pool.servers.items() if len(left) != 1 or end.address not in left]
            goals: Sequence[Endpoint] = spread(len(entries), others)
        else:
            goal = resolved(pool, wish.target)
            goals = [goal] * len(entries) if goal is not None else ()
        for entry, endpoint in zip(entries, goals, strict=False):
            yield Move(entry, endpoint, wish.seconds, wish.manner)


def lines(snapshot: Snapshot, wish: Wish) -> list[str]:
    """Return what will happen, or why nothing can."""
    try:
        found = edits(snapshot, wish)
    except FieldError as error:
        return [f"not possible: {error.sentence}"]
    children = sum(resolved.children for resolved in wish.chosen)
    sure = all(resolved.sure for resolved in wish.chosen)
    said = consequences(found, snapshot.reading.director, children, sure)
    left_out = max(1, len(wish.chosen)) - len(found)
    if left_out:
        said.insert(0, f"{left_out} of {len(wish.chosen)} are left out: they need no edit, or cannot be edited")
    return said


def alternatives(snapshot: Snapshot, address: Address) -> list[str]:
    """Explain what the settings would do with all entries of one server, beside moving them one by one."""
    sysctl = snapshot.reading.director.sysctl
    quiescent, nodest = sysctl.get("expire_quiescent_template"), sysctl.get("expire_nodest_conn")
    told_lines = [
        f"beside this, for everybody on {address}:",
        f"expire_quiescent_template {quiescent or '?'}: with 1 and weight 0 clients are scheduled anew at their next "
        "connection; open ones stay",
        f"expire_nodest_conn {nodest or '?'}: with 1, deleting the server ends its entries and connections in 0.2 s; "
        "with 0 they stay, and are void once their client comes",
    ]
    return told_lines if quiescent is not None or nodest is not None else []
