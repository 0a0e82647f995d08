"""What can be asked of marks in a filter: `mark=80`, `port=443`, `table=firewalld`, `state=ok`; pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple, TypeAlias

from lvstui.core import fields
from lvstui.core.marks.cells import STATES, group_cells, hook_text, match_text, matches, state, where
from lvstui.core.marks.mark import group_of, names_of, packets, pools_of, rules_of, sticky
from lvstui.core.model import Address, Selector
from lvstui.core.snapshot import Snapshot
from lvstui.core.view import filter as filtering


class MarkSubject(NamedTuple):
    """A mark with what is known of it."""

    snapshot: Snapshot
    mark: int


MarkFilter: TypeAlias = filtering.Filter[MarkSubject]

NO_MARK_FILTER: Final[MarkFilter] = filtering.Filter()


def _text(subject: MarkSubject) -> str:
    snapshot, mark = subject
    told = [cell.text for cell in group_cells(snapshot, mark, folded=True)]
    for rule in rules_of(snapshot, mark):
        told += [match_text(rule), *rule.match, rule.raw, rule.comment, rule.chain, *rule.path]
    for pool in pools_of(snapshot, mark):
        told += [pool.service.name]
        told += [word for server in pool.servers.values() for word in (server.name, str(server.endpoint.address))]
    return " ".join((*told, *matches(snapshot, mark))).casefold()


def _selectors(subject: MarkSubject) -> Iterable[Selector]:
    group = group_of(*subject)
    if group:
        yield from group.selectors
    for rule in rules_of(*subject):
        if rule.selector is not None:
            yield rule.selector


def _addresses(subject: MarkSubject) -> Iterable[Address]:
    for selector in _selectors(subject):
        yield from (network.network_address for network in selector.addresses)
    for pool in pools_of(*subject):
        yield from (endpoint.address for endpoint in pool.servers)


def _at(subject: MarkSubject, address: Address) -> bool:
    """Tell whether an address is one that packets are marked for, also within a network, or a real server's."""
    networks = (network for selector in _selectors(subject) for network in selector.addresses)
    servers = (end.address for pool in pools_of(*subject) for end in pool.servers)
    return any(address in network for network in networks) or address in servers


def _ports(subject: MarkSubject) -> Iterable[float]:
    """Give the ports that are named; of a range its ends."""
    return (port for selector in _selectors(subject) for ports in selector.ports for port in ports)


def _protocols(subject: MarkSubject) -> Iterable[str]:
    return (fields.protocol_text(each.protocol) for each in _selectors(subject) if each.protocol is not None)


def _server_names(subject: MarkSubject) -> Iterable[str]:
    for pool in pools_of(*subject):
        for endpoint, server in pool.servers.items():
            yield from (server.name, str(endpoint.address))


LANGUAGE: Final[filtering.Language[MarkSubject]] = filtering.Language(
    text=_text,
    addresses=_addresses,
    at=_at,
    operators=(
        filtering.Number("mark", "its number", lambda subject: (subject.mark,)),
        filtering.Number("port", "that packets are marked for; of a range its ends", _ports),
        filtering.Number(
            "packets", "that got it", lambda subject: None if (count := packets(*subject)) is None else (count,)
        ),
        filtering.Number(
            "servers",
            "how many real servers its services have",
            lambda subject: (sum(len(pool.servers) for pool in pools_of(*subject)),),
        ),
        filtering.Number("sticky", "persistence entries", lambda subject: (sticky(*subject),)),
        filtering.Number(
            "persist",
            "seconds that clients stick",
            lambda subject: (p.service.persistence.timeout for p in pools_of(*subject) if p.service.persistence),
            aliases=("persistence",),
            seconds=True,
        ),
        filtering.Text(
            "name",
            "of the group or a service; a part is enough",
            lambda subject: (*names_of(*subject), *(pool.service.name for pool in pools_of(*subject))),
            part=True,
        ),
        filtering.Text("server", "name or address of a real server", _server_names),
        filtering.Text(
            "table",
            "of a rule that sets it; a part is enough",
            lambda subject: (word for rule in rules_of(*subject) for word in (rule.table, where(rule))),
            aliases=("where",),
            part=True,
        ),
        filtering.Text(
            "hook",
            "of a rule that sets it; a part is enough",
            lambda subject: (hook_text(rule) for rule in rules_of(*subject)),
            part=True,
        ),
        filtering.Text(
            "proto", "tcp, udp, sctp", _protocols, aliases=("protocol",), words=tuple(fields.PROTOCOL_WORDS.values())
        ),
        filtering.Text(
            "state",
            "as in the column State, with - for blanks",
            lambda subject: (state(*subject).text, state(*subject).text.replace(" ", "-")),
            words=tuple(word.replace(" ", "-") for word in STATES),
        ),
    ),
)

MARK_FIELDS: Final = LANGUAGE.fields
"""What a term can ask for, for help."""

parse_marks: Final = LANGUAGE.parse
"""Read a filter; raises `FieldError` with a sentence about the first term that is wrong."""
