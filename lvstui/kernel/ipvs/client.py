"""IPVS over generic netlink: reads the whole table at the speed of the kernel and writes it change by change."""

from __future__ import annotations

import errno
import struct
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

from lvstui.core.change import Change, DirectorField, Target, Value, change_daemon, change_service
from lvstui.core.model import (
    AddressKey,
    MarkKey,
    RealServer,
    ServerKey,
    Service,
    ServiceKey,
    SyncDaemon,
    SyncRole,
    Timeouts,
)
from lvstui.core.observed import Reading
from lvstui.kernel.ipvs import wire
from lvstui.kernel.ipvs.dump import Table
from lvstui.kernel.ipvs.wire import Command
from lvstui.kernel.netlink.attributes import NATIVE
from lvstui.kernel.netlink.channel import ACK, DUMP, REQUEST, Answer, Datagram, Family, messages
from lvstui.kernel.port import NO_IPVS, KernelError, NoIpvs, NoRight, Refused
from lvstui.kernel.refusals import refused

NO_RIGHT = "the right to change IPVS is missing (CAP_NET_ADMIN): start lvstui as root, for example with sudo"

_T = TypeVar("_T")


class Netlink:
    """IPVS of one network namespace; None is the one that the process is in.

    To be used from one thread at a time. The socket is opened at the first use, and anew where the module was away.
    """

    def __init__(self, netns: str | None = None) -> None:
        self._netns = netns
        self._family: Family | None = None
        self._table = Table()

    def read(self) -> Reading:
        """Read everything: services, servers, timeouts, daemons and all that is counted."""
        try:
            return self._call(self._read)
        except Answer as answer:
            raise _unreadable(answer) from None

    def _read(self) -> Reading:
        info = wire.read_info(NATIVE.attributes(self._one(Command.GET_INFO)))
        timeouts = wire.read_timeouts(NATIVE.attributes(self._one(Command.GET_CONFIG)))
        sync = self._daemons()
        services, servers = self._table.read(self._dump)
        director = self._table.director(timeouts, sync)
        return Reading(director, info, time.monotonic(), services, servers)

    def held(self, target: Target) -> Value | None:
        """Read one object."""
        try:
            return self._call(lambda: self._held(target))
        except (ValueError, OverflowError, struct.error):
            return None  # no message can name it, so the kernel cannot hold it
        except Answer as answer:
            if answer.code == errno.ESRCH:
                return None
            raise _unreadable(answer) from None

    def _held(self, target: Target) -> Value | None:
        match target:
            case AddressKey() | MarkKey() as key:
                return self._service(key)
            case ServerKey(key, endpoint):
                return next((server for server in self._servers(key) if server.endpoint == endpoint), None)
            case DirectorField.TIMEOUTS:
                return wire.read_timeouts(NATIVE.attributes(self._one(Command.GET_CONFIG)))
            case SyncRole():
                return self._daemons().get(target)
            case _:
                return None

    def _service(self, key: ServiceKey) -> Service:
        found = NATIVE.attributes(self._one(Command.GET_SERVICE, wire.service_key(key)))
        return wire.read_service(NATIVE.attributes(found[wire.TOP_SERVICE]))

    def _servers(self, key: ServiceKey) -> Iterator[RealServer]:
        for message in self._messages(Command.GET_DEST, wire.service_key(key)):
            found = NATIVE.attributes(message)
            yield wire.read_server(NATIVE.attributes(found[wire.TOP_DEST]), key.family)

    def _daemons(self) -> dict[SyncRole, SyncDaemon]:
        tops = [NATIVE.attributes(message) for message in self._messages(Command.GET_DAEMON)]
        daemons = [wire.read_daemon(NATIVE.attributes(top[wire.TOP_DAEMON])) for top in tops]
        return {daemon.role: daemon for daemon in sorted(daemons, key=lambda daemon: daemon.role)}

    def write(self, change: Change) -> None:
        """Write one change. Raises `Refused` with nothing changed."""
        try:
            self._call(lambda: self._write(change))
        except (ValueError, OverflowError, struct.error):
            raise refused(change, errno.EINVAL) from None
        except Answer as answer:
            raise _unwritable(change, answer) from None

    def _write(self, change: Change) -> None:
        adds = change.before is None
        match change:
            case Change(AddressKey() | MarkKey() as key, _, None):
                self._do(Command.DEL_SERVICE, wire.service_key(key))
            case Change(_, _, Service() as service):
                self._do(Command.NEW_SERVICE if adds else Command.SET_SERVICE, wire.service(service))
            case Change(ServerKey(key, endpoint), _, None):
                self._do(Command.DEL_DEST, wire.service_key(key) + wire.endpoint(endpoint))
            case Change(ServerKey(key), _, RealServer() as server):
                self._do(Command.NEW_DEST if adds else Command.SET_DEST, wire.service_key(key) + wire.server(server))
            case Change(_, _, Timeouts() as timeouts):
                self._do(Command.SET_CONFIG, wire.timeouts(timeouts))
            case Change(SyncRole() as role):
                self._switch(change, role)
            case _:
                pass

    def _switch(self, change: Change, role: SyncRole) -> None:
        """Stop and start a daemon; where the kernel refuses the new options, start it as it was."""
        running, wanted = change.values(SyncDaemon)
        order = wire.daemon(wanted) if wanted else b""
        before = self._stop(role) if running else None
        if wanted is None:
            return
        try:
            self._do(Command.NEW_DAEMON, order)
        except Answer as answer:
            if before is None:
                raise
            refusal = refused(change, answer.code)
            try:
                self._do(Command.NEW_DAEMON, wire.daemon(before))
            except Answer:
                word = role.name.lower()
                raise KernelError(f"{refusal}; and the {word} daemon did not start as before: none runs now") from None
            raise refusal from None

    def _stop(self, role: SyncRole) -> SyncDaemon:
        """Stop a daemon without asking for an answer, look whether it has gone, and return what it was.

        When it is interrupted while it waits for a daemon that has barely started, the kernel stops that one but
        sends no answer at all, not even to those who asked for one.
        """
        daemon = self._daemons().get(role)
        if daemon is None:
            raise Answer(errno.ESRCH)
        self._open().send(Command.DEL_DAEMON, wire.daemon_role(role), REQUEST)
        if role in self._daemons():
            raise Refused(f"role: the kernel did not stop its {role.name.lower()} daemon; try again", "role")
        return daemon

    def daemons(self) -> Mapping[SyncRole, SyncDaemon]:
        """Read the sync daemons that run."""
        try:
            return self._call(self._daemons)
        except Answer as answer:
            raise _unreadable(answer) from None

    def start(self, daemon: SyncDaemon) -> None:
        """Start a sync daemon. Raises `Refused`."""
        self.write(change_daemon(None, daemon))

    def stop(self, role: SyncRole) -> None:
        """Stop a sync daemon, also one that has barely started. Raises `Refused` where it goes on."""
        try:
            self._call(lambda: self._stop(role))
        except Answer as answer:
            if answer.code != errno.ESRCH:
                raise _unreadable(answer) from None

    def zero(self, key: ServiceKey | None) -> None:
        """Zero the counters of one service with its servers, or all."""
        try:
            self._call(lambda: self._do(Command.ZERO, b"" if key is None else wire.service_key(key)))
        except Answer as answer:
            if key is not None and answer.code == errno.ESRCH:
                raise refused(change_service(Service(key), Service(key)), answer.code) from None
            raise _unreadable(answer) from None

    def close(self) -> None:
        """Close the socket; the next use would open another."""
        if self._family is not None:
            self._family.close()
            self._family = None

    def _one(self, command: Command, payload: bytes = b"") -> bytes:
        """Read one object."""
        message, *_ = self._messages(command, payload, REQUEST | ACK)
        return message

    def _do(self, command: Command, payload: bytes = b"") -> None:
        """Order something and wait until it is done."""
        self._messages(command, payload, REQUEST | ACK)

    def _messages(self, command: Command, payload: bytes = b"", flags: int = REQUEST | DUMP) -> list[bytes]:
        """Send a request and collect what the messages of the answer carry."""
        return list(messages(self._open().request(command, payload, flags)))

    def _dump(self, command: Command, payload: bytes) -> Iterable[Datagram]:
        return self._open().request(command, payload, REQUEST | DUMP)

    def _open(self) -> Family:
        if self._family is None:
            try:
                self._family = Family(wire.FAMILY_NAME, wire.FAMILY_VERSION, self._netns)
            except Answer as answer:
                raise NoIpvs(NO_IPVS) if answer.code == errno.ENOENT else _unreadable(answer) from None
            except OSError as problem:
                raise KernelError(f"no netlink socket to the kernel: {problem.strerror}") from problem
        return self._family

    def _call(self, work: Callable[[], _T]) -> _T:
        """Do something with the socket, and close one that would go on waiting for an answer."""
        try:
            try:
                return work()
            except Answer as answer:
                if answer.code == errno.ENOENT and self._moved():
                    return work()
                raise
        except (Answer, KernelError):
            raise
        except OSError as problem:
            self.close()
            raise KernelError(f"the kernel did not answer: {problem.strerror}") from problem
        except BaseException:
            self.close()
            raise

    def _moved(self) -> bool:
        """Return whether the module came back under another number. Raises `NoIpvs` where it stays away.

        ENOENT is the answer for a family that is not there, but also for a scheduler or a real server.
        """
        number = self._open().number
        self.close()
        return self._open().number != number


def _trouble(answer: Answer) -> KernelError | None:
    """Return what keeps us from all of IPVS, None for other refusals; a module on its way out says ENOPROTOOPT."""
    match answer.code:
        case errno.EPERM:
            return NoRight(NO_RIGHT)
        case errno.ENOPROTOOPT:
            return NoIpvs(NO_IPVS)
        case _:
            return None


def _unreadable(answer: Answer) -> KernelError:
    return _trouble(answer) or KernelError(f"the kernel did not let IPVS be read: {answer.strerror}")


def _unwritable(change: Change, answer: Answer) -> KernelError:
    return _trouble(answer) or refused(change, answer.code)
