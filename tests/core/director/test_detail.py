"""The detail of a row of the director view, and the charts of the whole director."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from lvstui.core.change import change_sysctl, change_timeouts
from lvstui.core.director.detail import detail, whole
from lvstui.core.director.rows import DirectorLook, DirectorRow, Part, rows
from lvstui.core.model import Director, Service, SyncDaemon, SyncRole, Timeouts
from lvstui.core.observed import Stats
from lvstui.core.record import Kind, Record
from lvstui.core.snapshot import Host, Link, Snapshot
from lvstui.formats.equivalent import equivalent
from tests.build import SHOP, block_lines, pool, server, snapshot

RUNNING = Director(
    {SHOP: pool(Service(SHOP, name="shop"), server("10.0.0.1:443"))},
    timeouts=Timeouts(tcp=600),
    sync={SyncRole.MASTER: SyncDaemon(SyncRole.MASTER, "eth1", id=5)},
    sysctl={"conntrack": "0", "expire_nodest_conn": "1", "brand_new": "7"},
)
NODEST = DirectorRow(Part.SYSCTL, "expire_nodest_conn")
SHOWN = snapshot(RUNNING, saved=RUNNING)


def texts(shown: Snapshot, row: DirectorRow, width: int = 100) -> list[str]:
    """Return every title and line of the detail."""
    return block_lines(detail(shown, DirectorLook(), row, width, equivalent))


def test_a_setting_shows_its_sides_what_it_touches_and_the_command_to_its_default() -> None:
    lines = texts(SHOWN, NODEST)
    assert lines[0] == "expire_nodest_conn  net.ipv4.vs"
    assert all(word in lines[1] for word in ("value", "1", "default", "0", "profile", "saved, the same"))
    assert any("removed server" in line for line in lines)
    assert "It touches 1 service: shop." in lines
    assert lines[-2:] == ["To the default  e edits", "sysctl -w net.ipv4.vs.expire_nodest_conn=0"]
    at_default = texts(SHOWN, DirectorRow(Part.SYSCTL, "conntrack"))
    assert not any(line.startswith("To the default") for line in at_default)


def test_a_setting_shows_its_own_recent_changes() -> None:
    time = datetime(2026, 11, 22, 12, 30, 5, tzinfo=UTC)
    changes = (change_sysctl("expire_nodest_conn", "0", "1"), change_sysctl("conntrack", "1", "0"))
    shown = replace(SHOWN, changes=(Record(1, time, "alice", "", 42, Kind.DO, changes),))
    lines = texts(shown, NODEST)
    assert "Changes of expire_nodest_conn  UTC" in lines
    assert lines[-1].startswith("11-22 12:30  alice")
    assert lines[-1].endswith("0 -> 1")


def test_a_timeout_has_the_command_that_leaves_the_others_and_what_was_done_to_the_timeouts() -> None:
    lines = texts(snapshot(replace(RUNNING, timeouts=Timeouts(600, 120, 30))), DirectorRow(Part.TIMEOUTS, "tcp"))
    assert "ipvsadm --set 900 120 30" in lines
    time = datetime(2026, 11, 22, 12, 30, 5, tzinfo=UTC)
    done = Record(1, time, "alice", "", 42, Kind.DO, (change_timeouts(Timeouts(), Timeouts(tcp=600)),))
    assert "Changes of the timeouts  UTC" in texts(replace(SHOWN, changes=(done,)), DirectorRow(Part.TIMEOUTS, "udp"))


def test_a_running_daemon_shows_the_command_that_stops_it() -> None:
    lines = texts(SHOWN, DirectorRow(Part.SYNC, "master"))
    assert "Stop it  Del asks first" in lines
    assert lines[-1].startswith("ipvsadm --stop-daemon master")
    assert not any(line.startswith("Stop it") for line in texts(SHOWN, DirectorRow(Part.SYNC, "backup")))


def test_a_heading_counts_its_rows_and_names_those_that_are_not_at_their_default() -> None:
    lines = texts(SHOWN, DirectorRow(Part.SYSCTL))
    assert lines == ["net.ipv4.vs  3 rows", "Not at their default", "expire_nodest_conn 1, default 0"]
    assert texts(SHOWN, DirectorRow(Part.TIMEOUTS))[-1] == "tcp 600, default 900"


def test_a_link_shows_what_passes_it_and_how_much_of_its_speed_that_is() -> None:
    link = Link("eth0", 1000, in_bytes=5e6, in_drops=3.0)
    lines = texts(replace(SHOWN, host=Host("lb1", links=(link,))), DirectorRow(Part.HOST, "link eth0"))
    assert "Speed   1 Gbit/s, 4% of it in use" in lines
    assert any("drops in" in line and "3" in line for line in lines)


def test_the_softirq_of_the_host_is_split_by_cpu() -> None:
    lines = texts(replace(SHOWN, host=Host("lb1", softirqs=(6.0, 71.0))), DirectorRow(Part.HOST, "softirq"))
    assert lines[-2] == "By CPU  since the reading before"
    assert lines[-1].split() == ["cpu", "0", "6%", "cpu", "1", "71%"]


def test_the_whole_traffic_has_totals_and_charts_and_so_have_free_rows() -> None:
    total = Stats(connections=1000, connection_rate=7)
    shown = replace(SHOWN, reading=replace(SHOWN.reading, total=total))
    blocks = detail(shown, DirectorLook(), DirectorRow(Part.TABLE, "all services"), 100, equivalent)
    assert [len(block.charts) for block in blocks] == [0, 0, 2]
    (block,) = whole(shown, DirectorLook(), 100, 10)
    assert [chart.rows for chart in block.charts] == [4, 4]
    assert block.charts[0].now == 7
    unknown = replace(SHOWN, reading=replace(SHOWN.reading, total=None))
    assert whole(unknown, DirectorLook(), 100, 10) == ()


def test_every_row_has_a_detail() -> None:
    shown = replace(SHOWN, host=Host("lb1", links=(Link("eth0"),)), reading=replace(SHOWN.reading, cpus=(Stats(),)))
    for row in rows(shown, DirectorLook()):
        assert texts(shown, row)[0]
