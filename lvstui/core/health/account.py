"""The account of a server that has not answered for a while, and what it comes to beside the others of its service."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from lvstui.core.health.counted import Answers, Span, Traffic, answers, between, counters, opens
from lvstui.core.health.verdict import Trouble
from lvstui.core.model import Endpoint, Protocol
from lvstui.core.observed import ServerStats

FEW: Final = 3
"""New connections without an answer from which on a server is in trouble while others of its service serve."""

_ALONE: Final = 5
"""The same where no other server shows that clients are served at all."""

_SETTLED: Final = 2
"""How many of these connections must be older than the newest counters: the others may be answered any moment."""

_DATAGRAMS: Final = 8
"""Answers to datagrams that other servers would have given, of which not one came."""

_ANY_PORT: Final = 30.0
"""Seconds without an answer where somebody may just be trying ports that nobody serves."""

_SPAN: Final = 20.0
"""Seconds after which an account begins a new page, so that evidence is of the last 20 to 40 seconds."""

_NAMED: Final = 3
"""Siblings whose connections are each named in the evidence."""

Counted: TypeAlias = Mapping[Endpoint, ServerStats]
"""What the servers of one service counted."""


@dataclass(slots=True)
class Account:
    """What a server did since it last answered.

    `since` is the moment (monotonic seconds) of the counters before that; the present page begins at `began` with what
    all servers of the service had counted, in `base`, and the next one at `turned` with `later`. `settled` are the
    server's connections by the counters before the newest, `newest` when it last got one, `updates` how often its
    counters moved.
    """

    since: float
    base: Counted
    settled: int
    turned: float
    later: Counted
    newest: float
    began: float = 0.0
    updates: int = 1

    def __post_init__(self) -> None:
        self.began = self.since

    def add(self, span: Span, then: ServerStats, counted: Counted, now: float) -> None:
        """Go on with counters that moved."""
        if now - self.turned >= _SPAN:
            self.began, self.base = self.turned, self.later
            self.turned, self.later = now, counted
        self.settled = counters(then).connections
        self.updates += 1
        if span.connections:
            self.newest = now

    def restart(self, counted: Counted, now: float) -> None:
        """Begin a new page, as the counters begin anew."""
        self.began, self.base, self.settled = now, counted, 0
        self.turned, self.later = now, counted


def serving(base: Counted, counted: Counted, kind: Traffic) -> Mapping[Endpoint, Span]:
    """Return the servers that got new connections since `base` and answered, with what they counted."""
    spans = {endpoint: between(base[endpoint], seen) for endpoint, seen in counted.items() if endpoint in base}
    return {
        endpoint: span
        for endpoint, span in spans.items()
        if span.connections > 0 and answers(span, kind) is Answers.SOME
    }


@dataclass(frozen=True, slots=True)
class Case:
    """An account at the moment `now`: what the server itself counted, and the others of its service that serve."""

    account: Account
    kind: Traffic
    endpoint: Endpoint
    counted: Counted
    others: Mapping[Endpoint, Span]
    now: float

    @property
    def own(self) -> Span:
        """What the server counted on this page."""
        return between(self.account.base[self.endpoint], self.counted[self.endpoint])

    def trouble(self) -> Trouble | None:
        """Return what the server does, None where that is not certain yet."""
        own, kind, alone = self.own, self.kind, not self.others
        settled = self.account.settled - counters(self.account.base[self.endpoint]).connections
        if own.connections < (_ALONE if alone else FEW) or settled < _SETTLED + alone or self.account.updates < 2:
            return None
        if kind.any_port and (alone or self.now - self.account.since < _ANY_PORT):
            return None
        streams = kind.protocol in (Protocol.TCP, Protocol.SCTP)
        return self._trouble_of_streams(own) if streams else self._trouble_of_datagrams(own)

    def _trouble_of_streams(self, own: Span) -> Trouble | None:
        match answers(own, self.kind):
            case Answers.NONE:
                return Trouble.SILENT
            case Answers.RESETS:
                return Trouble.REFUSING
            case Answers.ERRORS:
                # A connection that is refused by ICMP stays in SYN_RECV, and so active, for a minute.
                refused = opens(own, self.kind) and own.active * 2 >= own.connections
                return Trouble.REFUSING if refused else None
            case Answers.SOME:  # some of it was one, some another of these
                return Trouble.SILENT if own.out_packets * 2 < own.connections else Trouble.REFUSING

    def _trouble_of_datagrams(self, own: Span) -> Trouble | None:
        """Return what the server does where a packet may need no answer: only beside others that do answer."""
        found = answers(own, self.kind)
        if found is Answers.RESETS and self.others and opens(own, self.kind):
            return Trouble.REFUSING
        asked = sum(span.in_packets for span in self.others.values())
        answered = sum(span.out_packets for span in self.others.values())
        missing = own.in_packets * min(1.0, answered / max(asked, 1))
        if missing < _DATAGRAMS * (2 if self.kind.sticky else 1):
            return None
        if found is Answers.NONE:
            return Trouble.SILENT
        certain = found is Answers.ERRORS and self.account.updates > 2 and not self.kind.sticky
        return Trouble.REFUSING if certain else None

    def evidence(self) -> str:
        """Return the numbers that it rests on, as one piece of a sentence."""
        own, seconds = self.own, max(1, round(self.now - self.account.began))
        found = answers(own, self.kind).value
        if self.kind.protocol is Protocol.UDP:
            others = self._beside(span.out_packets for span in self.others.values())
            return f"{own.in_packets} packets in {seconds} s, 0 answered{others}; {found}"
        others = self._beside(span.connections for span in self.others.values())
        return f"{own.connections} new in {seconds} s, 0 established{others}; {found}"

    def _beside(self, numbers: Iterable[int]) -> str:
        """Write the numbers of the others."""
        if not self.others:
            return ""
        return f", its sibling{'' if len(self.others) == 1 else 's'} {_numbers(numbers)}"


def _numbers(found: Iterable[int]) -> str:
    """Write some numbers one by one, many as their range: `8 and 6`, `3 to 11 each`."""
    numbers = sorted(found, reverse=True)
    if len(numbers) > _NAMED:
        return f"{numbers[-1]} to {numbers[0]} each"
    return " and ".join(filter(None, (", ".join(map(str, numbers[:-1])), *map(str, numbers[-1:]))))
