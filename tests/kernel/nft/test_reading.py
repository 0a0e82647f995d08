"""Expressions of nf_tables as bytes, read with the codec of either byte order; no kernel is asked."""

from __future__ import annotations

import struct

import pytest

from lvstui.core.observed import ALL_BITS
from lvstui.core.packets.program import Element
from lvstui.kernel.netlink.attributes import Codec
from lvstui.kernel.nft.reading.explained import ExplainedRule
from lvstui.kernel.nft.reading.expressions import Expressions
from lvstui.kernel.nft.reading.fields import PacketField
from lvstui.kernel.nft.reading.parts import Context
from lvstui.kernel.nft.reading.sets import ANONYMOUS, MAP, Key, Set, match_members
from lvstui.kernel.nft.xtables.extensions import match, target

CODECS = pytest.mark.parametrize("codec", [Codec("little"), Codec("big")], ids=lambda codec: str(codec.order))
META_MARK, META_L4PROTO, REGISTER = 3, 16, 1
CT_MARK, OTHER_REGISTER = 3, 2
RIGHT, AND, OR, XOR = 2, 3, 4, 5
IPV4_TARGET = PacketField("ip daddr", 4, "ipv4", layer=(3, 2))


class Writer:
    """Writes expressions as a machine of one byte order does."""

    def __init__(self, codec: Codec) -> None:
        self.codec = codec

    def host(self, value: int) -> bytes:
        """Return a number as it stands in a register."""
        return value.to_bytes(4, self.codec.order)

    def u32(self, kind: int, value: int) -> bytes:
        """Return a number of nf_tables' own."""
        return self.codec.attribute(kind, struct.pack(">I", value))

    def constant(self, kind: int, value: bytes) -> bytes:
        return self.codec.nest(kind, self.codec.attribute(1, value))

    def expression(self, name: str, *parts: bytes) -> bytes:
        return self.codec.nest(1, self.codec.attribute(1, name.encode() + b"\0"), self.codec.nest(2, *parts))

    def load(self, key: int, register: int = REGISTER) -> bytes:
        return self.expression("meta", self.u32(1, register), self.u32(2, key))

    def equals(self, value: bytes) -> bytes:
        return self.expression("cmp", self.u32(1, REGISTER), self.u32(2, 0), self.constant(3, value))

    def mask(self, mask: int, flip: int = 0, register: int = REGISTER) -> bytes:
        parts = self.u32(1, register), self.u32(2, register), self.u32(3, 4)
        return self.expression("bitwise", *parts, self.constant(4, self.host(mask)), self.constant(5, self.host(flip)))

    def load_ct_mark(self, register: int) -> bytes:
        return self.expression("ct", self.u32(1, register), self.u32(2, CT_MARK))

    def combine(self, operation: int, first: int, second: int) -> bytes:
        """Combine two registers, into the first one."""
        parts = self.u32(1, first), self.u32(2, first), self.u32(3, 4), self.u32(6, operation), self.u32(8, second)
        return self.expression("bitwise", *parts)

    def shift(self, operation: int, bits: int) -> bytes:
        parts = self.u32(1, REGISTER), self.u32(2, REGISTER), self.u32(3, 4), self.u32(6, operation)
        return self.expression("bitwise", *parts, self.constant(7, self.host(bits)))

    def swap(self) -> bytes:
        parts = self.u32(1, REGISTER), self.u32(2, REGISTER), self.u32(3, 1), self.u32(4, 4), self.u32(5, 4)
        return self.expression("byteorder", *parts)

    def set_mark(self) -> bytes:
        return self.expression("meta", self.u32(2, META_MARK), self.u32(3, REGISTER))

    def immediate(self, value: int) -> bytes:
        return self.expression("immediate", self.u32(1, REGISTER), self.constant(2, self.host(value)))


def walk(codec: Codec, *expressions: bytes, **sets: Set) -> ExplainedRule:
    going = ExplainedRule(Context("inet", sets, codec=codec))
    Expressions(codec).explain(b"".join(expressions), going)
    return going


@CODECS
def test_a_mark_that_is_set_is_a_number_of_the_machine(codec: Codec) -> None:
    write = Writer(codec)
    (effect,) = walk(codec, write.immediate(0x50), write.set_mark()).effects
    assert (effect.verb, effect.value, effect.mask) == ("set", 0x50, ALL_BITS)


@CODECS
def test_masks_are_in_the_order_of_the_mark(codec: Codec) -> None:
    write = Writer(codec)
    going = walk(
        codec,
        write.load(META_MARK),
        write.mask(0xFF),
        write.equals(write.host(0x10)),
        write.load(META_MARK),
        write.mask(0xFFFFFF00, 0x50),
        write.set_mark(),
    )
    assert [condition.text for condition in going.conditions] == ["meta mark & 0xff == 0x10"]
    (effect,) = going.effects
    assert (effect.value, effect.mask) == (0x50, 0xFF)


@CODECS
@pytest.mark.parametrize("operation", [OR, XOR])
def test_bits_of_two_marks_that_are_put_together_are_restored_in_part(codec: Codec, operation: int) -> None:
    write = Writer(codec)
    going = walk(
        codec,
        write.load_ct_mark(REGISTER),
        write.mask(0xFF00),
        write.shift(RIGHT, 8),
        write.load(META_MARK, OTHER_REGISTER),
        write.mask(0xFFFFFF00, register=OTHER_REGISTER),
        write.combine(operation, REGISTER, OTHER_REGISTER),
        write.set_mark(),
    )
    (effect,) = going.effects
    assert (effect.verb, effect.value, effect.certain) == ("restore", None, True)
    assert (effect.mask, effect.bits, effect.shift) == (0xFF, 0xFF00, -8)


@CODECS
@pytest.mark.parametrize(("operation", "sign"), [(AND, "&"), (OR, "|")])
def test_two_marks_that_are_combined_otherwise_are_shown_in_words(codec: Codec, operation: int, sign: str) -> None:
    write = Writer(codec)
    loads = write.load(META_MARK), write.load_ct_mark(OTHER_REGISTER)
    going = walk(codec, *loads, write.combine(operation, REGISTER, OTHER_REGISTER), write.set_mark())
    (effect,) = going.effects
    assert (effect.value, effect.certain, effect.text) == (None, False, f"meta mark set meta mark {sign} ct mark")


@CODECS
def test_a_mark_whose_bytes_are_turned_is_not_restored(codec: Codec) -> None:
    write = Writer(codec)
    going = walk(codec, write.load_ct_mark(REGISTER), write.swap(), write.set_mark())
    (effect,) = going.effects
    assert not effect.certain


@CODECS
def test_an_order_of_bytes_is_not_shown_as_one_of_numbers(codec: Codec) -> None:
    write = Writer(codec)
    more = write.expression("cmp", write.u32(1, REGISTER), write.u32(2, 4), write.constant(3, write.host(16)))
    going = walk(codec, write.load(META_MARK), more)
    assert going.unknown == (codec.order == "little")


@CODECS
def test_one_byte_and_a_port_are_where_every_machine_has_them(codec: Codec) -> None:
    write = Writer(codec)
    transport = write.u32(1, REGISTER), write.u32(2, 2), write.u32(3, 2), write.u32(4, 2)
    going = walk(
        codec,
        write.load(META_L4PROTO),
        write.equals(b"\6"),
        write.expression("payload", *transport),
        write.equals(b"\0\x50"),
    )
    assert [condition.text for condition in going.conditions] == ["meta l4proto tcp", "tcp dport 80"]


@CODECS
def test_marks_in_a_map_are_numbers_of_the_machine_and_its_keys_are_not(codec: Codec) -> None:
    write = Writer(codec)
    address = bytes((192, 0, 2, 10))
    found = Set("m", ANONYMOUS | MAP, 4, (), (Element(address, address, write.host(80)),))
    destination = write.u32(1, REGISTER), write.u32(2, 1), write.u32(3, 16), write.u32(4, 4)
    look_up = codec.attribute(1, b"m\0"), write.u32(2, REGISTER), write.u32(3, REGISTER)
    going = ExplainedRule(Context("ip", {"m": found}, codec=codec), network=2)
    expressions = write.expression("payload", *destination), write.expression("lookup", *look_up), write.set_mark()
    Expressions(codec).explain(b"".join(expressions), going)
    (effect,) = going.effects
    ((value, (condition,)),) = effect.choices
    assert (value, condition.text) == (80, "ip daddr 192.0.2.10")


@CODECS
def test_structures_of_xtables_are_in_the_order_of_the_machine(codec: Codec) -> None:
    sign = "<" if codec.order == "little" else ">"
    going = ExplainedRule(Context("ip", codec=codec), network=2, transport=6)
    ports = struct.pack(f"{sign}BB15H15B2x", 1, 2, 80, 443, *(0,) * 13, *(0,) * 15)
    match("multiport", 1, ports)(going)
    match("mark", 1, struct.pack(f"{sign}IIB3x", 0x10, 0xFF, 0))(going)
    target("MARK", 2, struct.pack(f"{sign}II", 0x50, 0xFFFF))(going)
    assert [condition.text for condition in going.conditions] == ["tcp dport 80, 443", "meta mark & 0xff == 0x10"]
    (effect,) = going.effects
    assert (effect.value, effect.mask) == (0x50, 0xFFFF)


def test_joined_keys_that_end_before_they_start_are_no_values() -> None:
    keys = (Key(IPV4_TARGET, 0), Key(IPV4_TARGET, 4))
    first, last = bytes((192, 0, 2, 10, 192, 0, 2, 9)), bytes((0, 0, 0, 0, 192, 0, 2, 9))
    with pytest.raises(ValueError, match="ip daddr from 3221225994 to 0"):
        list(match_members("little", keys, Set("vips", 0, 8, (4, 4), (Element(first, last),)), negated=False))
