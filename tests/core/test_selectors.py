"""What packets get a mark: text and value say the same, in one canonical form."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvstui.core.fields import FieldError
from lvstui.core.model import Ports, Protocol, Selector
from lvstui.core.selectors import merged_ports, ports, selector, selector_text
from tests.core.strategies import laws

_V4 = st.builds(IPv4Network, st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 32)), st.just(False))
_V6 = st.builds(IPv6Network, st.tuples(st.integers(0, 2**128 - 1), st.integers(0, 128)), st.just(False))
_RANGE = st.tuples(st.integers(0, 65535), st.integers(0, 65535)).map(lambda ends: Ports(min(ends), max(ends)))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (
            "tcp 192.0.2.10 80,443",
            Selector(Protocol.TCP, (IPv4Network("192.0.2.10/32"),), (Ports(80, 80), Ports(443, 443))),
        ),
        (
            "udp 2001:db8::/64 5060 in eth0",
            Selector(Protocol.UDP, (IPv6Network("2001:db8::/64"),), (Ports(5060, 5060),), "eth0"),
        ),
        ("tcp any 21,10000-20000", Selector(Protocol.TCP, (), (Ports(21, 21), Ports(10000, 20000)))),
        ("sctp 192.0.2.20", Selector(Protocol.SCTP, (IPv4Network("192.0.2.20/32"),))),
        ("any in eth1", Selector(None, (), (), "eth1")),
        ("ip47", Selector(Protocol(47))),
    ],
)
def test_a_selector_is_read_and_written(text: str, value: Selector) -> None:
    assert selector(text) == value
    assert selector_text(value) == text


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("TCP  192.0.2.11,192.0.2.10  443,80,81", "tcp 192.0.2.10/31 80-81,443"),
        ("tcp 192.0.2.10/32 80-80", "tcp 192.0.2.10 80"),
        ("tcp any 0-65535", "tcp"),
        ("any any in eth0", "any in eth0"),
        ("udp any 10-20,15-30,31", "udp any 10-31"),
    ],
)
def test_what_means_the_same_is_the_same(text: str, canonical: str) -> None:
    assert selector_text(selector(text)) == canonical


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "must be protocol, addresses and ports"),
        ("http 192.0.2.10 80", "must start with tcp, udp, sctp or any"),
        ("ip02559 192.0.2.10", "must start with tcp, udp, sctp or any"),
        ("tcp 192.0.2.300 80", "is not an address or network"),
        ("tcp 192.0.2.10/24 80", "is no network: write 192.0.2.0/24, or the address alone"),
        ("tcp 192.0.2.10,2001:db8::1 80", "takes addresses of one family"),
        ("tcp 192.0.2.10 http", "is not a port (0 to 65535) or a range"),
        ("tcp 192.0.2.10 443-80", "runs backwards: write 80-443"),
        ("any 192.0.2.10 80", "ports need a protocol that has them"),
        ("ip47 192.0.2.10 80", "ports need a protocol that has them"),
        ("tcp 192.0.2.10 80 443", "must be protocol, addresses and ports"),
        ("tcp any 80 in a-name-that-is-too-long", "must be at most 15 bytes long"),
    ],
)
def test_what_is_wrong_is_reported_in_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(FieldError) as caught:
        selector(text)
    assert sentence in caught.value.sentence


def test_ports_alone_are_read_as_in_a_selector() -> None:
    assert ports("80, 443") == (Ports(80, 80), Ports(443, 443))
    assert ports("") == ports("any") == ()
    with pytest.raises(FieldError) as caught:
        ports("80,x")
    assert caught.value.field == "ports"


@laws
@given(
    st.sampled_from((Protocol.TCP, Protocol.UDP, Protocol.SCTP)),
    st.one_of(st.lists(_V4, max_size=5), st.lists(_V6, max_size=5)),
    st.lists(_RANGE, max_size=5),
    st.sampled_from(("", "eth0", "in")),
)
def test_every_selector_survives_its_own_text(
    protocol: Protocol, networks: list[IPv4Network] | list[IPv6Network], ranges: list[Ports], interface: str
) -> None:
    parts = [protocol.name.lower(), ",".join(map(str, networks)) or "any"]
    if ranges:
        parts.append(",".join(f"{first}-{last}" for first, last in ranges))
    value = selector(" ".join((*parts, *(("in", interface) if interface else ()))))
    assert selector(selector_text(value)) == value
    assert {int(ip) for n in networks for ip in (n[0], n[-1])} <= {
        int(ip) for n in networks for ip in (n[0], n[-1]) if any(ip in kept for kept in value.addresses)
    }


@laws
@given(st.lists(_RANGE, max_size=8))
def test_merged_ports_hold_the_same_ports_and_neither_touch_nor_overlap(ranges: list[Ports]) -> None:
    merged = merged_ports(ranges)
    if not merged and ranges:
        merged = (Ports(0, 65535),)
    assert {port for first, last in merged for port in range(first, last + 1)} == {
        port for first, last in ranges for port in range(first, last + 1)
    }
    assert all(one.last + 1 < other.first for one, other in pairwise(merged))
