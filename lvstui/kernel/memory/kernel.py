"""IPVS on a variable: the same port as the live kernel, for the demo and for the tests of everything above it.

It refuses what net/netfilter/ipvs/ip_vs_ctl.c refuses, in the same order, and takes silently what the kernel takes.
"""

from __future__ import annotations

import errno as codes
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import replace
from threading import Lock
from typing import assert_never

from lvstui.core import rules, sysctls
from lvstui.core.attributes import TIMEOUTS
from lvstui.core.change import (
    EMPTY,
    Change,
    DirectorField,
    Target,
    Value,
    change_service,
    is_optional,
    is_same,
    lookup,
    put,
    strip_profile_values,
)
from lvstui.core.entries.sync_message import Message
from lvstui.core.health.verdict import Trouble
from lvstui.core.model import (
    AddressKey,
    Director,
    Endpoint,
    Family,
    MarkGroupKey,
    MarkKey,
    Pool,
    RealServer,
    ServerKey,
    Service,
    ServiceKey,
    SyncDaemon,
    SyncRole,
    SysctlKey,
    Timeouts,
)
from lvstui.core.observed import NO_INFO, Info, Reading, Rule, ServerStats, Stats
from lvstui.core.offer import ENGINES, SCHEDULERS
from lvstui.core.packets.program import Program
from lvstui.core.probes.answer import Answer
from lvstui.core.probes.question import Question
from lvstui.kernel.memory.entries import Entries
from lvstui.kernel.memory.network import INTERFACES, MemoryNetwork
from lvstui.kernel.memory.probes import answer
from lvstui.kernel.memory.rules import Rulebook
from lvstui.kernel.memory.traffic import Traffic, by_cpu
from lvstui.kernel.port import KernelError, NoIpvs, NoRight, Piece, Refused
from lvstui.kernel.refusals import BACKUP_ONLY, MIXED, explain_refusal, unicast

DEFAULTS = {
    name: setting.default or "7883"
    for name, setting in sorted(sysctls.SETTINGS.items())
    if name not in ("conn_lfactor", "conn_max", "svc_lfactor", "est_cpulist", "est_nice")
}
"""The settings of net.ipv4.vs as Linux 6.1 has them, lblc and lblcr loaded."""

_INFO = Info("1.2.1", 4096)
_MTU = 1500
_DATAGRAM_MAX = 65535
_BACKUP_MIN = 1024
_OK = 0

_Statistics = tuple[Mapping[ServiceKey, Stats], Mapping[ServiceKey, Mapping[Endpoint, ServerStats]]]


class MemoryKernel:
    """A director in memory; `traffic` lets believable traffic flow over it, otherwise all counters stay zero.

    `foreign` are rules of the packet filter that somebody else wrote: they are read, and never written.

    While `failure` is set every method raises it (the module went away, the right is missing); while `read_only`
    holds a sentence every write is refused with it. `ajar` is why others can send messages about entries, too.
    """

    origin = "demo"
    schedulers = tuple(sorted(SCHEDULERS - {"none"}))
    interfaces = INTERFACES

    def __init__(
        self,
        director: Director = EMPTY,
        *,
        clock: Callable[[], float] = time.monotonic,
        traffic: bool = False,
        foreign: tuple[Rule, ...] = (),
    ) -> None:
        self.read_only = ""
        self.ajar = ""
        self.failure: KernelError | None = None
        self._director = _held_director(director)
        self._clock = clock
        self._traffic = Traffic() if traffic else None
        self._rulebook = Rulebook(foreign)
        self._foreign = foreign
        self._entries = Entries()
        self._lock = Lock()
        self._troubles: dict[ServerKey, Trouble] = {}
        self._steady: tuple[Director, _Statistics] | None = None

    @property
    def network(self) -> MemoryNetwork:
        """Return the network that fits the director as it is."""
        return MemoryNetwork(self._director, self._foreign)

    def read(self) -> Reading:
        """Read the whole director; it is the same object as before while nothing was written."""
        self._check()
        with self._lock:
            now = self._clock() if self._traffic else self._advance()
            services, servers = self._statistics(now)
        total = Stats(*map(sum, zip(*services.values(), strict=True)))
        rules = self._rulebook.read(self._director, services)
        forwards = dict.fromkeys(Family, True)
        return Reading(self._director, _INFO, now, services, servers, total, by_cpu(total), rules, forwards)

    def read_filter(self) -> Reading:
        """Read the rules and our groups, whether there is IPVS or not."""
        if self.failure is not None and not isinstance(self.failure, NoIpvs):
            raise self.failure
        rules = self._rulebook.read(self._director, {})
        director = Director(marks=self._director.marks)
        return Reading(director, NO_INFO, self._clock(), rules=rules, forwards=dict.fromkeys(Family, True))

    def program(self) -> Program:
        """Return the rules as a program."""
        return self._rulebook.program(self._director)

    def probe(self, question: Question) -> Answer:
        """Return what a server that serves answers, or one in trouble."""
        self._check()
        return answer(question, self._troubles.get(question.key))

    def lookup(self, target: Target) -> Value | None:
        """Read what the director holds of a target."""
        self._check()
        return None if target in (DirectorField.NAME, DirectorField.SYNC) else lookup(self._director, target)

    def write(self, change: Change) -> None:
        """Put `change.after` into the director. Raises what the kernel would raise."""
        self._check_write()
        errno = _errno(self._director, change)
        if errno != _OK:
            raise explain_refusal(change, errno)
        if change.target in (DirectorField.NAME, DirectorField.SYNC) or (
            is_optional(change.target) and change.after is None
        ):
            return
        after = _as_held(self._director, change)
        if not is_same(change.target, after, self.lookup(change.target)):
            self._director = put(self._director, change.target, after)

    def scan(self, *, engines: bool = False) -> Generator[Piece, None, None]:  # noqa: ARG002 - it shows both at once
        """Read the connection table; unlike a kernel's it stands still meanwhile."""
        self._check()
        with self._lock:
            pieces = list(self._entries.pieces(self._advance()))
        yield from pieces

    def stream(self, *, engines: bool = False) -> Generator[Piece, None, None]:
        """Read the connection table for somebody who keeps nothing of it."""
        return self.scan(engines=engines)

    def send_sync(self, messages: Sequence[Message]) -> str:
        """Take what would be sent to a sync daemon. Raises `Refused` where none can be started."""
        self._check_write()
        if self._director.mixed is not None:
            raise Refused(MIXED, "server")
        if self._director.sysctl.get("backup_only", "0") != "0":
            raise Refused(BACKUP_ONLY, "backup_only")
        with self._lock:
            self._advance(messages)
        return self.ajar

    def _advance(self, messages: Sequence[Message] = ()) -> float:
        """Bring entries and connections up to now, which is returned (seconds of our clock), and take messages."""
        now = self._clock()
        if self._traffic:
            self._entries.follow(self._director, self._statistics(now)[1], now)
        self._entries.take(messages, self._director, now)
        gained = self._entries.take_gained()
        if self._traffic:
            self._traffic.move_entries(gained)
        elif gained:
            self._steady = None
        return now

    def zero(self, key: ServiceKey | None) -> None:
        """Zero the counters of one service or of everything. Raises `Refused` for a missing service."""
        self._check_write()
        if key is not None and key not in self._director.pools:
            raise explain_refusal(change_service(Service(key), Service(key)), codes.ESRCH)
        if self._traffic:
            self._traffic.advance(self._director, self._clock())
            self._traffic.zero(key)

    def afflict(self, key: ServerKey, trouble: Trouble | None) -> None:
        """Let a real server stop serving its clients, or (None) serve them again."""
        if trouble is None:
            self._troubles.pop(key, None)
        else:
            self._troubles[key] = trouble
        if self._traffic:
            self._traffic.advance(self._director, self._clock())
            self._traffic.afflict(key, trouble)

    def close(self) -> None:
        """Do nothing: nothing is open."""

    def _check(self) -> None:
        if self.failure is not None:
            raise self.failure

    def _check_write(self) -> None:
        self._check()
        if self.read_only:
            raise NoRight(self.read_only)

    def _statistics(self, now: float) -> _Statistics:
        if self._traffic:
            return self._traffic.advance(self._director, now)
        if self._steady is None or self._steady[0] is not self._director:
            pools, bound = self._director.pools, self._entries.bound()
            servers = {
                key: {endpoint: ServerStats(sticky=bound.get(ServerKey(key, endpoint), 0)) for endpoint in pool.servers}
                for key, pool in pools.items()
            }
            self._steady = self._director, (dict.fromkeys(pools, Stats()), servers)
        return self._steady[1]


def _held_director(director: Director) -> Director:
    """Return what a kernel would hold of a director: no names, but timeouts and datagram lengths."""
    return Director(
        pools={
            key: Pool(
                strip_profile_values(pool.service),
                {endpoint: strip_profile_values(server) for endpoint, server in pool.servers.items()},
            )
            for key, pool in director.pools.items()
        },
        timeouts=director.timeouts or Timeouts(),
        sync={role: _held_daemon(daemon) for role, daemon in director.daemons.items()},
        sysctl={**DEFAULTS, **director.sysctl},
        marks={mark: strip_profile_values(group) for mark, group in director.groups.items()},
    )


def _held_daemon(daemon: SyncDaemon) -> SyncDaemon:
    """Limit the length of a datagram as ip_vs_sync.c does; a length left out is taken from the interface's MTU."""
    headers = (40 if Family.of(daemon.group) is Family.IPV6 else 20) + 8
    least = _BACKUP_MIN if daemon.role is SyncRole.BACKUP else 1
    length = min(max(daemon.max_length, least), _DATAGRAM_MAX - headers) if daemon.max_length else _MTU - headers
    return replace(daemon, max_length=length)


def _as_held(director: Director, change: Change) -> Value | None:
    """Return the value after a change as the kernel keeps it."""
    match change:
        case Change(_, _, Timeouts() as new):
            old = director.timeouts or Timeouts()
            return Timeouts(new.tcp or old.tcp, new.tcp_fin or old.tcp_fin, new.udp or old.udp)
        case Change(_, _, SyncDaemon() as daemon):
            return _held_daemon(daemon)
        case Change(SysctlKey(name), _, str() as text):
            plain = sysctls.read(name, text)
            return "1" if sysctls.same(name, plain, "1") else plain  # an automatic defence that nothing calls for is 1
        case _:
            return strip_profile_values(change.after)


def _errno(director: Director, change: Change) -> int:
    """Return the errno that the kernel answers to a change, 0 where it takes it."""
    match change.target:
        case AddressKey() | MarkKey() as key:
            return _service_errno(director, key, change)
        case ServerKey() as key:
            return _server_errno(director, key, change)
        case MarkGroupKey(mark):
            return _clash(change, mark in director.groups, codes.ENOENT)
        case SyncRole() as role:
            return _sync_errno(director, role, change)
        case SysctlKey(name):
            if not isinstance(change.after, str):
                return _OK
            if name not in director.sysctl:
                return codes.ENOENT
            return codes.EINVAL if rules.wrong_setting(name, change.after) else _OK
        case DirectorField():
            new = change.after
            seconds = [int(one.text(new)) for one in TIMEOUTS] if isinstance(new, Timeouts) else []
            return _OK if all(0 <= number <= rules.TIMEOUT_MAX for number in seconds) else codes.EINVAL
        case _:
            assert_never(change.target)


def _clash(change: Change, exists: bool, missing: int) -> int:
    """Return the errno for an object that is there already, or (`missing`) that is not there to be changed."""
    if change.before is None:
        return codes.EEXIST if exists else _OK
    return _OK if exists else missing


def _service_errno(director: Director, key: ServiceKey, change: Change) -> int:
    _, service = change.values(Service)
    if service and any(rules.misfits(service)):
        return codes.EINVAL
    clash = _clash(change, key in director.pools, codes.ESRCH)
    if clash or service is None:
        return clash
    if service.scheduler not in SCHEDULERS or service.engine not in ENGINES:
        return codes.ENOENT
    return codes.EINVAL if rules.wrong_mask(service) else _OK


def _server_errno(director: Director, key: ServerKey, change: Change) -> int:
    before, server = change.values(RealServer)
    pool = director.pools.get(key.service)
    if pool is None:
        return codes.ESRCH
    clash = _clash(change, key.endpoint in pool.servers, codes.ENOENT)
    if server is None:
        return clash
    mixed = Family.of(key.endpoint.address) != key.service.family
    misfit = any(rules.misfits(server)) or rules.wrong_family(server, key.service.family)
    if misfit or (mixed and director.sync):
        return codes.EINVAL
    if rules.wrong_thresholds(server):
        return codes.ERANGE
    if rules.wrong_tunnel(server):
        return codes.EINVAL
    return clash or (codes.EINVAL if before is None and not unicast(key.endpoint.address) else _OK)


def _sync_errno(director: Director, role: SyncRole, change: Change) -> int:
    _, daemon = change.values(SyncDaemon)
    clash = _clash(change, role in director.daemons, codes.ESRCH)
    if clash == codes.ESRCH or daemon is None:
        return clash
    if 0 <= daemon.max_length <= _DATAGRAM_MAX:
        daemon = replace(daemon, max_length=0)  # the kernel shortens what is too long for a datagram
    if any(rules.misfits(daemon)) or rules.wrong_group(daemon) or director.mixed is not None:
        return codes.EINVAL
    return clash if daemon.interface in INTERFACES else codes.ENODEV
