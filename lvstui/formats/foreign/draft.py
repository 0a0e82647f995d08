"""A director under construction from another program's file, with what is lost and what is wrong in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple, Protocol, TypeVar

from lvstui.core import fields, offer, rules
from lvstui.core.fields import FieldError, quote, visible
from lvstui.core.mistake import Mistake, Severity, file_text, in_order
from lvstui.core.model import (
    Address,
    AddressKey,
    Director,
    Endpoint,
    Family,
    Forwarding,
    Pool,
    RealServer,
    ServerKey,
    Service,
    ServiceKey,
    SyncDaemon,
    SyncRole,
    Timeouts,
)
from lvstui.core.model import Protocol as IpProtocol
from lvstui.core.words import did_you_mean, first_of

_Named = TypeVar("_Named", Service, RealServer)

OBJECTS_MAX: Final = 200_000
"""Services and servers that one file may lead to: twice 5,000 services of 20 servers."""

RANGE_MAX: Final = 4096
"""Addresses of one range."""

ERRORS_MAX: Final = 1000
"""Mistakes of one file that are listed; nobody reads more, and what repeats itself would go on for ever."""

_WHAT_MAX: Final = 1000
"""Characters that say what is lost; a line of megabytes is known by its beginning."""

_HINTS_MAX: Final = 50
"""Words for which a word that was meant is looked for, which takes a millisecond each."""


CERTIFICATE: Final = "kept, but the probe asks more: the certificate has to carry that name"
"""What becomes of the name that a page is asked for over TLS, which other programs compare with nothing."""


class Spot(NamedTuple):
    """A line of a file, counted from 1."""

    file: str
    line: int


class Place(NamedTuple):
    """Where a service or a server stands in a file: its first and last line, and the line of each value."""

    first: Spot
    last: int
    values: Mapping[str, Spot] = {}


@dataclass(slots=True)
class Valued:
    """A part of a file that begins on a line and has values by their keys, each on a line of its own."""

    spot: Spot
    values: dict[str, tuple[Spot, str]] = field(default_factory=dict, kw_only=True)

    def text(self, key: str, usual: str = "") -> str:
        """Return a value, the usual one where it does not stand here."""
        return self.values[key][1] if key in self.values else usual

    def where(self, key: str) -> Spot:
        """Return the line of a value, that of the part where it does not stand here."""
        return self.values[key][0] if key in self.values else self.spot


class Loss(NamedTuple):
    """Something that a profile does not hold as it stands in the file: where, what it was and what became of it."""

    file: str
    line: int
    what: str
    became: str

    def __str__(self) -> str:
        return f"{file_text(self.file)}:{self.line}: loss: {visible(self.what)}: {visible(self.became)}"


class Imported(NamedTuple):
    """What a file says, as far as it can be read: nothing else was dropped, and nothing guessed."""

    director: Director
    losses: tuple[Loss, ...]
    mistakes: tuple[Mistake, ...]
    places: Mapping[ServiceKey | ServerKey, Place] = {}

    @property
    def refused(self) -> bool:
        """Whether a part of the file cannot be read, or would be refused by the kernel."""
        return any(one.severity is Severity.ERROR for one in self.mistakes)


class Names(Protocol):
    """Looks names of hosts and ports up, as the programs do that read these files."""

    def addresses(self, host: str) -> Sequence[Address]:
        """Return the addresses of a host, none where it has none.

        Raises TimeoutError, which begins a sentence: `the name servers did not say in time`.
        """

    def port(self, name: str, protocol: str) -> int | None:
        """Return the port that a name stands for, None where it is not known."""


class TooMuch(Exception):
    """A file that leads to more than anybody means, at a line behind which nothing was read."""

    def __init__(self, spot: Spot, sentence: str) -> None:
        super().__init__(sentence)
        self.spot = spot
        self.sentence = sentence


class Hosts:
    """Reads addresses and ports, by their names too; `lose` notes that a name was written as what it stands for."""

    def __init__(self, names: Names, lose: Callable[[Spot, str, str], None]) -> None:
        self._names = names
        self._lose = lose
        self._looked_up: dict[str, Sequence[Address]] = {}

    def address(self, spot: Spot, field: str, text: str, family: Family | None = None) -> Address:
        """Read an address, or look the name of a host up; raises `FieldError`."""
        try:
            found = fields.address(field, text)
        except FieldError:
            found = self._look_up(spot, field, text, family)
        if family is not None and Family.of(found) is not family:
            raise FieldError(field, f"must be an {family.word} address here, not {quote(text)}")
        return found

    def _look_up(self, spot: Spot, field: str, host: str, family: Family | None) -> Address:
        if not any(letter.isalpha() for letter in host) or not all(c.isalnum() or c in "._-" for c in host):
            raise FieldError(field, f"{quote(host)} is neither an address nor the name of a host")
        if host not in self._looked_up:
            try:
                self._looked_up[host] = self._names.addresses(host)
            except TimeoutError as error:
                raise FieldError(field, f"{error} what {quote(host)} is; write its address") from None
        found = [one for one in self._looked_up[host] if family in (None, Family.of(one))]
        if not found:
            raise FieldError(field, f"{quote(host)} is not known here as the name of a host; write its address")
        if len(found) > 1:
            several = first_of([*map(str, found)])
            raise FieldError(field, f"{quote(host)} has several addresses; write the one that is meant: {several}")
        self._lose(spot, f"host {host}", f"written as {found[0]}, its address here and now")
        return found[0]

    def port(self, field: str, text: str, protocol: IpProtocol | None) -> int:
        """Read a port, 0 to 65535, by its name too; raises `FieldError`."""
        if (text.isascii() and text.isalnum() and not text.isdigit()) or "-" in text:
            words = [fields.protocol_text(protocol)] if protocol else ["tcp", "udp"]
            for word in words:
                if (found := self._names.port(text, word)) is not None:
                    return found
            raise FieldError(field, f"{quote(text)} is not known here as the name of a port; write its number")
        return fields.number(field, text, (0, 65535))


def is_text(draft: Draft, spot: Spot, line: str) -> bool:
    """Return whether a line without its comment is text; note one with bytes of another encoding (surrogates)."""
    if line.isascii() or not any("\udc80" <= character <= "\udcff" for character in line):
        return True
    draft.mistake(spot, "file", "not UTF-8; save the file in UTF-8")
    return False


class Draft:
    """Collects services and servers with the lines that they come from."""

    def __init__(self, names: Names) -> None:
        self.hosts = Hosts(names, self.lose)
        self._spots: dict[ServiceKey | ServerKey, Spot] = {}
        self._places: dict[ServiceKey | ServerKey, Place] = {}
        self._services: dict[ServiceKey, Service] = {}
        self._servers: dict[ServiceKey, dict[Endpoint, RealServer]] = {}
        self._taken: dict[ServiceKey | None, set[str]] = {}
        self._hints: dict[str, str] = {}
        self._losses: list[Loss] = []
        self._mistakes: list[Mistake] = []
        self._errors = 0
        self.timeouts: Timeouts | None = None
        self.daemons: dict[SyncRole, SyncDaemon] = {}
        self._daemon_spots: dict[str, Spot] = {}

    def lose(self, spot: Spot, what: str, became: str) -> None:
        """Note what a profile does not hold."""
        what = what if len(what) <= _WHAT_MAX else f"{what[:_WHAT_MAX]}..."
        self._losses.append(Loss(spot.file, spot.line, what, became))

    def lose_comments(self, spots: Sequence[Spot]) -> None:
        """Note the lines that are comments, once for each file."""
        lines: dict[str, list[int]] = {}
        for spot in spots:
            lines.setdefault(spot.file, []).append(spot.line)
        for file, found in lines.items():
            where = first_of([*map(str, found)])
            self.lose(
                Spot(file, found[0]), "comments", f"left out, in {'line' if len(found) == 1 else 'lines'} {where}"
            )

    def mistake(self, spot: Spot, field: str, sentence: str, severity: Severity = Severity.ERROR) -> None:
        """Note what is wrong in the file; raises `TooMuch`."""
        self._errors += severity is Severity.ERROR
        if self._errors > ERRORS_MAX:
            raise TooMuch(spot, f"more than {ERRORS_MAX:,} errors up to here; correct those before")
        self._mistakes.append(Mistake(spot.file, spot.line, field, sentence, severity))

    def hint(self, word: str, known: Iterable[str]) -> str:
        """Return the question whether a known word was meant, empty where none is near or enough were asked."""
        if word not in self._hints and len(self._hints) < _HINTS_MAX:
            self._hints[word] = did_you_mean(word[:40], known)
        return self._hints.get(word, "")

    def wrong(self, spot: Spot, error: FieldError) -> None:
        """Note a value that cannot be read."""
        self.mistake(spot, error.field, error.sentence)

    def add_daemon(self, spot: Spot, daemon: SyncDaemon) -> None:
        """Add a sync daemon, or put it in the place of the one with its role."""
        self.daemons[daemon.role] = daemon
        self._daemon_spots[f"sync {fields.ROLE_WORDS[daemon.role]}"] = spot

    def add_service(self, spot: Spot, service: Service, place: Place | None = None) -> bool:
        """Add a service; one that is there already is a mistake."""
        key = service.key
        if key in self._services:
            there = self._spots[key]
            self.mistake(
                spot, "service", f"{fields.service_text(key)} stands in line {there.line} already; take one out"
            )
            return False
        self._room(spot)
        self._services[key] = self._named(spot, service, None)
        self._servers[key] = {}
        self._spots[key] = spot
        if place:
            self._places[key] = place
        return True

    def change_service(self, spot: Spot, service: Service) -> None:
        """Put a service in the place of the one with its key, or forget it there."""
        self._services[service.key] = service
        self._spots[service.key] = spot

    def forget_services(self, key: ServiceKey | None = None) -> None:
        """Take a service out with its servers, or all of them."""
        for one in [*self._services] if key is None else [key]:
            del self._services[one], self._servers[one]

    def spot_of(self, key: ServiceKey | ServerKey) -> Spot | None:
        """Return where a service or server was said last, None where nowhere."""
        return self._spots.get(key)

    def servers_of(self, key: ServiceKey) -> dict[Endpoint, RealServer] | None:
        """Return the servers of a service, to be changed; None where there is no such service."""
        return self._servers.get(key)

    def add_server(self, spot: Spot, key: ServiceKey, server: RealServer, place: Place | None = None) -> bool:
        """Add a server to a service that is there; with route and tunnel it gets the port of the service."""
        server = self.with_port(spot, key, server)
        servers = self._servers[key]
        if server.endpoint in servers:
            there = self._spots[ServerKey(key, server.endpoint)]
            text = fields.server_text(server.endpoint)
            self.mistake(spot, "server", f"{text} stands in line {there.line} already; take one out")
            return False
        self._room(spot)
        servers[server.endpoint] = self._named(spot, server, key)
        self._spots[ServerKey(key, server.endpoint)] = spot
        if place:
            self._places[ServerKey(key, server.endpoint)] = place
        return True

    def with_port(self, spot: Spot, key: ServiceKey, server: RealServer) -> RealServer:
        """Return a server with the port that it gets: packets by route and tunnel keep the port of the service."""
        if not isinstance(key, AddressKey) or server.forwarding not in (Forwarding.ROUTE, Forwarding.TUNNEL):
            return server
        address, port = server.endpoint
        if port not in (0, key.port):
            method = fields.forwarding_text(server.forwarding)
            self.lose(spot, f"port {port}", f"written as {key.port}: with {method} a server has the service's port")
        return replace(server, endpoint=Endpoint(address, key.port))

    def _named(self, spot: Spot, named: _Named, within: ServiceKey | None) -> _Named:
        """Return a service or server without a name that another one has, or that is too long."""
        if not named.name:
            return named
        wrong = fields.misread(lambda text: fields.label("name", text), named.name)
        taken = self._taken.setdefault(within, set())
        if wrong is None and named.name not in taken:
            taken.add(named.name)
            return named
        why = wrong.sentence if wrong else "another one has it already"
        self.lose(spot, f"name {quote(named.name)}", f"left out: {why}")
        return replace(named, name="")

    def _room(self, spot: Spot) -> None:
        if len(self._spots) >= OBJECTS_MAX:
            raise TooMuch(spot, f"leads to more than {OBJECTS_MAX:,} services and servers; import the file in parts")

    def imported(self) -> Imported:
        """Return all of it, with what a kernel would refuse and what would not work; raises `TooMuch`."""
        pools = {key: Pool(service, self._servers[key]) for key, service in self._services.items()}
        director = Director(pools, self.timeouts, self.daemons or None)
        self._check(director)
        return self._said(director)

    def stopped(self, much: TooMuch) -> Imported:
        """Return what was said before it was too much; the director is none."""
        self._mistakes.append(Mistake(much.spot.file, much.spot.line, "file", much.sentence))
        return self._said(Director())

    def _said(self, director: Director) -> Imported:
        losses = sorted(dict.fromkeys(self._losses), key=lambda one: (one.file, one.line))
        by_file: dict[str, list[Mistake]] = {}
        for mistake in self._mistakes:
            by_file.setdefault(mistake.file, []).append(mistake)
        mistakes = tuple(one for found in by_file.values() for one in in_order(found))
        return Imported(director, tuple(losses), mistakes, self._places)

    def _check(self, director: Director) -> None:
        """Find what is wrong with objects beside others, though each value of theirs can be read."""
        spots = {**self._daemon_spots, **{_where(key): spot for key, spot in self._spots.items()}}
        for problem in rules.check(director):
            if spot := spots.get(problem.where):
                self.mistake(spot, problem.field, problem.sentence, problem.severity)
        unknown: set[tuple[str, str]] = set()
        for service in self._services.values():
            words = (service.scheduler, service.engine)
            if words in unknown or len(unknown) >= _HINTS_MAX:
                continue
            for problem in offer.service_problems(service, offer.UNKNOWN):
                unknown.add(words)
                self.mistake(self._spots[service.key], problem.field, problem.sentence, problem.severity)


def _where(key: ServiceKey | ServerKey) -> str:
    """Return how rules.py says where a problem is."""
    if isinstance(key, ServerKey):
        return f"{fields.service_text(key.service)} / {fields.server_text(key.endpoint)}"
    return fields.service_text(key)
