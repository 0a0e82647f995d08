"""Sync messages as bytes: the two datagrams that a kernel took, and every message back from its own bytes."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvstui.core.entries.sync_message import LOCAL_NODE, TEMPLATE, Message
from lvstui.core.model import PERSISTENCE_MAX, Endpoint
from lvstui.kernel.ipvs.sync_door import Malformed, encode
from tests.build import endpoint
from tests.core.strategies import laws
from tests.kernel.ipvs.datagrams import decode

_ADDRESS = Message(
    6,
    endpoint("10.1.0.31:0"),
    endpoint("10.1.0.100:80"),
    endpoint("10.2.1.2:80"),
    500,
)
_MARK = Message(
    0,
    endpoint("10.1.0.32:0"),
    endpoint("0.0.0.5:0"),
    endpoint("10.2.1.2:0"),
    500,
    mark=5,
)
_PORTS = st.integers(0, 65535)


@pytest.mark.parametrize(
    ("message", "taken"),
    [
        (_ADDRESS, "004d002c01010000 0006002400001000000100000050005000000000000001f40a01001f0a0100640a020102"),
        (_MARK, "004d002c01010000 0000002400001000000100000000000000000005000001f40a010020000000050a020102"),
    ],
)
def test_the_datagrams_that_a_kernel_took_are_written_and_read(message: Message, taken: str) -> None:
    datagram = bytes.fromhex(taken)
    assert encode([message], 0x4D) == [datagram]
    assert decode(datagram) == (0x4D, [message])


def _endpoints(version: int) -> st.SearchStrategy[Endpoint]:
    addresses: st.SearchStrategy[IPv4Address | IPv6Address] = (
        st.integers(0, 2**32 - 1).map(IPv4Address) if version == 4 else st.integers(0, 2**128 - 1).map(IPv6Address)
    )
    return st.builds(Endpoint, addresses, _PORTS)


_engines = st.one_of(
    st.just(("", b"")), st.tuples(st.sampled_from(("sip", "other")), st.binary(min_size=1, max_size=255))
)


def _messages(version: int) -> st.SearchStrategy[Message]:
    return st.builds(
        lambda protocol, ends, timeout, flags, state, mark, engine: Message(
            protocol, ends[0], ends[1], ends[2], timeout, flags, state, mark, engine[0], engine[1]
        ),
        st.sampled_from((0, 6, 17, 132)),
        st.tuples(_endpoints(version), _endpoints(version), _endpoints(version)),
        st.integers(1, PERSISTENCE_MAX),
        st.sampled_from((TEMPLATE, LOCAL_NODE, 0x100, 0)),
        st.integers(0, 11),
        st.integers(0, 2**32 - 1),
        _engines,
    )


@laws
@given(st.lists(st.one_of(_messages(4), _messages(6)), max_size=12), st.integers(0, 255))
def test_messages_survive_their_bytes_in_their_order(messages: list[Message], sync_id: int) -> None:
    datagrams = encode(messages, sync_id)
    decoded = [decode(datagram) for datagram in datagrams]
    assert [message for _, part in decoded for message in part] == messages
    assert all(found == sync_id for found, _ in decoded)
    assert all(len(datagram) <= 1400 for datagram in datagrams)


def test_no_datagram_has_more_messages_than_its_count_can_tell() -> None:
    datagrams = encode([_ADDRESS] * 600, 1, limit=60000)
    assert [len(decode(datagram)[1]) for datagram in datagrams] == [255, 255, 90]


@pytest.mark.parametrize(
    "wrong",
    [
        _ADDRESS._replace(timeout=0),
        _ADDRESS._replace(timeout=PERSISTENCE_MAX + 1),
        _ADDRESS._replace(server=endpoint("[fd00::1]:80")),
        _ADDRESS._replace(engine="sip"),
        _ADDRESS._replace(identity=b"call"),
        _ADDRESS._replace(engine="sip", identity=b"x" * 256),
        _ADDRESS._replace(protocol=256),
        _ADDRESS._replace(mark=2**32),
    ],
)
def test_what_no_message_can_carry_is_refused(wrong: Message) -> None:
    with pytest.raises(Malformed):
        encode([wrong], 0)


@laws
@given(st.binary(max_size=120))
def test_bytes_that_are_no_datagram_are_not_read_back(noise: bytes) -> None:
    with pytest.raises(ValueError, match="sync message"):
        decode(noise)


@laws
@given(_messages(4), st.integers(0, 200))
def test_a_datagram_that_is_cut_is_not_read_back(message: Message, end: int) -> None:
    (datagram,) = encode([message], 0)
    with pytest.raises(ValueError, match="sync message"):
        decode(datagram[: min(end, len(datagram) - 1)])
