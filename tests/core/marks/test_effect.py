"""What rules do with marks, in words."""

from __future__ import annotations

import pytest

from lvstui.core.marks.effect import effect_text, mark_set
from lvstui.core.marks.mark import OTHERS, by_mark
from lvstui.core.observed import ALL_BITS, Rule


def rule(verb: str, value: int | None = None, mask: int = ALL_BITS, bits: int = ALL_BITS, shift: int = 0) -> Rule:
    return Rule("nft", "ip", "mangle", "PREROUTING", verb=verb, value=value, mask=mask, bits=bits, shift=shift)


@pytest.mark.parametrize(
    ("done", "text"),
    [
        (rule("set", 80), "set 80"),
        (rule("set", 0x50, 0xFF), "set 0x50/0xff"),
        (rule("set", 0x4000, 0x4000), "turn on 0x4000"),
        (rule("set", 0, 0x4000), "turn off 0x4000"),
        (rule("set", 0x4000, 0), "flip 0x4000"),
        (rule("set", 0x350, 0xFF), "set 0x50/0xff, flip 0x300"),
        (rule("set", 0x300, 0xFF), "turn off 0xff, flip 0x300"),
        (rule("set", 0, 0), "keep all bits"),
        (rule("set", 0), "set 0"),
        (rule("save", 80), "save 80"),
        (rule("save", 1, 1), "save: turn on 0x1"),
        (rule("restore"), "restore"),
        (rule("restore", None, 0xFF, 0xFF), "restore 0xff"),
        (rule("restore", None, 0xFF, 0xFF00), "restore 0xff from 0xff00"),
        (rule("save", None, 0xFF00), "save 0xff00 from all bits"),
        (rule("restore", None, ALL_BITS, 0xFF), "restore from 0xff"),
        (rule("restore", None, 0xFF, 0xFF00, -8), "restore 0xff from 0xff00 >> 8"),
        (rule("save", shift=8), "save << 8"),
    ],
)
def test_what_becomes_of_a_mark_is_said_bit_by_bit(done: Rule, text: str) -> None:
    assert effect_text(done) == text


@pytest.mark.parametrize(
    ("done", "mark"),
    [
        (rule("set", 80), 80),
        (rule("set", 0x4000, 0x4000), 0x4000),
        (rule("set", 0x4000, 0), None),
        (rule("set", 0, 0xFF), None),
        (rule("save", 80), None),
        (rule("restore"), None),
    ],
)
def test_a_rule_that_only_clears_or_flips_bits_sets_no_mark(done: Rule, mark: int | None) -> None:
    assert mark_set(done) == mark
    assert list(by_mark((done,))) == [mark or OTHERS]
