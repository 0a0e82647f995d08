"""The form that creates a mark group: packets, services and servers in one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from ipaddress import IPv4Address, ip_network
from typing import Final, NamedTuple

from lvstui.core import fields, selectors
from lvstui.core.attributes import GROUP, METHODS, SERVER
from lvstui.core.change import Change, fold, service_of
from lvstui.core.fields import FieldError, quote
from lvstui.core.keys import with_keys
from lvstui.core.marks.edits import (
    PASSIVE,
    PERSISTENCE,
    TEMPLATES,
    Template,
    create_group,
    families,
    free_mark,
    template_selectors,
)
from lvstui.core.marks.mark import pools_on
from lvstui.core.model import (
    Address,
    AddressKey,
    Director,
    Endpoint,
    Family,
    Forwarding,
    MarkGroup,
    MarkGroupKey,
    MarkKey,
    Network,
    Persistence,
    Ports,
    RealServer,
    Selector,
    ServerKey,
    Service,
)
from lvstui.core.new_server import NEW_SERVER, NewServer
from lvstui.core.observed import Ruleset
from lvstui.core.rules import Problem, Severity, problems
from lvstui.core.selectors import network, network_text, overlap
from lvstui.core.view.form import Field, FieldKind, Form, Values, attribute_field, check_by

_NOWHERE: Final = IPv4Address(0)
_METHODS: Final = {word: fields.forwarding(word) for word in METHODS}


def items(text: str) -> list[str]:
    """Cut a list at its commas."""
    return [item.strip() for item in text.split(",") if item.strip()]


def networks(text: str) -> tuple[Network, ...]:
    """Read addresses and networks of both families, with commas between; raises `FieldError` for `addresses`."""
    found = tuple(network(item, "addresses") for item in items(text.replace(" ", ",")))
    if not found:
        raise FieldError("addresses", "is needed, such as 192.0.2.10, 2001:db8::10")
    return found


class KnownMachine(NamedTuple):
    """A machine that serves already."""

    address: Address
    name: str


def machines(director: Director) -> Mapping[str, KnownMachine]:
    """Return the machines that serve already, by name and by address."""
    names: dict[Address, str] = {}
    for pool in director.pools.values():
        for endpoint, server in pool.servers.items():
            names[endpoint.address] = names.get(endpoint.address) or server.name
    found: dict[str, KnownMachine] = {}
    for address, name in names.items():
        if name:
            found.setdefault(name, KnownMachine(address, name))
    found.update((str(address), KnownMachine(address, name)) for address, name in names.items())
    return found


def servers(
    text: str, known: Mapping[str, KnownMachine], weight: int, forwarding: Forwarding
) -> tuple[RealServer, ...]:
    """Read `10.0.0.11, web2 3, fd00::13 2 tunnel`: address or known name, then weight and method where they differ.

    Blanks part servers as well. A mark keeps ports as they are, so the servers have none. Raises `FieldError` for the
    field `servers`.
    """
    found: dict[Endpoint, RealServer] = {}
    for words in (words for item in items(text) for words in _split(item.split(), known)):
        server = _server(words, known, weight, forwarding)
        if server.endpoint in found:
            raise FieldError("servers", f"{server.endpoint.address} is named twice")
        found[server.endpoint] = server
    return tuple(found.values())


def _split(words: Iterable[str], known: Mapping[str, KnownMachine]) -> Iterable[Sequence[str]]:
    """Start a new server at each word that names one."""
    found: list[list[str]] = []
    for word in words:
        option = word in _METHODS or word.isdigit()
        named = not option and (word in known or not fields.misread(partial(fields.address, "servers"), word))
        if not found or named:
            found.append([])
        found[-1].append(word)
    return found


def _server(words: Sequence[str], known: Mapping[str, KnownMachine], weight: int, forwarding: Forwarding) -> RealServer:
    machine = known.get(words[0])
    try:
        address = machine.address if machine else fields.address("servers", words[0])
    except FieldError:
        raise FieldError("servers", f"{quote(words[0])} is no address, and no server here has that name") from None
    for word in words[1:]:
        if word.isascii() and word.isdigit():
            try:
                weight = SERVER.number("weight", word)
            except FieldError as error:
                raise FieldError("servers", f"weight {error.sentence}") from None
        elif word in _METHODS:
            forwarding = _METHODS[word]
        else:
            raise FieldError("servers", f"{quote(word)} is no weight and none of {', '.join(_METHODS)}")
    return RealServer(Endpoint(address, 0), forwarding, weight, name=machine.name if machine else "")


def virtual_addresses(director: Director) -> tuple[str, ...]:
    """List the virtual addresses that are served or marked here, to be proposed."""
    served = [str(key.address) for key in director.pools if isinstance(key, AddressKey)]
    groups: Iterable[MarkGroup] = director.groups.values()
    marked = [network_text(one) for group in groups for selector in group.selectors for one in selector.addresses]
    return tuple(dict.fromkeys((*served, *marked)))


FREE: Final = "own ports"
"""The choice that is no template: any protocol and list of ports."""

KEEP: Final = "its rules"
"""The choice that leaves the rules which set the mark as they are, and adds the service only."""

_PROTOCOLS: Final = tuple(fields.PROTOCOL_WORDS.values())


@dataclass(frozen=True, slots=True)
class GroupForm:
    """A new group on a director; `ruleset` has the marks that others use.

    `mark` is the one to start with, None for a free one; where rules set it already, `selectors` are what is known of
    them, and a service on it is proposed. `schedulers` are those that this kernel has; `profile` says whether there is
    one that could keep a name, `new` what new real servers begin with.
    """

    director: Director
    ruleset: Ruleset | None = None
    schedulers: tuple[str, ...] = ()
    profile: bool = True
    mark: int | None = None
    selectors: tuple[Selector, ...] | None = None
    new: NewServer = NEW_SERVER

    @property
    def missing(self) -> str:
        """Why rules cannot be written here; only the services are added then."""
        return self.ruleset.missing if self.ruleset else ""

    @property
    def form(self) -> Form:
        """What the operator is asked."""
        asked = (*self._packet_fields(), *self._service_fields(), *self._server_fields())
        about = "ports that belong together, as one service"
        title = f"New mark group: {about}" if self.selectors is None else f"A service on mark {self.mark}"
        return Form(title, asked, self.problems, adds=True)

    def group(self, values: Values) -> MarkGroup:
        """Read which packets get which mark."""
        packets = (self.selectors or (Selector(),)) if _keeps(values) else _packets(values)
        return MarkGroup(fields.mark(values["mark"]), packets, values["name"].strip())

    def servers(self, values: Values) -> tuple[RealServer, ...]:
        """Read the real servers."""
        weight, method = SERVER.number("weight", values["weight"]), fields.forwarding(values["forwarding"])
        found = servers(values["servers"], machines(self.director), weight, method)
        return tuple(self._begun(server) for server in found)

    def _begun(self, server: RealServer) -> RealServer:
        """Add to a server what all new ones begin with, besides method and weight."""
        typed = {"forwarding": fields.forwarding_text(server.forwarding), "weight": str(server.weight)}
        begun = self.new.begin(server.endpoint, self.director, typed=typed)
        return replace(begun, name=server.name)

    def changes(self, values: Values) -> tuple[Change, ...]:
        """Return the changes: services first, with the servers of their family, then the rules."""
        seconds = _seconds(values["persistence"])
        group = self.group(values)
        service = Service(
            MarkKey(group.mark, Family.IPV4),
            fields.scheduler(values["scheduler"]),
            persistence=Persistence(seconds) if seconds else None,
            name=group.name,
        )
        servers = self.servers(values)
        changes = create_group(group, service, servers, self.director)
        if not _keeps(values) and not self.missing:
            return changes
        served = {Family.of(server.endpoint.address) for server in servers} if _keeps(values) else set()
        keys = ((change, service_of(change.target)) for change in changes)
        return tuple(change for change, key in keys if key is not None and (not served or key.family in served))

    def problems(self, values: Values) -> tuple[Problem, ...]:
        """Return what is wrong with all of it, each by its field."""
        found = [*self._about_mark(values), *self._about_packets(values), *self._about_servers(values)]
        if any(problem.severity is Severity.ERROR for problem in found):
            return tuple(found)
        director = self.director
        for change in self.changes(values):
            found += [_placed(problem, change) for problem in problems(change, director)]
            director = fold(director, (change,))
        return tuple(dict.fromkeys(found))

    def _packet_fields(self) -> Sequence[Field]:
        mark = free_mark(self.director, self.ruleset) if self.mark is None else self.mark

        def free(values: Values) -> bool:
            return values["template"] == FREE

        choices = (*(() if self.selectors is None else (KEEP,)), *TEMPLATES, FREE)
        return (
            Field("template", "bundle", choices[0], FieldKind.CHOICE, choices),
            Field(
                "addresses",
                "addresses",
                "",
                check=check_by(networks),
                shown=lambda values: not _keeps(values),
                hint="virtual ones, IPv4 and IPv6: 192.0.2.10, 2001:db8::10",
                wide=True,
                proposals=virtual_addresses(self.director),
            ),
            Field("protocol", "  protocol", "tcp", FieldKind.CHOICE, _PROTOCOLS, shown=free),
            Field("ports", "  ports", "", check=check_by(_ports), shown=free, hint="80,443,8000-8100"),
            Field(
                "passive",
                "  data ports",
                "10000-20000",
                check=check_by(_ports),
                shown=lambda values: values["template"] == PASSIVE,
                hint="the same range as in the FTP servers",
            ),
            mark_field(mark),
            attribute_field(GROUP["name"], MarkGroup(mark), shown=lambda _: self.profile),
        )

    def _service_fields(self) -> Sequence[Field]:
        choices = self.schedulers if "wlc" in self.schedulers else ("wlc", *self.schedulers)
        return (
            Field("scheduler", "scheduler", "wlc", FieldKind.OPEN, choices, check_by(fields.scheduler)),
            Field(
                "persistence",
                "persistence",
                str(PERSISTENCE),
                check=check_by(_seconds),
                hint="seconds; 0: none. The ports of a group need it to stay on one server",
            ),
        )

    def _server_fields(self) -> Sequence[Field]:
        known = machines(self.director)

        def check(text: str, values: Values) -> str:
            return check_by(lambda text: servers(text, known, 1, fields.forwarding(values["forwarding"])))(text, values)

        begun = self.new.begin(Endpoint(_NOWHERE, 0), self.director)
        names = [machine.name or str(machine.address) for machine in dict.fromkeys(known.values())]
        return (
            Field(
                "servers",
                "real servers",
                "",
                check=check,
                hint="10.0.0.11, web2 3: address or known name, then weight, method",
                wide=True,
                proposals=tuple(dict.fromkeys((*names, *known))),
            ),
            Field("forwarding", "  forwarding", fields.forwarding_text(begun.forwarding), FieldKind.CHOICE, METHODS),
            Field(
                "weight",
                "  weight",
                str(begun.weight),
                check=check_by(partial(SERVER.number, "weight")),
                hint="where none is set",
            ),
        )

    def _about_mark(self, values: Values) -> Iterator[Problem]:
        mark = fields.mark(values["mark"])
        if _keeps(values):
            if mark != self.mark:
                yield Problem("mark", f"the rules set {self.mark}; take that, or bundle other ports")
            return
        if mark in self.director.groups:
            yield Problem(
                "mark",
                with_keys(f"there is a group for {mark} already; edit it ({{e:mark.edit}}), or take another mark"),
            )
        elif pools_on(self.director, mark):
            yield _warning("mark", "its service is there already, and stays as it is")
        others = {rule.table for rule in (self.ruleset.rules if self.ruleset else ()) if rule.value == mark}
        if others and mark not in self.director.groups:
            yield _warning("mark", f"rules in {', '.join(sorted(map(fields.visible, others)))} set it as well")

    def _about_packets(self, values: Values) -> Iterator[Problem]:
        group = self.group(values)
        if _keeps(values):
            return
        template = TEMPLATES.get(values["template"])
        if self.missing:
            yield _warning("template", f"{self.missing}; the iptables commands are shown below")
        if template and template.note:
            yield _warning("template", template.note)
        yield from in_the_way(group, self.director)
        if _seconds(values["persistence"]) == 0 and selectors.several_ports(group.selectors):
            yield _warning("persistence", "several ports, and no persistence: they may land on different servers")

    def _about_servers(self, values: Values) -> Iterator[Problem]:
        served = families(self.group(values).selectors)
        found = self.servers(values)
        for server in found:
            if Family.of(server.endpoint.address) not in served:
                yield Problem("servers", f"{server.endpoint.address} has no virtual address of its family")
        for family in served if self.selectors or not _keeps(values) or not found else ():
            if not any(Family.of(server.endpoint.address) is family for server in found):
                yield _warning("servers", f"none for {family.word}: its clients will be refused")


def mark_field(mark: int) -> Field:
    """Return the field that asks for a mark which nobody uses yet."""
    return Field("mark", "mark", str(mark), check=check_by(fields.mark), hint="a free one")


def in_the_way(group: MarkGroup, director: Director) -> Iterator[Problem]:
    """Find the groups that get the same packets, and the services that lose packets to the mark."""
    for mark, other in director.groups.items():
        if mark != group.mark and any(overlap(a, b) for a in group.selectors for b in other.selectors):
            yield _warning("addresses", f"some of these packets get mark {mark} too")

    def loses(key: AddressKey) -> bool:
        ports = (Ports(key.port, key.port),) if key.port else ()
        own = Selector(key.protocol, (ip_network(key.address),), ports)
        return any(overlap(selector, own) for selector in group.selectors)

    losing = [key for key in director.pools if isinstance(key, AddressKey) and loses(key)]
    if losing:
        more = f" and {len(losing) - 1} more" if len(losing) > 1 else ""
        yield _warning("addresses", f"{fields.service_text(losing[0])}{more} no longer gets these packets")


def _packets(values: Values) -> tuple[Selector, ...]:
    found = networks(values["addresses"])
    if values["template"] == FREE:
        protocol = selectors.selector(values["protocol"]).protocol
        return template_selectors(Template(((protocol, selectors.ports(values["ports"])),)), found)
    template = TEMPLATES[values["template"]]
    if values["template"] == PASSIVE:
        ((protocol, (control, _)),) = template.parts
        ports = selectors.merged_ports((control, *selectors.ports(values["passive"])))
        template = Template(((protocol, ports),))
    return template_selectors(template, found)


def _ports(text: str) -> object:
    found = selectors.ports(text)
    if not found and text.strip() != selectors.ANY:
        raise fields.FieldError("ports", "is needed: write some, or any")
    return found


def _seconds(text: str) -> int:
    if text.strip() == "0":
        return 0
    try:
        return fields.number("seconds", text)
    except fields.FieldError as error:
        raise fields.FieldError(error.field, f"{error.sentence}, or 0 for none") from None


def _keeps(values: Values) -> bool:
    return values["template"] == KEEP


def _warning(field: str, sentence: str) -> Problem:
    return Problem(field, sentence, Severity.WARNING)


def _placed(problem: Problem, change: Change) -> Problem:
    """Put a problem of one of the changes at the field of the form that it comes from."""
    if isinstance(change.target, ServerKey):
        return replace(problem, field="servers", sentence=f"{change.target.endpoint.address}: {problem.sentence}")
    places = {"match": "addresses", "timeout": "persistence", "service": "mark"}
    if isinstance(change.target, MarkGroupKey) and problem.field == "name":
        return replace(problem, field="name")
    return replace(problem, field=places.get(problem.field, problem.field))
