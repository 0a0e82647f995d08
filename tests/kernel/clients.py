"""Clients and servers of the shop that do other than ask and answer once.

A client that holds its connection open, one that never stops, one that makes SIP calls; servers for SIP and FTP.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from threading import Thread

TARGET = "192.0.2.10", 80

_HOLD = """\
import socket, sys
s = socket.create_connection(sys.argv[1:3], 30, (sys.argv[3], 0))
print("open", flush=True)
sys.stdin.readline()
try:
    s.sendall(b"name\\n")
    print(s.recv(100).decode().strip() or "reset")
except OSError:
    print("reset")
"""

_KNOCK = """\
import socket, sys, time
while True:
    try:
        socket.create_connection(sys.argv[1:3], 5, (sys.argv[3], 0)).close()
    except OSError:
        continue
    print(time.monotonic(), flush=True)
    time.sleep(0.1)
"""


_ANSWER = """\
import selectors, socket, sys
tcp = socket.create_server(("0.0.0.0", 21))
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind(("0.0.0.0", 5060))
ready = selectors.DefaultSelector()
ready.register(tcp, selectors.EVENT_READ)
ready.register(udp, selectors.EVENT_READ)
print("serving", flush=True)
while True:
    for key, _ in ready.select():
        if key.fileobj is tcp:
            with tcp.accept()[0] as one:
                one.sendall(sys.argv[1].encode())
        else:
            udp.sendto(sys.argv[1].encode(), udp.recvfrom(4096)[1])
"""

_GREET = """\
import socket, sys
with socket.create_connection(("192.0.2.10", 21), 30, (sys.argv[1], 0)) as s:
    print(s.recv(100).decode())
"""

_CALL = """\
import socket, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    s.bind((sys.argv[1], 0))
    s.settimeout(30)
    s.sendto((
        "OPTIONS sip:shop@192.0.2.10 SIP/2.0\\r\\nVia: SIP/2.0/UDP %s:5060\\r\\n"
        "From: <sip:a@b>;tag=1\\r\\nTo: <sip:shop@192.0.2.10>\\r\\nCall-ID: %s\\r\\n"
        "CSeq: 1 OPTIONS\\r\\nContent-Length: 0\\r\\n\\r\\n" % tuple(sys.argv[1:])
    ).encode(), ("192.0.2.10", 5060))
    print(s.recv(100).decode())
"""


def greeting(client: str) -> str:
    """Open an FTP session and return the name of the server that greets."""
    return _run_client(_GREET, client)


def call(client: str, call_id: str) -> str:
    """Make a SIP request from a port of its own, and return the name of the server that answers."""
    return _run_client(_CALL, client, call_id)


def _run_client(program: str, *arguments: str) -> str:
    command = ["ip", "netns", "exec", "client", sys.executable, "-c", program, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@contextmanager
def answering(names: Sequence[str]) -> Iterator[None]:
    """Let real servers answer SIP requests and greet FTP clients with their names."""
    running: list[subprocess.Popen[str]] = []
    try:
        for name in names:
            command = ["ip", "netns", "exec", name, sys.executable, "-c", _ANSWER, name]
            running.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        for process in running:
            assert process.stdout is not None
            assert process.stdout.readline() == "serving\n"
        yield
    finally:
        for process in running:
            process.kill()
            process.communicate()


def _start(program: str, client: str) -> subprocess.Popen[str]:
    command = ["ip", "netns", "exec", "client", sys.executable, "-c", program, *map(str, TARGET), client]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


class HeldOpen:
    """A client that has connected and not yet asked; `finish` asks and returns the answer, or `reset`."""

    def __init__(self, client: str) -> None:
        self._process = _start(_HOLD, client)

    def __enter__(self) -> HeldOpen:
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "open\n"
        return self

    def finish(self) -> str:
        answer, _ = self._process.communicate("\n", timeout=60)
        return answer.strip()

    def __exit__(self, *problem: object) -> None:
        self._process.kill()
        self._process.communicate()


class Knocking:
    """A client that connects all the time, from several processes at once, and notes when it did.

    Inside of `with` it is at it: each of the processes has connected.
    """

    def __init__(self, client: str, processes: int = 3) -> None:
        self._processes = [_start(_KNOCK, client) for _ in range(processes)]
        self._times: list[Sequence[float]] = []
        self._threads: list[Thread] = []

    def __enter__(self) -> Knocking:
        for process in self._processes:
            times: list[float] = []
            thread = Thread(target=self._note, args=(process, times), daemon=True)
            thread.start()
            self._times.append(times)
            self._threads.append(thread)
        deadline = time.monotonic() + 60
        while not all(self._times):
            assert time.monotonic() < deadline, "the client does not come through"
            time.sleep(0.05)
        return self

    def _note(self, process: subprocess.Popen[str], times: list[float]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            times.append(float(line))

    def longest_gap(self, start: float, end: float) -> float:
        """Return the longest time between two connections in a span of time."""
        moments = sorted(moment for times in self._times for moment in times)
        moments = [start, *(moment for moment in moments if start < moment < end), end]
        return max(later - earlier for earlier, later in pairwise(moments))

    def __exit__(self, *problem: object) -> None:
        for process in self._processes:
            process.kill()
        for thread in self._threads:
            thread.join()
        for process in self._processes:
            process.communicate()
