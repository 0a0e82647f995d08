"""The command probe: real servers are asked whether they are there, by the way of their clients' packets."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from lvstui.commands.naming import find_pool, find_server, split_words
from lvstui.commands.place import Failure, OpenPlace, Status, align, complain, print_json, read_with_owners
from lvstui.core import fields
from lvstui.core.attributes import SERVICE
from lvstui.core.change import change_service
from lvstui.core.fields import FieldError, quote, visible
from lvstui.core.model import AddressKey, Director, Forwarding, ServerKey
from lvstui.core.observed import MachineKey
from lvstui.core.probes.finding import Probed
from lvstui.core.rules import Severity, problems
from lvstui.core.services.batch import targets
from lvstui.core.services.keepers import keeper_lines
from lvstui.core.snapshot import Snapshot
from lvstui.engine.prober import ask_all, inquiries

_HEADINGS: Final = ("SERVICE", "SERVER", "PROBE", "MS", "FOUND")
_RIGHT: Final = frozenset((_HEADINGS.index("MS"),))


class _Line(NamedTuple):
    """A server, and what came of one question."""

    key: ServerKey
    probed: Probed


def probe(options: Namespace, open_place: OpenPlace) -> int:
    """Ask servers and print what came of it, a line each; the status is 3 where one does not answer as it should."""
    names, values = split_words(options.words, 2)
    at = None if options.at is None else _target(options.at)
    with open_place() as place:
        snapshot = read_with_owners(place)
        director = snapshot.reading.director
        keys = _chosen(options.machine, names, director)
        asking = _asking(snapshot, keys, values) if values else snapshot
        asked = list(inquiries(asking, keys, at=at, patience=options.wait))
        found = [
            _Line(inquiry.key, probed)
            for inquiry, answers in zip(asked, ask_all(place.kernel, asked), strict=True)
            for probed in answers
        ]
    keepers = [visible(sentence) for sentence in keeper_lines(snapshot.owners, director, (line.key for line in found))]
    if options.json:
        print_json({"probe": [_document(line, director) for line in found], "keeper": keepers})
    elif found:
        print("\n".join([*align([_HEADINGS, *(_cells(line, director) for line in found)], _RIGHT), *keepers]))
    else:
        print("There is no real server.")
    return Status.DIFFERS if any(line.probed.answer.outcome.is_bad for line in found) else Status.OK


def _chosen(machine: str | None, names: Sequence[str], director: Director) -> Sequence[ServerKey]:
    """Return the servers that are meant; without a word all of them."""
    if machine is not None:
        if names:
            raise Failure("write probe SERVICE [SERVER] or --machine ADDRESS", Status.USAGE)
        keys = list(targets(director, [MachineKey(fields.address("machine", machine))]))
        if not keys:
            raise Failure(f"no service has a server on {quote(machine)}; `lvstui show` lists them")
        return keys
    if not names:
        return list(targets(director, director.pools))
    pool = find_pool(names[0], director)
    if len(names) < 2:
        return list(targets(director, [pool.service.key]))
    return [ServerKey(pool.service.key, find_server(names[1], pool).endpoint)]


def _asking(snapshot: Snapshot, keys: Iterable[ServerKey], values: Mapping[str, str]) -> Snapshot:
    """Return what is seen, with services whose servers are asked something else. Raises `Failure`, `FieldError`."""
    known = [attribute.key for attribute in SERVICE.groups["probe"]]
    for name in values:
        if name not in known:
            raise FieldError(name, f"is no field of a probe; there are {', '.join(known)}")
    director = snapshot.reading.director
    pools = dict(director.pools)
    for key in dict.fromkeys(key.service for key in keys):
        held = pools[key].service
        service = SERVICE.assign(held, {f"probe.{name}": text for name, text in values.items()})
        for problem in problems(change_service(held, service), director):
            if problem.field.startswith("probe.") and problem.severity is Severity.ERROR:
                raise Failure(str(problem), Status.USAGE)
            if problem.field.startswith("probe."):
                complain(f"warning: {problem}")
        pools[key] = replace(pools[key], service=service)
    return replace(snapshot, reading=replace(snapshot.reading, director=replace(director, pools=pools)))


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
        "service_name": pool.service.name,
        "server": fields.server_text(endpoint),
        "server_name": server.name,
        "forwarding": fields.forwarding_text(server.forwarding),
        "tunnel": fields.tunnel_type_text(server.tunnel.type) if tunnelled else None,
        "protocol": fields.protocol_text(question.protocol) if question else None,
        "virtual": fields.server_text(question.virtual) if question and question.virtual else None,
        "asked": fields.server_text(question.endpoint) if question else None,
        "outcome": answer.outcome.value,
        "seconds": None if answer.milliseconds is None else round(answer.milliseconds / 1000, 6),
        "found": answer.sentence,
    }
