"""The whole table out of the kernel's dumps: what did not change since the last reading is the same object again."""

from __future__ import annotations

import gc
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple, TypeAlias, TypeVar

from lvstui.core.model import (
    Director,
    Endpoint,
    Family,
    Pool,
    RealServer,
    Service,
    ServiceKey,
    SyncDaemon,
    SyncRole,
    Timeouts,
)
from lvstui.core.observed import ServerStats, Stats
from lvstui.kernel.ipvs import wire
from lvstui.kernel.ipvs.wire import Command
from lvstui.kernel.netlink.attributes import NATIVE
from lvstui.kernel.netlink.channel import HEADER, Datagram

Dump: TypeAlias = Callable[[Command, bytes], Iterable[Datagram]]
"""Asks the kernel for all objects of a kind."""

Row: TypeAlias = tuple[bytes, tuple[int, ...], Stats]
"""A message taken apart: its configuration as encoded attributes, its counts, its statistics."""

_T = TypeVar("_T")
_Getter: TypeAlias = Callable[[tuple[object, ...]], tuple[_T, ...]]

_BODY = HEADER + 4
"""Where a message's own attributes start: behind the header of the one attribute around them."""

_STATS, _STATS64 = wire.DEST_STATS, wire.DEST_STATS64
_SERVER_COUNTS = (wire.DEST_ACTIVE, wire.DEST_INACTIVE, wire.DEST_STICKY)
_ADDRESS_HEAD = NATIVE.attribute(wire.DEST_ADDRESS, bytes(16))[:4]
_PORT_HEAD = NATIVE.attribute(wire.DEST_PORT, bytes(2))[:4]
_PORT, _REST = 24, 28
"""Where a real server's port stands in its configuration, and where what comes after its address and port."""
_CONFIG = frozenset(range(1, 1 + wire.DEST_TUNNEL_FLAGS)) - {_STATS, _STATS64}
"""The attributes that are configuration unless they are counts; of later kernels' new ones we know neither."""
_COUNTERS = tuple(range(1, 1 + len(Stats._fields)))


class _Field(NamedTuple):
    """One attribute of a layout: what it is to us, its number, and its bytes with header and padding."""

    role: str
    number: int
    size: int


class Shape:
    """How the kernel lays out some messages, learned by walking the first of them.

    One kernel puts the same attributes into all messages of a kind, so numbers have fixed places. All between them
    is configuration, headers included: rows with the same bytes there have the same configuration. Names of other
    lengths move the numbers, which can leave the length as it was (padding aligns them), so the headers around the
    numbers must stand where they stood.
    """

    def __init__(self, fields: list[_Field], message: bytes) -> None:
        form = f"={_BODY}x"
        places: dict[str, list[int]] = {"config": [], "head": [], "count": [], "stat": []}
        values = 0
        for role, run in groupby(fields, key=lambda field: field.role):
            sizes = [field.size for field in run]
            match role:
                case "skip":
                    form += f"{sum(sizes)}x"
                    continue
                case "config" | "head":
                    sizes = [sum(sizes)]
                    form += f"{sizes[0]}s"
                case _:
                    form += "".join("4xI" if size == 8 else "4xQ" for size in sizes)
            places[role] += range(values, values + len(sizes))
            values += len(sizes)
        self._struct = struct.Struct(form)
        self._config: _Getter[bytes] = _getter(places["config"])
        self._heads: _Getter[bytes] = _getter(places["head"])
        self._counts: _Getter[int] = _getter(places["count"])
        self._stats: _Getter[int] = _getter(places["stat"])
        self.size = self._struct.size
        self._expected = self._heads(self._struct.unpack(message)) if self.size == len(message) else ()

    def row(self, buffer: bytearray, start: int) -> Row | None:
        """Take the message apart that starts here; None where it has another shape."""
        values = self._struct.unpack_from(buffer, start)
        if self._heads(values) != self._expected:
            return None
        return b"".join(self._config(values)), self._counts(values), Stats._make(self._stats(values))


def _getter(places: list[int]) -> _Getter[_T]:
    """Return a function that picks these places, always as a tuple."""
    if len(places) > 1:
        return itemgetter(*places)
    return itemgetter(slice(places[0], places[0] + 1)) if places else lambda _: ()


def learn(message: bytes, counts: tuple[int, ...]) -> Shape | None:
    """Learn the shape of a message; None where the numbers do not stand in the order that we pass them on."""
    fields = list(_fields(message[_BODY:], counts))
    if any(field.size not in (8, 12) for field in fields if field.role in ("count", "stat")):
        return None
    for role, order in (("count", counts), ("stat", _COUNTERS)):
        if tuple(field.number for field in fields if field.role == role) != order:
            return None
    shape = Shape(fields, message)
    return shape if shape.size == len(message) else None


def _fields(body: bytes, counts: tuple[int, ...]) -> Iterator[_Field]:
    found = list(NATIVE.walk(body))
    wide = any(number == _STATS64 for number, _, _ in found)
    for number, start, end in found:
        size = 4 + ((end - start + 3) & ~3)
        if number == (_STATS64 if wide else _STATS):
            yield _Field("head", number, 4)
            for inner, first, last in NATIVE.walk(body[start:end]):
                role = "stat" if inner in _COUNTERS else "skip"  # the rest is padding that aligns 64 bits
                yield _Field(role, inner, 4 + last - first)
        elif number == _STATS:
            yield _Field("head", number, 4)
            yield _Field("skip", number, size - 4)
        elif number in counts:
            yield _Field("count", number, size)
        else:
            yield _Field("config" if number in _CONFIG else "skip", number, size)


def walk(message: bytes, counts: tuple[int, ...]) -> Row:
    """Take a message apart attribute by attribute, whatever its layout."""
    found = NATIVE.attributes(message[_BODY:])
    config = b"".join(
        NATIVE.attribute(number, payload)
        for number, payload in found.items()
        if number in _CONFIG and number not in counts
    )
    return config, tuple(wire.read_count(found, number) for number in counts), wire.read_stats(found)


class RowReader:
    """Rows of one kind out of dumps, with the shapes met so far."""

    def __init__(self, counts: tuple[int, ...]) -> None:
        self._counts = counts
        self._shapes: dict[int, list[Shape]] = {}

    def read(self, datagrams: Iterable[Datagram]) -> tuple[list[Row], int]:
        """Read a dump to its end, and count its datagrams."""
        rows: list[Row] = []
        count = 0
        for datagram in datagrams:
            buffer = datagram.buffer
            count += 1
            for start, end in datagram.spans:
                for shape in self._shapes.get(end - start, ()):
                    row = shape.row(buffer, start)
                    if row is not None:
                        break
                else:
                    row = self._learn(bytes(buffer[start:end]))
                rows.append(row)
        return rows, count

    def _learn(self, message: bytes) -> Row:
        """Walk a message of a shape not met so far, and remember the shape."""
        shape = learn(message, self._counts)
        if shape is not None:
            self._shapes.setdefault(len(message), []).append(shape)
        return walk(message, self._counts)


@contextmanager
def _without_collector() -> Iterator[None]:
    """Keep Python from searching for garbage: a reading makes a hundred thousand objects and none in a circle."""
    works = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if works:
            gc.enable()


class _Known(NamedTuple):
    """A pool of the last reading, with its servers' configuration as it was encoded."""

    pool: Pool
    configs: list[bytes]
    servers: tuple[RealServer, ...]
    endpoints: tuple[Endpoint, ...]


class PoolTable:
    """The last reading of all pools, against which the next one is compared."""

    def __init__(self) -> None:
        self._service_rows = RowReader(())
        self._server_rows = RowReader(_SERVER_COUNTS)
        self._services: dict[bytes, Service] = {}
        self._known: dict[ServiceKey, _Known] = {}
        self._director = Director()

    def read(self, dump: Dump) -> tuple[dict[ServiceKey, Stats], dict[ServiceKey, dict[Endpoint, ServerStats]]]:
        """Read all services and servers, and return what the kernel counts of them."""
        counted: dict[ServiceKey, dict[Endpoint, ServerStats]] = {}
        known: dict[ServiceKey, _Known] = {}
        shared: dict[bytes, wire.ServerSettings] = {}
        with _without_collector():
            services, stats = self._read_services(dump)
            for service in services:
                known[service.key], counted[service.key] = self._read_pool(service, dump, shared)
        self._known = known
        return stats, counted

    def _read_services(self, dump: Dump) -> tuple[list[Service], dict[ServiceKey, Stats]]:
        rows, parts = self._service_rows.read(dump(Command.GET_SERVICE, b""))
        if parts > 1 and not self._services.keys() <= {config for config, _, _ in rows}:
            # A change between two parts makes the kernel skip rows: look twice before a service counts as gone.
            rows, _ = self._service_rows.read(dump(Command.GET_SERVICE, b""))
        last, self._services = self._services, {}
        stats: dict[ServiceKey, Stats] = {}
        services: dict[ServiceKey, Service] = {}
        for config, _, counted in rows:
            service = last.get(config) or wire.read_service(NATIVE.attributes(config))
            self._services[config] = services[service.key] = service
            stats[service.key] = counted
        return list(services.values()), stats

    def _read_pool(
        self, service: Service, dump: Dump, shared: dict[bytes, wire.ServerSettings]
    ) -> tuple[_Known, dict[Endpoint, ServerStats]]:
        """Read one service's servers; one that went away in this moment simply has none.

        Objects of the last reading stay where their bytes are the same.
        """
        key = service.key
        known = self._known.get(key)
        rows, _ = self._server_rows.read(dump(Command.GET_DEST, wire.service_key(key)))
        configs = [config for config, _, _ in rows]
        if known is None or known.pool.service is not service or known.configs != configs:
            held = dict(zip(known.configs, known.servers, strict=True)) if known else {}
            servers = tuple(held.get(config) or _server(config, key.family, shared) for config in configs)
            endpoints = tuple(server.endpoint for server in servers)
            known = _Known(Pool(service, dict(zip(endpoints, servers, strict=True))), configs, servers, endpoints)
        counted = [ServerStats._make((*counts, stats)) for _, counts, stats in rows]
        return known, dict(zip(known.endpoints, counted, strict=True))

    def director(self, timeouts: Timeouts, sync: Mapping[SyncRole, SyncDaemon]) -> Director:
        """Return the configuration that was read last; the same object as before while nothing in it changed."""
        last = self._director
        pools = {key: known.pool for key, known in self._known.items()}
        same = len(pools) == len(last.pools) and all(last.pools.get(key) is pool for key, pool in pools.items())
        if not same or timeouts != last.timeouts or sync != last.sync:
            self._director = Director(pools, timeouts, sync)
        return self._director


def _server(config: bytes, family: Family, shared: dict[bytes, wire.ServerSettings]) -> RealServer:
    """Decode one row of a service of this family; `shared` are settings that other rows of this reading have too."""
    if config[:4] != _ADDRESS_HEAD or config[_PORT - 4 : _PORT] != _PORT_HEAD:
        return wire.read_server(NATIVE.attributes(config), family)
    rest = config[_REST:]
    settings = shared.get(rest)
    if settings is None:
        found = NATIVE.attributes(rest)
        settings = wire.read_settings(found, family)
        if wire.DEST_FAMILY in found:  # else they are those of this service's family only
            shared[rest] = settings
    return wire.make_server(settings, config[4:20], config[_PORT : _PORT + 2])
