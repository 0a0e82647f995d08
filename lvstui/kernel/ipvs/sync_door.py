"""The sync door: connections and persistence entries are made and changed by messages to the kernel's own sync daemon.

Netlink has no command for a connection, but a backup daemon takes messages about them. One is started on the loopback
interface, used, and stopped within milliseconds; where the operator runs a backup daemon, that one is used, and left
as it is.
"""

from __future__ import annotations

import errno
import os
import secrets
import socket
import struct
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from ipaddress import IPv4Address
from pathlib import Path
from typing import Final, NamedTuple

from lvstui.core.entries.sync_messages import Message
from lvstui.core.model import SyncDaemon, SyncRole
from lvstui.kernel.ipvs.client import Netlink
from lvstui.kernel.ipvs.sync_wire import Malformed, encode
from lvstui.kernel.namespace import call_in
from lvstui.kernel.port import KernelError, Refused
from lvstui.kernel.refusals import BACKUP_ONLY, MIXED

LOOPBACK: Final = "lo"

_PRIVATE: Final = int(IPv4Address("239.0.0.0"))
_FIRST_PORT: Final = 20000
_PORTS: Final = 40000
_LENGTH: Final = 1433
"""The datagram length of our daemons: with group, id and port it makes them known for ours."""

_LOCK: Final = "\0lvstui/sync-door"
"""An abstract name of Unix sockets, one a network namespace: it goes with the process that holds it."""

_PATIENCE: Final = 5.0
_PAUSE: Final = 0.0005
_DATAGRAM_MAX: Final = 65536
_BURST: Final = 16
"""Datagrams that are sent before the daemon is waited for: far fewer than its socket holds."""

_LITTLE: Final = struct.pack("=H", 1) == struct.pack("<H", 1)

_UDP: Final = {4: Path("/proc/thread-self/net/udp"), 6: Path("/proc/thread-self/net/udp6")}


class Door:
    """Sends messages about connections to IPVS in one network namespace, from the thread that uses `netlink`."""

    def __init__(self, netlink: Netlink, netns: str | None = None) -> None:
        self._netlink = netlink
        self._netns = netns

    def send(self, messages: Sequence[Message], *, backup_only: bool) -> None:
        """Have the kernel take messages; `backup_only` is the setting of that name.

        Raises `Refused` where no daemon can be started, with nothing changed.
        """
        if not messages:
            return
        with self._alone():
            running = self._netlink.daemons().get(SyncRole.BACKUP)
            if running is not None and is_ours(running):
                self._stop()
                running = None
            if running is not None:
                self._send(messages, running)
                return
            if backup_only:
                raise Refused(BACKUP_ONLY, "backup_only")
            with self._daemon() as daemon:
                self._send(messages, daemon)

    def sweep(self) -> None:
        """Stop a daemon of ours that outlived its lvstui, unless another lvstui is using it just now."""
        with self._alone(patience=0) as alone:
            running = self._netlink.daemons().get(SyncRole.BACKUP) if alone else None
            if running is not None and is_ours(running):
                self._stop()

    @contextmanager
    def _alone(self, patience: float = _PATIENCE) -> Iterator[bool]:
        """Hold the name that only one lvstui at a time can have; without patience, yield whether we got it."""
        held = call_in(self._netns, lambda: socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC))
        deadline = time.monotonic() + patience
        try:
            while not (ours := _bound(held)) and time.monotonic() < deadline:
                time.sleep(0.01)
            if not ours and patience:
                raise KernelError("another lvstui is editing entries at this moment; try again")
            yield ours
        finally:
            held.close()

    @contextmanager
    def _daemon(self) -> Iterator[SyncDaemon]:
        """Run a backup daemon of ours for as short a time as it takes."""
        daemon = _new_daemon()
        try:
            self._netlink.start(daemon)
        except Refused as refusal:
            raise Refused(MIXED, "server") from refusal
        try:
            yield daemon
        finally:
            self._stop()

    def _stop(self) -> None:
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                self._netlink.stop(SyncRole.BACKUP)
            except Refused:
                if time.monotonic() > deadline:
                    raise
            else:
                return

    def _send(self, messages: Sequence[Message], daemon: SyncDaemon) -> None:
        try:
            datagrams = encode(messages, daemon.id, min(daemon.max_length or _LENGTH, _LENGTH))
        except Malformed as flaw:
            raise Refused(str(flaw)) from None
        call_in(self._netns, lambda: _deliver(datagrams, daemon))


def is_ours(daemon: SyncDaemon) -> bool:
    """Return whether a backup daemon was started by an lvstui: nobody else's is on lo with a port that follows so."""
    return (
        daemon.role is SyncRole.BACKUP
        and daemon.interface == LOOPBACK
        and daemon.max_length == _LENGTH
        and daemon.group.version == 4
        and daemon.port == _port(int(daemon.group), daemon.id)
    )


def _new_daemon() -> SyncDaemon:
    """Invent a daemon whose group and id nobody can foresee."""
    group, number = _PRIVATE | secrets.randbits(24), secrets.randbelow(256)
    port = _port(group, number)
    return SyncDaemon(SyncRole.BACKUP, LOOPBACK, number, _LENGTH, IPv4Address(group), port)


def _port(group: int, number: int) -> int:
    return _FIRST_PORT + zlib.crc32(struct.pack(">6sIB", b"lvstui", group, number)) % _PORTS


def _bound(held: socket.socket) -> bool:
    try:
        held.bind(_LOCK)
    except OSError as problem:
        if problem.errno != errno.EADDRINUSE:
            raise KernelError(f"the sync door cannot be held: {problem.strerror}") from problem
        return False
    return True


def _deliver(datagrams: Sequence[bytes], daemon: SyncDaemon) -> None:
    """Send datagrams to a daemon of this namespace, and wait until it has taken them all.

    Where a burst was too much for its socket, it is sent once more, a datagram at a time: the same again does no harm.
    """
    try:
        index = socket.if_nametoindex(daemon.interface)
        with _sender(daemon, index) as sender, _listener(daemon, index) as echo:
            line = _Line(daemon, sender, echo, index)
            for start in range(0, len(datagrams), _BURST):
                burst = datagrams[start : start + _BURST]
                if not line.say(burst) and not all(line.say([datagram]) for datagram in burst):
                    raise KernelError("the kernel had no room for the messages to its sync daemon; try again")
    except OSError as problem:
        if problem.errno in (errno.ENETDOWN, errno.ENETUNREACH, errno.EADDRNOTAVAIL):
            remedy = f"`ip link set {daemon.interface} up` lets entries be edited"
            raise Refused(f"{daemon.interface} is down: {remedy}") from None
        raise KernelError(f"no message reaches the kernel's sync daemon: {problem.strerror}") from problem


class _Queue(NamedTuple):
    """The receive queue of a daemon's socket: bytes that wait, and datagrams that were dropped."""

    waiting: int
    dropped: int


class _Line:
    """The line to a daemon: what is sent, and a socket of ours that gets a copy of whatever the daemon gets."""

    def __init__(self, daemon: SyncDaemon, sender: socket.socket, echo: socket.socket, index: int) -> None:
        self._daemon = daemon
        self._sender = sender
        self._echo = echo
        address = (str(daemon.group), daemon.port)
        self._target: tuple[object, ...] = address if daemon.group.version == 4 else (*address, 0, index)

    def say(self, burst: Sequence[bytes]) -> bool:
        """Send some datagrams, wait until they are taken, and return whether none was lost.

        On a busy machine a datagram is under way for a while, when the daemon's queue is still as empty as afterwards:
        only once the copies have come to our own socket does an empty queue mean that the daemon has had them.
        """
        before = self._queue()
        for datagram in burst:
            self._sender.sendto(datagram, self._target)
        missing = list(burst)
        try:
            while missing:
                copy = self._echo.recv(_DATAGRAM_MAX)
                if copy in missing:
                    missing.remove(copy)
        except TimeoutError:
            return False
        return self._wait_until_drained().dropped == before.dropped

    def _wait_until_drained(self) -> _Queue:
        """Wait until the daemon has taken everything: one that is stopped before loses it."""
        deadline = time.monotonic() + _PATIENCE
        while (queue := self._queue()).waiting:
            if time.monotonic() > deadline:
                raise KernelError(
                    "the kernel's sync daemon does not take its messages; what became of the edit is not known"
                )
            time.sleep(_PAUSE)
        return queue

    def _queue(self) -> _Queue:
        """Look up the daemon's socket in /proc/net/udp: `sl: ADDRESS:PORT remote st tx:rx … inode … drops`."""
        group, ours = self._daemon.group, str(os.fstat(self._echo.fileno()).st_ino)
        parts = [group.packed[place : place + 4] for place in range(0, len(group.packed), 4)]
        address = b"".join(part[::-1] if _LITTLE else part for part in parts).hex().upper()
        for line in _UDP[group.version].read_text().splitlines()[1:]:
            fields = line.split()
            if fields[1] == f"{address}:{self._daemon.port:04X}" and fields[9] != ours:
                return _Queue(int(fields[4].partition(":")[2], 16), int(fields[-1]))
        raise KernelError("the kernel's sync daemon listens nowhere; it may just have been stopped")


@contextmanager
def _sender(daemon: SyncDaemon, index: int) -> Iterator[socket.socket]:
    """Open a socket whose datagrams reach daemons on this machine and never a wire."""
    four = daemon.group.version == 4
    with socket.socket(socket.AF_INET if four else socket.AF_INET6, socket.SOCK_DGRAM) as sender:
        if four:
            sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, struct.pack("=4s4si", b"", b"", index))
            sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 0)
            sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 1)
        else:
            sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
            sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 0)
            sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_LOOP, 1)
        yield sender


@contextmanager
def _listener(daemon: SyncDaemon, index: int) -> Iterator[socket.socket]:
    """Open a socket that gets a copy of whatever the daemon gets."""
    group, port, four = daemon.group, daemon.port, daemon.group.version == 4
    with socket.socket(socket.AF_INET if four else socket.AF_INET6, socket.SOCK_DGRAM) as echo:
        echo.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        echo.settimeout(_PATIENCE)
        echo.bind((str(group), port) if four else (str(group), port, 0, index))
        if four:
            member = group.packed + struct.pack("=4si", b"", index)
            echo.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
        else:
            echo.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, group.packed + struct.pack("=i", index))
        yield echo
