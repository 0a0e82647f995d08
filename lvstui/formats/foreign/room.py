"""What a file of another program has room for, and what becomes of the rest: never dropped in silence."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from lvstui.core import fields
from lvstui.core.describe import probe_text
from lvstui.core.fields import visible
from lvstui.core.model import (
    Director,
    Endpoint,
    Family,
    Forwarding,
    MarkKey,
    Probe,
    Protocol,
    RealServer,
    ServerKey,
    Service,
    ServiceFlags,
    ServiceKey,
    SyncDaemon,
    SyncRole,
)

TCP_AND_UDP: Final = frozenset((Protocol.TCP, Protocol.UDP))
EVERY_PROTOCOL: Final = frozenset(Protocol)
BOTH_FAMILIES: Final = frozenset(Family)
METHODS: Final = frozenset((Forwarding.MASQ, Forwarding.ROUTE, Forwarding.TUNNEL))

_COMMENT_MAX: Final = 200
"""Characters of a line of comment: keepalived cuts lines at 1,023 bytes and reads on behind that."""


class Leftover(NamedTuple):
    """Something of an object that a file does not hold as it is: where, what it was and what became of it."""

    where: str
    what: str
    became: str

    def __str__(self) -> str:
        return f"{visible(self.where)}: loss: {visible(self.what)}: {visible(self.became)}"


class Leftovers:
    """Collects what a file does not hold, in the order of its objects."""

    def __init__(self) -> None:
        self._found: list[Leftover] = []
        self._comments: dict[ServiceKey | ServerKey, list[str]] = {}

    def lose(self, where: str, what: str, became: str) -> None:
        """Note what a file does not hold."""
        self._found.append(Leftover(where, what, became))

    def comment(self, target: ServiceKey | ServerKey, text: str) -> None:
        """Keep a text that a file has room for in a comment only."""
        self._comments.setdefault(target, []).append(text)

    def comments(self, target: ServiceKey | ServerKey, indent: str = "") -> list[str]:
        """Return the lines of comment above an object."""
        return [line for text in self._comments.get(target, ()) for line in comment_lines(text, indent)]

    @property
    def found(self) -> tuple[Leftover, ...]:
        """All of them."""
        return tuple(self._found)


@dataclass(frozen=True, slots=True)
class Asking:
    """A service whose probe is to become a check of another program, with the servers that it goes to."""

    service: Service
    servers: Mapping[Endpoint, RealServer]
    director: Director

    @property
    def where(self) -> str:
        """The service in a loss."""
        return fields.service_text(self.service.key)

    @property
    def has_ports(self) -> bool:
        """Whether each server has a port that can be asked."""
        return all(endpoint.port for endpoint in self.servers)


def lacks_port(left: Leftovers, asking: Asking, probe: Probe) -> bool:
    """Return whether there is no port to ask a service's servers at, and note that its probe is lost by that."""
    if probe.port or asking.has_ports:
        return False
    left.lose(asking.where, f"probe {probe_text(probe)}", "left out: its servers have no port that could be asked")
    return True


CheckFit = Callable[[Leftovers, Asking], "Probe | None"]
"""Returns the probe that a program's check asks in place of a service's, None for no check; notes what is lost."""


@dataclass(frozen=True, slots=True)
class Room:
    """What a file of a program has room for.

    `flags` are those of the schedulers, `one_packet` says which keys can have that flag. `mark_ports` says whether
    servers by route and tunnel keep a port where the service is a mark, `masq_port_0` whether a server by masq may
    have none where its service has one, `every_port` whether a service may have none,
    `sync` whether these daemons can run, and `sync_rule` which ones do. `timeout_max` is 0 where there
    is no room for timeouts, `same` by what servers of all services are taken for one, which has the thresholds of the
    first, `mask_0` whether all clients can count as one. What has no room as a name or note goes
    into a comment, where there are `comments`.
    """

    program: str
    protocols: frozenset[Protocol]
    families: frozenset[Family]
    schedulers: Callable[[str], bool]
    flags: ServiceFlags
    one_packet: Callable[[ServiceKey], bool]
    engines: bool
    thresholds: bool
    tunnels: bool
    mixed: bool
    mark_ports: bool
    masq_port_0: bool
    empty: bool
    every_port: bool
    sync: Callable[[Mapping[SyncRole, SyncDaemon]], bool]
    timeout_max: int
    check: CheckFit
    service_name: Callable[[str], bool]
    server_name: Callable[[str], bool]
    note: Callable[[str], bool]
    comments: bool = True
    one_method: bool = False
    mark_max: int = 2**32 - 1
    mask_0: bool = True
    sync_rule: str = "starts none"
    same: Callable[[Service, RealServer], Hashable] | None = None


def is_udp_or_mark(key: ServiceKey) -> bool:
    """Return whether a service may schedule each packet by itself (ops): of UDP, or of a mark, which can have UDP."""
    return isinstance(key, MarkKey) or key.protocol is Protocol.UDP


def never(_: object) -> bool:
    """Return False: there is no room for such a thing at all."""
    return False


def is_plain(text: str) -> bool:
    """Return whether a text reads as what it is, on one line."""
    return visible(text) == text


def name_lines(director: Director) -> list[str]:
    """Return what a file says of the name of a director, at its head."""
    return comment_lines(f"name: {director.name}") if director.name else []


def comment_lines(text: str, indent: str = "") -> list[str]:
    """Write a text as comments that end nothing and go on nowhere: no line is long, none ends with a backslash."""
    shown = visible(text)
    parts = [shown[begin : begin + _COMMENT_MAX] for begin in range(0, len(shown), _COMMENT_MAX)]
    return [f"{indent}# {part}{'.' if part.endswith(chr(92)) else ''}" for part in parts]
