"""Rows of the connection table as kernels write them, decoded; the lines were taken from a running kernel."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address

import pytest

from lvstui.core.model import AddressKey, Endpoint, Family, MarkKey, Protocol, ServiceKey
from lvstui.core.observed import Connection, Entry, Origin
from lvstui.kernel.procfs.connections import Decoder, Row
from tests.build import endpoint

HEAD = "Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Expires PEName PEData\n"
VIP, VIP6 = IPv4Address("10.1.0.100"), IPv6Address("fd00::100")
RS, RS6 = IPv4Address("10.2.2.2"), IPv6Address("fd00:22::2")


def decoded(text: str, *, engines: bool = True) -> tuple[list[Entry], list[Connection]]:
    piece = Decoder(engines=engines).decode(text.encode("latin-1"), 1000.0)
    return list(piece.entries), list(piece.connections)


def tcp(port: int, address: IPv4Address | IPv6Address = VIP) -> AddressKey:
    return AddressKey(Protocol.TCP, address, port)


@pytest.mark.parametrize(
    ("line", "service", "client", "server", "left"),
    [
        ("TCP 0A01000A 0000 0A010064 0050 0A020202 0050 ASSURED         295", tcp(80), "10.1.0.10", (RS, 80), 295),
        ("TCP 0A010500 0000 0A010064 1F90 0A020202 0050 ASSURED         195", tcp(8080), "10.1.5.0", (RS, 80), 195),
        ("TCP 0A01000D 0000 0A010064 0000 0A020202 0000 NONE            249", tcp(0), "10.1.0.13", (RS, 0), 249),
        (
            "IP  0A01000C 0000 00000005 0000 0A020202 0000 ASSURED         396",
            MarkKey(5, Family.IPV4),
            "10.1.0.12",
            (RS, 0),
            396,
        ),
        (
            "TCP fd00:0001:0000:0000:0000:0000:0000:0010 0000 fd00:0000:0000:0000:0000:0000:0000:0100 0050 "
            "fd00:0022:0000:0000:0000:0000:0000:0002 0050 ERR!            296",
            tcp(80, VIP6),
            "fd00:1::10",
            (RS6, 80),
            296,
        ),
        (
            "IP  fd00:0001:0000:0000:0000:0000:0000:0012 0000 0000:0006:0000:0000:0000:0000:0000:0000 0000 "
            "fd00:0022:0000:0000:0000:0000:0000:0002 0000 ASSURED         399",
            MarkKey(6, Family.IPV6),
            "fd00:1::12",
            (RS6, 0),
            399,
        ),
        (
            "TCP 0A01000A 0000 0A010064 0050 fd00:0022:0000:0000:0000:0000:0000:0002 0050 ASSURED         10",
            tcp(80),
            "10.1.0.10",
            (RS6, 80),
            10,
        ),
        (
            "TCP 0A01000A 0000 0A010064 FFFF 0A020202 FFFF ASSURED         299",
            tcp(65535),
            "10.1.0.10",
            (RS, 65535),
            299,
        ),
        (
            "IP_47 0A01000A 0000 0A010064 0000 0A020202 0000 ASSURED         9",
            AddressKey(Protocol(47), VIP, 0),
            "10.1.0.10",
            (RS, 0),
            9,
        ),
    ],
)
def test_every_kind_of_entry_is_decoded(
    line: str, service: ServiceKey, client: str, server: tuple[IPv4Address | IPv6Address, int], left: int
) -> None:
    entries, connections = decoded(HEAD + line + "\n")
    assert connections == []
    (entry,) = entries
    assert (entry.service, str(entry.client), entry.server) == (service, client, Endpoint(*server))
    assert entry.ends == 1000.0 + left


def test_what_an_engine_knows_clients_by_is_kept_byte_for_byte() -> None:
    line = "UDP 0A01000E 0000 0A010064 13C4 0A020202 13C4 ASSURED         349 sip abc 1\x1b[31m\xff@10.1.0.14\n"
    ((entry,), _) = decoded(line)
    assert (entry.engine, entry.identity) == ("sip", "abc 1\x1b[31m\xff@10.1.0.14")


def test_the_origin_is_read_instead_where_nobody_asks_for_engines() -> None:
    text = (
        "TCP 0A01000A 0000 0A010064 0050 0A020202 0050 ASSURED     LOCAL      295\n"
        "TCP 0A01000B 0000 0A010064 0050 0A020202 0050 ASSURED     SYNC       295\n"
    )
    entries, _ = decoded(text, engines=False)
    assert [entry.origin for entry in entries] == [Origin.LOCAL, Origin.SYNC]
    assert {entry.ends for entry in entries} == {1295.0}


@pytest.mark.parametrize("state", ["ESTABLISHED", "TIME_WAIT", "SYN_RECV", "UDP", "NONE"])
def test_everything_with_a_client_port_is_a_connection(state: str) -> None:
    entries, connections = decoded(f"TCP 0A01000A 9C40 0A010064 0050 0A020202 1F90 {state:<11} 119\n")
    assert entries == []
    assert connections == [
        Connection(
            Protocol.TCP,
            endpoint("10.1.0.10:40000"),
            Endpoint(VIP, 80),
            Endpoint(RS, 8080),
            state,
            1119.0,
            Origin.UNKNOWN,
        )
    ]


def test_a_client_port_of_0_in_another_state_is_a_connection_too() -> None:
    entries, connections = decoded("TCP 0A01000A 0000 0A010064 0050 0A020202 0050 ESTABLISHED     5\n")
    assert (len(entries), len(connections)) == (0, 1)


def test_the_text_may_come_in_any_pieces() -> None:
    text = HEAD + "TCP 0A01000A 0000 0A010064 0050 0A020202 0050 ASSURED     LOCAL      295\n" * 3
    for size in (1, 7, 62, 1000):
        decoder = Decoder(engines=False)
        data = text.encode()
        pieces = [decoder.decode(data[place : place + size], 0.0) for place in range(0, len(data), size)]
        assert sum(len(piece.entries) for piece in pieces) == 3


@pytest.mark.parametrize("line", ["", "\n", "garbage\n", "TCP 0A01000A 0000\n", "TCP x 0000 y 0050 z 0050 ASSURED 1\n"])
def test_a_row_that_no_kernel_writes_is_left_out_and_those_around_it_are_not(line: str) -> None:
    good = "TCP 0A01000A 0000 0A010064 0050 0A020202 0050 ASSURED         295\n"
    entries, connections = decoded(good + line + good if line.endswith("\n") else good + good)
    assert (len(entries), connections) == (2, [])


ROW = "TCP {} 0000 0A010064 0050 0A020202 0050 ASSURED     LOCAL  {:7}\n"


def again(known: dict[str, Row], now: float, *rows: tuple[str, int]) -> Sequence[Entry]:
    """Decode a reading that may find rows of the one before."""
    text = "".join(ROW.format(client, left) for client, left in rows)
    return Decoder(engines=False, known=known).decode(text.encode(), now).entries


def test_a_row_that_only_counts_down_is_not_decoded_again() -> None:
    known: dict[str, Row] = {}
    first = again(known, 1000.0, ("0A01000A", 295), ("0A01000B", 100))
    second = again(known, 1010.4, ("0A01000A", 285), ("0A01000B", 89))
    assert [one is two for one, two in zip(first, second, strict=True)] == [True, True]


def test_a_row_whose_timer_was_started_anew_is_decoded_again_and_known_from_then_on() -> None:
    known: dict[str, Row] = {}
    again(known, 1000.0, ("0A01000A", 295))
    (second,) = again(known, 1010.0, ("0A01000A", 299))
    assert second.ends == 1309.0
    (third,) = again(known, 1012.0, ("0A01000A", 297))
    assert third is second


def test_a_row_that_points_elsewhere_by_now_is_another_one() -> None:
    known: dict[str, Row] = {}
    again(known, 1000.0, ("0A01000A", 295))
    text = ROW.format("0A01000A", 295).replace("0A020202", "0A020203")
    (now,) = Decoder(engines=False, known=known).decode(text.encode(), 1000.0).entries
    assert str(now.server.address) == "10.2.2.3"


def test_a_time_that_wrapped_round_is_over() -> None:
    (entry,) = again({}, 1000.0, ("0A01000A", 790_273_982))
    assert entry.ends == 1000.0
