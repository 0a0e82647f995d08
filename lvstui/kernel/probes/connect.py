"""A plain connection, as any client opens one, and what became of it."""

from __future__ import annotations

import errno
import os
import select
import socket
import struct
import time
from contextlib import suppress
from ipaddress import ip_address
from typing import Final, NamedTuple

from lvstui.core.model import Endpoint, Protocol
from lvstui.core.probes.answer import Outcome

_AT_ONCE: Final = struct.pack("=ii", 1, 0)
"""A struct linger: closing resets the connection, so that nothing of it is left on either side."""

_ERRORS: Final = {4: (socket.IPPROTO_IP, 11), 6: (socket.IPPROTO_IPV6, 25)}
"""The option that keeps who complained, by version of IP (IP_RECVERR, IPV6_RECVERR)."""

_EXTENDED: Final = struct.Struct("=IBBBxII")
"""A struct sock_extended_err; the address of who complains stands behind it (ip(7), IP_RECVERR)."""

_ORIGINS: Final = (2, 3)
"""It came by ICMP or ICMPv6 (SO_EE_ORIGIN_*)."""


class Contact(NamedTuple):
    """What came of trying to reach an address; `reason` are the words for what went wrong."""

    outcome: Outcome
    reason: str = ""
    milliseconds: float | None = None


def contact(protocol: Protocol, endpoint: Endpoint, patience: float) -> Contact:
    """Open a connection and reset it, or send an empty datagram and wait for what comes back, `patience` seconds.

    Nothing is left of either. An unanswered datagram says nothing.
    """
    family = socket.AF_INET if endpoint.address.version == 4 else socket.AF_INET6
    is_tcp = protocol is Protocol.TCP
    with socket.socket(family, socket.SOCK_STREAM if is_tcp else socket.SOCK_DGRAM) as client:
        if is_tcp:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        start = time.perf_counter()
        if failed := connect(client, endpoint, patience):
            return failed
        if is_tcp:
            return Contact(Outcome.ANSWERS, "", (time.perf_counter() - start) * 1000)
        try:
            client.send(b"")
            if not any(select.select([client], [], [], patience)):
                return Contact(Outcome.UNKNOWN)
            taken = (time.perf_counter() - start) * 1000
            if code := client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                return failure(client, code, taken)
            return Contact(Outcome.ANSWERS, "", taken)
        except OSError as problem:
            return failure(client, problem.errno or 0)


def connect(client: socket.socket, endpoint: Endpoint, patience: float) -> Contact | None:
    """Connect a socket in some seconds, and return what went wrong, None where nothing did; it blocks no more then."""
    address, port = endpoint
    client.setblocking(False)
    start = time.perf_counter()
    try:
        client.setsockopt(*_ERRORS[address.version], 1)
        code = client.connect_ex((str(address), port))
        if code not in (0, errno.EINPROGRESS):
            return failure(client, code)
        if not any(select.select([], [client], [], patience)):
            return Contact(Outcome.SILENT)
        if code := client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            return failure(client, code, (time.perf_counter() - start) * 1000)
    except OSError as problem:
        return failure(client, problem.errno or 0)
    return None


def failure(client: socket.socket, code: int, milliseconds: float | None = None) -> Contact:
    """Return what an error of a socket says of the server that it was to reach, by the number of the error."""
    if code == errno.ECONNREFUSED:
        return Contact(Outcome.REFUSES, "", milliseconds)
    if code == errno.ETIMEDOUT:
        return Contact(Outcome.SILENT)
    by = _complainer(client)
    return Contact(Outcome.UNREACHABLE, f"{os.strerror(code)}{f', says {by}' if by else ''}", milliseconds)


def _complainer(client: socket.socket) -> str:
    """Return the address of the machine that an error came from; empty where it is this one."""
    with suppress(OSError):
        _, ancillary, _, _ = client.recvmsg(256, 512, socket.MSG_ERRQUEUE)
        for _, _, data in ancillary:
            if len(data) > _EXTENDED.size + 8 and _EXTENDED.unpack_from(data)[1] in _ORIGINS:
                return _offender(data[_EXTENDED.size :])
    return ""


def _offender(data: bytes) -> str:
    """Read a struct sockaddr."""
    (family,) = struct.unpack_from("=H", data)
    if family == socket.AF_INET:
        return str(ip_address(data[4:8]))
    return str(ip_address(data[8:24])) if family == socket.AF_INET6 and len(data) >= 24 else ""
