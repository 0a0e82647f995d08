"""IPVS over generic netlink: reads the whole table at the speed of the kernel and writes it change by change."""

from __future__ import annotations

import errno
import struct
import time
from collections.abc import Mapping

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
from lvstui.kernel.ipvs.session import Session, trouble, unreadable
from lvstui.kernel.ipvs.wire import Command
from lvstui.kernel.netlink.attributes import NATIVE
from lvstui.kernel.netlink.channel import Answer
from lvstui.kernel.port import KernelError, Refused
from lvstui.kernel.refusals import refused


class Netlink:
    """IPVS of one network namespace; None is the one that the process is in. To be used from one thread at a time."""

    def __init__(self, netns: str | None = None) -> None:
        self._session = Session(netns)
        self._table = Table()

    def close(self) -> None:
        """Close the socket; the next use would open another."""
        self._session.close()

    def read(self) -> Reading:
        """Read everything: services, servers, timeouts, daemons and all that is counted."""
        return self._session.call(self._read)

    def _read(self) -> Reading:
        info = wire.read_info(self._session.one(Command.GET_INFO))
        timeouts = self._timeouts()
        sync = self._daemons()
        services, servers = self._table.read(self._session.dump)
        director = self._table.director(timeouts, sync)
        return Reading(director, info, time.monotonic(), services, servers)

    def held(self, target: Target) -> Value | None:
        """Read one object, None where there is none."""
        try:
            return self._session.call(lambda: self._held(target))
        except (ValueError, OverflowError, struct.error):
            return None  # no message can name it, so the kernel cannot hold it

    def _held(self, target: Target) -> Value | None:
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
                    return self._timeouts()
                case SyncRole():
                    return self._daemons().get(target)
                case _:
                    return None
        except Answer as answer:
            if answer.code == errno.ESRCH:
                return None
            raise

    def _timeouts(self) -> Timeouts:
        return wire.read_timeouts(self._session.one(Command.GET_CONFIG))

    def _daemons(self) -> dict[SyncRole, SyncDaemon]:
        daemons = map(wire.read_daemon, self._session.every(Command.GET_DAEMON, wire.TOP_DAEMON))
        return {daemon.role: daemon for daemon in sorted(daemons, key=lambda daemon: daemon.role)}

    def write(self, change: Change) -> None:
        """Write one change. Raises `Refused` with nothing changed."""
        try:
            self._session.call(
                lambda: self._write(change), lambda answer: trouble(answer) or refused(change, answer.code)
            )
        except (ValueError, OverflowError, struct.error):
            raise refused(change, errno.EINVAL) from None

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
        if wanted is None:
            return
        try:
            self._session.do(Command.NEW_DAEMON, order)
        except Answer as answer:
            if before is None:
                raise
            refusal = refused(change, answer.code)
            try:
                self._session.do(Command.NEW_DAEMON, wire.daemon(before))
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
        self._session.order(Command.DEL_DAEMON, wire.daemon_role(role))
        if role in self._daemons():
            raise Refused(f"role: the kernel did not stop its {role.name.lower()} daemon; try again", "role")
        return daemon

    def daemons(self) -> Mapping[SyncRole, SyncDaemon]:
        """Read the sync daemons that run."""
        return self._session.call(self._daemons)

    def start(self, daemon: SyncDaemon) -> None:
        """Start a sync daemon. Raises `Refused`."""
        self.write(change_daemon(None, daemon))

    def stop(self, role: SyncRole) -> None:
        """Stop a sync daemon, also one that has barely started. Raises `Refused` where it goes on."""

        def stop() -> None:
            try:
                self._stop(role)
            except Answer as answer:
                if answer.code != errno.ESRCH:
                    raise

        self._session.call(stop)

    def zero(self, key: ServiceKey | None) -> None:
        """Zero the counters of one service with its servers, or all. Raises `Refused` for a missing service."""

        def refusal(answer: Answer) -> KernelError:
            if key is not None and answer.code == errno.ESRCH:
                return refused(change_service(Service(key), Service(key)), answer.code)
            return unreadable(answer)

        payload = b"" if key is None else wire.service_key(key)
        self._session.call(lambda: self._session.do(Command.ZERO, payload), refusal)
