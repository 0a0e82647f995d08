"""The expressions of nf_tables that put something into registers, reckon with it or compare it, as instructions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from lvstui.core.packets.program import (
    SLOT,
    Base,
    Check,
    Choose,
    Code,
    Combine,
    Compare,
    Header,
    Immediate,
    Load,
    Mask,
    Named,
    Outcome,
    Shift,
    Swap,
    Within,
    Write,
)
from lvstui.kernel.nft.nfnetlink import word
from lvstui.kernel.nft.reading.fields import REGISTERS, ROUTE, SOCKET, PacketField, connection, meta
from lvstui.kernel.nft.reading.loads import fib_field
from lvstui.kernel.nft.reading.parts import COMBINED, SIGNS, Parts
from lvstui.kernel.nft.reading.sets import read_verdict
from lvstui.kernel.port import Garbled

_UNKNOWN_SIZE: Final = 16
"""Bytes that a key which has no name here takes at most."""

_WRITTEN: Final = frozenset(("meta mark", "meta priority", "meta pkttype", "ct mark", "ct zone"))
"""What is written to and read again. Everything else that `set` may stand before is not seen by any rule."""

TCP: Final = Check(("meta l4proto",), ((6, 6),))
"""Asks for TCP."""


def _room(slot: int, size: int) -> int:
    """Return a slot that has room for so many bytes. Raises `Garbled` where there is none."""
    if slot < 0 or size <= 0 or slot * SLOT + size > REGISTERS:
        raise Garbled(f"{size} bytes from register {slot} on")
    return slot


def slot_for(parts: Parts, kind: int, size: int) -> int:
    """Return the slot that an attribute names, which has room for so many bytes. Raises `Garbled` where it has not."""
    return _room(parts.slot(kind), size)


def _named(found: PacketField) -> Named:
    return Named(found.name, found.size, found.host)


def _load(parts: Parts, kind: int, source: Named) -> Code:
    return (Load(slot_for(parts, kind, source.size), source),)


def _strange(parts: Parts, kind: int, name: str) -> Code:
    """Load something that has no name here, and may be as large as the registers have room."""
    slot = slot_for(parts, kind, SLOT)
    return (Load(slot, Named(name, min(_UNKNOWN_SIZE, REGISTERS - slot * SLOT))),)


def _loaded(parts: Parts, kind: int, found: PacketField) -> Code:
    return _strange(parts, kind, found.name) if found.kind == "unknown" else _load(parts, kind, _named(found))


def _written(parts: Parts, kind: int, found: PacketField) -> Code:
    if found.name not in _WRITTEN:
        return ()
    return (Write(slot_for(parts, kind, found.size), _named(found)),)


def _meta(parts: Parts) -> Code:
    found = meta(parts.number(2))
    return _written(parts, 3, found) if 3 in parts else _loaded(parts, 1, found)


def _ct(parts: Parts) -> Code:
    found = connection(parts.number(2), parts.number(3) if 3 in parts else None)
    return _written(parts, 4, found) if 4 in parts else _loaded(parts, 1, found)


def _payload(parts: Parts) -> Code:
    header = Header(Base(parts.number(2)), parts.number(3), parts.number(4))
    if 5 in parts:
        return (Write(slot_for(parts, 5, header.size), header),)
    return (Load(slot_for(parts, 1, header.size), header),)


def _immediate(parts: Parts) -> Code:
    data = parts.codec.attributes(parts.values.get(2, b""))
    if 2 not in data:
        return (Immediate(slot_for(parts, 1, len(data[1])), data[1]),)
    verdict = read_verdict(parts.codec, data[2])
    return () if verdict.outcome is Outcome.CONTINUE else (verdict,)


def _cmp(parts: Parts) -> Code:
    data = parts.constant(3)
    return (Compare(slot_for(parts, 1, len(data)), SIGNS[parts.number(2)], data),)


def _range(parts: Parts) -> Code:
    first, last = parts.constant(3), parts.constant(4)
    if len(first) != len(last):
        raise Garbled("ends of a range that differ in size")
    return (Within(slot_for(parts, 1, len(first)), first, last, parts.number(2) == 1),)


def _bitwise(parts: Parts) -> Code:
    size, operation = parts.number(3), parts.number(6)
    source, slot = slot_for(parts, 1, size), slot_for(parts, 2, size)
    if operation in (1, 2):
        bits = parts.codec.number(parts.constant(7))
        if bits >= 8 * SLOT:
            raise Garbled(f"shifted by {bits} bits")
        return (Shift(source, slot, size, bits, operation == 1),)
    ones = b"\xff" * size
    if operation == 0:
        mask, flip = parts.constant(4), parts.constant(5)
    elif 8 in parts:
        return (Combine(source, slot_for(parts, 8, size), slot, size, COMBINED[operation]),)
    else:
        data = parts.constant(7)
        inverse = bytes(byte ^ 0xFF for byte in data)
        mask, flip = {"&": (data, bytes(size)), "|": (inverse, data), "^": (ones, data)}[COMBINED[operation]]
    if len(mask) != size or len(flip) != size:
        raise Garbled("a mask of another size than what it is for")
    return (Mask(source, slot, mask, flip),)


def _byteorder(parts: Parts) -> Code:
    size, unit = parts.number(4), parts.number(5)
    if unit not in (2, 4, 8):
        raise Garbled(f"numbers of {unit} bytes")
    return (Swap(slot_for(parts, 1, size), slot_for(parts, 2, size), size, unit),)


def _choose(slot: int, modulus: int, offset: int, text: str) -> Code:
    if not 0 < modulus <= 0xFFFFFFFF - offset + 1:
        raise Garbled(f"{text} from {offset}")
    return (Choose(slot, offset, offset + modulus - 1, text),)


def _numgen(parts: Parts) -> Code:
    kind = "inc" if parts.number(3) == 0 else "random"
    return _choose(slot_for(parts, 1, SLOT), parts.number(2), parts.number(4), f"numgen {kind} mod {parts.number(2)}")


def _hash(parts: Parts) -> Code:
    kind = "symhash" if parts.number(7) == 1 else "jhash"
    return _choose(slot_for(parts, 2, SLOT), parts.number(4), parts.number(6), f"{kind} mod {parts.number(4)}")


def _fib(parts: Parts) -> Code:
    return _loaded(parts, 1, fib_field(parts))


def _socket(parts: Parts) -> Code:
    found = SOCKET.get(parts.number(1))
    return _strange(parts, 2, f"socket key {parts.number(1)}") if found is None else _loaded(parts, 2, found)


def _rt(parts: Parts) -> Code:
    found = ROUTE.get(parts.number(2))
    return _strange(parts, 1, f"rt key {parts.number(2)}") if found is None else _loaded(parts, 1, found)


def _exthdr(parts: Parts) -> Code:
    """Load an option or extension header; only those of TCP can be written or taken out, which changes nothing here."""
    if 1 not in parts:
        return (TCP,)
    size = 1 if parts.number(5) & 1 else parts.number(4)
    return _load(parts, 1, Named(f"exthdr {parts.number(2)} of {parts.number(6)}", size))


def _inner(parts: Parts) -> Code:
    """Load what an expression reads of the packet within a tunnel's packet: its register is its first attribute."""
    held = parts.codec.attributes(parts.values.get(5, b""))
    return _strange(Parts(parts.codec, parts.codec.attributes(held[2])), 1, f"inner {word(held[1])}")


READERS: Final[Mapping[str, Callable[[Parts], Code]]] = {
    "immediate": _immediate,
    "meta": _meta,
    "ct": _ct,
    "payload": _payload,
    "cmp": _cmp,
    "range": _range,
    "bitwise": _bitwise,
    "byteorder": _byteorder,
    "numgen": _numgen,
    "hash": _hash,
    "fib": _fib,
    "socket": _socket,
    "rt": _rt,
    "exthdr": _exthdr,
    "osf": lambda parts: _load(parts, 1, Named("osf name", 16)),
    "xfrm": lambda parts: _strange(parts, 1, "ipsec"),
    "tunnel": lambda parts: _strange(parts, 2, "tunnel"),
    "inner": _inner,
}
"""What reads these expressions, by their names."""
