"""What came of asking a real server."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple


class Outcome(Enum):
    """What a probe found; the value is the word that is shown."""

    ANSWERS = "answers"
    REFUSES = "refuses"
    SILENT = "silent"
    UNREACHABLE = "unreachable"
    WRONG = "wrong answer"
    UNASKED = "not asked"


class Answer(NamedTuple):
    """What came of one probe.

    `sentence` says what was asked by which way, what was found, and what that proves or does not. `milliseconds` went
    by until the answer, None where there was none.
    """

    outcome: Outcome
    sentence: str
    milliseconds: float | None = None
