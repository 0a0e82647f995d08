"""Reading a profile: TOML into a director, with every flaw told by file, line and field."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Final

from lvstui.core import fields, selectors, sysctls
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
    MarkGroup,
    MarkKey,
    Persistence,
    Pool,
    RealServer,
    Selector,
    Service,
    ServiceFlags,
    ServiceKey,
    SyncDaemon,
    SyncRole,
    Timeouts,
    Tunnel,
    TunnelType,
)
from lvstui.formats.profile.flaws import ProfileError, Reader, Table, same, syntax_flaw
from lvstui.formats.profile.shortcut import Servers, Uncertain, shortened
from lvstui.formats.profile.toml_lines import Path

FORMAT: Final = 1
"""The number of the format that this lvstui writes and the newest that it reads."""

_TOP: Final = frozenset(("format", "director", "timeouts", "sysctl", "sync", "service", "mark"))
_SERVICE: Final = frozenset(("name", "service", "scheduler", "flags", "persistence", "note", "server"))
_SERVER: Final = frozenset(("name", "server", "forwarding", "weight", "upper", "lower", "tunnel", "resume"))
_PERSISTENCE: Final = frozenset(("timeout", "netmask", "prefix", "engine"))
_TUNNEL: Final = frozenset(("type", "port", "checksum"))
_MARK: Final = frozenset(("mark", "name", "match"))
_TIMEOUTS: Final = ("tcp", "tcp_fin", "udp")
_SYNC: Final = frozenset(("role", "interface", "id", "max_length", "group", "port", "ttl"))

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


def loads(text: str, source: str) -> Director:
    """Read a profile; `source` names it in errors.

    Raises `ProfileError` with every flaw of the text: `director.toml, line 12: weight: must be …`.
    """
    with suppress(Uncertain, ValueError, RecursionError):
        return quickly(text)
    return thoroughly(text, source)


def thoroughly(text: str, source: str) -> Director:
    """Read a profile with tomllib alone, as `loads` does where the short cut is not sure."""
    source = fields.visible(source)
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ProfileError(syntax_flaw(source, text, str(error))) from None
    except ValueError:
        raise ProfileError(f"{source}: a number in it has thousands of digits; correct it") from None
    except RecursionError:
        raise ProfileError(f"{source}: lists in it are nested too deeply; take brackets out") from None
    reader = _Profile()
    director = reader.director(document)
    if reader.flaws:
        raise ProfileError(*reader.sentences(text, source))
    return director


def quickly(text: str) -> Director:
    """Read a profile without flaws by the short cut of rows.py; raises where there may be one."""
    short = shortened(text, _settings)
    reader = _Profile(short.servers)
    director = reader.director(tomllib.loads(short.text))
    if reader.flaws:
        raise Uncertain
    return director


def parsed(document: Table) -> Director:
    """Read a profile, or a part of one, that is parsed already; raises `ProfileError` with its first flaw."""
    reader = _Profile()
    director = reader.director(document)
    if reader.flaws:
        raise ProfileError(f"{'.'.join(map(str, reader.flaws[0].path))}: {reader.flaws[0].sentence}")
    return director


def _settings(wording: str) -> RealServer:
    """Read what follows the address in a row of the canonical form."""
    table = tomllib.loads(f'row = {{ server = "192.0.2.1:0"{wording} }}')
    row = table.pop("row")
    reader = _Profile()
    reader.unknown(row, (), _SERVER)
    server = reader.server(row, (), _UNKNOWN_SERVER)
    if reader.flaws or table or "name" in row:
        raise Uncertain
    return server


def _flags(words: list[object], scheduler: str) -> ServiceFlags:
    if not all(isinstance(word, str) for word in words):
        raise fields.FieldError("flags", 'must be a list of texts such as ["one-packet"]')
    return fields.flags(map(str, words), scheduler)


def _selectors(matches: list[object]) -> tuple[Selector, ...]:
    if not all(isinstance(match, str) for match in matches):
        raise fields.FieldError("match", f'must be a list of texts such as ["{selectors.EXAMPLE}"]')
    return tuple(selectors.selector(str(match)) for match in matches)


class _Profile(Reader):
    """Takes a parsed profile apart; `rows` are the blocks of servers that the short cut has read already."""

    def __init__(self, rows: Mapping[str, Servers] | None = None) -> None:
        super().__init__()
        self._rows = rows or {}

    def director(self, document: Table) -> Director:
        """Read the whole document."""
        number = document.get("format")
        if number is None:
            self.flaw(("format",), f"is missing; write `format = {FORMAT}` at the top")
        elif type(number) is not int or number < 1:
            self.flaw(("format",), f"must be a whole number, and {FORMAT} for this lvstui")
        elif number > FORMAT:
            self.flaw(("format",), f"{number} is newer than this lvstui reads ({FORMAT}); use a newer lvstui")
            return Director()
        self.unknown(document, (), _TOP)
        director = self.get(document, (), "director", dict, same, {})
        self.unknown(director, ("director",), frozenset({"name"}))
        return Director(
            pools=self._pools(document),
            timeouts=self._timeouts(document),
            sync=self._daemons(document),
            sysctl=self._sysctl(document),
            name=self.get(director, ("director",), "name", str, _NAME, ""),
            marks=self._marks(document),
        )

    def _timeouts(self, document: Table) -> Timeouts | None:
        if "timeouts" not in document:
            return None
        path = ("timeouts",)
        table = self.get(document, (), "timeouts", dict, same, {})
        self.unknown(table, path, frozenset(_TIMEOUTS))
        missing = [key for key in _TIMEOUTS if key not in table]
        if missing:
            self.flaw(
                path, f"{', '.join(missing)} missing; give all three, or leave out the table to keep the kernel's"
            )
        seconds = {key: self.get(table, path, key, int, _NUMBERS[key], 1) for key in _TIMEOUTS}
        return Timeouts(**seconds)

    def _sysctl(self, document: Table) -> Mapping[str, str]:
        settings: dict[str, str] = {}
        for key, raw in self.get(document, (), "sysctl", dict, same, {}).items():
            if not isinstance(raw, str | int) or isinstance(raw, bool):
                self.flaw(("sysctl", key), 'must be a whole number, or a text such as "3 50"')
                continue
            try:
                settings[key] = sysctls.read(sysctls.name(key), str(raw))
            except fields.FieldError as error:
                self.flaw(("sysctl", key), error.sentence)
        return settings

    def _daemons(self, document: Table) -> Mapping[SyncRole, SyncDaemon] | None:
        if "sync" not in document:
            return None
        daemons: dict[SyncRole, SyncDaemon] = {}
        for path, table in self.tables(document, (), "sync"):
            self.unknown(table, path, _SYNC)
            role = self.required(table, path, "role", fields.role, '"master" or "backup"')
            interface = self.required(table, path, "interface", fields.interface, '"eth0"')
            daemon = SyncDaemon(
                role=role or SyncRole.MASTER,
                interface=interface or "",
                id=self.get(table, path, "id", int, _NUMBERS["id"], 0),
                max_length=self.get(table, path, "max_length", int, _NUMBERS["max_length"], 0),
                group=self.get(table, path, "group", str, _GROUP, SYNC_GROUP),
                port=self.get(table, path, "port", int, _NUMBERS["port"], SYNC_PORT),
                ttl=self.get(table, path, "ttl", int, _NUMBERS["ttl"], 1),
            )
            if role in daemons:
                self.flaw((*path, "role"), f"there is a {fields.ROLE_WORDS[daemon.role]} daemon above; one is allowed")
            daemons[daemon.role] = daemon
        return daemons

    def _marks(self, document: Table) -> Mapping[int, MarkGroup]:
        groups: dict[int, MarkGroup] = {}
        names: set[str] = set()
        for path, table in self.tables(document, (), "mark"):
            self.unknown(table, path, _MARK)
            if "mark" not in table:
                self.flaw((*path, "mark"), "is missing; write mark = 80")
            mark = self.get(table, path, "mark", int, _NUMBERS["mark"], 0)
            name = self.get(table, path, "name", str, _NAME, "")
            self.name_once(path, name, names, "mark")
            match = self.get(table, path, "match", list, _selectors, ())
            if not match and "match" in table:
                self.flaw((*path, "match"), f'needs what gets the mark, such as ["{selectors.EXAMPLE}"]')
            elif not match:
                self.flaw((*path, "match"), f'is missing; write match = ["{selectors.EXAMPLE}"]')
            if mark in groups:
                self.flaw((*path, "mark"), f"{mark} is there twice; put all of its matches into one")
            groups[mark] = MarkGroup(mark, match, name)
        return groups

    def _pools(self, document: Table) -> Mapping[ServiceKey, Pool]:
        pools: dict[ServiceKey, Pool] = {}
        names: set[str] = set()
        for path, table in self.tables(document, (), "service"):
            self.unknown(table, path, _SERVICE)
            key = self.required(table, path, "service", fields.service, '"tcp:192.0.2.10:443"')
            service = self._service(table, path, key or _UNKNOWN_SERVICE)
            servers = self._servers(table, path)
            self.name_once(path, service.name, names, "service")
            if key in pools:
                self.flaw((*path, "service"), f"{fields.service_text(key)} is there twice; take one out")
            if key is not None:
                pools[key] = Pool(service, servers)
        return pools

    def _service(self, table: Table, path: Path, key: ServiceKey) -> Service:
        scheduler = self.get(table, path, "scheduler", str, fields.scheduler, "wlc")
        return Service(
            key=key,
            scheduler=scheduler,
            flags=self.get(table, path, "flags", list, lambda words: _flags(words, scheduler), ServiceFlags.NONE),
            persistence=self._persistence(table, path, key),
            name=self.get(table, path, "name", str, _NAME, ""),
            note=self.get(table, path, "note", str, _NOTE, ""),
        )

    def _persistence(self, parent: Table, parent_path: Path, key: ServiceKey) -> Persistence | None:
        if "persistence" not in parent:
            return None
        path = (*parent_path, "persistence")
        table = self.get(parent, parent_path, "persistence", dict, same, {})
        self.unknown(table, path, _PERSISTENCE)
        wrong, remedy = _OTHER_WIDTH[key.family]
        if wrong in table and key is not _UNKNOWN_SERVICE:
            self.flaw((*path, wrong), remedy)
        netmask = self.get(table, path, "netmask", str, fields.netmask, FULL_MASK_V4)
        prefix = self.get(table, path, "prefix", int, _NUMBERS["prefix"], FULL_PREFIX_V6)
        return Persistence(
            timeout=self.get(table, path, "timeout", int, _NUMBERS["timeout"], 300),
            mask=prefix if key.family is Family.IPV6 else netmask,
            engine=self.get(table, path, "engine", str, fields.engine, ""),
        )

    def _servers(self, parent: Table, parent_path: Path) -> Servers:
        given = parent.get("server")
        if isinstance(given, str) and given in self._rows:
            return self._rows[given]
        servers: dict[Endpoint, RealServer] = {}
        names: set[str] = set()
        for path, table in self.tables(parent, parent_path, "server"):
            self.unknown(table, path, _SERVER)
            endpoint = self.required(table, path, "server", fields.server, '"10.0.0.11:443"')
            server = self.server(table, path, endpoint or _UNKNOWN_SERVER)
            self.name_once(path, server.name, names, "server of this service")
            if endpoint in servers:
                self.flaw(
                    (*path, "server"), f"{fields.server_text(endpoint)} is there twice in this service; take one out"
                )
            if endpoint is not None:
                servers[endpoint] = server
        return servers

    def server(self, table: Table, path: Path, endpoint: Endpoint) -> RealServer:
        """Read one real server."""
        return RealServer(
            endpoint=endpoint,
            forwarding=self.get(table, path, "forwarding", str, fields.forwarding, Forwarding.ROUTE),
            weight=self.get(table, path, "weight", int, _NUMBERS["weight"], 1),
            upper=self.get(table, path, "upper", int, _NUMBERS["upper"], 0),
            lower=self.get(table, path, "lower", int, _NUMBERS["lower"], 0),
            tunnel=self._tunnel(table, path) if "tunnel" in table else PLAIN_TUNNEL,
            name=self.get(table, path, "name", str, _NAME, ""),
            resume=self.get(table, path, "resume", int, _NUMBERS["resume"], None),
        )

    def _tunnel(self, parent: Table, parent_path: Path) -> Tunnel:
        path = (*parent_path, "tunnel")
        table = self.get(parent, parent_path, "tunnel", dict, same, {})
        self.unknown(table, path, _TUNNEL)
        return Tunnel(
            type=self.get(table, path, "type", str, fields.tunnel_type, TunnelType.IPIP),
            port=self.get(table, path, "port", int, _NUMBERS["tunnel.port"], 0),
            checksum=self.get(table, path, "checksum", str, fields.checksum, 0),
        )
