"""When the connection table is asked about servers whose answers pass the director by, and what comes of it."""

from __future__ import annotations

from dataclasses import replace

from lvstui.core.health.verdict import Trouble
from lvstui.core.model import Director, Forwarding
from lvstui.core.observed import Connection, Scan
from tests.build import MARK, SHOP, pool, server
from tests.core.health.test_table import DEAD, NOW, WELL, rows
from tests.core.health.test_watch import BAD, ENDS, NOTHING, RESET, SHORT, Counters, Packets

SYNS: Packets = ((60, 60, 60), ())
BROWSED: Packets = ((60, 52, 400, 52, 52), ())
DONE: Packets = ((60, 52, 70, 52, 52), ())


def routed(forwarding: Forwarding = Forwarding.ROUTE) -> Counters:
    return Counters(pool(SHOP, *(server(f"{end.address}:443", forwarding) for end in ENDS)), now=NOW - 100)


def asks(counters: Counters) -> bool:
    return counters.watch.asks(counters.now)


def scan(*found: list[Connection]) -> Scan:
    every = [row for some in found for row in some]
    return Scan(connections=every, began=NOW, taken=NOW, rows=len(every), complete=True)


def test_syns_alone_raise_a_doubt_that_the_table_settles_and_the_table_ends() -> None:
    for forwarding in (Forwarding.ROUTE, Forwarding.TUNNEL):
        counters = routed(forwarding)
        assert counters.run(3, SYNS, BROWSED, active=1) == {}, "counters alone claim nothing"
        assert asks(counters)
        found = counters.watch.weigh(scan(DEAD, WELL), counters.now)
        assert {key.endpoint: one.trouble for key, one in found.items()} == {BAD: Trouble.NO_HANDSHAKE}
        assert not asks(counters), "the table has its rest"
        assert counters.run(1, SYNS, BROWSED, active=1) == {BAD: Trouble.NO_HANDSHAKE}
        assert asks(counters)
        assert counters.watch.weigh(scan(rows(8, "FIN_WAIT", 119), WELL), counters.now) == {}


def test_old_connections_that_go_on_are_no_sign_that_new_ones_get_through() -> None:
    counters = routed()

    def weigh(*found: list[Connection], later: float = 0) -> int:
        counters.run(2, SYNS, BROWSED, active=1)
        return len(counters.watch.weigh(replace(scan(*found, WELL), began=NOW + later), counters.now))

    old, new = rows(14, "ESTABLISHED", 880)[8:], rows(15, "ESTABLISHED", 899)[14:]
    assert weigh(DEAD, old) == 1
    talking = [row._replace(ends=NOW + 899) for row in old]
    assert weigh(DEAD, talking) == 1
    assert weigh(DEAD, talking, new) == 0
    assert weigh(DEAD, talking, [new[0]._replace(ends=NOW + 897)]) == 0, "those who wait came before"
    again = rows(6, "SYN_RECV", 62)
    assert weigh(again, talking, later=5) == 1, "it was well for a moment, and old clients repeat what they sent"


def test_a_part_of_the_table_that_has_nothing_of_a_server_says_nothing_of_it() -> None:
    counters = routed()
    counters.run(3, SYNS, BROWSED, active=1)

    def weigh(*found: list[Connection], complete: bool = False) -> int:
        counters.run(1, NOTHING, BROWSED)
        part = replace(scan(WELL, *found), complete=complete)
        return len(counters.watch.weigh(part, counters.now))

    assert weigh(DEAD) == 1
    assert weigh() == 1, "its rows stand further on"
    further_on = rows(20, "ESTABLISHED", 899)
    assert weigh(DEAD, further_on) == 1, "which the first reading did not come to"
    assert weigh(complete=True) == 0
    counters.run(3, SYNS, BROWSED, active=1)
    assert weigh(DEAD) == 1
    assert [weigh() for _ in range(40)][-1] == 0, "it is too long ago"


def test_one_packet_a_connection_raises_a_doubt_though_none_stays_active() -> None:
    counters = routed()
    counters.run(3, ((60,), ()), BROWSED)
    assert asks(counters)


def test_a_table_that_shows_nothing_is_not_read_again_and_again() -> None:
    counters = routed()
    readings = 0
    for _ in range(100):
        counters.run(1, ((60, 52), ()), BROWSED, active=1)  # slow clients
        if asks(counters):
            readings += 1
            slow = replace(scan(rows(9, "ESTABLISHED", 890), WELL), taken=NOW + 0.25)
            assert counters.watch.weigh(slow, counters.now) == {}
    assert 1 <= readings <= 30


def test_where_counters_suffice_no_table_is_read() -> None:
    counters = routed()
    for _ in range(100):
        counters.run(1, BROWSED, BROWSED)
        assert not asks(counters)
    masq = Counters()
    for packets in (NOTHING, RESET, SHORT):
        masq.run(10, packets, active=1)
        assert not asks(masq)


def test_what_the_table_showed_is_forgotten_with_its_server_and_with_time() -> None:
    counters = routed()
    counters.run(3, SYNS, BROWSED, active=1)
    assert counters.watch.weigh(scan(DEAD, WELL), counters.now)
    assert counters.look(40) == {}
    counters.run(3, SYNS, BROWSED, active=1)
    assert counters.watch.weigh(scan(DEAD, WELL), counters.now)
    held = {end: one for end, one in counters.pool.servers.items() if end != BAD}
    counters.pool = replace(counters.pool, servers=held)
    assert counters.look() == {}


def test_the_states_of_connections_stand_beside_what_counters_tell() -> None:
    counters = Counters(now=NOW - 20)
    assert counters.run(4, RESET) == {BAD: Trouble.REFUSING}
    (verdict,) = counters.watch.weigh(scan(rows(9, "CLOSE", 5), WELL), counters.now).values()
    assert verdict.evidence.endswith("; each answered by a reset; 9 CLOSE")


def test_a_mark_needs_siblings_that_answer() -> None:
    marked = Counters(pool(MARK, *(server(f"{end.address}:443", Forwarding.MASQ) for end in ENDS)))
    assert marked.run(5, RESET) == {BAD: Trouble.REFUSING}
    silent = Counters(pool(MARK, *(server(f"{end.address}:443", Forwarding.MASQ) for end in ENDS)))
    assert silent.run(50, ((120,), ()), ((120,), ())) == {}, "it may be syslog"
    assert Director({MARK: marked.pool}).groups == {}
