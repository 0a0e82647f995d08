"""Advice that says the same of many is one line with a count."""

from __future__ import annotations

from lvstui.core.advice import Advice, grouped
from lvstui.core.advice.services import advice, advice_lines
from lvstui.core.observed import Ruleset
from tests.build import director, pool, snapshot


def piece(about: str, sentence: str) -> Advice:
    return Advice(about, sentence, "why", "remedy")


def test_a_thousand_services_without_a_rule_are_one_line_and_a_thousand_pieces() -> None:
    held = director(*(pool(f"mark:{mark}", "10.0.0.1:0", "10.0.0.2:0") for mark in range(1, 1001)))
    seen = snapshot(held, rules=Ruleset())
    assert len(advice(seen)) == 1000
    (alike,) = advice_lines(seen)
    assert (alike.about, alike.sentence) == ("mark 1 and 999 more", "no rule sets it")
    assert advice_lines(seen)[0] is alike


def test_sentences_that_differ_by_numbers_say_the_same() -> None:
    found = [piece(f"mark {n}", f"a later rule sets {n + 1} instead, in ip mangle PREROUTING") for n in range(5)]
    (alike,) = grouped([*found[:2], *found[2:]])
    assert alike.sentence == "a later rule sets ... instead, in ip mangle PREROUTING"
    assert alike.pieces == tuple(found)


def test_few_stay_apart_and_the_order_of_what_is_worst_stays() -> None:
    few = [piece(f"mark {n}", "no rule sets it") for n in range(3)]
    other = piece("mark 9", "its rule is in a dormant table")
    assert [alike.pieces for alike in grouped([*few, other])] == [(one,) for one in (*few, other)]


def test_one_line_for_many_keeps_what_they_have_in_common() -> None:
    places = ("tcp:192.0.2.10:80", "tcp:192.0.2.10:443", "udp:192.0.2.10:53", "mark:80")
    found = [
        Advice(place, f"10.0.0.12:{port} is silent", "", "")
        for place, port in zip(places, (80, 443, 53, 0), strict=True)
    ]
    (alike,) = grouped(found)
    assert alike.sentence == "10.0.0.12 is silent"
    (alike,) = grouped([*found, Advice("mark:81", "10.0.0.13:0 is silent", "", "")])
    assert alike.sentence == "... is silent"
