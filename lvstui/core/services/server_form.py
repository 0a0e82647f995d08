"""The form of a real server: what it asks, and the changes that follow from the answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from typing import Final

from lvstui.core import fields
from lvstui.core.attribute import Attribute
from lvstui.core.attributes import SERVER
from lvstui.core.change import Change, change_server, fold
from lvstui.core.model import AddressKey, Director, Endpoint, Forwarding, Pool, RealServer
from lvstui.core.rules import Problem, Severity, problems
from lvstui.core.view.form import Field, Form, Values, attribute_field, check_by, trim_name

_ASKED: Final = tuple(attribute for attribute in SERVER if attribute.name != "resume")
"""The attributes that the form asks for; the weight to go back to after a drain follows from the weight."""

_NOWHERE = IPv4Address(0)


@dataclass(frozen=True, slots=True)
class ServerForm:
    """Edits `server` of a pool on a director, or adds one where there is none.

    `profile` says whether there is one that could keep a name.
    """

    director: Director
    pool: Pool
    server: RealServer | None = None
    profile: bool = True

    @property
    def form(self) -> Form:
        """What the operator is asked."""
        service = fields.service_text(self.pool.service.key)
        what = f"Server {fields.server_text(self.server.endpoint)} of" if self.server else "New server of"
        start = self.server or _proposal(self.pool)
        address = str(start.endpoint.address) if self.server else ""
        asked = (*_endpoint_fields(address, start.endpoint.port), *(self._field(one, start) for one in _ASKED))
        return Form(f"{what} {service}", asked, self.problems, adds=self.server is None)

    def _field(self, attribute: Attribute[RealServer], start: RealServer) -> Field:
        """Return the line of an attribute; a name needs a profile that keeps it."""
        shown = attribute.applies if attribute.name != "name" else lambda _: self.profile
        return attribute_field(attribute, start, shown=shown)

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
            found.append(replace(problem, field=_place(problem)))
        return tuple(found)

    def _after(self, values: Values) -> RealServer:
        before = self.server
        endpoint = Endpoint(fields.address("address", values["address"].strip()), _port(values["port"]))
        start = replace(before, endpoint=endpoint) if before else RealServer(endpoint)
        texts = {attribute.name: values[attribute.name] for attribute in _ASKED}
        after = SERVER.assign(start, {**texts, "name": trim_name(values["name"], start.name)})
        if before is None:
            after = replace(after, resume=None)  # weight 0 is no drain of a server that never had another
        return after if after.tunnel.type is start.tunnel.type else _without_leftovers(after)


def _without_leftovers(server: RealServer) -> RealServer:
    """Take out of a tunnel what only an encapsulation of another type has a use for."""
    texts = {**SERVER.texts(server), "forwarding": fields.FORWARDING_WORDS[Forwarding.TUNNEL]}
    for attribute in SERVER:
        if attribute.group == "tunnel" and not attribute.applies(texts) and attribute.default is not None:
            server = attribute.put(server, attribute.default)
    return server


def _proposal(pool: Pool) -> RealServer:
    """Propose what the pool's first server is like; the address is for the operator to give."""
    key = pool.service.key
    like = next(iter(pool.servers.values()), None)
    if like is None:
        return RealServer(Endpoint(_NOWHERE, key.port if isinstance(key, AddressKey) else 0))
    return RealServer(Endpoint(_NOWHERE, like.endpoint.port), like.forwarding, tunnel=like.tunnel)


def _endpoint_fields(address: str, port: int) -> Sequence[Field]:
    return (
        Field("address", "address", address, check=check_by(_address), hint="IPv4 or IPv6"),
        Field("port", "port", str(port), check=check_by(_port), hint="0: the port that the client asked for"),
    )


def _address(text: str) -> object:
    return fields.address("address", text.strip())


def _port(text: str) -> int:
    return fields.number("service.port", text)


def _place(problem: Problem) -> str:
    """Return the field of the form: what rules.py warns of in a server's endpoint is its port."""
    match problem:
        case Problem("server", _, Severity.WARNING):
            return "port"
        case Problem("server"):
            return "address"
        case Problem("tunnel"):
            return "tunnel.port"
        case _:
            return problem.field
