"""What a refusal of the kernel means: from the errno and the change that was written, the field and the remedy.

The errno alone says little (EINVAL serves a dozen mistakes), but together with the values that were written the cause
is known. What could be wrong is checked in the order in which net/netfilter/ipvs/ip_vs_ctl.c checks them.
"""

from __future__ import annotations

import errno as codes
import os
from ipaddress import IPv4Address, IPv6Address
from typing import assert_never

from lvstui.core import rules, sysctls
from lvstui.core.attributes import TIMEOUTS
from lvstui.core.change import Change, DirectorField
from lvstui.core.fields import visible
from lvstui.core.model import (
    Address,
    AddressKey,
    Family,
    MarkKey,
    RealServer,
    ServerKey,
    Service,
    ServiceKey,
    SyncDaemon,
    SyncRole,
    SysctlKey,
    Timeouts,
)
from lvstui.core.offer import ENGINES, SCHEDULERS
from lvstui.core.rules import Problem
from lvstui.kernel.port import Refused

MIXED = (
    "the kernel starts no sync daemon while a service has real servers of another address family, so no entry can be "
    "edited; it ends when the entry does"
)

BACKUP_ONLY = (
    "backup_only is 1: for the milliseconds of an edit IPVS would pass every packet by; set it to 0 first, in the "
    "director view"
)


def explain_refusal(change: Change, errno: int) -> Refused:
    """Explain in one sentence why the kernel answered `errno` to `change`."""
    after = change.after
    match change.target:
        case AddressKey() | MarkKey():
            problem = _service(*change.values(Service), errno)
        case ServerKey(key):
            problem = _server(key, *change.values(RealServer), errno)
        case SyncRole() as role:
            problem = _sync(role, after if isinstance(after, SyncDaemon) else None, errno)
        case SysctlKey(name):
            problem = _sysctl(name, after if isinstance(after, str) else None, errno)
        case DirectorField.TIMEOUTS if errno == codes.EINVAL and isinstance(after, Timeouts):
            problem = _timeouts(after)
        case _:
            problem = None
    if problem:
        return Refused(str(problem), problem.field)
    name = codes.errorcode.get(errno, str(errno))
    return Refused(f"the kernel refused the write: {os.strerror(errno)} ({name}); `dmesg` may say more")


def _service(before: Service | None, after: Service | None, errno: int) -> Problem | None:
    match errno, after:
        case codes.EEXIST, _:
            return rules.EXISTS
        case codes.ESRCH, _:
            return Problem("service", "the kernel has no such service (any more); read again, or add it")
        case codes.EAFNOSUPPORT, _:
            return Problem("service", "the kernel does not know this address family; is IPv6 disabled?")
        case codes.ENOENT, Service():
            return _unknown_name(before, after)
        case codes.EINVAL, Service():
            unbound = Problem(
                "scheduler",
                f"{after.scheduler!r} could not take this service as it stands (mh needs servers whose weights differ "
                "by less than its table allows); give the servers smaller weights or take another scheduler",
            )
            return next(rules.misfits(after), None) or rules.wrong_mask(after) or unbound
        case codes.ENOMEM, Service():
            return Problem("scheduler", f"not enough memory for the tables of {after.scheduler!r}; try another")
        case _:
            return None


def _unknown_name(before: Service | None, after: Service) -> Problem:
    """Return which name the kernel missed; it looks for the scheduler first and for the engine after it."""
    engine = after.engine
    scheduler_is_new = before is None or before.scheduler != after.scheduler
    engine_is_new = engine != "" and (before is None or before.engine != engine)
    if scheduler_is_new and after.scheduler not in SCHEDULERS:
        engine_is_new = False
    elif engine_is_new and engine not in ENGINES:
        scheduler_is_new = False
    if scheduler_is_new and engine_is_new:
        return Problem(
            "scheduler",
            f"this kernel lacks scheduler {after.scheduler!r} or persistence engine {engine!r}; "
            f"load ip_vs_{after.scheduler} and ip_vs_pe_{engine} with modprobe",
        )
    if engine_is_new:
        return Problem(
            "engine",
            f"this kernel has no persistence engine {engine!r}; "
            f"correct the name (sip is the only one of Linux) or run `modprobe ip_vs_pe_{engine}`",
        )
    return Problem(
        "scheduler",
        f"this kernel has no scheduler {after.scheduler!r}; correct the name or run `modprobe ip_vs_{after.scheduler}`",
    )


def _server(key: ServiceKey, before: RealServer | None, after: RealServer | None, errno: int) -> Problem | None:
    match errno, after:
        case codes.EEXIST, _:
            return rules.HAS_SERVER
        case codes.ESRCH, _:
            return Problem("service", "the kernel has no such service (any more); add the service first")
        case codes.ENOENT, _:
            return Problem("server", "the service has no such real server (any more); read again, or add it")
        case codes.EAFNOSUPPORT, _:
            return Problem("server", "the kernel does not know this address family; is IPv6 disabled?")
        case codes.ERANGE, RealServer() as server:
            return next(rules.misfits(server), None) or rules.wrong_thresholds(server)
        case codes.EINVAL, RealServer() as server:
            return _invalid_server(key.family, server, adds=before is None)
        case _:
            return None


def _invalid_server(family: Family, server: RealServer, *, adds: bool) -> Problem:
    address = server.endpoint.address
    problem = next(rules.misfits(server), None) or rules.wrong_family(server, family) or rules.wrong_tunnel(server)
    if problem:
        return problem
    if Family.of(address) != family and not (adds and not unicast(address)):
        return rules.SYNC_RUNS
    if adds:
        return rules.not_one_machine(address)
    return Problem("weight", "the scheduler cannot take this server as it stands; mh needs smaller weights")


_BROADCAST = IPv4Address("255.255.255.255")


def unicast(address: Address) -> bool:
    """Return whether an address alone, without a routing table, is one that the kernel accepts for a server."""
    match address:
        case IPv4Address():
            return not address.is_multicast and address != _BROADCAST and address.packed[0] != 0
        case IPv6Address():
            unusable = address.is_multicast or address.is_unspecified or address.is_link_local
            return not unusable and address.ipv4_mapped is None
        case _:
            assert_never(address)


def _timeouts(timeouts: Timeouts) -> Problem:
    """Return the problem of a negative timeout, or of the longest: the limit (INT_MAX / HZ) differs by kernel."""
    named = {one.name: int(one.text(timeouts)) for one in TIMEOUTS}
    field = next((name for name, seconds in named.items() if seconds < 0), None) or max(named, key=named.__getitem__)
    return rules.timeout_beyond(field, named[field])


def _sysctl(name: str, text: str | None, errno: int) -> Problem | None:
    shown = visible(name)
    match errno:
        case codes.ENOENT:
            others = sysctls.SETTINGS.keys() - {name}
            if len(others) < len(sysctls.SETTINGS):
                return Problem(shown, sysctls.absence(name, others, "this kernel"))
            return Problem(shown, "this kernel has no such setting in net.ipv4.vs; correct the name")
        case codes.EINVAL if text is not None:
            refused = f'the kernel refuses "{visible(text)}"; use a value that it accepts'
            return rules.wrong_setting(name, text) or Problem(shown, refused)
        case codes.EPERM | codes.EACCES | codes.EROFS:
            return Problem(shown, "the kernel lets this setting be read only, here at least")
        case _:
            return None


def _sync(role: SyncRole, after: SyncDaemon | None, errno: int) -> Problem | None:
    word = role.name.lower()
    match errno, after:
        case codes.EEXIST, _:
            return Problem("role", f"a {word} daemon already runs; stop it first, or change that one")
        case codes.ESRCH, _:
            return Problem("role", f"no {word} daemon runs (any more); read again")
        case codes.ENODEV, SyncDaemon():
            sentence = f"there is no usable interface {after.interface!r}; `ip link` lists those that are"
            return Problem("interface", sentence)
        case codes.EINVAL, SyncDaemon():
            return next(rules.misfits(after), None) or rules.wrong_group(after) or rules.families_mixed()
        case codes.EADDRINUSE, SyncDaemon():
            return Problem("port", f"port {after.port} is taken; `ss -lunp` shows by whom; take another one")
        case codes.EADDRNOTAVAIL, SyncDaemon():
            return Problem("interface", f"{after.interface!r} has no address to send from; give it one")
        case _:
            return None
