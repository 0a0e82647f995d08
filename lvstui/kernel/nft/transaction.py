"""Transactions of nf_tables: messages about one table that take effect together or not at all."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Final, NamedTuple, TypeAlias

from lvstui.kernel.netlink.channel import REQUEST, Channel, frame
from lvstui.kernel.nft.nfnetlink import BEGIN, END, TABLES, nfnetlink, open_socket, text, u32
from lvstui.kernel.nft.reading.tables import Place

ANY: Final = 0
"""In place of a generation: the ruleset may have changed since it was looked at."""

_BUFFER: Final = 1 << 20
_SEND_FORCE, _RECEIVE_FORCE = 32, 33  # SO_SNDBUFFORCE, SO_RCVBUFFORCE
_OPTIONS, _SHORT_ANSWERS = 270, 10  # SOL_NETLINK, NETLINK_CAP_ACK: answers without a copy of the message


class TableMessage(NamedTuple):
    """A message about a table, whose name goes before its body, and in a few words what it writes."""

    kind: int
    flags: int
    body: bytes
    about: str = "our table"


Failure: TypeAlias = tuple[int, int]
"""The number of a message in its transaction, from 1 on, and the errno that it got."""


def transact(place: Place, messages: Sequence[TableMessage], generation: int | None) -> Failure | None:
    """Send messages about a table as one transaction, in this thread's network namespace; return the first failure.

    It is meant for one `generation` of the ruleset or for `ANY`; without one it is not finished, and so taken back.
    The last message has to ask for an answer (ACK). Raises OSError where nf_tables cannot be reached.
    """
    begin = u32(1, generation) if generation else b""
    parts = [frame(BEGIN, REQUEST, 0, nfnetlink(0, TABLES, begin))]
    for number, message in enumerate(messages, 1):
        body = nfnetlink(place.family, 0, text(1, place.table) + message.body)
        parts.append(frame(TABLES << 8 | message.kind, REQUEST | message.flags, number, body))
    if generation is not None:
        parts.append(frame(END, REQUEST, len(messages) + 1, nfnetlink(0, TABLES, b"")))
    data = b"".join(parts)
    with open_socket() as plain:
        plain.setsockopt(_OPTIONS, _SHORT_ANSWERS, 1)
        _make_room(plain, len(data))
        channel = Channel(plain)
        channel.send_raw(data)
        return _answer(channel, len(messages))


def _make_room(plain: socket.socket, size: int) -> None:
    """Make room for a transaction of this size in one piece; the kernel doubles what it is asked for."""
    for force, polite, wanted in (
        (_SEND_FORCE, socket.SO_SNDBUF, size + _BUFFER),
        (_RECEIVE_FORCE, socket.SO_RCVBUF, _BUFFER),
    ):
        try:
            plain.setsockopt(socket.SOL_SOCKET, force, wanted)
        except OSError:
            plain.setsockopt(socket.SOL_SOCKET, polite, wanted)


def _answer(channel: Channel, last: int) -> Failure | None:
    """Receive until the message number `last`, or the whole transaction, was answered; return the first failure."""
    failure = None
    while True:
        for number, code in channel.receive().statuses:
            if code and failure is None:
                failure = number, code
            if number in (0, last):
                return failure
