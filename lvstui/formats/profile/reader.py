"""Makes a director of a profile that is parsed already, and notes what is wrong in it by its path."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Final, NamedTuple, TypeAlias

from lvstui.core import fields, sysctls
from lvstui.core.attribute import Attributes
from lvstui.core.attributes import DAEMON, GROUP, SERVER, SERVICE, TIMEOUTS
from lvstui.core.model import (
    SYNC_GROUP,
    Director,
    Endpoint,
    Family,
    Home,
    MarkGroup,
    MarkKey,
    Pool,
    RealServer,
    Service,
    ServiceKey,
    SyncDaemon,
    SyncRole,
    Timeouts,
)
from lvstui.formats.profile.flaws import ProfileError
from lvstui.formats.profile.places import Path
from lvstui.formats.profile.tables import Reader, Table

FORMAT: Final = 1
"""The number of the format that this lvstui writes and the newest that it reads."""

ARRAYS: Final = frozenset((("service",), ("service", "server"), ("mark",), ("sync",)))
"""The tables that are lists: with two brackets."""

_TOP: Final = frozenset(("format", "director", "timeouts", "sysctl", "sync", "service", "mark"))

_NAME: Final = partial(fields.label, "name")
_DIRECTOR: Final = frozenset(("name", "host", "netns"))
_MARK: Final = partial(fields.number, "mark")

UNKNOWN_SERVER: Final = Endpoint(SYNC_GROUP, 0)
"""Stands for the address of a real server that cannot be read."""


def read_document(document: Table) -> Director:
    """Read a profile, or a part of one, that is parsed already; raises `ProfileError` with its first flaw."""
    reader = ProfileReader()
    director = reader.director(document)
    if reader.flaws.found:
        raise ProfileError(f"{'.'.join(map(str, reader.flaws.found[0].path))}: {reader.flaws.found[0].sentence}")
    return director


class Part(NamedTuple):
    """An object of a profile (or a setting's name and value), where it stands, and the service of a server."""

    path: Path
    value: Service | RealServer | MarkGroup | SyncDaemon | Timeouts | tuple[str, str]
    key: ServiceKey | None = None


class ProfileReader(Reader):
    """Reads a parsed profile; `rows` are the blocks of servers that the short cut has read already.

    `parts` are the objects in it, those included that are wrong in part.
    """

    def __init__(self, rows: Mapping[str, Servers] | None = None) -> None:
        super().__init__()
        self.parts: list[Part] = []
        self._rows = rows or {}
        self._makers: dict[str, Maker] = {}
        self._services: dict[str, Service] = {}

    def director(self, document: Table) -> Director:
        """Read the whole document."""
        number = document.get("format")
        if number is None:
            self.flaws.missing(("format",), f"is missing; write `format = {FORMAT}` at the top")
        elif type(number) is not int or number < 1:
            self.flaws.note(("format",), f"must be a whole number, and {FORMAT} for this lvstui")
        elif number > FORMAT:
            self.flaws.note(("format",), f"{number} is newer than this lvstui reads ({FORMAT}); use a newer lvstui")
            return Director()
        self.unknown(document, (), _TOP)
        place, director = self.table(document, (), "director")
        self.unknown(director, place, _DIRECTOR)
        return Director(
            pools=self._pools(document),
            timeouts=self._timeouts(document),
            sync=self._daemons(document),
            sysctl=self._sysctl(document),
            name=self.get(director, place, "name", str, _NAME, ""),
            marks=self._marks(document),
            home=Home(
                self.get(director, place, "host", str, fields.host, ""),
                self.get(director, place, "netns", str, fields.netns, ""),
            ),
        )

    def _timeouts(self, document: Table) -> Timeouts | None:
        if "timeouts" not in document:
            return None
        path, table = self.table(document, (), "timeouts")
        timeouts = self.load(TIMEOUTS, Timeouts(), table, path)
        missing = [one.name for one in TIMEOUTS if one.name not in table and not self.flaws.is_meant((*path, one.name))]
        if missing and isinstance(document["timeouts"], dict):
            sentence = f"{', '.join(missing)} missing; give all three, or leave out the table to keep the kernel's"
            self.flaws.missing(path, sentence, hides=False)
        for name in missing:
            self.flaws.mean((*path, name))
        self.parts.append(Part(path, timeouts))
        return timeouts

    def _sysctl(self, document: Table) -> Mapping[str, str]:
        settings: dict[str, str] = {}
        path, table = self.table(document, (), "sysctl")
        for key, raw in table.items():
            if not isinstance(raw, str | int) or isinstance(raw, bool):
                self.flaws.note((*path, key), 'must be a whole number, or a text such as "3 50"')
                continue
            try:
                settings[key] = sysctls.read(sysctls.name(key), str(raw))
            except fields.FieldError as error:
                self.flaws.note((*path, key), error.sentence)
            else:
                self.parts.append(Part((*path, key), (key, settings[key])))
        return settings

    def _daemons(self, document: Table) -> Mapping[SyncRole, SyncDaemon] | None:
        if "sync" not in document:
            return None
        daemons: dict[SyncRole, SyncDaemon] = {}
        for path, table in self.tables(document, (), "sync"):
            role = self.required(table, path, "role", fields.role, '"master" or "backup"')
            daemon = self.load(DAEMON, SyncDaemon(role or SyncRole.MASTER, ""), table, path)
            if role in daemons:
                self.flaws.note(
                    (*path, "role"), f"there is a {fields.ROLE_WORDS[daemon.role]} daemon above; one is allowed"
                )
            if role is not None:
                daemons[role] = daemon
            self.parts.append(Part(path, daemon))
        return daemons

    def _marks(self, document: Table) -> Mapping[int, MarkGroup]:
        groups: dict[int, MarkGroup] = {}
        names: set[str] = set()
        for path, table in self.tables(document, (), "mark"):
            if "mark" not in table:
                self.flaws.missing((*path, "mark"), "is missing; write mark = 80")
            mark = self.get(table, path, "mark", int, _MARK, None)
            group = self.load(GROUP, MarkGroup(mark or 0), table, path)
            self.name_once(path, group.name, names, "mark")
            if mark in groups:
                self.flaws.note((*path, "mark"), f"{mark} is there twice; put all of its matches into one")
            if mark is not None:
                groups[mark] = group
            self.parts.append(Part(path, group))
        return groups

    def _pools(self, document: Table) -> Mapping[ServiceKey, Pool]:
        pools: dict[ServiceKey, Pool] = {}
        names: set[str] = set()
        only = document.get("service")
        if isinstance(only, dict) and [*only] == ["server"]:
            place = ("service", "server", 0) if isinstance(only["server"], list) else ("service", "server")
            self.flaws.note(place, "stands above the first [[service]]; put the one it belongs to first")
            return pools
        for path, table in self.tables(document, (), "service"):
            key = self.required(table, path, "service", fields.service, '"tcp:192.0.2.10:443"')
            service = self._service(table, path, key or _unknown_service(table))
            self.parts.append(Part(path, service))
            servers = self._servers(table, path, service.key)
            self.name_once(path, service.name, names, "service")
            if key in pools:
                self.flaws.note((*path, "service"), f"{fields.service_text(key)} is there twice; take one out")
            if key is not None:
                pools[key] = Pool(service, servers)
        return pools

    def _servers(self, parent: Table, parent_path: Path, key: ServiceKey) -> Servers:
        block = parent.get("server")
        if isinstance(block, str) and block in self._rows:
            return self._rows[block]
        servers: dict[Endpoint, RealServer] = {}
        names: set[str] = set()
        for path, table in self.tables(parent, parent_path, "server"):
            endpoint = self.required(table, path, "server", fields.server, '"10.0.0.11:443"')
            server = self._server(table, path, endpoint or UNKNOWN_SERVER)
            self.name_once(path, server.name, names, "server of this service")
            if endpoint in servers:
                self.flaws.note(
                    (*path, "server"), f"{fields.server_text(endpoint)} is there twice in this service; take one out"
                )
            if endpoint is not None:
                servers[endpoint] = server
            self.parts.append(Part(path, server, key))
        return servers

    def _service(self, table: Table, path: Path, key: ServiceKey) -> Service:
        settings = f"{key.family} {_settings_of(table, SERVICE)}"
        if like := self._services.get(settings):
            return replace(like, key=key, name=self.get(table, path, "name", str, _NAME, ""))
        flaws = len(self.flaws.found)
        service = self.load(SERVICE, Service(key), table, path, also=("server",))
        if len(self.flaws.found) == flaws:
            self._services[settings] = service
        return service

    def _server(self, table: Table, path: Path, endpoint: Endpoint) -> RealServer:
        settings = _settings_of(table, SERVER)
        if make := self._makers.get(settings):
            return make(endpoint, name=self.get(table, path, "name", str, _NAME, ""))
        flaws = len(self.flaws.found)
        server = self.load(SERVER, RealServer(endpoint), table, path)
        if len(self.flaws.found) == flaws:
            self._makers[settings] = maker(server)
        return server


def _settings_of(table: Table, attributes: Attributes[Service] | Attributes[RealServer]) -> str:
    """Return a key for settings: many objects share the same, which are read once if they have no flaw."""
    return repr([item for item in table.items() if item[0] not in attributes.front and item[0] != "server"])


def _unknown_service(table: Table) -> MarkKey:
    """Stand for a service that cannot be read, of the family that the mask of its persistence is for."""
    persistence = table.get("persistence")
    return MarkKey(0, Family.IPV6 if isinstance(persistence, dict) and "prefix" in persistence else Family.IPV4)


def maker(like: RealServer) -> Maker:
    """Return what makes servers like this one, given an endpoint and a name: a third of the time of `replace`."""
    names = [field.name for field in dataclasses.fields(RealServer) if field.name not in ("endpoint", "name")]
    return partial(RealServer, **{name: getattr(like, name) for name in names})


Servers: TypeAlias = Mapping[Endpoint, RealServer]
Maker: TypeAlias = "partial[RealServer]"
