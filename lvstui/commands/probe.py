"""The command probe: real servers are asked whether they are there, by the way of their clients' packets."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from lvstui.commands.changes import find_pool, find_server
from lvstui.commands.place import Failure, OpenPlace, Status, align, print_json, read_snapshot
from lvstui.core import fields
from lvstui.core.fields import FieldError, quote, visible
from lvstui.core.model import AddressKey, Director, Forwarding, ServerKey
from lvstui.core.observed import MachineKey
from lvstui.core.probes.finding import Probed
from lvstui.core.services.batch import targets
from lvstui.engine.prober import ask_all, inquiries

_HEADINGS: Final = ("SERVICE", "SERVER", "PROBE", "MS", "FOUND")
_RIGHT: Final = frozenset((_HEADINGS.index("MS"),))


class _Line(NamedTuple):
    """A server, and what came of one question."""

    key: ServerKey
    probed: Probed


def probe(options: Namespace, open_place: OpenPlace) -> int:
    """Ask servers and print what came of it, a line each; the status is 3 where one does not answer as it should."""
    at = None if options.at is None else _target(options.at)
    with open_place() as place:
        snapshot = read_snapshot(place)
        director = snapshot.reading.director
        asked = list(inquiries(snapshot, _chosen(options, director), at=at, patience=options.wait))
        found = [
            _Line(inquiry.key, probed)
            for inquiry, answers in zip(asked, ask_all(place.kernel, asked), strict=True)
            for probed in answers
        ]
    if options.json:
        print_json({"probes": [_document(line, director) for line in found]})
    elif found:
        print("\n".join(align([_HEADINGS, *(_cells(line, director) for line in found)], _RIGHT)))
    else:
        print("There is no real server.")
    return Status.DIFFERS if any(line.probed.answer.outcome.is_bad for line in found) else Status.OK


def _chosen(options: Namespace, director: Director) -> Sequence[ServerKey]:
    """Return the servers that are meant; without a word all of them."""
    if options.machine is not None:
        if options.service is not None:
            raise Failure("write probe SERVICE [SERVER] or --machine ADDRESS", Status.USAGE)
        keys = list(targets(director, [MachineKey(fields.address("machine", options.machine))]))
        if not keys:
            raise Failure(f"no service has a server on {quote(options.machine)}; `lvstui show` lists them")
        return keys
    if options.service is None:
        return list(targets(director, director.pools))
    pool = find_pool(options.service, director)
    if options.server is None:
        return list(targets(director, [pool.service.key]))
    return [ServerKey(pool.service.key, find_server(options.server, pool).endpoint)]


def _target(text: str) -> AddressKey:
    """Read what clients send to."""
    try:
        key = fields.service(text)
    except FieldError as error:
        raise FieldError("at", error.sentence) from None
    if not isinstance(key, AddressKey) or not key.port:
        raise FieldError("at", f"{quote(text)} must be an address and a port, such as tcp:192.0.2.10:443")
    return key


def _cells(line: _Line, director: Director) -> Sequence[str]:
    """Return a line's cells: a server with the port that it was asked at."""
    (service, endpoint), (question, answer) = line.key, line.probed
    pool = director.pools[service]
    server = pool.servers[endpoint]
    address = fields.server_text(question.endpoint if question else endpoint)
    return [
        visible(pool.service.name) or fields.service_text(service),
        f"{visible(server.name)} {address}" if server.name else address,
        answer.outcome.value,
        "-" if answer.milliseconds is None else f"{answer.milliseconds:.1f}",
        visible(answer.sentence),
    ]


def _document(line: _Line, director: Director) -> Mapping[str, object]:
    """Return a line as a document; null stands for what is not known or there is none of."""
    (service, endpoint), (question, answer) = line.key, line.probed
    pool = director.pools[service]
    server = pool.servers[endpoint]
    tunnelled = server.forwarding is Forwarding.TUNNEL
    return {
        "service": fields.service_text(service),
        "service_name": pool.service.name or None,
        "server": fields.server_text(endpoint),
        "server_name": server.name or None,
        "forwarding": fields.forwarding_text(server.forwarding),
        "tunnel": fields.tunnel_type_text(server.tunnel.type) if tunnelled else None,
        "protocol": fields.protocol_text(question.protocol) if question else None,
        "virtual": fields.server_text(question.virtual) if question and question.virtual else None,
        "asked": fields.server_text(question.endpoint) if question else None,
        "outcome": answer.outcome.value,
        "milliseconds": None if answer.milliseconds is None else round(answer.milliseconds, 3),
        "found": answer.sentence,
    }
