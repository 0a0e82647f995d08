"""What a packet is at one point of its way, and what a rule may do with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from lvstui.core.packets.bits import FULL, Bits, Registers, join
from lvstui.core.packets.program import Verdict
from lvstui.core.packets.scene import NO_CONNECTION, Scene, Tracking
from lvstui.core.packets.sight import Sight


class State(NamedTuple):
    """A packet's mark, that of its connection (`saved`), each with its unknown bits, and all else that rules see."""

    mark: int
    unknown: int
    saved: int
    saved_unknown: int
    sight: Sight

    def at(self, scene: Scene) -> State:
        """Return the packet in another scene of its way."""
        return State(self.mark, self.unknown, self.saved, self.saved_unknown, self.sight.at(scene))

    def marked(self, mark: Bits) -> State:
        """Return the packet with another mark."""
        return State(mark.value, mark.unknown, self.saved, self.saved_unknown, self.sight)

    def saving(self, mark: Bits) -> State:
        """Return the packet with another mark of its connection; one without a connection stays as it is."""
        if self.sight.scene.tracking in NO_CONNECTION:
            return self
        return State(self.mark, self.unknown, mark.value, mark.unknown, self.sight)

    @property
    def connection_mark(self) -> Bits | None:
        """The mark of its connection, None where it has no connection; that of a template is not known."""
        if self.sight.scene.tracking is Tracking.TEMPLATE:
            return Bits(0, FULL)
        if self.sight.scene.tracking in (Tracking.NOT_YET, Tracking.NEVER):
            return None
        return Bits(self.saved, self.saved_unknown)


def joined(one: State, other: State) -> State:
    """Return what is known of a packet that may be in either state."""
    mark = join(Bits(one.mark, one.unknown), Bits(other.mark, other.unknown))
    saved = join(Bits(one.saved, one.saved_unknown), Bits(other.saved, other.saved_unknown))
    sight = one.sight if one.sight is other.sight else one.sight.at(one.sight.scene.joined(other.sight.scene))
    return State(mark.value, mark.unknown, saved.value, saved.unknown, sight)


class Fork(NamedTuple):
    """A way on inside a rule: with these registers, or its end with a verdict; with neither it does not match."""

    state: State
    registers: Registers | None = None
    verdict: Verdict | None = None


Result: TypeAlias = State | tuple[Fork, ...] | None
"""What an instruction leads to: on with a state, the rule does not match (None), or several ways.

Of several ways the first is the one where what is not known does not match.
"""


Operation: TypeAlias = Callable[[State, Registers], Result]
"""What runs an instruction."""


def maybe(state: State, registers: Registers) -> Result:
    """Return both ways of a test whose answer is not known."""
    return (Fork(state), Fork(state, registers))
