"""The codec of netlink attributes, in both byte orders."""

from __future__ import annotations

import struct
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvstui.kernel.netlink.attributes import NATIVE, Codec
from lvstui.kernel.port import Garbled
from tests.core.strategies import laws

LITTLE, BIG = Codec("little"), Codec("big")
_parts = st.dictionaries(st.integers(0, 0x3FFF), st.binary(max_size=40), max_size=8)


def test_the_header_of_an_attribute_is_in_the_order_of_the_machine() -> None:
    assert LITTLE.attribute(3, b"lo\0") == bytes.fromhex("0700 0300 6c6f 0000")
    assert BIG.attribute(3, b"lo\0") == bytes.fromhex("0007 0003 6c6f 0000")
    assert NATIVE.order == sys.byteorder


@pytest.mark.parametrize("codec", [LITTLE, BIG])
def test_a_nest_is_marked_and_read_without_its_mark(codec: Codec) -> None:
    nest = codec.nest(4, codec.attribute(1, b"a"), codec.attribute(2, b"bcdef"))
    assert nest[2:4] == (b"\4\x80" if codec is LITTLE else b"\x80\4")
    found = codec.attributes(nest)
    assert codec.attributes(found[4]) == {1: b"a", 2: b"bcdef"}
    assert codec.payloads(found[4]) == [b"a", b"bcdef"]
    assert codec.first(found[4]) == b"a"


@pytest.mark.parametrize("codec", [LITTLE, BIG])
@laws
@given(_parts)
def test_attributes_survive_their_bytes_in_either_order(codec: Codec, parts: dict[int, bytes]) -> None:
    data = b"".join(codec.attribute(number, payload) for number, payload in parts.items())
    assert codec.attributes(data) == parts
    assert codec.payloads(data) == list(parts.values())
    assert {number: data[start:end] for number, start, end in codec.walk(data)} == parts


@pytest.mark.parametrize("codec", [LITTLE, BIG])
@laws
@given(_parts, st.integers(0, 60))
def test_attributes_that_are_cut_off_end_where_they_are_whole(codec: Codec, parts: dict[int, bytes], end: int) -> None:
    data = b"".join(codec.attribute(number, payload) for number, payload in parts.items())[:end]
    whole = {number: data[start:stop] for number, start, stop in codec.walk(data)}
    assert codec.attributes(data) == whole
    assert list(whole.items()) == list(parts.items())[: len(whole)]


@pytest.mark.parametrize(("codec", "sign"), [(LITTLE, "<"), (BIG, ">")])
def test_numbers_and_structures_are_read_in_the_order_of_the_machine(codec: Codec, sign: str) -> None:
    info = struct.pack(f"{sign}IIB", 0x50, 0xFFFF, 1)
    assert codec.unpack("IIB", info) == (0x50, 0xFFFF, 1)
    assert codec.number(info[4:8]) == 0xFFFF
    with pytest.raises(Garbled):
        codec.unpack("IIB", info[:-1])
