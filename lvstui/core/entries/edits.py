"""Edits of persistence entries as values: which are refused, what the others will do, and what they did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias

from lvstui.core import fields
from lvstui.core.describe import masked_client_text, service_names
from lvstui.core.entries.resolve import is_ftp, is_invalidated, server_of, service_of
from lvstui.core.fields import FieldError
from lvstui.core.health.verdict import NO_TROUBLE, Health
from lvstui.core.model import (
    PERSISTENCE_MAX,
    Address,
    Director,
    Endpoint,
    Family,
    Persistence,
    ServerKey,
    ServiceKey,
    SyncRole,
)
from lvstui.core.observed import Entry
from lvstui.core.words import count


class Manner(Enum):
    """What happens to the connections that an entry controls: kept while they are active, or reset at once."""

    SOFT = "soft"
    KILL = "kill"


@dataclass(frozen=True, slots=True)
class Expire:
    """Let an entry run out now: its client's next connection is scheduled freely."""

    entry: Entry
    manner: Manner = Manner.SOFT


@dataclass(frozen=True, slots=True)
class Pin:
    """Bind a client, which has no entry there, to a real server for `seconds` after its last new connection.

    `service` is the configured service and `server` the configured endpoint; `client` is masked as the service says.
    """

    service: ServiceKey
    client: Address
    server: Endpoint
    seconds: int
    engine: str = ""
    identity: str = ""


@dataclass(frozen=True, slots=True)
class Move:
    """Let an entry run out, wait until it is gone, and bind its client to another real server, as configured."""

    entry: Entry
    server: Endpoint
    seconds: int
    manner: Manner = Manner.SOFT


@dataclass(frozen=True, slots=True)
class SetTime:
    """Restart an entry's timer with `seconds`, as each new connection of its client does from then on."""

    entry: Entry
    seconds: int


EntryEdit: TypeAlias = Expire | Pin | Move | SetTime


class Outcome(Enum):
    """What was seen after an edit."""

    DONE = "done"
    BUSY = "busy"
    REFUSED = "refused"
    OVERTAKEN = "overtaken"
    UNVERIFIED = "unverified"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class EntryReport:
    """What became of one edit of an entry, verified by reading the kernel back.

    `sentence` says it for people (`10.1.0.10 is on 10.0.0.12:80 now, bound`). `after` is the entry that was read back,
    None where there is none or none was found in time.
    """

    edit: EntryEdit
    outcome: Outcome
    sentence: str
    after: Entry | None = None


def report_line(report: EntryReport) -> str:
    """Write what became of an edit in a line for the history: `move: 10.1.0.10 of shop is on web2 now, bound`."""
    word = {Expire: "expire", Pin: "pin", Move: "move", SetTime: "time"}[type(report.edit)]
    outcome = "" if report.outcome is Outcome.DONE else f"{report.outcome.value}: "
    return f"{word}: {outcome}{report.sentence}"


def check(edit: EntryEdit, director: Director) -> None:
    """Refuse an edit that cannot work; raises `FieldError` with the field and the reason."""
    if not isinstance(edit, Pin) and is_invalidated(edit.entry):
        raise FieldError("entry", "it was invalidated and matches no client; it goes when its timer runs out")
    if not isinstance(edit, Expire) and not 1 <= edit.seconds <= PERSISTENCE_MAX:
        raise FieldError("seconds", f"must be from 1 to {PERSISTENCE_MAX} (31 days)")
    match edit:
        case Expire() | SetTime():
            pass
        case Move(entry, server):
            service = service_of(entry, director)
            if service is None:
                raise FieldError("service", "the service of this entry is gone, so nothing can be bound to it")
            pool = director.pools[service]
            if server_of(entry, pool) == server:
                raise FieldError("server", f"the client is on {fields.server_text(server)} already")
            _check_binding(service, server, director)
        case Pin(service, client, server, _, engine, identity):
            _check_binding(service, server, director)
            if Family.of(client) is not service.family:
                raise FieldError("client", f"{client} is of another address family than {fields.service_text(service)}")
            persistence = director.pools[service].service.persistence or Persistence()
            if persistence.engine and not (engine and identity):
                raise FieldError(
                    "client",
                    f"{fields.service_text(service)} identifies clients by {persistence.engine}: name the call id",
                )


def _check_binding(service: ServiceKey, server: Endpoint, director: Director) -> None:
    """Refuse an entry that the kernel would not honour: it would look like any other."""
    pool = director.pools.get(service)
    text = fields.service_text(service)
    if pool is None:
        raise FieldError("service", f"there is no service {text}")
    if pool.service.persistence is None:
        raise FieldError("service", f"{text} is not persistent, so no client sticks to a server; set a timeout first")
    if server not in pool.servers:
        raise FieldError("server", f"{text} has no real server {fields.server_text(server)}")
    if is_ftp(service):
        raise FieldError(
            "service",
            "the kernel binds no entry for FTP's port 21: let it expire, or put FTP on a firewall mark",
        )
    if Family.of(server.address) is not service.family:
        raise FieldError("server", "an entry cannot lead to a server of another address family than its service")


def why_not_editable(director: Director) -> str:
    """Return why no entry can be edited on a director at all; empty where they can be."""
    if director.mixed is not None:
        return (
            "entries cannot be edited while a service has real servers of another address family: "
            "the kernel starts no sync daemon then"
        )
    if director.sysctl.get("backup_only", "0") != "0" and SyncRole.BACKUP not in director.daemons:
        return "entries cannot be edited while backup_only is 1: IPVS would ignore all packets meanwhile"
    return ""


_CUTTING: Final = {Manner.SOFT: "", Manner.KILL: ", resetting its connections"}


def title(edit: EntryEdit, director: Director) -> str:
    """Return what an edit does in a line: `move 10.1.0.10 of shop from web1 to web2`."""
    match edit:
        case Expire(entry, manner):
            return f"expire {client_text(entry, director)}{_CUTTING[manner]}"
        case Move(entry, server, _, manner):
            old = server_name(director, service_of(entry, director), entry.server)
            new = server_name(director, service_of(entry, director), server)
            return f"move {client_text(entry, director)} from {old} to {new}{_CUTTING[manner]}"
        case SetTime(entry, seconds):
            return f"set {client_text(entry, director)} to {seconds} s"
        case Pin(service, client, server, seconds):
            where = f"{service_names(director, service)[0]} to {server_name(director, service, server)}"
            return f"pin {client} of {where} for {seconds} s"


def emptying_title(place: ServerKey, director: Director) -> str:
    """Return what moving everybody away from a server does: `move the clients of shop from web1 to the others`."""
    service = fields.visible(service_names(director, place.service)[0])
    return f"move the clients of {service} from {server_name(director, place.service, place.endpoint)} to the others"


def emptied_title(place: ServerKey, director: Director) -> str:
    """Return who was moved away from a server: `the clients of shop that were moved from web1`."""
    service = fields.visible(service_names(director, place.service)[0])
    return f"the clients of {service} that were moved from {server_name(director, place.service, place.endpoint)}"


def uncertain(title: str) -> str:
    """Return what is recorded of an edit that was interrupted: nobody saw what became of it."""
    return f"may have been done: {title}"


def client_text(entry: Entry, director: Director) -> str:
    """Name an entry: `10.1.5.0/24 of shop`."""
    service = service_of(entry, director)
    persistence = director.pools[service].service.persistence if service is not None else None
    width = persistence.prefix if persistence is not None else None
    call = f" call {fields.visible(entry.identity)}" if entry.identity else ""
    name = fields.visible(service_names(director, service if service is not None else entry.service)[0])
    return f"{masked_client_text(entry.client, width)}{call} of {name}"


def server_name(director: Director, service: ServiceKey | None, endpoint: Endpoint) -> str:
    """Name a real server as its service knows it."""
    pool = director.pools.get(service) if service is not None else None
    server = pool.servers.get(endpoint) if pool else None
    if server is None and pool is not None and endpoint.port == 0:
        server = next((server for end, server in pool.servers.items() if end.address == endpoint.address), None)
    place = fields.server_text(endpoint) if endpoint.port else str(endpoint.address)
    return f"{fields.visible(server.name)} ({place})" if server and server.name else place


def consequences(
    edits: Sequence[EntryEdit],
    director: Director,
    children: int = 0,
    sure: bool = True,
    health: Health = NO_TROUBLE,
) -> list[str]:
    """Return what will happen, in sentences for the question before it; `children` hang on all the entries together."""
    sentences = []
    manners = {edit.manner for edit in edits if isinstance(edit, Expire | Move)}
    if manners and children:
        broken = count(children, "connection")
        about = broken if sure else f"about {broken} (for a mark their number is not certain)"
        kept = "active ones stay and keep the entry, idle ones are reset"
        sentences.append(f"{about} will be reset at once" if Manner.KILL in manners else f"{about}: {kept}")
    if any(isinstance(edit, Expire) for edit in edits):
        sentences.append("the client's next connection is scheduled like any new one, and may get the same server")
    if any(isinstance(edit, Move) for edit in edits):
        sentences.append("it takes 1 to 3 s; a client that connects every second may not be movable")
    if any(isinstance(edit, Pin | Move | SetTime) for edit in edits):
        sentences.append("each new connection of the client restarts the timer")
    sentences += [sentence for edit in edits[:1] if (sentence := _about_mask(edit, director))]
    sentences += [sentence for edit in edits if (sentence := _about_weight(edit, director))]
    sentences += [sentence for edit in edits if (sentence := trouble_there(edit, director, health))]
    if SyncRole.MASTER in director.daemons:
        sentences.append("the peer director is not informed: it keeps the old entry until traffic or its timer ends it")
    return list(dict.fromkeys(sentences))


def service_of_edit(edit: EntryEdit, director: Director) -> ServiceKey | None:
    """Return the configured service that an edit is about."""
    return edit.service if isinstance(edit, Pin) else service_of(edit.entry, director)


def _about_mask(edit: EntryEdit, director: Director) -> str:
    service = service_of_edit(edit, director)
    persistence = director.pools[service].service.persistence if service in director.pools and service else None
    if persistence is None or not persistence.wide or persistence.engine:
        return ""
    prefix = persistence.prefix
    width = f"/{prefix}" if prefix is not None else str(persistence.mask)
    return f"the mask {width} makes all addresses in a network one client: this affects all of them"


def trouble_there(edit: EntryEdit, director: Director, health: Health) -> str:
    """Return in what trouble the server is to which an edit sends a client; empty where none is seen."""
    service = service_of_edit(edit, director)
    if not isinstance(edit, Move | Pin) or service is None:
        return ""
    verdict = health.get(ServerKey(service, edit.server))
    if verdict is None:
        return ""
    return (
        f"{server_name(director, service, edit.server)} {verdict.trouble.predicate}: its clients are not served there"
    )


def _about_weight(edit: EntryEdit, director: Director) -> str:
    if not isinstance(edit, Move | Pin):
        return ""
    service = service_of_edit(edit, director)
    pool = director.pools.get(service) if service is not None else None
    server = pool.servers.get(edit.server) if pool else None
    if server is None or server.weight:
        return ""
    name = server_name(director, service, edit.server)
    if director.sysctl.get("expire_quiescent_template", "0") != "0":
        return f"{name} has weight 0, and expire_quiescent_template is set: the entry is not honoured"
    return f"{name} has weight 0, but the client is sent to it anyway"
