"""Packets that ask are such as IPVS sends on, and answers to them are told from everything else."""

from __future__ import annotations

import struct
from ipaddress import ip_address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lvstui.core import fields
from lvstui.core.model import Protocol, Tunnel, TunnelType
from lvstui.kernel.network.packets import checksum, ip_packet
from lvstui.kernel.probes.frames import (
    Accepted,
    Complained,
    Complaint,
    Flow,
    Refused,
    Returned,
    asking,
    ending,
    read_reply,
    wrapped,
)

V4 = Flow(Protocol.TCP, fields.server("10.0.0.1:40000"), fields.server("192.0.2.10:80"), 0xFFFFFFFF)
V6 = Flow(Protocol.TCP, fields.server("[fd00::1]:40000"), fields.server("[2001:db8::10]:80"), 7)
FLOWS = pytest.mark.parametrize("flow", [V4, V6], ids=["v4", "v6"])
SERVERS = {4: ip_address("10.0.0.11"), 6: ip_address("fd00::11")}
SOURCES = {4: ip_address("10.0.0.1"), 6: ip_address("fd00::1")}


def segment(flow: Flow, flags: int, acknowledged: int) -> bytes:
    """Return a segment from the server to us."""
    head = struct.pack(">HHIIBBHHH", flow.destination.port, flow.source.port, 1, acknowledged, 5 << 4, flags, 0, 0, 0)
    return ip_packet(flow.destination.address, flow.source.address, Protocol.TCP, head)


@FLOWS
def test_an_answer_acknowledges_what_was_asked(flow: Flow) -> None:
    sent, right = asking(flow), (flow.sequence + 1) & 0xFFFFFFFF
    assert read_reply(segment(flow, 0x12, right), flow, sent) == Accepted()
    assert read_reply(segment(flow, 0x14, right), flow, sent) == Refused()
    assert read_reply(segment(flow, 0x10, right), flow, sent) is None
    assert read_reply(segment(flow, 0x12, right + 1 & 0xFFFFFFFF), flow, sent) is None
    other = flow._replace(source=flow.source._replace(port=40001))
    assert read_reply(segment(other, 0x12, right), flow, sent) is None


@FLOWS
def test_our_own_packet_that_comes_back_is_no_answer(flow: Flow) -> None:
    assert read_reply(asking(flow), flow, asking(flow)) == Returned()


@FLOWS
def test_checksums_are_right(flow: Flow) -> None:
    for packet in (asking(flow), ending(flow), asking(flow._replace(protocol=Protocol.UDP))):
        size = 20 if packet[0] >> 4 == 4 else 40
        if size == 20:
            assert checksum(packet[:20]) == 0
        length = len(packet) - size
        protocol = packet[9] if size == 20 else packet[6]
        addresses = packet[12:20] if size == 20 else packet[8:40]
        assert checksum(addresses + struct.pack(">II", length, protocol) + packet[size:]) == 0


@pytest.mark.parametrize("outer", [4, 6])
@FLOWS
@pytest.mark.parametrize(
    ("tunnel", "protocols", "size"),
    [
        (Tunnel(), {4: 4, 6: 41}, 0),
        (Tunnel(TunnelType.GUE, 6080), {4: 17, 6: 17}, 12),
        (Tunnel(TunnelType.GUE, 6080, 1), {4: 17, 6: 17}, 12),
        (Tunnel(TunnelType.GUE, 6080, 2), {4: 17, 6: 17}, 12),
        (Tunnel(TunnelType.GRE), {4: 47, 6: 47}, 4),
        (Tunnel(TunnelType.GRE, checksum=1), {4: 47, 6: 47}, 8),
    ],
)
def test_a_tunnel_wraps_as_ipvs_does(
    tunnel: Tunnel, protocols: dict[int, int], size: int, flow: Flow, outer: int
) -> None:
    inner = asking(flow)
    packet = wrapped(tunnel, SOURCES[outer], SERVERS[outer], 40000, inner)
    head = 20 if outer == 4 else 40
    assert packet[0] >> 4 == outer
    assert packet[9 if outer == 4 else 6] == protocols[inner[0] >> 4]
    assert packet[head + size :] == inner
    if tunnel.type is TunnelType.GUE:
        assert struct.unpack_from(">HH", packet, head) == (40000, 6080)
        assert packet[head + 8 : head + 12] == bytes((0, 4 if inner[0] >> 4 == 4 else 41, 0, 0))
        summed = packet[head + 6 : head + 8] != b"\0\0"
        assert summed == bool(tunnel.checksum)
    if tunnel.checksum:
        content = packet[head:]
        addresses = packet[12:20] if outer == 4 else packet[8:40]
        pseudo = b"" if tunnel.type is TunnelType.GRE else addresses + struct.pack(">II", len(content), 17)
        assert checksum(pseudo + content) == 0


@pytest.mark.parametrize("part", ["tunnel", "inner"])
def test_a_complaint_is_known_by_the_packet_that_it_repeats(part: str) -> None:
    sent = wrapped(Tunnel(), SOURCES[4], SERVERS[4], 40000, asking(V4))
    repeated = bytearray(sent if part == "tunnel" else sent[20:])
    repeated[8] = 1  # routers count hops down
    complaint = ip_packet(SERVERS[4], SOURCES[4], 1, struct.pack(">BBHI", 3, 2, 0, 0) + bytes(repeated[:28]))
    assert read_reply(complaint, V4, sent) == Complained(SERVERS[4], Complaint.PROTOCOL, part == "inner")
    repeated[-30] ^= 1
    repeated[15] ^= 1
    other = ip_packet(SERVERS[4], SOURCES[4], 1, struct.pack(">BBHI", 3, 2, 0, 0) + bytes(repeated))
    assert read_reply(other, V4, sent) is None


def test_neighbours_that_speak_of_themselves_are_no_complaint() -> None:
    advert = ip_packet(SERVERS[6], SOURCES[6], 58, struct.pack(">BBHI", 136, 0, 0, 0) + asking(V6))
    assert read_reply(advert, V6, asking(V6)) is None


@FLOWS
def test_what_is_cut_off_is_nothing(flow: Flow) -> None:
    sent = asking(flow)
    for packet in (segment(flow, 0x12, flow.sequence + 1 & 0xFFFFFFFF), sent):
        for length in range(len(packet)):
            read_reply(packet[:length], flow, sent)


@FLOWS
@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=120), place=st.integers(0, 100), flips=st.integers(1, 255))
def test_what_is_garbled_is_nothing_or_a_reply(flow: Flow, data: bytes, place: int, flips: int) -> None:
    sent = asking(flow)
    read_reply(data, flow, sent)
    right = bytearray(segment(flow, 0x12, flow.sequence + 1 & 0xFFFFFFFF))
    right[place % len(right)] ^= flips
    read_reply(bytes(right), flow, sent)
