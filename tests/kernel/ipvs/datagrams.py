"""Sync messages read back from their bytes, as a kernel's daemon reads them (net/netfilter/ipvs/ip_vs_sync.c)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address

from lvstui.core.entries.sync_message import Message
from lvstui.core.model import Address, Endpoint

_VERSION = 1
_HEAD = struct.Struct(">BBHBBH")
_CONNECTION = struct.Struct(">BBHIHHHHII")
_V4, _V6 = 0, 1
_SIZES = {_V4: _CONNECTION.size + 3 * 4, _V6: _CONNECTION.size + 3 * 16}
_IDENTITY_OPTION, _ENGINE_OPTION = 2, 3
_SIZE_MASK = 0x0FFF


def decode(datagram: bytes) -> tuple[int, list[Message]]:
    """Read a datagram: its sync id and its messages; raises ValueError."""
    try:
        _, sync_id, size, count, version, _ = _HEAD.unpack_from(datagram)
        if size != len(datagram) or version != _VERSION:
            raise ValueError("neither the length nor the version of a datagram of sync messages")
        messages = list(_decode(datagram, count))
    except struct.error:
        raise ValueError("a datagram of sync messages that is cut off") from None
    return sync_id, messages


def _decode(datagram: bytes, count: int) -> Iterator[Message]:
    position = _HEAD.size
    for _ in range(count):
        position += -position % 4
        kind, protocol, size, flags, state, cport, vport, dport, mark, timeout = _CONNECTION.unpack_from(
            datagram, position
        )
        size &= _SIZE_MASK
        if kind not in _SIZES or size < _SIZES[kind] or position + size > len(datagram):
            raise ValueError("a sync message of an unknown kind or length")
        client, virtual, server = _addresses(datagram, position + _CONNECTION.size, kind)
        options = dict(_options(datagram[position + _SIZES[kind] : position + size]))
        yield Message(
            protocol,
            Endpoint(client, cport),
            Endpoint(virtual, vport),
            Endpoint(server, dport),
            timeout,
            flags,
            state,
            mark,
            options.get(_ENGINE_OPTION, b"").decode("ascii", "replace"),
            options.get(_IDENTITY_OPTION, b""),
        )
        position += size


def _addresses(datagram: bytes, start: int, kind: int) -> tuple[Address, Address, Address]:
    size = 4 if kind == _V4 else 16
    parts = [datagram[place : place + size] for place in range(start, start + 3 * size, size)]
    if kind == _V4:
        one, two, three = map(IPv4Address, parts)
        return one, two, three
    first, second, third = map(IPv6Address, parts)
    return first, second, third


def _options(text: bytes) -> Iterator[tuple[int, bytes]]:
    while text:
        if len(text) < 2 or len(text) < 2 + text[1]:
            raise ValueError("an option of a sync message that is cut off")
        yield text[0], text[2 : 2 + text[1]]
        text = text[2 + text[1] :]
