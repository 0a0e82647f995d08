"""What the commands that edit want changed: from words and the present director to changes."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from lvstui.commands import mark_wishes, targets
from lvstui.commands.status import Failure, Status
from lvstui.core import fields, staging, sysctls
from lvstui.core.attributes import DAEMON, SERVER, SERVICE, TIMEOUTS
from lvstui.core.change import (
    Change,
    DirectorField,
    change_daemon,
    change_server,
    change_service,
    change_sysctl,
    change_timeouts,
    remove_pool,
)
from lvstui.core.fields import FieldError, visible
from lvstui.core.model import Address, Director, RealServer, Service, ServiceKey, SyncDaemon, SysctlKey, Timeouts
from lvstui.core.observed import MachineKey
from lvstui.core.services.row import machines

_SETTINGS: Final = ("timeouts", "sysctl", "director", "sync")
"""First words that mean no service; a service of that name is meant by its notation."""


def changes(options: Namespace, director: Director, profile: Director) -> tuple[Change, ...]:
    """Return the changes that a command asks for, none where it is so already.

    A setting that is set to what it is becomes one that the profile manages. Raises `Failure` and `FieldError`.
    """
    wanted = _WISHES[options.command](options, director)
    return tuple(change for change in wanted if change is not None and _is_news(change, profile))


def _is_news(change: Change, profile: Director) -> bool:
    if isinstance(change.target, SysctlKey) and change.target.name not in profile.sysctl:
        return True
    return change.before != change.after


def _set(options: Namespace, director: Director) -> Sequence[Change | None]:
    what = options.what
    second, values = targets.split(options.words)
    if not values:
        raise Failure("say what to set as FIELD=VALUE, such as weight=3", Status.USAGE)
    if what in _SETTINGS:
        return _set_setting(what, second, values, director)
    pool = targets.pool(what, director)
    if second is None:
        return [change_service(pool.service, SERVICE.assign(pool.service, values))]
    server = targets.server(second, pool)
    return [change_server(pool.service.key, server, SERVER.assign(server, values))]


def _set_setting(what: str, second: str | None, values: Mapping[str, str], director: Director) -> list[Change | None]:
    if what == "sync":
        daemon = _daemon(second, director)
        return [change_daemon(daemon, DAEMON.assign(daemon, values))]
    if second is not None:
        raise Failure(f'"{visible(second)}" is one word too many; write values as FIELD=VALUE', Status.USAGE)
    if what == "timeouts":
        held = director.timeouts
        return [change_timeouts(held, TIMEOUTS.assign(held or Timeouts(), values))]
    if what == "sysctl":
        return [_sysctl(name, text, director) for name, text in values.items()]
    if values.keys() != {"name"}:
        raise FieldError(next(field for field in values if field != "name"), "is no field of the director; name is")
    return [Change(DirectorField.NAME, director.name, fields.label("name", values["name"]))]


def _sysctl(name: str, text: str, director: Director) -> Change:
    held = director.sysctl.get(sysctls.name(name))
    if held is None:
        raise Failure(f"this kernel has no setting net.ipv4.vs.{name}; `lvstui show director` lists them")
    return change_sysctl(name, held, sysctls.read(name, text))


def _daemon(role: str | None, director: Director) -> SyncDaemon:
    meant = fields.role(_needed(role, "write master or backup after sync"))
    daemon = director.daemons.get(meant)
    if daemon is None:
        word = fields.ROLE_WORDS[meant]
        raise Failure(f"no {word} daemon runs; `lvstui add sync {word} interface=...` starts one")
    return daemon


def _needed(word: str | None, remedy: str) -> str:
    if word is None:
        raise Failure(remedy, Status.USAGE)
    return word


def _add(options: Namespace, director: Director) -> Sequence[Change | None]:
    what = options.what
    second, values = targets.split(options.words)
    if what == "sync":
        role = fields.role(_needed(second, "write master or backup after sync"))
        if "interface" not in values:
            raise FieldError("interface", "is missing; write interface=eth0, the one to the other director")
        daemon = DAEMON.assign(SyncDaemon(role, ""), values)
        if role in director.daemons:
            raise Failure(f"a {fields.ROLE_WORDS[role]} daemon runs already; `lvstui set sync` edits it")
        return [change_daemon(None, daemon)]
    if second is None:
        return [change_service(None, SERVICE.assign(Service(fields.service(what)), values))]
    pool = targets.pool(what, director)
    server = SERVER.assign(RealServer(fields.server(second)), values)
    if "resume" not in values:
        server = replace(server, resume=None)  # weight 0 is no drain of a server that never had another
    return [change_server(pool.service.key, None, server)]


def _delete(options: Namespace, director: Director) -> Sequence[Change | None]:
    what = options.what
    second, values = targets.split(options.words)
    if values:
        raise Failure("delete takes no values; write the service, and the server if one is meant", Status.USAGE)
    if what == "sync":
        return [change_daemon(_daemon(second, director), None)]
    pool = targets.pool(what, director)
    if second is None:
        return list(remove_pool(pool))
    return [change_server(pool.service.key, targets.server(second, pool), None)]


def _servers(options: Namespace, director: Director) -> list[tuple[ServiceKey, RealServer]]:
    """Find the servers to drain or to restore."""
    if (options.machine is None) == (options.what is None):
        raise Failure(f"write {options.command} SERVICE SERVER, or --machine ADDRESS instead", Status.USAGE)
    if options.machine is not None:
        return _of_machine(fields.address("machine", options.machine), director)
    second, values = targets.split(options.words)
    if values:
        raise Failure(f"{options.command} takes no values; `lvstui set` does", Status.USAGE)
    pool = targets.pool(options.what, director)
    return [(pool.service.key, targets.server(_needed(second, "write the server after its service"), pool))]


def _of_machine(address: Address, director: Director) -> list[tuple[ServiceKey, RealServer]]:
    keys = machines(director).get(MachineKey(address), ())
    if not keys:
        raise Failure(f"no service has a server on {address}; `lvstui show` lists them")
    return [(key.service, director.pools[key.service].servers[key.endpoint]) for key in keys]


def _drain(options: Namespace, director: Director) -> Sequence[Change | None]:
    return [staging.set_weight(key, server, 0) for key, server in _servers(options, director)]


def _restore(options: Namespace, director: Director) -> Sequence[Change | None]:
    """Return drained servers to their weight; one that stood at 0 without a drain stays, unless it alone is meant."""
    wanted: list[Change | None] = []
    for key, server in _servers(options, director):
        if server.weight == 0 and server.resume is not None:
            wanted.append(staging.set_weight(key, server, server.resume))
        elif server.weight == 0 and options.machine is None:
            where = f"{fields.service_text(key)} {fields.server_text(server.endpoint)}"
            raise Failure(f"no weight is remembered for {where}; write `lvstui set {where} weight=...`")
    return wanted


_WISHES: Final[Mapping[str, Callable[[Namespace, Director], Sequence[Change | None]]]] = {
    "set": _set,
    "add": _add,
    "delete": _delete,
    "mark": mark_wishes.changes,
    "drain": _drain,
    "restore": _restore,
}
