"""A packet walked through the rules that it passes before IPVS sees it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final, NamedTuple, TypeVar, assert_never

from lvstui.core.model import Address, Protocol
from lvstui.core.packets.bits import FULL, Bits, ones
from lvstui.core.packets.compiled import compiled
from lvstui.core.packets.headers import (
    DESTINATION,
    DESTINATION_PORT,
    SOURCE,
    SYN_ACK,
    TCP,
    TCP_FLAGS,
    WITH_PORTS,
    Headers,
    headers,
)
from lvstui.core.packets.packet import Packet
from lvstui.core.packets.program import Outcome, Program, Stop, Verdict
from lvstui.core.packets.route import Mingle, Pass, Track, Translate, orders, route
from lvstui.core.packets.run import Flows, Met, Runner, Trail, bounded
from lvstui.core.packets.saving import saved_elsewhere
from lvstui.core.packets.scene import NO_CONNECTION, Scene, Surroundings, Target, Tracking
from lvstui.core.packets.sight import Sight
from lvstui.core.packets.state import State


class Step(NamedTuple):
    """A rule that the packet met and that matched, or may match, or the policy that ended a base chain.

    `mark` is the packet's mark afterwards, None where bits of it are not known. `certain` says whether it is known if
    the rule matches; of one that may match, `matched` says whether it does so on this way. `outcome` is what it did.
    All texts are from outside.
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
    matched: bool = True
    is_policy: bool = False


class Fate(NamedTuple):
    """One way in which it may go: what IPVS gets, if the outcome is `accept`.

    `mark` is the packet's at IPVS's hook, without its `unknown` bits; `connection_mark` that of its connection. The
    destination is the one after rules of NAT, None where that is not known.
    """

    outcome: Outcome
    mark: int
    unknown: int
    connection_mark: int
    destination: Address | None
    port: int | None
    steps: tuple[Step, ...] = ()
    connection_unknown: int = 0


@dataclass(frozen=True, slots=True)
class Way:
    """All that may become of a packet; the first fate is the one where nothing that is unknown matches."""

    fates: tuple[Fate, ...]
    trouble: str = ""

    @property
    def certain(self) -> bool:
        """Whether all fates are one for IPVS, without unknown bits of the mark."""
        if self.trouble or any(fate.unknown for fate in self.fates if fate.outcome is Outcome.ACCEPT):
            return False
        return len({_for_ipvs(fate) for fate in self.fates}) == 1


def _for_ipvs(fate: Fate) -> tuple[object, ...]:
    """Return what IPVS gets of a packet."""
    got = fate.outcome is Outcome.ACCEPT
    return (fate.outcome, *((fate.mark, fate.destination, fate.port) if got else ()))


_T = TypeVar("_T")

_ORDERS: Final = 24
"""Orders of chains that are followed: of four that none of them is tied to."""

UNKNOWN: Final = Surroundings()
"""A machine of which nothing is known."""


def walk(program: Program, packet: Packet, around: Surroundings = UNKNOWN, *, steps: bool = False) -> Way:
    """Walk a packet through the rules; `steps` asks for the rules on the way, which takes longer."""
    walker = _Walker(program, packet, around, steps)
    mark = Bits((packet.connection_mark or 0) & FULL)
    if not (packet.established and around.tracked):
        return walker.way(walker.walk(Tracking.NEW, ((mark, None, 0),)))
    first = _Walker(program, _opening(packet), around, False)
    begun = []
    elsewhere = saved_elsewhere(program) if around.balanced else 0
    opened = first.walk(Tracking.NEW, ((Bits(0), None, 0),), beyond=not around.balanced)
    for state, trail in opened.get(Outcome.ACCEPT, Flows()).items():
        kept = {Bits(state.saved & ~elsewhere, state.saved_unknown | elsewhere): trail.guesses}
        if packet.connection_mark is not None:
            kept = {mark: trail.guesses}
        elif not around.balanced:
            kept = _answered(program, state, trail)
        begun += [(found, state.sight.scene.target, guesses) for found, guesses in kept.items()]
    if not begun:
        begun.append((Bits(0, FULL) if packet.connection_mark is None else mark, None, 0))
    return walker.way(walker.walk(Tracking.ESTABLISHED, begun))


def walk_sent(program: Program, packet: Packet, around: Surroundings = UNKNOWN) -> Way:
    """Walk the first packet of a connection as IPVS sends it on to a server: out of this machine by its `leaves_by`.

    Connection tracking has it as new, where it keeps what IPVS balances (`around.tracked`), else never.
    """
    walker = _Walker(program, packet, around, True)
    tracking, mark = (Tracking.NEW, Bits(0, FULL)) if around.tracked else (Tracking.NEVER, Bits(0))
    return walker.way(walker.walk(tracking, ((mark, None, 0),), beyond=True, bound=True))


def walk_answer(program: Program, packet: Packet, around: Surroundings = UNKNOWN) -> Way:
    """Walk what a masqueraded server answers to the first packet of a client, until IPVS gives it the virtual address.

    Its destination port is the client's, which is not known. Where connection tracking does not keep what IPVS balances
    (`around.tracked`), it has seen no request, so that an answer of TCP or SCTP is invalid, and one of UDP new.
    """
    seen = headers(replace(packet, established=True)).written(DESTINATION_PORT, Bits(0, ones(2)))
    if seen.protocol == TCP:
        seen = seen.written(TCP_FLAGS, Bits(SYN_ACK))
    walker = _Walker(program, packet, around, True)
    tracking = Tracking.NEW if packet.protocol is Protocol.UDP else Tracking.NOT_YET
    if around.tracked:
        tracking = Tracking.ESTABLISHED
    mark = Bits(0, FULL) if around.tracked else Bits(0)
    return walker.way(walker.walk(tracking, ((mark, None, 0),), answer=seen))


def _answered(program: Program, first: State, trail: Trail) -> dict[Bits, int]:
    """Return the marks that a connection may have after an answer to its first packet, with how much was guessed."""
    scene = first.sight.scene
    packet, version = scene.packet, scene.headers.version
    port = scene.headers.read(DESTINATION_PORT) if scene.headers.protocol in WITH_PORTS else None
    answer = Packet(
        packet.protocol,
        scene.headers.destination or packet.destination,
        packet.source,
        packet.source_port or 0,
        None if port is None or port.unknown else port.value,
        local=not packet.local,
        established=True,
    )
    seen = headers(answer)
    if (address := scene.headers.read(DESTINATION[version])) is not None:
        seen = seen.written(SOURCE[version], address)
    if packet.source_port is None:
        seen = seen.written(DESTINATION_PORT, Bits(0, ones(2)))
    if scene.headers.protocol == TCP:
        seen = seen.written(TCP_FLAGS, Bits(0, ones(1)))
    walker = _Walker(program, answer, scene.around, False)
    saved = Bits(first.saved, first.saved_unknown)
    on = walker.walk(Tracking.ESTABLISHED, ((saved, None, trail.guesses),), beyond=True, answer=seen)
    marks: dict[Bits, int] = {}
    for state, met in sorted(on.get(Outcome.ACCEPT, Flows()).items(), key=lambda pair: pair[1].guesses):
        marks.setdefault(Bits(state.saved, state.saved_unknown), met.guesses)
    return marks or {saved: trail.guesses}


def _opening(packet: Packet) -> Packet:
    """Return the packet that opened the connection of another one."""
    return replace(packet, established=False, connection_mark=None)


class _Place(NamedTuple):
    """Where rules stand that a packet meets."""

    stop: Stop
    hook: str


class _Walker:
    """Takes one packet along its route; all that it may be is followed side by side."""

    __slots__ = ("_around", "_fates", "_packet", "_program", "_steps", "_trouble")

    def __init__(self, program: Program, packet: Packet, around: Surroundings, steps: bool) -> None:
        self._program = program
        self._packet = packet
        self._around = around
        self._steps = steps
        self._trouble = program.trouble
        self._fates: dict[Outcome, Flows] = {}

    def walk(
        self,
        tracking: Tracking,
        begun: Iterable[tuple[Bits, Target | None, int]],
        *,
        beyond: bool = False,
        answer: Headers | None = None,
        bound: bool = False,
    ) -> dict[Outcome, Flows]:
        """Return what becomes of the packet; it begins with a mark of its connection and where NAT sends that.

        It is walked to IPVS, or `beyond` to the end of its way; one that answers has these headers. `bound` says that
        NAT asks no rules.
        """
        scene = Scene(self._packet, self._around, self._program.order, answer or headers(self._packet))
        known = tracking is Tracking.ESTABLISHED
        scene = scene._replace(bound=known or bound, answers=known and answer is not None)
        sight, flows = Sight(scene), Flows()
        for mark, target, guesses in begun:
            flows.note(State(0, 0, *mark[:2], sight.at(scene._replace(target=target))), Trail(guesses))
        for hook, part in route(self._program, self._packet, beyond=beyond):
            match part:
                case Track(sure=sure):
                    flows = _tracked(flows, tracking, sure)
                case Translate():
                    flows = self._translated(flows, hook, part)
                case Pass():
                    flows = self._perhaps(flows, hook, part)
                case Mingle(passes=passes):
                    flows = self._mingled(flows, hook, passes)
                case _:
                    assert_never(part)
            flows = bounded(flows)
        self._fates.setdefault(Outcome.ACCEPT, Flows()).take(flows)
        return self._fates

    def _perhaps(self, flows: Flows, hook: str, part: Pass) -> Flows:
        """Run a base chain, or pass it by where it is not sure that a packet comes there."""
        if part.sure:
            return self._passed(flows, hook, part.stop)
        ran = Flows(flows)
        ran.take(self._passed(_guessed(flows), hook, part.stop))
        return ran

    def _mingled(self, flows: Flows, hook: str, passes: Sequence[Pass]) -> Flows:
        """Run base chains in each order in which they may come."""
        found = Flows()
        for number, order in enumerate(self._orders(passes, lambda part: part.stop)):
            ran = _guessed(flows) if number else flows
            for part in order:
                ran = self._perhaps(ran, hook, part)
            found.take(ran)
        return found

    def _orders(self, these: Sequence[_T], stop_of: Callable[[_T], Stop]) -> Iterator[Sequence[_T]]:
        """Yield the orders in which base chains may come, as many as are followed."""
        every = orders(these, stop_of)
        yield from islice(every, _ORDERS)
        if next(every, None) is not None:
            priority = stop_of(these[0]).chain.priority
            self._trouble = self._trouble or f"the order of the many chains at priority {priority} is not known"

    def _passed(self, flows: Flows, hook: str, stop: Stop) -> Flows:
        """Run a base chain and return the states that it lets go on."""
        place = _Place(stop, hook) if self._steps else None
        runner = Runner(compiled(stop.table, self._program.order), place)
        family = "netdev" if stop.table.family == "netdev" else "inet"
        here = _moved(flows, lambda scene: scene._replace(hook=hook, family=family))
        back = runner.chain(stop.chain.name, here)
        if place is not None:
            back = _noted(back, place)
        on = runner.ended.pop(Outcome.ACCEPT, Flows())
        if stop.chain.policy is Outcome.ACCEPT:
            on.take(back)
        else:
            self._end(stop.chain.policy, back)
        for outcome, ended in runner.ended.items():
            self._end(outcome, ended)
            if outcome is Outcome.QUEUE:
                on.take(_guessed(_anything(ended)))
        self._trouble = self._trouble or runner.trouble
        return bounded(on)

    def _end(self, outcome: Outcome, flows: Flows) -> None:
        """Note states whose way ends."""
        known = self._fates.get(outcome, Flows())
        known.take(flows)
        self._fates[outcome] = bounded(known)

    def _translated(self, flows: Flows, hook: str, part: Translate) -> Flows:
        """Send packets where NAT sends their connections, which the rules decide for the first one."""
        found = Flows() if part.sure else Flows(flows)
        begun = flows if part.sure else _guessed(flows)
        for number, order in enumerate(self._orders(part.stops, lambda stop: stop)):
            asking, decided = _parted(_guessed(begun) if number else begun)
            for stop in order:
                asking, others = _parted(self._passed(asking, hook, stop))
                decided.take(others)
            decided.take(_moved(asking, lambda scene: scene._replace(bound=True)))
            for state, trail in decided.items():
                scene = state.sight.scene
                kept_out = scene.tracking in NO_CONNECTION
                found.note(state if kept_out else state.at(scene.sent()), trail)
        return found

    def way(self, fates: dict[Outcome, Flows]) -> Way:
        """Return what became of the packet, the way without guesses first."""
        ends = [(trail, outcome, state) for outcome, flows in fates.items() for state, trail in flows.items()]
        found: dict[Fate, Trail] = {}
        for trail, outcome, state in sorted(ends, key=lambda end: end[0].guesses):
            found.setdefault(self._fate(outcome, state), trail)
        return Way(
            tuple(fate._replace(steps=_steps(trail.met)) for fate, trail in found.items()),
            self._trouble,
        )

    def _fate(self, outcome: Outcome, state: State) -> Fate:
        """Return what IPVS gets."""
        scene = state.sight.scene
        port: int | None = self._packet.destination_port
        if scene.headers.protocol in WITH_PORTS:
            held = scene.headers.read(DESTINATION_PORT)
            port = None if held is None or held.unknown else held.value
        saved = state.connection_mark or Bits(0)
        return Fate(
            outcome,
            state.mark,
            state.unknown,
            saved.value,
            scene.headers.destination,
            port,
            connection_unknown=saved.unknown,
        )


def _moved(flows: Flows, change: Callable[[Scene], Scene]) -> Flows:
    """Return states in another scene."""
    found = Flows()
    for state, trail in flows.items():
        found.note(state.at(change(state.sight.scene)), trail)
    return found


def _guessed(flows: Flows) -> Flows:
    """Return states of which it is not known that a packet comes to them."""
    return Flows({state: Trail(trail.guesses + 1, trail.met) for state, trail in flows.items()})


def _anything(flows: Flows) -> Flows:
    """Return states after a program has had the packet, which may mark it."""
    found = Flows()
    for state, trail in flows.items():
        found.note(state.marked(Bits(0, FULL)), trail)
    return found


def _tracked(flows: Flows, tracking: Tracking, sure: bool) -> Flows:
    """Return states after connection tracking, which leaves alone what is kept out of it."""
    found = Flows() if sure else _guessed(flows)
    for state, trail in flows.items():
        scene = state.sight.scene
        if scene.tracking in (Tracking.NOT_YET, Tracking.TEMPLATE):
            state = state.at(scene._replace(tracking=tracking, tracked=scene.headers))
        found.note(state, trail)
    return found


def _parted(flows: Flows) -> tuple[Flows, Flows]:
    """Return the states that ask rules of NAT, and the others."""
    asking, others = Flows(), Flows()
    for state, trail in flows.items():
        scene = state.sight.scene
        asks = scene.tracking is Tracking.NEW and not scene.bound
        (asking if asks else others).note(state, trail)
    return asking, others


_POLICIES: Final = {outcome: Verdict(outcome) for outcome in Outcome}


def _noted(flows: Flows, place: _Place) -> Flows:
    """Return states with the policy that ended a base chain noted."""
    verdict = _POLICIES[place.stop.chain.policy]
    return Flows(
        {
            state: Trail(trail.guesses, Met(place, None, verdict, state, True, True, trail.met))
            for state, trail in flows.items()
        }
    )


def _steps(met: Met | None) -> tuple[Step, ...]:
    """Return the rules on a way, the first one first."""
    found: list[Step] = []
    while met is not None:
        place, rule, verdict, state, certain, matched, before = met
        assert isinstance(place, _Place)
        table, chain, line = place.stop.table, place.stop.chain, rule.line if rule is not None else None
        found.append(
            Step(
                table.tool,
                table.family,
                table.name,
                chain.name if rule is None else rule.chain,
                place.hook,
                chain.priority,
                f"policy {verdict.outcome.value}" if line is None else line.text,
                verdict.outcome,
                verdict.chain,
                None if state.unknown else state.mark,
                certain,
                0 if line is None else line.handle,
                matched,
                line is None,
            )
        )
        met = before
    return tuple(reversed(found))
