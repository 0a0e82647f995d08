"""What a question of the doctor finds."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from lvstui.core.model import ServiceKey


class State(Enum):
    """How it stands, the worst first; the value is the word that is shown."""

    WRONG = "wrong"
    WARNING = "warning"
    UNKNOWN = "not known"
    FINE = "fine"


class Found(NamedTuple):
    """The answer to a question: what was looked at, what was found, and what to do about it (empty: nothing).

    Of what could not be known, `found` goes on after "could not be known, because".
    """

    state: State
    looked: str
    found: str
    remedy: str = ""

    @property
    def sentence(self) -> str:
        """What was found, as a sentence of its own."""
        return f"could not be known, because {self.found}" if self.state is State.UNKNOWN else self.found


class Finding(NamedTuple):
    """The answer to one question: its id (`mtu`), its words, and what it is about; None for the director as a whole."""

    question: str
    asks: str
    service: ServiceKey | None
    answer: Found


class Report(NamedTuple):
    """All answers, in the order of the questions: about the director, then service by service."""

    findings: tuple[Finding, ...]
    services: int

    def count(self, state: State) -> int:
        """Return how many answers are of one kind."""
        return sum(finding.answer.state is state for finding in self.findings)


def fine(looked: str, found: str) -> Found:
    """Return that nothing is wrong."""
    return Found(State.FINE, looked, found)


def unknown(looked: str, because: str, remedy: str = "") -> Found:
    """Return that something could not be known, and why."""
    return Found(State.UNKNOWN, looked, because, remedy)


def warn(looked: str, found: str, remedy: str) -> Found:
    """Return what may be wrong, or will be."""
    return Found(State.WARNING, looked, found, remedy)


def wrong(looked: str, found: str, remedy: str) -> Found:
    """Return what keeps clients from being served."""
    return Found(State.WRONG, looked, found, remedy)
