"""A transaction of nf_tables: messages that the kernel takes all or none of, and what it means where it takes none."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Sequence
from typing import Final, NamedTuple

from lvstui.core.marks.script import TABLE
from lvstui.kernel.namespace import call_in
from lvstui.kernel.netlink.channel import ACK, CREATE, REQUEST, Channel, frame
from lvstui.kernel.nft.nfnetlink import BEGIN, END, NEWTABLE, TABLES, nfnetlink, open_socket, text, u32
from lvstui.kernel.port import KernelError, NoRight, Refused

NO_RIGHT: Final = (
    "the right to write mark rules is missing (CAP_NET_ADMIN): start lvstui as root, for example with sudo"
)
NO_TABLES: Final = "this kernel has no nf_tables: write the mark rules with iptables"
TOO_LARGE: Final = (
    "match: the rules do not fit into one transaction here: raise net.core.wmem_max, or give groups fewer addresses"
)
NO_FAMILY: Final = "this kernel's nf_tables knows no family inet: write the mark rules with iptables"

_BUFFER: Final = 1 << 20
_SEND_FORCE, _RECEIVE_FORCE = 32, 33  # SO_SNDBUFFORCE, SO_RCVBUFFORCE
_OPTIONS, _SHORT_ANSWERS = 270, 10  # SOL_NETLINK, NETLINK_CAP_ACK: answers without a copy of the message
_INET: Final = 1  # NFPROTO_INET


class Stale(Exception):
    """The ruleset has changed since the generation that a transaction was made for; nothing was written."""


class Message(NamedTuple):
    """A message for our table, and in a few words what it writes."""

    kind: int
    flags: int
    body: bytes
    about: str


class _Failure(NamedTuple):
    """The errno that a message got, and its number in the transaction, from 1 on."""

    code: int
    number: int


def what_is_missing(netns: str | None) -> str:
    """Return why no rules could be written here, as a sentence; empty where they could.

    Our table is made in a transaction that is never finished, which the kernel takes back at its end.
    """
    test = Message(NEWTABLE, CREATE | ACK, text(1, TABLE), "our table")
    try:
        failure = call_in(netns, lambda: _transact([test], None))
    except KernelError as problem:
        return str(problem)
    if failure is None:
        return ""
    refusal = _refusal(failure, [test])
    return str(refusal).removeprefix("match: ")


def send(messages: Sequence[Message], generation: int) -> None:
    """Send a transaction for one generation of the ruleset, and wait for the kernel's word on it."""
    *others, last = messages
    # An answer for the last message says that all were looked at; those before it answer only when they fail.
    asking = [*others, last._replace(flags=last.flags | ACK)]
    failure = _transact(asking, generation)
    if failure is not None:
        raise _refusal(failure, asking)


def _transact(messages: Sequence[Message], generation: int | None) -> _Failure | None:
    """Send messages as one transaction; without a generation it is not finished, and so taken back."""
    begin = b"" if generation is None else u32(1, generation)
    parts = [frame(BEGIN, REQUEST, 0, nfnetlink(0, TABLES, begin))]
    for number, message in enumerate(messages, 1):
        body = nfnetlink(_INET, 0, message.body)
        parts.append(frame(TABLES << 8 | message.kind, REQUEST | message.flags, number, body))
    if generation is not None:
        parts.append(frame(END, REQUEST, len(messages) + 1, nfnetlink(0, TABLES, b"")))
    data = b"".join(parts)
    try:
        with open_socket() as plain:
            plain.setsockopt(_OPTIONS, _SHORT_ANSWERS, 1)
            _make_room(plain, len(data))
            channel = Channel(plain)
            channel.send_raw(data)
            return _answer(channel, len(messages))
    except OSError as problem:
        if problem.errno in (errno.EPROTONOSUPPORT, errno.EAFNOSUPPORT):
            raise Refused(NO_TABLES, "match") from None
        if problem.errno == errno.EMSGSIZE:
            raise Refused(TOO_LARGE, "match") from None
        raise KernelError(f"the packet filter did not answer: {problem.strerror}") from problem


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


def _answer(channel: Channel, last: int) -> _Failure | None:
    """Receive until the message number `last`, or the whole transaction, was answered; return the first failure."""
    failure = None
    while True:
        for number, code in channel.receive().statuses:
            if code and failure is None:
                failure = _Failure(code, number)
            if number in (0, last):
                return failure


def _refusal(failure: _Failure, messages: Sequence[Message]) -> Exception:
    """Explain a failure: that of message 0 is about the transaction as a whole, that of 1 about our table."""
    match failure.code, failure.number:
        case errno.ERESTART, _:
            return Stale()
        case errno.EPERM, _:
            return NoRight(NO_RIGHT)
        case ((errno.EINVAL | errno.EOPNOTSUPP), 0):
            return Refused(NO_TABLES, "match")
        case ((errno.EOPNOTSUPP | errno.EAFNOSUPPORT), 1):
            return Refused(NO_FAMILY, "match")
        case code, number:
            about = messages[number - 1].about if 0 < number <= len(messages) else "the rules"
            return Refused(f"match: the packet filter refused {about}: {os.strerror(code)}", "match")
