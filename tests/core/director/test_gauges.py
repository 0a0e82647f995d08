"""Gauges of the connection table and of the machine: bars, or words where there is no room."""

from __future__ import annotations

from dataclasses import replace

from lvstui.core.director.gauges import gauges, in_one_line
from lvstui.core.observed import TableStatus
from lvstui.core.snapshot import Conntrack, Host, Link, Snapshot
from lvstui.core.view.glyphs import UNICODE
from lvstui.core.view.table import Tone
from tests.build import director, snapshot

HOST = Host("lb1", 12.0, 71.0, 20.0, (Link("eth0", 1000, in_bytes=5e6), Link("eth1", 1000, in_drops=3.0)))


def seen(rows: int = 4096 * 2) -> Snapshot:
    shown = snapshot(director())
    return replace(shown, host=HOST, reading=replace(shown.reading, table=TableStatus(rows, 4096)))


def test_gauges_show_how_many_connections_are_in_a_bucket_and_how_busy_the_machine_is() -> None:
    lines = [[cell.text.strip() for cell in line] for line in gauges(seen(), 80, UNICODE)]
    assert lines[0] == ["connections", "8,192", f"⣶⣶|⣶⣶{'⠄' * 15}", "2.0 a bucket"]
    assert ["softirq", "71 %", f"{'⣶' * 14}{'⠄' * 6}", "busy"] in lines
    assert ["link eth1", "0B/s", "⠄" * 20, "3 drops/s"] in lines


def test_wide_screens_have_two_columns_of_gauges() -> None:
    assert len(gauges(seen(), 120, UNICODE)) < len(gauges(seen(), 80, UNICODE))
    assert {len(line) for line in gauges(seen(), 120, UNICODE)[:1]} == {8}


def test_in_one_line_stands_first_what_is_busy_and_only_what_fits() -> None:
    shown = in_one_line(seen(), 78)
    assert [cell.text for cell in shown][:2] == ["softirq 71 % busy", "link eth1 0B/s 3 drops/s"]
    assert [cell.tone for cell in shown][:2] == [Tone.WARN, Tone.WARN]
    assert "connections 8,192 2.0 a bucket" in [cell.text for cell in shown]
    assert len("  ".join(cell.text for cell in shown)) <= 78


def test_each_of_a_few_cpus_has_its_softirq_and_of_many_the_busiest() -> None:
    few = replace(seen(), host=replace(HOST, softirqs=(6.0, 71.0)))
    lines = [[cell.text.strip() for cell in line] for line in gauges(few, 80, UNICODE)]
    assert [line[:2] + line[3:] for line in lines if line[0].startswith("softirq")] == [
        ["softirq 0", "6 %", ""],
        ["softirq 1", "71 %", "busy"],
    ]
    many = replace(seen(), host=replace(HOST, softirqs=(1.0,) * 60 + (9.0, 8.0, 90.0, 7.0)))
    labels = [line[0].text.strip() for line in gauges(many, 80, UNICODE)]
    assert [label for label in labels if label.startswith("softirq")] == [f"softirq {cpu}" for cpu in range(60, 64)]
    assert in_one_line(many, 78)[0].text == "softirq 62 90 % busy"


def test_the_table_of_conntrack_has_a_gauge_which_warns_before_it_is_full() -> None:
    tracked = replace(seen(), host=replace(HOST, conntrack=Conntrack(18100, 262144)))
    lines = [[cell.text.strip() for cell in line] for line in gauges(tracked, 80, UNICODE)]
    assert ["conntrack", "18.1k", f"⣶⡆{'⠄' * 18}", "of 262k"] in lines
    full = replace(seen(), host=replace(HOST, conntrack=Conntrack(250000, 262144)))
    assert "conntrack 250k nearly full" in [cell.text for cell in in_one_line(full, 78)][:3]
