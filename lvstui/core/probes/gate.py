"""Whether a change on trial may stay by itself: by what its servers answer, and what their services get."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from lvstui.core.change import Change, service_of
from lvstui.core.model import Director, ServerKey, ServiceKey
from lvstui.core.probes.answer import Outcome

ROUNDS: Final = 3
"""How often in a row the servers have to answer, or a service to get too little."""

_BAD_ROUNDS: Final = 2

SETTLED: Final = 10.0
"""Seconds after which the kernel's rates have followed a change: it weighs new ones by a quarter every two seconds."""

LAST: Final = 1.5
"""Seconds before its end in which a trial is taken back rather than judged once more."""

LEAST_RATE: Final = 5
"""Connections a second below which a service's rate says nothing."""

SHARE: Final = 0.5
"""Which part of its connections a second a service has to get, as before."""


class Decision(Enum):
    """What is to become of a trial."""

    KEEP = "keep"
    TAKE_BACK = "take back"
    WAIT = "wait"
    OPEN = "open"
    """There is nothing to judge by: a person has to decide."""


def touched_servers(changes: Iterable[Change], director: Director) -> tuple[ServerKey, ...]:
    """Return the servers that changes are about, of services as a whole all, as far as they get connections now."""
    found: dict[ServerKey, None] = {}
    for change in changes:
        key = service_of(change.target)
        if key is None or key not in director.pools:
            continue
        servers = director.pools[key].servers
        ends = [change.target.endpoint] if isinstance(change.target, ServerKey) else list(servers)
        found |= {ServerKey(key, end): None for end in ends if end in servers and servers[end].weight}
    return tuple(found)


@dataclass(slots=True)
class Gate:
    """Judges a trial round by round; `before` are the connections a second of the services before it."""

    before: Mapping[ServiceKey, int]
    _bad: dict[ServerKey, int] = field(default_factory=dict)
    _low: dict[ServiceKey, int] = field(default_factory=dict)
    _good: int = 0

    def judge(
        self, seconds: float, outcomes: Mapping[ServerKey, Sequence[Outcome]], rates: Mapping[ServiceKey, int]
    ) -> tuple[Decision, str]:
        """Return what is to be done some seconds after the change, and why, by what was found in one round."""
        asked = {key: found for key, found in outcomes.items() if Outcome.UNASKED not in found}
        for server, found in asked.items():
            worst = next((outcome for outcome in found if outcome.is_bad), None)
            self._bad[server] = self._bad.get(server, 0) + 1 if worst else 0
            if worst and self._bad[server] >= _BAD_ROUNDS:
                return Decision.TAKE_BACK, f"{server.endpoint.address} {_WORDS[worst]}"
        judged = {key: rate for key, rate in self.before.items() if rate >= LEAST_RATE}
        if not asked and not judged:
            return Decision.OPEN, "no server can be asked, and too few connections came before"
        well = all(Outcome.ANSWERS in found for found in asked.values())
        self._good = self._good + 1 if well and len(asked) == len(outcomes) else 0
        if seconds < SETTLED:
            return Decision.WAIT, ""
        for key, rate in judged.items():
            now = rates.get(key, 0)
            self._low[key] = self._low.get(key, 0) + 1 if now < rate * SHARE else 0
            if self._low[key] >= ROUNDS:
                return Decision.TAKE_BACK, f"{now} connections come in a second, and {rate} did before"
        is_kept = self._good >= ROUNDS and not any(self._low.values())
        return (Decision.KEEP, "") if is_kept else (Decision.WAIT, "")


_WORDS: Final = {
    Outcome.REFUSES: "refuses",
    Outcome.SILENT: "is silent",
    Outcome.UNREACHABLE: "is unreachable",
    Outcome.WRONG: "answers wrongly",
}
