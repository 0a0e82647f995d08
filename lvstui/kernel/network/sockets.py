"""Sockets that see single kinds of packets on one interface before the kernel's own stack takes or drops them."""

from __future__ import annotations

import ctypes
import socket
import struct
from collections.abc import Sequence
from typing import Final, NamedTuple, TypeAlias

_ATTACH_FILTER: Final = 26
_SOL_PACKET: Final = 263
_ADD_MEMBERSHIP, _MULTICAST = 1, 0
LOAD_BYTE, LOAD_HALF, LOAD_BEHIND, LENGTH, EQUAL, RETURN = 0x30, 0x28, 0x48, 0xB1, 0x15, 0x06
"""Instructions of a packet filter (include/uapi/linux/bpf_common.h): ldb, ldh, ldh [x + k], ldxb 4*([k]&0xf) …"""

Instruction: TypeAlias = tuple[int, int, int, int]
"""A struct sock_filter: code, how far to jump if true and if not, and a value."""

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
            attach(opened, _instructions(tests))
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _ROOM)
        opened.setblocking(False)
        opened.bind((interface, kind))
    except OSError:
        opened.close()
        raise
    return opened


def attach(opened: socket.socket, instructions: Sequence[Instruction]) -> None:
    """Let a socket have only those packets that a filter passes. Raises OSError."""
    program = b"".join(struct.pack("=HBBI", *instruction) for instruction in instructions)
    buffer = ctypes.create_string_buffer(program, len(program))
    attached = struct.pack("@HP", len(instructions), ctypes.addressof(buffer))
    opened.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, attached)


def _instructions(tests: Sequence[Test]) -> Sequence[Instruction]:
    lines: list[Instruction] = []
    for place, (offset, value, half) in enumerate(tests):
        to_end = 2 * (len(tests) - place) - 1
        lines += [(LOAD_HALF if half else LOAD_BYTE, 0, 0, offset), (EQUAL, 0, to_end, value)]
    return [*lines, (RETURN, 0, 0, _WHOLE), (RETURN, 0, 0, 0)]


def take_multicast(opened: socket.socket, interface: str, link_address: bytes) -> None:
    """Let the interface take packets to a multicast link address while the socket is open; nobody is sent anything."""
    number = socket.if_nametoindex(interface)
    request = struct.pack("=iHH8s", number, _MULTICAST, len(link_address), link_address)
    opened.setsockopt(_SOL_PACKET, _ADD_MEMBERSHIP, request)
