"""The forms of a virtual service and of a real server: what they ask, and the changes that follow from the answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from ipaddress import IPv4Address
from typing import Final

from lvstui.core import fields
from lvstui.core.attribute import NONE
from lvstui.core.attributes import SERVER, SERVICE
from lvstui.core.change import Change, change_server, change_service, fold
from lvstui.core.drift import remove_pool
from lvstui.core.keys import with_keys
from lvstui.core.model import (
    FULL_MASK_V4,
    FULL_PREFIX_V6,
    Address,
    AddressKey,
    Director,
    Endpoint,
    Family,
    Forwarding,
    MarkKey,
    Persistence,
    Pool,
    Probe,
    ProbeType,
    RealServer,
    ServerKey,
    Service,
    ServiceFlags,
    ServiceKey,
)
from lvstui.core.new_server import NEW_SERVER, NewServer
from lvstui.core.probe_fields import TYPES, fits
from lvstui.core.rules import Problem, Severity, problems
from lvstui.core.view.form import NO, YES, Field, FieldKind, Form, Values, attribute_field, check_by, trim_name

_MARKS: Final = {"mark": Family.IPV4, "mark6": Family.IPV6}
_KINDS: Final = (*fields.PROTOCOL_WORDS.values(), *_MARKS)
_FULL: Final = ("", str(FULL_MASK_V4), str(FULL_PREFIX_V6))
_SCHEDULER_FLAGS: Final = {
    "flag-1": ServiceFlags.SCHED_1,
    "flag-2": ServiceFlags.SCHED_2,
    "flag-3": ServiceFlags.SCHED_3,
}
_NEW: Final = Service(MarkKey(0, Family.IPV4))
_NOWHERE: Final = IPv4Address(0)


@dataclass(frozen=True, slots=True)
class ServiceForm:
    """Edits `pool`'s service on a director, or adds one where there is none.

    `schedulers` are those that this kernel has, empty where that is not known; `profile` says whether there is one that
    could keep a name.
    """

    director: Director
    schedulers: tuple[str, ...] = ()
    pool: Pool | None = None
    profile: bool = True

    @property
    def form(self) -> Form:
        """What the operator is asked."""
        if self.pool is None:
            return Form("New service", self._fields(None), self.problems, adds=True)
        service = self.pool.service
        return Form(f"Service {fields.service_text(service.key)}", self._fields(service), self.problems)

    def _fields(self, service: Service | None) -> tuple[Field, ...]:
        start = service or _NEW
        persistence = start.persistence
        sticky = replace(start, persistence=persistence or Persistence())
        timeout = attribute_field(SERVICE["persistence.timeout"], sticky, shown=_persistent)
        engine = attribute_field(SERVICE["persistence.engine"], sticky, choices=("", "sip"), shown=_persistent)
        mask = str(persistence.mask) if persistence else ""
        hint = "/24 or 255.255.255.0; empty: each client"
        return (
            *_key_fields(service.key if service else None),
            attribute_field(SERVICE["scheduler"], start, choices=self.schedulers or (start.scheduler,)),
            *(_flag_field(name, flag, start.flags) for name, flag in _SCHEDULER_FLAGS.items()),
            _switch("one-packet", bool(start.flags & ServiceFlags.ONE_PACKET), hint="udp: no connections kept"),
            _switch("persistence", persistence is not None, hint="a client stays with its server"),
            replace(timeout, id="timeout"),
            Field("mask", "  mask", mask, check=_wrong_mask, shown=_persistent, hint=hint),
            replace(engine, id="engine"),
            attribute_field(SERVICE["name"], start, shown=lambda _: self.profile),
            attribute_field(SERVICE["note"], start, shown=lambda _: self.profile, wide=True),
            *self._probe_fields(start),
        )

    def _probe_fields(self, start: Service) -> Iterator[Field]:
        """Yield what servers are asked, and below it what that type asks with."""
        kind = start.probe.type.value if start.probe else NONE
        hint = "what servers are asked when somebody asks"
        yield Field("probe", "probe", kind, FieldKind.CHOICE, (NONE, *TYPES), shown=lambda _: self.profile, hint=hint)
        asked = start if start.probe else replace(start, probe=Probe())
        for attribute in SERVICE.groups["probe"]:
            if attribute.name != "probe.type":
                yield attribute_field(attribute, asked, shown=partial(self._is_asked_with, attribute.key))

    def _is_asked_with(self, field: str, values: Values) -> bool:
        return self.profile and values["probe"] != NONE and fits(field, ProbeType(values["probe"]))

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
            "probe": values["probe"],
        }
        if values["probe"] != NONE:
            asked = (one for one in SERVICE.groups["probe"] if self._is_asked_with(one.key, values))
            texts |= {one.name: values[one.name] for one in asked if one.name != "probe.type"}
        start = Service(key, flags=flags, probe=before.probe)
        if not _persistent(values):
            return SERVICE.assign(start, texts)
        sticky = {"timeout": values["timeout"], "engine": values["engine"]}
        return SERVICE.assign(replace(start, persistence=_mask(values["mask"], key.family)), texts | sticky)

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
        found = []
        scheduler = values["scheduler"].strip()
        if self.schedulers and scheduler not in self.schedulers:
            module = f"ip_vs_{fields.visible(scheduler)}"
            sentence = f"no module {module} is loaded or installed here; the kernel may refuse it"
            found.append(Problem("scheduler", sentence, Severity.WARNING))
        if self.pool and len(changes) > 1:
            count = len(self.pool.servers)
            servers = f" with its {count} servers" if count > 1 else " with its server" if count else ""
            sentence = f"a new service{servers}; {fields.service_text(self.pool.service.key)} is removed"
            found.append(Problem(place, sentence, Severity.WARNING))
        removals = [change for change in changes if change.after is None]
        director = self.director if len(changes) == 1 else fold(self.director, removals)
        for change in (change for change in changes if change.after is not None):
            for problem in problems(change, director):
                if isinstance(change.target, ServerKey):  # it comes along, so its problem is the service's own place
                    where = f"{fields.server_text(change.target.endpoint)}: {problem.field}"
                    problem = replace(problem, field=place, sentence=f"{where}: {problem.sentence}")
                found.append(problem)
            director = fold(director, (change,))
        return tuple(replace(problem, field=_service_field(problem, values)) for problem in found)


def _key_fields(key: ServiceKey | None) -> Sequence[Field]:
    address = port = mark = ""
    kinds = _KINDS
    match key:
        case None:
            kind = "tcp"
        case MarkKey():
            kind, mark = "mark" if key.family is Family.IPV4 else "mark6", str(key.mark)
        case _:
            kind, address, port = fields.protocol_text(key.protocol), str(key.address), str(key.port)
            kinds = _KINDS if kind in _KINDS else (kind, *_KINDS)
    check_mark = check_by(fields.mark)
    return (
        Field(
            "protocol",
            "protocol",
            kind,
            FieldKind.CHOICE,
            kinds,
            hint="mark: what a firewall mark selects; mark6: the same of IPv6",
        ),
        Field("address", "address", address, check=check_by(_address), shown=_by_address, hint="IPv4 or IPv6"),
        Field("port", "port", port, check=check_by(_port), shown=_by_address, hint="0: every port"),
        Field(
            "mark",
            "mark",
            mark,
            check=check_mark,
            shown=_by_mark,
            hint=with_keys("the marks view ({3:view.marks}) says which packets get it"),
        ),
    )


def _switch(name: str, value: bool, hint: str = "") -> Field:
    return Field(name, name, YES if value else NO, FieldKind.CHOICE, (NO, YES), hint=hint)


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


def _address(text: str) -> Address:
    return fields.address("address", text.strip())


def _port(text: str) -> int:
    return fields.number("service.port", text)


def _key(values: Values) -> ServiceKey:
    kind = values["protocol"]
    if kind in _MARKS:
        return MarkKey(fields.mark(values["mark"]), _MARKS[kind])
    address = _address(values["address"])
    joined = f"[{address}]" if address.version == 6 else address
    return fields.service(f"{kind}:{joined}:{_port(values['port'])}")


def _mask(text: str, family: Family) -> Persistence:
    """Read a mask; whatever stands for the whole address of one family does so for the other one as well."""
    return Persistence(mask=family.full_mask if text.strip() in _FULL else fields.mask(text, family))


def _wrong_mask(text: str, values: Values) -> str:
    family = _MARKS.get(values["protocol"]) or (Family.IPV6 if ":" in values["address"] else Family.IPV4)
    return check_by(partial(_mask, family=family))(text, values)


def _service_field(problem: Problem, values: Values) -> str:
    """Return the field of the form: what rules.py warns of in a service's key is its port or its protocol."""
    match problem:
        case Problem("service", _, Severity.WARNING):
            return "port" if values["port"].strip("0 ") == "" else "protocol"
        case Problem("service"):
            return "mark" if _by_mark(values) else "address"
        case _:
            places = {"flags": "one-packet", "netmask": "mask", "prefix": "mask"}
            return places.get(problem.field, problem.field)


@dataclass(frozen=True, slots=True)
class ServerForm:
    """Edits `server` of a pool on a director, or adds one where there is none.

    `profile` says whether there is one that could keep a name, `new` what a new server begins with.
    """

    director: Director
    pool: Pool
    server: RealServer | None = None
    profile: bool = True
    new: NewServer = NEW_SERVER

    @property
    def form(self) -> Form:
        """What the operator is asked; the weight to go back to after a drain follows from the weight."""
        server = self.server
        start = server or self._proposal()
        address = str(start.endpoint.address) if server else ""
        port_hint = "0: the port that the client asked for"
        asked = (
            Field("address", "address", address, check=check_by(_address), hint="IPv4 or IPv6"),
            Field("port", "port", str(start.endpoint.port), check=check_by(_port), hint=port_hint),
            *(
                attribute_field(one, start, shown=one.applies if one.name != "name" else lambda _: self.profile)
                for one in SERVER
                if one.name != "resume"
            ),
        )
        what = f"Server {fields.server_text(server.endpoint)} of" if server else "New server of"
        title = f"{what} {fields.service_text(self.pool.service.key)}"
        return Form(title, asked, self.problems, adds=server is None)

    def _proposal(self) -> RealServer:
        """Propose what a new server begins with, at the port of the others; the address is left to the operator."""
        key = self.pool.service.key
        port = next((server.port for server in self.pool.servers), key.port if isinstance(key, AddressKey) else 0)
        return self.new.begin(Endpoint(_NOWHERE, port), self.director, self.pool)

    def changes(self, values: Values) -> tuple[Change, ...]:
        """Return the changes; another endpoint is a new server, and then the removal of the old one."""
        key = self.pool.service.key
        after = self._after(values)
        before = self.server
        if before == after:
            return ()
        if before is None or before.endpoint == after.endpoint:
            return (change_server(key, before, after),)
        return (change_server(key, None, after), change_server(key, before, None))

    def problems(self, values: Values) -> tuple[Problem, ...]:
        """Return what is wrong with the changes, each by the field of the form."""
        changes = self.changes(values)
        found = []
        if self.server and len(changes) > 1:
            old = fields.server_text(self.server.endpoint)
            found.append(Problem("address", f"a new server; {old} is removed", Severity.WARNING))
        director = self.director if len(changes) == 1 else fold(self.director, changes[1:])
        for problem in problems(changes[0], director) if changes else ():
            endpoint = "port" if problem.severity is Severity.WARNING else "address"
            places = {"server": endpoint, "tunnel": "tunnel.port"}
            found.append(replace(problem, field=places.get(problem.field, problem.field)))
        return tuple(found)

    def _after(self, values: Values) -> RealServer:
        before = self.server
        endpoint = Endpoint(_address(values["address"]), _port(values["port"]))
        start = replace(before, endpoint=endpoint) if before else RealServer(endpoint)
        texts = {one.name: values[one.name] for one in SERVER if one.name != "resume"}
        after = SERVER.assign(start, {**texts, "name": trim_name(values["name"], start.name)})
        if before is None:
            after = replace(after, resume=None)  # weight 0 is no drain of a server that never had another
        return after if after.tunnel.type is start.tunnel.type else _without_leftovers(after)


def _without_leftovers(server: RealServer) -> RealServer:
    """Take out of a tunnel what only an encapsulation of another type has a use for."""
    texts = {**SERVER.texts(server), "forwarding": fields.FORWARDING_WORDS[Forwarding.TUNNEL]}
    for attribute in SERVER.groups["tunnel"]:
        if not attribute.applies(texts) and attribute.default is not None:
            server = attribute.put(server, attribute.default)
    return server
