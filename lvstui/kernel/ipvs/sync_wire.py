"""Sync messages of version 1 as bytes and back (net/netfilter/ipvs/ip_vs_sync.c), as the kernel's daemons send them."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from lvstui.core.entries.sync_message import Message
from lvstui.core.model import PERSISTENCE_MAX, Address, Endpoint

DATAGRAM_MAX: Final = 1400
"""Bytes of the datagrams that we make: within every daemon's usual length (an MTU less the headers)."""

_VERSION: Final = 1
_HEAD: Final = struct.Struct(">BBHBBH")
_CONNECTION: Final = struct.Struct(">BBHIHHHHII")
_V4, _V6 = 0, 1
_SIZES: Final = {_V4: _CONNECTION.size + 3 * 4, _V6: _CONNECTION.size + 3 * 16}
_COUNT_MAX: Final = 255
_IDENTITY_OPTION, _ENGINE_OPTION = 2, 3
_SIZE_MASK: Final = 0x0FFF


class Malformed(ValueError):
    """Bytes that are no datagram of sync messages, or a message that none can carry."""


def encode(messages: Sequence[Message], sync_id: int, limit: int = DATAGRAM_MAX) -> list[bytes]:
    """Write messages into as few datagrams of at most `limit` bytes as hold them in their order.

    What fits into one datagram is looked at by the kernel in one go. Raises `Malformed` for what no message can carry.
    """
    datagrams: list[bytes] = []
    body, count = b"", 0
    for message in messages:
        told = _encode(message)
        start = -len(body) % 4
        if count and (count == _COUNT_MAX or _HEAD.size + len(body) + start + len(told) > limit):
            datagrams.append(_datagram(body, count, sync_id))
            body, count, start = b"", 0, 0
        body += b"\0" * start + told
        count += 1
    return [*datagrams, _datagram(body, count, sync_id)] if count else datagrams


def _datagram(body: bytes, count: int, sync_id: int) -> bytes:
    return _HEAD.pack(0, sync_id, _HEAD.size + len(body), count, _VERSION, 0) + body


def _encode(message: Message) -> bytes:
    addresses = (message.client.address, message.virtual.address, message.server.address)
    if len({address.version for address in addresses}) > 1:
        raise Malformed("a sync message has addresses of one family only")
    if not 1 <= message.timeout <= PERSISTENCE_MAX:
        raise Malformed(f"{message.timeout} seconds: a sync message carries 1 to {PERSISTENCE_MAX}")
    if bool(message.engine) != bool(message.identity):
        raise Malformed("a persistence engine needs both its name and its data")
    kind = _V4 if message.address.version == 4 else _V6
    options = _option(_IDENTITY_OPTION, message.identity) + _option(_ENGINE_OPTION, message.engine.encode())
    try:
        head = _CONNECTION.pack(
            kind,
            message.protocol,
            _SIZES[kind] + len(options),
            message.flags,
            message.state,
            message.client.port,
            message.virtual.port,
            message.server.port,
            message.mark,
            message.timeout,
        )
    except struct.error as problem:
        raise Malformed(f"a number does not fit into a sync message: {problem}") from None
    return head + b"".join(address.packed for address in addresses) + options


def _option(kind: int, told: bytes) -> bytes:
    if len(told) > 255:
        raise Malformed("what a persistence engine tells clients by is at most 255 bytes long")
    return bytes((kind, len(told))) + told if told else b""


def decode(datagram: bytes) -> tuple[int, list[Message]]:
    """Read a datagram: its sync id and its messages; raises `Malformed`."""
    try:
        _, sync_id, size, count, version, _ = _HEAD.unpack_from(datagram)
        if size != len(datagram) or version != _VERSION:
            raise Malformed("neither the length nor the version of a datagram of sync messages")
        messages = list(_decode(datagram, count))
    except struct.error:
        raise Malformed("a datagram of sync messages that is cut off") from None
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
            raise Malformed("a sync message of an unknown kind or length")
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
            raise Malformed("an option of a sync message that is cut off")
        yield text[0], text[2 : 2 + text[1]]
        text = text[2 + text[1] :]
