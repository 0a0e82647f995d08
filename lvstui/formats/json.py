"""A director and what was counted on it as JSON: the profile's field names, every field always there."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from json import JSONEncoder
from types import GeneratorType
from typing import Final, TypeAlias, TypeGuard

from lvstui.core import sysctls
from lvstui.core.attributes import DAEMON, GROUP, SERVER, SERVICE, TIMEOUTS
from lvstui.core.model import Director, Pool, ServerKey
from lvstui.core.observed import Reading, ServerStats, Stats
from lvstui.core.services.states import NO_STATES, State, States, states
from lvstui.core.snapshot import Snapshot

Json: TypeAlias = "str | int | float | bool | Sequence[Json] | Generator[Json] | Mapping[str, Json] | None"
"""A value of a document; a list may be a generator, whose items come into being when they are written."""
Table: TypeAlias = dict[str, Json]

_encode: Final = JSONEncoder(check_circular=False).encode


def pieces(document: object, margin: str = "") -> Iterator[str]:
    """Yield a document as JSON, bit by bit: what lists objects is spread over lines, all else within it is one line."""
    inner = f"{margin}  "
    between = f",\n{inner}"
    if isinstance(document, dict) and (not margin or _is_spread(document)):
        start = f"{{\n{inner}"
        for key, value in document.items():
            yield f"{start}{_encode(key)}: "
            yield from pieces(value, inner)
            start = between
        yield f"\n{margin}}}" if document else "{}"
    elif isinstance(document, GeneratorType):
        start = f"[\n{inner}"
        for value in document:
            yield start
            yield from pieces(value, inner)
            start = between
        yield f"\n{margin}]" if start == between else "[]"
    elif _lists_objects(document):
        if _is_spread(document[0]):  # its items are of one kind
            yield from pieces((value for value in document), margin)
        else:
            yield f"[\n{inner}{between.join(map(_encode, document))}\n{margin}]"
    else:
        yield _encode(document)


def _is_spread(table: Mapping[str, object]) -> bool:
    return any(isinstance(value, GeneratorType) or _lists_objects(value) for value in table.values())


def _lists_objects(value: object) -> TypeGuard[Sequence[Mapping[str, object]]]:
    return isinstance(value, (list, tuple)) and bool(value) and isinstance(value[0], dict)


def configuration(director: Director) -> Table:
    """Return everything that is configured, what a profile holds, as one document."""
    pools: Generator[Json] = (
        {
            **SERVICE.table(pool.service, whole=True),
            "server": [SERVER.table(server, whole=True) for server in pool.servers.values()],
        }
        for pool in director.pools.values()
    )
    return {**director_settings(director), "service": pools, "mark": marks(director)}


def director_settings(director: Director) -> Table:
    """Return the director's own settings as a document; null means left to the kernel."""
    return {
        "director": {"name": director.name, "host": director.home.host, "netns": director.home.netns},
        "timeouts": TIMEOUTS.table(director.timeouts) if director.timeouts else None,
        "sysctl": {name: sysctls.number_or_text(text) for name, text in director.sysctl.items()},
        "sync": None
        if director.sync is None
        else [DAEMON.table(daemon, whole=True) for daemon in director.sync.values()],
    }


def marks(director: Director) -> Json:
    """Return our groups of the packet filter as a document; null means that they are not known."""
    if director.marks is None:
        return None
    return [GROUP.table(group, whole=True) for group in director.marks.values()]


def services(snapshot: Snapshot) -> Table:
    """Return the services with their servers, what was counted and their states as a document; null is not counted."""
    reading, known = snapshot.reading, states(snapshot)
    return {"service": (observed_service(reading, pool, known) for pool in reading.director.pools.values())}


def director(reading: Reading, origin: str, profile: Director) -> Table:
    """Return the director's own settings, what it counts as a whole and the kernel's facts as a document.

    `managed` names the settings of net.ipv4.vs that the profile manages.
    """
    kernel: Table = {"origin": origin, "version": reading.info.version, "table_size": reading.info.table_size}
    return {
        "kernel": kernel,
        **director_settings(reading.director),
        "managed": [*sorted(profile.sysctl)],
        "connections": reading.connections,
        "sticky": reading.sticky,
        "table_rows": reading.rows,
        **_counters(reading.total),
        "cpu": [_counters(stats)["stats"] for stats in reading.cpus],
    }


def observed_service(reading: Reading, pool: Pool, known: States = NO_STATES) -> Table:
    """Return one service with its servers and what was counted as a document, and their states where they are known."""
    key = pool.service.key
    counted = reading.servers.get(key, {})
    lacking: Table = dict.fromkeys(("upper", "lower", "tunnel")) if reading.partial else {}
    flags: Table = {"flags": None} if reading.partial and not pool.service.flags else {}
    servers: list[Json] = [
        {
            **SERVER.table(server, whole=True),
            **lacking,
            **_observed_server(counted.get(endpoint)),
            **_state(known.get(ServerKey(key, endpoint))),
        }
        for endpoint, server in pool.servers.items()
    ]
    table = {**SERVICE.table(pool.service, whole=True), **flags, **_counters(reading.services.get(key))}
    return {**table, **_state(known.get(key)), "server": servers}


def _state(state: State | None) -> Table:
    """Return a state and what shows it, null where it follows from the rest; both null where nobody looked."""
    return {"state": state.word, "evidence": state.evidence or None} if state else {"state": None, "evidence": None}


def _observed_server(seen: ServerStats | None) -> Table:
    if seen is None:
        return {"active": None, "inactive": None, "sticky": None, **_counters(None)}
    return {"active": seen.active, "inactive": seen.inactive, "sticky": seen.sticky, **_counters(seen.stats)}


def _counters(stats: Stats | None) -> Table:
    """Return the counters, and the kernel's own estimates per second."""
    if stats is None:
        return {"stats": None, "rates": None}
    return {"stats": _numbers(*stats[:5]), "rates": _numbers(*stats[5:])}


def _numbers(connections: int, in_packets: int, out_packets: int, in_bytes: int, out_bytes: int) -> Table:
    return {
        "connections": connections,
        "in_packets": in_packets,
        "out_packets": out_packets,
        "in_bytes": in_bytes,
        "out_bytes": out_bytes,
    }
