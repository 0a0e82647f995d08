"""A record of the history as one line of JSON and back, with the profile's names; defaults are left out as there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, TypeAlias, TypeVar, assert_never

from lvstui.core import fields
from lvstui.core.attributes import DAEMON, GROUP, SERVER, SERVICE, TIMEOUTS
from lvstui.core.change import Change, DirectorField, Target, Value
from lvstui.core.model import (
    AddressKey,
    Director,
    Home,
    MarkGroup,
    MarkGroupKey,
    MarkKey,
    RealServer,
    ServerKey,
    Service,
    SyncDaemon,
    SyncRole,
    SysctlKey,
    Timeouts,
)
from lvstui.core.record import Kind, Record
from lvstui.formats.profile.flaws import ProfileError
from lvstui.formats.profile.reader import read_document
from lvstui.formats.profile.write import FORMAT

Table: TypeAlias = Mapping[str, object]

_T = TypeVar("_T")


class Unreadable(ValueError):
    """A line that is no record."""


class Unknown(Unreadable):
    """A document, but none that this lvstui takes for a record: a newer one may have written it."""


def dump(record: Record) -> str:
    """Write a record as a line of JSON in ASCII, without the end of the line."""
    return json.dumps(table(record), separators=(",", ":"))


def renumber(line: str, number: int) -> str:
    """Return the line of a record with another number, which is what it begins with."""
    return f'{{"number":{number}{line[line.index(",") :]}'


def table(record: Record) -> Table:
    """Name what a record holds as the file does."""
    return {
        "number": record.number,
        "time": time_text(record.time),
        "user": record.user,
        "source": record.source,
        "pid": record.pid,
        "kind": record.kind.value,
        "changes": [change_table(change) for change in record.changes],
        **({"entries": list(record.entries)} if record.entries else {}),
        **({"host": record.home.host} if record.home.host else {}),
        **({"netns": record.home.netns} if record.home.netns else {}),
        **({"interrupted": True} if record.interrupted else {}),
    }


def time_text(time: datetime) -> str:
    """Write a moment as UTC to the millisecond: `2026-11-22T12:30:05.123Z`."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def change_table(change: Change) -> Table:
    """Name what a change is about, and what it leads from and to; null is nothing."""
    return {**target_table(change.target), "old": _value_table(change.before), "new": _value_table(change.after)}


def target_table(target: Target) -> Table:
    """Name what an edit is about."""
    match target:
        case AddressKey() | MarkKey() as key:
            return {"what": "service", "service": fields.service_text(key)}
        case ServerKey(key, endpoint):
            return {"what": "server", "service": _service_text(key), "server": fields.server_text(endpoint)}
        case MarkGroupKey(mark):
            return {"what": "mark", "mark": mark}
        case SyncRole():
            return {"what": "sync"}  # the role stands in the daemon's own table
        case SysctlKey(name):
            return {"what": "sysctl", "sysctl": name}
        case DirectorField():
            return {"what": WHAT_WORDS[target]}
        case _:
            assert_never(target)


WHAT_WORDS: Final = {
    DirectorField.NAME: "director",
    DirectorField.TIMEOUTS: "timeouts",
    DirectorField.SYNC: "manage_sync",
}

_service_text: Final = lru_cache(maxsize=1)(fields.service_text)
"""The servers of one service follow each other in a large change."""


def _value_table(value: Value | None) -> Table | str | bool | None:
    """Write a value as the profile does, without what the target says already."""
    match value:
        case Service():
            found = SERVICE.table(value)
        case RealServer():
            found = SERVER.table(value)
        case MarkGroup():
            found = GROUP.table(value)
        case Timeouts():
            found = TIMEOUTS.table(value)
        case SyncDaemon():
            found = DAEMON.table(value)
        case _:
            return value
    return {name: raw for name, raw in found.items() if name not in ("service", "server", "mark")}


def load(line: str | bytes) -> Record:
    """Read a record; raises `Unreadable`, `Unknown` for a document of another lvstui."""
    try:
        document = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise Unreadable(str(error)) from error
    try:
        return _record(document)
    except (ValueError, KeyError, TypeError, ProfileError, RecursionError, OverflowError) as error:
        raise (Unknown if isinstance(document, dict) else Unreadable)(str(error)) from error


def _record(document: Table) -> Record:
    return Record(
        number=_typed(int, document["number"]),
        time=read_time(_typed(str, document["time"])),
        user=_typed(str, document["user"]),
        source=_typed(str, document["source"]),
        pid=_typed(int, document["pid"]),
        kind=Kind(document["kind"]),
        changes=tuple(map(_change, _typed(list, document["changes"], "changes: "))),
        entries=tuple(_typed(str, text) for text in _typed(list, document.get("entries", []), "entries: ")),
        home=Home(_typed(str, document.get("host", "")), _typed(str, document.get("netns", ""))),
        interrupted=document.get("interrupted") is True,
    )


def read_time(text: str) -> datetime:
    """Read a time in UTC. Raises ValueError, also at the ends of the calendar: such a time exists in no other zone."""
    time = datetime.fromisoformat(text)
    if not datetime.min.year < time.year < datetime.max.year:
        raise ValueError("time: the year must be from 2 to 9998")
    return time.astimezone(UTC)


def _typed(kind: type[_T], value: object, where: str = "") -> _T:
    if not isinstance(value, kind):
        raise TypeError(f"{where}must be {_KINDS[kind]}")
    return value


_KINDS: Final[Mapping[type, str]] = {str: "text", int: "a whole number", list: "a list", dict: "tables"}


def _change(table: Table) -> Change:
    old, new = table["old"], table["new"]
    if old is None and new is None:
        raise ValueError("old, new: one of the two must be there")
    before, after = _value(table, old), _value(table, new)
    match table["what"]:
        case "service":
            target: Target = fields.service(_typed(str, table["service"]))
        case "server":
            target = ServerKey(
                fields.service(_typed(str, table["service"])), fields.server(_typed(str, table["server"]))
            )
        case "mark":
            target = MarkGroupKey(_typed(int, table["mark"]))
        case "sync":
            daemon = after or before
            target = daemon.role if isinstance(daemon, SyncDaemon) else SyncRole.MASTER
        case "sysctl":
            target = SysctlKey(_typed(str, table["sysctl"]))
        case what:
            target = next(field for field, word in WHAT_WORDS.items() if word == what)
    return Change(target, before, after)


def _value(table: Table, part: object) -> Value | None:
    """Read what a change led from or to, as the profile's reader understands it."""
    if part is None:
        return None
    match table["what"]:
        case "service":
            (pool,) = _part(service=[{**_typed(dict, part, "old, new: "), "service": table["service"]}]).pools.values()
            return pool.service
        case "server":
            servers = [{**_typed(dict, part, "old, new: "), "server": table["server"]}]
            (pool,) = _part(service=[{"service": table["service"], "server": servers}]).pools.values()
            return next(iter(pool.servers.values()))
        case "mark":
            return next(iter(_part(mark=[{**_typed(dict, part, "old, new: "), "mark": table["mark"]}]).groups.values()))
        case "timeouts":
            return _part(timeouts=part).timeouts
        case "sync":
            return next(iter(_part(sync=[part]).daemons.values()))
        case "sysctl" | "director":
            return _typed(str, part)
        case "manage_sync":
            return part is True
        case other:
            raise ValueError(f"what: {other} is not known")


def _part(**part: object) -> Director:
    return read_document({"format": FORMAT, **part})
