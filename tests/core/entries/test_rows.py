"""What the persistence view shows: every entry once, groups that add up, and how complete it all is."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvstui.core import fields
from lvstui.core.entries.columns import LANGUAGE, SORTABLE, EntryGrouping, EntryLook, Group, left_text
from lvstui.core.entries.distribution import distribution
from lvstui.core.entries.groups import opens
from lvstui.core.entries.resolve import EntryKey
from lvstui.core.entries.rows import cells, columns, matching_entries, members, rows, summary
from lvstui.core.fields import FieldError
from lvstui.core.health.verdict import Trouble, Verdict
from lvstui.core.model import Pool, ServerKey
from lvstui.core.observed import Entry, Origin, Scan
from lvstui.core.services.row import service_state
from lvstui.core.snapshot import Snapshot
from lvstui.core.view.filter import only_address
from tests.build import connection, director, snapshot, sticky_pool
from tests.core.strategies import laws


def named(where: Pool, name: str) -> Pool:
    servers = {end: replace(server, name=f"web{place}") for place, (end, server) in enumerate(where.servers.items(), 1)}
    return Pool(replace(where.service, name=name), servers)


DIRECTOR = director(
    named(sticky_pool("tcp:192.0.2.10:80", "10.0.0.11:80", "10.0.0.12:80", mask="255.255.255.0"), "shop"),
    sticky_pool("mark:80", "10.0.0.21:0"),
)
KEYS = [("tcp:192.0.2.10:80", "10.0.0.11:80"), ("tcp:192.0.2.10:80", "10.0.0.12:80"), ("mark:80", "10.0.0.21:0")]


def snapshot_of(
    *drawn: tuple[int, int, int], running: bool = False, complete: bool = True, rows_read: int = 0
) -> Snapshot:
    entries = tuple(
        Entry(
            fields.service(KEYS[kind][0]),
            IPv4Address((0x0A010000 | client << 8) if kind < 2 else 0x0A020000 | client),
            fields.server(KEYS[kind][1]),
            "ASSURED",
            100.0 + left,
            origin=Origin.LOCAL,
        )
        for kind, client, left in drawn
    )
    scan = Scan(entries, (), 98.0, 99.0, rows_read or len(entries), 0, complete, running)
    return snapshot(DIRECTOR, taken=100.0, scan=scan)


_drawn = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 255), st.integers(0, 1000)),
    unique_by=lambda row: (row[0] == 2, row[1]),
)
_FILTERS = ("service=shop", "server=web1", "mark=80", "left<5m", "10.1.0.0/17", "web2", "state=ok")


@laws
@given(_drawn, st.sampled_from(SORTABLE), st.booleans())
def test_every_entry_is_a_row_exactly_once_in_whatever_order(
    drawn: list[tuple[int, int, int]], sort: str, descending: bool
) -> None:
    snapshot = snapshot_of(*drawn)
    look = EntryLook(sort=sort, descending=descending)
    shown = rows(snapshot, look)
    assert len(shown) == len(set(shown)) == len(drawn)
    for key in shown[:3]:
        assert len(cells(snapshot, look, key)) == len(columns(look))


@laws
@given(_drawn, st.sampled_from([grouping for grouping in EntryGrouping if grouping is not EntryGrouping.NONE]))
def test_the_entries_of_all_groups_add_up(drawn: list[tuple[int, int, int]], grouping: EntryGrouping) -> None:
    snapshot = snapshot_of(*drawn)
    look = EntryLook(grouping=grouping)
    groups = [key for key in rows(snapshot, look) if isinstance(key, Group)]
    below = [group for group in groups if isinstance(group.of, ServerKey)]
    for level in (below, [group for group in groups if group not in below]):
        assert sum(len(members(snapshot, look, group)) for group in level) == (len(drawn) if level else 0)
    unfolded = replace(look, turned=frozenset(group for group in groups if not opens(look, group)))
    assert sum(isinstance(key, EntryKey) for key in rows(snapshot, unfolded)) == len(drawn)


@laws
@given(_drawn, st.sampled_from(_FILTERS))
def test_a_filter_and_its_opposite_share_out_all_entries(drawn: list[tuple[int, int, int]], text: str) -> None:
    snapshot = snapshot_of(*drawn)
    yes = matching_entries(snapshot, EntryLook(filter=LANGUAGE.parse(text)))
    no = matching_entries(snapshot, EntryLook(filter=LANGUAGE.parse(f"!{text}")))
    assert len(yes) + len(no) == len(drawn)
    assert yes.keys().isdisjoint(no)


@pytest.mark.parametrize(
    ("text", "client"),
    [("10.1.7.99", "10.1.7.0"), ("10.1.7.0", "10.1.7.0"), ("10.2.0.9", "10.2.0.9")],
)
def test_an_address_finds_the_entry_that_it_falls_under(text: str, client: str) -> None:
    snapshot = snapshot_of((0, 7, 60), (1, 8, 60), (2, 9, 60))
    here = matching_entries(snapshot, EntryLook(filter=LANGUAGE.parse(text))).values()
    assert [str(row.entry.client) for row in here] == [client]
    assert str(only_address(text)) == text


def test_a_filter_that_means_nothing_says_so() -> None:
    for text, sentence in (("left<soon", "needs a number, such as 60 or 5m"), ("origin=mars", "is local, sync")):
        with pytest.raises(FieldError) as caught:
            LANGUAGE.parse(text)
        assert sentence in caught.value.sentence


def test_a_row_names_service_and_server_and_counts_down() -> None:
    snapshot = snapshot_of((0, 7, 65))
    look = EntryLook()
    text = [cell.text for cell in cells(snapshot, look, rows(snapshot, look)[0])]
    assert text[:7] == ["10.1.7.0/24", "shop", "web1", "10.0.0.11:80", "1:05", "0", "ok"]
    later = replace(snapshot, reading=replace(snapshot.reading, taken=130.0))
    assert cells(later, look, rows(later, look)[0])[4].text == "35s"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0s"), (59, "59s"), (60, "1:00"), (3599, "59:59"), (3600, "1h00m"), (10**6, "11d")]
)
def test_what_is_left_is_short(seconds: int, text: str) -> None:
    assert left_text(seconds) == text


def test_how_complete_it_is_stands_in_the_summary() -> None:
    look = EntryLook()
    assert summary(snapshot_of((0, 7, 60)), look) == (
        "1 entry of 1 service  0 connections on it  1 client  1:00 until the last ends  read 1 s ago  in 1.0 s"
    )
    partial = summary(snapshot_of((0, 7, 60), complete=False, running=True, rows_read=400), look)
    assert partial == (
        "1 entry of 1 service  partial: 400 of about 400 rows  reading 1 s  0 connections on it"
        "  1 client  1:00 until the last ends"
    )
    assert "partial: 400" in summary(snapshot_of((0, 7, 60), complete=False, rows_read=400), look, 54)
    stopped = snapshot_of((0, 7, 60), complete=False, rows_read=400)
    assert summary(stopped, look, 66) == "1 entry of 1 service  partial: 400 of about 400 rows  read 1 s ago"
    assert stopped.scan is not None
    kept = replace(stopped, scan=replace(stopped.scan, complete=True, left_out=399))
    assert summary(kept, look, 64) == "1 entry of 1 service  kept of 400 rows  0 connections on it"
    filtered = summary(snapshot_of((0, 7, 60), (2, 8, 60)), EntryLook(filter=LANGUAGE.parse("mark=80")))
    assert filtered.startswith("1 of 2 entries")
    assert summary(replace(snapshot_of(), scan=None), look) == "not read yet"
    assert (
        summary(replace(snapshot_of(), scan=Scan(trouble="this kernel has no IPVS")), look) == "this kernel has no IPVS"
    )


@pytest.mark.parametrize(
    ("width", "line"),
    [
        (78, "1 entry of 1 service  partial: 400,000 of about 400,000 rows  reading 1 s"),
        (70, "1 entry  partial: 400,000 of about 400,000 rows  reading 1 s"),
        (50, "1 entry  partial: 400,000 rows  reading 1 s"),
        (40, "1 entry  partial: 400,000 rows"),
    ],
)
def test_that_a_table_is_still_read_is_said_before_where_entries_are_and_how_many_there_may_be(
    width: int, line: str
) -> None:
    busy = snapshot_of((0, 7, 60), complete=False, running=True, rows_read=400_000)
    assert summary(busy, EntryLook(), width) == line


def test_a_wide_mask_that_sends_everybody_to_one_server_is_seen_at_once() -> None:
    snapshot = snapshot_of(*((0, client, 60) for client in range(40)), (1, 200, 60))
    text = "\n".join(" ".join(cell.text for cell in line) for line in distribution(snapshot, EntryLook()))
    assert "97 % are on 10.0.0.11: the mask /24 is wide" in text
    assert "50 % by weight" in text


def test_networks_that_send_the_most_are_named() -> None:
    snapshot = snapshot_of(*((2, client, 60) for client in range(9)))
    text = "\n".join(" ".join(cell.text for cell in line) for line in distribution(snapshot, EntryLook()))
    assert "heaviest networks: 10.2.0.0/24 9" in text


def test_children_of_a_mark_are_marked_as_unsure() -> None:
    snapshot = snapshot_of((2, 9, 60))
    assert snapshot.scan is not None
    child = connection("10.2.0.9:4000", "192.0.2.20:443", "10.0.0.21:443")
    snapshot = replace(snapshot, scan=replace(snapshot.scan, connections=(child,)))
    look = EntryLook()
    assert cells(snapshot, look, rows(snapshot, look)[0])[5].text == "~1"


def test_a_service_shows_its_servers_by_share_and_weight_and_their_clients_below() -> None:
    snapshot = snapshot_of((0, 7, 60), (0, 8, 90), (0, 9, 30), (1, 10, 10))
    shop = Group(fields.service("tcp:192.0.2.10:80"))
    servers = [Group(ServerKey(fields.service("tcp:192.0.2.10:80"), fields.server(f"10.0.0.1{n}:80"))) for n in (1, 2)]
    look = EntryLook(grouping=EntryGrouping.SERVICE, room=150, turned=frozenset(servers[1:]))
    shown = rows(snapshot, look)
    assert [key for key in shown if isinstance(key, Group)] == [shop, *servers]
    assert isinstance(shown[3], EntryKey)
    ids = [column.id for column in columns(look)]
    text = {key: dict(zip(ids, (cell.text for cell in cells(snapshot, look, key)), strict=True)) for key in shown}
    assert (text[shop]["client"], text[shop]["server"], text[shop]["entries"]) == ("▾ shop", "tcp:192.0.2.10:80", "4")
    assert (text[shop]["bar"], text[shop]["share"], text[shop]["state"]) == ("wlc, 5m by /24", "", "ok")
    one = text[servers[0]]
    assert (one["client"], one["server"], one["share"], one["weight"]) == ("  ▸ web1", "10.0.0.11:80", "75 %", "50 %")
    assert (one["bar"], one["left"]) == (f"{'⣶' * 25}|{'⣶' * 11}⡆{'⠄' * 12}", "1:30")
    assert text[shown[3]]["client"] == "      10.1.10.0/24"


def test_servers_to_which_nobody_sticks_are_there_unless_something_is_looked_for() -> None:
    snapshot = snapshot_of((0, 7, 60))
    look = EntryLook(grouping=EntryGrouping.SERVICE)
    assert len([key for key in rows(snapshot, look) if isinstance(key, Group)]) == 3
    filtered = replace(look, filter=LANGUAGE.parse("service=shop"))
    assert [type(key) for key in rows(snapshot, filtered)] == [Group, Group, EntryKey]


def test_narrow_tables_have_no_bars_and_heads_fit_the_grouping() -> None:
    heads = {grouping: [c.title for c in columns(EntryLook(grouping=grouping))] for grouping in EntryGrouping}
    assert heads[EntryGrouping.NETWORK][0] == "Network, client"
    assert "By weight" in heads[EntryGrouping.SERVICE]
    assert "By weight" not in heads[EntryGrouping.SERVER]
    assert all("bar" not in [c.id for c in columns(EntryLook(grouping=grouping))] for grouping in EntryGrouping)


@pytest.mark.parametrize(("drained", "state"), [("", "1 of 2"), ("10.0.0.11:80", "0 of 2")])
def test_a_service_counts_who_serves_as_the_services_view_does(drained: str, state: str) -> None:
    servers = {
        end: replace(server, weight=0 if end == fields.server(drained) else 1) if drained else server
        for end, server in DIRECTOR.pools[fields.service("tcp:192.0.2.10:80")].servers.items()
    }
    pool = Pool(DIRECTOR.pools[fields.service("tcp:192.0.2.10:80")].service, servers)
    silent = ServerKey(pool.service.key, fields.server("10.0.0.12:80"))
    health = {silent: Verdict(Trouble.SILENT, "12 new in 20 s, no answer", 0.0)}
    seen = snapshot_of((0, 1, 60), (1, 2, 60))
    seen = replace(seen, reading=replace(seen.reading, director=director(pool)), health=health)
    look = EntryLook(grouping=EntryGrouping.SERVICE)
    place = [column.id for column in columns(look)].index("state")
    shown = {key.of: cells(seen, look, key)[place].text for key in rows(seen, look) if isinstance(key, Group)}
    assert shown[pool.service.key] == state == service_state(pool, health).text
    assert shown[silent] == "silent"


@pytest.mark.parametrize("room", range(60, 220, 5))
def test_the_head_of_the_bars_says_whole_what_their_mark_is(room: int) -> None:
    found = [one for one in columns(EntryLook(grouping=EntryGrouping.SERVICE, room=room)) if one.id == "bar"]
    assert all(one.title.endswith("   | by weight") and len(one.title) <= one.width for one in found)
