"""What is not known is never guessed: both ways are followed, and never too many."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from lvstui.core.packets.bits import Bits
from lvstui.core.packets.packet import Packet
from lvstui.core.packets.program import (
    Ask,
    Branch,
    Check,
    Choose,
    Contents,
    CopyMark,
    Element,
    Immediate,
    Instruction,
    Line,
    Load,
    Map,
    Mark,
    Mask,
    Member,
    Named,
    Nat,
    Outcome,
    Program,
    Unread,
    Untrack,
    Verdict,
    Write,
)
from lvstui.core.packets.run import LIMIT
from lvstui.core.packets.sets import Lookup
from lvstui.core.packets.walk import Fate, Way, walk
from tests.core.packets.building import (
    ACCEPT,
    CONNECTION_MARK,
    DPORT,
    DROP,
    MARK,
    RETURN,
    SADDR,
    SPORT,
    base,
    chain,
    compare,
    contents,
    copy,
    daddr,
    dport,
    goto,
    iifname,
    jump,
    marked,
    number,
    or_mark,
    packet,
    program,
    protocol,
    rule,
    set_mark,
    sport,
    state,
)
from tests.core.strategies import laws

ASK = Ask("limit rate 1/second")

some = settings(laws, max_examples=20)
"""Few examples: drawing a program takes longer than walking through it."""


def marks(way: Way) -> list[int]:
    """Return the marks of all fates, in their order."""
    return [fate.mark for fate in way.fates]


def test_the_first_fate_is_the_one_where_nothing_that_is_unknown_matches() -> None:
    rules = program(base(rule(ASK, set_mark(80), ACCEPT), rule(set_mark(1)), rule(ASK, or_mark(2)), rule(or_mark(4))))
    assert marks(walk(rules, packet())) == [5, 80, 7]


def test_both_ways_to_the_same_mark_are_one() -> None:
    way = walk(program(base(rule(ASK, set_mark(80)), rule(set_mark(1)))), packet())
    assert (marks(way), way.certain) == ([1], True)


def test_a_way_is_certain_where_only_what_ipvs_does_not_see_is_open() -> None:
    rules = program(base(rule(ASK, set_mark(5, CONNECTION_MARK)), rule(set_mark(1))))
    way = walk(rules, packet())
    assert [(fate.mark, fate.connection_mark) for fate in way.fates] == [(1, 0), (1, 5)]
    assert way.certain
    dropped = walk(program(base(rule(ASK, or_mark(1), DROP), rule(DROP))), packet())
    assert (len(dropped.fates), dropped.certain) == (2, True)


def test_what_may_be_dropped_is_not_certain() -> None:
    way = walk(program(base(rule(ASK, DROP))), packet())
    assert [fate.outcome for fate in way.fates] == [Outcome.ACCEPT, Outcome.DROP]
    assert not way.certain


def test_an_instruction_that_is_not_understood_may_match_or_not() -> None:
    assert marks(walk(program(base(rule(Unread("xt hashlimit"), set_mark(1)))), packet())) == [0, 1]


def test_one_that_writes_marks_may_write_any() -> None:
    way = walk(program(base(rule(set_mark(5)), rule(Unread("xt ACME", marks=True)))), packet())
    assert [(fate.mark, fate.unknown) for fate in way.fates] == [(5, 0), (0, 0xFFFFFFFF)]
    assert way.fates[1].connection_unknown == 0xFFFFFFFF


def test_bits_of_a_mark_stay_known_where_others_are_not() -> None:
    choice = (Choose(4, 0, 255, "numgen"), Mask(4, 4, number(0xFFFFFF00), number(0x500)), Write(4, MARK))
    way = walk(program(base(rule(Choose(4, 0, 999, "jhash"), Write(4, MARK)), rule(choice))), packet())
    assert [(fate.mark, fate.unknown) for fate in way.fates] == [(0x500, 0)]


def test_a_test_of_known_bits_is_decided_though_others_are_unknown() -> None:
    some = (Load(4, MARK), Mask(4, 4, number(0x100), bytes(4)))
    rules = program(
        base(
            rule(Choose(4, 0, 255, "jhash"), Write(4, MARK)),
            rule(some, *compare(MARK, b"")[1:], set_mark(1)),
        )
    )
    assert marks(walk(rules, packet())) == [1]


def test_a_set_that_is_not_known_may_hold_the_key_or_not() -> None:
    some = contents(b"\0\x50", known=False)
    assert marks(walk(program(base(rule(Load(4, DPORT), Member(4, some), set_mark(1)))), packet())) == [0, 1]
    other = contents(b"\1\xbb", known=False)
    assert marks(walk(program(base(rule(Load(4, DPORT), Member(4, other, True), set_mark(1)))), packet())) == [0, 1]
    empty = Contents("s", 2, known=False)
    assert marks(walk(program(base(rule(Load(4, DPORT), Member(4, empty), set_mark(1)))), packet())) == [0, 1]


def test_a_map_that_is_not_known_may_hold_anything() -> None:
    some = contents(Element(b"\0\x50", b"\0\x50", number(80)), known=False)
    way = walk(program(base(rule(Load(4, DPORT), Map(4, some, 4), Write(4, MARK)))), packet())
    assert [(fate.mark, fate.unknown) for fate in way.fates] == [(0, 0), (0, 0xFFFFFFFF)]


def test_a_key_that_is_not_known_may_be_any_of_a_map() -> None:
    ports = contents(*(Element(bytes((0, n)), bytes((0, n)), number(n)) for n in (1, 2, 3)))
    way = walk(program(base(rule(Load(4, SPORT), Map(4, ports, 4), Write(4, MARK)))), packet("198.51.100.1"))
    assert marks(way) == [0, 1, 2, 3]


def test_of_many_values_of_a_map_the_common_bits_are_known() -> None:
    ports = contents(*(Element(bytes((0, n)), bytes((0, n)), number(0x100 + n)) for n in range(32)))
    way = walk(program(base(rule(Load(4, SPORT), Map(4, ports, 4), Write(4, MARK)))), packet("198.51.100.1"))
    assert [(fate.mark, fate.unknown) for fate in way.fates] == [(0, 0), (0x100, 31)]


def test_a_key_that_is_not_known_may_lead_to_any_verdict() -> None:
    ports = contents(
        Element(b"\0\1", b"\0\1", verdict=DROP),
        Element(b"\0\2", b"\0\2", verdict=jump("web")),
        Element(b"\0\3", b"\0\4", verdict=DROP),
    )
    rules = program(base(rule(Load(4, SPORT), Branch(4, ports))), chain("web", rule(set_mark(1))))
    way = walk(rules, packet("198.51.100.1"))
    assert [(fate.outcome, fate.mark) for fate in way.fates] == [
        (Outcome.ACCEPT, 0),
        (Outcome.DROP, 0),
        (Outcome.ACCEPT, 1),
    ]


def test_a_range_that_holds_all_that_a_key_may_be_holds_it() -> None:
    net = contents((b"\0\0", b"\xff\xff"))
    assert marks(walk(program(base(rule(Load(4, SPORT), Member(4, net), set_mark(1)))), packet("198.51.100.1"))) == [1]


def test_joined_keys_of_which_a_field_is_unknown_are_decided_by_the_others() -> None:
    pairs = contents(b"\xc6\x33\x64\1\0\1\0\0", b"\xc6\x33\x64\2\0\2\0\0", parts=(4, 2))

    def of(source: str) -> list[int]:
        code = (Load(4, SADDR), Load(5, SPORT), Member(4, pairs), set_mark(1))
        return marks(walk(program(base(rule(*code[:3], code[3]))), packet(source)))

    assert of("198.51.100.1") == [0, 1]
    assert of("198.51.100.9") == [0]
    assert of("198.51.100.2:2") == [1]


def test_fifty_questions_with_marks_of_their_own_take_no_time() -> None:
    start = time.process_time()
    way = walk(program(base(*(rule(ASK, set_mark(n + 1)) for n in range(50)))), packet())
    assert sorted(marks(way)) == list(range(51))
    way = walk(program(base(*(rule(ASK, or_mark(1 << n % 32)) for n in range(50)))), packet())
    assert time.process_time() - start < 1
    assert len(way.fates) <= LIMIT
    assert way.fates[0] == walk(Program(), packet()).fates[0]
    assert all(covered(mark, way) for mark in (1, 0x80000000, 0x12345678, 0xFFFFFFFF))


def test_many_choices_in_one_rule_take_no_time() -> None:
    code = [
        part
        for n in range(12)
        for part in (Choose(5, 0, 9, "numgen"), Load(4, MARK), Mask(4, 4, number(0xFFFFFFFF), number(1 << n)))
    ]
    start = time.process_time()
    walk(program(base(rule(*code, Write(5, MARK)))), packet())
    assert time.process_time() - start < 1


def test_many_destinations_of_nat_are_joined() -> None:
    nat = base(*(rule(ASK, Nat((n, n))) for n in range(2 * LIMIT)), kind="nat", priority=-100)
    way = walk(program(nat, base(rule(set_mark(1)), priority=0)), packet())
    assert len(way.fates) <= LIMIT
    assert None in {fate.destination for fate in way.fates}


def covered(mark: int, way: Way) -> bool:
    """Return whether a way says that a mark is possible."""
    return any(not (fate.mark ^ mark) & ~fate.unknown for fate in way.fates)


_TESTS: Sequence[Sequence[Instruction]] = (
    protocol(),
    protocol(17),
    daddr("192.0.2.10"),
    daddr("192.0.2.11", "!="),
    dport(80),
    dport(1024, ">="),
    sport(40000),
    iifname("eth0"),
    iifname("eth1", "!="),
    marked(1),
    marked(2, "!="),
    marked(1, source=CONNECTION_MARK),
    state(2),
    state(8),
    (Load(4, DPORT), Member(4, contents(b"\0\x50", (b"\1\0", b"\2\0")))),
    (Check(("tcp dport",), ((80, 90),), negated=True),),
    (Check(("meta mark",), ((1, 1),), mask=3),),
    (Check(("ct mark",), ((0, 0),), negated=True),),
)
_ACTIONS: Sequence[Sequence[Instruction]] = (
    set_mark(1),
    set_mark(2),
    or_mark(4),
    or_mark(8),
    set_mark(3, CONNECTION_MARK),
    copy(MARK, CONNECTION_MARK),
    copy(CONNECTION_MARK, MARK),
    (Mark(5, 7),),
    (CopyMark(True, 0xF, 0xF, 1),),
    (CopyMark(False, 0xFF, 0xF),),
    (Untrack(),),
    (ACCEPT,),
    (DROP,),
    (RETURN,),
    (jump("a"),),
    (jump("b"),),
    (goto("b"),),
    (Load(4, DPORT), Branch(4, contents(Element(b"\0\x50", b"\0\x50", verdict=jump("b"))))),
)


@st.composite
def _lines(draw: st.DrawFn, *unknown: Sequence[Instruction], deep: bool = True) -> Line:
    tests = draw(st.lists(st.sampled_from((*_TESTS, *unknown)), max_size=2))
    actions = _ACTIONS if deep else _ACTIONS[:14]
    return rule(*tests, *draw(st.lists(st.sampled_from(actions), max_size=2)))


@st.composite
def _programs(draw: st.DrawFn, *unknown: Sequence[Instruction]) -> Program:
    def chains(many: int, deep: bool = True) -> list[Line]:
        return draw(st.lists(_lines(*unknown, deep=deep), max_size=many))

    policy = draw(st.sampled_from((Outcome.ACCEPT, Outcome.DROP)))
    return program(
        base(*chains(4), priority=-300),
        base(*chains(5), priority=-150),
        base(*chains(3), hook="input", priority=0, policy=policy),
        chain("a", *(rule(*line.code) for line in chains(3, deep=False)), rule(dport(81), jump("b"))),
        chain("b", *chains(3, deep=False)),
    )


_PACKETS = st.builds(
    packet,
    st.sampled_from(("198.51.100.1:40000", "198.51.100.1:9")),
    st.sampled_from(("192.0.2.10:80", "192.0.2.11:443", "192.0.2.10:81")),
    st.sampled_from((6, 17)),
    interface=st.sampled_from(("eth0", "eth1")),
    connection_mark=st.sampled_from((None, 1)),
)


@some
@given(_programs(), _PACKETS)
def test_where_all_is_known_there_is_exactly_one_fate(rules: Program, it: Packet) -> None:
    (fate,) = walk(rules, it).fates
    assert not fate.unknown
    assert not fate.connection_unknown


@some
@given(_programs((ASK,)), _PACKETS, st.integers(0, 2**32 - 1))
def test_every_answer_to_what_is_unknown_is_among_the_fates(rules: Program, it: Packet, answers: int) -> None:
    way = walk(rules, it)
    decided = Decided(answers)
    (fate,) = walk(decided.program(rules), it).fates
    assert any(fits(fate, other) for other in way.fates), (fate, way.fates)


@some
@given(_programs((ASK,)), _PACKETS)
def test_the_first_fate_is_that_of_the_rules_without_those_that_ask(rules: Program, it: Packet) -> None:
    (fate,) = walk(Decided(0).program(rules), it).fates
    assert walk(rules, it).fates[0] == fate


@some
@given(_programs((ASK,)), _PACKETS)
def test_asking_for_steps_changes_no_fate(rules: Program, it: Packet) -> None:
    plain, told = walk(rules, it), walk(rules, it, steps=True)
    assert plain.fates == tuple(fate._replace(steps=()) for fate in told.fates)


@some
@given(_programs(), _PACKETS)
def test_what_is_not_known_of_a_packet_only_adds_fates(rules: Program, it: Packet) -> None:
    (fate,) = walk(rules, it).fates
    for less in (replace(it, interface=""), replace(it, source_port=None)):
        assert any(fits(fate, other) for other in walk(rules, less).fates)


def fits(fate: Fate, other: Fate) -> bool:
    """Return whether one fate is what another says, in which bits may be unknown."""
    return (
        fate.outcome is other.outcome
        and not (fate.mark ^ other.mark) & ~other.unknown
        and not (fate.connection_mark ^ other.connection_mark) & ~other.connection_unknown
    )


class Decided:
    """Answers each question of a program once and for all."""

    def __init__(self, answers: int) -> None:
        self.answers = answers

    def program(self, rules: Program) -> Program:
        """Return the program with its questions answered."""
        tables = dict.fromkeys(stop.table for stops in rules.hooks.values() for stop in stops)
        (one,) = tables
        return program(*(replace(part, lines=[self.line(line) for line in part.lines]) for part in one.chains.values()))

    def line(self, line: Line) -> Line:
        """Return a rule whose questions are answered: yes is no test, no is one that never holds."""
        return rule(*(part for one in line.code for part in self.answer(one)))

    def answer(self, instruction: Instruction) -> Sequence[Instruction]:
        """Return what an instruction becomes."""
        if not isinstance(instruction, Ask):
            return (instruction,)
        self.answers, yes = self.answers >> 1, self.answers & 1
        return () if yes else protocol(255)


def test_a_verdict_of_a_policy_and_one_of_a_rule_are_the_same_fate() -> None:
    rules = program(base(rule(ASK, Verdict(Outcome.DROP)), policy=Outcome.DROP))
    assert [fate.outcome for fate in walk(rules, packet()).fates] == [Outcome.DROP]


def test_a_field_that_may_be_lacking_and_is_not_looked_at_may_stop_the_rule() -> None:
    assert marks(walk(program(base(rule(Load(4, Named("socket mark", 4, True)), set_mark(1)))), packet())) == [0, 1]


@some
@given(_programs((ASK,)), _PACKETS, st.booleans())
def test_rules_do_the_same_when_no_test_stands_first(rules: Program, it: Packet, later: bool) -> None:
    (one,) = dict.fromkeys(stop.table for stops in rules.hooks.values() for stop in stops)
    nothing = Immediate(15, bytes(4))
    slower = program(
        *(replace(part, lines=[rule(nothing, *line.code) for line in part.lines]) for part in one.chains.values())
    )
    it = replace(it, interface="", source_port=None, established=later)
    assert walk(rules, it).fates == walk(slower, it).fates


_KEYS = st.tuples(st.integers(0, 15), st.integers(0, 15))


@some
@given(st.lists(st.tuples(_KEYS, _KEYS), max_size=6), _KEYS)
def test_joined_ranges_hold_the_keys_whose_every_field_is_inside(
    ranges: list[tuple[tuple[int, int], tuple[int, int]]], key: tuple[int, int]
) -> None:
    ends = [(min(a, c), min(b, d), max(a, c), max(b, d)) for (a, b), (c, d) in ranges]
    pairs = contents(*(((_pair(a, b)), (_pair(c, d))) for a, b, c, d in ends), parts=(2, 2))
    held = Lookup(replace(pairs, size=8)).find(Bits(int.from_bytes(_pair(*key), "big"))).elements
    assert bool(held) == any(a <= key[0] <= c and b <= key[1] <= d for a, b, c, d in ends)


def _pair(one: int, other: int) -> bytes:
    return one.to_bytes(2, "big") + bytes(2) + other.to_bytes(2, "big") + bytes(2)


def test_ten_thousand_networks_with_ports_are_looked_up_in_no_time() -> None:
    nets = contents(
        *(
            (bytes((10, n >> 8, n & 255, 0, 0, 80, 0, 0)), bytes((10, n >> 8, n & 255, 255, 0, 80, 0, 0)))
            for n in range(10_000)
        ),
        parts=(4, 2),
    )
    lookup = Lookup(nets)
    start = time.process_time()
    for n in range(1000):
        assert not lookup.find(Bits(n)).elements
        assert lookup.find(Bits(0x0A00000000500000 | n << 32)).elements
    assert time.process_time() - start < 0.5
