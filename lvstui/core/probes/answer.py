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
    UNKNOWN = "unknown"
    """It was asked, and what came of it proves nothing: a UDP server need not answer what it does not understand."""
    UNASKED = "not asked"

    @property
    def is_bad(self) -> bool:
        """Whether the server is known not to answer as it should."""
        return self not in (Outcome.ANSWERS, Outcome.UNKNOWN, Outcome.UNASKED)


class Answer(NamedTuple):
    """What came of one probe.

    `sentence` says what was asked by which way, what was found, and what that proves or does not. `milliseconds` went
    by until the answer, None where there was none.
    """

    outcome: Outcome
    sentence: str
    milliseconds: float | None = None
