"""A record of the history as one line of JSON and back, with the profile's names; defaults are left out as there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, TypeAlias, assert_never

from lvstui.core import fields
from lvstui.core.change import (
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
from lvstui.core.model import Director, MarkGroup, RealServer, Service, SyncDaemon, SyncRole, Timeouts
from lvstui.core.record import Kind, Record
from lvstui.formats.profile.flaws import ProfileError
from lvstui.formats.profile.read import parsed
from lvstui.formats.profile.write import FORMAT, mark_table, server_table, service_table, sync_table

Table: TypeAlias = Mapping[str, object]


class Unreadable(ValueError):
    """A line that is no record, or one of a newer lvstui."""


def dump(record: Record) -> str:
    """Write a record as a line of JSON in ASCII, without the end of the line."""
    return json.dumps(table(record), separators=(",", ":"))


def table(record: Record) -> Table:
    """Name what a record holds as the file does."""
    return {
        "number": record.number,
        "time": record.time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "user": record.user,
        "source": record.source,
        "pid": record.pid,
        "kind": record.kind.value,
        "changes": [_change_table(change) for change in record.changes],
        **({"entries": list(record.entries)} if record.entries else {}),
    }


def _change_table(change: Change) -> Table:
    match change:
        case ServiceChange(before, after):
            where: Table = {"what": "service", "service": fields.service_text(change.key)}
            was, now = service_table(before) if before else None, service_table(after) if after else None
            return {**where, "old": _without(was, "service"), "new": _without(now, "service")}
        case ServerChange(key, old, new):
            was, now = server_table(old) if old else None, server_table(new) if new else None
            where = {"what": "server", "service": _service_text(key), "server": (now or was or {})["server"]}
            return {**where, "old": _without(was, "server"), "new": _without(now, "server")}
        case MarkChange(group, changed):
            told, tells = mark_table(group) if group else None, mark_table(changed) if changed else None
            return {"what": "mark", "mark": change.mark, "old": _without(told, "mark"), "new": _without(tells, "mark")}
        case TimeoutsChange(timeouts, others):
            return {"what": "timeouts", "old": _timeouts_table(timeouts), "new": _timeouts_table(others)}
        case SyncChange(daemon, other):
            return {"what": "sync", "old": daemon and sync_table(daemon), "new": other and sync_table(other)}
        case SysctlChange(name, value, wanted):
            return {"what": "sysctl", "sysctl": name, "old": value, "new": wanted}
        case ManageSync(managed, manage):
            return {"what": "manage_sync", "old": managed, "new": manage}
        case DirectorName(called, name):
            return {"what": "director", "old": called, "new": name}
        case _:
            assert_never(change)


_service_text: Final = lru_cache(maxsize=1)(fields.service_text)
"""The servers of one service follow each other in a large change."""


def _without(told: Table | None, key: str) -> Table | None:
    return None if told is None else {name: value for name, value in told.items() if name != key}


def _timeouts_table(timeouts: Timeouts | None) -> Table | None:
    if timeouts is None:
        return None
    return {"tcp": timeouts.tcp, "tcp_fin": timeouts.tcp_fin, "udp": timeouts.udp}


def load(line: str | bytes) -> Record:
    """Read a record; raises `Unreadable`."""
    try:
        return _record(json.loads(line))
    except (ValueError, KeyError, TypeError, ProfileError, RecursionError) as error:
        raise Unreadable(str(error)) from error


def _record(document: Table) -> Record:
    changes = document["changes"]
    if not isinstance(changes, list):
        raise TypeError("changes: must be a list")
    return Record(
        number=_number(document["number"]),
        time=datetime.fromisoformat(_text(document["time"])).astimezone(UTC),
        user=_text(document["user"]),
        source=_text(document["source"]),
        pid=_number(document["pid"]),
        kind=Kind(document["kind"]),
        changes=tuple(_change(change) for change in changes),
        entries=tuple(map(_text, _list(document.get("entries", [])))),
    )


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise TypeError("entries: must be a list")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("must be text")
    return value


def _text_or_none(value: object) -> str | None:
    return None if value is None else _text(value)


def _number(value: object) -> int:
    if not isinstance(value, int):
        raise TypeError("must be a whole number")
    return value


def _change(change: Table) -> Change:
    old, new = change["old"], change["new"]
    if old is None and new is None:
        raise ValueError("old, new: one of the two must be there")
    match change["what"]:
        case "service":
            key = _text(change["service"])
            return ServiceChange(_service(key, old), _service(key, new))
        case "server":
            key, server = _text(change["service"]), _text(change["server"])
            return ServerChange(fields.service(key), _server(key, server, old), _server(key, server, new))
        case "mark":
            return MarkChange(_group(change["mark"], old), _group(change["mark"], new))
        case "timeouts":
            return TimeoutsChange(_timeouts(old), _timeouts(new))
        case "sync":
            return SyncChange(_daemon(old), _daemon(new))
        case "sysctl":
            return SysctlChange(_text(change["sysctl"]), _text_or_none(old), _text_or_none(new))
        case "manage_sync":
            return ManageSync(old is True, new is True)
        case "director":
            return DirectorName(_text(old), _text(new))
        case other:
            raise ValueError(f"what: {other} is not known")


_FORMAT: Final[Table] = {"format": FORMAT}


def _part(**part: object) -> Director:
    return parsed({**_FORMAT, **part})


def _object(value: object) -> Table:
    if not isinstance(value, dict):
        raise TypeError("old, new: must be tables")
    return value


def _service(key: str, told: object) -> Service | None:
    if told is None:
        return None
    (pool,) = _part(service=[{**_object(told), "service": key}]).pools.values()
    return pool.service


def _server(key: str, at: str, told: object) -> RealServer | None:
    if told is None:
        return None
    (pool,) = _part(service=[{"service": key, "server": [{**_object(told), "server": at}]}]).pools.values()
    (server,) = pool.servers.values()
    return server


def _group(mark: object, told: object) -> MarkGroup | None:
    if told is None:
        return None
    groups = _part(mark=[{**_object(told), "mark": mark}]).marks or {}
    return next(iter(groups.values()))


def _timeouts(told: object) -> Timeouts | None:
    return None if told is None else _part(timeouts=told).timeouts


def _daemon(told: object) -> SyncDaemon | None:
    if told is None:
        return None
    daemons = _part(sync=[told]).sync or {}
    return next((daemons[role] for role in SyncRole if role in daemons), None)
