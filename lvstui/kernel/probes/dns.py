"""One question to a name server over UDP, and its answer (RFC 1035)."""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import Final, NamedTuple

from lvstui.core.model import DnsRecord

_HEADER: Final = struct.Struct("!6H")
_RECURSIVE: Final = 0x0100
_ANSWER: Final = 0x8000
_TRUNCATED: Final = 0x0200
_OPCODE: Final = 0x7800
_INTERNET: Final = 1


class Malformed(ValueError):
    """A datagram that is no answer to the question."""


class Code(IntEnum):
    """How a name server answers, as operators call it."""

    NOERROR = 0
    FORMERR = 1
    SERVFAIL = 2
    NXDOMAIN = 3
    NOTIMP = 4
    REFUSED = 5

    @classmethod
    def word(cls, code: int) -> str:
        """Return the name of a code: `NXDOMAIN`, `code 9`."""
        return next((known.name for known in cls if known == code), f"code {code}")


class Reply(NamedTuple):
    """What a name server answered: how, with how many records, and whether there were more than fit."""

    code: int
    records: int
    truncated: bool


def query(number: int, name: str, record: DnsRecord) -> bytes:
    """Return a question with a number of 16 bits, for a name of ASCII whose labels have at most 63 characters."""
    return _HEADER.pack(number, _RECURSIVE, 1, 0, 0, 0) + _question(name, record)


def _question(name: str, record: DnsRecord) -> bytes:
    labels = [label.encode("ascii") for label in name.split(".") if label]
    return b"".join(bytes((len(label),)) + label for label in labels) + struct.pack("!BHH", 0, record, _INTERNET)


def read_reply(data: bytes, sent: bytes, name: str, record: DnsRecord) -> Reply:
    """Read the answer to a question that was sent. Raises `Malformed`."""
    if len(data) < _HEADER.size or data[:2] != sent[:2]:
        raise Malformed
    _, flags, questions, answers, _, _ = _HEADER.unpack_from(data)
    code = flags & 0xF
    if not flags & _ANSWER or flags & _OPCODE:
        raise Malformed
    asked = _question(name, record)
    repeated = data[_HEADER.size : _HEADER.size + len(asked)]
    if (questions, repeated.lower()) != (1, asked.lower()) and not (questions == 0 and code):
        raise Malformed
    return Reply(code, answers, bool(flags & _TRUNCATED))
