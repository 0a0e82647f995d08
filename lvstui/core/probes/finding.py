"""What real servers answered when they were asked last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias

from lvstui.core.model import ServerKey
from lvstui.core.probes.answer import Answer
from lvstui.core.probes.question import Question


class Probed(NamedTuple):
    """What a server was asked, None where it was not, and what came of it."""

    question: Question | None
    answer: Answer


class Finding(NamedTuple):
    """What came of asking a server, question by question; nothing yet where it is asked for the first time.

    `at` is the moment (seconds of the monotonic clock) at which it was known.
    """

    probed: Sequence[Probed]
    at: float


Findings: TypeAlias = Mapping[ServerKey, Finding]
"""What came of asking those servers that were asked."""
