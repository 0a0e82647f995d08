"""What a refusal of the kernel means: from the errno and the change that was written, the field and the remedy.

The errno alone says little (EINVAL serves a dozen mistakes), but together with the values that were written the cause
can be told. The causes are asked in the order in which net/netfilter/ipvs/ip_vs_ctl.c checks them.
"""

from __future__ import annotations

import errno as codes
import os

from lvstui.core.change import Change, DirectorField
from lvstui.core.fields import visible
from lvstui.core.model import (
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
from lvstui.kernel.causes import (
    Cause,
    address_cause,
    engine_of,
    family_cause,
    mask_cause,
    name_cause,
    number_cause,
    sync_cause,
    sysctl_cause,
    threshold_cause,
    timeout_cause,
    tunnel_cause,
    unicast,
)
from lvstui.kernel.port import Refused

SCHEDULERS = frozenset(
    ("rr", "wrr", "lc", "wlc", "lblc", "lblcr", "dh", "sh", "sed", "nq", "fo", "ovf", "mh", "twos", "none")
)
"""The schedulers of Linux; `none` is the kernel's word for a service that schedules nothing."""

ENGINES = frozenset({"", "sip"})
"""The persistence engines of Linux; empty is none."""


MIXED = (
    "the kernel starts no sync daemon while a service has real servers of another address family, so no entry can be "
    "edited; it ends when the entry does"
)

BACKUP_ONLY = (
    "backup_only is 1: for the milliseconds of an edit IPVS would pass every packet by; set it to 0 first, in the "
    "director view"
)


def refused(change: Change, errno: int) -> Refused:
    """Explain in one sentence why the kernel answered `errno` to `change`."""
    after = change.after
    match change.target:
        case AddressKey() | MarkKey():
            cause = _service(*change.values(Service), errno)
        case ServerKey(key):
            cause = _server(key, *change.values(RealServer), errno)
        case SyncRole() as role:
            cause = _sync(role, after if isinstance(after, SyncDaemon) else None, errno)
        case SysctlKey(name):
            cause = _sysctl(name, after if isinstance(after, str) else None, errno)
        case DirectorField.TIMEOUTS if errno == codes.EINVAL and isinstance(after, Timeouts):
            cause = timeout_cause(after)
        case _:
            cause = None
    field, sentence = cause or _unexpected(errno)
    return Refused(sentence, field)


def _unexpected(errno: int) -> Cause:
    name = codes.errorcode.get(errno, str(errno))
    return Cause("", f"the kernel refused the write: {os.strerror(errno)} ({name}); `dmesg` may say more")


def _service(before: Service | None, after: Service | None, errno: int) -> Cause | None:
    match errno, after:
        case codes.EEXIST, _:
            return Cause("service", "service: it already exists in the kernel; edit it instead of adding it")
        case codes.ESRCH, _:
            return Cause("service", "service: the kernel has no such service (any more); read again, or add it")
        case codes.EAFNOSUPPORT, _:
            return Cause("service", "service: the kernel does not know this address family; is IPv6 disabled?")
        case codes.ENOENT, Service():
            return _unknown_name(before, after)
        case codes.EINVAL, Service():
            return number_cause(after) or name_cause(after) or mask_cause(after) or _unbound_scheduler(after)
        case codes.ENOMEM, Service():
            return Cause(
                "scheduler", f"scheduler: not enough memory for the tables of {after.scheduler!r}; try another"
            )
        case _:
            return None


def _unknown_name(before: Service | None, after: Service) -> Cause:
    """Tell which name the kernel missed; it looks for the scheduler first and for the engine after it."""
    engine = engine_of(after)
    scheduler_is_new = before is None or before.scheduler != after.scheduler
    engine_is_new = engine != "" and (before is None or engine_of(before) != engine)
    if scheduler_is_new and after.scheduler not in SCHEDULERS:
        engine_is_new = False
    elif engine_is_new and engine not in ENGINES:
        scheduler_is_new = False
    if scheduler_is_new and engine_is_new:
        return Cause(
            "scheduler",
            f"scheduler, engine: this kernel lacks scheduler {after.scheduler!r} or persistence engine {engine!r}; "
            f"load ip_vs_{after.scheduler} and ip_vs_pe_{engine} with modprobe",
        )
    if engine_is_new:
        return Cause(
            "engine",
            f"engine: this kernel has no persistence engine {engine!r}; "
            f"correct the name (sip is the only one of Linux) or run `modprobe ip_vs_pe_{engine}`",
        )
    return Cause(
        "scheduler",
        f"scheduler: this kernel has no scheduler {after.scheduler!r}; "
        f"correct the name or run `modprobe ip_vs_{after.scheduler}`",
    )


def _unbound_scheduler(service: Service) -> Cause:
    return Cause(
        "scheduler",
        f"scheduler: {service.scheduler!r} could not take this service as it stands (mh needs servers whose weights "
        "differ by less than its table allows); give the servers smaller weights or take another scheduler",
    )


def _server(key: ServiceKey, before: RealServer | None, after: RealServer | None, errno: int) -> Cause | None:
    match errno, after:
        case codes.EEXIST, _:
            return Cause("server", "server: the service already has this real server; edit it instead of adding it")
        case codes.ESRCH, _:
            return Cause("service", "service: the kernel has no such service (any more); add the service first")
        case codes.ENOENT, _:
            return Cause("server", "server: the service has no such real server (any more); read again, or add it")
        case codes.EAFNOSUPPORT, _:
            return Cause("server", "server: the kernel does not know this address family; is IPv6 disabled?")
        case codes.ERANGE, RealServer() as server:
            return number_cause(server) or threshold_cause(server)
        case codes.EINVAL, RealServer() as server:
            return _invalid_server(key.family, server, adds=before is None)
        case _:
            return None


SYNC_RUNS = Cause(
    "server",
    "server: the kernel takes no real server of another address family while a sync daemon runs; "
    "stop the daemon, or give an address of the service's family",
)

MIXED_FAMILIES = Cause(
    "sync",
    "sync: the kernel starts no sync daemon while a service has real servers of another address family; "
    "remove those servers first",
)


def _invalid_server(family: Family, server: RealServer, *, adds: bool) -> Cause:
    if cause := number_cause(server) or family_cause(server, family) or tunnel_cause(server):
        return cause
    if adds and not unicast(server.endpoint.address):
        return address_cause(server.endpoint.address)
    if Family.of(server.endpoint.address) != family:
        return SYNC_RUNS
    if adds:
        return address_cause(server.endpoint.address)
    return Cause("weight", "weight: the scheduler cannot take this server as it stands; mh needs smaller weights")


def _sysctl(name: str, text: str | None, errno: int) -> Cause | None:
    shown = visible(name)
    match errno:
        case codes.ENOENT:
            return Cause(shown, f"{shown}: this kernel has no such setting in net.ipv4.vs; correct the name")
        case codes.EINVAL if text is not None:
            return sysctl_cause(name, text) or Cause(
                shown, f'{shown}: the kernel refuses "{visible(text)}" for it; give a value that it knows'
            )
        case codes.EPERM | codes.EACCES | codes.EROFS:
            return Cause(shown, f"{shown}: the kernel lets this setting be read only, here at least")
        case _:
            return None


def _sync(role: SyncRole, after: SyncDaemon | None, errno: int) -> Cause | None:
    word = role.name.lower()
    match errno, after:
        case codes.EEXIST, _:
            return Cause("role", f"role: a {word} daemon already runs; stop it first, or change that one")
        case codes.ESRCH, _:
            return Cause("role", f"role: no {word} daemon runs (any more); read again")
        case codes.ENODEV, SyncDaemon():
            return Cause(
                "interface",
                f"interface: there is no usable interface {after.interface!r}; `ip link` lists those that are",
            )
        case codes.EINVAL, SyncDaemon():
            return number_cause(after) or sync_cause(after) or MIXED_FAMILIES
        case codes.EADDRNOTAVAIL, SyncDaemon():
            return Cause("interface", f"interface: {after.interface!r} has no address to send from; give it one")
        case _:
            return None
