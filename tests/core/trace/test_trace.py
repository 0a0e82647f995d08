"""What becomes of a packet after the rules: service, connection, entry, scheduler, server and next hop."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from lvstui.core.model import (
    Director,
    Family,
    Forwarding,
    MarkKey,
    Pool,
    Service,
    ServiceFlags,
    SyncDaemon,
    SyncRole,
)
from lvstui.core.observed import Entry, Info, Reading, Scan, ServerStats
from lvstui.core.packets.packet import Packet
from lvstui.core.packets.program import Outcome
from lvstui.core.packets.walk import Fate, Step, Way
from lvstui.core.trace.lines import trace_lines
from lvstui.core.trace.request import packet_of
from lvstui.core.trace.route import Route, RouteQuestion
from lvstui.core.trace.trace import End, Ending, Environment, Trace, trace
from tests.build import connection, director, endpoint, entry, pool, server, sticky_pool

ON_LINK = Route("unicast", "eth1", None, "52:54:00:00:00:0b", "reachable")
LOCAL = Route("local", "lo")
ROUTED = Route("unicast", "eth2", ip_address("10.0.0.1"))
CLIENT = "198.18.0.1:4000"


def route(question: RouteQuestion) -> Route:
    """Route as a director does: virtual addresses are local, everything else is on the link."""
    return LOCAL if str(question.destination).startswith(("192.0.2.", "2001:db8:")) else ON_LINK


def fate(packet: Packet, mark: int = 0, unknown: int = 0, outcome: Outcome = Outcome.ACCEPT) -> Fate:
    return Fate(outcome, mark, unknown, 0, packet.destination, packet.destination_port)


def follow(
    of: Director,
    packet: Packet,
    *marks: int,
    scan: Scan = Scan(complete=True),  # noqa: B008 - a frozen value
    counts: dict[str, ServerStats] | None = None,
    unknown: int = 0,
) -> Trace:
    """Follow a packet through a director; the rules give it these marks, on as many ways."""
    way = Way(tuple(fate(packet, mark, unknown) for mark in marks or (0,)))
    seen = {key: {endpoint(text): stats for text, stats in (counts or {}).items()} for key in of.pools}
    reading = Reading(of, Info("1.2.1", 4096), 0.0, servers=seen)
    return trace(packet, Environment(lambda _: way, route, reading, scan))


def ending(of: Director, packet: Packet, *marks: int, scan: Scan | None = None) -> Ending:
    found = follow(of, packet, *marks, scan=scan or Scan(complete=True))
    assert len(found.endings) == 1
    return found.first


def tcp(target: str = "192.0.2.10:80", client: str = CLIENT) -> Packet:
    return packet_of(client, f"tcp:{target}")


def key_of(found: Ending) -> object:
    return found.pool.service.key if found.pool else None


MARKED = pool("mark:80", "10.0.0.21:0")
WEB = pool("tcp:192.0.2.10:80", "10.0.0.11:80")
ANY = sticky_pool("tcp:192.0.2.10:0", "10.0.0.31:0")
FTP = sticky_pool("tcp:192.0.2.10:21", "10.0.0.41:21")
EVERY = director(MARKED, WEB, ANY, FTP)


@pytest.mark.parametrize(
    ("of", "target", "mark", "service"),
    [
        (EVERY, "tcp:192.0.2.10:80", 80, MARKED),
        (EVERY, "tcp:192.0.2.10:80", 81, WEB),
        (EVERY, "tcp:192.0.2.10:80", 0, WEB),
        (EVERY, "tcp:192.0.2.10:81", 0, ANY),
        (EVERY, "tcp:192.0.2.10:21", 0, FTP),
        (EVERY, "tcp:192.0.2.10:20", 0, FTP),
        (EVERY, "tcp:192.0.2.10:1024", 0, FTP),
        (EVERY, "tcp:192.0.2.10:1023", 0, ANY),
        (EVERY, "udp:192.0.2.10:2000", 0, None),
        (EVERY, "tcp:192.0.2.11:80", 0, None),
    ],
)
def test_a_service_is_found_as_the_kernel_finds_it(of: Director, target: str, mark: int, service: Pool | None) -> None:
    found = ending(of, packet_of(CLIENT, target), mark)
    assert key_of(found) == (service.service.key if service else None)


def test_a_mark_serves_its_own_family_only() -> None:
    packet = packet_of("2001:db8:c::1", "tcp:[2001:db8::10]:80")
    assert ending(EVERY, packet, 80).end is End.LEFT
    assert key_of(ending(director(pool("mark6:80", "[fd00::1]:0")), packet, 80)) is not None


def test_other_protocols_are_never_balanced_even_with_a_mark() -> None:
    found = ending(EVERY, packet_of(CLIENT, "ip47:192.0.2.10"), 80)
    assert (found.end, found.pool) == (End.LEFT, None)


def test_what_the_rules_drop_ends_there() -> None:
    packet = tcp()
    way = Way((fate(packet, outcome=Outcome.DROP),))
    found = trace(packet, Environment(lambda _: way, route, Reading(EVERY, Info("1.2.1", 4096), 0.0))).first
    assert (found.end, found.pool, found.servers) == (End.DROPPED, None, ())


def test_an_address_that_is_not_local_never_comes_to_ipvs() -> None:
    found = ending(director(pool("tcp:203.0.113.1:80", "10.0.0.11:80")), tcp("203.0.113.1:80"))
    assert (found.end, found.pool) == (End.AWAY, None)


def test_rules_of_input_say_nothing_of_a_packet_that_is_forwarded() -> None:
    packet = tcp("203.0.113.1:80")
    before = Step("nft", "inet", "t", "pre", "prerouting", -150, "set", Outcome.CONTINUE, mark=7)
    after = Step("nft", "inet", "t", "in", "input", 0, "drop", Outcome.DROP, mark=7)
    marks: list[int] = []
    reading = Reading(EVERY, Info("1.2.1", 4096), 0.0)

    def remember(question: RouteQuestion) -> Route:
        marks.append(question.mark)
        return ON_LINK

    for steps, outcome, end in [
        ((before, after), Outcome.DROP, End.AWAY),
        ((before,), Outcome.ACCEPT, End.AWAY),
        ((before._replace(outcome=Outcome.DROP),), Outcome.DROP, End.DROPPED),
    ]:
        way = Way((fate(packet, 7, outcome=outcome)._replace(steps=steps),))
        found = trace(packet, Environment({packet: way}.__getitem__, remember, reading)).first
        assert (found.end, found.fate.steps) == (end, steps[:1])
    assert 7 in marks


def test_where_nat_sends_a_packet_is_shown_and_what_counts() -> None:
    packet = tcp("192.0.2.99:8080")
    sent = fate(packet)._replace(destination=ip_address("192.0.2.10"), port=80)
    reading = Reading(EVERY, Info("1.2.1", 4096), 0.0)
    found = trace(packet, Environment(lambda _: Way((sent,)), route, reading))
    assert key_of(found.first) == WEB.service.key
    assert "sent to    192.0.2.10:80, as a rule of NAT says" in trace_lines(found, reading, 0.0)


def test_no_service_is_denied_where_the_destination_is_not_known() -> None:
    packet = tcp("192.0.2.99:8080")
    sent = fate(packet)._replace(destination=None)
    reading = Reading(EVERY, Info("1.2.1", 4096), 0.0)
    found = trace(packet, Environment(lambda _: Way((sent,)), route, reading))
    assert found.first.end is End.UNKNOWN
    assert not any(line.startswith("service") for line in trace_lines(found, reading, 0.0))


def test_a_route_for_the_mark_is_asked_with_the_mark_and_the_interface() -> None:
    asked: list[RouteQuestion] = []

    def remember(question: RouteQuestion) -> Route:
        asked.append(question)
        return LOCAL if question.mark == 80 else ON_LINK

    packet = replace(tcp("203.0.113.1:80"), interface="eth0")
    reading = Reading(EVERY, Info("1.2.1", 4096), 0.0)
    found = trace(packet, Environment(lambda _: Way((fate(packet, 80),)), remember, reading)).first
    assert asked[0] == RouteQuestion(packet.destination, packet.source, 80, "eth0")
    assert key_of(found) == MARKED.service.key


def test_an_open_connection_decides_before_everything_else() -> None:
    held = director(pool("tcp:192.0.2.10:80", "10.0.0.11:80", server("10.0.0.12:80", Forwarding.MASQ, 0)))
    rows = (connection(CLIENT, "192.0.2.10:80", "10.0.0.12:80"),)
    found = ending(held, replace(tcp(), established=True), scan=Scan(connections=rows, complete=True))
    assert (found.server, found.connection) == (endpoint("10.0.0.12:80"), rows[0])
    assert found.hop == ON_LINK


@pytest.mark.parametrize(
    ("state", "settings", "server_now"),
    [
        ("ESTABLISHED", {}, "10.0.0.12:80"),
        ("TIME_WAIT", {}, "10.0.0.11:80"),
        ("TIME_WAIT", {"conn_reuse_mode": "0"}, "10.0.0.12:80"),
        ("ESTABLISHED", {"expire_nodest_conn": "1"}, "10.0.0.11:80"),
    ],
)
def test_ports_that_are_used_again_start_a_new_connection_as_the_settings_say(
    state: str, settings: dict[str, str], server_now: str
) -> None:
    held = director(pool("tcp:192.0.2.10:80", "10.0.0.11:80", server("10.0.0.12:80", weight=0)), **settings)
    row = connection(CLIENT, "192.0.2.10:80", "10.0.0.12:80")._replace(state=state)
    found = ending(held, tcp(), scan=Scan(connections=(row,), complete=True))
    assert found.server == endpoint(server_now)


def test_a_connection_through_a_mark_is_known_by_its_server_whatever_mark_its_packets_have_now() -> None:
    row = connection(CLIENT, "192.0.2.10:80", "10.0.0.21:80")
    found = ending(EVERY, replace(tcp(), established=True), scan=Scan(connections=(row,), complete=True))
    assert (key_of(found), found.server) == (MarkKey(80, Family.IPV4), endpoint("10.0.0.21:0"))


def test_a_connection_whose_server_is_gone_is_dropped() -> None:
    row = connection(CLIENT, "192.0.2.10:80", "10.0.0.99:80")
    found = ending(EVERY, replace(tcp(), established=True), scan=Scan(connections=(row,), complete=True))
    assert (found.end, found.server) == (End.DROPPED, None)


def test_without_a_port_an_open_connection_may_be_any_of_its_client() -> None:
    held = director(pool("tcp:192.0.2.10:80", "10.0.0.11:80", "10.0.0.12:80"))
    rows = tuple(connection(f"198.18.0.1:{5000 + n}", "192.0.2.10:80", f"10.0.0.1{n}:80") for n in (1, 2))
    packet = replace(tcp(client="198.18.0.1"), established=True)
    found = follow(held, packet, scan=Scan(connections=rows, complete=True))
    assert (found.certain, found.first.server, len(found.first.servers)) == (False, None, 2)


def test_a_packet_that_opens_nothing_and_belongs_to_nothing_is_left_alone_unless_it_may() -> None:
    packet = replace(tcp(), established=True)
    assert ending(EVERY, packet).end is End.LEFT
    assert ending(replace(EVERY, sysctl={"sloppy_tcp": "1"}), packet).end is End.SERVED
    datagram = packet_of(CLIENT, "udp:192.0.2.10:53", established=True)
    assert ending(director(pool("udp:192.0.2.10:53", "10.0.0.51:53")), datagram).end is End.SERVED


def test_nothing_is_scheduled_that_comes_from_the_port_of_ftp_data() -> None:
    assert ending(EVERY, tcp(client="198.18.0.1:20")).end is End.LEFT


def test_a_backup_that_stands_aside_balances_nothing() -> None:
    held = replace(EVERY, sysctl={"backup_only": "1"}, sync={SyncRole.BACKUP: SyncDaemon(SyncRole.BACKUP, "eth0")})
    assert ending(held, tcp()).end is End.LEFT


STICKY = sticky_pool("tcp:192.0.2.10:443", "10.0.0.11:443", "10.0.0.12:443", mask="255.255.255.0")


@pytest.mark.parametrize(
    ("pools", "target", "mark", "entries", "server_now"),
    [
        (STICKY, "192.0.2.10:443", 0, entry("tcp:192.0.2.10:443", "198.18.0.0", "10.0.0.12:443"), "10.0.0.12:443"),
        (STICKY, "192.0.2.10:443", 0, entry("tcp:192.0.2.10:443", "198.18.1.0", "10.0.0.12:443"), None),
        (FTP, "192.0.2.10:5000", 0, entry("tcp:192.0.2.10:0", "198.18.0.1", "10.0.0.41:0"), "10.0.0.41:21"),
        (ANY, "192.0.2.10:99", 0, entry("tcp:192.0.2.10:0", "198.18.0.1", "10.0.0.31:0"), "10.0.0.31:0"),
        (
            sticky_pool("mark:7", "10.0.0.61:0", "10.0.0.62:0"),
            "192.0.2.10:99",
            7,
            entry("mark:7", "198.18.0.1", "10.0.0.62:0"),
            "10.0.0.62:0",
        ),
    ],
)
def test_the_entry_of_the_masked_client_decides(
    pools: Pool, target: str, mark: int, entries: Entry, server_now: str | None
) -> None:
    found = ending(director(pools), tcp(target), mark, scan=Scan(entries=(entries,), complete=True))
    assert found.server == (endpoint(server_now) if server_now else None)
    assert found.is_decided_by_entry == (server_now is not None)


@pytest.mark.parametrize(("expire", "decides"), [("0", True), ("1", False)])
def test_an_entry_on_a_drained_server_decides_unless_quiescent_ones_expire(expire: str, decides: bool) -> None:
    drained = sticky_pool("tcp:192.0.2.10:443", "10.0.0.11:443", "10.0.0.12:443")
    servers = {**drained.servers, endpoint("10.0.0.12:443"): server("10.0.0.12:443", weight=0)}
    held = director(Pool(drained.service, servers), expire_quiescent_template=expire)
    row = entry("tcp:192.0.2.10:443", "198.18.0.1", "10.0.0.12:443")
    found = ending(held, tcp("192.0.2.10:443"), scan=Scan(entries=(row,), complete=True))
    assert found.is_decided_by_entry is decides
    assert found.server == endpoint("10.0.0.12:443" if decides else "10.0.0.11:443")
    assert found.entry is not None


def test_an_entry_of_a_server_that_is_gone_leaves_it_to_the_scheduler() -> None:
    row = entry("tcp:192.0.2.10:443", "198.18.0.0", "10.0.0.99:443")
    found = ending(director(STICKY), tcp("192.0.2.10:443"), scan=Scan(entries=(row,), complete=True))
    assert (found.is_decided_by_entry, len(found.servers)) == (False, 2)


def test_a_table_that_was_not_read_to_its_end_makes_the_rest_uncertain() -> None:
    found = follow(director(STICKY), tcp("192.0.2.10:443"), scan=Scan(complete=False))
    assert not found.certain


def test_of_sip_only_the_call_id_decides() -> None:
    phones = sticky_pool("udp:192.0.2.10:5060", "10.0.0.11:5060", "10.0.0.12:5060", engine="sip")
    found = follow(director(phones), packet_of(CLIENT, "udp:192.0.2.10:5060"))
    assert (found.certain, found.first.server, len(found.first.servers)) == (False, None, 2)
    assert "Call-ID" in found.first.reason


@pytest.mark.parametrize(
    ("of", "counts", "servers", "end"),
    [
        (pool("tcp:192.0.2.10:80"), {}, (), End.REFUSED),
        (pool("tcp:192.0.2.10:80", server("10.0.0.11:80", weight=0)), {}, (), End.REFUSED),
        (
            pool("tcp:192.0.2.10:80", server("10.0.0.11:80", upper=10), "10.0.0.12:80"),
            {"10.0.0.11:80": ServerStats(active=6, inactive=4)},
            ("10.0.0.12:80",),
            End.SERVED,
        ),
        (
            pool("tcp:192.0.2.10:80", server("10.0.0.11:80", upper=10), "10.0.0.12:80"),
            {"10.0.0.11:80": ServerStats(active=8)},  # between: the kernel does not show whether it counts as full
            ("10.0.0.11:80", "10.0.0.12:80"),
            End.SERVED,
        ),
        (
            pool(Service(WEB.service.key, "fo"), server("10.0.0.11:80", weight=1), server("10.0.0.12:80", weight=9)),
            {},
            ("10.0.0.12:80",),
            End.SERVED,
        ),
        (pool(Service(WEB.service.key, "none"), "10.0.0.11:80"), {}, (), End.REFUSED),
    ],
)
def test_the_scheduler_takes_servers_that_can_serve(
    of: Pool, counts: dict[str, ServerStats], servers: tuple[str, ...], end: End
) -> None:
    found = follow(director(of), tcp(), counts=counts).first
    assert (found.end, found.servers) == (end, tuple(map(endpoint, servers)))


def test_port_0_without_persistence_serves_nobody() -> None:
    assert ending(director(pool("tcp:192.0.2.10:0", "10.0.0.11:0")), tcp()).end is End.REFUSED


def test_a_hash_that_needs_the_port_is_uncertain_without_it() -> None:
    held = director(
        pool(Service(WEB.service.key, "sh", ServiceFlags.SCHED_2), "10.0.0.11:80", "10.0.0.12:80", "10.0.0.13:80")
    )
    assert not follow(held, tcp(client="198.18.0.1")).certain
    assert follow(held, tcp()).first.server is not None


def test_a_drained_server_that_sh_assigns_is_named_in_the_refusal() -> None:
    held = director(pool(Service(WEB.service.key, "sh"), server("10.0.0.11:80", weight=0)))
    found = ending(held, tcp())
    assert (found.end, found.certain) == (End.REFUSED, True)
    assert "10.0.0.11, which has weight 0; sh-fallback would try others" in found.reason


def test_bits_of_a_mark_that_are_not_known_lead_to_the_services_that_they_may_mean() -> None:
    held = director(pool("mark:1", "10.0.0.21:0"), pool("mark:3", "10.0.0.23:0"), pool("mark:8", "10.0.0.28:0"))
    found = follow(held, tcp(), 1, unknown=2)
    assert (found.certain, found.marks) == (False, (1, 3))
    assert [key_of(one) for one in found.endings] == [
        MarkKey(1, MARKED.service.key.family),
        MarkKey(3, MARKED.service.key.family),
    ]


def test_several_ways_are_all_followed() -> None:
    found = follow(EVERY, tcp(), 0, 80, 80)
    assert [key_of(one) for one in found.endings] == [WEB.service.key, MARKED.service.key]
    assert (found.certain, found.marks) == (False, (0, 80))


@pytest.mark.parametrize(("port", "mark"), [(80, 1), (22, 2)])
def test_only_what_ipvs_took_is_out_of_connection_tracking(port: int, mark: int) -> None:
    packet = replace(packet_of(CLIENT, f"tcp:192.0.2.10:{port}"), established=True)
    environment = Environment(
        lambda met: Way((fate(met, 2),)),
        route,
        Reading(director(WEB), Info("1.2.1", 4096), 0.0),
        walk_balanced=lambda met: Way((fate(met, 1),)),
    )
    found = trace(packet, environment)
    assert (found.certain, found.marks) == (True, (mark,))


def test_where_it_is_not_known_whether_ipvs_took_it_both_are_possible() -> None:
    environment = Environment(
        lambda met: Way((fate(met, 80), fate(met, 3))),
        route,
        Reading(director(MARKED), Info("1.2.1", 4096), 0.0),
        walk_balanced=lambda met: Way((fate(met, 4),)),
    )
    found = trace(replace(tcp(), established=True), environment)
    assert (found.certain, found.marks) == (False, (4, 80, 3))


def test_what_the_director_sends_to_itself_comes_in_again_by_the_loopback_interface() -> None:
    packet = replace(tcp(), local=True)

    def walk(met: Packet) -> Way:
        return Way((fate(met, 80 if met.interface == "lo" else 0),))

    def answer(question: RouteQuestion) -> Route:  # the kernel takes no question about a packet of its own from lo
        return Route(trouble="Invalid argument") if question.interface == "lo" else route(question)

    held = director(MARKED)
    found = trace(packet, Environment(walk, answer, Reading(held, Info("1.2.1", 4096), 0.0))).first
    assert (key_of(found), found.fate.mark) == (MARKED.service.key, 80)


@pytest.mark.parametrize(
    ("forwarding", "hop", "said"),
    [
        (Forwarding.MASQ, ON_LINK, "10.0.0.11 on eth1, 52:54:00:00:00:0b reachable"),
        (Forwarding.MASQ, LOCAL, "this machine, by lo"),
        (Forwarding.MASQ, Route(trouble="there is no route"), "no route to 10.0.0.11: there is no route"),
        (
            Forwarding.TUNNEL,
            Route("unicast", "eth2", ip_address("10.0.0.1")),
            "10.0.0.1 on eth2, in a tunnel to 10.0.0.11",
        ),
        (Forwarding.ROUTE, Route("unicast", "eth2", ip_address("10.0.0.1")), "behind the router 10.0.0.1"),
        (Forwarding.ROUTE, Route("unicast", "eth2", None, "", "failed"), "nobody answers for 10.0.0.11 on eth2"),
        (Forwarding.ROUTE, Route("unicast", "e\x1b[31m"), "on e\\x1b[31m"),
    ],
)
def test_the_next_hop_says_how_the_server_is_reached(forwarding: Forwarding, hop: Route, said: str) -> None:
    held = director(pool("tcp:192.0.2.10:80", server("10.0.0.11:80", forwarding)))
    packet = tcp()
    reading = Reading(held, Info("1.2.1", 4096), 0.0)
    asked = Environment(
        lambda _: Way((fate(packet),)), lambda one: hop if str(one.destination)[:3] == "10." else LOCAL, reading
    )
    lines = trace_lines(trace(packet, asked), reading, 0.0)
    assert said in " ".join(" ".join(lines).split())
    assert max(map(len, lines)) <= 80


def test_nothing_from_outside_reaches_the_terminal_as_it_is() -> None:
    name = "\x1b[2J"
    servers = {place: replace(one, name=name) for place, one in WEB.servers.items()}
    held = director(Pool(Service(WEB.service.key, name, name=name), servers))
    reading = Reading(held, Info("1.2.1", 4096), 0.0)
    packet = tcp()
    found = trace(packet, Environment(lambda _: Way((fate(packet),), trouble=name), route, reading))
    assert "\x1b" not in "".join(trace_lines(found, reading, 0.0))


def test_a_packet_that_is_redirected_is_taken_to_come_in_where_answers_leave_which_is_said_and_not_certain() -> None:
    def walk(packet: Packet) -> Way:
        to = ip_address("192.0.2.10") if packet.interface == "eth1" else None
        return Way((fate(packet)._replace(destination=to, port=80),))

    asked = tcp("192.0.2.99:8080")
    found = trace(asked, Environment(walk, route, Reading(EVERY, Info("1.2.1", 4096), 0.0)))
    assert (found.packet, found.assumed, found.certain) == (asked, "eth1", False)
    assert key_of(found.first) == WEB.service.key
    assert "taken to come in by eth1" in " ".join(trace_lines(found, None, 0.0))
    said = trace(replace(asked, interface="eth1"), Environment(walk, route, Reading(EVERY, Info("1.2.1", 4096), 0.0)))
    assert (said.assumed, said.certain, key_of(said.first)) == ("", True, WEB.service.key)
    other = trace(replace(asked, interface="eth0"), Environment(walk, route, Reading(EVERY, Info("1.2.1", 4096), 0.0)))
    assert (other.assumed, other.certain, other.first.end) == ("", False, End.UNKNOWN)
