"""A conversation with a server: bounded in time as a whole, however slowly it answers, and in what is read of it."""

from __future__ import annotations

import socket
import ssl
import time
from contextlib import suppress
from typing import Final

_MOST: Final = 1 << 18
"""Bytes that are read of one server."""

HANDSHAKE: Final = "a TLS handshake"

_PIECE: Final = 1 << 14


class TooMuch(Exception):
    """A server that sends more than anybody wants to know."""


class Line:
    """What is said over a connected socket, all of it within `patience` seconds of a start (of time.monotonic)."""

    def __init__(self, client: socket.socket, start: float, patience: float, topic: str) -> None:
        self._client = client
        self._start = start
        self.patience = patience
        self.topic = topic
        """What is waited for, in words that go on from `does not answer`."""
        self.heard = 0
        """How many bytes have come."""

    @property
    def milliseconds(self) -> float:
        """How long it has taken until now."""
        return (time.monotonic() - self._start) * 1000

    def send(self, data: bytes) -> None:
        """Send all of it. Raises OSError, and TimeoutError where the time is over.

        That the other end is gone is left to `receive`, as it may have said why before.
        """
        self._client.settimeout(self._left())
        with suppress(BrokenPipeError, ConnectionResetError):
            self._client.sendall(data)

    def receive(self, most: int = _PIECE) -> bytes:
        """Return what comes next, empty at the end of a connection. Raises OSError, TimeoutError and `TooMuch`."""
        self._client.settimeout(self._left())
        data = self._client.recv(most)
        self.heard += len(data)
        if self.heard > _MOST:
            raise TooMuch
        return data

    def _left(self) -> float:
        """Return the seconds that are left."""
        left = self._start + self.patience - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


class SecureLine:
    """What is said over a line in TLS; whom one talks to is not checked, as the certificate is what one wants to see.

    Raises ssl.SSLError where the other end speaks no TLS, and what its line does.
    """

    def __init__(self, line: Line, name: str) -> None:
        self._line = line
        self._in = ssl.MemoryBIO()
        self._out = ssl.MemoryBIO()
        self._tls = _context().wrap_bio(self._in, self._out, server_hostname=name.removesuffix(".") or None)
        topic, line.topic = line.topic, HANDSHAKE
        while True:
            try:
                self._tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self._exchange()
        self._flush()
        line.topic = topic

    @property
    def version(self) -> str:
        """What is spoken, such as `TLSv1.3`."""
        return self._tls.version() or "TLS"

    @property
    def certificate(self) -> bytes:
        """The certificate of the server in DER; empty where it showed none."""
        return self._tls.getpeercert(binary_form=True) or b""

    def send(self, data: bytes) -> None:
        """Send all of it."""
        self._tls.write(data)
        self._flush()

    def receive(self, most: int = _PIECE) -> bytes:
        """Return what comes next, empty at the end."""
        while True:
            try:
                return self._tls.read(most)
            except ssl.SSLWantReadError:
                self._exchange()
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                return b""

    def _exchange(self) -> None:
        """Send what is to be sent, and wait for more. Raises ConnectionResetError at the end of the line."""
        self._flush()
        data = self._line.receive()
        if not data:
            raise ConnectionResetError
        self._in.write(data)

    def _flush(self) -> None:
        if data := self._out.read():
            self._line.send(data)


def _context() -> ssl.SSLContext:
    """Return what takes every version and cipher: an old server answers too, and what it speaks is said."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context
