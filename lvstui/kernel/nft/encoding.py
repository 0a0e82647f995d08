"""The expressions of a rule, as nf_tables takes them: load a field into the register, compare it, decide."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from lvstui.kernel.netlink.attributes import NATIVE
from lvstui.kernel.nft.nfnetlink import text, u32

REGISTER: Final = 1  # NFT_REG_1
META_MARK, META_IIFNAME, META_SKUID, META_NFPROTO, META_L4PROTO = 3, 6, 10, 15, 16
NETWORK_HEADER, TRANSPORT_HEADER = 1, 2
DROP, ACCEPT = 0, 1

_VERDICT: Final = 0  # NFT_REG_VERDICT


def meta_equals(key: int, value: bytes) -> Iterator[bytes]:
    """Yield a match of something that is known of a packet besides its bytes."""
    yield expression("meta", u32(1, REGISTER) + u32(2, key))
    yield equals(value)


def payload_equals(base: int, offset: int, value: bytes) -> Iterator[bytes]:
    """Yield a match of some bytes of a header."""
    yield payload(base, offset, len(value))
    yield equals(value)


def payload(base: int, offset: int, length: int) -> bytes:
    """Load some bytes of a header."""
    return expression("payload", u32(1, REGISTER) + u32(2, base) + u32(3, offset) + u32(4, length))


def equals(value: bytes) -> bytes:
    """Go on where the register holds this value."""
    return expression("cmp", u32(1, REGISTER) + u32(2, 0) + data(3, value))


def verdict(code: int) -> bytes:
    """Decide what becomes of the packet."""
    return expression("immediate", u32(1, _VERDICT) + NATIVE.nest(2, NATIVE.nest(2, u32(1, code))))


def expression(name: str, parts: bytes) -> bytes:
    """Write one expression with its attributes."""
    return NATIVE.nest(1, text(1, name) + NATIVE.nest(2, parts))


def data(kind: int, value: bytes) -> bytes:
    """Write a value that registers hold."""
    return NATIVE.nest(kind, NATIVE.attribute(1, value))
