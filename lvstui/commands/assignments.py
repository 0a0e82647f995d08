"""FIELD=VALUE on services, real servers and settings, with the profile's names and the checks of core/fields.py."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final, TypeVar

from lvstui.core import fields, staging
from lvstui.core.fields import FieldError
from lvstui.core.model import (
    FULL_MASK_V4,
    FULL_PREFIX_V6,
    Family,
    Persistence,
    RealServer,
    Service,
    ServiceFlags,
    SyncDaemon,
    Timeouts,
)

_T = TypeVar("_T")
_Setters = Mapping[str, Callable[[_T, str], _T]]

_NONE: Final = ("", "none")


def service(before: Service, values: Mapping[str, str]) -> Service:
    """Give a service with other values; raises `FieldError`."""
    return _assigned(before, values, _SERVICE, "a service")


def server(before: RealServer, values: Mapping[str, str]) -> RealServer:
    """Give a real server with other values; weight 0 remembers the weight before. Raises `FieldError`."""
    return _assigned(before, values, _SERVER, "a real server")


def timeouts(before: Timeouts, values: Mapping[str, str]) -> Timeouts:
    """Give timeouts with other values; raises `FieldError`."""
    return _assigned(before, values, _TIMEOUTS, "the timeouts")


def daemon(before: SyncDaemon, values: Mapping[str, str]) -> SyncDaemon:
    """Give a sync daemon with other values; raises `FieldError`."""
    return _assigned(before, values, _DAEMON, "a sync daemon")


def _assigned(value: _T, values: Mapping[str, str], setters: _Setters[_T], what: str) -> _T:
    """Set fields in the order of their table, since flags are read for the scheduler that is set before them."""
    given = {_SHORT.get(field, field) if field not in setters else field: text for field, text in values.items()}
    for field in given:
        if field not in setters:
            raise FieldError(field, f"is no field of {what}; there are {', '.join(setters)}")
    for field, setter in setters.items():
        if field in given:
            value = setter(value, given[field])
    return value


_SHORT: Final = {
    "timeout": "persistence.timeout",
    "netmask": "persistence.netmask",
    "prefix": "persistence.prefix",
    "engine": "persistence.engine",
}
"""Names that mean a field of persistence on a service."""


def _flags(service: Service, text: str) -> Service:
    words = () if text in _NONE else text.replace(",", " ").split()
    return replace(service, flags=fields.flags(words, service.scheduler) if words else ServiceFlags.NONE)


def _persistent(service: Service) -> Persistence:
    full = FULL_MASK_V4 if service.key.family is Family.IPV4 else FULL_PREFIX_V6
    return service.persistence or Persistence(mask=full)


def _persistence(service: Service, text: str) -> Service:
    if text in _NONE:
        return replace(service, persistence=None)
    return _persistence_timeout(service, text)


def _persistence_timeout(service: Service, text: str) -> Service:
    return replace(service, persistence=replace(_persistent(service), timeout=fields.number("timeout", text)))


def _netmask(service: Service, text: str) -> Service:
    if service.key.family is Family.IPV6:
        raise FieldError("netmask", "is for IPv4 services; write prefix=64")
    return replace(service, persistence=replace(_persistent(service), mask=fields.mask(text, Family.IPV4)))


def _prefix(service: Service, text: str) -> Service:
    if service.key.family is Family.IPV4:
        raise FieldError("prefix", "is for IPv6 services; write netmask=255.255.255.0")
    return replace(service, persistence=replace(_persistent(service), mask=fields.mask(text, Family.IPV6)))


def _engine(service: Service, text: str) -> Service:
    engine = "" if text in _NONE else fields.engine(text)
    return replace(service, persistence=replace(_persistent(service), engine=engine))


_SERVICE: Final[_Setters[Service]] = {
    "scheduler": lambda service, text: replace(service, scheduler=fields.scheduler(text)),
    "flags": _flags,
    "persistence": _persistence,
    "persistence.timeout": _persistence_timeout,
    "persistence.netmask": _netmask,
    "persistence.prefix": _prefix,
    "persistence.engine": _engine,
    "name": lambda service, text: replace(service, name=fields.label("name", text)),
    "note": lambda service, text: replace(service, note=fields.label("note", text)),
}


def _tunnel_type(server: RealServer, text: str) -> RealServer:
    return replace(server, tunnel=replace(server.tunnel, type=fields.tunnel_type(text)))


def _tunnel_port(server: RealServer, text: str) -> RealServer:
    return replace(server, tunnel=replace(server.tunnel, port=fields.number("tunnel.port", text)))


def _tunnel_checksum(server: RealServer, text: str) -> RealServer:
    return replace(server, tunnel=replace(server.tunnel, checksum=fields.checksum(text)))


def _resume(server: RealServer, text: str) -> RealServer:
    return replace(server, resume=None if text in _NONE else fields.number("resume", text))


_SERVER: Final[_Setters[RealServer]] = {
    "forwarding": lambda server, text: replace(server, forwarding=fields.forwarding(text)),
    "weight": lambda server, text: staging.weighed(server, fields.number("weight", text)),
    "upper": lambda server, text: replace(server, upper=fields.number("upper", text)),
    "lower": lambda server, text: replace(server, lower=fields.number("lower", text)),
    "tunnel.type": _tunnel_type,
    "tunnel.port": _tunnel_port,
    "tunnel.checksum": _tunnel_checksum,
    "name": lambda server, text: replace(server, name=fields.label("name", text)),
    "resume": _resume,
}

_TIMEOUTS: Final[_Setters[Timeouts]] = {
    "tcp": lambda timeouts, text: replace(timeouts, tcp=fields.number("tcp", text)),
    "tcp_fin": lambda timeouts, text: replace(timeouts, tcp_fin=fields.number("tcp_fin", text)),
    "udp": lambda timeouts, text: replace(timeouts, udp=fields.number("udp", text)),
}

_DAEMON: Final[_Setters[SyncDaemon]] = {
    "interface": lambda daemon, text: replace(daemon, interface=fields.interface(text)),
    "id": lambda daemon, text: replace(daemon, id=fields.number("id", text)),
    "max_length": lambda daemon, text: replace(daemon, max_length=fields.number("max_length", text)),
    "group": lambda daemon, text: replace(daemon, group=fields.address("group", text)),
    "port": lambda daemon, text: replace(daemon, port=fields.number("port", text)),
    "ttl": lambda daemon, text: replace(daemon, ttl=fields.number("ttl", text)),
}
