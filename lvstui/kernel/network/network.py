"""The network of a namespace, asked by way of pyroute2, /proc and packet sockets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from lvstui.core.doctor.facts import Claim, Hearing, NetworkFacts
from lvstui.core.model import Address, SyncDaemon
from lvstui.core.trace.route import Route, RouteQuestion
from lvstui.kernel.namespace import call_in
from lvstui.kernel.network.facts import filtered, read_facts
from lvstui.kernel.network.listening import hear_masters
from lvstui.kernel.network.owners import ask_owners
from lvstui.kernel.routes import find_interface, find_route, find_routes


class LiveNetwork:
    """The network of the namespace `netns` (a name of `ip netns`) or of our own."""

    def __init__(self, netns: str | None = None) -> None:
        self._netns = netns

    def read(self) -> NetworkFacts:
        """Read links, addresses and settings."""
        return call_in(self._netns, read_facts, apart=True)  # as pyroute2 would join an event loop of this thread

    def filtered(self) -> int | None:
        """Read how many packets rp_filter has dropped."""
        return call_in(self._netns, filtered)

    def index(self, name: str) -> int | None:
        """Return the number of an interface."""
        return find_interface(name, self._netns)

    def route(self, question: RouteQuestion) -> Route:
        """Ask for a route."""
        return find_route(question, self._netns)

    def routes(self, questions: Sequence[RouteQuestion]) -> Sequence[Route]:
        """Ask for several routes."""
        return find_routes(questions, self._netns)

    def owners(self, asked: Mapping[Address, str]) -> Mapping[Address, Claim]:
        """Ask who else has addresses."""
        return call_in(self._netns, partial(ask_owners, asked))

    def masters(self, daemon: SyncDaemon) -> Hearing:
        """Listen for masters."""
        return call_in(self._netns, partial(hear_masters, daemon))
