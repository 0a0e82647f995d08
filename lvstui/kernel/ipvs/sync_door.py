"""The sync door: messages to the kernel's own sync daemon, which create and change connections and entries.

Netlink has no command for a connection, but a backup daemon takes messages about them. One is started on the loopback
interface, used, and stopped within milliseconds; where the operator runs a backup daemon, that one is used, and left
as it is. The messages are those of version 1 (net/netfilter/ipvs/ip_vs_sync.c), as the kernel's own daemons send them.

Any user may send to a multicast group, and group and port are in /proc/net/udp for all to see. So before a daemon of
ours starts, the packet filter is made to let our socket alone send to them, until it has stopped.
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
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path
from typing import Final

from lvstui.core.change import change_daemon
from lvstui.core.entries.sync_message import Message
from lvstui.core.model import PERSISTENCE_MAX, SyncDaemon, SyncRole
from lvstui.kernel.ipvs.client import Netlink
from lvstui.kernel.lock import hold
from lvstui.kernel.namespace import call_in, counts_users_as_we_do
from lvstui.kernel.nft.filter import PacketFilter
from lvstui.kernel.nft.shutter import Passage
from lvstui.kernel.port import KernelError, Refused
from lvstui.kernel.refusals import BACKUP_ONLY, MIXED

LOOPBACK: Final = "lo"

_PRIVATE: Final = int(IPv4Address("239.0.0.0"))
_FIRST_PORT: Final = 20000
_PORTS: Final = 40000
_LENGTH: Final = 1433
"""The datagram length of our daemons: with group, id and port it makes them known for ours."""

_AJAR: Final = "for the milliseconds of an edit any user of this machine could change entries too: {}"

_TRIES: Final = 20
"""How many groups and ports are tried: any user may have taken many of the ports."""

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

_LOOKS: Final = 3
"""How often the list of sockets is read before the daemon's counts as missing.

The kernel hands out 32 lines or so at a time and goes on by their number (`udp_get_idx`, net/ipv4/udp.c): a socket
that is closed meanwhile makes it skip one.
"""

_UDP: Final = {4: Path("/proc/thread-self/net/udp"), 6: Path("/proc/thread-self/net/udp6")}


class _Taken(Exception):
    """Somebody has the port that a daemon was to have."""


class Door:
    """Sends messages about connections to IPVS in one network namespace, from the thread that uses `netlink`."""

    def __init__(self, netlink: Netlink, packet_filter: PacketFilter, netns: str | None = None) -> None:
        self._netlink = netlink
        self._filter = packet_filter
        self._netns = netns

    def send(self, messages: Sequence[Message], *, backup_only: bool) -> str:
        """Have the kernel take messages; `backup_only` is the setting of that name.

        Return why others could send some too meanwhile, empty where they could not. Raises `Refused` where no daemon
        can be started, with nothing changed.
        """
        return call_in(self._netns, lambda: self._send(messages, backup_only=backup_only)) if messages else ""

    def sweep(self) -> None:
        """Stop a daemon of ours that outlived its lvstui, unless another lvstui is using it just now."""
        with suppress(KernelError):  # it is shown then, and the next edit stops it or says why that cannot be done
            call_in(self._netns, self._sweep)

    def _sweep(self) -> None:
        with _alone(patience=0) as alone:
            if not alone:
                return
            running = self._netlink.daemons().get(SyncRole.BACKUP)
            if running is not None and is_ours(running):
                self._stop()
            self._filter.reopen()

    def _send(self, messages: Sequence[Message], *, backup_only: bool) -> str:
        with _alone():
            running = self._netlink.daemons().get(SyncRole.BACKUP)
            if running is not None and not is_ours(running):
                with _explained(running), _sender(running) as sender:
                    _deliver(messages, running, sender)
                return ""
            if running is not None:
                self._stop()
            if backup_only:
                raise Refused(BACKUP_ONLY, "backup_only")
            for _ in range(_TRIES):
                with suppress(_Taken):
                    return self._send_through(_unforeseen(), messages)
            ports = f"{_FIRST_PORT} to {_FIRST_PORT + _PORTS - 1}"
            raise Refused(f"somebody has taken too many of the UDP ports {ports}; `ss -lunp` shows who")

    def _send_through(self, daemon: SyncDaemon, messages: Sequence[Message]) -> str:
        """Send messages through a daemon of ours; return why others could send some too meanwhile."""
        with (
            _explained(daemon),
            _sender(daemon) as sender,
            self._filter.only(_passage(daemon, sender)) as reason,
            self._running(daemon),
        ):
            _deliver(messages, daemon, sender)
        return _AJAR.format(reason) if reason else ""

    @contextmanager
    def _running(self, daemon: SyncDaemon) -> Iterator[None]:
        """Run a daemon of ours for as short a time as it takes."""
        try:
            self._netlink.write(change_daemon(None, daemon))
        except Refused as refusal:
            raise (_Taken() if refusal.field == "port" else Refused(MIXED, "server")) from refusal
        try:
            yield
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


@contextmanager
def _alone(patience: float = _PATIENCE) -> Iterator[bool]:
    """Hold the lock that only one lvstui at a time can have; without patience, yield whether we got it."""
    with hold(patience) as holder:
        if holder and patience:
            raise KernelError(f"another lvstui ({holder}) is editing entries at this moment; try again")
        yield not holder


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


def _unforeseen() -> SyncDaemon:
    """Return a daemon whose group, port and id nobody can foresee."""
    group, number = _PRIVATE | secrets.randbits(24), secrets.randbelow(256)
    port = _port(group, number)
    return SyncDaemon(SyncRole.BACKUP, LOOPBACK, number, _LENGTH, IPv4Address(group), port)


def _passage(daemon: SyncDaemon, sender: socket.socket) -> Passage:
    """Describe who alone is to reach a daemon of ours."""
    sender.bind(("", 0))
    uid = os.geteuid() if counts_users_as_we_do() else None
    return Passage(IPv4Address(int(daemon.group)), daemon.port, sender.getsockname()[1], uid)


def _deliver(messages: Sequence[Message], daemon: SyncDaemon, sender: socket.socket) -> None:
    """Send messages to a daemon of this namespace, and wait until it has taken them all.

    Where a burst was too much for its socket, it is sent once more, a datagram at a time: the same again does no harm.
    """
    try:
        datagrams = encode(messages, daemon.id, min(daemon.max_length or _LENGTH, _LENGTH))
    except Malformed as flaw:
        raise Refused(str(flaw)) from None
    with _listener(daemon) as echo:
        line = _Line(daemon, sender, echo)
        for start in range(0, len(datagrams), _BURST):
            burst = datagrams[start : start + _BURST]
            if not line.say(burst) and not all(line.say([datagram]) for datagram in burst):
                raise KernelError("the kernel had no room for the messages to its sync daemon; try again")


@contextmanager
def _explained(daemon: SyncDaemon) -> Iterator[None]:
    """Say what is wrong where no socket reaches a daemon's interface."""
    try:
        yield
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

    def say(self, burst: Sequence[bytes]) -> bool:
        """Send some datagrams, wait until they are taken, and return whether none was lost.

        On a busy machine a datagram is under way for a while, when the daemon's queue is still as empty as afterwards:
        only once the copies have come to our own socket does an empty queue mean that the daemon has had them.
        """
        _, dropped = self._queue()
        for datagram in burst:
            self.sender.sendto(datagram, _address(self.daemon))
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

        A line of /proc/net/udp reads `sl: ADDRESS:PORT remote st tx:rx … uid timeout inode … drops`. Any user may have
        a socket at the same address and port; that of the daemon belongs to who started it.
        """
        group, ours = self.daemon.group, str(os.fstat(self.echo.fileno()).st_ino)
        trusted = {"0", str(os.geteuid())}
        parts = [group.packed[place : place + 4] for place in range(0, len(group.packed), 4)]
        address = b"".join(part[::-1] if _LITTLE else part for part in parts).hex().upper()
        for _ in range(_LOOKS):
            for line in _UDP[group.version].read_text().splitlines()[1:]:
                fields = line.split()
                there = fields[1] == f"{address}:{self.daemon.port:04X}"
                if there and fields[7] in trusted and fields[9] != ours:
                    return int(fields[4].partition(":")[2], 16), int(fields[-1])
        raise KernelError("the kernel's sync daemon listens nowhere; it may just have been stopped")


def _address(daemon: SyncDaemon) -> tuple[str, int] | tuple[str, int, int, int]:
    """Return where a daemon listens, as sockets name it."""
    group, port = str(daemon.group), daemon.port
    return (group, port) if daemon.group.version == 4 else (group, port, 0, socket.if_nametoindex(daemon.interface))


def _socket(daemon: SyncDaemon) -> socket.socket:
    return socket.socket(socket.AF_INET if daemon.group.version == 4 else socket.AF_INET6, socket.SOCK_DGRAM)


@contextmanager
def _sender(daemon: SyncDaemon) -> Iterator[socket.socket]:
    """Open a socket whose datagrams reach daemons on this machine and never a wire."""
    index = socket.if_nametoindex(daemon.interface)
    with _socket(daemon) as sender:
        if daemon.group.version == 4:
            sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, struct.pack("=4s4si", b"", b"", index))
            sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 0)
            sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 1)
        else:
            sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
            sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 0)
            sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_LOOP, 1)
        yield sender


@contextmanager
def _listener(daemon: SyncDaemon) -> Iterator[socket.socket]:
    """Open a socket that gets a copy of whatever the daemon gets."""
    group, index = daemon.group.packed, socket.if_nametoindex(daemon.interface)
    with _socket(daemon) as echo:
        echo.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        echo.settimeout(_PATIENCE)
        echo.bind(_address(daemon))
        if daemon.group.version == 4:
            echo.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group + struct.pack("=4si", b"", index))
        else:
            echo.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, group + struct.pack("=i", index))
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
