"""Sync messages of version 1 as bytes (net/netfilter/ipvs/ip_vs_sync.c), as the kernel's daemons send them."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

from lvstui.core.entries.sync_messages import Message
from lvstui.core.model import PERSISTENCE_MAX

DATAGRAM_MAX: Final = 1400
"""Bytes of the datagrams that we make: within every daemon's usual length (an MTU less the headers)."""

_VERSION: Final = 1
_HEAD: Final = struct.Struct(">BBHBBH")
_CONNECTION: Final = struct.Struct(">BBHIHHHHII")
_V4, _V6 = 0, 1
_SIZES: Final = {_V4: _CONNECTION.size + 3 * 4, _V6: _CONNECTION.size + 3 * 16}
_COUNT_MAX: Final = 255
_IDENTITY_OPTION, _ENGINE_OPTION = 2, 3


class Malformed(ValueError):
    """A message that no datagram can carry."""


def encode(messages: Sequence[Message], sync_id: int, limit: int = DATAGRAM_MAX) -> list[bytes]:
    """Write messages into as few datagrams of at most `limit` bytes as hold them in their order.

    What fits into one datagram is looked at by the kernel in one go. Raises `Malformed` for what no message can carry.
    """
    datagrams: list[bytes] = []
    body, count = b"", 0
    for message in messages:
        encoded = _encode(message)
        start = -len(body) % 4
        if count and (count == _COUNT_MAX or _HEAD.size + len(body) + start + len(encoded) > limit):
            datagrams.append(_datagram(body, count, sync_id))
            body, count, start = b"", 0, 0
        body += b"\0" * start + encoded
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


def _option(kind: int, text: bytes) -> bytes:
    if len(text) > 255:
        raise Malformed("what a persistence engine knows clients by is at most 255 bytes long")
    return bytes((kind, len(text))) + text if text else b""
