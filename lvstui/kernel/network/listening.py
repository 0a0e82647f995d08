"""Who else sends connections: the masters of other directors, heard on the link without becoming one of their group."""

from __future__ import annotations

import select
import socket
import time
from ipaddress import ip_address
from typing import Final

from lvstui.core.doctor.facts import Hearing
from lvstui.core.model import Address, SyncDaemon
from lvstui.kernel.network.packets import HEADS, IPV4, IPV6
from lvstui.kernel.network.sockets import NO_RIGHT, Test, open_on, take_multicast

SECONDS: Final = 2.0
"""As long as is listened; a master sends what it has about every second."""

_UDP: Final = 17
_UDP_HEAD: Final = 8
_ID: Final = 1
"""Where a sync message has the id of its daemon (struct ip_vs_sync_mesg in net/netfilter/ipvs/ip_vs_sync.c)."""


def hear_masters(daemon: SyncDaemon, seconds: float = SECONDS) -> Hearing:
    """Listen for sync messages to a daemon's group and port, on its interface, until one with its id comes.

    The interface takes the packets meanwhile; no group is joined by IGMP or MLD, and the kernel drops them as before.
    """
    version, group = daemon.group.version, daemon.group.packed
    kind, protocol = (IPV4, Test(9, _UDP)) if version == 4 else (IPV6, Test(6, _UDP))
    try:
        with open_on(daemon.interface, kind, (protocol, Test(HEADS[version] + 2, daemon.port, half=True))) as opened:
            prefix = b"\x01\x00\x5e" + bytes((group[1] & 0x7F,)) if version == 4 else b"\x33\x33" + group[-4:-2]
            take_multicast(opened, daemon.interface, prefix + group[-2:])
            return Hearing(seconds, _masters(opened, daemon, seconds))
    except PermissionError:
        return Hearing(0.0, trouble=NO_RIGHT)
    except OSError as problem:
        return Hearing(0.0, trouble=f"nobody could listen on {daemon.interface}: {problem.strerror or problem}")


def _masters(opened: socket.socket, daemon: SyncDaemon, seconds: float) -> tuple[tuple[Address, int], ...]:
    head = HEADS[daemon.group.version]
    found: dict[tuple[Address, int], None] = {}
    ends = time.monotonic() + seconds
    while (left := ends - time.monotonic()) > 0 and not any(number == daemon.id for _, number in found):
        if not select.select([opened], [], [], left)[0]:
            break
        packet = opened.recv(256)
        if len(packet) <= head + _UDP_HEAD + _ID or packet[head + 2 : head + 4] != daemon.port.to_bytes(2):
            continue
        sender = packet[12:16] if head == 20 else packet[8:24]
        found[ip_address(sender), packet[head + _UDP_HEAD + _ID]] = None
    return tuple(found)
