"""What can be asked of services, real servers and machines in a filter; pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple, TypeAlias

from lvstui.core import fields
from lvstui.core.model import Address, AddressKey, MarkKey, RealServer, Service
from lvstui.core.observed import ServerStats
from lvstui.core.services.cells import STATES
from lvstui.core.view import filter as filtering


class Subject(NamedTuple):
    """What a filter is asked about: a service, a server with its service, or (neither) a machine.

    `text` is all that the row shows of what it is, and its state, in lower case; numbers are asked for by field, as
    rows would come and go with the traffic. It and the state are worked out only where a term asks for them.
    """

    service: Service | None
    server: RealServer | None
    addresses: tuple[Address, ...]
    seen: ServerStats
    state: Callable[[], str]
    text: Callable[[], str]


Filter: TypeAlias = filtering.Filter[Subject]
Numbers: TypeAlias = filtering.Numbers[Subject]
Texts: TypeAlias = filtering.Texts[Subject]

EVERYTHING: Final[Filter] = filtering.Filter()


def _of_server(get: Callable[[RealServer], float]) -> Numbers:
    return lambda subject: None if subject.server is None else (get(subject.server),)


def _of_service(get: Callable[[Service], Iterable[str]]) -> Texts:
    return lambda subject: None if subject.service is None else get(subject.service)


def _ports(subject: Subject) -> Iterable[float] | None:
    if subject.service is None:
        return None
    key = subject.service.key
    service = (key.port,) if isinstance(key, AddressKey) else ()
    return (*service, subject.server.endpoint.port) if subject.server else service


def _marks(subject: Subject) -> Iterable[float] | None:
    if subject.service is None:
        return None
    return (subject.service.key.mark,) if isinstance(subject.service.key, MarkKey) else ()


def _persistence(subject: Subject) -> Iterable[float] | None:
    if subject.service is None:
        return None
    return (subject.service.persistence.timeout if subject.service.persistence else 0,)


def _names(subject: Subject) -> Iterable[str] | None:
    if subject.service is None:
        return None
    return (subject.service.name, subject.server.name) if subject.server else (subject.service.name,)


def _protocols(service: Service) -> Iterable[str]:
    return (fields.protocol_text(service.key.protocol),) if isinstance(service.key, AddressKey) else ()


def _forwarding(server: RealServer) -> str:
    return fields.forwarding_text(server.forwarding)


_NUMBERS: Final[Mapping[str, Numbers]] = {
    "weight": _of_server(lambda server: server.weight),
    "upper": _of_server(lambda server: server.upper),
    "lower": _of_server(lambda server: server.lower),
    "active": lambda subject: (subject.seen.active,),
    "inactive": lambda subject: (subject.seen.inactive,),
    "sticky": lambda subject: (subject.seen.sticky,),
    "conn/s": lambda subject: (subject.seen.stats.connection_rate,),
    "in": lambda subject: (subject.seen.stats.in_byte_rate,),
    "out": lambda subject: (subject.seen.stats.out_byte_rate,),
    "port": _ports,
    "mark": _marks,
    "persistence": _persistence,
}

_TEXTS: Final[Mapping[str, Texts]] = {
    "name": _names,
    "note": _of_service(lambda service: (service.note,)),
    "scheduler": _of_service(lambda service: (service.scheduler,)),
    "flag": _of_service(lambda service: fields.flag_words(service.flags, service.scheduler)),
    "forwarding": lambda subject: None if subject.server is None else (_forwarding(subject.server),),
    "proto": _of_service(_protocols),
    "state": lambda subject: (subject.state(),),
}

_LANGUAGE: Final[filtering.Language[Subject]] = filtering.Language(
    text=lambda subject: subject.text(),
    addresses=lambda subject: subject.addresses,
    numbers=_NUMBERS,
    texts=_TEXTS,
    aliases={
        "method": "forwarding",
        "protocol": "proto",
        "conns": "conn/s",
        "inact": "inactive",
        "flags": "flag",
    },
    parts=("name", "note"),
    words={
        "forwarding": tuple(fields.FORWARDING_WORDS.values()),
        "proto": tuple(fields.PROTOCOL_WORDS.values()),
        "state": tuple(STATES),
    },
)

FIELDS: Final = _LANGUAGE.fields
"""What a term can ask for, for help."""

parse: Final = _LANGUAGE.parse
"""Reads a filter; raises `FieldError` with a sentence about the first term that is wrong."""
