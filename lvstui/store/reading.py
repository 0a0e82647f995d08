"""Reading a profile: TOML into a director, with every flaw told by file, line and field."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Final, NamedTuple, TypeAlias, TypeVar

from lvstui.core import fields
from lvstui.core.model import (
    FULL_MASK_V4,
    FULL_PREFIX_V6,
    PLAIN_TUNNEL,
    SYNC_GROUP,
    SYNC_PORT,
    Director,
    Endpoint,
    Family,
    Forwarding,
    MarkKey,
    Persistence,
    Pool,
    RealServer,
    Service,
    ServiceFlags,
    ServiceKey,
    SyncDaemon,
    SyncRole,
    Timeouts,
    Tunnel,
    TunnelType,
)
from lvstui.store.lines import Path, lines

FORMAT: Final = 1
"""The number of the format that this lvstui writes and the newest that it reads."""

_Table: TypeAlias = Mapping[str, object]
_Raw = TypeVar("_Raw", str, int, list[object], dict[str, object])
_T = TypeVar("_T")
_D = TypeVar("_D")

_TOP: Final = frozenset(("format", "director", "timeouts", "sync", "service"))
_SERVICE: Final = frozenset(("name", "service", "scheduler", "flags", "persistence", "note", "server"))
_SERVER: Final = frozenset(("name", "server", "forwarding", "weight", "upper", "lower", "tunnel", "resume"))
_PERSISTENCE: Final = frozenset(("timeout", "netmask", "prefix", "engine"))
_TUNNEL: Final = frozenset(("type", "port", "checksum"))
_TIMEOUTS: Final = ("tcp", "tcp_fin", "udp")
_SYNC: Final = frozenset(("role", "interface", "id", "max_length", "group", "port", "ttl"))

_LATER: Final = {
    "mark": "rules that set firewall marks are not managed by this lvstui; take the table out",
    "sysctl": "sysctls are not managed by this lvstui; take the table out",
}

_NUMBERS: Final = {field: partial(fields.number, field) for field in fields.LIMITS}
_NAME: Final = partial(fields.label, "name")
_NOTE: Final = partial(fields.label, "note")
_GROUP: Final = partial(fields.address, "group")

_UNKNOWN_SERVICE: Final = MarkKey(0, Family.IPV4)
_UNKNOWN_SERVER: Final = Endpoint(SYNC_GROUP, 0)

_OTHER_WIDTH: Final = {
    Family.IPV4: ("prefix", 'is for IPv6 services; write netmask = "255.255.255.0"'),
    Family.IPV6: ("netmask", "is for IPv4 services; write prefix = 64"),
}

_KINDS: Final = {str: "text", int: "a whole number", list: "a list", dict: "a table", bool: "true or false"}


class ProfileError(Exception):
    """A profile that cannot be read or saved; `flaws` are all its sentences, the first of which is the message."""

    def __init__(self, *flaws: str) -> None:
        more = len(flaws) - 1
        super().__init__(f"{flaws[0]} (and {more} more; `lvstui check FILE` lists them)" if more else flaws[0])
        self.flaws = flaws


class _Flaw(NamedTuple):
    path: Path
    sentence: str


def loads(text: str, source: str) -> Director:
    """Read a profile; `source` names it in errors.

    Raises `ProfileError` with every flaw of the text: `director.toml, line 12: weight: must be …`.
    """
    source = fields.visible(source)
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ProfileError(_syntax(source, text, str(error))) from None
    reader = _Reader()
    director = reader.director(document)
    if reader.flaws:
        places = lines(text)
        found = sorted((_line(flaw.path, places), _sentence(flaw)) for flaw in reader.flaws)
        raise ProfileError(*(f"{source}, line {line}: {sentence}" for line, sentence in found))
    return director


def _syntax(source: str, text: str, message: str) -> str:
    """Tell a mistake of TOML itself in the same way as one of the profile."""
    what, _, where = message.rpartition(" (at ")
    place = re.fullmatch(r"line (\d+), column (\d+)\)", where)
    line = int(place[1]) if place else text.count("\n") + 1
    column = f" at column {place[2]}" if place else " at the end of the file"
    return f"{source}, line {line}: not valid TOML{column}: {fields.visible(what)}"


def _line(path: Path, places: Mapping[Path, int]) -> int:
    """Find the line of a value, or of what surrounds it where it is absent."""
    while path and path not in places:
        path = path[:-1]
    return places.get(path, 1)


def _sentence(flaw: _Flaw) -> str:
    """Put the field before the sentence: its keys below the service or server that the line leads to."""
    last_item = max((place for place, part in enumerate(flaw.path) if isinstance(part, int)), default=-1)
    own = flaw.path[last_item + 1 :] or flaw.path[max(last_item - 1, 0) : last_item]
    return f"{fields.visible('.'.join(map(str, own)))}: {flaw.sentence}"


def _same(raw: _Raw) -> _Raw:
    return raw


def _flags(words: list[object], scheduler: str) -> ServiceFlags:
    if not all(isinstance(word, str) for word in words):
        raise fields.FieldError("flags", 'must be a list of texts such as ["one-packet"]')
    return fields.flags(map(str, words), scheduler)


def _unknown(key: str, known: frozenset[str]) -> str:
    if key in _LATER:
        return _LATER[key]
    from difflib import get_close_matches  # 5 ms that only a mistake costs

    near = get_close_matches(key, known, n=1)
    return (
        f"is not a key here; did you mean {near[0]}?"
        if near
        else f"is not a key here; known are {', '.join(sorted(known))}"
    )


class _Reader:
    """Takes a parsed document apart; what is wrong is collected in `flaws` and read as its default."""

    def __init__(self) -> None:
        self.flaws: list[_Flaw] = []

    def flaw(self, path: Path, sentence: str) -> None:
        """Note that the value at `path` is wrong."""
        self.flaws.append(_Flaw(path, sentence))

    def director(self, document: _Table) -> Director:
        """Read the whole document."""
        number = document.get("format")
        if number is None:
            self.flaw(("format",), f"is missing; write `format = {FORMAT}` at the top")
        elif type(number) is not int or number < 1:
            self.flaw(("format",), f"must be a whole number, and {FORMAT} for this lvstui")
        elif number > FORMAT:
            self.flaw(("format",), f"{number} is newer than this lvstui reads ({FORMAT}); use a newer lvstui")
            return Director()
        self._known(document, (), _TOP)
        director = self._get(document, (), "director", dict, _same, {})
        self._known(director, ("director",), frozenset({"name"}))
        return Director(
            pools=self._pools(document),
            timeouts=self._timeouts(document),
            sync=self._daemons(document),
            name=self._get(director, ("director",), "name", str, _NAME, ""),
        )

    def _get(
        self, table: _Table, path: Path, key: str, kind: type[_Raw], parse: Callable[[_Raw], _T], default: _D
    ) -> _T | _D:
        """Read one value: of the right type, and right for its field; else it is a flaw and the default stands."""
        raw = table.get(key)
        if raw is None:
            return default
        if not isinstance(raw, kind) or isinstance(raw, bool):
            self.flaw((*path, key), f"must be {_KINDS[kind]}, not {_KINDS.get(type(raw), 'a value of another type')}")
            return default
        try:
            return parse(raw)
        except fields.FieldError as error:
            self.flaw((*path, key), error.sentence)
            return default

    def _known(self, table: _Table, path: Path, known: frozenset[str]) -> None:
        for key in table.keys() - known:
            self.flaw((*path, key), _unknown(key, known))

    def _tables(self, table: _Table, path: Path, key: str) -> Iterator[tuple[Path, _Table]]:
        """Go through an array of tables."""
        for index, item in enumerate(self._get(table, path, key, list, _same, [])):
            place = (*path, key, index)
            if isinstance(item, dict):
                yield place, item
            else:
                self.flaw(place, "must be a table")

    def _required(self, table: _Table, path: Path, key: str, parse: Callable[[str], _T], example: str) -> _T | None:
        if key not in table:
            self.flaw((*path, key), f"is missing; write {key} = {example}")
        return self._get(table, path, key, str, parse, None)

    def _timeouts(self, document: _Table) -> Timeouts | None:
        if "timeouts" not in document:
            return None
        path = ("timeouts",)
        table = self._get(document, (), "timeouts", dict, _same, {})
        self._known(table, path, frozenset(_TIMEOUTS))
        missing = [key for key in _TIMEOUTS if key not in table]
        if missing:
            self.flaw(
                path, f"{', '.join(missing)} missing; give all three, or leave out the table to keep the kernel's"
            )
        seconds = {key: self._get(table, path, key, int, _NUMBERS[key], 1) for key in _TIMEOUTS}
        return Timeouts(**seconds)

    def _daemons(self, document: _Table) -> Mapping[SyncRole, SyncDaemon] | None:
        if "sync" not in document:
            return None
        daemons: dict[SyncRole, SyncDaemon] = {}
        for path, table in self._tables(document, (), "sync"):
            self._known(table, path, _SYNC)
            role = self._required(table, path, "role", fields.role, '"master" or "backup"')
            interface = self._required(table, path, "interface", fields.interface, '"eth0"')
            daemon = SyncDaemon(
                role=role or SyncRole.MASTER,
                interface=interface or "",
                id=self._get(table, path, "id", int, _NUMBERS["id"], 0),
                max_length=self._get(table, path, "max_length", int, _NUMBERS["max_length"], 0),
                group=self._get(table, path, "group", str, _GROUP, SYNC_GROUP),
                port=self._get(table, path, "port", int, _NUMBERS["port"], SYNC_PORT),
                ttl=self._get(table, path, "ttl", int, _NUMBERS["ttl"], 1),
            )
            if role in daemons:
                self.flaw((*path, "role"), f"there is a {fields.ROLE_WORDS[daemon.role]} daemon above; one is allowed")
            daemons[daemon.role] = daemon
        return daemons

    def _pools(self, document: _Table) -> Mapping[ServiceKey, Pool]:
        pools: dict[ServiceKey, Pool] = {}
        names: set[str] = set()
        for path, table in self._tables(document, (), "service"):
            self._known(table, path, _SERVICE)
            key = self._required(table, path, "service", fields.service, '"tcp:192.0.2.10:443"')
            service = self._service(table, path, key or _UNKNOWN_SERVICE)
            servers = self._servers(table, path)
            self._name_once(path, service.name, names, "service")
            if key in pools:
                self.flaw((*path, "service"), f"{fields.service_text(key)} is there twice; take one out")
            if key is not None:
                pools[key] = Pool(service, servers)
        return pools

    def _name_once(self, path: Path, name: str, names: set[str], what: str) -> None:
        if name and name in names:
            self.flaw(
                (*path, "name"), f'another {what} is called "{fields.visible(name)}" already; choose another name'
            )
        names.add(name)

    def _service(self, table: _Table, path: Path, key: ServiceKey) -> Service:
        scheduler = self._get(table, path, "scheduler", str, fields.scheduler, "wlc")
        return Service(
            key=key,
            scheduler=scheduler,
            flags=self._get(table, path, "flags", list, lambda words: _flags(words, scheduler), ServiceFlags.NONE),
            persistence=self._persistence(table, path, key),
            name=self._get(table, path, "name", str, _NAME, ""),
            note=self._get(table, path, "note", str, _NOTE, ""),
        )

    def _persistence(self, parent: _Table, parent_path: Path, key: ServiceKey) -> Persistence | None:
        if "persistence" not in parent:
            return None
        path = (*parent_path, "persistence")
        table = self._get(parent, parent_path, "persistence", dict, _same, {})
        self._known(table, path, _PERSISTENCE)
        wrong, remedy = _OTHER_WIDTH[key.family]
        if wrong in table and key is not _UNKNOWN_SERVICE:
            self.flaw((*path, wrong), remedy)
        netmask = self._get(table, path, "netmask", str, fields.netmask, FULL_MASK_V4)
        prefix = self._get(table, path, "prefix", int, _NUMBERS["prefix"], FULL_PREFIX_V6)
        return Persistence(
            timeout=self._get(table, path, "timeout", int, _NUMBERS["timeout"], 300),
            mask=prefix if key.family is Family.IPV6 else netmask,
            engine=self._get(table, path, "engine", str, fields.engine, ""),
        )

    def _servers(self, parent: _Table, parent_path: Path) -> Mapping[Endpoint, RealServer]:
        servers: dict[Endpoint, RealServer] = {}
        names: set[str] = set()
        for path, table in self._tables(parent, parent_path, "server"):
            if not table.keys() <= _SERVER:
                self._known(table, path, _SERVER)
            endpoint = self._required(table, path, "server", fields.server, '"10.0.0.11:443"')
            server = self._server(table, path, endpoint or _UNKNOWN_SERVER)
            self._name_once(path, server.name, names, "server of this service")
            if endpoint in servers:
                self.flaw(
                    (*path, "server"), f"{fields.server_text(endpoint)} is there twice in this service; take one out"
                )
            if endpoint is not None:
                servers[endpoint] = server
        return servers

    def _server(self, table: _Table, path: Path, endpoint: Endpoint) -> RealServer:
        return RealServer(
            endpoint=endpoint,
            forwarding=self._get(table, path, "forwarding", str, fields.forwarding, Forwarding.ROUTE),
            weight=self._get(table, path, "weight", int, _NUMBERS["weight"], 1),
            upper=self._get(table, path, "upper", int, _NUMBERS["upper"], 0),
            lower=self._get(table, path, "lower", int, _NUMBERS["lower"], 0),
            tunnel=self._tunnel(table, path) if "tunnel" in table else PLAIN_TUNNEL,
            name=self._get(table, path, "name", str, _NAME, ""),
            resume=self._get(table, path, "resume", int, _NUMBERS["resume"], None),
        )

    def _tunnel(self, parent: _Table, parent_path: Path) -> Tunnel:
        path = (*parent_path, "tunnel")
        table = self._get(parent, parent_path, "tunnel", dict, _same, {})
        self._known(table, path, _TUNNEL)
        return Tunnel(
            type=self._get(table, path, "type", str, fields.tunnel_type, TunnelType.IPIP),
            port=self._get(table, path, "port", int, _NUMBERS["tunnel.port"], 0),
            checksum=self._get(table, path, "checksum", str, fields.checksum, 0),
        )
