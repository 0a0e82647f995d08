"""A page of a web server is asked for, over whatever line leads there."""

from __future__ import annotations

import io
from http.client import HTTPConnection
from typing import NamedTuple

from lvstui import __version__
from lvstui.kernel.probes.line import Line, SecureLine


class Page(NamedTuple):
    """What a web server answered; its texts are as they came."""

    status: int
    reason: str
    location: str


class _Stream(io.RawIOBase):
    """What comes over a line, as a file."""

    def __init__(self, line: Line | SecureLine) -> None:
        self._line = line

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Read what comes next."""
        data = self._line.receive(len(buffer))
        buffer[: len(data)] = data
        return len(data)


class _Socket:
    """A line where http.client looks for a socket."""

    def __init__(self, line: Line | SecureLine) -> None:
        self._line = line

    def sendall(self, data: bytes) -> None:
        """Send all of it."""
        self._line.send(data)

    def makefile(self, _: str) -> io.BufferedReader:
        """Return what comes as a file."""
        return io.BufferedReader(_Stream(self._line))

    def close(self) -> None:
        """Leave the line to whoever opened it."""


def ask_page(line: Line | SecureLine, host: str, path: str) -> Page:
    """Ask for a page of a host, and read no more of the answer than its head; a redirection is not followed.

    Raises http.client.HTTPException for what is no HTTP, and what the line raises.
    """
    client = HTTPConnection("unused")
    client.sock = _Socket(line)
    client.putrequest("GET", path, skip_host=True, skip_accept_encoding=True)
    client.putheader("Host", host)
    client.putheader("User-Agent", f"lvstui/{__version__}")
    client.putheader("Connection", "close")
    client.endheaders()
    answer = client.getresponse()
    return Page(answer.status, answer.reason, answer.getheader("Location", ""))
