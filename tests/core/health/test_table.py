"""What the states of connections say of real servers, beside the others of their service."""

from __future__ import annotations

from collections.abc import Iterable

from lvstui.core.health.table import of_table
from lvstui.core.health.verdict import Trouble
from lvstui.core.model import Director, Family, Forwarding, MarkKey, Pool, ServerKey, ServiceKey
from lvstui.core.observed import Connection, Scan
from tests.build import SHOP, connection, group, pool, server

NOW = 5000.0
ENDS = ("10.0.0.11:443", "10.0.0.12:443", "10.0.0.13:443")


def director(forwarding: Forwarding) -> Director:
    return Director({SHOP: pool(SHOP, *(server(text, forwarding) for text in ENDS))})


def rows(number: int, state: str, left: float, *, ends: str = ENDS[0], clients: int = 9) -> list[Connection]:
    """Build connections of several clients, in a state that ends in so many seconds."""
    made = (connection(f"198.51.100.{n % clients}:{2000 + n}", "192.0.2.10:443", ends) for n in range(number))
    return [one._replace(state=state, ends=NOW + left) for one in made]


def troubles(forwarding: Forwarding, *found: Iterable[Connection]) -> dict[str, Trouble]:
    """Return the servers in trouble by their addresses."""
    every = [row for some in found for row in some]
    scan = Scan(connections=every, began=NOW, taken=NOW, rows=len(every), complete=True)
    health = of_table(scan, director(forwarding), NOW)
    assert all(key.service == SHOP for key in health)
    return {str(key.endpoint.address): verdict.trouble for key, verdict in health.items()}


DEAD = rows(6, "SYN_RECV", 56)
WELL = [*rows(12, "ESTABLISHED", 895, ends=ENDS[1]), *rows(12, "FIN_WAIT", 110, ends=ENDS[2])]


def test_a_server_whose_clients_wait_for_their_handshake_while_its_siblings_serve_is_in_trouble() -> None:
    assert troubles(Forwarding.ROUTE, DEAD, WELL) == {"10.0.0.11": Trouble.NO_HANDSHAKE}
    assert troubles(Forwarding.TUNNEL, DEAD, WELL) == {"10.0.0.11": Trouble.NO_HANDSHAKE}
    assert troubles(Forwarding.MASQ, DEAD, WELL) == {"10.0.0.11": Trouble.SILENT}


def test_a_masqueraded_server_that_answers_with_resets_refuses() -> None:
    assert troubles(Forwarding.MASQ, rows(6, "CLOSE", 5), WELL) == {"10.0.0.11": Trouble.REFUSING}
    assert troubles(Forwarding.ROUTE, rows(6, "CLOSE", 5), WELL) == {}, "there clients reset"


def test_two_of_three_in_trouble_are_both_named() -> None:
    both = troubles(
        Forwarding.ROUTE, DEAD, rows(6, "SYN_RECV", 56, ends=ENDS[1]), rows(12, "FIN_WAIT", 110, ends=ENDS[2])
    )
    assert both == dict.fromkeys(("10.0.0.11", "10.0.0.12"), Trouble.NO_HANDSHAKE)


def test_a_flood_of_syns_that_all_servers_get_is_no_servers_trouble() -> None:
    flood = [row for end in ENDS for row in rows(300, "SYN_RECV", 55, ends=end, clients=200)]
    for served in (1, 10):
        assert troubles(Forwarding.ROUTE, flood, rows(served, "FIN_WAIT", 115, ends=ENDS[2])) == {}
    assert troubles(Forwarding.ROUTE, flood, WELL, rows(4, "ESTABLISHED", 899)) == {}


def test_slow_clients_that_are_connected_and_say_nothing_are_no_trouble() -> None:
    assert troubles(Forwarding.ROUTE, rows(40, "ESTABLISHED", 880), WELL) == {}


def test_handshakes_under_way_are_no_trouble() -> None:
    assert troubles(Forwarding.ROUTE, rows(40, "SYN_RECV", 59), WELL) == {}


def test_who_gave_up_long_ago_says_nothing_of_now() -> None:
    assert troubles(Forwarding.ROUTE, rows(40, "SYN_RECV", 30), WELL) == {}


def test_where_few_come_those_of_a_whole_minute_are_counted_since_somebody_got_through() -> None:
    few = [row for number, left in enumerate((52, 40, 28, 12)) for row in rows(number + 1, "SYN_RECV", left)[number:]]
    others = [*rows(6, "TIME_WAIT", 70, ends=ENDS[1]), *rows(6, "FIN_WAIT", 70, ends=ENDS[2])]
    assert troubles(Forwarding.ROUTE, few, others) == {"10.0.0.11": Trouble.NO_HANDSHAKE}
    for age, found in ((15, 0), (100, 1)):
        through = rows(9, "FIN_WAIT", 120 - age)[8:]
        assert len(troubles(Forwarding.ROUTE, few, others, through)) == found, age
    assert troubles(Forwarding.ROUTE, few, others[:3]) == {}, "too little to compare with"


def test_a_server_that_lets_clients_through_while_none_waits_any_more_is_well_again() -> None:
    for forwarding in Forwarding.ROUTE, Forwarding.MASQ:
        assert troubles(forwarding, rows(18, "SYN_RECV", 53), rows(4, "ESTABLISHED", 899), WELL) == {}
        again = troubles(forwarding, rows(18, "SYN_RECV", 56), rows(4, "ESTABLISHED", 899), WELL)
        assert len(again) == 1, "but not while others wait"


def test_a_client_that_gets_through_nowhere_has_its_own_trouble() -> None:
    lone = rows(8, "SYN_RECV", 56, clients=1)
    others = [
        row._replace(client=row.client._replace(port=9)) for row in WELL if str(row.client.address) != "198.51.100.0"
    ]
    assert troubles(Forwarding.ROUTE, lone, others) == {}
    assert troubles(Forwarding.ROUTE, lone, WELL) == {"10.0.0.11": Trouble.NO_HANDSHAKE}


def test_a_few_lost_clients_among_many_are_no_trouble() -> None:
    assert troubles(Forwarding.ROUTE, rows(3, "SYN_RECV", 56), rows(4, "FIN_WAIT", 118), WELL) == {}


def test_few_connections_are_judged_by_what_is_usual_elsewhere() -> None:
    usual = [*rows(3, "SYN_RECV", 50, ends=ENDS[1]), *rows(7, "FIN_WAIT", 112, ends=ENDS[1])]
    assert troubles(Forwarding.ROUTE, rows(3, "SYN_RECV", 56), usual) == {}
    assert troubles(Forwarding.ROUTE, rows(3, "SYN_RECV", 56), WELL) == {"10.0.0.11": Trouble.NO_HANDSHAKE}


def test_thousands_of_connections_are_judged_as_few_are() -> None:
    usual = [*rows(1000, "SYN_RECV", 50, ends=ENDS[1]), *rows(3000, "FIN_WAIT", 112, ends=ENDS[1])]
    through = rows(1000, "ESTABLISHED", 899)
    assert troubles(Forwarding.ROUTE, rows(2000, "SYN_RECV", 56), through, usual) == {"10.0.0.11": Trouble.NO_HANDSHAKE}
    assert troubles(Forwarding.MASQ, rows(9000, "CLOSE", 6), WELL) == {"10.0.0.11": Trouble.REFUSING}
    worse = [*rows(1900, "SYN_RECV", 50, ends=ENDS[1]), *rows(4000, "FIN_WAIT", 112, ends=ENDS[1])]
    assert troubles(Forwarding.ROUTE, rows(14, "SYN_RECV", 56), rows(7, "ESTABLISHED", 899), worse) == {}


def test_a_service_of_which_nobody_gets_through_is_in_trouble_as_a_whole() -> None:
    assert troubles(Forwarding.ROUTE, DEAD) == {"10.0.0.11": Trouble.NO_HANDSHAKE}


def test_monitors_that_reset_each_handshake_that_they_begin_are_no_trouble() -> None:
    every = [row for end in ENDS for row in rows(6, "SYN_RECV", 56, ends=end, clients=2)]
    assert troubles(Forwarding.ROUTE, every) == {}


def test_clients_that_end_with_a_reset_got_through_where_only_they_are_heard() -> None:
    closed = [*rows(12, "CLOSE", 6, ends=ENDS[1]), *rows(12, "CLOSE", 8, ends=ENDS[2])]
    scanned = rows(6, "SYN_RECV", 56, ends=ENDS[2])
    assert troubles(Forwarding.ROUTE, DEAD, closed) == {"10.0.0.11": Trouble.NO_HANDSHAKE}
    assert troubles(Forwarding.TUNNEL, scanned, closed) == {}


def test_of_two_marks_with_the_same_servers_that_is_meant_whose_rules_take_the_packet() -> None:
    marks = [MarkKey(number, Family.IPV4) for number in (80, 81)]
    pools: dict[ServiceKey, Pool] = {
        key: pool(key, *(server(text, Forwarding.ROUTE) for text in ENDS)) for key in marks
    }
    groups = {80: group(80, "tcp 192.0.2.10 443"), 81: group(81, "tcp 192.0.2.11 443")}
    rows = [*DEAD, *WELL]
    scan = Scan(connections=rows, began=NOW, taken=NOW, rows=len(rows), complete=True)
    health = of_table(scan, Director(pools, marks=groups), NOW)
    assert [(key.service, str(key.endpoint.address)) for key in health] == [(marks[0], "10.0.0.11")]
    assert of_table(scan, Director(pools), NOW) == {}, "whose it is cannot be known"


def test_the_evidence_says_of_how_many_connections_and_how_old_it_is() -> None:
    scan = Scan(connections=[*DEAD, *WELL], began=NOW, taken=NOW, rows=30)
    verdict = of_table(scan, director(Forwarding.ROUTE), NOW + 4)[ServerKey(SHOP, server(ENDS[0]).endpoint)]
    wanted = "6 left in SYN_RECV, 0 got through in 15 s, 24 on its siblings; of 30 connections seen 4 s ago"
    assert verdict.evidence == wanted


def test_clients_that_end_their_connections_with_a_reset_are_no_trouble() -> None:
    assert troubles(Forwarding.MASQ, rows(6, "CLOSE", 5), rows(2, "ESTABLISHED", 870), WELL) == {}
