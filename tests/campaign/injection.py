"""Users of the machine who send messages through the sync door as fast as they can, while entries are edited."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from ipaddress import IPv4Address

from lvstui.core.entries.sync_message import Message
from lvstui.core.model import Endpoint
from lvstui.kernel.live import Live
from tests.campaign import Report
from tests.netfilter.injector import CLIENTS, SERVER, VIP, injectors

NEEDS = "full"

_TABLE = """\
-A -t 192.0.2.70:80 -s rr -p 300
-a -t 192.0.2.70:80 -r 10.0.7.11:80 -m
"""
_OWN = IPv4Address("198.19.0.1")
_SOON = 1000
"""Edits that are made in any case."""


def run(seconds: float, seed: int) -> Iterator[Report]:
    """Edit an entry over and over; what fails are entries of others, and edits that were not made."""
    del seed  # the injectors are processes of their own, and nobody foresees what they meet
    subprocess.run(["ipvsadm", "-C"], check=True)
    subprocess.run(["ipvsadm", "-R"], check=True, input=_TABLE, text=True)
    message = Message(6, Endpoint(_OWN, 0), Endpoint(VIP, 80), Endpoint(SERVER, 80), 60)
    ends = time.monotonic() + seconds
    edits = ajar = 0
    with closing(Live()) as kernel, injectors(CLIENTS):
        while edits < _SOON or time.monotonic() < ends:
            edits += 1
            ajar += kernel.send_sync([message]) != ""
        found = {entry.client for piece in kernel.scan() for entry in piece.entries}
    foreign = sorted(str(client) for client in found.intersection(CLIENTS))
    missing = "" if _OWN in found else f"{_OWN} is not bound"
    yield Report("entries of others", edits, len(foreign), ", ".join(foreign))
    yield Report("edits with the door ajar, or not made", edits, ajar + bool(missing), missing)
    subprocess.run(["ipvsadm", "-C"], check=True)
