"""IPVS over generic netlink: reads the whole table at the speed of the kernel and writes it change by change."""

from __future__ import annotations

import errno
import struct
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypeVar

from lvstui.core.change import Change, DirectorField, Target, Value, change_service
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
from lvstui.kernel.ipvs.dump import PoolTable
from lvstui.kernel.ipvs.wire import Command
from lvstui.kernel.namespace import call_in
from lvstui.kernel.netlink.attributes import NATIVE, Attributes
from lvstui.kernel.netlink.channel import DUMP, REQUEST, Answer, Datagram, GenericFamily, messages
from lvstui.kernel.port import NO_IPVS, Garbled, KernelError, NoIpvs, NoRight, Refused
from lvstui.kernel.procfs.table import TABLE
from lvstui.kernel.refusals import explain_refusal

NO_RIGHT: Final = "the right to change IPVS is missing (CAP_NET_ADMIN): start lvstui as root, for example with sudo"

_UNWRITABLE: Final = (ValueError, OverflowError, struct.error)
"""What encoding raises for a value that has no place in a message."""

_T = TypeVar("_T")


class Netlink:
    """IPVS of one network namespace; None is the one that the process is in. To be used from one thread at a time.

    A question has the kernel load the module where it can, unless not `loads`.
    """

    def __init__(self, netns: str | None = None, *, loads: bool = True) -> None:
        self._session = _Session(netns, loads=loads)
        self._table = PoolTable()

    def close(self) -> None:
        """Close the socket; the next use would open another."""
        self._session.close()

    def read(self) -> Reading:
        """Read everything: services, servers, timeouts, daemons and all that is counted."""
        return self._session.call(self._read)

    def _read(self) -> Reading:
        info = wire.read_info(self._session.one(Command.GET_INFO))
        timeouts = wire.read_timeouts(self._session.one(Command.GET_CONFIG))
        sync = self._daemons()
        services, servers = self._table.read(self._session.dump)
        director = self._table.director(timeouts, sync)
        return Reading(director, info, time.monotonic(), services, servers)

    def lookup(self, target: Target) -> Value | None:
        """Read one object, None where there is none."""
        try:
            return self._session.call(lambda: self._lookup(target))
        except _UNWRITABLE:
            return None  # no message can name it, so the kernel cannot hold it

    def _lookup(self, target: Target) -> Value | None:
        try:
            match target:
                case AddressKey() | MarkKey() as key:
                    found = self._session.one(Command.GET_SERVICE, wire.service_key(key))
                    return wire.read_service(NATIVE.attributes(found[wire.TOP_SERVICE]))
                case ServerKey(key, endpoint):
                    rows = self._session.every(Command.GET_DEST, wire.TOP_DEST, wire.service_key(key))
                    servers = (wire.read_server(row, key.family) for row in rows)
                    return next((server for server in servers if server.endpoint == endpoint), None)
                case DirectorField.TIMEOUTS:
                    return wire.read_timeouts(self._session.one(Command.GET_CONFIG))
                case SyncRole():
                    return self._daemons().get(target)
                case _:
                    return None
        except Answer as answer:
            if answer.code == errno.ESRCH:
                return None
            raise

    def write(self, change: Change) -> None:
        """Write one change. Raises `Refused` with nothing changed."""
        try:
            self._session.call(
                lambda: self._write(change), lambda answer: _trouble(answer) or explain_refusal(change, answer.code)
            )
        except _UNWRITABLE:
            raise explain_refusal(change, errno.EINVAL) from None

    def _write(self, change: Change) -> None:
        adds = change.before is None
        match change:
            case Change(AddressKey() | MarkKey() as key, _, None):
                self._session.do(Command.DEL_SERVICE, wire.service_key(key))
            case Change(_, _, Service() as service):
                self._session.do(Command.NEW_SERVICE if adds else Command.SET_SERVICE, wire.service(service))
            case Change(ServerKey(key, endpoint), _, None):
                self._session.do(Command.DEL_DEST, wire.service_key(key) + wire.endpoint(endpoint))
            case Change(ServerKey(key), _, RealServer() as server):
                command = Command.NEW_DEST if adds else Command.SET_DEST
                self._session.do(command, wire.service_key(key) + wire.server(server))
            case Change(_, _, Timeouts() as timeouts):
                self._session.do(Command.SET_CONFIG, wire.timeouts(timeouts))
            case Change(SyncRole() as role):
                self._switch(change, role)
            case _:
                pass

    def _switch(self, change: Change, role: SyncRole) -> None:
        """Stop and start a daemon; where the kernel refuses the new options, start it as it was."""
        running, wanted = change.values(SyncDaemon)
        order = wire.daemon(wanted) if wanted else b""
        before = self._stop(role) if running else None
        if running and before is None:
            raise Answer(errno.ESRCH)
        if wanted is None:
            return
        try:
            self._session.do(Command.NEW_DAEMON, order)
        except Answer as answer:
            if before is None:
                raise
            refusal = explain_refusal(change, answer.code)
            try:
                self._session.do(Command.NEW_DAEMON, wire.daemon(before))
            except Answer:
                word = role.name.lower()
                raise KernelError(f"{refusal}; and the {word} daemon did not start as before: none runs now") from None
            raise refusal from None

    def daemons(self) -> Mapping[SyncRole, SyncDaemon]:
        """Read the sync daemons that run."""
        return self._session.call(self._daemons)

    def _daemons(self) -> dict[SyncRole, SyncDaemon]:
        daemons = map(wire.read_daemon, self._session.every(Command.GET_DAEMON, wire.TOP_DAEMON))
        return {daemon.role: daemon for daemon in sorted(daemons, key=lambda daemon: daemon.role)}

    def stop(self, role: SyncRole) -> None:
        """Stop a sync daemon, also one that has barely started. Raises `Refused` where it goes on."""
        self._session.call(lambda: self._stop(role))

    def _stop(self, role: SyncRole) -> SyncDaemon | None:
        """Stop a daemon without asking for an answer, look whether it has gone, and return what it was.

        When it is interrupted while it waits for a daemon that has barely started, the kernel stops that one but
        sends no answer at all, not even to those who asked for one.
        """
        daemon = self._daemons().get(role)
        if daemon is not None:
            self._session.order(Command.DEL_DAEMON, wire.daemon_role(role))
            if role in self._daemons():
                raise Refused(f"role: the kernel did not stop its {role.name.lower()} daemon; try again", "role")
        return daemon

    def zero(self, key: ServiceKey | None) -> None:
        """Zero the counters of one service with its servers, or all. Raises `Refused` for a missing service."""

        def refusal(answer: Answer) -> KernelError:
            if key is not None and answer.code == errno.ESRCH:
                return explain_refusal(change_service(Service(key), Service(key)), answer.code)
            return _unreadable(answer)

        payload = b"" if key is None else wire.service_key(key)
        self._session.call(lambda: self._session.do(Command.ZERO, payload), refusal)


def _unreadable(answer: Answer) -> KernelError:
    """Return what the refusal of a request that changes nothing means."""
    return _trouble(answer) or KernelError(f"the kernel did not let IPVS be read: {answer.strerror}")


def _trouble(answer: Answer) -> KernelError | None:
    """Return what keeps us from all of IPVS, None for other refusals; a module on its way out says ENOPROTOOPT."""
    match answer.code:
        case errno.EPERM:
            return NoRight(NO_RIGHT)
        case errno.ENOPROTOOPT:
            return NoIpvs(NO_IPVS)
        case _:
            return None


class _Session:
    """A socket that is opened at the first request, and anew where the module was away.

    Asking for it has the kernel load the module, unless not `loads`: then nobody asks while it is away. Requests raise
    `Answer` with the kernel's errno; they are sent within `call`, which turns it into a sentence.
    """

    def __init__(self, netns: str | None, *, loads: bool) -> None:
        self._netns = netns
        self._loads = loads
        self._family: GenericFamily | None = None

    def close(self) -> None:
        """Close the socket; the next request would open another."""
        if self._family is not None:
            self._family.close()
            self._family = None

    def call(self, work: Callable[[], _T], refusal: Callable[[Answer], KernelError] = _unreadable) -> _T:
        """Send the requests of `work`, once more where the module came back; close a socket that would go on waiting.

        Raises what `refusal` returns for the kernel's answer, or `KernelError` where there is none.
        """
        try:
            try:
                return work()
            except Answer as answer:
                if answer.code == errno.ENOENT and self._moved():
                    return work()
                raise
        except Answer as answer:
            raise refusal(answer) from None
        except Garbled as problem:
            raise Garbled(problem.detail, "IPVS") from problem
        except KernelError:
            raise
        except OSError as problem:
            self.close()
            raise KernelError(f"the kernel did not answer: {problem.strerror}") from problem
        except BaseException:
            self.close()
            raise

    def one(self, command: Command, payload: bytes = b"") -> Attributes:
        """Read one object."""
        message, *_ = (*messages(self._open().request(command, payload)), b"")
        return NATIVE.attributes(message)

    def every(self, command: Command, top: int, payload: bytes = b"") -> list[Attributes]:
        """Read all objects of a kind; `top` is the attribute around what is said of one."""
        tops = map(NATIVE.attributes, messages(self.dump(command, payload)))
        return [NATIVE.attributes(found[top]) for found in tops]

    def dump(self, command: Command, payload: bytes) -> Iterable[Datagram]:
        """Read all objects of a kind as they come."""
        return self._open().request(command, payload, REQUEST | DUMP)

    def do(self, command: Command, payload: bytes) -> None:
        """Order something and wait until it is done."""
        for _ in self._open().request(command, payload):
            pass

    def order(self, command: Command, payload: bytes) -> None:
        """Order something without waiting."""
        self._open().send(command, payload, REQUEST)

    def _open(self) -> GenericFamily:
        if self._family is None:
            if not self._loads and not call_in(self._netns, TABLE.exists):
                raise NoIpvs(NO_IPVS)
            try:
                self._family = GenericFamily(wire.FAMILY_NAME, wire.FAMILY_VERSION, self._netns)
            except Answer as answer:
                raise NoIpvs(NO_IPVS) if answer.code == errno.ENOENT else _unreadable(answer) from None
            except OSError as problem:
                raise KernelError(f"no netlink socket to the kernel: {problem.strerror}") from problem
        return self._family

    def _moved(self) -> bool:
        """Return whether the module came back under another number. Raises `NoIpvs` where it stays away.

        ENOENT is the answer for a family that is not there, but also for a scheduler or a real server.
        """
        number = self._open().number
        self.close()
        return self._open().number != number
