"""An edit as a value: one `Change(before, after)` serves the form, the kernel write, the profile, undo and drift.

`before` None is an addition, `after` None a removal, swapped is undo. The laws, tested on generated directors:
`reduce(apply, diff(have, want), have) == want`; undoing the reversed changes restores the start; `diff(t, t)` is
empty.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias, TypeVar, assert_never

from lvstui.core.model import (
    Director,
    Endpoint,
    MarkGroup,
    Pool,
    RealServer,
    Service,
    ServiceKey,
    SyncDaemon,
    SyncRole,
    Timeouts,
)

Value: TypeAlias = Service | RealServer | MarkGroup | Timeouts | SyncDaemon | str


@dataclass(frozen=True, slots=True)
class ServiceChange:
    """A service without its servers: added, edited or removed. A removal takes the servers with it."""

    before: Service | None
    after: Service | None

    @property
    def key(self) -> ServiceKey:
        """The service in question; the key itself never changes (that is a removal and an addition)."""
        return _either(self.before, self.after).key


@dataclass(frozen=True, slots=True)
class ServerChange:
    """One real server of one service: added, edited or removed."""

    service: ServiceKey
    before: RealServer | None
    after: RealServer | None

    @property
    def endpoint(self) -> Endpoint:
        """The real server in question; the endpoint itself never changes."""
        return _either(self.before, self.after).endpoint


@dataclass(frozen=True, slots=True)
class MarkChange:
    """The packets that get one firewall mark: their rules added, edited or removed."""

    before: MarkGroup | None
    after: MarkGroup | None

    @property
    def mark(self) -> int:
        """The mark in question; the mark itself never changes."""
        return _either(self.before, self.after).mark


@dataclass(frozen=True, slots=True)
class TimeoutsChange:
    """The director's connection timeouts; None stands for a profile that does not manage them."""

    before: Timeouts | None
    after: Timeouts | None


@dataclass(frozen=True, slots=True)
class SyncChange:
    """A sync daemon: started, restarted with other options, or stopped."""

    before: SyncDaemon | None
    after: SyncDaemon | None

    @property
    def role(self) -> SyncRole:
        """Which of the two daemons is meant."""
        return _either(self.before, self.after).role


@dataclass(frozen=True, slots=True)
class SysctlChange:
    """A setting of net.ipv4.vs, told by its last name; None stands for a profile that does not manage it."""

    name: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class ManageSync:
    """Whether the profile manages sync daemons at all; nothing that the kernel could hold."""

    before: bool
    after: bool


@dataclass(frozen=True, slots=True)
class DirectorName:
    """The director's own name, which lives in the profile only."""

    before: str
    after: str


Change: TypeAlias = (
    ServiceChange | ServerChange | MarkChange | TimeoutsChange | SyncChange | SysctlChange | ManageSync | DirectorName
)

EMPTY = Director()

_T = TypeVar("_T")
_K = TypeVar("_K")


def _either(before: _T | None, after: _T | None) -> _T:
    value = before if after is None else after
    if value is None:
        raise ValueError("a change needs a before or an after")
    return value


def inverse(change: Change) -> Change:
    """Give the change that takes this one back."""
    match change:
        case ServiceChange(before, after):
            return ServiceChange(after, before)
        case ServerChange(key, server, other):
            return ServerChange(key, other, server)
        case MarkChange(group, changed):
            return MarkChange(changed, group)
        case TimeoutsChange(timeouts, others):
            return TimeoutsChange(others, timeouts)
        case SyncChange(daemon, another):
            return SyncChange(another, daemon)
        case SysctlChange(name, value, another_value):
            return SysctlChange(name, another_value, value)
        case ManageSync(managed, manage):
            return ManageSync(manage, managed)
        case DirectorName(old_name, new_name):
            return DirectorName(new_name, old_name)
        case _:
            assert_never(change)


def theirs(change: Change, now: Value | None) -> Change:
    """Give what somebody else must have done: from what this change saw before it to what there is now."""
    match change, now:
        case ServiceChange(before, _), Service() | None:
            return ServiceChange(before, now)
        case ServerChange(key, server, _), RealServer() | None:
            return ServerChange(key, server, now)
        case MarkChange(group, _), MarkGroup() | None:
            return MarkChange(group, now)
        case TimeoutsChange(timeouts, _), Timeouts() | None:
            return TimeoutsChange(timeouts, now)
        case SyncChange(daemon, _), SyncDaemon() | None:
            return SyncChange(daemon, now)
        case SysctlChange(name, value, _), str() | None:
            return SysctlChange(name, value, now)
        case _:
            return change


def rebase(change: Change, now: Value | None) -> Change:
    """Give the change that leads to the same end from what there is now."""
    return inverse(theirs(inverse(change), now))


def undo(changes: Iterable[Change]) -> tuple[Change, ...]:
    """Give the changes that take these back, last one first."""
    return tuple(inverse(change) for change in reversed(tuple(changes)))


def apply(director: Director, change: Change, seen: Director = EMPTY) -> Director:
    """Fold one change into a director.

    Total also on a profile that has drifted: where it lacks the service of a server change, the service is first
    adopted, servers and all, from `seen`, the last reading.
    """
    match change:
        case ServiceChange(_, after):
            return replace(director, pools=_with_service(director.pools, change.key, after))
        case ServerChange(key, _, after):
            pool = director.pools.get(key) or seen.pools.get(key) or Pool(Service(key))
            servers = _with(pool.servers, change.endpoint, after)
            return replace(director, pools={**director.pools, key: replace(pool, servers=servers)})
        case MarkChange(_, after):
            return replace(director, marks=_with(director.marks or {}, change.mark, after))
        case TimeoutsChange(_, after):
            return replace(director, timeouts=after)
        case SyncChange(_, after):
            return replace(director, sync=_with(director.sync or {}, change.role, after))
        case SysctlChange(name, _, after):
            return replace(director, sysctl=_with(director.sysctl, name, after))
        case ManageSync(_, after):
            return replace(director, sync={} if after else None)
        case DirectorName(_, after):
            return replace(director, name=after)
        case _:
            assert_never(change)


def _with(mapping: Mapping[_K, _T], key: _K, value: _T | None) -> dict[_K, _T]:
    """Copy a mapping with one entry set, or taken out where the value is None."""
    copy = dict(mapping)
    if value is None:
        copy.pop(key, None)
    else:
        copy[key] = value
    return copy


def _with_service(
    pools: Mapping[ServiceKey, Pool], key: ServiceKey, service: Service | None
) -> Mapping[ServiceKey, Pool]:
    if service is None:
        return _with(pools, key, None)
    servers = pools[key].servers if key in pools else {}
    return _with(pools, key, Pool(service, servers))


def fold(director: Director, changes: Iterable[Change], seen: Director = EMPTY) -> Director:
    """Fold many changes into a director, in order."""
    for change in changes:
        director = apply(director, change, seen)
    return director


def diff(have: Director, want: Director) -> tuple[Change, ...]:
    """List the changes that lead from one director to another, in an order that a kernel can follow.

    Daemons stop first and start last (the kernel refuses servers of another family while one runs). In a pool
    servers are added before others are removed, so that no pool stands empty meanwhile. Packets are marked only while
    there is a service for them: rules go before services and come after them.
    """
    return tuple(_differences(have, want))


def _differences(have: Director, want: Director) -> Iterator[Change]:
    if have.name != want.name:
        yield DirectorName(have.name, want.name)
    have_sync, want_sync = have.sync or {}, want.sync or {}
    for role, daemon in have_sync.items():
        if role not in want_sync:
            yield SyncChange(daemon, None)
    if (have.sync is None) != (want.sync is None):
        yield ManageSync(have.sync is not None, want.sync is not None)
    if have.timeouts != want.timeouts:
        yield TimeoutsChange(have.timeouts, want.timeouts)
    for name in {**have.sysctl, **want.sysctl}:
        if have.sysctl.get(name) != want.sysctl.get(name):
            yield SysctlChange(name, have.sysctl.get(name), want.sysctl.get(name))
    have_marks, want_marks = have.marks or {}, want.marks or {}
    for mark, group in have_marks.items():
        if mark not in want_marks:
            yield MarkChange(group, None)
    for key, pool in have.pools.items():
        if key not in want.pools:
            yield from remove_pool(pool)
    for key, pool in want.pools.items():
        yield from _pool_differences(have.pools.get(key), pool)
    for mark, group in want_marks.items():
        if have_marks.get(mark) != group:
            yield MarkChange(have_marks.get(mark), group)
    for role, daemon in want_sync.items():
        if have_sync.get(role) != daemon:
            yield SyncChange(have_sync.get(role), daemon)


def remove_pool(pool: Pool) -> Iterator[Change]:
    """Give the changes that remove a service: its servers one by one, so that undo brings them back."""
    key = pool.service.key
    for server in pool.servers.values():
        yield ServerChange(key, server, None)
    yield ServiceChange(pool.service, None)


def _pool_differences(have: Pool | None, want: Pool) -> Iterator[Change]:
    if have is want:
        return
    key = want.service.key
    service = have.service if have else None
    servers: Mapping[Endpoint, RealServer] = have.servers if have else {}
    if service != want.service:
        yield ServiceChange(service, want.service)
    if servers == want.servers:
        return
    for endpoint, server in want.servers.items():
        if servers.get(endpoint) != server:
            yield ServerChange(key, servers.get(endpoint), server)
    for endpoint, server in servers.items():
        if endpoint not in want.servers:
            yield ServerChange(key, server, None)


def bare(value: _T) -> _T:
    """Strip what lives in the profile only, leaving what the kernel can hold."""
    match value:
        case Service(name=name, note=note) if name or note:
            return replace(value, name="", note="")
        case RealServer(name=name, resume=resume) if name or resume is not None:
            return replace(value, name="", resume=None)
        case MarkGroup(name=name) if name:
            return replace(value, name="")
        case _:
            return value


def kernel_writes(changes: Iterable[Change]) -> tuple[Change, ...]:
    """Reduce changes to the fewest that the kernel must be told.

    Names and notes fall away, and so does what is done to servers whose service is removed next: the kernel drops
    them with it. A sync daemon in between keeps them, as the kernel weighs its daemons against the servers it holds.
    """
    kept: list[Change] = []
    going: set[ServiceKey] = set()
    for change in reversed([change for change in changes if concerns_kernel(change)]):
        match change:
            case ServiceChange(_, None):
                going.add(change.key)
            case ServiceChange(None, _):
                going.discard(change.key)
            case SyncChange():
                going.clear()
            case ServerChange(key) if key in going:
                continue
            case _:
                pass
        kept.append(change)
    return tuple(reversed(kept))


def made(changes: Sequence[Change], writes: Sequence[Change], written: int) -> tuple[Change, ...]:
    """Tell which changes hold after the first so many of their `kernel_writes`: all up to the one that failed.

    What was done to servers whose service was removed afterwards is not among the writes, and holds with the removal.
    """
    if written == len(writes):
        return tuple(changes)
    told = writes[:written]
    kept: list[Change] = []
    gone: set[ServiceKey] = set()
    for change in reversed(changes[: changes.index(writes[written])]):
        match change:
            case ServiceChange(_, None) if change in told:
                gone.add(change.key)
            case ServiceChange(None, _):
                gone.discard(change.key)
            case ServerChange(key) if key in gone:
                kept.append(change)
                continue
            case _:
                pass
        if change in told or not concerns_kernel(change):
            kept.append(change)
    return tuple(reversed(kept))


def concerns_kernel(change: Change) -> bool:
    """Tell whether the kernel has to be told of a change; names and notes are the profile's alone."""
    match change:
        case ManageSync() | DirectorName():
            return False
        case TimeoutsChange(_, after) | SysctlChange(_, _, after):
            return after is not None
        case _:
            return bare(change.before) != bare(change.after)


def sees_kernel(change: Change) -> bool:
    """Tell whether `before` is what somebody saw in the kernel, and not that their profile did not manage it."""
    match change:
        case TimeoutsChange(None, _) | SysctlChange(_, None, _):
            return False
        case _:
            return concerns_kernel(change)


def still(before: Value | bool | None, now: Value | None) -> bool:
    """Tell whether the kernel holds what was seen; a datagram length that was left to it fits whatever it chose."""
    match before, now:
        case SyncDaemon(max_length=0), SyncDaemon():
            return before == replace(now, max_length=0)
        case _:
            return bare(before) == now
