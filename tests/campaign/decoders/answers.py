"""What servers answer to probes, damaged: each is a sentence that can be printed, and takes no time."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from random import Random
from typing import Final, TypeAlias

from lvstui.core.fields import server
from lvstui.core.model import DnsRecord, Probe, ProbeType, Protocol
from lvstui.core.probes.answer import Answer
from lvstui.kernel.probes import certificate, dns
from lvstui.kernel.probes.line import Line
from lvstui.kernel.probes.protocols import speak
from tests.campaign.decoders import mutate
from tests.kernel.probes.servers import name_server
from tests.kernel.probes.test_certificate import der

Attempt: TypeAlias = Callable[[Random], object]

_CERTIFICATES: Final = [der(name) for name in ("valid", "expired", "own", "hostile")]
_NAME: Final = "shop.example.net"
_REPLIES: Final = [
    reply
    for code, records in ((0, 1), (0, 3), (3, 0))
    for reply in name_server(code, records)(dns.query(7, _NAME, DnsRecord.A))
]
_HEADS: Final = (
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nLocation: https://shop.example.net/\r\n\r\nok",
    "HTTP/1.0 503 Service Unavailable\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\nConnection: close\r\n folded\r\n\r\n",
)
_GREETINGS: Final = ("220 mail.example.net ESMTP\r\n", "220-one\r\n220 two\r\n", "554 no\r\n")
_PLACE: Final = server("10.0.0.11:443")
_PROBES: Final = {
    ProbeType.HTTP: _HEADS,
    ProbeType.SMTP: _GREETINGS,
    ProbeType.UDP: ("pong", "\x00\x01"),
    ProbeType.TLS: _HEADS,
}


def _read_certificate(random: Random) -> None:
    """Read a certificate, and look whom it is for and how long."""
    with suppress(certificate.Malformed):
        found = certificate.read_certificate(mutate.damage(random, random.choice(_CERTIFICATES)))
        found.fits(_NAME)
        hash((found.lasts(found.begins, 7), found.lasts(found.ends, 7)))


def _read_reply(random: Random) -> None:
    data = mutate.damage(random, random.choice(_REPLIES))
    with suppress(dns.Malformed):
        dns.Code.word(dns.read_reply(data, data, _NAME, DnsRecord.A).code)


def _speak(random: Random, kind: ProbeType) -> None:
    """Ask a server that answers with something damaged and ends."""
    data = mutate.text(random, random.choice(_PROBES[kind]), _HEADS).encode("utf-8", "surrogatepass")
    if random.random() < 0.3:
        data = mutate.damage(random, data)
    is_tcp = kind.carrier is Protocol.TCP
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM if is_tcp else socket.SOCK_DGRAM)
    with ours, theirs:
        theirs.settimeout(0)
        with suppress(OSError):
            theirs.send(data[: 1 << 16])
        theirs.shutdown(socket.SHUT_WR)
        answer = speak(ours, Probe(kind, expect="pong"), _PLACE, Line(ours, time.monotonic(), 0.05, "it"))
    if not isinstance(answer, Answer) or not answer.sentence.isprintable():
        raise AssertionError(f"not to be printed: {answer!r}")


DECODERS: Sequence[tuple[str, Attempt]] = (
    ("certificates", _read_certificate),
    ("dns answers", _read_reply),
    *((f"{kind.value} answers", partial(_speak, kind=kind)) for kind in _PROBES),
)
