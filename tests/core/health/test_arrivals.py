"""Masqueraded servers that complete no new connection while the packets of old ones hide it from the counters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pytest

from lvstui.core.health.verdict import Trouble
from lvstui.core.model import Endpoint, Persistence
from lvstui.core.observed import Connection, Scan
from tests.build import connection
from tests.core.health.test_watch import BAD, ENDS, RESET, SHORT, Counters, Packets

TALK: Packets = ((52, 80) * 6, (52, 90) * 6)
"""What old connections go on with between two readings."""

ACCEPTED: Packets = ((60, 52), (60,))
LASTS = {"ESTABLISHED": 900.0, "FIN_WAIT": 120.0, "TIME_WAIT": 120.0, "SYN_RECV": 60.0, "CLOSE": 10.0}


@dataclass
class Table:
    """A table beside counters: connections keep the state that they are put in until their time is over."""

    counters: Counters = field(default_factory=Counters)
    rows: dict[str, Connection] = field(default_factory=dict)
    clients: int = 9
    made: int = 0

    @property
    def now(self) -> float:
        return self.counters.now

    def put(self, end: Endpoint, state: str, times: int = 1) -> None:
        """Open connections that are in a state now, each of another client until they begin anew."""
        for _ in range(times):
            self.made += 1
            client = f"198.51.100.{self.made % self.clients}:{10000 + self.made}"
            row = connection(client, "192.0.2.10:443", f"{end.address}:443")
            self.rows[client] = row._replace(state=state, ends=self.now + LASTS[state])

    def move(self, before: str, state: str) -> None:
        """Move all connections to another state."""
        for client, row in self.rows.items():
            if row.state == before:
                self.rows[client] = row._replace(state=state, ends=self.now + LASTS[state])

    def pass_through(self, end: Endpoint, state: str = "TIME_WAIT", *, times: int = 1) -> None:
        """Have connections come and get through, some of them to end with a reset (`CUT`), or be in vain."""
        packets = {"CLOSE": RESET, "SYN_RECV": ((60, 60), ()), "ESTABLISHED": ACCEPTED}.get(state, SHORT)
        self.counters.open(end, packets, times, active=state in ("ESTABLISHED", "SYN_RECV"))
        self.put(end, "CLOSE" if state == "CUT" else state, times)

    def look(self) -> Mapping[Endpoint, Trouble]:
        """Let two seconds pass, read the table where that is asked for, and return who is in trouble."""
        self.counters.open(BAD, TALK, connections=0)
        self.counters.look()
        if self.counters.watch.asks(self.now):
            self.read()
        return {key.endpoint: verdict.trouble for key, verdict in self.counters.watch.found.items()}

    def read(self, part: int | None = None) -> None:
        """Read the table, or its first rows."""
        rows = tuple(row for row in self.rows.values() if row.ends > self.now)
        scan = Scan(connections=rows[:part], began=self.now, taken=self.now, rows=len(rows), complete=part is None)
        self.counters.watch.weigh(scan, self.now)

    def run(self, rounds: int, state: str = "TIME_WAIT", elsewhere: str = "TIME_WAIT") -> list[Endpoint]:
        """Have a server with new ones in one state beside others; return who was in trouble after each round."""
        troubled: list[Endpoint] = []
        for _ in range(rounds):
            for end in ENDS:
                self.pass_through(end, state if end == BAD else elsewhere, times=2)
            troubled += self.look()
        return troubled


@pytest.fixture
def table() -> Table:
    """Return the table of a shop in which two connections to one server go on for ever."""
    made = Table()
    made.put(BAD, "ESTABLISHED", 2)
    made.counters.open(BAD, SHORT, 2, active=1)
    assert made.run(15) == []
    return made


@pytest.mark.parametrize(("state", "trouble"), [("CLOSE", Trouble.REFUSING), ("SYN_RECV", Trouble.SILENT)])
def test_a_server_whose_new_connections_all_fail_while_old_ones_go_on_is_in_trouble_until_one_gets_through(
    table: Table, state: str, trouble: Trouble
) -> None:
    table.run(7, state)
    assert table.look() == {BAD: trouble}
    (verdict,) = table.counters.watch.found.values()
    assert verdict.evidence.endswith(f" {state}; older ones go on")
    assert " new in 1" in verdict.evidence
    assert ", 0 got through, 88 on its siblings in a minute; " in verdict.evidence
    assert set(table.run(40, state)) == {BAD}, "also when nothing is left of what was before"
    table.run(2)
    assert table.look() == {}
    assert table.run(20) == []


def test_it_is_known_without_an_earlier_reading_too() -> None:
    table = Table()
    table.put(BAD, "ESTABLISHED", 2)
    table.counters.open(BAD, SHORT, 2, active=1)
    for end in ENDS:
        table.put(end, "TIME_WAIT", 60)
    assert BAD in table.run(9, "CLOSE")


def test_one_that_gets_through_is_enough(table: Table) -> None:
    for _ in range(20):
        table.pass_through(BAD)
        assert table.run(1, "CLOSE") == []


def test_new_connections_that_stay_open_get_through(table: Table) -> None:
    for _ in range(20):
        table.pass_through(BAD, "ESTABLISHED")
        assert table.run(1, "CLOSE") == []


def test_clients_that_end_all_with_a_reset_do_so_everywhere(table: Table) -> None:
    assert table.run(30, "CUT", "CUT") == []


def test_a_server_that_always_ended_connections_with_a_reset_is_well() -> None:
    table = Table()
    table.put(BAD, "ESTABLISHED", 2)
    table.counters.open(BAD, SHORT, 2, active=1)
    assert table.run(60, "CUT") == []


def test_old_connections_that_break_are_no_new_ones(table: Table) -> None:
    table.put(BAD, "ESTABLISHED", 20)
    table.counters.open(BAD, TALK, 20, active=1)
    assert table.run(5) == []
    table.move("ESTABLISHED", "CLOSE")
    table.counters.open(BAD, ((40,), ()), 20, connections=0, active=-1)
    assert table.run(5) == []
    table.put(BAD, "ESTABLISHED", 20)
    table.counters.open(BAD, TALK, 20, active=1)
    table.look()
    table.move("ESTABLISHED", "CLOSE")
    for _ in range(4):
        for end in ENDS[1:]:
            table.pass_through(end, times=2)
        assert table.look() == {}, "nobody else came"


def test_handshakes_under_way_and_a_burst_of_them_are_no_trouble(table: Table) -> None:
    for _ in range(10):
        table.pass_through(BAD, "SYN_RECV", times=30)
        table.look()
        table.move("SYN_RECV", "ESTABLISHED")
        assert table.run(1) == []


def test_one_client_that_resets_what_it_opens_is_not_the_server_where_clients_keep_to_one() -> None:
    for clients, troubled in ((2, []), (9, [BAD])):
        held = Counters().pool
        sticky = replace(held, service=replace(held.service, persistence=Persistence(300)))
        table = Table(Counters(sticky), clients=clients)
        table.put(BAD, "ESTABLISHED", 2)
        table.counters.open(BAD, SHORT, 2, active=1)
        assert table.run(15) == []
        assert list(dict.fromkeys(table.run(8, "CLOSE"))) == troubled
        table.run(4)
        table.made, table.clients = 0, 200
        assert table.run(4, "CLOSE") == [], "they were never seen to get through"


def test_of_a_part_of_the_table_what_both_readings_came_to_is_compared(table: Table) -> None:
    read = len(table.rows)
    table.put(BAD, "ESTABLISHED", 20)
    table.read(read)
    table.counters.now += 4
    table.move("ESTABLISHED", "CLOSE")
    old = table.rows
    table.rows = {}
    table.put(BAD, "CLOSE", 4)
    table.rows |= old
    table.read(read + 10)
    (verdict,) = table.counters.watch.found.values()
    assert verdict.evidence.startswith("4 new in ")


def test_what_was_found_goes_with_its_server_and_with_time(table: Table) -> None:
    table.run(7, "CLOSE")
    assert table.look() == {BAD: Trouble.REFUSING}
    quiet = [table.look() for _ in range(20)]
    assert quiet[5] == {BAD: Trouble.REFUSING}
    assert quiet[-1] == {}
    table.run(15)
    table.run(7, "CLOSE")
    assert table.look() == {BAD: Trouble.REFUSING}
    held = {end: one for end, one in table.counters.pool.servers.items() if end != BAD}
    table.counters.pool = replace(table.counters.pool, servers=held)
    assert table.look() == {}


def test_there_is_no_doubt_where_no_old_connection_hides_the_new_ones_or_new_ones_come_and_go() -> None:
    counters = Counters()
    for _ in range(30):
        counters.open(BAD, SHORT, 2)
        counters.look()
        assert not counters.watch.asks(counters.now)
    counters.open(BAD, SHORT, 20, active=1)
    for turn in range(30):
        counters.open(BAD, SHORT, 20)
        counters.open(BAD, SHORT, active=(3, -2, 1, -2)[turn % 4])
        counters.look()
        assert not counters.watch.asks(counters.now)
