"""A server is asked in its own language: TLS, HTTP, DNS, SMTP, or a datagram that it should answer.

Whatever it says is data: bounded, escaped, and never an error of ours.
"""

from __future__ import annotations

import re
import secrets
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from http.client import BadStatusLine, HTTPException
from typing import Final, NamedTuple

from lvstui.core import fields
from lvstui.core.fields import quote, visible
from lvstui.core.model import Endpoint, Probe, ProbeType, Protocol
from lvstui.core.probe_fields import payload, statuses_text
from lvstui.core.probes.answer import Answer, Outcome
from lvstui.core.probes.question import question_text
from lvstui.kernel.probes import certificate, dns
from lvstui.kernel.probes.certificate import Certificate, read_certificate
from lvstui.kernel.probes.connect import Contact, connect, failure
from lvstui.kernel.probes.line import Line, SecureLine, TooMuch
from lvstui.kernel.probes.web import ask_page

_USUAL: Final = {ProbeType.HTTP: 80, ProbeType.HTTPS: 443}
"""Ports that a web server is not called by."""

_NAMES_SHOWN: Final = 3
_REASON_SHOWN: Final = 40

_PARTING: Final = 0.3
"""Seconds that a mail server has for its farewell."""

_MORE: Final = re.compile(rb"\d{3}-")
"""The beginning of a mail server's line after which another one comes."""

_GREETING_MAX: Final = 1 << 12
_DATAGRAM_MAX: Final = 1 << 16


class Said(NamedTuple):
    """What a server said: as it should or not, and what, in words that go on from its address."""

    is_right: bool
    words: str


def converse(probe: Probe, endpoint: Endpoint, patience: float) -> Answer | Contact:
    """Ask a server at an address and port from the namespace that the calling thread is in, in so many seconds.

    Returns a contact where it could not be spoken to at all.
    """
    start = time.monotonic()
    family = socket.AF_INET if endpoint.address.version == 4 else socket.AF_INET6
    is_tcp = probe.type.carrier is Protocol.TCP
    with socket.socket(family, socket.SOCK_STREAM if is_tcp else socket.SOCK_DGRAM) as client:
        if failed := connect(client, endpoint, patience):
            return failed
        return speak(client, probe, endpoint, Line(client, start, patience, question_text(probe)))


def speak(client: socket.socket, probe: Probe, endpoint: Endpoint, line: Line) -> Answer | Contact:
    """Ask over a connected socket what a probe asks of an endpoint; returns a contact for an error of a datagram."""
    try:
        said = _LANGUAGES[probe.type](line, probe, endpoint)
    except (OSError, TooMuch, HTTPException) as problem:
        if probe.type.carrier is Protocol.UDP and isinstance(problem, OSError) and problem.errno:
            return failure(client, problem.errno)
        return _unanswered(probe, endpoint, line, problem)
    taken = line.milliseconds
    if probe.type is ProbeType.SMTP:
        _take_leave(client)
    outcome = Outcome.ANSWERS if said.is_right else Outcome.WRONG
    return Answer(outcome, f"{fields.server_text(endpoint)} {said.words}", taken)


def _unanswered(probe: Probe, endpoint: Endpoint, line: Line, problem: Exception) -> Answer:
    """Say what came in place of an answer."""
    where, what = fields.server_text(endpoint), line.topic
    took = "takes a connection, and " if probe.type.carrier is Protocol.TCP else ""
    match problem:
        case TimeoutError() if not line.heard:
            return Answer(Outcome.SILENT, f"{where} {took}does not answer {what} in {line.patience:g} s")
        case TimeoutError():
            words = f"begins to answer {what}, and comes to no end in {line.patience:g} s"
        case TooMuch():
            words = f"answers {what} without an end"
        case ssl.SSLError():
            reason = (problem.reason or "no reason given").lower().replace("_", " ")
            words = f"{took}does not agree on TLS ({visible(reason)})"
        case OSError():
            words = f"{took}closes it without an answer to {what}"
        case BadStatusLine():
            words = f"answers {what} with {quote(str(problem).rstrip())}, which is no HTTP"
        case _:
            words = f"answers {what} with what is no HTTP ({visible(str(problem))})"
    return Answer(Outcome.WRONG, f"{where} {words}")


def _take_connection(_line: Line, _probe: Probe, _endpoint: Endpoint) -> Said:
    return Said(True, "takes a connection")


def _ask_tls(line: Line, probe: Probe, _: Endpoint) -> Said:
    judged = _judge(SecureLine(line, probe.name), probe)
    return Said(judged.is_right, f"completes a handshake: {judged.words}")


def _ask_https(line: Line, probe: Probe, endpoint: Endpoint) -> Said:
    secure = SecureLine(line, probe.name)
    page, judged = _ask_http(secure, probe, endpoint), _judge(secure, probe)
    return Said(page.is_right and judged.is_right, f"{page.words}; {judged.words}")


def _ask_http(line: Line | SecureLine, probe: Probe, endpoint: Endpoint) -> Said:
    page = ask_page(line, _host(probe, endpoint), probe.path)
    reason = f" ({visible(page.reason[:_REASON_SHOWN])})" if page.reason else ""
    further = f" to {quote(page.location)}" if page.location else ""
    is_right = any(first <= page.status <= last for first, last in probe.status)
    wanted = "" if is_right else f", not {statuses_text(probe.status)}"
    return Said(is_right, f"answers {question_text(probe)} with {page.status}{reason}{further}{wanted}")


def _host(probe: Probe, endpoint: Endpoint) -> str:
    """Return what a web server is called: its name, or else its address, with a port that is not the usual one."""
    host = probe.name or str(endpoint.address)
    shown = f"[{host}]" if ":" in host else host
    return shown if endpoint.port == _USUAL[probe.type] else f"{shown}:{endpoint.port}"


def _judge(line: SecureLine, probe: Probe) -> Said:
    """Say whose certificate it is and how long it lasts, and whether clients that ask for the name would take it."""
    try:
        found = read_certificate(line.certificate)
    except certificate.Malformed:
        return Said(False, f"{line.version}, with a certificate that cannot be read")
    fits = not probe.name or found.fits(probe.name)
    whose = probe.name if probe.name and fits else _names(found)
    instead = "" if fits else f", not for {probe.name}"
    signed = "by itself" if found.signs_itself else f"by {quote(found.issuer)}"
    lasts = found.lasts(datetime.now(UTC), probe.days)
    words = f"{line.version}, certificate for {whose}{instead}, signed {signed}, {lasts.words}"
    return Said(fits and lasts.is_right, words)


def _names(found: Certificate) -> str:
    more = len(found.names) - _NAMES_SHOWN
    listed = ", ".join(visible(name[: fields.LABEL_MAX]) for name in found.names[:_NAMES_SHOWN])
    return f"{listed} and {more} more" if more > 0 else listed or "nobody"


def _ask_smtp(line: Line, _probe: Probe, _endpoint: Endpoint) -> Said:
    """Read the greeting of a mail server, whose last line has a space after its number."""
    greeting = b""
    while not greeting.endswith(b"\n") or _MORE.match(greeting.splitlines()[-1]):
        data = line.receive()
        greeting += data
        if len(greeting) > _GREETING_MAX:
            raise TooMuch
        if not data:
            raise ConnectionResetError
    words = f"greets with {_shown(greeting.splitlines()[0])}"
    if greeting[:3].isdigit():
        return Said(greeting[:3] == b"220", words if greeting[:3] == b"220" else f"{words}, not with 220")
    return Said(False, f"{words}, which is no mail server's greeting")


def _take_leave(client: socket.socket) -> None:
    """Part from a mail server as it expects it; what it says to that does not matter."""
    with suppress(OSError):
        client.settimeout(_PARTING)
        client.sendall(b"QUIT\r\n")
        client.recv(_GREETING_MAX)


def opening(probe: Probe) -> bytes:
    """Return the datagram that asks; a query of a name server begins with a number that nobody guesses."""
    if probe.type is ProbeType.DNS:
        return dns.query(secrets.randbelow(1 << 16), probe.name, probe.record)
    return payload(probe.send)


def judge(probe: Probe, sent: bytes, data: bytes) -> Said:
    """Say what a datagram is that came as the answer to one that was sent."""
    if probe.type is ProbeType.UDP:
        is_right = payload(probe.expect) in data
        return Said(is_right, _shown(data) if is_right else f"{_shown(data)}, without {quote(probe.expect)}")
    try:
        reply = dns.read_reply(data, sent, probe.name, probe.record)
    except dns.Malformed:
        return Said(False, f"{_shown(data)}, which is no answer of a name server")
    code = dns.Code.word(reply.code)
    if reply.code != dns.Code.NOERROR:
        return Said(False, code)
    if not reply.records and not reply.truncated:
        return Said(False, f"{code} and no record")
    return Said(True, f"{code}, {reply.records} record{'' if reply.records == 1 else 's'}")


def _ask_by_datagram(line: Line, probe: Probe, _: Endpoint) -> Said:
    sent = opening(probe)
    line.send(sent)
    data = line.receive(_DATAGRAM_MAX)
    while probe.type is ProbeType.DNS and data[:2] != sent[:2]:
        data = line.receive(_DATAGRAM_MAX)  # that was somebody else's answer, or a forgery
    judged = judge(probe, sent, data)
    return Said(judged.is_right, f"answers {question_text(probe)} with {judged.words}")


def _shown(data: bytes) -> str:
    return quote(data[: fields.LABEL_MAX].decode("utf-8", "backslashreplace").rstrip("\r\n"))


_LANGUAGES: Final[Mapping[ProbeType, Callable[[Line, Probe, Endpoint], Said]]] = {
    ProbeType.TCP: _take_connection,
    ProbeType.TLS: _ask_tls,
    ProbeType.HTTP: _ask_http,
    ProbeType.HTTPS: _ask_https,
    ProbeType.DNS: _ask_by_datagram,
    ProbeType.SMTP: _ask_smtp,
    ProbeType.UDP: _ask_by_datagram,
}
