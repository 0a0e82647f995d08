"""The form of a real server: what it asks, and the changes that its answers make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from ipaddress import IPv4Address

from lvstui.core import fields
from lvstui.core.change import Change, change_server, fold
from lvstui.core.model import (
    AddressKey,
    Director,
    Endpoint,
    Forwarding,
    Pool,
    RealServer,
    Tunnel,
    TunnelType,
)
from lvstui.core.rules import Problem, Severity, problems
from lvstui.core.staging import weighed
from lvstui.core.view.form import Field, Form, Kind, Values, checked, trimmed

_METHODS = tuple(fields.FORWARDING_WORDS[each] for each in (Forwarding.MASQ, Forwarding.ROUTE, Forwarding.TUNNEL))
_TUNNEL = fields.FORWARDING_WORDS[Forwarding.TUNNEL]
_GUE = fields.TUNNEL_WORDS[TunnelType.GUE]
_IPIP = fields.TUNNEL_WORDS[TunnelType.IPIP]
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
        asked = (*_endpoint_fields(address, start.endpoint.port), *_way_fields(start), *_tunnel_fields(start.tunnel))
        name = Field("name", "name", start.name, check=checked(partial(fields.label, "name")), hint="in the profile")
        shown = (*asked, replace(name, shown=lambda _: self.profile))
        return Form(f"{what} {service}", shown, self.problems, adds=self.server is None)

    def changes(self, values: Values) -> tuple[Change, ...]:
        """Give what to do; another endpoint is a new server, and then the removal of the old one."""
        key = self.pool.service.key
        after = self._after(values)
        before = self.server
        if before == after:
            return ()
        if before is None or before.endpoint == after.endpoint:
            return (change_server(key, before, after),)
        return (change_server(key, None, after), change_server(key, before, None))

    def problems(self, values: Values) -> tuple[Problem, ...]:
        """Tell what is wrong with the changes, each by the field of the form."""
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
        after = RealServer(
            endpoint,
            fields.forwarding(values["forwarding"]),
            upper=fields.number("upper", values["upper"]),
            lower=fields.number("lower", values["lower"]),
            tunnel=_tunnel(values, before.tunnel if before else Tunnel()),
            name=trimmed(values["name"], before.name if before else ""),
        )
        weight = fields.number("weight", values["weight"])
        if before is None:
            return replace(after, weight=weight)
        return weighed(replace(after, weight=before.weight, resume=before.resume), weight)


def _proposal(pool: Pool) -> RealServer:
    """Propose what the pool's first server is like; the address is for the operator to give."""
    key = pool.service.key
    like = next(iter(pool.servers.values()), None)
    if like is None:
        return RealServer(Endpoint(_NOWHERE, key.port if isinstance(key, AddressKey) else 0))
    return RealServer(Endpoint(_NOWHERE, like.endpoint.port), like.forwarding, tunnel=like.tunnel)


def _endpoint_fields(address: str, port: int) -> Sequence[Field]:
    return (
        Field("address", "address", address, check=checked(_address), hint="IPv4 or IPv6"),
        Field("port", "port", str(port), check=checked(_port), hint="0: the port that the client asked for"),
    )


def _way_fields(start: RealServer) -> Sequence[Field]:
    method = fields.forwarding_text(start.forwarding)
    methods = _METHODS if method in _METHODS else (method, *_METHODS)
    return (
        Field("forwarding", "forwarding", method, Kind.CHOICE, methods),
        _number("weight", start.weight, "0: no new clients"),
        _number("upper", start.upper, "connections at which it rests; 0: never"),
        _number("lower", start.lower, "connections at which it is back"),
    )


def _tunnel_fields(tunnel: Tunnel) -> Sequence[Field]:
    kind, checksum = fields.tunnel_type_text(tunnel.type), fields.checksum_text(tunnel.checksum)
    kinds, checksums = tuple(fields.TUNNEL_WORDS.values()), tuple(fields.CHECKSUM_WORDS.values())
    return (
        Field(
            "tunnel.type",
            "  tunnel",
            kind,
            Kind.CHOICE,
            kinds if kind in kinds else (kind, *kinds),
            shown=_tunnelled,
        ),
        replace(_number("tunnel.port", tunnel.port, "of the server's end"), label="  port", shown=_by_gue),
        Field(
            "tunnel.checksum",
            "  checksum",
            checksum,
            Kind.CHOICE,
            checksums if checksum in checksums else (checksum, *checksums),
            shown=_has_checksum,
        ),
    )


def _number(name: str, value: int, hint: str) -> Field:
    return Field(name, name, str(value), check=checked(partial(fields.number, name)), hint=hint)


def _tunnelled(values: Values) -> bool:
    return values["forwarding"] == _TUNNEL


def _by_gue(values: Values) -> bool:
    return _tunnelled(values) and values["tunnel.type"] == _GUE


def _has_checksum(values: Values) -> bool:
    return _tunnelled(values) and values["tunnel.type"] != _IPIP


def _address(text: str) -> object:
    return fields.address("address", text.strip())


def _port(text: str) -> int:
    return fields.number("service.port", text)


def _tunnel(values: Values, before: Tunnel) -> Tunnel:
    """Read the encapsulation; another type brings along nothing of the one before that it has no use for."""
    kind = fields.tunnel_type(values["tunnel.type"])
    tunnel = Tunnel(
        kind, fields.number("tunnel.port", values["tunnel.port"]), fields.checksum(values["tunnel.checksum"])
    )
    if kind is before.type:
        return tunnel
    port = tunnel.port if kind is TunnelType.GUE else 0
    return Tunnel(kind, port, 0 if kind is TunnelType.IPIP else tunnel.checksum)


def _place(problem: Problem) -> str:
    """Name the field of the form: what rules.py warns of in a server's endpoint is its port."""
    match problem:
        case Problem("server", _, Severity.WARNING):
            return "port"
        case Problem("server"):
            return "address"
        case Problem("tunnel"):
            return "tunnel.port"
        case _:
            return problem.field
