"""What an edit does to clients, said before it is made: how many are refused after it, and which connections break."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from lvstui.core import fields
from lvstui.core.change import Change, change_service, fold, merge, service_of
from lvstui.core.describe import service_name
from lvstui.core.model import AddressKey, Director, Endpoint, Forwarding, Pool, Protocol, ServiceKey, Timeouts
from lvstui.core.observed import Reading, ServerStats, sum_known
from lvstui.core.trace.refusals import FALLBACK, can_fall_back, refused_part, unable
from lvstui.core.words import count, first_of

_PARTS: Final = {1 / 4: "a quarter", 1 / 3: "a third", 1 / 2: "half", 2 / 3: "two thirds", 3 / 4: "three quarters"}
_NEAR: Final = 0.02

_SCTP_SECONDS: Final = 900
"""How long an idle association stays, which cannot be set (sctp_timeouts in ip_vs_proto_sctp.c)."""


@dataclass(frozen=True, slots=True)
class Consequence:
    """What an edit does to the clients of a service, and what avoids that.

    `changes` are the edit that avoids it, empty where none does.
    """

    about: str
    sentence: str
    remedy: str = ""
    changes: tuple[Change, ...] = ()

    def __str__(self) -> str:
        return f"{self.about}: {self.sentence}{'; ' if self.remedy else ''}{self.remedy}"


def consequences(changes: Sequence[Change], reading: Reading) -> tuple[Consequence, ...]:
    """Return what changes do to the clients of the services in a reading, service by service."""
    keys = dict.fromkeys(key for change in changes if (key := service_of(change.target)) is not None)
    director = reading.director
    touched = [key for key in keys if key in director.pools]
    if not touched:
        return ()
    after = fold(director, changes, director)
    found: list[Consequence] = []
    for key in touched:
        pool = director.pools[key]
        found += _refused(pool, after.pools.get(key), after, reading.servers.get(key, {}))
        found += _broken(pool, after.pools.get(key), after, reading.servers.get(key, {}))
    return tuple(found)


def avoiding(changes: Sequence[Change], found: Iterable[Consequence]) -> tuple[Change, ...]:
    """Return changes with those that avoid their consequences: before them, or in the one of the same object."""
    more = [change for consequence in found for change in consequence.changes]
    targets = {change.target for change in changes}
    first = [change for change in more if change.target not in targets]
    return merge((*first, *changes), [change for change in more if change.target in targets])


def _refused(
    before: Pool, after: Pool | None, director: Director, counts: Mapping[Endpoint, ServerStats]
) -> Iterator[Consequence]:
    """Say which part of the clients a service refuses that it served before."""
    if after is None:
        return
    part = refused_part(after, counts, before)
    if part <= refused_part(before, counts):
        return
    service, about = after.service, service_name(after.service)
    idle = unable(after, counts)
    if len(idle) == len(after.servers):
        left = "no real server takes new connections any more" if idle else "no real server is left"
        yield Consequence(about, f"every new client will be refused: {left}")
        return
    who = "every new client" if part == 1 else f"{_part_text(part)} of {_clients(after, director)}"
    names = first_of([fields.server_text(server.endpoint) for server in idle])
    sentence = f"{who} will be refused: {service.scheduler} goes on choosing {names} for them, and looks no further"
    if not can_fall_back(after):
        yield Consequence(about, sentence, "deleting the server avoids that, and so does another scheduler")
        return
    flagged = replace(service, flags=service.flags | FALLBACK)
    flag = fields.flag_words(FALLBACK, service.scheduler)[0]
    yield Consequence(about, sentence, f"the flag {flag} avoids that", (change_service(service, flagged),))


def _clients(pool: Pool, director: Director) -> str:
    """Name those who come to the scheduler: a client with an entry does not, unless it is void at weight 0."""
    if pool.service.scheduler == "dh":
        return "the addresses"
    kept = director.sysctl.get("expire_quiescent_template", "0") == "0"
    return "the clients without an entry" if pool.service.persistence and kept else "the clients"


def _part_text(part: float) -> str:
    for known, words in _PARTS.items():
        if abs(part - known) <= _NEAR:
            return f"about {words}"
    return f"about {part * 100:.0f} %" if part >= 0.01 else "less than 1 %"


def _broken(
    before: Pool, after: Pool | None, director: Director, counts: Mapping[Endpoint, ServerStats]
) -> Iterator[Consequence]:
    """Say which connections end with the real servers that go.

    A packet to a server that is gone is dropped without restarting the timer of its connection (ip_vs_in_hook in
    ip_vs_core.c); one that the server itself sends is passed on and restarts it, where it goes through the director
    (handle_response). With expire_nodest_conn they end: since 5.9 at once (ip_vs_expire_nodest_conn_flush), and what
    the client sends after that is answered by the director, which does not know it; the client is sent nothing before.
    """
    gone = [endpoint for endpoint in before.servers if after is None or endpoint not in after.servers]
    held = {endpoint: _open(before.service.key, counts.get(endpoint)) for endpoint in gone}
    number = sum_known(held.values())
    if not gone or number == 0:
        return
    about = service_name(before.service)
    if number is None:
        yield Consequence(about, "how many connections break with the real servers that go is not known")
        return
    key, setting = before.service.key, director.sysctl.get("expire_nodest_conn")
    named = first_of([f"{fields.server_text(endpoint)} {left:,}" for endpoint, left in held.items() if left])
    most = "" if isinstance(key, AddressKey) else "up to "
    which = f"{most}{count(number, 'connection')}"
    if setting == "0":
        wait = _timeout(key, director.timeouts)
        sentence = f"will break ({named}): their clients' packets are dropped {wait}, as expire_nodest_conn is 0"
        if any(left and before.servers[end].forwarding is Forwarding.MASQ for end, left in held.items()):
            sentence += ", and longer while the server goes on sending"
        yield Consequence(about, f"{which} {sentence}", "a drained server lets them end by themselves")
    elif setting is None:
        sentence = f"will break ({named}); how soon their clients notice depends on expire_nodest_conn"
        yield Consequence(about, f"{which} {sentence}")
    elif _is_datagrams(key) and after is not None and len(unable(after, counts)) < len(after.servers):
        sentence = f"will go to other servers ({named}), each at its next packet, as expire_nodest_conn is {setting}"
        yield Consequence(about, f"{which} {sentence}")
    else:
        sentence = f"will break ({named}): each ends at its next packet, as expire_nodest_conn is {setting}"
        reset = "" if _is_datagrams(key) else "; a client that sends is reset then, one that only waits hears nothing"
        yield Consequence(about, f"{which} {sentence}{reset}")


def _is_datagrams(key: ServiceKey) -> bool:
    """Return whether any packet can begin a connection, so that one which was ended goes on with another server."""
    return isinstance(key, AddressKey) and key.protocol not in (Protocol.TCP, Protocol.SCTP)


def _open(key: ServiceKey, seen: ServerStats | None) -> int | None:
    """Count the connections of a server that may still carry something; TCP's inactive ones are closed or closing."""
    if seen is None:
        return None
    closes = isinstance(key, AddressKey) and not _is_datagrams(key)
    return seen.active if closes else seen.active + seen.inactive


def _timeout(key: ServiceKey, timeouts: Timeouts | None) -> str:
    """Write how long a connection that is left alone stays in the table."""
    if timeouts is None:
        return "until they time out"
    match key:
        case AddressKey(Protocol.TCP):
            return f"for up to {timeouts.tcp} s"
        case AddressKey(Protocol.UDP):
            return f"for up to {timeouts.udp} s"
        case AddressKey():
            return f"for up to {_SCTP_SECONDS} s"
        case _:
            return f"for up to {max(timeouts.tcp, timeouts.udp)} s"
