"""The tour of the README: what it tells to press, to type and to run, and what it says that the screen shows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import Enum
from typing import Final, NamedTuple

from lvstui.tui.commands import MOVING
from lvstui.tui.everywhere import EVERYWHERE, VIEWS
from tests.docs.parts import ROOT

_COMMANDS: Final = (*EVERYWHERE, *MOVING, *(command for view in VIEWS for command in view.COMMANDS))

KEYS: Final = frozenset(key for command in _COMMANDS for key in command.key_names.split())
"""All keys of the screens, as people read them."""

IDS: Final = frozenset(command.id for command in _COMMANDS)
"""The ids of their commands."""

_STEP: Final = re.compile(r"^(\d)\. \*\*(.+?)\.\*\* (.*(?:\n   .*)*)", re.MULTILINE)
_ACT: Final = re.compile(r'`([^`]+)`|"([^"]+)"')
_RUN: Final = "make "


class Do(Enum):
    """What a piece of the tour is."""

    PRESS = "press"
    TYPE = "type"
    RUN = "run"
    """In a second terminal."""
    SEE = "see"


class Act(NamedTuple):
    """One thing that is done or seen."""

    do: Do
    text: str


def steps() -> Sequence[tuple[str, Sequence[Act]]]:
    """Return each step's title and what is done and seen in it, in order."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    section = text.partition("\n## A tour in six steps\n")[2].partition("\n## ")[0]
    return [
        (title, [_act(*found) for found in _ACT.findall(" ".join(body.split()))])
        for _, title, body in _STEP.findall(section)
    ]


def _act(code: str, seen: str) -> Act:
    if seen:
        return Act(Do.SEE, seen)
    if code.startswith(_RUN):
        return Act(Do.RUN, code.removeprefix(_RUN))
    return Act(Do.PRESS if code in KEYS or len(code) == 1 else Do.TYPE, code)
