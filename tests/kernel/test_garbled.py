"""Answers that no kernel gives are told as such, never anything else; each of these was found by `make campaign`."""

from __future__ import annotations

import struct
from contextlib import closing
from functools import partial

import pytest

from lvstui.core.model import Family, MarkKey, Service, Timeouts
from lvstui.core.packets.program import Element
from lvstui.kernel.ipvs import wire
from lvstui.kernel.ipvs.dump import PoolTable
from lvstui.kernel.netlink.attributes import NATIVE, Attributes
from lvstui.kernel.netlink.channel import Channel, look_up
from lvstui.kernel.nft.reading import tables
from lvstui.kernel.nft.reading.approaches import Approach, Approaches, Lead
from lvstui.kernel.nft.reading.explained import ExplainedRule
from lvstui.kernel.nft.reading.expressions import Expressions
from lvstui.kernel.nft.reading.parts import Context
from lvstui.kernel.nft.reading.sets import ANONYMOUS, INTERVAL, Set, read_elements, read_set
from lvstui.kernel.nft.reading.tables import RawChain
from lvstui.kernel.nft.xtables.iptables_text import UnknownLine, line
from lvstui.kernel.port import Garbled, KernelError, Piece
from lvstui.kernel.procfs.connections import Decoder
from lvstui.kernel.procfs.table import parse
from tests.campaign.decoders import tape

FAMILY = tape.load("families")["nlctrl"]
IPVS = tape.load("ipvs")
NFT = tape.load("nft")
SERVICE = NATIVE.attributes(NATIVE.attributes(wire.service(Service(MarkKey(80, Family.IPV4))))[wire.TOP_SERVICE])


def expression(name: str, *attributes: bytes) -> bytes:
    return NATIVE.nest(1, NATIVE.attribute(1, name.encode() + b"\0"), NATIVE.nest(2, *attributes))


def u32(number: int, value: int) -> bytes:
    return NATIVE.attribute(number, struct.pack(">I", value))


@pytest.mark.parametrize("title", IPVS)
def test_a_recorded_kernel_is_read(title: str) -> None:
    with tape.Tape(IPVS[title]) as played:
        director = tape.ipvs(played, int(title.split()[0])).read().director
    assert f"{len(director.pools)} services" in title


@pytest.mark.parametrize("title", NFT)
def test_a_recorded_packet_filter_is_read(title: str) -> None:
    with closing(tape.Filter(tape.Tape(NFT[title]))) as netfilter:
        assert tables.read(netfilter).tables


def test_what_is_missing_is_told_with_whose_answer_it_was() -> None:
    title = next(iter(IPVS))

    def cut(datagram: bytes) -> bytes:
        return datagram[:4] + datagram[4:].replace(b"\x08\x00\x01\x00", b"\x08\x00\x3f\x00")

    with (
        tape.Tape(IPVS[title], 0, cut) as played,
        pytest.raises(Garbled, match=r"^the kernel answered something .* \(IPVS\): attribute 1 is missing$"),
    ):
        tape.ipvs(played, int(title.split()[0])).read()


@pytest.mark.parametrize(
    ("seen", "given", "detail"),
    [
        (b"\6\0\1\0\x10\0", b"\6\0\1\0\x0f\0", "a family of number 15"),
        (b"\6\0\1\0\x10\0", b"\4\0\1\0\4\0", "a family of number 0"),
        (b"\6\0\1\0\x10\0", b"\6\0\77\0\x10\0", "attribute 1 is missing"),
    ],
)
def test_a_family_without_a_number_of_families_is_told(seen: bytes, given: bytes, detail: str) -> None:
    with tape.Tape(FAMILY) as played:
        assert look_up(Channel(played), "nlctrl") == 16
    with tape.Tape(FAMILY, 0, lambda datagram: datagram.replace(seen, given)) as played:
        with pytest.raises(Garbled) as caught:
            look_up(Channel(played), "nlctrl")
        assert caught.value.detail == detail


@pytest.mark.parametrize("size", [0, 3, 19, 1 << 20])
def test_a_message_of_an_impossible_length_is_no_endless_loop(size: int) -> None:
    def resized(datagram: bytes) -> bytes:
        return struct.pack("=I", size) + datagram[4:]

    title = next(iter(IPVS))
    with tape.Tape(IPVS[title], 0, resized) as played, pytest.raises(Garbled, match=f"a message of {size} bytes"):
        tape.ipvs(played, int(title.split()[0])).read()


@pytest.mark.parametrize("status", [-(1 << 31), 1])
def test_a_status_that_is_no_errno_is_told(status: int) -> None:
    answer = struct.pack("=IHHIIi", 20, 3, 0, 0, 0, status)
    with tape.Tape((tape.Exchange(tape.unnumbered(bytes(20)), (answer,)),)) as played:
        channel = Channel(played)
        played.send(bytes(20))
        with pytest.raises(Garbled, match=f"a request ended with {status}"):
            channel.receive()


def test_a_message_that_ends_within_its_head_is_told() -> None:
    with tape.Tape((tape.Exchange(tape.unnumbered(bytes(20)), (b"\x14\0\0",)),)) as played:
        channel = Channel(played)
        played.send(bytes(20))
        with pytest.raises(Garbled):
            channel.receive()


@pytest.mark.parametrize("number", [wire.SVC_FAMILY, wire.SVC_FLAGS, wire.SVC_SCHEDULER])
@pytest.mark.parametrize("payload", [None, b"\0", b"\xff" * 20])
def test_a_service_that_lacks_something_is_told(number: int, payload: bytes | None) -> None:
    found = Attributes(SERVICE)
    found.pop(number)
    if payload is not None:
        found[number] = payload
    if number == wire.SVC_SCHEDULER and payload is not None:
        assert wire.read_service(found)
    else:
        with pytest.raises(Garbled):
            wire.read_service(found)


def test_a_service_on_mark_0_is_told_as_none_can_be_asked_for_its_servers() -> None:
    with pytest.raises(Garbled, match="a service on mark 0"):
        wire.read_service(Attributes(SERVICE | {wire.SVC_MARK: bytes(4)}))


def test_counts_of_an_odd_size_are_not_taken_for_numbers() -> None:
    """Two that make up for each other in length must not teach a wrong layout."""
    title = max(IPVS)

    def odd(datagram: bytes) -> bytes:
        return datagram.replace(b"\x08\x00\x07\x00", b"\x0a\x00\x07\x00")

    conversation = IPVS[title]
    for place in range(len(conversation)):
        with tape.Tape(conversation, place, odd) as played:
            client = tape.ipvs(played, int(title.split()[0]))
            try:
                client.read()
            except KernelError:
                continue
    assert PoolTable().director(Timeouts(), {}).pools == {}


@pytest.mark.parametrize("size", [0, 65, 1 << 31])
def test_a_load_of_an_impossible_length_is_a_puzzle_and_no_endless_loop(size: int) -> None:
    load = expression("payload", u32(1, 8), u32(2, 1), u32(3, 16), u32(4, size))
    lookup = expression("lookup", NATIVE.attribute(1, b"s\0"), u32(2, 8))
    walk = ExplainedRule(Context("ip", {"s": Set("s", 0, 4, ())}), 2)
    Expressions(NATIVE).explain(load + lookup, walk)
    assert walk.unknown


def test_a_range_beyond_its_field_is_a_puzzle() -> None:
    load = expression("payload", u32(1, 8), u32(2, 1), u32(3, 16), u32(4, 4))
    ends = [NATIVE.nest(kind, NATIVE.attribute(1, data)) for kind, data in ((3, b"\1" * 4), (4, b"\2" * 9))]
    walk = ExplainedRule(Context("ip"), 2)
    Expressions(NATIVE).explain(load + expression("range", u32(1, 8), *ends), walk)
    assert walk.unknown


@pytest.mark.parametrize("keys", [(bytes(9),), (bytes(4), bytes(3)), (bytes(4), bytes(4))])
def test_intervals_of_keys_that_a_set_cannot_have_are_told(keys: tuple[bytes, ...]) -> None:
    elements = [
        NATIVE.nest(1, NATIVE.nest(1, NATIVE.attribute(1, key)), NATIVE.nest(2, NATIVE.attribute(1, bytes([number]))))
        for number, key in enumerate(keys)
    ]
    body = NATIVE.nest(3, *elements)
    with pytest.raises(Garbled):
        read_elements(NATIVE, Set("s", INTERVAL, 4, ()), [body])


def test_a_set_whose_keys_no_register_holds_is_told() -> None:
    with pytest.raises(Garbled, match="a set whose keys have 2147483648 bytes"):
        read_set(NATIVE, NATIVE.attributes(NATIVE.attribute(2, b"s\0") + u32(5, 1 << 31)))


def test_chains_in_a_row_of_thousands_end() -> None:
    chains = {f"c{number}": RawChain(f"c{number}") for number in range(3000)}

    def over(approach: Approach) -> list[tuple[tuple[()], bool]]:
        return [((), approach.sure)]

    approaches = Approaches(
        chains, lambda name: [Lead(f"c{int(name[1:]) - 1}", 0, partial(over))] if name != "c0" else []
    )
    assert [approach.hook for approach in approaches.to("c2999")] == [""]


@pytest.mark.parametrize("text", ["[", "[1:2] ", "-A", "[" + "9" * 5000 + ":1] -A INPUT", ""])
def test_a_line_that_iptables_does_not_write_is_told(text: str) -> None:
    with pytest.raises(UnknownLine):
        line(text, 4)


@pytest.mark.parametrize(
    "asked",
    ["-p 300", "--dport 70000", "-s 2001:db8::1", "--dport 9:5", "-m mark --mark 0xfffffffff", "-s 192.0.2.1/99"],
)
def test_a_value_that_its_field_cannot_have_makes_a_rule_of_iptables_unsure(asked: str) -> None:
    read = line(f"-A PREROUTING {asked} -j MARK --set-xmark 0x1/0xffffffff", 4)
    assert not read.rule.sure


def test_a_mark_of_more_than_32_bits_is_none() -> None:
    (effect,) = line("-A PREROUTING -j MARK --set-xmark 0xfffffffff/0x1", 4).rule.effects
    assert effect.value is None
    assert not effect.certain


@pytest.mark.parametrize(
    "row",
    [
        "TCP  C000020A:0050 wlc persistent 300 FFFFFFFFFFFF",
        "TCP  C000020A:FFFFFF wlc",
        "TCP  C000020A:-001 wlc",
        "FWM  FFFFFFFFFF wlc",
        "IP_99999 C000020A:0050 wlc",
    ],
)
def test_numbers_that_no_table_holds_are_told(row: str) -> None:
    with pytest.raises(KernelError, match="/proc/net/ip_vs holds something unknown"):
        parse(f"IP Virtual Server version 1.2.1 (size=4096)\n{row}\n", 100, 0.0)


def test_a_size_of_thousands_of_digits_is_told() -> None:
    with pytest.raises(KernelError):
        parse(f"IP Virtual Server version 1.2.1 (size={'9' * 5000})\n", 100, 0.0)


def test_a_known_row_with_a_countdown_of_no_number_is_left_out() -> None:
    row = "TCP 0A01000A 0000 0A010064 0050 0A020202 0050 ASSURED     LOCAL  {}\n"
    decoder = Decoder(engines=False, known={})
    assert len(decoder.decode(row.format("    295").encode(), 1.0).entries) == 1
    assert decoder.decode(row.format("   x295").encode(), 1.0) == Piece([], [], [])


@pytest.mark.parametrize("place", [2, 4, 6])
def test_a_row_with_a_port_beyond_all_ports_is_left_out(place: int) -> None:
    words = ["TCP", "0A01000A", "9C40", "0A010064", "0050", "0A020202", "0050", "ESTABLISHED", "LOCAL", "295"]
    words[place] = "10000"
    assert Decoder(engines=False).decode(f"{' '.join(words)}\n".encode(), 1.0) == Piece([], [], [])


@pytest.mark.parametrize("size", [0, 3, 8])
def test_a_generation_of_another_size_is_told(size: int) -> None:
    def resized(datagram: bytes) -> bytes:
        body = NATIVE.attribute(1, b"\xff" * size)
        return struct.pack("=I", 20 + len(body)) + datagram[4:20] + body

    with (
        closing(tape.Filter(tape.Tape(NFT["rules"], len(NFT["rules"]) - 1, resized))) as netfilter,
        pytest.raises(Garbled, match=f"a generation of {size} bytes"),
    ):
        tables.read(netfilter)


def test_an_element_that_ends_before_it_starts_is_a_puzzle() -> None:
    load = expression("payload", u32(1, 8), u32(2, 1), u32(3, 16), u32(4, 4))
    lookup = expression("lookup", NATIVE.attribute(1, b"s\0"), u32(2, 8))
    backwards = Element(b"\0\0\0\7", b"\0\0\0\0")
    walk = ExplainedRule(Context("ip", {"s": Set("s", ANONYMOUS, 4, (), (backwards,))}), 2)
    Expressions(NATIVE).explain(load + lookup, walk)
    assert walk.unknown
