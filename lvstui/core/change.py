"""An edit as a value: one `Change(target, before, after)` serves the form, the kernel write, the profile and undo.

`before` None is an addition, `after` None a removal, swapped is undo. The laws, tested on generated directors:
`fold(have, diff(have, want)) == want`; undoing the reversed changes restores the start; `diff(t, t)` is empty.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import TypeAlias, TypeVar, assert_never

from lvstui.core import sysctls
from lvstui.core.attributes import with_weight
from lvstui.core.model import (
    INT_MAX,
    AddressKey,
    Director,
    Endpoint,
    MarkGroup,
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


class DirectorField(Enum):
    """What a director has one of: its name and whether its daemons are managed (profile only), and its timeouts."""

    NAME = "name"
    TIMEOUTS = "timeouts"
    SYNC = "sync"


Target: TypeAlias = ServiceKey | ServerKey | MarkGroupKey | SyncRole | SysctlKey | DirectorField
"""What an edit is about, whatever becomes of it; a new key or endpoint is a removal and an addition."""

Value: TypeAlias = Service | RealServer | MarkGroup | SyncDaemon | Timeouts | str | bool

EMPTY = Director()

_T = TypeVar("_T")
_K = TypeVar("_K")
_V = TypeVar("_V", bound=Value)


@dataclass(frozen=True, slots=True)
class Change:
    """One object added, edited or removed; a removed service takes its servers with it.

    Of the timeouts and of a setting of net.ipv4.vs None says that the profile does not manage them.
    """

    target: Target
    before: Value | None
    after: Value | None

    def values(self, kind: type[_V]) -> tuple[_V | None, _V | None]:
        """Return before and after, None also for a value of another kind."""
        return (
            self.before if isinstance(self.before, kind) else None,
            self.after if isinstance(self.after, kind) else None,
        )


def change_service(before: Service | None, after: Service | None) -> Change:
    """Return the change of a service, without its servers."""
    return Change(_either(before, after).key, before, after)


def change_server(service: ServiceKey, before: RealServer | None, after: RealServer | None) -> Change:
    """Return the change of one real server of one service."""
    return Change(ServerKey(service, _either(before, after).endpoint), before, after)


def change_group(before: MarkGroup | None, after: MarkGroup | None) -> Change:
    """Return the change of the rules that set one firewall mark."""
    return Change(MarkGroupKey(_either(before, after).mark), before, after)


def change_daemon(before: SyncDaemon | None, after: SyncDaemon | None) -> Change:
    """Return the change that starts a sync daemon, restarts it with other options, or stops it."""
    return Change(_either(before, after).role, before, after)


def change_timeouts(before: Timeouts | None, after: Timeouts | None) -> Change:
    """Return the change of the timeouts of connections."""
    return Change(DirectorField.TIMEOUTS, before, after)


def change_sysctl(name: str, before: str | None, after: str | None) -> Change:
    """Return the change of a setting of net.ipv4.vs."""
    return Change(SysctlKey(name), before, after)


def _either(before: _T | None, after: _T | None) -> _T:
    value = before if after is None else after
    if value is None:
        raise ValueError("a change needs a before or an after")
    return value


def service_of(target: Target) -> ServiceKey | None:
    """Return the service that a target is or belongs to."""
    match target:
        case AddressKey() | MarkKey() as key:
            return key
        case ServerKey(key):
            return key
        case _:
            return None


def lookup(director: Director, target: Target) -> Value | None:
    """Return what a director holds of a target, None where it has no such object."""
    match target:
        case AddressKey() | MarkKey():
            pool = director.pools.get(target)
            return pool.service if pool else None
        case ServerKey(key, endpoint):
            pool = director.pools.get(key)
            return pool.servers.get(endpoint) if pool else None
        case MarkGroupKey(mark):
            return director.groups.get(mark)
        case SyncRole():
            return director.daemons.get(target)
        case SysctlKey(name):
            return director.sysctl.get(name)
        case DirectorField.NAME:
            return director.name
        case DirectorField.TIMEOUTS:
            return director.timeouts
        case DirectorField.SYNC:
            return director.sync is not None
        case _:
            assert_never(target)


def put(director: Director, target: Target, value: Value | None, seen: Director = EMPTY) -> Director:
    """Return the director with this value for a target, without the object where it is None.

    Total also on a profile that has drifted: where it lacks the service of a server, the service is first adopted,
    servers and all, from `seen`, the last reading. Raises `TypeError` for a value that the target cannot have.
    """
    match target, value:
        case (AddressKey() | MarkKey(), Service() | None) | (ServerKey(), RealServer() | None):
            return replace(director, pools=_fold_pools(director.pools, [(target, value)], seen))
        case MarkGroupKey(mark), MarkGroup() | None:
            return replace(director, marks=_with(director.groups, mark, value))
        case SyncRole() as role, SyncDaemon() | None:
            return replace(director, sync=_with(director.daemons, role, value))
        case SysctlKey(name), str() | None:
            return replace(director, sysctl=_with(director.sysctl, name, value))
        case DirectorField.NAME, str():
            return replace(director, name=value)
        case DirectorField.TIMEOUTS, Timeouts() | None:
            return replace(director, timeouts=value)
        case DirectorField.SYNC, bool():
            return replace(director, sync={} if value else None)
        case _:
            raise TypeError(f"{target} cannot be {value}")


def _fold_pools(
    pools: Mapping[ServiceKey, Pool], values: Iterable[tuple[Target, Value | None]], seen: Director
) -> dict[ServiceKey, Pool]:
    """Put values of services and servers into a copy of the pools, which thousands of them share."""
    folded = dict(pools)
    copied: dict[ServiceKey, dict[Endpoint, RealServer]] = {}
    for target, value in values:
        match target, value:
            case AddressKey() | MarkKey() as key, Service():
                folded[key] = Pool(value, folded[key].servers if key in folded else {})
            case AddressKey() | MarkKey() as key, None:
                folded.pop(key, None)
                copied.pop(key, None)
            case ServerKey(key, endpoint), RealServer() | None:
                if key not in copied:
                    pool = folded.get(key) or seen.pools.get(key) or Pool(Service(key))
                    copied[key] = dict(pool.servers)
                    folded[key] = replace(pool, servers=copied[key])
                _set(copied[key], endpoint, value)
            case _:
                raise TypeError(f"{target} cannot be {value}")
    return folded


def _with(mapping: Mapping[_K, _T], key: _K, value: _T | None) -> dict[_K, _T]:
    copy = dict(mapping)
    _set(copy, key, value)
    return copy


def _set(mapping: dict[_K, _T], key: _K, value: _T | None) -> None:
    """Set one entry of a mapping, or take it out where the value is None."""
    if value is None:
        mapping.pop(key, None)
    else:
        mapping[key] = value


def fold(director: Director, changes: Iterable[Change], seen: Director = EMPTY) -> Director:
    """Put the outcome of many changes into a director, in order; `seen` as for `put`."""
    on_pools: list[tuple[Target, Value | None]] = []
    for change in changes:
        if service_of(change.target) is None:
            director = put(director, change.target, change.after, seen)
        else:
            on_pools.append((change.target, change.after))
    return replace(director, pools=_fold_pools(director.pools, on_pools, seen)) if on_pools else director


def inverse(change: Change) -> Change:
    """Return the change that takes this one back."""
    return Change(change.target, change.after, change.before)


def undo(changes: Iterable[Change]) -> tuple[Change, ...]:
    """Return the changes that take these back, the last one first."""
    return tuple(inverse(change) for change in reversed(tuple(changes)))


def strip_profile_values(value: _T) -> _T:
    """Return a value without what lives in the profile only: as the kernel can hold it."""
    match value:
        case Service(name=name, note=note, probe=probe) if name or note or probe:
            return replace(value, name="", note="", probe=None)
        case RealServer(name=name, resume=resume) if name or resume is not None:
            return replace(value, name="", resume=None)
        case MarkGroup(name=name) if name:
            return replace(value, name="")
        case _:
            return value


def with_profile_values(value: _T, saved: _T | None) -> _T:
    """Return a value as the kernel holds it with what the profile keeps for it: name, note, probe, resume weight."""
    match value, saved:
        case Service(), Service(name=name, note=note, probe=probe) if name or note or probe:
            return replace(value, name=name, note=note, probe=probe)
        case RealServer(), RealServer(name=name, resume=resume) if name or resume is not None:
            return replace(value, name=name, resume=resume)
        case MarkGroup(), MarkGroup(name=name) if name:
            return replace(value, name=name)
        case _:
            return value


def name_as(change: Change, profile: Director) -> Change:
    """Return a change with the name, note, probe and resume weight that a profile keeps for its object, or none."""
    saved = lookup(profile, change.target)
    before, after = (with_profile_values(strip_profile_values(value), saved) for value in (change.before, change.after))
    return Change(change.target, before, after)


def kernel_writes(changes: Iterable[Change]) -> tuple[Change, ...]:
    """Reduce changes to the fewest that have to be written to the kernel.

    Names and notes fall away, and so does what is done to servers whose service is removed next: the kernel drops
    them with it. A sync daemon in between keeps them, as the kernel weighs its daemons against the servers it holds.
    """
    kept: list[Change] = []
    removed: set[ServiceKey] = set()
    for change in reversed([change for change in changes if changes_kernel(change)]):
        match change:
            case Change(AddressKey() | MarkKey() as key, _, None):
                removed.add(key)
            case Change(AddressKey() | MarkKey() as key, None, _):
                removed.discard(key)
            case Change(SyncRole()):
                removed.clear()
            case Change(ServerKey(key)) if key in removed:
                continue
            case _:
                pass
        kept.append(change)
    return tuple(reversed(kept))


def changes_in_effect(
    changes: Sequence[Change], writes: Sequence[Change], reached: int, refused: Collection[Change] = ()
) -> tuple[Change, ...]:
    """Return the changes that hold after the first `reached` of their `kernel_writes`: all up to the one that failed.

    Without those of them that were `refused`. What was done to servers whose service was removed afterwards is not
    among the writes, and holds with the removal.
    """
    if reached == len(writes) and not refused:
        return tuple(changes)
    before = changes if reached == len(writes) else changes[: changes.index(writes[reached])]
    missing = frozenset(refused)
    kept = [change for change in before if change not in missing]
    unwritten = set(kernel_writes(kept)).difference(writes[:reached])
    return tuple(change for change in kept if change not in unwritten)


def is_optional(target: Target) -> bool:
    """Return whether a profile may leave the target to the kernel: then None is "not managed", and no removal."""
    return target is DirectorField.TIMEOUTS or isinstance(target, SysctlKey)


def changes_kernel(change: Change) -> bool:
    """Return whether a change has to be written to the kernel; names and notes are the profile's alone."""
    if change.target in (DirectorField.NAME, DirectorField.SYNC):
        return False
    if is_optional(change.target):
        return change.after is not None
    return strip_profile_values(change.before) != strip_profile_values(change.after)


def starts_from_kernel(change: Change) -> bool:
    """Return whether `before` was seen in the kernel, and does not only say that the profile did not manage it."""
    return changes_kernel(change) and not (is_optional(change.target) and change.before is None)


def is_same(target: Target, value: Value | None, now: Value | None) -> bool:
    """Return whether `now` is this value of a target, as far as the kernel was not free to choose.

    It chooses a datagram length that was left to it, and moves automatic defences within their mode.
    """
    match target, value, now:
        case SysctlKey(name), str() | None, str() | None:
            return sysctls.same(name, value, now)
        case SyncRole(), SyncDaemon(max_length=0), SyncDaemon():
            return value == replace(now, max_length=0)
        case _:
            return value == now


def holds(target: Target, value: Value | None, now: Value | None) -> bool:
    """Return whether a kernel that holds `now` holds this value of a target, names and notes aside."""
    return is_same(target, strip_profile_values(value), now)


def set_weight(service: ServiceKey, server: RealServer, weight: int) -> Change | None:
    """Return the change to a weight (limited to 0..2^31-1) of a server as it is now; None where nothing changes."""
    after = with_weight(server, max(0, min(INT_MAX, weight)))
    return None if after == server else change_server(service, server, after)


def merge(staged: Sequence[Change], changes: Iterable[Change]) -> tuple[Change, ...]:
    """Add changes to those that are staged; what is done twice to one object becomes one change from its start.

    A removal goes to the end, behind what must be there before; what comes to nothing falls out. It comes to
    something that the profile manages a value from now on, even as it is.
    """
    merged = list(staged)
    for change in changes:
        at = next((at for at, earlier in enumerate(merged) if _leads_to(earlier, change)), None)
        if at is None:
            merged.append(change)
            continue
        first = merged.pop(at)
        before, after = first.before, change.after
        if before is None and is_optional(change.target):
            before = change.before  # the profile did not manage it, so it is here that the kernel's value was seen
        if isinstance(before, RealServer) and isinstance(after, RealServer) and after.weight == 0:
            # A drain goes back to the weight that the server has, not to one that was only staged.
            after = replace(after, resume=with_weight(before, 0).resume)
        if before != after or is_optional(change.target):
            merged.insert(len(merged) if after is None else at, Change(change.target, before, after))
    return tuple(merged)


def _leads_to(first: Change, then: Change) -> bool:
    """Return whether two changes of one object are one; what is removed and then added anew starts from nothing."""
    anew = first.after is None and not is_optional(first.target) and not isinstance(first.before, SyncDaemon)
    return first.target == then.target and not anew
