"""Changes and records as objects of JSON, for scripts; how the history's file holds them is in records.py."""

from __future__ import annotations

from typing import Final, NamedTuple, assert_never

from lvstui.core import fields, sysctls
from lvstui.core.attributes import DAEMON, GROUP, SERVER, SERVICE, TIMEOUTS
from lvstui.core.change import EMPTY, Change, DirectorField, Target, Value
from lvstui.core.describe import describe
from lvstui.core.fields import service_text
from lvstui.core.model import (
    AddressKey,
    Director,
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
from lvstui.core.record import Record
from lvstui.formats.equivalent import equivalent
from lvstui.formats.json import Json, Table
from lvstui.formats.records import WHAT_WORDS, time_text


class Ended(NamedTuple):
    """How a change ended: a word for scripts (None: it was not asked for), and the reason where it is not made."""

    outcome: str | None = None
    reason: str | None = None


NOT_MADE: Final = Ended()


def change_object(change: Change, director: Director = EMPTY, ended: Ended = NOT_MADE) -> Table:
    """Return a change: its object, what that leads from and to (null: nothing), and both as people write them.

    `command` has the lines that do the same without us. The names of services are those of `director`.
    """
    return {
        **target_object(change.target),
        "old": value_object(change.target, change.before),
        "new": value_object(change.target, change.after),
        "text": describe(change, director),
        "command": [*equivalent(change)],
        "outcome": ended.outcome,
        "reason": ended.reason,
    }


def target_object(target: Target) -> Table:
    """Return what a change is about: a word for its kind, and which one it is by the keys of the profile."""
    found: Table = {"what": "", "service": None, "server": None, "mark": None, "sync": None, "sysctl": None}
    match target:
        case AddressKey() | MarkKey() as key:
            return found | {"what": "service", "service": service_text(key)}
        case ServerKey(key, endpoint):
            return found | {"what": "server", "service": service_text(key), "server": fields.server_text(endpoint)}
        case MarkGroupKey(mark):
            return found | {"what": "mark", "mark": mark}
        case SyncRole():
            return found | {"what": "sync", "sync": fields.ROLE_WORDS[target]}
        case SysctlKey(name):
            return found | {"what": "sysctl", "sysctl": name}
        case DirectorField():
            return found | {"what": WHAT_WORDS[target]}
        case _:
            assert_never(target)


def value_object(target: Target, value: Value | None) -> Json:
    """Return what an object is configured as, every key of it; null for nothing."""
    match value:
        case Service():
            return {**SERVICE.table(value, whole=True)}
        case RealServer():
            return {**SERVER.table(value, whole=True)}
        case MarkGroup():
            return {**GROUP.table(value, whole=True)}
        case Timeouts():
            return {**TIMEOUTS.table(value)}
        case SyncDaemon():
            return {**DAEMON.table(value, whole=True)}
        case str() if isinstance(target, SysctlKey):
            return sysctls.number_or_text(value)
        case _:
            return value


def record_object(record: Record, director: Director) -> Table:
    """Return a record of the history; `entry` has what was done to persistence entries, a sentence each."""
    return {
        "number": record.number,
        "time": time_text(record.time),
        "user": record.user,
        "source": record.source,
        "pid": record.pid,
        "kind": record.kind.value,
        "host": record.home.host,
        "netns": record.home.netns,
        "interrupted": record.interrupted,
        "change": [change_object(change, director) for change in record.changes],
        "entry": [*record.entries],
    }
