"""A change on trial as a file: a line of fixed length, which is rewritten in place, and what never changes as JSON."""

from __future__ import annotations

import json
import re
from typing import Final

from lvstui.core.trial import Guard, Phase, Trial
from lvstui.formats.records import Unreadable, load, table

_HEAD: Final = "lvstui-trial 1 {:<8} {:<8} {:016.3f}\n"
_HEAD_FORM: Final = re.compile(rb"lvstui-trial 1 ([a-z-]+) +([a-z]+) +(\d+\.\d{3})")


def head(trial: Trial) -> bytes:
    """Write what changes of a trial: its phase, its guard and its deadline, always in as many bytes."""
    return _HEAD.format(trial.phase.value, trial.guard.value, trial.deadline).encode()


def dumps(trial: Trial) -> bytes:
    """Write a trial."""
    document = {
        **table(trial.record),
        "id": trial.id,
        "boot": trial.boot,
        "seconds": trial.seconds,
        "profile": trial.profile,
        "saves": trial.saves,
    }
    return head(trial) + json.dumps(document, separators=(",", ":")).encode() + b"\n"


def loads(content: bytes) -> Trial:
    """Read a trial; raises `Unreadable` for what is none, or not a whole one."""
    first, _, rest = content.partition(b"\n")
    found = _HEAD_FORM.fullmatch(first)
    if found is None or not rest.endswith(b"\n"):
        raise Unreadable("it is no change on trial")
    record = load(rest)
    try:
        document = json.loads(rest)
        return Trial(
            id=str(document["id"]),
            record=record,
            boot=str(document["boot"]),
            deadline=float(found[3]),
            seconds=float(document["seconds"]),
            profile=str(document["profile"]),
            saves=document["saves"] is True,
            phase=Phase(found[1].decode()),
            guard=Guard(found[2].decode()),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise Unreadable(str(error)) from error
