"""The detail of services, servers and machines."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import IPv4Address

from lvstui.core.change import Change, change_server, change_service
from lvstui.core.health.verdict import Trouble, Verdict
from lvstui.core.model import AddressKey, Director, Endpoint, Pool, Protocol, RealServer, ServerKey, Service
from lvstui.core.observed import NO_INFO, MachineKey, Reading, RowKey, ServerStats, Stats
from lvstui.core.record import Kind, Record
from lvstui.core.services.columns import HIDDEN, SERVICE_COLUMNS
from lvstui.core.services.detail import detail
from lvstui.core.services.past import whole
from lvstui.core.services.row import ServiceLook
from lvstui.core.snapshot import Host, ProfileState, Snapshot

SHOP = AddressKey(Protocol.TCP, IPv4Address("192.0.2.10"), 443)
ENDPOINT = Endpoint(IPv4Address("10.0.0.11"), 443)
WEB = ServerKey(SHOP, ENDPOINT)
SERVER = RealServer(ENDPOINT, weight=3, name="web1")
DIRECTOR = Director(pools={SHOP: Pool(Service(SHOP, name="shop", note="ask first"), {ENDPOINT: SERVER})})
COUNTED = Stats(1_200_000, 18_400_000, 21_900_000, 2_110_000_000, 31_600_000_000, 10, 21, 20, 1300, 1200)
SEEN = ServerStats(268, 644, 25, COUNTED)
READING = Reading(DIRECTOR, NO_INFO, 1000.0, {SHOP: COUNTED}, {SHOP: {ENDPOINT: SEEN}})
SNAPSHOT = Snapshot(READING, "demo", Host("lb1"))
WIDTH = 62


def shown(snapshot: Snapshot, key: RowKey) -> str:
    blocks = detail(snapshot, ServiceLook(), key, WIDTH)
    heads = [f"{block.title}  {block.aside}  {block.remark}" for block in blocks]
    bodies = ["\n".join("".join(cell.text for cell in line) for line in block.lines) for block in blocks]
    return "\n".join(f"{head}\n{body}" for head, body in zip(heads, bodies, strict=True))


def test_a_server_has_name_address_service_note_state_configuration_totals_and_charts() -> None:
    text = shown(SNAPSHOT, WEB)
    for piece in (
        "web1  10.0.0.11:443  of shop, tcp:192.0.2.10:443",
        "Note    ask first",
        "State   ok",
        "weight      3",
    ):
        assert piece in text
    assert "1.2M" in text
    assert "31.6G" in text
    assert [len(block.charts) for block in detail(SNAPSHOT, ServiceLook(), WEB, WIDTH)][-2:] == [1, 2]
    assert text.index("Note") < text.index("State") < text.index("Configuration") < text.index("Totals")


def test_trouble_is_shown_with_its_evidence_how_long_and_why_clients_still_come() -> None:
    verdict = Verdict(Trouble.REFUSING, "12 new in 20 s, 0 established", 1000.0 - 400)
    sick = replace(SNAPSHOT, health={WEB: verdict})
    text = shown(sick, WEB)
    assert "State   refusing  for 6 min" in text
    assert "12 new in 20 s, 0 established" in text
    assert "web1 refusing: 12 new" in shown(sick, SHOP)
    chart = next(block.charts[0] for block in detail(sick, ServiceLook(), WEB, WIDTH) if block.charts)
    assert chart.marks == [(400.0, "refusing")]


def test_whether_the_profile_says_the_same_is_said_of_the_object_itself() -> None:
    drift = (change_server(SHOP, SERVER, replace(SERVER, weight=5)),)
    same = ProfileState("p.toml", True, saved=DIRECTOR)
    assert "profile: the same" in shown(replace(SNAPSHOT, profile=same), WEB)
    assert "profile: 1 differs" in shown(replace(SNAPSHOT, profile=replace(same, drift=drift)), WEB)
    assert "no profile" in shown(SNAPSHOT, WEB)


def test_the_newest_changes_of_an_object_and_of_a_services_servers_are_listed() -> None:
    def record(number: int, change: Change) -> Record:
        return Record(number, datetime(2026, 5, 14, 2, number, tzinfo=UTC), "anna", "", 1, Kind.DO, (change,))

    service = DIRECTOR.pools[SHOP].service
    records = (
        record(1, change_server(SHOP, replace(SERVER, weight=1), SERVER)),
        record(2, change_service(service, replace(service, scheduler="rr"))),
    )
    snapshot = replace(SNAPSHOT, changes=records)
    assert "05-14 02:01  anna        weight 1 -> 3" in shown(snapshot, WEB)
    assert "scheduler" not in shown(snapshot, WEB).partition("Changes of")[2]
    of_service = shown(snapshot, SHOP).partition("Changes of shop")[2]
    assert of_service.index("scheduler wlc -> rr") < of_service.index("10.0.0.11:443 web1: weight 1 -> 3")


def test_a_machine_lists_its_services_and_a_row_that_is_gone_has_no_detail() -> None:
    assert "shop, weight 3" in shown(SNAPSHOT, MachineKey(ENDPOINT.address))
    assert not detail(SNAPSHOT, ServiceLook(), MachineKey(IPv4Address("10.9.9.9")), WIDTH)
    assert not detail(SNAPSHOT, ServiceLook(), ServerKey(SHOP, Endpoint(ENDPOINT.address, 1)), WIDTH)


def test_without_statistics_that_is_said_and_there_is_no_chart() -> None:
    bare = replace(READING, services={}, servers={SHOP: {ENDPOINT: SEEN._replace(stats=None)}})
    snapshot = replace(SNAPSHOT, reading=bare)
    assert "the kernel shows them to root only" in shown(snapshot, WEB)
    assert not any(block.charts for block in detail(snapshot, ServiceLook(), WEB, WIDTH))
    assert not whole(snapshot, ServiceLook(), WIDTH, 8)


def test_totals_and_packets_have_columns_that_are_shown_where_asked_for() -> None:
    titles = {column.title for column in SERVICE_COLUMNS if column.id in HIDDEN}
    assert titles == {"Conns", "Pkts in", "Pkts out", "Bytes in", "Bytes out", "Pkts in/s", "Pkts out/s"}


def test_packets_are_counted_by_the_thousand_and_bytes_have_larger_units() -> None:
    seen = Stats(in_packet_rate=2500, out_packet_rate=9, in_byte_rate=282_000)
    busy = replace(SNAPSHOT, reading=replace(READING, services={SHOP: seen}))
    (block,) = whole(busy, ServiceLook(), 80, 10)
    text = "".join(cell.text for line in block.lines for cell in line)
    assert " ".join(text.split()) == "in 282 kB/s out 0 B/s in 2.5k packets/s out 9 packets/s"
