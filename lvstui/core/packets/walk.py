"""A packet walked through the rules that it passes before IPVS sees it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from lvstui.core.model import Address
from lvstui.core.packets.packet import Packet
from lvstui.core.packets.program import Outcome, Program


class Step(NamedTuple):
    """A rule that the packet met and that matched, or may match, or the policy that ended a base chain.

    `mark` is the packet's mark afterwards, None where bits of it are not known. `certain` says whether the rule surely
    matched; `outcome` is what it did. All texts are from outside.
    """

    tool: str
    family: str
    table: str
    chain: str
    hook: str
    priority: int
    text: str
    outcome: Outcome
    target: str = ""
    mark: int | None = 0
    certain: bool = True
    handle: int = 0


class Fate(NamedTuple):
    """One way in which it may go: what IPVS gets, if the outcome is `accept`.

    `mark` is the packet's at IPVS's hook, without its `unknown` bits. The destination is the one after rules of NAT,
    None where that is not known.
    """

    outcome: Outcome
    mark: int
    unknown: int
    connection_mark: int
    destination: Address | None
    port: int | None
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class Way:
    """All that may become of a packet; the first fate is the one where nothing that is unknown matches."""

    fates: tuple[Fate, ...]
    trouble: str = ""

    @property
    def certain(self) -> bool:
        """Whether there is but one fate, without unknown bits."""
        return len(self.fates) == 1 and not self.fates[0].unknown and not self.trouble


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is asked of the machine on the way: the kind of an address (`local`, `unicast` ...), None if unknown."""

    address_type: Callable[[Address], str | None] = lambda _: None


def walk(program: Program, packet: Packet, around: Surroundings = Surroundings(), *, steps: bool = False) -> Way:
    """Walk a packet through the rules; `steps` asks for the rules on the way, which takes longer."""
    raise NotImplementedError
