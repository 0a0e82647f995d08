"""Each instruction does to registers what the kernel does."""

from __future__ import annotations

import pytest

from lvstui.core.packets.program import (
    Base,
    Branch,
    ByteOrder,
    Check,
    Choose,
    Combine,
    Compare,
    CopyMark,
    Element,
    Header,
    Immediate,
    Load,
    Map,
    Mark,
    Mask,
    Member,
    Named,
    Outcome,
    Shift,
    Swap,
    Verdict,
    Within,
    Write,
)
from lvstui.core.packets.scene import Surroundings
from lvstui.core.packets.walk import walk
from tests.core.packets.building import (
    ACCEPT,
    CONNECTION_MARK,
    DADDR,
    DPORT,
    DROP,
    IIFNAME,
    MARK,
    SPORT,
    Part,
    base,
    compare,
    contents,
    daddr,
    dport,
    iifname,
    number,
    packet,
    program,
    protocol,
    rule,
    set_mark,
)

WEB = "192.0.2.10:80"
WEB6 = "[2001:db8::10]:80"
CLIENT6 = "[2001:db8:1::1]:40000"


def mark(*parts: Part, order: ByteOrder = "little", service: str = WEB, source: str = "198.51.100.1:40000") -> int:
    """Return the mark that a packet has after one rule, which leaves nothing open."""
    way = walk(program(base(rule(*parts)), order=order), packet(source, service))
    assert way.certain
    return way.fates[0].mark


def marks(*parts: Part, protocol: int = 6, established: bool = False, local: bool = False) -> list[int]:
    """Return all marks that a packet may have after one rule."""
    hook = "output" if local else "prerouting"
    what = packet(protocol=protocol, established=established, local=local)
    return [fate.mark for fate in walk(program(base(rule(*parts), hook=hook)), what).fates]


@pytest.mark.parametrize("order", ["little", "big"])
def test_a_mark_is_a_number_of_the_machine(order: ByteOrder) -> None:
    assert mark(Immediate(4, number(80, order)), Write(4, MARK), order=order) == 80


@pytest.mark.parametrize(
    ("sign", "ports"),
    [
        ("==", [80]),
        ("!=", [79, 81]),
        ("<", [79]),
        ("<=", [79, 80]),
        (">", [81]),
        (">=", [80, 81]),
    ],
)
def test_comparisons_are_of_bytes_from_the_left(sign: str, ports: list[int]) -> None:
    found = [
        port
        for port in (79, 80, 81)
        if mark(dport(port), *[compare(DPORT, b"\0\x50", sign)], set_mark(1), service=f"192.0.2.10:{port}")
    ]
    assert found == ports


@pytest.mark.parametrize("negated", [False, True])
def test_within_counts_both_ends(negated: bool) -> None:
    def inside(port: int) -> bool:
        test = (Load(4, DPORT), Within(4, b"\0\x50", b"\0\x51", negated))
        return mark(test, set_mark(1), service=f"192.0.2.10:{port}") == 1

    assert [inside(port) != negated for port in (79, 80, 81, 82)] == [False, True, True, False]


def test_sixteen_bytes_are_compared_over_four_slots() -> None:
    assert mark(daddr("2001:db8::10"), set_mark(1), service=WEB6, source=CLIENT6) == 1
    assert mark(daddr("2001:db8::11"), set_mark(1), service=WEB6, source=CLIENT6) == 0


def test_a_mask_cuts_and_flips() -> None:
    net = (Load(4, DADDR), Mask(4, 4, b"\xff\xff\xff\0", b"\0\0\0\7"))
    assert mark(net, Write(4, MARK), order="big") == 0xC0000207


def test_a_mask_clears_what_of_a_slot_it_does_not_reach() -> None:
    assert mark(Immediate(4, b"\1\2\3\4"), Mask(4, 4, b"\xff\xff", b"\0\0"), Write(4, MARK), order="big") == 0x01020000


@pytest.mark.parametrize(("sign", "expected"), [("&", 0x00000204), ("|", 0x07070F0F), ("^", 0x07070D0B)])
def test_two_registers_are_combined(sign: str, expected: int) -> None:
    code = (Immediate(4, b"\5\3\6\5"), Immediate(5, b"\2\4\x0b\x0e"), Combine(4, 5, 6, 4, sign), Write(6, MARK))
    assert mark(code, order="big") == expected


@pytest.mark.parametrize("order", ["little", "big"])
def test_shifts_are_of_numbers_of_the_machine(order: ByteOrder) -> None:
    start = Immediate(4, number(0x00000180, order))
    assert mark(start, Shift(4, 5, 4, 8, True), Write(5, MARK), order=order) == 0x00018000
    assert mark(start, Shift(4, 5, 4, 4, False), Write(5, MARK), order=order) == 0x18
    assert mark(start, Shift(4, 5, 4, 0, False), Write(5, MARK), order=order) == 0x180


@pytest.mark.parametrize("order", ["little", "big"])
def test_what_a_shift_pushes_out_goes_into_the_next_slot(order: ByteOrder) -> None:
    start = Immediate(4, number(0x80000001, order) + number(0x40000002, order))
    assert mark(start, Shift(4, 8, 8, 1, True), Write(8, MARK), order=order) == 0x00000002
    assert mark(start, Shift(4, 8, 8, 2, True), Write(8, MARK), order=order) == 0x00000005
    assert mark(start, Shift(4, 8, 8, 1, False), Write(9, MARK), order=order) == 0xA0000001


def test_a_port_is_turned_into_a_number_of_the_machine() -> None:
    turned = (Load(4, DPORT), Swap(4, 4, 2, 2), Write(4, MARK))
    assert mark(turned) == 0x0050
    assert mark(Load(4, DPORT), Write(4, MARK)) == 0x5000
    assert mark(turned, order="big") == 0x00500000


def test_numbers_of_four_and_eight_bytes_are_turned_one_by_one() -> None:
    data = bytes(range(1, 9))
    assert mark(Immediate(4, data), Swap(4, 8, 8, 4), Write(9, MARK)) == int.from_bytes(data[4:], "big")
    assert mark(Immediate(4, data), Swap(4, 8, 8, 8), Write(8, MARK)) == int.from_bytes(data[4:], "big")


def test_members_of_a_set_are_found_by_value_range_and_rest() -> None:
    ports = contents(b"\0\x50", (b"\1\0", b"\1\xff"))

    def found(port: int, *, negated: bool = False) -> bool:
        test = (Load(4, DPORT), Member(4, ports, negated))
        return mark(test, set_mark(1), service=f"192.0.2.10:{port}") == 1

    assert [found(port) for port in (79, 80, 81, 255, 256, 300, 511, 512)] == [0, 1, 0, 0, 1, 1, 1, 0]
    assert [found(port, negated=True) for port in (79, 80, 300)] == [1, 0, 0]


def test_joined_keys_are_found_field_by_field() -> None:
    vips = contents(
        (b"\xc0\0\2\0" + b"\0\x50\0\0", b"\xc0\0\2\xff" + b"\0\x51\0\0"),
        b"\xc0\0\3\1" + b"\1\xbb\0\0",
        parts=(4, 2),
    )

    def found(service: str) -> bool:
        return mark((Load(4, DADDR), Load(5, DPORT), Member(4, vips)), set_mark(1), service=service) == 1

    assert found("192.0.2.10:80")
    assert found("192.0.2.255:81")
    assert not found("192.0.2.10:82")  # though the whole key lies between the ends
    assert not found("192.0.3.1:80")
    assert found("192.0.3.1:443")


def test_a_map_puts_its_value_into_a_register_and_does_not_match_without_one() -> None:
    ports = contents(Element(b"\0\x50", b"\0\x50", number(80)), Element(b"\1\xbb", b"\1\xbb", number(443)))
    code = (Load(4, DPORT), Map(4, ports, 4), Write(4, MARK), set_mark(1, CONNECTION_MARK), ACCEPT)
    assert [mark(*code, service=f"192.0.2.10:{port}") for port in (80, 443, 81)] == [80, 443, 0]


def test_a_map_holds_something_for_all_other_keys() -> None:
    ports = contents(Element(b"\0\x50", b"\0\x50", number(80)), Element(b"", b"", number(7), rest=True))
    code = (Load(4, DPORT), Map(4, ports, 4), Write(4, MARK))
    assert [mark(*code, service=f"192.0.2.10:{port}") for port in (80, 81)] == [80, 7]


def test_a_verdict_map_ends_the_rule_where_it_holds_a_verdict() -> None:
    ports = contents(Element(b"\0\x50", b"\0\x50", verdict=ACCEPT), Element(b"\0\x51", b"\0\x51", verdict=DROP))
    rules = program(base(rule(Load(4, DPORT), Branch(4, ports), set_mark(3)), rule(set_mark(1))))
    fates = [walk(rules, packet(service=f"192.0.2.10:{port}")).fates[0] for port in (80, 81, 82)]
    assert [(fate.outcome, fate.mark) for fate in fates] == [
        (Outcome.ACCEPT, 0),
        (Outcome.DROP, 0),
        (Outcome.ACCEPT, 1),
    ]


def test_few_numbers_that_cannot_be_foretold_are_each_followed() -> None:
    assert marks(Choose(4, 10, 12, "numgen random mod 3 offset 10"), Write(4, MARK)) == [10, 11, 12]


def test_of_many_the_bits_that_differ_are_unknown() -> None:
    way = walk(program(base(rule(Choose(4, 256, 511, "jhash"), Write(4, MARK)))), packet())
    assert [(fate.mark, fate.unknown) for fate in way.fates] == [(256, 255)]


def test_a_choice_that_a_map_turns_into_one_value_is_certain() -> None:
    everything = contents(Element(bytes(4), b"\xff" * 4, number(9)))
    assert mark(Choose(4, 0, 1, "numgen"), Map(4, everything, 4), Write(4, MARK)) == 9


def test_bytes_written_to_a_header_are_what_later_rules_and_ipvs_see() -> None:
    rules = program(base(rule(Immediate(4, b"\1\xbb"), Write(4, DPORT)), rule(dport(443), set_mark(1))))
    fate = walk(rules, packet()).fates[0]
    assert (fate.mark, fate.port) == (1, 443)


def test_unknown_bytes_written_to_a_header_are_unknown_there() -> None:
    rules = program(base(rule(Load(4, Named("meta cpu", 4)), Write(4, DADDR)), rule(daddr("192.0.2.10"), set_mark(1))))
    fates = walk(rules, packet()).fates
    assert [fate.mark for fate in fates] == [0, 1]
    assert fates[0].destination is None


@pytest.mark.parametrize(
    ("header", "data"),
    [
        (Header(Base.NETWORK, 0, 1), b"\x45"),
        (Header(Base.NETWORK, 9, 1), b"\6"),
        (Header(Base.NETWORK, 12, 4), b"\xc6\x33\x64\1"),
        (Header(Base.NETWORK, 16, 4), b"\xc0\0\2\x0a"),
        (Header(Base.TRANSPORT, 0, 4), b"\x9c\x40\0\x50"),
        (Header(Base.TRANSPORT, 13, 1), b"\2"),
    ],
)
def test_headers_hold_what_is_surely_known(header: Header, data: bytes) -> None:
    assert marks(compare(header, data), set_mark(1)) == [1]


@pytest.mark.parametrize("offset", [1, 2, 4, 8, 10])
def test_other_bytes_of_the_network_header_may_be_anything(offset: int) -> None:
    assert marks(compare(Header(Base.NETWORK, offset, 1), b"\7"), set_mark(1)) == [0, 1]


def test_a_packet_is_no_fragment() -> None:
    fragment = (Load(4, Header(Base.NETWORK, 6, 2)), Mask(4, 4, b"\x3f\xff", b"\0\0"))
    assert marks(fragment, Compare(4, "==", b"\0\0"), set_mark(1)) == [1]


@pytest.mark.parametrize(
    ("mask", "established", "expected"),
    [(2, False, [1]), (2, True, [0]), (16, False, [0]), (16, True, [1]), (4, True, [0]), (8, True, [0, 1])],
)
def test_flags_of_tcp_are_those_of_a_first_or_a_later_packet(mask: int, established: bool, expected: list[int]) -> None:
    flags = (Load(4, Header(Base.TRANSPORT, 13, 1)), Mask(4, 4, bytes((mask,)), b"\0"))
    assert marks(flags, Within(4, b"\0", b"\0", True), set_mark(1), established=established) == expected


def test_ports_are_there_for_udp_and_sctp_too_and_not_for_others() -> None:
    assert marks(dport(80), set_mark(1), protocol=17) == [1]
    assert marks(dport(80), set_mark(1), protocol=132) == [1]
    assert marks(dport(80), set_mark(1), protocol=47) == [0, 1]


def test_the_link_header_is_not_known_and_not_there_for_what_the_director_sends() -> None:
    ether = compare(Header(Base.LINK, 6, 6), b"\2\0\0\0\0\1")
    assert marks(ether, set_mark(1)) == [0, 1]
    assert marks(ether, set_mark(1), local=True) == [0]


def test_a_payload_is_unknown_with_tcp_and_lacking_with_sctp() -> None:
    payload = compare(Header(Base.INNER, 0, 2), b"GE")
    assert marks(payload, set_mark(1)) == [0, 1]
    assert marks(payload, set_mark(1), protocol=132) == [0]


@pytest.mark.parametrize(
    ("name", "size", "data"),
    [
        ("meta protocol", 2, b"\x08\0"),
        ("meta nfproto", 1, b"\2"),
        ("meta l4proto", 1, b"\6"),
        ("iifname", 16, b"eth0".ljust(16, b"\0")),
        ("oifname", 16, bytes(16)),
        ("oif", 4, bytes(4)),
        ("meta pkttype", 1, b"\0"),
    ],
)
def test_what_the_kernel_knows_of_a_packet(name: str, size: int, data: bytes) -> None:
    assert marks(compare(Named(name, size), data), set_mark(1)) == [1]


def test_what_the_director_sends_has_no_interface_that_it_came_in_by() -> None:
    assert marks(iifname(""), set_mark(1), local=True) == [1]
    assert marks(compare(Named("iif", 4, True), bytes(4)), set_mark(1), local=True) == [1]
    assert marks(Load(4, Named("iiftype", 2, True)), set_mark(1), local=True) == [0]
    assert marks(compare(Named("oifname", 16), b"eth0".ljust(16, b"\0")), set_mark(1), local=True) == [0, 1]


def test_what_comes_in_goes_nowhere_yet() -> None:
    assert marks(Load(4, Named("oiftype", 2, True)), set_mark(1)) == [0]


def test_the_number_of_an_interface_is_asked_of_the_surroundings() -> None:
    rules = program(base(rule(compare(Named("iif", 4, True), number(3)), set_mark(1))))
    assert [fate.mark for fate in walk(rules, packet()).fates] == [0, 1]
    known = Surroundings(interface_index=lambda name: {"eth0": 3}.get(name))
    assert [fate.mark for fate in walk(rules, packet(), known).fates] == [1]
    assert [fate.mark for fate in walk(rules, packet(interface="lo")).fates] == [0]


def test_the_kind_of_an_address_is_asked_of_the_surroundings() -> None:
    rules = program(base(rule(compare(Named("fib daddr type", 4, True), number(2)), set_mark(1))))
    assert [fate.mark for fate in walk(rules, packet()).fates] == [0, 1]
    local = Surroundings(address_type=lambda address: "local" if str(address) == "192.0.2.10" else "unicast")
    assert [fate.mark for fate in walk(rules, packet(), local).fates] == [1]
    assert [fate.mark for fate in walk(rules, packet(service="192.0.2.11:80"), local).fates] == [0]


def test_something_without_a_name_here_may_be_anything_or_lacking() -> None:
    assert marks(Load(4, Named("meta skuid", 4, True)), set_mark(1)) == [0, 1]


TCP = Check(("meta l4proto",), ((6, 6),))


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        (TCP, 1),
        (TCP._replace(negated=True), 0),
        (Check(("tcp dport",), ((80, 80), (443, 443))), 1),
        (Check(("tcp dport",), ((1, 79),), negated=True), 1),
        (Check(("udp dport",), ((80, 80),)), 0),
        (Check(("udp dport",), ((80, 80),), negated=True), 0),
        (Check(("th sport", "th dport"), ((80, 80),)), 1),
        (Check(("th sport", "th dport"), ((80, 80),), negated=True), 0),
        (Check(("th sport", "th dport"), ((81, 81),), negated=True), 1),
        (Check(("ip daddr",), ((0xC0000200, 0xC0000200),), mask=0xFFFFFF00), 1),
        (Check(("ip6 daddr",), ((0, 2**128 - 1),)), 0),
        (Check(("iifname",), ((int.from_bytes(b"eth".ljust(16, b"\0"), "big"),) * 2,), mask=0xFFFFFF << 104), 1),
        (Check(("tcp flags",), ((2, 2),), mask=0x17), 1),
        (Check(("ip protocol",), ((6, 6),)), 1),
        (Check(("meta mark",), ((0, 0),)), 1),
        (Check(("ct mark",), ((0, 0),)), 1),
        (Check(("ct state",), ((1, 8),), mask=8), 1),
        (Check(("ct state",), ((1, 2),), mask=2), 0),
    ],
)
def test_tests_of_iptables(test: Check, expected: int) -> None:
    rules = program(base(rule(test, Mark(1, 1)), priority=-150))
    way = walk(rules, packet())
    assert way.certain
    assert way.fates[0].mark == expected


def test_a_test_of_what_is_not_known_may_go_either_way() -> None:
    assert marks(Check(("ip ttl",), ((0, 10),)), Mark(1, 1)) == [0, 1]
    assert marks(Check(("ip ttl",), ((0, 255),)), Mark(1, 1)) == [1]
    assert marks(Check(("something else",), ((0, 10),)), Mark(1, 1)) == [0, 1]


def test_marks_of_iptables_are_cut_and_flipped() -> None:
    assert mark(Mark(0xF0, 0xFFFFFFFF), Mark(0x11, 0x10)) == 0xF0 & ~0x10 ^ 0x11


def test_a_connection_mark_that_is_set_is_shifted_in_the_end() -> None:
    rules = program(base(rule(Mark(0x12, 0xFF, True), Mark(0x1, 0xF, True, shift=4), Mark(0, 0, True, shift=-1))))
    assert walk(rules, packet()).fates[0].connection_mark == (0x11 << 4) >> 1


@pytest.mark.parametrize(("shift", "saved"), [(0, 0xA034), (8, 0xA000 ^ 0x3400), (-4, 0xA003)])
def test_a_mark_is_saved_cut_then_shifted_over_what_the_mask_clears(shift: int, saved: int) -> None:
    code = (Mark(0x1234, 0xFFFFFFFF), Mark(0xA000, 0xFFFFFFFF, True))
    rules = program(base(rule(*code, CopyMark(True, 0x0FFF, 0x00FF, shift))))
    assert walk(rules, packet()).fates[0].connection_mark == saved


def test_a_mark_is_restored_the_other_way_round() -> None:
    code = (Mark(0x1234, 0xFFFFFFFF, True), Mark(0xAB00, 0xFFFFFFFF))
    assert mark(*code, CopyMark(False, 0x00FF, 0x0FF0, -4)) == 0xAB00 ^ 0x23


def test_a_verdict_ends_the_rule() -> None:
    assert mark(set_mark(1), Verdict(Outcome.CONTINUE)) == 1
    assert mark(ACCEPT, set_mark(1)) == 0


def test_the_source_port_may_be_unknown() -> None:
    rules = program(base(rule(protocol(), compare(SPORT, b"\0\x14"), set_mark(1))))
    assert [fate.mark for fate in walk(rules, packet("198.51.100.1")).fates] == [0, 1]


def test_an_unknown_interface_may_be_any() -> None:
    rules = program(base(rule(compare(IIFNAME, b"eth0".ljust(16, b"\0")), set_mark(1))))
    assert [fate.mark for fate in walk(rules, packet(interface="")).fates] == [0, 1]


def test_an_interface_may_have_a_name_of_any_bytes() -> None:
    name = b"caf\xe9"
    rules = program(base(rule(compare(IIFNAME, name.ljust(16, b"\0")), set_mark(1))))
    it = packet(interface=name.decode(errors="surrogateescape"))
    assert [fate.mark for fate in walk(rules, it).fates] == [1]
