"""All questions of the doctor, in the order in which one would ask, and what they find."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from lvstui.core.doctor import director, rules, servers, services
from lvstui.core.doctor.facts import Facts
from lvstui.core.doctor.finding import Finding, Found, Report
from lvstui.core.model import Pool


class _Question(NamedTuple):
    """A question about the director; what it is not for has no answer."""

    id: str
    words: str
    ask: Callable[[Facts], Found | None]


class _ServiceQuestion(NamedTuple):
    """A question about one service."""

    id: str
    words: str
    ask: Callable[[Facts, Pool], Found | None]


_SHARED: Final = (
    _Question("modules", "Is there a module for everything that the services need?", director.modules),
    _Question("standing-aside", "Does IPVS stand aside because a backup daemon runs here?", director.backup_only),
    _Question("masters", "Does another director send connections under the same id?", director.masters),
    _Question("forwarding", "Does this machine forward what masqueraded servers answer?", director.forwarding),
    _Question("rules", "Do this machine's own rules let packets to servers and their answers pass?", rules.rules),
    _Question("rp-filter", "Does the reverse path filter drop what comes in?", director.rp_filter),
    _Question("redirects", "Does this machine redirect servers to a way that misses it?", director.redirects),
    _Question("conntrack", "Is connection tracking's table full?", director.conntrack),
    _Question("table", "Is the connection table large enough?", director.table),
    _Question("defences", "Does the kernel defend itself by dropping what clients send?", director.defences),
    _Question("deleted", "Do clients hang on servers that have been deleted?", director.deleted),
)
"""What is asked once, whatever services are looked at."""

_EACH: Final = (
    _ServiceQuestion("address", "Do packets to the virtual address come to this machine?", services.virtual_address),
    _ServiceQuestion("other-owner", "Does another host answer for the virtual address?", services.other_owner),
    _ServiceQuestion("mark", "Do packets get the mark before IPVS looks at it?", services.mark),
    _ServiceQuestion("arrival", "Does a packet that opens a connection come to this service?", services.arrival),
    _ServiceQuestion("weights", "Is there a server that takes new connections?", services.weights),
    _ServiceQuestion("full", "Is a server at its upper threshold?", services.full),
    _ServiceQuestion("refusing", "Does the scheduler refuse clients whose server is drained?", services.refusing),
    _ServiceQuestion("ftp", "Do FTP's connections for data follow their control connection?", services.expected_data),
    _ServiceQuestion("routes", "Is there a way to each server, with a neighbour at its end?", servers.routes),
    _ServiceQuestion(
        "network", "Is each server of the method route in a network of this machine?", servers.same_network
    ),
    _ServiceQuestion("ports", "Is each server on the service's port, where packets keep theirs?", servers.ports),
    _ServiceQuestion("mtu", "Do full packets of clients fit into the tunnels?", servers.mtu),
    _ServiceQuestion("answers", "Do answers of masqueraded servers come back through this machine?", servers.answers),
    _ServiceQuestion("health", "Do the servers complete the connections that they get?", services.health),
    _ServiceQuestion("probe", "Does each server answer when it is asked by the way of the traffic?", servers.probe),
)


def examine(facts: Facts) -> Report:
    """Answer every question that is for the director and the services of these facts."""
    return Report(tuple(_findings(facts)), len(facts.pools))


def _findings(facts: Facts) -> Iterator[Finding]:
    for question in _SHARED:
        if (found := question.ask(facts)) is not None:
            yield Finding(question.id, question.words, None, found)
    advised = services.other_advice(facts)
    for pool in facts.pools:
        key = pool.service.key
        for asked in _EACH:
            if (found := asked.ask(facts, pool)) is not None:
                yield Finding(asked.id, asked.words, key, found)
        for found in advised.get(key, ()):
            yield Finding("advice", "What else does the advice say of it?", key, found)
