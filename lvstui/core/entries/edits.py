"""Edits of persistence entries as values, and what became of each; entries are observation and never saved."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from lvstui.core.model import Address, Endpoint, ServiceKey
from lvstui.core.observed import Entry


class Manner(Enum):
    """What happens to the connections that an entry controls: kept while they are active, or reset at once."""

    SOFT = "soft"
    KILL = "kill"


@dataclass(frozen=True, slots=True)
class Expire:
    """Let an entry run out now: its client's next connection is scheduled freely."""

    entry: Entry
    manner: Manner = Manner.SOFT


@dataclass(frozen=True, slots=True)
class Pin:
    """Bind a client, which has no entry there, to a real server for `seconds` after its last new connection.

    `service` is the configured service and `server` the configured endpoint; `client` is masked as the service says.
    """

    service: ServiceKey
    client: Address
    server: Endpoint
    seconds: int
    engine: str = ""
    identity: str = ""


@dataclass(frozen=True, slots=True)
class Move:
    """Let an entry run out, wait until it is gone, and bind its client to another real server, told as configured."""

    entry: Entry
    server: Endpoint
    seconds: int
    manner: Manner = Manner.SOFT


@dataclass(frozen=True, slots=True)
class SetTime:
    """Start an entry's timer anew with so many seconds; each new connection of the client starts it anew with them."""

    entry: Entry
    seconds: int


EntryEdit: TypeAlias = Expire | Pin | Move | SetTime


class Outcome(Enum):
    """What was seen after an edit."""

    DONE = "done"
    BUSY = "busy"
    REFUSED = "refused"
    OVERTAKEN = "overtaken"
    UNVERIFIED = "unverified"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class EntryReport:
    """What became of one edit of an entry, verified by reading the kernel back.

    `sentence` tells it for people (`10.1.0.10 is on 10.0.0.12:80 now, bound`). `after` is the entry that was read back,
    None where there is none or none was found in time.
    """

    edit: EntryEdit
    outcome: Outcome
    sentence: str
    after: Entry | None = None


def told_of(report: EntryReport) -> str:
    """Write what became of an edit in a line for the history: `move: 10.1.0.10 of shop is on web2 now, bound`."""
    word = {Expire: "expire", Pin: "pin", Move: "move", SetTime: "time"}[type(report.edit)]
    outcome = "" if report.outcome is Outcome.DONE else f"{report.outcome.value}: "
    return f"{word}: {outcome}{report.sentence}"
