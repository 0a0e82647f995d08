"""Small real servers for probes, each in a thread of its own on the loopback interface."""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

from lvstui.core.fields import server
from lvstui.core.model import Endpoint

_PKTINFO = 8
"""The option by which a datagram says which of our addresses it came to (IP_PKTINFO)."""

CERTIFICATES = Path(__file__).parent / "certificates"


class Pages(BaseHTTPRequestHandler):
    """Answers with the status that is the path, and keeps what it was asked in `asked`."""

    asked: tuple[str, str] = ("", "")
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer."""
        Pages.asked = (self.path, self.headers.get("Host", ""))
        self.send_response(int(self.path[1:4]))
        if self.path.startswith("/30"):
            self.send_header("Location", "https://shop.example.net/\x1b[31m")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing."""


class _Web(HTTPServer):
    def handle_error(self, *_: object) -> None:
        """Say nothing of clients that are gone."""


@contextmanager
def pages(certificate: str = "", *, asks_back: bool = False) -> Iterator[Endpoint]:
    """Yield the place of a web server, which speaks TLS with a certificate of ours; it may want one of its clients."""
    with _Web(("127.0.0.1", 0), Pages) as web:
        if certificate:
            web.socket = _context(certificate, asks_back).wrap_socket(
                web.socket, server_side=True, do_handshake_on_connect=False
            )
        thread = Thread(target=web.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server(f"127.0.0.1:{web.server_address[1]}")
        finally:
            web.shutdown()
            thread.join()


def _context(certificate: str, asks_back: bool) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATES / f"{certificate}.pem")
    if asks_back:
        context.verify_mode = ssl.CERT_REQUIRED
    return context


@contextmanager
def tcp(speak: Callable[[socket.socket], None], at: socket.socket | None = None) -> Iterator[Endpoint]:
    """Yield the place of a server that does this with each connection, until it is closed."""
    with at or socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    client, _ = listening.accept()
                except OSError:
                    return
                with suppress(OSError), client:
                    speak(client)

        yield from _served(listening, serve)


@contextmanager
def udp(answer: Callable[[bytes], list[bytes]], at: socket.socket | None = None) -> Iterator[Endpoint]:
    """Yield the place of a server that answers a datagram with these, from the address that it came to."""
    with at or socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        if at is None:
            client.bind(("127.0.0.1", 0))
        client.setsockopt(socket.IPPROTO_IP, _PKTINFO, 1)

        def serve() -> None:
            while True:
                data, where, _, whom = client.recvmsg(65536, 64)
                if whom is None:  # it was shut down
                    return
                from_there = [(socket.IPPROTO_IP, _PKTINFO, bytes(4) + info[4:8] + bytes(4)) for _, _, info in where]
                for reply in answer(data):
                    client.sendmsg([reply], from_there, 0, whom)

        yield from _served(client, serve)


def _served(listening: socket.socket, serve: Callable[[], None]) -> Iterator[Endpoint]:
    thread = Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield server(f"127.0.0.1:{listening.getsockname()[1]}")
    finally:
        with suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)
        thread.join(60)


def name_server(code: int, records: int, *, flags: int = 0x8180) -> Callable[[bytes], list[bytes]]:
    """Return a name server that answers with this code and so many records, all the same."""

    def answer(query: bytes) -> list[bytes]:
        number, _, questions, _, _, _ = struct.unpack_from("!6H", query)
        head = struct.pack("!6H", number, flags | code, questions, records, 0, 0)
        record = struct.pack("!HHHIH4s", 0xC00C, 1, 1, 60, 4, bytes((192, 0, 2, 1)))
        return [head + query[12:] + record * records]

    return answer
