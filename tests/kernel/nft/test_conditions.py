"""What rules of xtables ask, as tests that a packet's walk can run."""

from lvstui.core.packets.program import Ask, Check
from lvstui.kernel.nft.reading.conditions import check, in_words, match_bits, match_states, match_values, unknown
from lvstui.kernel.nft.reading.fields import MARK, TCP_FLAGS, address_field, port_field


def test_values_of_a_field_are_its_ranges() -> None:
    assert check(match_values(port_field(6, "dport"), ((80, 80), (443, 450)))) == Check(
        ("tcp dport",), ((80, 80), (443, 450))
    )


def test_other_values_are_all_the_ranges_between() -> None:
    assert check(match_values(port_field(6, "dport"), ((80, 80),), negated=True)) == Check(
        ("tcp dport",), ((0, 79), (81, 65535))
    )


def test_neither_of_two_ports_may_have_the_values_of_a_negated_condition() -> None:
    asked = match_values(port_field(17, "sport or dport"), ((53, 53),), negated=True)
    assert check(asked) == Check(("udp sport", "udp dport"), ((53, 53),), negated=True)


def test_bits_are_masked_before_they_are_compared() -> None:
    assert check(match_bits(MARK, 0xFF, 0x50, negated=True)) == Check(("meta mark",), ((0x50, 0x50),), True, 0xFF)


def test_flags_that_must_not_be_set_are_bits_too() -> None:
    assert check(match_bits(TCP_FLAGS, 6, 0, negated=False)) == Check(("tcp flags",), ((0, 0),), False, 6)


def test_the_first_bits_of_an_address_are_a_range() -> None:
    asked = match_bits(address_field(4, "daddr"), 0xFFFFFF00, 0xC0000200, negated=False)
    assert check(asked) == Check(("ip daddr",), ((0xC0000200, 0xC00002FF),))


def test_states_are_bits_of_which_one_is_set() -> None:
    assert check(match_states(("established", "new"), negated=True)) == Check(("ct state",), ((1, 10),), True, 10)


def test_a_translated_connection_is_seen_in_its_status() -> None:
    assert check(match_states(("dnat",), negated=False)) == Check(("ct status",), ((1, 32),), False, 32)


def test_states_of_both_kinds_cannot_be_tested() -> None:
    assert check(match_states(("new", "dnat"), negated=False)) == Ask("ct state new, dnat")


def test_what_only_words_say_is_asked() -> None:
    assert check(in_words("limit rate", "3/hour")) == Ask("limit rate 3/hour")
    assert check(unknown("-m bpf")) == Ask("-m bpf")
