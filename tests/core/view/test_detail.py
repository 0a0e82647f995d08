"""How the blocks of a detail are laid out."""

from __future__ import annotations

from lvstui.core.view.detail import Line, columns, labelled, pairs, paragraph
from lvstui.core.view.table import Cell


def text(lines: list[Line]) -> list[str]:
    return ["".join(cell.text for cell in line) for line in lines]


def test_a_long_text_stands_beside_its_label_on_as_many_lines_as_it_needs() -> None:
    assert text(labelled("Note", "ask the shop team first", 20)) == ["Note    ask the shop", "        team first"]


def test_words_and_values_stand_in_columns_and_what_is_long_has_a_line_of_its_own() -> None:
    found = [("forwarding", "masq"), ("weight", "3"), ("upper", "4,000"), ("probe", "http path /health status 200")]
    assert [line.rstrip() for line in text(pairs(found, 42, 2))] == [
        "forwarding  masq      weight      3",
        "upper       4,000",
        "probe       http path /health status 200",
    ]
    assert all(len(line) <= 42 for line in text(pairs(found, 42, 2)))


def test_numbers_stand_below_their_heads_and_the_last_fall_away_where_there_is_no_room() -> None:
    rows = [[Cell("total"), Cell("1.20M"), Cell("18.4M")], [Cell("a second"), Cell("10"), Cell("21")]]
    heads, lines = columns(["conns", "in"], rows, 24)
    assert heads == "conns     in"
    assert text(lines) == ["total       1.20M  18.4M", "a second       10     21"]
    heads, lines = columns(["conns", "in"], rows, 16)
    assert heads == "conns"
    assert text(lines) == ["total      1.20M", "a second      10"]


def test_what_others_wrote_is_escaped_before_it_is_measured() -> None:
    (line,) = labelled("Note", "a\x1b[31mb", 40)
    assert "\x1b" not in "".join(cell.text for cell in line)


def test_what_is_indented_goes_on_deeper_and_prose_at_the_edge() -> None:
    text = "conditions: tcp dport 80 and ip saddr 10.0.0.0/8"
    assert [line.text for (line,) in paragraph(f"  {text}", 30)] == [
        "  conditions: tcp dport 80 and",
        "    ip saddr 10.0.0.0/8",
    ]
    assert [line.text for (line,) in paragraph(text, 30)] == ["conditions: tcp dport 80 and", "ip saddr 10.0.0.0/8"]
