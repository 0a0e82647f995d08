"""A user of the machine who would bind clients to servers: sends messages to every group that a sync daemon may be on.

python -m tests.netfilter.injector CLIENT    as anybody, until it is ended
"""

from __future__ import annotations

import os
import random
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from ipaddress import IPv4Address
from pathlib import Path

from lvstui.core.entries.sync_message import Message
from lvstui.core.model import Endpoint
from lvstui.kernel.ipvs.sync_door import encode

VIP, SERVER = IPv4Address("192.0.2.70"), IPv4Address("10.0.7.11")
CLIENTS = [IPv4Address("198.18.66.0") + number for number in range(1, 4)]

NOBODY = 65534

_IDS = 256
_IN_A_ROW = 64
"""Messages that are sent to a group before the next look at which groups there are."""


@contextmanager
def injectors(clients: Sequence[IPv4Address]) -> Iterator[None]:
    """Have some processes of nobody's inject meanwhile, each for one of these clients."""
    command = [sys.executable, "-m", "tests.netfilter.injector"]
    running = [subprocess.Popen([*command, str(client)], stdout=subprocess.PIPE) for client in clients]
    try:
        for process in running:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
        yield
        assert [process.poll() for process in running] == [None] * len(clients)
    finally:
        for process in running:
            process.kill()
            process.communicate()


def _groups() -> Iterator[tuple[str, int]]:
    """Yield the multicast groups and ports that somebody on this machine listens to."""
    for line in Path("/proc/net/udp").read_text().splitlines()[1:]:
        address, _, port = line.split()[1].partition(":")
        group = IPv4Address(struct.pack("=I", int(address, 16)))
        if group.is_multicast:
            yield str(group), int(port, 16)


def _inject(client: IPv4Address) -> None:
    """Send a message with each id to each group, for ever."""
    message = Message(6, Endpoint(client, 0), Endpoint(VIP, 80), Endpoint(SERVER, 80), 3000)
    datagrams = [datagram for number in range(_IDS) for datagram in encode([message], number)]
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    loopback = struct.pack("=4s4si", b"", b"", socket.if_nametoindex("lo"))
    sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, loopback)
    sender.setblocking(False)
    print("ready", flush=True)
    while True:
        for group in _groups():
            for datagram in random.sample(datagrams, _IN_A_ROW):
                try:
                    sender.sendto(datagram, group)
                except OSError:
                    break


def main(arguments: Sequence[str]) -> None:
    """Become nobody, and inject for one client."""
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)
    _inject(IPv4Address(arguments[0]))


if __name__ == "__main__":
    main(sys.argv[1:])
