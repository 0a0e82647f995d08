"""The facts that the doctor needs, gathered from one kernel: nothing is written, and hardly anything is sent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from typing import Final

from lvstui.core.doctor.facts import ANYBODY, Claim, Facts, NetworkFacts, Passage, servers_by
from lvstui.core.marks.mark import mark_at
from lvstui.core.model import (
    Address,
    AddressKey,
    Director,
    Family,
    Forwarding,
    Pool,
    Protocol,
    RealServer,
    ServerKey,
    ServiceKey,
    SyncRole,
)
from lvstui.core.observed import Scan
from lvstui.core.packets.packet import Packet
from lvstui.core.packets.program import Outcome
from lvstui.core.packets.walk import walk_answer, walk_sent
from lvstui.core.probes.answer import Answer
from lvstui.core.snapshot import Snapshot
from lvstui.core.trace.route import Route, RouteQuestion
from lvstui.core.trace.trace import Trace, trace
from lvstui.engine.prober import ask_all, inquiries
from lvstui.engine.scanner import read_table
from lvstui.engine.tracer import environment, surroundings
from lvstui.kernel.port import Kernel, Network

BUDGET: Final = 2.0
"""Seconds that the connection table is read for at most."""

_CLIENTS: Final = 2
"""So many clients of each service are followed."""

_SERVERS: Final = 500
"""What goes to so many servers is followed, and what comes from so many."""

_SELECTORS: Final = 3
"""So many of the packets that get a mark are followed."""

_PORT: Final = 80
"""The first port that is tried where a service or a mark has all of them."""


def gather(
    kernel: Kernel,
    snapshot: Snapshot,
    keys: Iterable[ServiceKey],
    scan: Scan | None = None,
    *,
    probe: bool = False,
    budget: float = BUDGET,
) -> Facts:
    """Return everything that the questions about these services need. Raises `KernelError`.

    The connection table is read for `budget` seconds at most, unless there is a `scan` of all of it. Each virtual
    address is asked for once on its link; with `probe` each real server is asked too, by the way of its traffic.
    """
    director, network = snapshot.reading.director, kernel.network
    pools = tuple(director.pools[key] for key in keys if key in director.pools)
    known = network.read()
    probes = _probes(kernel, snapshot, pools) if probe else {}  # first, as they show who is a neighbour
    if scan is None:
        scan = read_table(kernel, budget, engines=False)
    routes = _Routes(network)
    servers = [endpoint.address for pool in pools for endpoint in pool.servers]
    clients = {family: _any_client(family, known) for family in Family}
    routes.fetch(RouteQuestion(address) for address in (*servers, *clients.values()))
    facts = Facts(snapshot, pools, known, scan=scan, probes=probes)
    facts = replace(
        facts,
        routes={address: routes(RouteQuestion(address)) for address in servers},
        back={family: routes(RouteQuestion(client)) for family, client in clients.items()},
    )
    facts = replace(facts, ways=_follow(kernel, facts, routes))
    facts = replace(facts, claims=_claims(kernel, facts))
    legs = _Legs(kernel, facts, routes)
    facts = replace(facts, sent=legs.sent(), answered=legs.answered())
    daemon = director.daemons.get(SyncRole.MASTER)
    if daemon is not None:
        facts = replace(facts, heard=network.masters(daemon))
    before, now = known.filtered, network.filtered()
    return facts if before is None or now is None else replace(facts, filtered=now - before)


class _Routes:
    """Answers to questions for routes, each asked once."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._known: dict[RouteQuestion, Route] = {}

    def fetch(self, questions: Iterable[RouteQuestion]) -> None:
        """Ask for several at once."""
        new = [question for question in dict.fromkeys(questions) if question not in self._known]
        self._known.update(zip(new, self._network.routes(new), strict=True))

    def __call__(self, question: RouteQuestion) -> Route:
        """Return the answer to one question."""
        if question not in self._known:
            self._known[question] = self._network.route(question)
        return self._known[question]


def _any_client(family: Family, network: NetworkFacts) -> Address:
    """Return an address behind a router, as most clients have; another one where no router is known."""
    beyond = (address for address in network.beyond if Family.of(address) is family)
    return next(beyond, ANYBODY[family])


def _follow(kernel: Kernel, facts: Facts, routes: _Routes) -> Mapping[ServiceKey, tuple[Trace, ...]]:
    """Follow packets to each service through the rules, by the link on which its virtual address is asked for."""
    seen = _seen_clients(facts)
    packets = {pool.service.key: tuple(_packets(pool, facts, seen, routes)) for pool in facts.pools}
    every = [packet for some in packets.values() for packet in some]
    routes.fetch(RouteQuestion(address) for packet in every for address in (packet.source, packet.destination))
    coming = ((packet, packet.interface or routes(RouteQuestion(packet.source)).interface) for packet in every)
    routes.fetch(RouteQuestion(packet.destination, packet.source, 0, by) for packet, by in coming if by)
    met = environment(kernel, routes, facts.reading)
    return {key: tuple(trace(packet, met) for packet in some) for key, some in packets.items()}


class _Legs:
    """What goes to and fro between this machine and the real servers, followed through its rules."""

    def __init__(self, kernel: Kernel, facts: Facts, routes: _Routes) -> None:
        self._facts = facts
        self._routes = routes
        self._program = kernel.program()
        tracked = facts.setting("conntrack") not in ("", "0")
        self._around = replace(surroundings(kernel, routes, facts.reading), balanced=True, tracked=tracked)
        self._clients = {(row.client.address, row.virtual.address) for row in facts.scan.connections}

    def sent(self) -> Mapping[ServerKey, Passage]:
        """Return what IPVS sends on to servers; what goes into a tunnel has other headers."""
        found: dict[ServerKey, Passage] = {}
        for key, server, asked in islice(self._asked(Forwarding.MASQ, Forwarding.ROUTE), _SERVERS):
            by, onward = self._facts.routes[server.endpoint.address].interface, asked
            if server.forwarding is Forwarding.MASQ:
                address, port = server.endpoint
                onward = replace(asked, destination=address, destination_port=port or asked.destination_port)
            onward = replace(onward, interface="", local=True, leaves_by=by)
            found[key] = Passage(onward, walk_sent(self._program, onward, self._around), self._is_seen(asked))
        return found

    def answered(self) -> Mapping[ServerKey, Passage]:
        """Return what masqueraded servers answer, to where IPVS gets it back."""
        found: dict[ServerKey, Passage] = {}
        for key, server, asked in islice(self._asked(Forwarding.MASQ), _SERVERS):
            (address, port), back = server.endpoint, self._routes(RouteQuestion(asked.source))
            by, port = self._facts.routes[address].interface, port or asked.destination_port
            answer = Packet(asked.protocol, address, asked.source, 0, port, by, leaves_by=back.interface)
            passage = Passage(answer, walk_answer(self._program, answer, self._around), self._is_seen(asked))
            if passage.dropped is not None and not self._around.tracked:
                known = walk_answer(self._program, answer, replace(self._around, tracked=True))
                helps = all(fate.outcome is Outcome.ACCEPT for fate in known.fates)
                passage = passage._replace(tracking_helps=helps)
            found[key] = passage
        return found

    def _asked(self, *methods: Forwarding) -> Iterator[tuple[ServerKey, RealServer, Packet]]:
        """Yield the servers that are other machines, each with a packet of a client of theirs that comes from one."""
        for pool in self._facts.pools:
            asked = next(iter(self._facts.packets(pool.service.key)), None)
            if asked is None or self._routes(RouteQuestion(asked.source)).kind != "unicast":
                continue
            for server in servers_by(pool, *methods):
                route = self._facts.routes.get(server.endpoint.address)
                if route is not None and route.kind == "unicast":
                    yield ServerKey(pool.service.key, server.endpoint), server, asked

    def _is_seen(self, asked: Packet) -> bool:
        return (asked.source, asked.destination) in self._clients


def _packets(
    pool: Pool, facts: Facts, seen: Mapping[Address, tuple[Address, ...]], routes: _Routes
) -> Iterator[Packet]:
    """Yield packets that open a connection to a service: of clients that were seen, else of any behind a router."""
    for protocol, address, port in _targets(pool, facts.snapshot):
        family, link = Family.of(address), facts.network.link_of(address)
        known = seen.get(address) or tuple(one for one in facts.network.beyond if Family.of(one) is family)
        for client in known[:_CLIENTS] or (ANYBODY[family],):
            is_routed = link is not None and routes(RouteQuestion(client)).kind == "unicast"
            yield Packet(protocol, client, address, port, interface=link.name if link and is_routed else "")


def _targets(pool: Pool, snapshot: Snapshot) -> Iterator[tuple[Protocol, Address, int]]:
    """Yield what packets for a service are sent to; of a mark what the rules give it to, as far as they say so."""
    key = pool.service.key
    if isinstance(key, AddressKey):
        yield key.protocol, key.address, key.port or _free_port(key, snapshot.reading.director)
        return
    wanted = [chosen for chosen in mark_at(snapshot, key.mark).selectors if chosen.addresses]
    for chosen in list(dict.fromkeys(wanted))[:_SELECTORS]:
        network = chosen.addresses[0]
        address = network[0] if network.prefixlen == network.max_prefixlen else network[1]
        if Family.of(address) is key.family:
            yield chosen.protocol or Protocol.TCP, address, chosen.ports[0].first if chosen.ports else _PORT


def _free_port(key: AddressKey, director: Director) -> int:
    """Return a port of a service on all ports that no other service takes from it."""
    return next(port for port in range(_PORT, 65536) if key._replace(port=port) not in director.pools)


def _seen_clients(facts: Facts) -> Mapping[Address, tuple[Address, ...]]:
    """Return some clients of each virtual address that has connections."""
    seen: dict[Address, dict[Address, None]] = {}
    for connection in facts.scan.connections:
        known = seen.setdefault(connection.virtual.address, {})
        if len(known) < _CLIENTS:
            known[connection.client.address] = None
    return {address: tuple(clients) for address, clients in seen.items()}


def _probes(kernel: Kernel, snapshot: Snapshot, pools: Iterable[Pool]) -> Mapping[ServerKey, tuple[Answer, ...]]:
    """Ask each real server as clients would."""
    keys = [ServerKey(pool.service.key, endpoint) for pool in pools for endpoint in pool.servers]
    found = ask_all(kernel, list(inquiries(snapshot, keys)))
    return {key: tuple(probed.answer for probed in asked) for key, asked in zip(keys, found, strict=True)}


def _claims(kernel: Kernel, facts: Facts) -> Mapping[Address, Claim]:
    """Ask who else has each virtual address; hosts with a link address of this machine are this machine."""
    asked: dict[Address, str] = {}
    for pool in facts.pools:
        for address in facts.addresses(pool):
            link = facts.network.link_of(address)
            if link is not None and link.asks and link.up:
                asked[address] = link.name
    own = {link.link_address for link in facts.network.links.values()}
    found = kernel.network.owners(asked) if asked else {}
    return {
        address: claim._replace(answers=tuple(host for host in claim.answers if host not in own))
        for address, claim in found.items()
    }
