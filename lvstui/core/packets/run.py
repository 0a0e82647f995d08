"""Packets run through the rules of a base chain, in all states that they may have there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from lvstui.core.packets.bits import FULL, Bits, Registers, either
from lvstui.core.packets.compiled import Ready, ReadyChain, Rules
from lvstui.core.packets.program import Outcome, Verdict
from lvstui.core.packets.scene import Scene
from lvstui.core.packets.sight import Sight
from lvstui.core.packets.state import Fork, State, joined

LIMIT: Final = 64
"""So many states are followed side by side; of more, the bits of marks that differ become unknown."""

JUMPS: Final = 16
"""Jumps that have not returned; the next one drops the packet (NFT_JUMP_STACK_SIZE)."""

ENOUGH: Final = 64
"""So many ways inside one rule are followed side by side, where numbers cannot be foretold."""

CALLS: Final = 10_000
"""So many jumps of one packet in a base chain are followed; a kernel that ran more would lose packets."""


class Met(NamedTuple):
    """A rule that a packet met, and what it did; `before` is the one that it met before."""

    place: object
    rule: Ready | None
    verdict: Verdict
    state: State
    certain: bool
    matched: bool
    before: Met | None


class Trail(NamedTuple):
    """How a state came about: how often something unknown was taken to match, and the rules on the way."""

    guesses: int = 0
    met: Met | None = None


class Flows(dict[State, Trail]):
    """The states that a packet may have at one point, each with the trail of the fewest guesses."""

    __slots__ = ()

    def note(self, state: State, trail: Trail) -> None:
        """Add a state."""
        old = self.get(state)
        if old is None or trail.guesses < old.guesses:
            self[state] = trail

    def take(self, others: Flows) -> None:
        """Add the states of others."""
        for state, trail in others.items():
            self.note(state, trail)


class End(NamedTuple):
    """How a state leaves a rule."""

    state: State
    guesses: int
    verdict: Verdict | None
    matched: bool
    certain: bool


class Runner:
    """Runs the states of a packet through a base chain and the chains that it leads to.

    What ends there stands in `ended`, by its outcome. `place` is what steps are noted under, None where none are asked
    for; `trouble` says what could not be followed.
    """

    __slots__ = ("_calls", "_place", "_rules", "ended", "trouble")

    def __init__(self, rules: Rules, place: object | None) -> None:
        self._rules = rules
        self._place = place
        self._calls = 0
        self.ended: dict[Outcome, Flows] = {}
        self.trouble = ""

    def chain(self, name: str, flows: Flows, jumps: int = 0, depth: int = 0) -> Flows:
        """Run a chain and return the states that come to its end, or return."""
        back = Flows()
        rules, at, passed = self._rules[name], 0, 0
        sights: set[Sight] = set()
        places: Sequence[int] = ()
        while True:
            if not sights.issuperset([state.sight for state in flows]):  # the first time, and once a header was written
                sights = {state.sight for state in flows}
                places, at = [place for place in rules.places(sights) if place >= passed], 0
            if len(flows) == 1 and self._place is None:
                ((state, trail),) = flows.items()
                at, state = straight(rules, places, at, state)
                flows = Flows({state: trail})
                if state.sight not in sights:
                    passed = places[at - 1] + 1
                    continue
            if at >= len(places):
                back.take(flows)
                return back
            passed = places[at] + 1
            flows = self._rule(rules[places[at]], flows, back, jumps, depth)
            if not flows:
                return back
            at += 1

    def _rule(self, rule: Ready, flows: Flows, back: Flows, jumps: int, depth: int) -> Flows:
        """Run a rule and return the states that come to the next one; those that return go `back`."""
        gate = rule.gate
        if gate is not None and all(gate(state) is False for state in flows):
            return flows
        on = Flows()
        calls: dict[Verdict, Flows] = {}
        for state, trail in flows.items():
            for end in run(rule, state):
                after = self._after(rule, state, trail, end)
                match end.verdict:
                    case None | Verdict(outcome=Outcome.CONTINUE):
                        on.note(end.state, after)
                    case Verdict(outcome=Outcome.RETURN):
                        back.note(end.state, after)
                    case Verdict(outcome=Outcome.JUMP | Outcome.GOTO):
                        calls.setdefault(end.verdict, Flows()).note(end.state, after)
                    case Verdict(outcome=outcome):
                        self.ended.setdefault(outcome, Flows()).note(end.state, after)
        for verdict, called in calls.items():
            jump = verdict.outcome is Outcome.JUMP
            (on if jump else back).take(self._call(verdict, called, jumps + jump, depth + 1))
        return bounded(on)

    def _call(self, verdict: Verdict, flows: Flows, jumps: int, depth: int) -> Flows:
        """Run the chain that a verdict leads to; chains in a circle, which no kernel takes, drop the packet."""
        self._calls += 1
        if verdict.chain not in self._rules:
            return self._lost(flows, f"there is no chain {verdict.chain}")
        if self._calls > CALLS:
            return self._lost(flows, "the rules lead through more chains than can be followed")
        if jumps > JUMPS or depth > len(self._rules) + JUMPS:
            self.ended.setdefault(Outcome.DROP, Flows()).take(flows)
            return Flows()
        return self.chain(verdict.chain, bounded(flows), jumps, depth)

    def _lost(self, flows: Flows, trouble: str) -> Flows:
        """Return states of which no more is known than that they go on."""
        self.trouble = self.trouble or trouble
        found = Flows()
        for state, trail in flows.items():
            found.note(state.marked(Bits(0, FULL)).saving(Bits(0, FULL)), trail)
        return found

    def _after(self, rule: Ready, before: State, trail: Trail, end: End) -> Trail:
        """Return the trail after a rule, which is noted if it matched, may match, or changed something."""
        guesses = trail.guesses + end.guesses
        if self._place is None or (not end.matched and end.certain and end.state == before):
            return trail if not end.guesses else Trail(guesses, trail.met)
        verdict = end.verdict or _ON
        return Trail(guesses, Met(self._place, rule, verdict, end.state, end.certain, end.matched, trail.met))


_ON: Final = Verdict(Outcome.CONTINUE)


def straight(rules: ReadyChain, places: Sequence[int], at: int, state: State) -> tuple[int, State]:
    """Run the rules in these places, from one on, as long as they do nothing but change the marks, or once a header.

    Return how many of the places were passed, and the state.
    """
    for number in range(at, len(places)):
        rule = rules[places[number]]
        gate = rule.gate
        answer = None if gate is None else gate(state)
        if answer is False:
            continue
        after: State = state
        registers: Registers = {}
        for operation in rule.operations(answer is True):
            result = operation(after, registers)
            if not isinstance(result, State):
                return number, state
            after = result
        if after.sight is not state.sight:
            return number + 1, after
        state = after
    return len(places), state


def run(rule: Ready, state: State) -> list[End]:
    """Run one rule on a state and return how it may leave it."""
    opened = rule.gate is not None and rule.gate(state)
    if opened is False and rule.gate is not None:
        return [End(state, 0, None, False, True)]
    operations = rule.operations(opened is True)
    ends: list[End] = []
    pending: list[tuple[int, State, Registers, int, bool]] = [(0, state, {}, 0, True)]
    while pending:
        start, now, registers, guesses, certain = pending.pop()
        for at in range(start, len(operations)):
            result = operations[at](now, registers)
            if isinstance(result, State):
                now = result
                continue
            if result is None:
                ends.append(End(now, guesses, None, False, certain))
            else:
                certain = certain and len(result) == 1
                _split(result, at + 1, guesses, certain, ends, pending)
            break
        else:
            ends.append(End(now, guesses, None, True, certain))
    return ends


def _split(
    forks: Sequence[Fork],
    at: int,
    guesses: int,
    certain: bool,
    ends: list[End],
    pending: list[tuple[int, State, Registers, int, bool]],
) -> None:
    """Add the ways on from an instruction to those that end the rule, or that are still to be followed.

    Of several that go on, all have the same state.
    """
    ahead: list[tuple[int, State, Registers, int, bool]] = []
    for number, (state, registers, verdict) in enumerate(forks):
        more = guesses + (number > 0)
        if registers is not None:
            ahead.append((at, state, registers if len(forks) == 1 else dict(registers), more, certain))
        else:
            ends.append(End(state, more, verdict, verdict is not None, certain))
    if len(ahead) > 1 and len(pending) + len(ends) > ENOUGH:
        at, state, _, more, certain = ahead[0]
        ahead = [(at, state, either([registers for _, _, registers, _, _ in ahead]), more, certain)]
    pending.extend(reversed(ahead))


def bounded(flows: Flows) -> Flows:
    """Return states that are not too many: where they are, the bits in which marks differ become unknown.

    The state in which nothing unknown matched stays as it is.
    """
    if len(flows) <= LIMIT:
        return flows
    found = _grouped(flows, lambda sight: sight)
    return found if len(found) <= LIMIT else _grouped(flows, lambda sight: _situation(sight.scene))


def _situation(scene: Scene) -> tuple[object, ...]:
    """Return what is never joined of a scene."""
    return scene.hook, scene.family, scene.tracking, scene.bound


def _grouped(flows: Flows, of: Callable[[Sight], object]) -> Flows:
    """Join the states that have the same of something."""
    groups: dict[object, tuple[State, Trail]] = {}
    found = Flows()
    for state, trail in flows.items():
        if not trail.guesses:
            found.note(state, trail)
            continue
        group = of(state.sight)
        old = groups.get(group)
        groups[group] = (state, trail) if old is None else (joined(old[0], state), min(old[1], trail, key=_guesses))
    for state, trail in groups.values():
        found.note(state, trail)
    return found


def _guesses(trail: Trail) -> int:
    return trail.guesses
