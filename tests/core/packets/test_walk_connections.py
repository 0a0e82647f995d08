"""Connection tracking and NAT are where the kernel has them, and do for later packets what they did for the first."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from lvstui.core.packets.program import (
    Check,
    CopyMark,
    Element,
    Immediate,
    Load,
    Map,
    Mark,
    Named,
    Nat,
    Outcome,
    Program,
    Untrack,
)
from lvstui.core.packets.scene import Surroundings
from lvstui.core.packets.walk import Fate, walk
from tests.core.packets.building import (
    ACCEPT,
    CONNECTION_MARK,
    DADDR,
    DROP,
    MARK,
    base,
    chain,
    compare,
    contents,
    copy,
    daddr,
    dport,
    jump,
    marked,
    number,
    or_mark,
    packet,
    program,
    rule,
    set_mark,
    state,
    table,
)

INVALID, ESTABLISHED, NEW, UNTRACKED = 1, 2, 8, 64
ALL = 0xFFFFFFFF
BACKEND = int(ip_address("10.0.0.1"))


def only(what: Program, around: Surroundings | None = None, **kind: bool) -> Fate:
    """Return the only fate of a packet: a new one, or one that is `established` or `local`."""
    it = packet(established=kind.get("established", False), local=kind.get("local", False))
    way = walk(what, it, around or Surroundings())
    assert way.certain
    return way.fates[0]


def dnat(address: int | None = BACKEND, port: int | None = None) -> Nat:
    """Return a target of NAT that leaves no choice."""
    return Nat(None if address is None else (address, address), None if port is None else (port, port))


@pytest.mark.parametrize(
    ("priority", "early", "seen"),
    [(-300, None, INVALID), (-200, True, INVALID), (-200, False, NEW), (-199, None, NEW), (-150, None, NEW)],
)
@pytest.mark.parametrize("hook", ["prerouting", "output"])
def test_a_packet_has_its_connection_from_priority_minus_200_on(
    hook: str, priority: int, early: bool | None, seen: int
) -> None:
    rules = program(
        base(*(rule(state(bit), or_mark(bit)) for bit in (1, 2, 4, 8, 64)), hook=hook, priority=priority), early=early
    )
    assert only(rules, local=hook == "output").mark == seen


def test_at_minus_200_it_may_have_it_or_not_where_the_order_is_not_known() -> None:
    rules = program(base(rule(state(NEW), or_mark(1)), priority=-200), base(rule(state(NEW), or_mark(2))))
    assert sorted(fate.mark for fate in walk(rules, packet()).fates) == [2, 3]


def test_before_that_its_connections_mark_can_be_neither_read_nor_written() -> None:
    early = base(rule(copy(CONNECTION_MARK, MARK), ACCEPT), rule(set_mark(5, CONNECTION_MARK)), priority=-300)
    fate = only(program(early, base(rule(marked(0, source=CONNECTION_MARK), or_mark(2)))))
    assert (fate.mark, fate.connection_mark) == (2, 0)


def test_before_that_iptables_matches_and_targets_of_connections_do_nothing() -> None:
    rules = program(
        base(
            rule(Check(("ct mark",), ((0, 0),)), Mark(1, 1)),
            rule(Check(("ct mark",), ((0, 0),), negated=True), Mark(2, 2)),
            rule(Mark(4, 4), Mark(9, ALL, connection=True), CopyMark(True, ALL, ALL), CopyMark(False, ALL, ALL)),
            priority=-300,
        )
    )
    fate = only(rules)
    assert (fate.mark, fate.connection_mark) == (4, 0)


def test_what_is_kept_out_of_tracking_never_has_a_connection() -> None:
    raw = base(rule(Untrack()), priority=-300)
    rules = program(
        raw,
        base(
            rule(state(UNTRACKED), or_mark(1)),
            rule(state(NEW | INVALID), or_mark(2)),
            rule(marked(0, source=CONNECTION_MARK), or_mark(4)),
            rule(set_mark(7, CONNECTION_MARK)),
        ),
        base(rule(dnat()), kind="nat", priority=-100),
    )
    fate = only(rules)
    assert (fate.mark, fate.connection_mark, str(fate.destination)) == (1, 0, "192.0.2.10")


def test_it_is_too_late_to_keep_out_what_has_a_connection() -> None:
    assert only(program(base(rule(Untrack()), rule(state(NEW), or_mark(1))))).mark == 1


def test_at_ingress_there_is_no_connection_and_the_family_is_netdev() -> None:
    nfproto = compare(Named("meta nfproto", 1), b"\5")
    lines = (rule(state(INVALID), or_mark(1)), rule(nfproto, or_mark(2)))
    early = table(base(*lines, hook="ingress", devices=("eth0",)), family="netdev")
    assert only(program(early)).mark == 3


def test_the_connections_mark_of_a_new_one_is_nought_or_what_is_asked_for() -> None:
    rules = program(base(rule(copy(CONNECTION_MARK, MARK))))
    assert walk(rules, packet()).fates[0].mark == 0
    assert walk(rules, packet(connection_mark=7)).fates[0].mark == 7
    assert walk(rules, packet(established=True, connection_mark=8)).fates[0].mark == 8


SAVING = (
    rule(state(NEW), dport(80), set_mark(80, CONNECTION_MARK)),
    rule(copy(CONNECTION_MARK, MARK)),
)


def test_a_later_packet_gets_the_mark_that_the_first_one_left() -> None:
    assert only(program(base(*SAVING)), established=True).mark == 80


def test_a_mark_saved_after_ipvs_is_not_there() -> None:
    late = base(rule(set_mark(80, CONNECTION_MARK)), hook="input", priority=100)
    rules = program(base(rule(copy(CONNECTION_MARK, MARK))), late)
    assert only(rules, Surroundings(balanced=True), established=True).mark == 0
    assert only(rules, established=True).mark == 80


@pytest.mark.parametrize("hook", ["forward", "output", "postrouting"])
def test_what_rules_behind_ipvs_may_save_is_not_known(hook: str) -> None:
    behind = table(base(rule(jump("aside")), hook=hook), chain("aside", rule(Mark(6, 0xF, connection=True))))
    rules = program(base(rule(copy(CONNECTION_MARK, MARK))), behind)
    (fate,) = walk(rules, packet(established=True), Surroundings(balanced=True)).fates
    assert (fate.mark, fate.unknown) == (0, 0xF)


@pytest.mark.parametrize(("told", "mark"), [(None, 6), (7, 7)])
def test_an_answer_may_have_written_the_mark_unless_it_is_told(told: int | None, mark: int) -> None:
    answers = base(rule(set_mark(6, CONNECTION_MARK)), hook="output")
    rules = program(base(rule(copy(CONNECTION_MARK, MARK))), answers)
    assert walk(rules, packet(established=True, connection_mark=told)).fates[0].mark == mark


def test_where_ipvs_keeps_its_packets_from_tracking_each_is_the_first_of_a_connection() -> None:
    rules = program(
        base(
            rule(marked(0, "!=", CONNECTION_MARK), or_mark(1)),
            rule(state(NEW), or_mark(2)),
            rule(set_mark(80, CONNECTION_MARK)),
        ),
        base(rule(dnat()), kind="nat", priority=-100),
    )
    fate = only(rules, Surroundings(tracked=False), established=True)
    assert (fate.mark, str(fate.destination)) == (2, "10.0.0.1")
    assert only(rules, Surroundings(tracked=True), established=True).mark == 1


def test_a_later_packet_may_have_each_mark_that_the_first_one_may_have_left() -> None:
    maybe = Check(("ip ttl",), ((0, 63),))
    rules = program(base(rule(maybe, set_mark(80, CONNECTION_MARK)), rule(copy(CONNECTION_MARK, MARK))))
    marks = {fate.mark for fate in walk(rules, packet(established=True)).fates}
    assert marks == {0, 80}


def test_nothing_is_known_of_the_mark_of_a_connection_that_cannot_have_been_opened() -> None:
    rules = program(base(rule(state(NEW), DROP), rule(copy(CONNECTION_MARK, MARK))))
    (fate,) = walk(rules, packet(established=True)).fates
    assert (fate.outcome, fate.unknown) == (Outcome.ACCEPT, ALL)


def test_nat_sends_a_packet_elsewhere_when_all_its_chains_are_done() -> None:
    nat = base(rule(daddr("192.0.2.10"), dnat(port=8080)), kind="nat", priority=-100)
    seen = (rule(daddr("10.0.0.1"), dport(8080), or_mark(2)), rule(daddr("192.0.2.10"), or_mark(1)))
    before, after = base(*seen, priority=-150), base(*seen, priority=-99)
    fate = only(program(before, nat, after))
    assert (fate.mark, str(fate.destination), fate.port) == (3, "10.0.0.1", 8080)
    assert only(program(before, base(*seen, hook="input", priority=0), nat)).mark == 3


def test_chains_of_nat_run_at_minus_100_whatever_their_priority() -> None:
    nat = base(rule(dnat()), kind="nat", priority=-190)
    assert only(program(nat, base(rule(daddr("10.0.0.1"), or_mark(1)), priority=-150))).mark == 0
    assert only(program(nat, base(rule(daddr("10.0.0.1"), or_mark(1)), priority=-50))).mark == 1


def test_chains_of_nat_are_asked_until_one_has_decided() -> None:
    first = base(rule(dnat()), rule(or_mark(1)), kind="nat", priority=-100, name="first")
    second = base(rule(daddr("192.0.2.10"), or_mark(2)), kind="nat", priority=-90, name="second")
    assert only(program(first, second)).mark == 0
    undecided = base(rule(dport(81), dnat()), rule(or_mark(1), ACCEPT), kind="nat", priority=-100, name="first")
    assert only(program(undecided, second)).mark == 3


def test_chains_of_nat_may_drop() -> None:
    assert only(program(base(rule(DROP), kind="nat", priority=-100))).outcome is Outcome.DROP


def test_rules_of_nat_set_marks_of_first_packets_only_but_later_ones_go_to_the_same_place() -> None:
    rules = program(
        base(rule(or_mark(1)), rule(dnat()), kind="nat", priority=-100),
        base(rule(daddr("10.0.0.1"), or_mark(2)), priority=-50),
    )
    assert only(rules).mark == 3
    fate = only(rules, established=True)
    assert (fate.mark, str(fate.destination)) == (2, "10.0.0.1")


def test_nat_at_input_comes_after_ipvs() -> None:
    assert only(program(base(rule(or_mark(1)), hook="input", kind="nat", priority=-100))).mark == 0


def test_what_the_director_sends_is_translated_before_ipvs_takes_it() -> None:
    rules = program(base(rule(dnat()), hook="output", kind="nat", priority=-100))
    assert str(only(rules, local=True).destination) == "10.0.0.1"


def test_of_several_addresses_nothing_is_known_but_what_they_have_in_common() -> None:
    rules = program(
        base(rule(Nat((BACKEND - 1, BACKEND + 2))), kind="nat", priority=-100),
        base(
            rule(daddr("10.0.0.9"), or_mark(1)),
            rule(daddr("10.0.0.2"), or_mark(2)),
            priority=0,
        ),
    )
    fates = walk(rules, packet()).fates
    assert [fate.mark for fate in fates] == [0, 2]
    assert fates[0].destination is None


def test_a_redirect_leads_to_an_address_of_the_interface_or_to_the_loopback() -> None:
    redirect = Nat(None, (8080, 8080), redirect=True)
    fate = only(program(base(rule(redirect), kind="nat", priority=-100)))
    assert (fate.destination, fate.port) == (None, 8080)
    fate = only(program(base(rule(redirect), hook="output", kind="nat", priority=-100)), local=True)
    assert (str(fate.destination), fate.port) == ("127.0.0.1", 8080)


@pytest.mark.parametrize(
    ("interface", "destination", "to"),
    [
        ("eth0", "192.0.2.10", "10.0.0.1"),
        ("eth0", "2001:db8:1::10", "2001:db8::1"),
        ("eth0", "fe80::1", "fe80::10"),
        ("eth1", "192.0.2.10", None),
        ("eth1", "2001:db8:1::10", "fe80::11"),
        ("eth2", "2001:db8:1::10", None),
        ("lo", "2001:db8:1::10", "::1"),
    ],
)
def test_a_redirect_leads_to_the_first_fit_address_of_the_interface_or_nowhere(
    interface: str, destination: str, to: str | None
) -> None:
    held = {
        "eth0": ("10.0.0.1", "10.0.0.2", "::ffff:10.0.0.3", "2001:db8::1", "2001:db8::2", "fe80::10"),
        "eth1": ("fe80::11",),
        "eth2": ("10.0.0.4",),
        "lo": ("127.0.0.1", "::1"),
    }
    addresses = {name: tuple(map(ip_address, these)) for name, these in held.items()}
    it = replace(packet(interface=interface), destination=ip_address(destination), source=ip_address(destination))
    rules = program(base(rule(Nat(None, (8080, 8080), redirect=True)), kind="nat", priority=-100))
    (fate,) = walk(rules, it, Surroundings(addresses=addresses.get)).fates
    outcome, place = (Outcome.DROP, it.destination) if to is None else (Outcome.ACCEPT, ip_address(to))
    assert (fate.outcome, fate.destination) == (outcome, place)


def test_nat_of_the_other_version_lets_packets_pass() -> None:
    other = Nat((1, 1), version=6)
    assert str(only(program(base(rule(other), kind="nat", priority=-100))).destination) == "192.0.2.10"


def test_nat_may_take_its_destination_from_registers() -> None:
    vips = contents(Element(b"\xc0\0\2\x0a", b"\xc0\0\2\x0a", BACKEND.to_bytes(4, "big")))
    code = (Load(4, DADDR), Map(4, vips, 8), Immediate(9, b"\x1f\x90"), Nat((8, 8), (9, 9), registers=True))
    fate = only(program(base(rule(*code), kind="nat", priority=-100)))
    assert (str(fate.destination), fate.port) == ("10.0.0.1", 8080)


@pytest.mark.parametrize(("target", "bits"), [(dnat(), 32), (dnat(int(ip_address("192.0.2.10"))), 0)])
def test_the_status_says_whether_a_connection_goes_elsewhere(target: Nat, bits: int) -> None:
    status = (Load(4, Named("ct status", 4, host=True)), *state(32)[1:])
    rules = program(base(rule(target), kind="nat", priority=-100), base(rule(status, or_mark(32)), priority=0))
    assert only(rules).mark == bits
    assert only(rules, established=True).mark == bits


def test_the_original_addresses_of_a_connection_stay() -> None:
    original = compare(Named("ct original ip daddr", 4), b"\xc0\0\2\x0a")
    port = compare(Named("ct original proto-dst", 2), b"\0\x50")
    rules = program(
        base(rule(dnat(port=8080)), kind="nat", priority=-100),
        base(rule(original, or_mark(1)), rule(port, or_mark(2)), priority=0),
    )
    assert only(rules).mark == 3
    six = compare(Named("ct original ip6 daddr", 16), bytes(16), "!=")
    assert only(program(base(rule(six, or_mark(1))))).mark == 0


def test_a_chain_of_nat_may_jump_to_where_the_target_is() -> None:
    nat = base(rule(jump("services")), rule(or_mark(8)), kind="nat", priority=-100)
    fate = only(program(nat, chain("services", rule(or_mark(1), dnat()))))
    assert (fate.mark, str(fate.destination)) == (1, "10.0.0.1")


def test_numbers_of_a_big_machine_are_big() -> None:
    rules = program(base(rule(compare(CONNECTION_MARK, number(7, "big")), set_mark(1))), order="big")
    assert walk(rules, packet(connection_mark=7)).fates[0].mark == 1 << 24
