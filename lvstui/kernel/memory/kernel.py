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

from lvstui.core import sysctls
from lvstui.core.change import (
    EMPTY,
    Change,
    DirectorName,
    ManageSync,
    MarkChange,
    ServerChange,
    ServiceChange,
    SyncChange,
    SysctlChange,
    TimeoutsChange,
    Value,
    bare,
    fold,
)
from lvstui.core.entries.sync_message import Message
from lvstui.core.model import (
    Director,
    Endpoint,
    Family,
    Pool,
    Service,
    ServiceKey,
    SyncDaemon,
    SyncRole,
    Timeouts,
)
from lvstui.core.observed import Info, Reading, Rule, ServerKey, ServerStats, Stats
from lvstui.kernel.causes import (
    TIMEOUT_MAX,
    engine_of,
    family_cause,
    mask_cause,
    name_cause,
    number_cause,
    sync_cause,
    sysctl_cause,
    threshold_cause,
    tunnel_cause,
    unicast,
)
from lvstui.kernel.memory.entries import Entries
from lvstui.kernel.memory.rules import Rulebook
from lvstui.kernel.memory.shares import by_cpu, whole
from lvstui.kernel.memory.traffic import Traffic
from lvstui.kernel.port import KernelError, NoRight, Piece, Refused
from lvstui.kernel.refusals import BACKUP_ONLY, ENGINES, MIXED, SCHEDULERS, refused

INTERFACES = ("eth0", "eth1", "lo")
"""The network interfaces of the machine that the memory kernel plays."""

DEFAULTS = {
    name: setting.default or "7883"
    for name, setting in sorted(sysctls.SETTINGS.items())
    if name not in ("conn_lfactor", "svc_lfactor", "est_cpulist", "est_nice")
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
    holds a sentence every write is refused with it.
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
        self.failure: KernelError | None = None
        self._director = _held_director(director)
        self._clock = clock
        self._traffic = Traffic() if traffic else None
        self._rulebook = Rulebook(foreign)
        self._entries = Entries()
        self._lock = Lock()
        self._still: tuple[Director, _Statistics] | None = None

    def read(self) -> Reading:
        """Read the whole director; it is the same object as before while nothing was written."""
        self._check()
        with self._lock:
            now = self._clock()
            if not self._traffic:
                self._entries.expire(self._director, now)
                self._traffic_moves()
            services, servers = self._statistics(now)
        total = whole(services.values())
        rules = self._rulebook.read(self._director, services)
        forwards = dict.fromkeys(Family, True)
        return Reading(self._director, _INFO, now, services, servers, total, by_cpu(total), rules, forwards)

    def held(self, change: Change) -> Value | None:
        """Read what the director holds where `change` would write."""
        self._check()
        match change:
            case ServiceChange():
                pool = self._director.pools.get(change.key)
                return pool.service if pool else None
            case ServerChange(key):
                pool = self._director.pools.get(key)
                return pool.servers.get(change.endpoint) if pool else None
            case MarkChange():
                return (self._director.marks or {}).get(change.mark)
            case TimeoutsChange():
                return self._director.timeouts
            case SyncChange():
                return (self._director.sync or {}).get(change.role)
            case SysctlChange(name, before):
                now = self._director.sysctl.get(name)
                return before if sysctls.same(name, now, before) else now
            case ManageSync() | DirectorName():
                return None
            case _:
                assert_never(change)

    def write(self, change: Change) -> None:
        """Make the director hold `change.after`, or raise what the kernel would raise."""
        self._check_write()
        errno = _errno(self._director, change)
        if errno != _OK:
            raise refused(change, errno)
        told = _as_held(self._director, change)
        if told is not None and self.held(told) != told.after:
            self._director = fold(self._director, (told,))

    def scan(self, *, engines: bool = False) -> Generator[Piece, None, None]:  # noqa: ARG002 - it shows both at once
        """Read the connection table; unlike a kernel's it stands still meanwhile."""
        self._check()
        with self._lock:
            now = self._clock()
            if self._traffic:
                self._entries.follow(self._director, self._statistics(now)[1], now)
            else:
                self._entries.expire(self._director, now)
            self._traffic_moves()
            pieces = list(self._entries.pieces(now))
        yield from pieces

    def tell(self, messages: Sequence[Message]) -> None:
        """Take what a sync daemon would be told."""
        self._check_write()
        if _families_mixed(self._director):
            raise Refused(MIXED, "server")
        if self._director.sysctl.get("backup_only", "0") != "0":
            raise Refused(BACKUP_ONLY, "backup_only")
        with self._lock:
            now = self._clock()
            if self._traffic:
                self._entries.follow(self._director, self._statistics(now)[1], now)
            self._entries.tell(messages, self._director, now)
            self._traffic_moves()

    def _traffic_moves(self) -> None:
        """Let the counters of entries follow what messages did."""
        gained = self._entries.gained()
        if self._traffic:
            self._traffic.move_entries(gained)
        elif gained:
            self._still = None

    def zero(self, key: ServiceKey | None) -> None:
        """Zero the counters of one service or of everything."""
        self._check_write()
        if key is not None and key not in self._director.pools:
            raise refused(ServiceChange(Service(key), Service(key)), codes.ESRCH)
        if self._traffic:
            self._traffic.advance(self._director, self._clock())
            self._traffic.zero(key)

    def flush(self) -> None:
        """Remove all services."""
        self._check_write()
        if self._director.pools:
            self._director = replace(self._director, pools={})

    def close(self) -> None:
        """Do nothing: there is nothing to let go of."""

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
        if self._still is None or self._still[0] is not self._director:
            self._still = self._director, _all_zero(self._director, self._entries.bound())
        return self._still[1]


def _all_zero(director: Director, bound: Mapping[ServerKey, int]) -> _Statistics:
    """Count nothing but the entries that were told."""
    services = dict.fromkeys(director.pools, Stats())
    servers = {
        key: {endpoint: ServerStats(sticky=bound.get(ServerKey(key, endpoint), 0)) for endpoint in pool.servers}
        for key, pool in director.pools.items()
    }
    return services, servers


def _held_director(director: Director) -> Director:
    """Give what a kernel would hold of a director: no names, but timeouts and datagram lengths."""
    return Director(
        pools={key: _held_pool(pool) for key, pool in director.pools.items()},
        timeouts=director.timeouts or Timeouts(),
        sync={role: _held_daemon(daemon) for role, daemon in (director.sync or {}).items()},
        sysctl={**DEFAULTS, **director.sysctl},
        marks={mark: bare(group) for mark, group in (director.marks or {}).items()},
    )


def _held_pool(pool: Pool) -> Pool:
    return Pool(bare(pool.service), {endpoint: bare(server) for endpoint, server in pool.servers.items()})


def _held_daemon(daemon: SyncDaemon) -> SyncDaemon:
    """Limit the length of a datagram as ip_vs_sync.c does; a length left out is taken from the interface's MTU."""
    headers = (40 if Family.of(daemon.group) is Family.IPV6 else 20) + 8
    least = _BACKUP_MIN if daemon.role is SyncRole.BACKUP else 1
    length = min(max(daemon.max_length, least), _DATAGRAM_MAX - headers) if daemon.max_length else _MTU - headers
    return replace(daemon, max_length=length)


def _as_held(director: Director, change: Change) -> Change | None:
    """Give the change as the kernel takes it, None where it has nothing to take."""
    match change:
        case ServiceChange(before, after):
            return ServiceChange(bare(before), bare(after))
        case ServerChange(key, server, other):
            return ServerChange(key, bare(server), bare(other))
        case MarkChange(group, changed):
            return MarkChange(bare(group), bare(changed))
        case TimeoutsChange(_, Timeouts() as new):
            old = director.timeouts or Timeouts()
            return TimeoutsChange(old, Timeouts(new.tcp or old.tcp, new.tcp_fin or old.tcp_fin, new.udp or old.udp))
        case SyncChange(daemon, new_daemon):
            return SyncChange(daemon, _held_daemon(new_daemon) if new_daemon else None)
        case SysctlChange(name, text, str() as new_text):
            return SysctlChange(name, text, _held_setting(name, new_text))
        case TimeoutsChange() | SysctlChange() | ManageSync() | DirectorName():
            return None
        case _:
            assert_never(change)


def _errno(director: Director, change: Change) -> int:
    """Tell the errno that the kernel answers to a change, 0 where it takes it."""
    match change:
        case ServiceChange():
            return _service_errno(director, change)
        case ServerChange():
            return _server_errno(director, change)
        case MarkChange(before):
            exists = change.mark in (director.marks or {})
            if before is None:
                return codes.EEXIST if exists else _OK
            return _OK if exists else codes.ENOENT
        case TimeoutsChange(_, Timeouts() as new):
            longest, shortest = max(new.tcp, new.tcp_fin, new.udp), min(new.tcp, new.tcp_fin, new.udp)
            return _OK if shortest >= 0 and longest <= TIMEOUT_MAX else codes.EINVAL
        case SyncChange():
            return _sync_errno(director, change)
        case SysctlChange(name, _, str() as text):
            return _sysctl_errno(director, name, text)
        case TimeoutsChange() | SysctlChange() | ManageSync() | DirectorName():
            return _OK
        case _:
            assert_never(change)


def _service_errno(director: Director, change: ServiceChange) -> int:
    service = change.after
    if service and (number_cause(service) or name_cause(service)):
        return codes.EINVAL
    exists = change.key in director.pools
    if change.before is None and exists:
        return codes.EEXIST
    if change.before is not None and not exists:
        return codes.ESRCH
    if service is None:
        return _OK
    if service.scheduler not in SCHEDULERS or engine_of(service) not in ENGINES:
        return codes.ENOENT
    return codes.EINVAL if mask_cause(service) else _OK


def _server_errno(director: Director, change: ServerChange) -> int:
    pool = director.pools.get(change.service)
    if pool is None:
        return codes.ESRCH
    exists = change.endpoint in pool.servers
    server = change.after
    if server is None:
        return _OK if exists else codes.ENOENT
    mixed = Family.of(change.endpoint.address) != change.service.family
    if number_cause(server) or family_cause(server, change.service.family) or (mixed and director.sync):
        return codes.EINVAL
    if threshold_cause(server):
        return codes.ERANGE
    if tunnel_cause(server):
        return codes.EINVAL
    if change.before is not None:
        return _OK if exists else codes.ENOENT
    if exists:
        return codes.EEXIST
    return _OK if unicast(change.endpoint.address) else codes.EINVAL


def _sync_errno(director: Director, change: SyncChange) -> int:
    runs = change.role in (director.sync or {})
    if change.before is not None and not runs:
        return codes.ESRCH
    daemon = change.after
    if daemon is None:
        return _OK
    if number_cause(daemon) or sync_cause(daemon) or _families_mixed(director):
        return codes.EINVAL
    if daemon.interface not in INTERFACES:
        return codes.ENODEV
    return codes.EEXIST if change.before is None and runs else _OK


def _sysctl_errno(director: Director, name: str, text: str) -> int:
    if name not in director.sysctl:
        return codes.ENOENT
    return codes.EINVAL if sysctl_cause(name, text) else _OK


def _held_setting(name: str, text: str) -> str:
    """Give a setting as the kernel keeps it: an automatic defence that nothing calls for is 1."""
    plain = sysctls.read(name, text)
    return "1" if sysctls.same(name, plain, "1") else plain


def _families_mixed(director: Director) -> bool:
    return any(
        Family.of(endpoint.address) != key.family for key, pool in director.pools.items() for endpoint in pool.servers
    )
