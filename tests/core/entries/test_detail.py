"""The detail of entries, connections, and of groups of them: what they lead to, what it means, what can be done."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from lvstui.core.entries import connection_detail
from lvstui.core.entries.columns import EntryGrouping, EntryLook, Group
from lvstui.core.entries.connections import ConnectionGrouping, ConnectionLook, grouped, key_of
from lvstui.core.entries.detail import detail
from lvstui.core.entries.resolve import key_of as entry_key
from lvstui.core.entries.rows import every_group
from lvstui.core.health.verdict import Trouble, Verdict
from lvstui.core.model import ServerKey
from lvstui.core.observed import Scan
from lvstui.core.record import Kind, Record
from tests.build import address_key, block_text, connection, director, endpoint, entry, pool, snapshot, sticky_pool

SERVICE = "tcp:192.0.2.10:80"
STICKY = sticky_pool(SERVICE, "10.0.0.11:80", "10.0.0.12:80", mask="255.255.255.0")
SHOP = replace(STICKY, service=replace(STICKY.service, name="shop", note="ask first"))
ENTRY = entry(SERVICE, "198.18.0.0", "10.0.0.11:80", 400.0)
OTHER = entry(SERVICE, "198.18.1.0", "10.0.0.11:80", 160.0)
OPEN = connection("198.18.0.7:4000", "192.0.2.10:80", "10.0.0.11:80")
CLOSED = connection("198.18.0.8:4001", "192.0.2.10:80", "10.0.0.11:80")._replace(state="CLOSE")
UNBOUND = connection("198.18.9.9:4002", "192.0.2.30:25", "10.0.0.61:25")._replace(state="SYN_RECV")
RECORD = Record(
    1, datetime(2026, 5, 14, 2, 11, tzinfo=UTC), "anna", "", 1, Kind.ENTRIES, (), ("move: 198.18.0.0 is here",)
)
SCAN = Scan((ENTRY, OTHER), (CLOSED, OPEN, UNBOUND), 99.0, 100.0, 5, complete=True)
SEEN = replace(
    snapshot(director(SHOP, pool("tcp:192.0.2.30:25", "10.0.0.61:25")), taken=100.0, scan=SCAN),
    changes=(RECORD,),
    health={ServerKey(address_key(SERVICE), endpoint("10.0.0.11:80")): Verdict(Trouble.REFUSING, "9 CLOSE", 90.0)},
)
LOOK = EntryLook(grouping=EntryGrouping.SERVICE)


def test_an_entry_says_where_it_leads_how_that_is_and_what_hangs_on_it() -> None:
    said = block_text(detail(SEEN, LOOK, entry_key(ENTRY), 78))
    assert "198.18.0.0/24 of shop" in said
    assert "Note ask first" in said
    assert "State refusing brings its client to a server that answers with a reset" in said
    assert "Left 5:00 of 5m; each new connection of the client restarts it" in said
    assert "Server 10.0.0.11:80 masq, weight 1, 0 active, refusing" in said
    assert "9 CLOSE" in said
    assert "Kernel template ASSURED" in said
    assert "2 connections 1 ESTABLISHED, 1 CLOSE" in said
    first, second = said.index("\nESTABLISHED 0s 198.18.0.7:4000"), said.index("198.18.0.8:4001")
    assert first < second
    assert "anna move: 198.18.0.0 is here" in said
    assert all(f"\n{sign} " in said for sign in "MPtx")


def test_a_client_whose_changes_these_are_not_has_none() -> None:
    assert "anna" not in block_text(detail(SEEN, LOOK, entry_key(OTHER), 78))


def test_a_row_that_is_gone_has_no_detail() -> None:
    gone = replace(SEEN, scan=Scan())
    assert not detail(gone, LOOK, entry_key(ENTRY), 78)
    assert not connection_detail.detail(gone, ConnectionLook(), key_of(OPEN), 78)


def test_a_service_a_server_and_a_network_say_how_their_entries_spread_and_who_sticks() -> None:
    of_service = block_text(detail(SEEN, LOOK, Group(address_key(SERVICE)), 78))
    assert "shop tcp:192.0.2.10:80 2 entries" in of_service
    assert "State 1 of 2" in of_service
    assert "is the share by weight\n10.0.0.11:80" in of_service
    assert "10.0.0.12:80" in of_service, "a server on which nobody sticks stands there too"
    assert "Who sticks 2 of 2 entries\n198.18.0.0/24 2 connections 5:00 left" in of_service
    of_server = block_text(detail(SEEN, LOOK, Group(ServerKey(address_key(SERVICE), endpoint("10.0.0.11:80"))), 78))
    assert "State refusing" in of_server
    assert "share 100 %" in of_server
    assert "by weight 50 %" in of_server
    network = replace(LOOK, grouping=EntryGrouping.NETWORK, prefixes=(16, 64))
    (group,) = every_group(SEEN, network)
    assert "198.18.0.0/16 2 entries" in block_text(detail(SEEN, network, group, 78))


def test_a_connection_says_what_its_state_means_and_which_entry_decides() -> None:
    said = block_text(connection_detail.detail(SEEN, ConnectionLook(), key_of(CLOSED), 78))
    assert "198.18.0.8:4001 tcp of shop" in said
    assert "State CLOSE it was reset" in said
    assert "Server 10.0.0.11:80 masq, weight 1, 0 active, refusing" in said
    assert "Client 198.18.0.0/24 refusing, 5:00 left\n2 connections on it now; E goes to it" in said
    assert "none is known" in block_text(connection_detail.detail(SEEN, ConnectionLook(), key_of(UNBOUND), 78))


def test_a_group_of_connections_is_counted_by_state_server_and_client() -> None:
    look = ConnectionLook(grouping=ConnectionGrouping.SERVICE)
    group = next(group for group in grouped(SEEN, look) if group.name == "shop")
    said = block_text(connection_detail.detail(SEEN, look, group, 78))
    assert "shop 192.0.2.10:80 2 connections" in said
    assert "share 67 %" in said
    assert "By state conns share\nESTABLISHED 1 50 %\nCLOSE 1 50 %" in said
    assert "By server conns share\n10.0.0.11:80 2 100 %" in said
    states = replace(look, grouping=ConnectionGrouping.STATE)
    waiting = next(group for group in grouped(SEEN, states) if group.state == "SYN_RECV")
    assert "the server does not answer" in block_text(connection_detail.detail(SEEN, states, waiting, 200))
