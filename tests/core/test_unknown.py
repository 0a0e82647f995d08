"""What is not known is never shown as 0: without the right to ask, /proc shows connections, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lvstui.core.director import lines
from lvstui.core.marks.detail import detail
from lvstui.core.marks.rows import GroupRow
from lvstui.core.model import ServerKey
from lvstui.core.observed import MachineKey, RowKey, ServerStats, sum_known
from lvstui.core.services.columns import SERVICE_COLUMNS
from lvstui.core.services.filter import LANGUAGE
from lvstui.core.services.row import ServiceLook, row_of
from lvstui.core.services.rows import cells, columns
from lvstui.core.snapshot import Snapshot
from lvstui.core.view.head import totals
from lvstui.formats import json
from lvstui.kernel.procfs.table import parse
from tests.build import block_text, endpoint, snapshot, sticky_pool

PROC = """\
IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port Forward Weight ActiveConn InActConn
TCP  C000020A:01BB wlc persistent 30000 FFFFFFFF
  -> 0A00000B:01BB      Masq    1      3          4
  -> 0A00000C:01BB      Masq    0      0          0
FWM  00000050 wlc persistent 30000 FFFFFFFF
  -> 0A00000B:0000      Route   1      1          0
"""
WEB1 = endpoint("10.0.0.11:443")


@pytest.fixture
def seen() -> Snapshot:
    reading = replace(parse(PROC, 100, 0.0), total=None)
    return replace(snapshot(), reading=reading, origin="/proc/net/ip_vs")


def shown(seen: Snapshot, key: RowKey) -> dict[str, str]:
    look = ServiceLook()
    ids = [column.id for column in columns(look)]
    return dict(zip(ids, (cell.text for cell in cells(seen, look, key)), strict=True))


def test_entries_and_rates_of_servers_services_and_machines_are_blank_beside_their_connections(seen: Snapshot) -> None:
    key = next(iter(seen.reading.director.pools))
    for row, active in ((ServerKey(key, WEB1), "3"), (key, "3"), (MachineKey(WEB1.address), "4")):
        found = shown(seen, row)
        assert found["active"] == active
        assert [found[column] for column in ("sticky", "connections", "in", "out")] == [""] * 4
        values = {
            column.id: column.value and column.value(row_of(seen, ServiceLook(), row)) for column in SERVICE_COLUMNS
        }
        assert [values[column] for column in ("sticky", "connections", "in", "out")] == [None] * 4


def test_a_drained_server_whose_entries_are_not_known_is_not_done(seen: Snapshot) -> None:
    key = next(iter(seen.reading.director.pools))
    assert shown(seen, ServerKey(key, endpoint("10.0.0.12:443")))["state"] == "drain"


def test_no_filter_finds_what_is_not_known(seen: Snapshot) -> None:
    key = next(iter(seen.reading.director.pools))
    row = row_of(seen, ServiceLook(), ServerKey(key, WEB1))
    assert LANGUAGE.parse("active=3").holds(row)
    for term in ("sticky=0", "conn/s=0", "in<5", "out=0"):
        assert not LANGUAGE.parse(term).holds(row)


def test_json_has_null_in_its_place(seen: Snapshot) -> None:
    for pool in seen.reading.director.pools.values():
        table = json.observed_service(seen.reading, pool)
        assert (table["stats"], table["rates"]) == (None, None)
        servers = table["server"]
        assert isinstance(servers, list)
        for server in servers:
            assert (server["sticky"], server["stats"], server["rates"]) == (None, None, None)
            assert server["active"] is not None
            assert (server["upper"], server["lower"], server["tunnel"]) == (None, None, None)
        assert table["flags"] is None
    table = json.director(seen.reading, "", seen.reading.director)
    assert (table["connections"], table["sticky"], table["table_rows"], table["stats"]) == (8, None, None, None)


def test_the_head_line_and_the_director_say_nothing_of_it(seen: Snapshot) -> None:
    text = "  ".join(total.text for total in totals(seen))
    assert "2 services  3 servers" in text
    assert "conn/s" not in text
    assert "B/s" not in text
    assert "not known" in lines.connections(seen.reading).sentence
    assert "conn/s" not in lines.total(seen.reading.total).value.text


def test_a_mark_says_that_its_entries_are_not_known(seen: Snapshot) -> None:
    said = block_text(detail(seen, GroupRow(80), 78))
    assert "sticky not known" in said
    assert "1 active, 0 inactive, ok" in said


def test_a_sum_of_which_one_part_is_not_known_is_not_known() -> None:
    assert sum_known((1, None, 2)) is None
    assert sum_known((1, 2)) == 3
    pool = sticky_pool("tcp:192.0.2.10:443", "10.0.0.11:443", "10.0.0.12:443")
    counts = {WEB1: ServerStats(sticky=4), endpoint("10.0.0.12:443"): ServerStats(sticky=None, stats=None)}
    of = replace(snapshot().reading.director, pools={pool.service.key: pool})
    assert snapshot(of, servers={pool.service.key: counts}).reading.sticky is None
