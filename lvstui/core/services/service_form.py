"""The form of a virtual service: what it asks, and the changes that follow from the answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import takewhile
from typing import Final

from lvstui.core import fields
from lvstui.core.attributes import SERVICE
from lvstui.core.change import Change, change_server, change_service, fold, remove_pool
from lvstui.core.model import (
    FULL_MASK_V4,
    FULL_PREFIX_V6,
    AddressKey,
    Director,
    Family,
    MarkKey,
    Persistence,
    Pool,
    ServerKey,
    Service,
    ServiceFlags,
    ServiceKey,
)
from lvstui.core.rules import Problem, Severity, problems
from lvstui.core.view.form import NO, YES, Field, Form, Kind, Values, attribute_field, check_by, trim_name, yes_no

_MARKS: Final = {"mark": Family.IPV4, "mark6": Family.IPV6}
_KINDS: Final = (*fields.PROTOCOL_WORDS.values(), *_MARKS)
_FULL: Final = ("", str(FULL_MASK_V4), str(FULL_PREFIX_V6))
_SCHEDULER_FLAGS: Final = {
    "flag-1": ServiceFlags.SCHED_1,
    "flag-2": ServiceFlags.SCHED_2,
    "flag-3": ServiceFlags.SCHED_3,
}
_NEW: Final = Service(MarkKey(0, Family.IPV4))
_PLACES: Final = {"flags": "one-packet", "netmask": "mask", "prefix": "mask"}
"""The field of the form for what rules.py calls otherwise."""


@dataclass(frozen=True, slots=True)
class ServiceForm:
    """Edits `pool`'s service on a director, or adds one where there is none.

    `schedulers` are those that this kernel has, empty where it cannot tell; `profile` says whether there is one that
    could keep a name.
    """

    director: Director
    schedulers: tuple[str, ...] = ()
    pool: Pool | None = None
    profile: bool = True

    @property
    def form(self) -> Form:
        """What the operator is asked."""
        service = self.pool.service if self.pool else None
        title = f"Service {fields.service_text(service.key)}" if service else "New service"
        asked = (*_key_fields(service), *self._way_fields(service), *_persistence_fields(service))
        return Form(title, (*asked, *_label_fields(service, self.profile)), self.problems, adds=service is None)

    def service(self, values: Values) -> Service:
        """Read the service from values that are right one by one."""
        key = _key(values)
        before = self.pool.service if self.pool else Service(key)
        flags = ServiceFlags.ONE_PACKET if values["one-packet"] == YES else ServiceFlags.NONE
        for field, flag in _SCHEDULER_FLAGS.items():
            flags |= flag if values[field] == YES else ServiceFlags.NONE
        texts = {
            "scheduler": values["scheduler"],
            "name": trim_name(values["name"], before.name),
            "note": trim_name(values["note"], before.note),
        }
        if not _persistent(values):
            return SERVICE.assign(Service(key, flags=flags), texts)
        sticky = {"timeout": values["timeout"], "engine": values["engine"]}
        return SERVICE.assign(Service(key, flags=flags, persistence=_mask(values["mask"], key.family)), texts | sticky)

    def changes(self, values: Values) -> tuple[Change, ...]:
        """Return the changes; another key is a new service with the same servers, then the removal of the old one."""
        after = self.service(values)
        if self.pool is None:
            return (change_service(None, after),)
        before = self.pool.service
        if before == after:
            return ()
        if before.key == after.key:
            return (change_service(before, after),)
        moved = [change_server(after.key, None, server) for server in self.pool.servers.values()]
        return (change_service(None, after), *moved, *remove_pool(self.pool))

    def problems(self, values: Values) -> tuple[Problem, ...]:
        """Return what is wrong with the changes, each by the field of the form."""
        changes = self.changes(values)
        place = "mark" if _by_mark(values) else "address"
        found = [*self._unknown_scheduler(values["scheduler"].strip())]
        if self.pool and len(changes) > 1:
            old = fields.service_text(self.pool.service.key)
            count = len(self.pool.servers)
            servers = f" with its {count} servers" if count > 1 else " with its server" if count else ""
            sentence = f"a new service{servers}; {old} is removed"
            found.append(Problem(place, sentence, Severity.WARNING))
        director = self.director if len(changes) == 1 else fold(self.director, _removals(changes))
        for change in takewhile(_keeps, changes):
            for problem in problems(change, director):
                target = change.target
                found.append(_of_server(problem, target, place) if isinstance(target, ServerKey) else problem)
            director = fold(director, (change,))
        return tuple(replace(problem, field=_place(problem, values)) for problem in found)

    def _unknown_scheduler(self, name: str) -> Sequence[Problem]:
        if not self.schedulers or name in self.schedulers:
            return ()
        sentence = f"no module ip_vs_{fields.visible(name)} is loaded or installed here; the kernel may refuse it"
        return (Problem("scheduler", sentence, Severity.WARNING),)

    def _way_fields(self, service: Service | None) -> Sequence[Field]:
        start = service or _NEW
        return (
            attribute_field(SERVICE["scheduler"], start, choices=self.schedulers or (start.scheduler,)),
            *(_flag_field(name, flag, start.flags) for name, flag in _SCHEDULER_FLAGS.items()),
            _switch("one-packet", bool(start.flags & ServiceFlags.ONE_PACKET), hint="udp: no connections kept"),
        )


def _key_fields(service: Service | None) -> Sequence[Field]:
    key = service.key if service else None
    address, port = (str(key.address), str(key.port)) if isinstance(key, AddressKey) else ("", "")
    kinds = _KINDS
    match key:
        case None:
            kind = "tcp"
        case MarkKey():
            kind = "mark" if key.family is Family.IPV4 else "mark6"
        case _:
            kind = fields.protocol_text(key.protocol)
            kinds = _KINDS if kind in _KINDS else (kind, *_KINDS)
    return (
        Field("protocol", "protocol", kind, Kind.CHOICE, kinds, hint="or a firewall mark: IPv4, IPv6"),
        Field(
            "address",
            "address",
            address,
            check=check_by(partial(_address, "address")),
            shown=_by_address,
            hint="IPv4 or IPv6",
        ),
        Field("port", "port", port, check=check_by(_port), shown=_by_address, hint="0: every port"),
        Field(
            "mark",
            "mark",
            str(key.mark) if isinstance(key, MarkKey) else "",
            check=check_by(partial(fields.number, "mark")),
            shown=_by_mark,
            hint="the marks view (3) says which packets get it",
        ),
    )


def _persistence_fields(service: Service | None) -> Sequence[Field]:
    now = service.persistence if service else None
    start = replace(_NEW, persistence=now or Persistence())
    timeout = attribute_field(SERVICE["persistence.timeout"], start, shown=_persistent)
    engine = attribute_field(SERVICE["persistence.engine"], start, choices=("", "sip"), shown=_persistent)
    mask = fields.mask_text(now.mask) if now else ""
    return (
        _switch("persistence", now is not None, hint="a client stays with its server"),
        replace(timeout, id="timeout"),
        Field("mask", "  mask", mask, check=_wrong_mask, shown=_persistent, hint=_MASK_HINT),
        replace(engine, id="engine"),
    )


_MASK_HINT: Final = "/24 or 255.255.255.0; empty: each client"


def _label_fields(service: Service | None, profile: bool) -> Sequence[Field]:
    start = service or _NEW

    def shown(_: Values) -> bool:
        return profile

    return (
        attribute_field(SERVICE["name"], start, shown=shown),
        attribute_field(SERVICE["note"], start, shown=shown, wide=True),
    )


def _switch(name: str, value: bool, hint: str = "") -> Field:
    return Field(name, name, yes_no(value), Kind.CHOICE, (NO, YES), hint=hint)


def _flag_field(name: str, flag: ServiceFlags, flags: ServiceFlags) -> Field:
    """Return the field of a scheduler's flag: named by the scheduler, shown where it is set or may mean something."""

    def label(values: Values) -> str:
        return next(word for word, one in fields.flag_names(values["scheduler"].strip()).items() if one is flag)

    def shown(values: Values) -> bool:
        return bool(flags & flag) or label(values) != name

    return replace(_switch(name, bool(flags & flag)), relabel=label, shown=shown)


def _by_mark(values: Values) -> bool:
    return values["protocol"] in _MARKS


def _by_address(values: Values) -> bool:
    return not _by_mark(values)


def _persistent(values: Values) -> bool:
    return values["persistence"] == YES


def _address(field: str, text: str) -> object:
    return fields.address(field, text.strip())


def _port(text: str) -> int:
    return fields.number("service.port", text)


def _family(values: Values) -> Family:
    if values["protocol"] in _MARKS:
        return _MARKS[values["protocol"]]
    return Family.IPV6 if ":" in values["address"] else Family.IPV4


def _key(values: Values) -> ServiceKey:
    kind = values["protocol"]
    if kind in _MARKS:
        return MarkKey(fields.number("mark", values["mark"]), _MARKS[kind])
    address = fields.address("address", values["address"].strip())
    joined = f"[{address}]" if address.version == 6 else address
    return fields.service(f"{kind}:{joined}:{_port(values['port'])}")


def _mask(text: str, family: Family) -> Persistence:
    """Read a mask; whatever stands for the whole address of one family does so for the other one as well."""
    if text.strip() in _FULL:
        return Persistence(mask=family.full_mask)
    return Persistence(mask=fields.mask(text, family))


def _wrong_mask(text: str, values: Values) -> str:
    read: Callable[[str], object] = partial(_mask, family=_family(values))
    return check_by(read)(text, values)


def _keeps(change: Change) -> bool:
    """Return whether a change is an addition or an edit, which come first; removals follow them."""
    return change.after is not None


def _removals(changes: Sequence[Change]) -> Sequence[Change]:
    return [change for change in changes if not _keeps(change)]


def _of_server(problem: Problem, key: ServerKey, place: str) -> Problem:
    """Put the problem of a server that comes along at the service's own address or mark."""
    where = fields.server_text(key.endpoint)
    return replace(problem, field=place, sentence=f"{where}: {problem.field}: {problem.sentence}")


def _place(problem: Problem, values: Values) -> str:
    """Return the field of the form: what rules.py warns of in a service's key is its port or its protocol."""
    match problem:
        case Problem("service", _, Severity.WARNING):
            return "port" if values["port"].strip("0 ") == "" else "protocol"
        case Problem("service"):
            return "mark" if _by_mark(values) else "address"
        case _:
            return _PLACES.get(problem.field, problem.field)
