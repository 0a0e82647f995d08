"""The changes that a command asks for: set, add, delete, mark, drain and restore."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from lvstui.commands.naming import ASSIGNMENT, find_pool, find_server, split_words
from lvstui.commands.place import Failure, Status, complain
from lvstui.core import fields, sysctls
from lvstui.core.attributes import DAEMON, SERVER, SERVICE, TIMEOUTS, with_weight
from lvstui.core.change import (
    Change,
    DirectorField,
    change_daemon,
    change_server,
    change_service,
    change_sysctl,
    change_timeouts,
    set_weight,
)
from lvstui.core.drift import remove_pool
from lvstui.core.fields import FieldError, quote, visible
from lvstui.core.model import (
    INT_MAX,
    AddressKey,
    Director,
    Endpoint,
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
from lvstui.core.new_server import NewServer
from lvstui.core.observed import MachineKey
from lvstui.core.words import did_you_mean

_SETTINGS: Final = ("timeouts", "sysctl", "director", "sync")
"""First words that mean no service; a service of that name is meant by its notation."""


def requested_changes(options: Namespace, director: Director, profile: Director) -> tuple[Change, ...]:
    """Return the changes that a command asks for, none where it is so already.

    A setting that is set to what it is becomes one that the profile manages. Raises `Failure` and `FieldError`.
    """
    wanted = _BY_COMMAND[options.command](options, director)
    found = []
    for change in wanted:
        if change is None:
            continue
        unmanaged = isinstance(change.target, SysctlKey) and change.target.name not in profile.sysctl
        if unmanaged or change.before != change.after:
            found.append(change)
    return tuple(found)


def _set(options: Namespace, director: Director) -> Sequence[Change | None]:
    what = options.what
    second, values = _split(options.words)
    if not values:
        raise Failure(_how_to_set(what), Status.USAGE)
    if what in _SETTINGS:
        return _set_setting(what, second, values, director)
    pool = find_pool(what, director)
    if second is None:
        return [change_service(pool.service, _assigned(pool.service, what, values))]
    server = find_server(second, pool)
    return [change_server(pool.service.key, server, SERVER.assign(_weighed(server, values), values))]


def _assigned(service: Service, what: str, values: Mapping[str, str]) -> Service:
    """Set attributes of a service; raises `FieldError`, also for those that only its real servers have."""
    own = {attribute.name for attribute in SERVER} - {attribute.name for attribute in SERVICE}
    for name in own.intersection(values):
        raise FieldError(name, f"is a field of real servers; write lvstui set {visible(what)} SERVER {name}=...")
    return SERVICE.assign(service, values)


def _weighed(server: RealServer, values: dict[str, str]) -> RealServer:
    """Take a weight that starts from the one there is (`+2`, `50%`, `*1.5`, `drain`) out of values, and apply it."""
    text = values.get("weight", "")
    if not text or text.strip().isdigit():
        return server
    from lvstui.core.weights import weight_rule

    weight = weight_rule(values.pop("weight"))(server, server.weight)
    if weight is None:
        where = fields.server_text(server.endpoint)
        complain(f"{where} has weight 0 and keeps it; write weight=N, or `lvstui restore`")
        return server
    return with_weight(server, max(0, min(INT_MAX, weight)))


def _how_to_set(what: str) -> str:
    """Return what is missing: values, or the blank in `timeouts.tcp=800`."""
    setting, dot, rest = what.partition(".")
    if dot and "=" in rest and setting in _SETTINGS:
        return f"write the field behind a blank: lvstui set {setting} {visible(rest)}"
    if ASSIGNMENT.fullmatch(what):
        return f"say first what to set {visible(what)} on: a service, a service and its server, or a setting"
    return "say what to set as FIELD=VALUE, such as weight=3"


def _set_setting(what: str, second: str | None, values: Mapping[str, str], director: Director) -> list[Change | None]:
    if what == "sync":
        daemon = _daemon(second, director)
        return [change_daemon(daemon, DAEMON.assign(daemon, values))]
    if second is not None:
        raise Failure(f"{quote(second)} is one word too many; write values as FIELD=VALUE", Status.USAGE)
    if what == "timeouts":
        held = director.timeouts
        return [change_timeouts(held, TIMEOUTS.assign(held or Timeouts(), values))]
    if what == "sysctl":
        changes: list[Change | None] = []
        for name, text in values.items():
            present = director.sysctl.get(sysctls.name(name))
            if present is None:
                hint = did_you_mean(name, director.sysctl) or "`lvstui show director` lists them"
                raise Failure(f"this kernel has no setting net.ipv4.vs.{name}; {hint}")
            changes.append(change_sysctl(name, present, sysctls.read(name, text)))
        return changes
    if values.keys() != {"name"}:
        raise FieldError(next(field for field in values if field != "name"), "is no field of the director; use name")
    return [Change(DirectorField.NAME, director.name, fields.label("name", values["name"]))]


def _daemon(word: str | None, director: Director) -> SyncDaemon:
    role = _role(word)
    daemon = director.daemons.get(role)
    if daemon is None:
        known = fields.ROLE_WORDS[role]
        raise Failure(f"no {known} daemon runs; `lvstui add sync {known} interface=...` starts one")
    return daemon


def _role(word: str | None) -> SyncRole:
    if word is None:
        raise Failure("write master or backup after sync", Status.USAGE)
    return fields.role(word)


def _add(options: Namespace, director: Director) -> Sequence[Change | None]:
    what = options.what
    second, values = _split(options.words)
    if what == "sync":
        role = _role(second)
        if "interface" not in values:
            raise FieldError("interface", "is missing; write interface=eth0, the one that leads to the other director")
        daemon = DAEMON.assign(SyncDaemon(role, ""), values)
        if role in director.daemons:
            raise Failure(f"a {fields.ROLE_WORDS[role]} daemon runs already; `lvstui set sync` edits it")
        return [change_daemon(None, daemon)]
    if second is None:
        return [change_service(None, SERVICE.assign(Service(fields.service(what)), values))]
    pool = find_pool(what, director)
    server = NewServer(options.config.server).begin(_new_endpoint(second, pool), director, pool, values)
    return [change_server(pool.service.key, None, server)]


def _new_endpoint(text: str, pool: Pool) -> Endpoint:
    """Read a real server to add; one without a port gets that of the service (0 on a mark, which keeps ports)."""
    try:
        address = fields.address("server", text.strip().removeprefix("[").removesuffix("]"))
    except FieldError:
        return fields.server(text)
    key = pool.service.key
    return Endpoint(address, key.port if isinstance(key, AddressKey) else 0)


def _delete(options: Namespace, director: Director) -> Sequence[Change | None]:
    what = options.what
    second, values = _split(options.words)
    if values:
        raise Failure("delete takes no values; write the service, or a service and its server", Status.USAGE)
    if what == "sync":
        return [change_daemon(_daemon(second, director), None)]
    pool = find_pool(what, director)
    if second is None:
        return list(remove_pool(pool))
    return [change_server(pool.service.key, find_server(second, pool), None)]


def _servers(options: Namespace, director: Director) -> list[tuple[ServiceKey, RealServer]]:
    """Find the servers to drain or to restore."""
    if (options.machine is None) == (options.what is None):
        raise Failure(f"write {options.command} SERVICE SERVER or --machine ADDRESS", Status.USAGE)
    if options.machine is not None:
        from lvstui.core.services.row import machines  # with rows, cells and filters, which no other command needs

        address = fields.address("machine", options.machine)
        keys = machines(director).get(MachineKey(address), ())
        if not keys:
            raise Failure(f"no service has a server on {address}; `lvstui show` lists them")
        return [(key.service, director.pools[key.service].servers[key.endpoint]) for key in keys]
    second, values = _split(options.words)
    if values:
        raise Failure(f"{options.command} takes no values; `lvstui set` does", Status.USAGE)
    pool = find_pool(options.what, director)
    if second is None:
        raise Failure("write the server after its service", Status.USAGE)
    return [(pool.service.key, find_server(second, pool))]


def servers_meant(options: Namespace, director: Director) -> list[ServerKey]:
    """Return the real servers that a drain is about, whatever their weight."""
    return [ServerKey(key, server.endpoint) for key, server in _servers(options, director)]


def _weigh(options: Namespace, director: Director) -> Sequence[Change | None]:
    """Drain servers, or return drained ones to their weight.

    One that stood at 0 without a drain stays there, unless it alone is meant.
    """
    wanted: list[Change | None] = []
    for key, server in _servers(options, director):
        if options.command == "drain":
            wanted.append(set_weight(key, server, 0))
        elif server.weight == 0 and server.resume is not None:
            wanted.append(set_weight(key, server, server.resume))
        elif server.weight == 0 and options.machine is None:
            where = f"{fields.service_text(key)} {fields.server_text(server.endpoint)}"
            raise Failure(f"no weight is remembered for {where}; write `lvstui set {where} weight=...`")
    return wanted


def _mark(options: Namespace, director: Director) -> Sequence[Change | None]:
    from lvstui.commands import marks  # with the rules and the advice that `show marks` needs

    return marks.requested_changes(options, director)


_BY_COMMAND: Final[Mapping[str, Callable[[Namespace, Director], Sequence[Change | None]]]] = {
    "set": _set,
    "add": _add,
    "delete": _delete,
    "mark": _mark,
    "drain": _weigh,
    "restore": _weigh,
}


def _split(words: Sequence[str]) -> tuple[str | None, dict[str, str]]:
    """Separate the words after the first: at most one more that names something, and values for fields.

    Raises `Failure`.
    """
    names, values = split_words(words, 1)
    return next(iter(names), None), values
