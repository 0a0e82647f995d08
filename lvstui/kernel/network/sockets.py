"""Sockets that see single kinds of packets on one interface before the kernel's own stack takes or drops them."""

from __future__ import annotations

import ctypes
import socket
import struct
from collections.abc import Sequence
from typing import Final, NamedTuple

ARP, IPV4, IPV6 = 0x0806, 0x0800, 0x86DD
"""Kinds of packets (include/uapi/linux/if_ether.h)."""

_ATTACH_FILTER: Final = 26
_ADD_MEMBERSHIP, _MULTICAST = 1, 0
_LOAD_BYTE, _LOAD_HALF, _EQUAL, _RETURN = 0x30, 0x28, 0x15, 0x06
"""Instructions of a packet filter (include/uapi/linux/bpf_common.h)."""

_WHOLE: Final = 0xFFFF
_ROOM: Final = 1 << 20

NO_RIGHT: Final = "the right CAP_NET_RAW is missing"


class Test(NamedTuple):
    """A byte, or half word (two bytes), of a packet from its network header on that has a value."""

    offset: int
    value: int
    half: bool = False


def open_on(interface: str, kind: int, tests: Sequence[Test] = ()) -> socket.socket:
    """Open a socket that sends and receives packets of a kind on an interface, those only that pass all tests.

    Raises OSError: PermissionError without CAP_NET_RAW.
    """
    opened = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC, 0)
    try:
        if tests:
            program = b"".join(_instructions(tests))
            buffer = ctypes.create_string_buffer(program)
            attached = struct.pack("HL", len(program) // 8, ctypes.addressof(buffer))
            opened.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, attached)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _ROOM)
        opened.setblocking(False)
        opened.bind((interface, kind))
    except OSError:
        opened.close()
        raise
    return opened


def _instructions(tests: Sequence[Test]) -> list[bytes]:
    lines = []
    for place, (offset, value, half) in enumerate(tests):
        to_end = 2 * (len(tests) - place) - 1
        lines += [(_LOAD_HALF if half else _LOAD_BYTE, 0, 0, offset), (_EQUAL, 0, to_end, value)]
    lines += [(_RETURN, 0, 0, _WHOLE), (_RETURN, 0, 0, 0)]
    return [struct.pack("=HBBI", *line) for line in lines]


def take_multicast(opened: socket.socket, interface: str, link_address: bytes) -> None:
    """Let the interface take packets to a multicast link address while the socket is open; nobody is sent anything."""
    number = socket.if_nametoindex(interface)
    request = struct.pack("=iHH8s", number, _MULTICAST, len(link_address), link_address)
    opened.setsockopt(_SOL_PACKET, _ADD_MEMBERSHIP, request)


_SOL_PACKET: Final = 263
