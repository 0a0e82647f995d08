"""What is seen of a real server that does not serve, in a word with its evidence."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Final, NamedTuple, TypeAlias

from lvstui.core.model import ServerKey


class Trouble(Enum):
    """What a real server does with new connections instead of completing them; the value is the word that is shown."""

    REFUSING = "refusing"
    SILENT = "silent"
    NO_HANDSHAKE = "no handshake"

    @property
    def predicate(self) -> str:
        """What the server does, as it stands in a sentence about it: `is silent`."""
        return "completes no handshake" if self is Trouble.NO_HANDSHAKE else f"is {self.value}"


class Verdict(NamedTuple):
    """A real server in trouble, since a moment (seconds of the monotonic clock).

    `evidence` are the numbers that it was found by: "12 new in 20 s, 0 established, its siblings 8 and 6; 9 CLOSE".
    """

    trouble: Trouble
    evidence: str
    since: float


Health: TypeAlias = Mapping[ServerKey, Verdict]
"""The servers in trouble, each with what shows it; of all others nothing is claimed."""

Troubled: TypeAlias = frozenset[tuple[ServerKey, Trouble]]
"""The servers in trouble without what shows it, which changes from moment to moment."""

NO_TROUBLE: Final[Health] = MappingProxyType({})
"""What is said where nobody looked, or nothing was found."""


def troubled(health: Health) -> Troubled:
    """Return the servers in trouble, each with what it is."""
    return frozenset((key, verdict.trouble) for key, verdict in health.items())
