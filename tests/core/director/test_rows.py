"""The rows of the director view, what each says, and what an answer to each stages."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from lvstui.core.change import Change, change_daemon, change_sysctl, change_timeouts, merge
from lvstui.core.director.rows import (
    DIRECTOR_COLUMNS,
    LANGUAGE,
    DirectorLook,
    DirectorRow,
    Part,
    cells,
    keep,
    question,
    release,
    removal,
    rows,
    sentence,
)
from lvstui.core.fields import FieldError
from lvstui.core.model import Director, ServiceKey, SyncDaemon, SyncRole, Timeouts
from lvstui.core.observed import Info, Reading, ServerStats, Stats, TableStatus
from lvstui.core.record import Owner
from lvstui.core.snapshot import Host, Link, ProfileState, Snapshot
from lvstui.core.view.table import Cell, Tone
from tests.build import address_key, endpoint

MASTER = SyncDaemon(SyncRole.MASTER, "eth1", id=5, max_length=1472)
DIRECTOR = Director(
    timeouts=Timeouts(),
    sync={SyncRole.MASTER: MASTER},
    sysctl={"conntrack": "0", "expire_nodest_conn": "1", "brand_new": "7"},
)
EMPTY = DirectorLook()
SERVICE: ServiceKey = address_key("tcp:192.0.2.1:80")
TABLE = DirectorRow(Part.TABLE, "connections")


def snapshot(saved: Director | None = None, director: Director = DIRECTOR) -> Snapshot:
    reading = Reading(director, Info("1.2.1", 4096), 0.0)
    return Snapshot(reading, "demo", Host("lb1"), profile=ProfileState("p", saved is not None, saved=saved))


def texts(shown: Snapshot, row: DirectorRow, look: DirectorLook = EMPTY) -> list[str]:
    return [cell.text for cell in cells(shown, look, row)]


def test_every_part_has_a_heading_above_its_rows() -> None:
    shown = snapshot()
    listed = rows(shown, EMPTY)
    assert [row.part for row in listed if not row.name] == [p for p in Part if p is not Part.CPUS]
    assert DirectorRow(Part.SYNC, "master.port") in listed
    assert DirectorRow(Part.SYNC, "backup.port") not in listed
    assert [row.name for row in listed if row.part is Part.SYSCTL] == [
        "",
        "brand_new",
        "conntrack",
        "expire_nodest_conn",
    ]
    for row in listed:
        assert len(cells(shown, EMPTY, row)) == len(DIRECTOR_COLUMNS)
        assert bool(sentence(shown, EMPTY, row)) == bool(row.name)


def test_a_row_says_value_default_profile_and_sentence() -> None:
    shown = snapshot(Director(sysctl={"expire_nodest_conn": "1", "conntrack": "1"}))
    assert texts(shown, DirectorRow(Part.SYSCTL, "expire_nodest_conn"))[:4] == [
        "    expire_nodest_conn",
        "1",
        "0",
        "saved",
    ]
    assert cells(shown, EMPTY, DirectorRow(Part.SYSCTL, "expire_nodest_conn"))[1].tone is Tone.STRONG
    assert texts(shown, DirectorRow(Part.SYSCTL, "conntrack"))[1:4] == ["0", "0", "1"]
    assert cells(shown, EMPTY, DirectorRow(Part.SYSCTL, "conntrack"))[3].tone is Tone.WARN
    assert texts(shown, DirectorRow(Part.TIMEOUTS, "tcp"))[1:4] == ["900", "900", ""]
    assert texts(shown, DirectorRow(Part.SYSCTL, "brand_new"))[1:4] == ["7", "", ""]
    assert "does not know" in sentence(shown, EMPTY, DirectorRow(Part.SYSCTL, "brand_new"))
    assert "Takes 0 or 1" in sentence(shown, EMPTY, DirectorRow(Part.SYSCTL, "conntrack"))


def test_what_the_profile_leaves_to_the_kernel_of_a_daemon_counts_as_saved() -> None:
    shown = snapshot(Director(sync={SyncRole.MASTER: replace(MASTER, max_length=0, port=9000)}))
    assert texts(shown, DirectorRow(Part.SYNC, "master"))[1:4] == ["running", "stopped", "saved"]
    assert texts(shown, DirectorRow(Part.SYNC, "master.max_length"))[1:4] == ["1472", "", "saved"]
    assert texts(shown, DirectorRow(Part.SYNC, "master.port"))[1:4] == ["8848", "8848", "9000"]
    assert texts(shown, DirectorRow(Part.SYNC, "backup"))[1:4] == ["stopped", "stopped", "saved"]


def test_what_is_staged_stands_as_old_and_new() -> None:
    backup = SyncDaemon(SyncRole.BACKUP, "eth2")
    staged: tuple[Change, ...] = (change_sysctl("conntrack", "0", "1"), change_daemon(None, backup))
    look = DirectorLook(staged=staged)
    assert texts(snapshot(), DirectorRow(Part.SYSCTL, "conntrack"), look)[1] == "0->1"
    assert texts(snapshot(), DirectorRow(Part.SYNC, "backup"), look)[1] == "stopped->running"
    assert DirectorRow(Part.SYNC, "backup.interface") in rows(snapshot(), look)
    assert texts(snapshot(), DirectorRow(Part.SYNC, "backup.interface"), look)[1] == "none->eth2"


def test_what_only_the_profile_lets_go_or_takes_is_said_in_its_column() -> None:
    shown = snapshot(Director(timeouts=Timeouts(tcp=7), sysctl={"conntrack": "0"}))
    staged: tuple[Change, ...] = (change_sysctl("conntrack", "0", None), change_timeouts(Timeouts(), None))
    look = DirectorLook(staged=(*staged, keep(change_sysctl("brand_new", "7", "7"))))
    assert texts(shown, DirectorRow(Part.SYSCTL, "conntrack"), look)[1:4] == ["0", "0", "let go"]
    assert texts(shown, DirectorRow(Part.TIMEOUTS, "tcp"), look)[1:4] == ["900", "900", "let go"]
    assert texts(shown, DirectorRow(Part.SYSCTL, "brand_new"), look)[1:4] == ["7", "", "keep"]
    assert texts(shown, DirectorRow(Part.SYSCTL, "expire_nodest_conn"), look)[3] == ""
    assert keep(change_timeouts(Timeouts(), Timeouts())) == change_timeouts(None, Timeouts())
    again = question(DIRECTOR, staged, DirectorRow(Part.TIMEOUTS, "udp"))
    assert again is not None
    assert merge(staged, [again.change("9")])[-1] == change_timeouts(Timeouts(), Timeouts(udp=9))


def test_a_filter_keeps_the_rows_that_say_its_words_with_their_headings() -> None:
    look = DirectorLook(filter=LANGUAGE.parse("nodest"), folded=frozenset({Part.SYSCTL}))
    assert rows(snapshot(), look) == [DirectorRow(Part.SYSCTL), DirectorRow(Part.SYSCTL, "expire_nodest_conn")]
    listed = rows(snapshot(), DirectorLook(filter=LANGUAGE.parse("net.ipv4.vs !nodest")))
    assert [row.name for row in listed] == ["", "brand_new", "conntrack"]
    assert rows(snapshot(), DirectorLook(filter=LANGUAGE.parse("nothing-says-this"))) == []


def test_a_folded_part_shows_its_heading_only() -> None:
    look = DirectorLook(folded=frozenset({Part.SYSCTL}))
    assert [row for row in rows(snapshot(), look) if row.part is Part.SYSCTL] == [DirectorRow(Part.SYSCTL)]
    assert texts(snapshot(), DirectorRow(Part.SYSCTL), look)[0] == "▸ net.ipv4.vs"


def test_a_table_too_small_for_its_connections_says_what_to_do() -> None:
    shown = snapshot()
    key: ServiceKey = address_key("tcp:192.0.2.1:80")
    row = DirectorRow(Part.TABLE, "connections")
    for active, word in ((4096 * 4, "16.4k"), (100_000, "100k")):
        servers = {key: {endpoint("10.0.0.1:80"): ServerStats(active=active)}}
        full = replace(shown, reading=replace(shown.reading, servers=servers))
        assert texts(full, row)[1] == word
        assert ("conn_tab_bits=17" in sentence(full, EMPTY, row)) == (word == "100k")


def test_persistence_entries_fill_the_table_too() -> None:
    servers = {SERVICE: {endpoint("10.0.0.1:80"): ServerStats(active=10, sticky=60_000)}}
    full = replace(snapshot(), reading=replace(snapshot().reading, servers=servers))
    assert texts(full, TABLE)[1] == "60.0k"
    said = sentence(full, EMPTY, TABLE)
    assert "60.0k in a table of 4096 buckets, 14.7 in each (60.0k are persistence entries): every packet" in said
    assert "conn_tab_bits=16" in said


@pytest.mark.parametrize(
    ("size", "factor", "rows", "words"),
    [
        (0, "-4", 0, ("ip_vs", "its connection table comes with the first service")),
        (256, "-4", 0, ("ip_vs", "256 buckets now; it grows as it fills (conn_lfactor), to 2^conn_tab_bits of them")),
        (4096, "", 0, ("ip_vs", "a connection table of 4096 buckets (conn_tab_bits)")),
        (0, "-4", 0, ("connections", "0 in a table of 0 buckets, 0.0 in each")),
        (4096, "-4", 1_000_000, ("connections", "244.1 in each: every packet walks such a chain")),
        (4096, "-4", 1_000_000, ("connections", "load ip_vs with conn_tab_bits=20")),
        (4096, "6", 200_000, ("connections", "lower conn_lfactor, which lets the table get so full (it is 6")),
    ],
)
def test_a_table_that_grows_is_worded_as_it_is_now(size: int, factor: str, rows: int, words: tuple[str, str]) -> None:
    """Linux 7.2: the size that the kernel names is that of this moment."""
    director = replace(DIRECTOR, sysctl={"conn_lfactor": factor} if factor else {})
    reading = Reading(director, Info("1.2.1", size), 0.0, table=TableStatus(rows, size))
    shown = replace(snapshot(), reading=reading)
    assert words[1] in sentence(shown, EMPTY, DirectorRow(Part.TABLE, words[0]))


def test_owners_links_and_cpus_have_their_rows() -> None:
    base = snapshot()
    shown = replace(
        base,
        owners=(Owner("keepalived", 7, "/etc/k.conf", frozenset()), Owner("kube-proxy", 8), Owner("lvstui", 9)),
        host=Host("lb1", cpu=91.0, links=(Link("eth0", 1000, in_bytes=5e6), Link("eth1", in_drops=3.0))),
        reading=replace(base.reading, cpus=(Stats(in_packets=30), Stats(in_packets=10))),
    )
    assert [row.name for row in rows(shown, EMPTY) if row.part is Part.TABLE][4:] == ["owner 7", "owner 8", "owner 9"]
    assert "0 services by /etc/k.conf" in sentence(shown, EMPTY, DirectorRow(Part.TABLE, "owner 7"))
    assert "every service" in sentence(shown, EMPTY, DirectorRow(Part.TABLE, "owner 8"))
    assert "another lvstui" in sentence(shown, EMPTY, DirectorRow(Part.TABLE, "owner 9"))
    assert cells(shown, EMPTY, DirectorRow(Part.HOST, "cpu"))[1] == Cell("91%", Tone.WARN)
    assert texts(shown, DirectorRow(Part.HOST, "link eth0"))[1] == "5.0MB/s in"
    assert cells(shown, EMPTY, DirectorRow(Part.HOST, "link eth1"))[1] == Cell("3 drops/s", Tone.BAD)
    assert [texts(shown, DirectorRow(Part.CPUS, name))[1] for name in "01"] == ["75%", "25%"]
    assert "since IPVS was loaded" in sentence(shown, EMPTY, DirectorRow(Part.CPUS, "0"))


@pytest.mark.parametrize("name", ["cpu", "softirq", "memory"])
def test_a_load_that_cannot_be_read_is_a_dash(name: str) -> None:
    shown = replace(snapshot(), host=Host("", None, None, None))
    assert texts(shown, DirectorRow(Part.HOST, name))[1] == "-"
    assert "not readable in /proc" in sentence(shown, EMPTY, DirectorRow(Part.HOST, name))


def test_what_proc_does_not_show_has_no_rows() -> None:
    bare = snapshot(director=Director())
    assert {row.part for row in rows(bare, EMPTY)} == {Part.TABLE, Part.HOST}


@pytest.mark.parametrize(
    ("row", "text", "change"),
    [
        (DirectorRow(Part.TIMEOUTS, "tcp"), "600", change_timeouts(Timeouts(), Timeouts(tcp=600))),
        (DirectorRow(Part.TIMEOUTS, "tcp_fin"), "60", change_timeouts(Timeouts(), Timeouts(tcp_fin=60))),
        (DirectorRow(Part.TIMEOUTS, "udp"), "30", change_timeouts(Timeouts(), Timeouts(udp=30))),
        (DirectorRow(Part.SYSCTL, "conntrack"), " 1 ", change_sysctl("conntrack", "0", "1")),
        (DirectorRow(Part.SYSCTL, "brand_new"), "x y", change_sysctl("brand_new", "7", "x y")),
        (DirectorRow(Part.SYNC, "backup"), "eth2", change_daemon(None, SyncDaemon(SyncRole.BACKUP, "eth2"))),
        (DirectorRow(Part.SYNC, "master"), "eth2", change_daemon(MASTER, replace(MASTER, interface="eth2"))),
        (DirectorRow(Part.SYNC, "master.id"), "7", change_daemon(MASTER, replace(MASTER, id=7))),
        (DirectorRow(Part.SYNC, "master.ttl"), "7", change_daemon(MASTER, replace(MASTER, ttl=7))),
        (DirectorRow(Part.SYNC, "master.port"), "7", change_daemon(MASTER, replace(MASTER, port=7))),
        (DirectorRow(Part.SYNC, "master.max_length"), "999", change_daemon(MASTER, replace(MASTER, max_length=999))),
        (
            DirectorRow(Part.SYNC, "master.group"),
            "224.0.0.90",
            change_daemon(MASTER, replace(MASTER, group=IPv4Address("224.0.0.90"))),
        ),
    ],
)
def test_an_answer_becomes_a_change(row: DirectorRow, text: str, change: Change) -> None:
    found = question(DIRECTOR, (), row)
    assert found is not None
    assert found.wrong(text, DIRECTOR) == ""
    assert found.change(text) == change


@pytest.mark.parametrize(
    ("row", "text", "part"),
    [
        (DirectorRow(Part.TIMEOUTS, "tcp"), "0", "at least 1"),
        (DirectorRow(Part.TIMEOUTS, "tcp"), "soon", "whole number"),
        (DirectorRow(Part.SYSCTL, "conntrack"), "on", "must be 0 or 1"),
        (DirectorRow(Part.SYNC, "master.group"), "10.0.0.1", "multicast"),
        (DirectorRow(Part.SYNC, "master.id"), "256", "0 to 255"),
    ],
)
def test_a_wrong_answer_is_said(row: DirectorRow, text: str, part: str) -> None:
    found = question(DIRECTOR, (), row)
    assert found is not None
    assert part in found.wrong(text, DIRECTOR)


@pytest.mark.parametrize(
    "row", [DirectorRow(Part.HOST, "cpu"), DirectorRow(Part.TIMEOUTS), DirectorRow(Part.TABLE, "connections")]
)
def test_what_can_only_be_seen_has_no_question(row: DirectorRow) -> None:
    assert question(DIRECTOR, (), row) is None


def test_a_second_answer_goes_on_from_the_first_and_keeps_what_was_seen() -> None:
    row = DirectorRow(Part.TIMEOUTS, "tcp")
    first = merge((), [change_timeouts(Timeouts(), Timeouts(udp=30))])
    found = question(DIRECTOR, first, row)
    assert found is not None
    assert merge(first, [found.change("600")]) == (change_timeouts(Timeouts(), Timeouts(tcp=600, udp=30)),)

    started = merge(first, [change_daemon(None, SyncDaemon(SyncRole.BACKUP, "eth2"))])
    option = question(DIRECTOR, started, DirectorRow(Part.SYNC, "backup.id"))
    assert option is not None
    staged = merge(started, [option.change("9")])
    assert staged == (*first, change_daemon(None, SyncDaemon(SyncRole.BACKUP, "eth2", id=9)))
    assert merge(staged, [change_sysctl("conntrack", "0", "1")])[:2] == staged

    twice = merge((), [change_sysctl("conntrack", "0", "1"), change_sysctl("conntrack", "1", "2")])
    assert twice == (change_sysctl("conntrack", "0", "2"),)


def test_a_daemon_that_runs_can_be_stopped_and_what_is_managed_let_go() -> None:
    assert removal(DIRECTOR, DirectorRow(Part.SYNC, "master.id")) == change_daemon(MASTER, None)
    assert removal(DIRECTOR, DirectorRow(Part.SYNC, "backup")) is None
    assert removal(DIRECTOR, DirectorRow(Part.SYSCTL, "conntrack")) is None
    assert removal(DIRECTOR, DirectorRow(Part.SYNC)) is None
    saved = Director(timeouts=Timeouts(), sysctl={"conntrack": "0"})
    assert release(DIRECTOR, saved, DirectorRow(Part.SYSCTL, "conntrack")) == change_sysctl("conntrack", "0", None)
    assert release(DIRECTOR, saved, DirectorRow(Part.TIMEOUTS, "udp")) == change_timeouts(Timeouts(), None)
    assert release(DIRECTOR, saved, DirectorRow(Part.SYSCTL, "brand_new")) is None
    assert release(DIRECTOR, None, DirectorRow(Part.TIMEOUTS, "udp")) is None


@pytest.mark.parametrize(("row", "label"), [("backup", "start the backup on"), ("master.interface", "master")])
def test_an_interface_is_asked_for_with_those_there_are_and_no_other_is_taken(row: str, label: str) -> None:
    found = question(DIRECTOR, (), DirectorRow(Part.SYNC, row), ("eth0", "eth1", "lo"))
    assert found is not None
    assert found.label == f"{label} interface (eth0 eth1 lo)"
    assert found.wrong("eth0", DIRECTOR) == ""
    assert found.wrong("ethX", DIRECTOR) == "no ethX here: eth0 eth1 lo"
    assert found.wrong("eth", DIRECTOR) == "no eth here: eth0 eth1"
    with pytest.raises(FieldError, match="interface: no ethX"):
        found.change("ethX")


def test_of_many_interfaces_the_prompt_names_the_first_as_text_and_any_of_them_is_taken() -> None:
    names = ("eth0", "bond\x1b", *(f"veth{number}" for number in range(500)))
    found = question(DIRECTOR, (), DirectorRow(Part.SYNC, "backup"), names)
    assert found is not None
    assert found.label == "start the backup on interface (eth0 bond\\x1b veth0 ...)"
    assert found.wrong("veth499", DIRECTOR) == ""


def test_a_change_of_a_field_that_cannot_be_raises_where_it_is_made() -> None:
    found = question(DIRECTOR, (), DirectorRow(Part.SYNC, "backup"))
    assert found is not None
    with pytest.raises(FieldError, match="interface"):
        found.change("a name far too long for Linux")
