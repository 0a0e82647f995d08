"""What a filter of the services view can ask of services, real servers and machines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypeVar

from lvstui.core import fields
from lvstui.core.model import (
    Address,
    AddressKey,
    Director,
    MarkKey,
    RealServer,
    ServerKey,
    Service,
    ServiceKey,
)
from lvstui.core.observed import MachineKey, Stats
from lvstui.core.services.columns import method_of, name_of, state_words
from lvstui.core.services.row import (
    STATES,
    MachineRow,
    Row,
    ServerRow,
    ServiceRow,
    service_options,
)
from lvstui.core.view.brief import server_options
from lvstui.core.view.filter import Language, Number, Text

_V = TypeVar("_V")


def _where_known(number: int | None) -> Iterable[float] | None:
    return None if number is None else (number,)


def _of_stats(get: Callable[[Stats], int]) -> Callable[[Row], Iterable[float] | None]:
    return lambda row: _where_known(None if row.seen.stats is None else get(row.seen.stats))


def _of_server(get: Callable[[RealServer], float]) -> Callable[[Row], Iterable[float] | None]:
    return lambda row: (get(row.server),) if isinstance(row, ServerRow) else None


def _of_service(get: Callable[[Service], Iterable[_V]]) -> Callable[[Row], Iterable[_V] | None]:
    """Return what gets something of the service that a row is or belongs to; a machine has none."""
    return lambda row: None if isinstance(row, MachineRow) else get(row.pool.service)


def _ports(row: Row) -> Iterable[float] | None:
    if isinstance(row, MachineRow):
        return None
    key = row.pool.service.key
    service = (key.port,) if isinstance(key, AddressKey) else ()
    return (*service, row.key.endpoint.port) if isinstance(row, ServerRow) else service


def _names(row: Row) -> Iterable[str] | None:
    if isinstance(row, MachineRow):
        return None
    service = row.pool.service.name
    return (service, row.server.name) if isinstance(row, ServerRow) else (service,)


def _addresses(row: Row) -> Iterable[Address]:
    match row:
        case ServerRow(_, _, ServerKey(AddressKey(_, address), endpoint)):
            return address, endpoint.address
        case ServerRow():
            return (row.key.endpoint.address,)
        case MachineRow(_, _, MachineKey(address)):
            return (address,)
        case ServiceRow():
            return (row.key.address,) if isinstance(row.key, AddressKey) else ()


def _service_words(director: Director) -> Mapping[ServiceKey, str]:
    """Return all that each service shows of what it is, in lower case: put together once for all of its servers."""
    words = {}
    for key, pool in director.pools.items():
        service = pool.service
        text = f"{fields.service_text(key)} {service.name} {service.scheduler} {service_options(service)}"
        words[key] = text.casefold()
    return words


def _text(row: Row) -> str:
    """Return what a row shows, of a server also its service; numbers are asked for by field, as traffic moves them."""
    state = " ".join(state_words(row))
    if isinstance(row, MachineRow):
        return f"{row.key.address} {name_of(row).casefold()} {state}"
    words = row.snapshot.derive(_service_words, row.snapshot.reading.director)
    if isinstance(row, ServiceRow):
        return f"{words[row.key]} {state}"
    server = row.server
    method = fields.forwarding_text(server.forwarding)
    shown = f"{fields.server_text(server.endpoint)} {server.name} {method} {server_options(server)}"
    return f"{words[row.key.service]} {shown.casefold()} {state}"


LANGUAGE: Final[Language[Row]] = Language(
    text=_text,
    addresses=_addresses,
    operators=(
        Number("weight", "of a real server", _of_server(lambda server: server.weight)),
        Number("upper", "threshold above which a real server gets no new clients", _of_server(lambda s: s.upper)),
        Number("lower", "threshold below which it gets some again", _of_server(lambda server: server.lower)),
        Number("active", "connections established", lambda row: (row.seen.active,)),
        Number("inactive", "all other connections", lambda row: (row.seen.inactive,), aliases=("inact",)),
        Number("sticky", "persistence entries", lambda row: _where_known(row.seen.sticky)),
        Number("conn/s", "new connections per second", _of_stats(lambda s: s.connection_rate), aliases=("conns",)),
        Number("in", "bytes per second from clients", _of_stats(lambda stats: stats.in_byte_rate)),
        Number("out", "bytes per second to clients", _of_stats(lambda stats: stats.out_byte_rate)),
        Number("port", "of the service or the real server", _ports),
        Number(
            "mark",
            "the firewall mark of a service",
            _of_service(lambda service: (service.key.mark,) if isinstance(service.key, MarkKey) else ()),
        ),
        Number(
            "persistence",
            "seconds that clients stick, 0 for none",
            _of_service(lambda service: (service.persistence.timeout if service.persistence else 0,)),
        ),
        Text("name", "of the service or the real server; a part is enough", _names, part=True),
        Text("note", "of the service; a part is enough", _of_service(lambda service: (service.note,)), part=True),
        Text("scheduler", "of the service", _of_service(lambda service: (service.scheduler,))),
        Text(
            "flag",
            "of the service, such as ops",
            _of_service(lambda service: fields.flag_words(service.flags, service.scheduler)),
            aliases=("flags",),
        ),
        Text(
            "forwarding",
            "masq, route, tunnel ...",
            lambda row: (method_of(row),) if isinstance(row, ServerRow) else None,
            aliases=("method",),
            words=tuple(fields.FORWARDING_WORDS.values()),
        ),
        Text(
            "proto",
            "tcp, udp, sctp",
            _of_service(
                lambda service: (
                    (fields.protocol_text(service.key.protocol),) if isinstance(service.key, AddressKey) else ()
                )
            ),
            aliases=("protocol",),
            words=tuple(fields.PROTOCOL_WORDS.values()),
        ),
        Text("state", "as in the column State", state_words, words=tuple(STATES)),
    ),
)
"""What a filter can ask of services, real servers and machines."""
