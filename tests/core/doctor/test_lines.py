"""What the doctor found, as lines."""

from __future__ import annotations

from dataclasses import replace

from lvstui.core.doctor.facts import Facts
from lvstui.core.doctor.lines import report_lines
from lvstui.core.doctor.questions import examine
from tests.build import pool, server
from tests.core.doctor.facts import healthy


def lines(facts: Facts, width: int = 80, *, every: bool = False) -> list[str]:
    return report_lines(examine(facts), facts.director, width, every=every)


def drained(services: int) -> Facts:
    return healthy(
        *(
            pool(f"tcp:192.0.2.{number}:80", server("10.0.0.11:80", weight=0), server(f"10.0.0.12:8{number}"))
            for number in range(10, 10 + services)
        )
    )


def test_the_same_of_many_services_is_said_once_with_an_example() -> None:
    text = " ".join(" ".join(lines(drained(9))).split())
    assert text.count("is on another port than the service") == 1
    assert "tcp:192.0.2.10:80, tcp:192.0.2.11:80, tcp:192.0.2.12:80, tcp:192.0.2.13:80 and 5 more: Is each" in text
    assert "such as: 10.0.0.12:810 is on another port" in text
    assert text.endswith("questions asked of 9 services: 9 wrong")


def test_what_few_services_differ_by_is_said_of_each() -> None:
    assert " ".join(lines(drained(3))).count("is on another port than the service") == 3


def test_text_from_outside_is_escaped() -> None:
    held = pool("tcp:192.0.2.10:80", replace(server("10.0.0.11:80", weight=0), name="a\x1b[2Jb"))
    for width in (40, 80):
        found = lines(healthy(held), width, every=True)
        assert max(map(len, found)) <= width
        assert "\x1b" not in "".join(found)
