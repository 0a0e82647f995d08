"""What the doctor reads of this machine and hears from others, as lines and bytes."""

from __future__ import annotations

import struct
import sys
from ipaddress import IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvstui.kernel.network.facts import ipv4_network, ipv6_network, read_facts, routed
from lvstui.kernel.network.owners import answered
from lvstui.kernel.network.packets import who_has

HOST = bytes.fromhex("525400000099")

ROUTES = """\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
eth1\t000012C6\t020200C0\t0003\t0\t0\t0\t0000FFFF\t0\t0\t0
"""
ROUTES6 = """\
20010db8000c00000000000000000000 30 00000000000000000000000000000000 00 20010db8000100000000000000000002 00000400 \
00000001 00000000 00000003     eth0
fe800000000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 \
00000001 00000000 00000001     eth0
"""


@pytest.mark.skipif(sys.byteorder != "little", reason="the text is that of a little-endian machine")
def test_networks_behind_routers_have_clients() -> None:
    assert routed(ROUTES, ipv4_network) == [ip_address("198.51.100.1"), ip_address("198.18.0.1")]
    assert routed(ROUTES6, ipv6_network) == [ip_address("2001:db8:c::1")]


@given(st.text())
def test_any_text_is_a_table_of_routes(text: str) -> None:
    for parse in (ipv4_network, ipv6_network):
        assert len(routed(text, parse)) <= 4


def test_this_machine_is_read() -> None:
    facts = read_facts()
    assert not facts.trouble
    assert facts.links["lo"].asks is False
    assert facts.addresses[ip_address("127.0.0.1")].interface == "lo"
    assert facts.number("ipv4/conf/lo/rp_filter") is not None


def arp(does: int, address: str) -> bytes:
    return struct.pack("!HHBBH6s4s6s4s", 1, 0x0800, 6, 4, does, HOST, ip_address(address).packed, HOST, bytes(4))


def test_an_answer_names_the_host_that_has_the_address() -> None:
    assert list(answered(arp(2, "192.0.2.10"), HOST)) == [(ip_address("192.0.2.10"), "52:54:00:00:00:99")]
    assert list(answered(arp(1, "192.0.2.10"), HOST)) == []


def test_an_advertisement_names_the_host_by_its_option_or_else_by_its_sender() -> None:
    target = ip_address("2001:db8::10")
    body = struct.pack("!BBHI16s", 136, 0, 0, 0, target.packed)
    head = bytes.fromhex("60000000") + bytes(36)
    assert list(answered(head + body, HOST)) == [(target, "52:54:00:00:00:99")]
    other = bytes.fromhex("0201525400000077")
    assert list(answered(head + body + other, HOST)) == [(target, "52:54:00:00:00:77")]


@given(st.binary(max_size=100), st.binary(max_size=8))
def test_any_bytes_may_come(packet: bytes, sender: bytes) -> None:
    assert len(list(answered(packet, sender))) <= 1


@pytest.mark.parametrize("sender", ["::", "fe80::1"])
def test_a_solicitation_has_a_right_checksum_and_room_for_its_option(sender: str) -> None:
    packet, receiver = who_has(IPv6Address("2001:db8::10"), IPv6Address(sender), HOST)
    assert (IPv6Address(packet[24:40]), receiver.hex(":")) == (IPv6Address("ff02::1:ff00:10"), "33:33:ff:00:00:10")
    body = packet[40:]
    assert len(body) == (24 if sender == "::" else 32)
    whole = packet[8:40] + struct.pack("!II", len(body), 58) + body
    total = sum(struct.unpack(f"!{len(whole) // 2}H", whole))
    assert (total & 0xFFFF) + (total >> 16) == 0xFFFF
