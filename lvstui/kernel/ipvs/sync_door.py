"""The sync door: messages to the kernel's own sync daemon, which create and change connections and entries.

Netlink has no command for a connection, but a backup daemon takes messages about them. One is started on the loopback
interface, used, and stopped within milliseconds; where the operator runs a backup daemon, that one is used, and left
as it is. The messages are those of version 1 (net/netfilter/ipvs/ip_vs_sync.c), as the kernel's own daemons send them.
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
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path
from typing import Final

from lvstui.core.change import change_daemon
from lvstui.core.entries.sync_message import Message
from lvstui.core.model import PERSISTENCE_MAX, SyncDaemon, SyncRole
from lvstui.kernel.ipvs.client import Netlink
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
_ROOM: Final = 65536
_BURST: Final = 16
"""Datagrams that are sent before the daemon is waited for: far fewer than its socket holds."""

DATAGRAM_MAX: Final = 1400
"""Bytes of the datagrams that we send: within every daemon's usual length (an MTU less the headers)."""

_VERSION: Final = 1
_HEAD: Final = struct.Struct(">BBHBBH")
_CONNECTION: Final = struct.Struct(">BBHIHHHHII")
_V4, _V6 = 0, 1
_SIZES: Final = {_V4: _CONNECTION.size + 3 * 4, _V6: _CONNECTION.size + 3 * 16}
_COUNT_MAX: Final = 255
_IDENTITY_OPTION, _ENGINE_OPTION = 2, 3

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
            if running is not None and not is_ours(running):
                self._send(messages, running)
                return
            if running is not None:
                self._stop()
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
        """Run a backup daemon of ours, whose group and id nobody can foresee, for as short a time as it takes."""
        group, number = _PRIVATE | secrets.randbits(24), secrets.randbelow(256)
        port = _port(group, number)
        daemon = SyncDaemon(SyncRole.BACKUP, LOOPBACK, number, _LENGTH, IPv4Address(group), port)
        try:
            self._netlink.write(change_daemon(None, daemon))
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
                return
            except Refused:
                if time.monotonic() > deadline:
                    raise

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
            address = (str(daemon.group), daemon.port)
            line = _Line(daemon, sender, echo, address if daemon.group.version == 4 else (*address, 0, index))
            for start in range(0, len(datagrams), _BURST):
                burst = datagrams[start : start + _BURST]
                if not line.say(burst) and not all(line.say([datagram]) for datagram in burst):
                    raise KernelError("the kernel had no room for the messages to its sync daemon; try again")
    except OSError as problem:
        if problem.errno in (errno.ENETDOWN, errno.ENETUNREACH, errno.EADDRNOTAVAIL):
            remedy = f"`ip link set {daemon.interface} up` lets entries be edited"
            raise Refused(f"{daemon.interface} is down: {remedy}") from None
        raise KernelError(f"no message reaches the kernel's sync daemon: {problem.strerror}") from problem


@dataclass(frozen=True, slots=True)
class _Line:
    """The line to a daemon: what is sent, and a socket of ours that gets a copy of whatever the daemon gets."""

    daemon: SyncDaemon
    sender: socket.socket
    echo: socket.socket
    target: tuple[object, ...]

    def say(self, burst: Sequence[bytes]) -> bool:
        """Send some datagrams, wait until they are taken, and return whether none was lost.

        On a busy machine a datagram is under way for a while, when the daemon's queue is still as empty as afterwards:
        only once the copies have come to our own socket does an empty queue mean that the daemon has had them.
        """
        _, dropped = self._queue()
        for datagram in burst:
            self.sender.sendto(datagram, self.target)
        missing = list(burst)
        try:
            while missing:
                copy = self.echo.recv(_ROOM)
                if copy in missing:
                    missing.remove(copy)
        except TimeoutError:
            return False
        return self._wait_until_drained() == dropped

    def _wait_until_drained(self) -> int:
        """Wait until the daemon has taken everything (one that is stopped before loses it); return what was dropped."""
        deadline = time.monotonic() + _PATIENCE
        while (queue := self._queue())[0]:
            if time.monotonic() > deadline:
                raise KernelError(
                    "the kernel's sync daemon does not take its messages; what became of the edit is not known"
                )
            time.sleep(_PAUSE)
        return queue[1]

    def _queue(self) -> tuple[int, int]:
        """Return the bytes that wait in the queue of the daemon's socket, and the datagrams that were dropped.

        A line of /proc/net/udp reads `sl: ADDRESS:PORT remote st tx:rx … inode … drops`.
        """
        group, ours = self.daemon.group, str(os.fstat(self.echo.fileno()).st_ino)
        parts = [group.packed[place : place + 4] for place in range(0, len(group.packed), 4)]
        address = b"".join(part[::-1] if _LITTLE else part for part in parts).hex().upper()
        for line in _UDP[group.version].read_text().splitlines()[1:]:
            fields = line.split()
            if fields[1] == f"{address}:{self.daemon.port:04X}" and fields[9] != ours:
                return int(fields[4].partition(":")[2], 16), int(fields[-1])
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


class Malformed(ValueError):
    """A message that no datagram can carry."""


def encode(messages: Sequence[Message], sync_id: int, limit: int = DATAGRAM_MAX) -> list[bytes]:
    """Write messages into as few datagrams of at most `limit` bytes as hold them in their order.

    What fits into one datagram is looked at by the kernel in one go. Raises `Malformed` for what no message can carry.
    """

    def datagram() -> bytes:
        return _HEAD.pack(0, sync_id, _HEAD.size + len(body), count, _VERSION, 0) + body

    datagrams: list[bytes] = []
    body, count = b"", 0
    for message in messages:
        encoded = _encode(message)
        start = -len(body) % 4
        if count and (count == _COUNT_MAX or _HEAD.size + len(body) + start + len(encoded) > limit):
            datagrams.append(datagram())
            body, count, start = b"", 0, 0
        body += b"\0" * start + encoded
        count += 1
    return [*datagrams, datagram()] if count else datagrams


def _encode(message: Message) -> bytes:
    addresses = (message.client.address, message.virtual.address, message.server.address)
    if len({address.version for address in addresses}) > 1:
        raise Malformed("a sync message has addresses of one family only")
    if not 1 <= message.timeout <= PERSISTENCE_MAX:
        raise Malformed(f"{message.timeout} seconds: a sync message carries 1 to {PERSISTENCE_MAX}")
    if bool(message.engine) != bool(message.identity):
        raise Malformed("a persistence engine needs both its name and its data")
    kind = _V4 if message.address.version == 4 else _V6
    options = _option(_IDENTITY_OPTION, message.identity) + _option(_ENGINE_OPTION, _name(message.engine))
    try:
        head = _CONNECTION.pack(
            kind,
            message.protocol,
            _SIZES[kind] + len(options),
            message.flags,
            message.state,
            message.client.port,
            message.virtual.port,
            message.server.port,
            message.mark,
            message.timeout,
        )
    except struct.error as problem:
        raise Malformed(f"a number does not fit into a sync message: {problem}") from None
    return head + b"".join(address.packed for address in addresses) + options


def _name(engine: str) -> bytes:
    try:
        return engine.encode()
    except UnicodeEncodeError:
        raise Malformed("the name of a persistence engine is text") from None


def _option(kind: int, text: bytes) -> bytes:
    if len(text) > 255:
        raise Malformed("what a persistence engine knows clients by is at most 255 bytes long")
    return bytes((kind, len(text))) + text if text else b""
