"""Fills the guest's connection table with as many persistence entries as wanted, through sync messages."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from ipaddress import IPv4Address

from lvstui.core.entries.sync_message import Message
from lvstui.core.model import Endpoint
from lvstui.kernel.live import Live
from tests.build import endpoint

VIRTUAL = endpoint("192.0.2.10:80")
SERVERS = tuple(Endpoint(IPv4Address(f"10.0.0.1{number}"), 80) for number in (1, 2, 3))
FIRST = int(IPv4Address("100.64.0.0"))
PORTION = 5000


def fill(number: int, netns: str | None = None, seconds: int = 3600) -> None:
    """Make entries of a number of clients, for some seconds; those of a network namespace go with it."""
    kernel = Live(netns)
    for start in range(0, number, PORTION):
        kernel.send_sync(list(_messages(start, min(start + PORTION, number), seconds)))
    kernel.close()


def _messages(start: int, end: int, seconds: int) -> Iterator[Message]:
    for number in range(start, end):
        client = Endpoint(IPv4Address(FIRST + number), 0)
        yield Message(6, client, VIRTUAL, SERVERS[number % len(SERVERS)], seconds)


if __name__ == "__main__":
    started = time.monotonic()
    fill(int(sys.argv[1]))
    print(f"{int(sys.argv[1]):,} entries in {time.monotonic() - started:.1f} s")
