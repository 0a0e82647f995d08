"""Servers are asked in their own language; what hostile ones say is a sentence, in time, with nothing that steers."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from threading import Event

import pytest

from lvstui.core import probe_fields
from lvstui.core.model import DnsRecord, Endpoint, Probe, ProbeType, Statuses
from lvstui.core.probes.answer import Answer, Outcome
from lvstui.kernel.probes.connect import Contact
from lvstui.kernel.probes.protocols import converse
from tests.kernel.probes.servers import Pages, name_server, pages, tcp, udp

A, W, S = Outcome.ANSWERS, Outcome.WRONG, Outcome.SILENT
SHOP = "shop.example.net"


def said(probe: Probe, endpoint: Endpoint, patience: float = 60.0) -> tuple[Outcome, str]:
    """Ask, and return what came of it without the address."""
    found = converse(probe, endpoint, patience)
    assert isinstance(found, Answer)
    assert found.sentence.isprintable()
    assert (found.milliseconds is not None) or found.outcome in (W, S)
    return found.outcome, found.sentence.removeprefix(f"127.0.0.1:{endpoint.port} ")


def test_a_page_is_asked_for_by_path_and_host_and_its_status_judged() -> None:
    with pages() as web:
        asked = Probe(ProbeType.HTTP, path="/200?a=b", name=SHOP)
        assert said(asked, web) == (A, f"answers GET /200?a=b of {SHOP} with 200 (OK)")
        assert Pages.asked == ("/200?a=b", f"{SHOP}:{web.port}")
        assert said(Probe(ProbeType.HTTP, path="/503"), web) == (
            W,
            "answers GET /503 with 503 (Service Unavailable), not 200-399",
        )
        assert Pages.asked == ("/503", f"127.0.0.1:{web.port}")
        ours = (Statuses(200, 204), Statuses(503, 503))
        assert said(Probe(ProbeType.HTTP, path="/503", status=ours), web)[0] is A
        assert said(Probe(ProbeType.HTTP, path="/404", status=ours), web)[1].endswith("(Not Found), not 200-204,503")


def test_a_redirection_is_said_and_not_followed() -> None:
    with pages() as web:
        outcome, words = said(Probe(ProbeType.HTTP, path="/301"), web)
        assert (outcome, Pages.asked[0]) == (A, "/301")
        assert words == r'answers GET /301 with 301 (Moved Permanently) to "https://shop.example.net/\x1b[31m"'


@pytest.mark.parametrize(
    ("certificate", "probe", "outcome", "words"),
    [
        (
            "valid",
            Probe(ProbeType.TLS),
            A,
            "certificate for shop.example.net, *.shop.example.net, 192.0.2.10 and 1 more",
        ),
        ("valid", Probe(ProbeType.TLS, name=f"a.{SHOP}"), A, f'certificate for a.{SHOP}, signed by "Test authority", '),
        ("valid", Probe(ProbeType.TLS, name="example.org"), W, "and 1 more, not for example.org, signed by"),
        ("valid", Probe(ProbeType.TLS, name="192.0.2.10", days=3650), A, "days left (until 2126-01-01)"),
        ("expired", Probe(ProbeType.TLS), W, "days ago (2026-11-01)"),
        ("early", Probe(ProbeType.TLS), W, "not valid before 2125-12-01"),
        ("own", Probe(ProbeType.TLS), A, "certificate for old.example.net, signed by itself, "),
        ("hostile", Probe(ProbeType.TLS), A, r"certificate for a\x1b[2J.example, host0.example, host1.example and 198"),
        ("hostile", Probe(ProbeType.TLS), A, r'signed by "\x1b[31m\u202eevil\r\n"'),
    ],
)
def test_a_certificate_is_judged_and_never_hides_that_the_server_answers(
    certificate: str, probe: Probe, outcome: Outcome, words: str
) -> None:
    with pages(certificate) as web:
        found = said(probe, web)
    assert found[0] is outcome
    assert found[1].startswith("completes a handshake: TLSv1.3, certificate for ")
    assert words in found[1]


def test_a_page_over_tls_is_judged_with_its_certificate() -> None:
    with pages("valid") as web:
        found = said(Probe(ProbeType.HTTPS, path="/200", name=SHOP), web)
        assert found[0] is A
        assert found[1].startswith(f"answers GET /200 of {SHOP} with 200 (OK); TLSv1.3, certificate for {SHOP}, signed")
        assert Pages.asked == ("/200", f"{SHOP}:{web.port}")
        assert said(Probe(ProbeType.HTTPS, path="/500", name=SHOP), web)[0] is W
    with pages("expired") as web:
        found = said(Probe(ProbeType.HTTPS, path="/200"), web)
        assert found[0] is W
        assert found[1].startswith("answers GET /200 with 200 (OK); ")


def test_what_does_not_speak_tls_is_named() -> None:
    with pages() as web:
        assert said(Probe(ProbeType.TLS), web) == (
            W,
            "takes a connection, and does not agree on TLS (wrong version number)",
        )
    with pages("valid") as web:
        outcome, words = said(Probe(ProbeType.HTTP), web)
        assert outcome is W
        assert "answer" in words


def test_a_web_server_that_wants_a_certificate_of_its_clients_says_so() -> None:
    with pages("valid", asks_back=True) as web:
        outcome, words = said(Probe(ProbeType.HTTPS), web)
        assert outcome is W
        assert words == "takes a connection, and does not agree on TLS (tlsv13 alert certificate required)"


@pytest.mark.parametrize(
    "name", [".", "shop.example.net.", "a_b.example", "-", "2001:db8::10", "x" * 63, "a." * 126 + "a"]
)
def test_whatever_name_may_be_written_can_be_asked_for(name: str) -> None:
    with pages("own") as web:
        assert said(Probe(ProbeType.HTTPS, path="/200", name=probe_fields.name(name)), web)[0] in (A, W)


def test_what_a_server_says_before_it_hears_anything_is_read_though_it_is_gone() -> None:
    def speak(client: socket.socket) -> None:
        client.sendall(b"HTTP/1.1 503 Too many\r\n\r\n")

    for _ in range(20):
        with tcp(speak) as place:
            assert said(Probe(ProbeType.HTTP), place)[1] == "answers GET / with 503 (Too many), not 200-399"


def test_over_tls_it_is_said_whether_the_handshake_or_the_page_is_missing() -> None:
    over = Event()
    with tcp(lambda _: waits(over)) as place:
        assert said(Probe(ProbeType.HTTPS), place, 1.5)[1].endswith("does not answer a TLS handshake in 1.5 s")
        over.set()


def speaks(*pieces: bytes, hears: bool = True) -> Callable[[socket.socket], None]:
    """Return a server that hears something, says this, and closes."""

    def speak(client: socket.socket) -> None:
        if hears:
            client.recv(4096)
        for piece in pieces:
            client.sendall(piece)

    return speak


def endless(
    piece: bytes, pause: float = 0.0, *, first: bytes = b"", hears: bool = True
) -> Callable[[socket.socket], None]:
    """Return a server that says this for ever."""

    def speak(client: socket.socket) -> None:
        if hears:
            client.recv(4096)
        client.sendall(first)
        while True:
            client.sendall(piece)
            time.sleep(pause)

    return speak


def waits(over: Event) -> None:
    """Say nothing until it is over."""
    over.wait(60)


OK = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    ("speak", "outcome", "words"),
    [
        (speaks(), W, "takes a connection, and closes it without an answer to GET /"),
        (endless(b"x" * 20_000), W, "no HTTP (got more than 65536 bytes when reading status line)"),
        (endless(b"a: b\r\n", first=OK), W, "answers GET / with what is no HTTP (got more than 100 headers)"),
        (endless(b"a" * 20_000, first=OK), W, "no HTTP (got more than 65536 bytes when reading header line)"),
        (endless(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000), W, "answers GET / without an end"),
        (speaks(b"SSH-2.0-\x1b[31m\x00\r\n"), W, r'answers GET / with "SSH-2.0-\x1b[31m\x00", which is no HTTP'),
        (speaks(b"HTTP/1.1 \xff\xfe what\r\n\r\n"), W, "which is no HTTP"),
        (speaks(b"HTTP/9.9 200 OK\r\n\r\n"), W, "with what is no HTTP (HTTP/9.9)"),
        (speaks(b"HTTP/1.1 200 \x1b]0;x\x07" + b"y" * 60_000 + b"\r\n\r\n"), A, r"with 200 (\x1b]0;x\x07yyyy"),
        (speaks(OK, b"Content-Length: 99999999999\r\nLocation: " + b"/" * 60_000 + b"\r\n\r\n"), A, '//..."'),
        (speaks(OK, b"Transfer-Encoding: chunked\r\n\r\n", b"ffffffff\r\nx"), A, "with 200 (OK)"),
        (speaks(b"HTTP/1.0 200\r\n\r\n"), A, "answers GET / with 200"),
    ],
)
def test_what_hostile_web_servers_say_is_a_sentence(
    speak: Callable[[socket.socket], None], outcome: Outcome, words: str
) -> None:
    with tcp(speak) as place:
        found = said(Probe(ProbeType.HTTP), place)
    assert found[0] is outcome
    assert words in found[1]
    assert len(found[1]) < 400


@pytest.mark.parametrize(
    ("kind", "piece"), [(ProbeType.HTTP, b"H"), (ProbeType.TLS, b"\x16\x03\x01\x40\x00"), (ProbeType.SMTP, b"2")]
)
def test_all_of_it_takes_no_longer_than_it_may(kind: ProbeType, piece: bytes) -> None:
    over = Event()
    hears = kind is not ProbeType.SMTP
    for speak, outcome, words in (
        (lambda _: waits(over), S, "takes a connection, and does not answer "),
        (endless(piece, 0.02, hears=hears), W, "and comes to no end in 1.5 s"),
    ):
        with tcp(speak) as place:
            found = said(Probe(kind), place, 1.5)  # who began anew with each piece would never come back
            over.set()
        assert found[0] is outcome
        assert words in found[1]


@pytest.mark.parametrize(
    ("greeting", "outcome", "words"),
    [
        ((b"220 mail.example.net ESMTP\r\n",), A, 'greets with "220 mail.example.net ESMTP"'),
        ((b"220-first\r\n22", b"0 last\r\n"), A, 'greets with "220-first"'),
        ((b"554 go away\x1b[31m\r\n",), W, r'greets with "554 go away\x1b[31m", not with 220'),
        ((b"SSH-2.0-x\r\n",), W, 'greets with "SSH-2.0-x", which is no mail server\'s greeting'),
        ((b"\r\n",), W, 'greets with "", which is no mail server\'s greeting'),
        ((b"220",), W, "takes a connection, and closes it without an answer to a new client"),
        ((b"220-x\r\n" * 1000,), W, "answers a new client without an end"),
    ],
)
def test_a_mail_server_greets_and_is_taken_leave_of(greeting: tuple[bytes, ...], outcome: Outcome, words: str) -> None:
    parting: list[bytes] = []

    def speak(client: socket.socket) -> None:
        for piece in greeting:
            client.sendall(piece)
        client.shutdown(socket.SHUT_WR)
        parting.append(client.recv(100))

    with tcp(speak) as place:
        assert said(Probe(ProbeType.SMTP), place) == (outcome, words)
    assert parting == [b"QUIT\r\n"] if outcome is A else True


@pytest.mark.parametrize(
    ("answer", "outcome", "words"),
    [
        (name_server(0, 2), A, "NOERROR, 2 records"),
        (name_server(0, 0), W, "NOERROR and no record"),
        (name_server(0, 0, flags=0x8380), A, "NOERROR, 0 records"),
        (name_server(2, 0), W, "SERVFAIL"),
        (name_server(3, 0), W, "NXDOMAIN"),
        (name_server(11, 0), W, "code 11"),
        (lambda query: [query[:2] + b"\x81\x85" + b"\x00" * 8], W, "REFUSED"),
        (lambda query: [b"\x00" * 60, bytes((query[0] ^ 1,)) + query[1:], *name_server(0, 1)(query)], A, "1 record"),
        (lambda query: [query], W, "which is no answer of a name server"),
        (lambda query: [query[:2] + b"\x81\x80\x00\x01" + b"\xff" * 500], W, "which is no answer of a name server"),
        (lambda query: name_server(0, 1)(query[:13] + b"X" + query[14:]), W, "which is no answer of a name server"),
    ],
)
def test_a_name_server_is_asked_and_its_answer_judged(
    answer: Callable[[bytes], list[bytes]], outcome: Outcome, words: str
) -> None:
    with udp(answer) as place:
        found = said(Probe(ProbeType.DNS, name="example.net", record=DnsRecord.SOA), place)
    assert found[0] is outcome
    assert found[1].startswith("answers a query (SOA of example.net) with ")
    assert words in found[1]


def test_the_name_comes_back_in_any_case_and_the_root_may_be_asked_for() -> None:
    asked: list[bytes] = []

    def answer(query: bytes) -> list[bytes]:
        asked.append(query[12:])
        return name_server(0, 1)(query.upper() if len(query) > 17 else query)

    with udp(answer) as place:
        assert said(Probe(ProbeType.DNS, name="."), place)[0] is A
    assert asked == [b"\x00\x00\x01\x00\x01"]


@pytest.mark.parametrize(
    ("expect", "outcome", "words"),
    [
        ("", A, r'answers a datagram of 4 bytes with "PING\x1b[31m"'),
        ("NG", A, "answers"),
        ("hex:1b5b", A, "answers"),
        ("pong", W, r'answers a datagram of 4 bytes with "PING\x1b[31m", without "pong"'),
    ],
)
def test_a_datagram_is_sent_and_its_answer_looked_through(expect: str, outcome: Outcome, words: str) -> None:
    with udp(lambda data: [data.upper() + b"\x1b[31m"]) as place:
        found = said(Probe(ProbeType.UDP, send="hex:70696e67", expect=expect), place)
    assert found[0] is outcome
    assert words in found[1]


def test_a_server_of_datagrams_that_is_silent_or_gone_is_told_apart() -> None:
    with udp(lambda _: []) as place:
        asked = Probe(ProbeType.UDP, send="x")
        assert said(asked, place, 0.1) == (S, "does not answer a datagram of 1 byte in 0.1 s")
        assert said(Probe(ProbeType.DNS, name="a"), place, 0.1)[0] is S
    with udp(lambda _: [b"\x00" * 20] * 50) as place:
        assert said(Probe(ProbeType.DNS, name="a"), place, 1.5) == (
            W,
            "begins to answer a query (A of a), and comes to no end in 1.5 s",
        )
    found = converse(asked, place, 60.0)
    assert isinstance(found, Contact)
    assert found.outcome is Outcome.REFUSES


def test_a_server_that_cannot_be_spoken_to_is_a_contact() -> None:
    with tcp(speaks()) as place:
        pass
    found = converse(Probe(ProbeType.HTTP), place, 60.0)
    assert isinstance(found, Contact)
    assert found.outcome is Outcome.REFUSES
    with tcp(speaks()) as place:
        assert said(Probe(), place) == (A, "takes a connection")
