"""The connection table as /proc shows it: every row decoded, piece by piece, at the pace of the kernel.

Formats: ip_vs_conn_seq_show and ip_vs_conn_sync_seq_show in net/netfilter/ipvs/ip_vs_conn.c. Addresses and ports are in
hexadecimal, times in seconds. Before Linux 6.14 every read() walks the table from its head again, so that reading it
whole takes quadratic time. From one reading to the next most rows differ by their countdown only: those are not decoded
again.
"""

from __future__ import annotations

import os
import time
from collections.abc import Generator, Sequence
from functools import partial
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Final, TypeAlias

from lvstui.core.model import PERSISTENCE_MAX, Address, AddressKey, Endpoint, Family, MarkKey, Protocol, ServiceKey
from lvstui.core.observed import Alike, Connection, Entry, Origin
from lvstui.kernel.namespace import call_in, explain_absence
from lvstui.kernel.port import KernelError, Piece

WITH_ENGINES: Final = Path("/proc/thread-self/net/ip_vs_conn")
WITH_ORIGIN: Final = Path("/proc/thread-self/net/ip_vs_conn_sync")

_BUFFER: Final = 1 << 16
_TEMPLATE_STATES: Final = frozenset(("NONE", "ASSURED", "ERR!"))
_ORIGINS: Final = {"LOCAL": Origin.LOCAL, "SYNC": Origin.SYNC}
_PROTOCOLS: Final = {"TCP": 6, "UDP": 17, "SCTP": 132, "ICMP": 1, "ICMPv6": 58, "IP": 0}
_MARK: Final = "IP"
_KNOWN_MAX: Final = 65536
"""Services, servers and virtual ends that are remembered: what rows have in common is one object."""

_REMEMBERED: Final = 100_000
"""Rows that are remembered for the next reading; of a larger table, reading it is what takes long."""

_COUNTDOWN: Final = 8
"""Characters at the end of a row that say how long it lives, where no engine's data follow."""

_CLIENT: Final = slice(4, 12)
"""Where a row has its client, in IPv4 and below the usual protocols: entries alike in all else are of one kind."""

Row: TypeAlias = Entry | Connection


class Connections:
    """The connection table of one network namespace; each scan opens it anew, in any thread."""

    def __init__(self, netns: str | None = None) -> None:
        self._netns = netns
        self._known: dict[str, Row] = {}

    def scan(self, *, engines: bool = False) -> Generator[Piece, None, None]:
        """Read the table from its start; what cannot be decoded is left out. Raises `KernelError`."""
        decoder = Decoder(engines=engines, known=self._known)
        try:
            yield from self._read(decoder, WITH_ENGINES if engines else WITH_ORIGIN)
        finally:
            if len(self._known) > 2 * decoder.rows:
                self._known.clear()  # most of it is gone from the table

    def stream(self, *, engines: bool = False) -> Generator[Piece, None, None]:
        """Read the table as `scan` does, but remember nothing, with what is alike among its entries as such."""
        return self._read(Decoder(engines=engines, alike=True), WITH_ENGINES if engines else WITH_ORIGIN)

    def _read(self, decoder: Decoder, path: Path) -> Generator[Piece, None, None]:
        try:
            descriptor = call_in(self._netns, partial(os.open, path, os.O_RDONLY | os.O_CLOEXEC))
        except FileNotFoundError:
            raise explain_absence() from None
        except OSError as problem:
            raise KernelError(f"/proc/net/{path.name} cannot be read: {problem.strerror}") from problem
        try:
            while part := os.read(descriptor, _BUFFER):
                yield decoder.decode(part, time.monotonic())
        except OSError as problem:
            raise KernelError(f"/proc/net/{path.name} cannot be read on: {problem.strerror}") from problem
        finally:
            os.close(descriptor)


class Decoder:
    """Decodes the text of one reading as it comes, in whatever pieces; `known` are rows that it may find again.

    A row that is found again is the very same object, unless its timer was started anew. With `alike` entries that
    differ by client and time only are not decoded but come as such, and no row is remembered.
    """

    def __init__(self, *, engines: bool, known: dict[str, Row] | None = None, alike: bool = False) -> None:
        self._engines = engines
        self._alike = alike
        self._remembered = 0 if alike or engines else _REMEMBERED
        self._known: dict[str, Row] = {} if known is None else known
        self._tail = b""
        self._services: dict[tuple[str, str, str, bool], ServiceKey] = {}
        self._ends: dict[tuple[str, str], Endpoint] = {}
        self._kinds: dict[str, Entry] = {}
        self.rows = 0
        """Rows decoded so far."""

    def decode(self, part: bytes, now: float) -> Piece:
        """Decode the rows that end in this part of the text; `now` is when it was read."""
        whole, newline, self._tail = (self._tail + part).rpartition(b"\n")
        lines: Sequence[str] = whole.decode("latin-1").split("\n") if newline else ()
        if max(len(self._services), len(self._ends), len(self._kinds)) > _KNOWN_MAX:
            self._services.clear()
            self._ends.clear()
            self._kinds.clear()
        entries: list[Entry] = []
        connections: list[Connection] = []
        alike: list[Alike] = []
        if self._alike:
            lines = self._alike_rows(lines, now, alike)
        elif not self._engines:
            lines = self._known_rows(lines, now, entries, connections)
        self._rows(lines, now, entries, connections)
        self.rows += len(entries) + len(connections) + len(alike)
        return Piece(entries, connections, alike)

    def _alike_rows(self, lines: Sequence[str], now: float, alike: list[Alike]) -> Sequence[str]:
        """Find entries of known kinds; return the lines of the others."""
        kinds = self._kinds.get
        others: list[str] = []
        for line in lines:
            kind = kinds(line[: _CLIENT.start] + line[_CLIENT.stop : -_COUNTDOWN])
            if kind is None:
                others.append(line)
                continue
            try:
                client, seconds = int(line[_CLIENT], 16).to_bytes(4, "big"), int(line[-_COUNTDOWN:])
            except (ValueError, OverflowError):
                continue  # a row that no kernel known writes
            alike.append((kind, client, now + seconds if seconds <= PERSISTENCE_MAX else now))
        return others

    def _known_rows(
        self, lines: Sequence[str], now: float, entries: list[Entry], connections: list[Connection]
    ) -> Sequence[str]:
        """Find rows that are known; return the lines of the others, and of those whose timer was started anew.

        The kernel cuts what is left to whole seconds, so two readings differ by less than one.
        """
        known = self._known.get
        others: list[str] = []
        for line in lines:
            row = known(line[:-_COUNTDOWN])
            try:
                if row is None or not -1 < now + int(line[-_COUNTDOWN:]) - row.ends < 1:
                    others.append(line)
                    continue
            except ValueError:
                continue  # no countdown: a row that no kernel known writes
            if isinstance(row, Entry):
                entries.append(row)
            else:
                connections.append(row)
        return others

    def _rows(self, lines: Sequence[str], now: float, entries: list[Entry], connections: list[Connection]) -> None:
        """Decode lines; written for speed, as this runs for each row of tables with a million of them."""
        known, remembered = self._known, self._remembered
        services, ends, engines, kinds = self._services, self._ends, self._engines, self._kinds
        make, unknown, origins = tuple.__new__, Origin.UNKNOWN, _ORIGINS
        row: Row
        client: Address
        for line in lines:
            kind = kinds.get(line[: _CLIENT.start] + line[_CLIENT.stop : -_COUNTDOWN])
            try:
                if kind is not None:
                    service, _, server, state, _, _, _, origin = kind
                    seconds = int(line[-_COUNTDOWN:])
                    ends_at = now + seconds if seconds <= PERSISTENCE_MAX else now
                    client = IPv4Address(int(line[_CLIENT], 16))
                    row = make(Entry, (service, client, server, state, ends_at, "", "", origin))
                    entries.append(row)
                    if len(known) < remembered:
                        known[line[:-_COUNTDOWN]] = row
                    continue
                words = line.split(None, 10)
                protocol, caddr, cport, vaddr, vport, daddr, dport, state, word = words[:9]
                origin, left = (unknown, word) if engines else (origins.get(word, unknown), words[9])
                seconds = int(left)
                ends_at = now + seconds if seconds <= PERSISTENCE_MAX else now  # old kernels let what is due wrap round
                server = ends.get((daddr, dport)) or self._end(daddr, dport)
                if cport == "0000" and state in _TEMPLATE_STATES:
                    six = ":" in caddr
                    service = services.get((protocol, vaddr, vport, six)) or self._service(protocol, vaddr, vport, six)
                    client = IPv6Address(int(caddr.replace(":", ""), 16)) if six else IPv4Address(int(caddr, 16))
                    engine, identity = (words[9], words[10]) if engines and len(words) > 10 else ("", "")
                    entry = make(Entry, (service, client, server, state, ends_at, engine, identity, origin))
                    entries.append(entry)
                    row = entry
                    if not (six or engines) and len(words) == 10 and line[_CLIENT] == caddr:
                        kinds[line[: _CLIENT.start] + line[_CLIENT.stop : -_COUNTDOWN]] = entry
                else:
                    client_end = Endpoint(_address(caddr), _port(cport))
                    virtual = ends.get((vaddr, vport)) or self._end(vaddr, vport)
                    number = _protocol(protocol)
                    connection = make(Connection, (number, client_end, virtual, server, state, ends_at, origin))
                    connections.append(connection)
                    row = connection
                if len(known) < remembered:
                    known[line[:-_COUNTDOWN]] = row
            except (ValueError, IndexError):
                continue  # the headings, or a row that no kernel known writes

    def _end(self, address: str, port: str) -> Endpoint:
        end = self._ends[address, port] = Endpoint(_address(address), _port(port))
        return end

    def _service(self, protocol: str, address: str, port: str, six: bool) -> ServiceKey:
        """Return the service of an entry; a firewall mark stands where the address would, on IPv6 in its first half."""
        key: ServiceKey
        if protocol == _MARK:
            mark = int(address.replace(":", "")[:8], 16)
            if mark < 0:
                raise ValueError(address)
            key = MarkKey(mark, Family.IPV6 if six else Family.IPV4)
        else:
            key = AddressKey(_protocol(protocol), _address(address), _port(port))
        self._services[protocol, address, port, six] = key
        return key


def _address(text: str) -> Address:
    if ":" in text:
        return IPv6Address(int(text.replace(":", ""), 16))
    return IPv4Address(int(text, 16))


def _port(text: str) -> int:
    number = int(text, 16)
    if not 0 <= number <= 0xFFFF:
        raise ValueError(text)
    return number


def _protocol(name: str) -> Protocol:
    """Read a protocol's name (ip_vs_proto_name); one without a name is written `IP_47`."""
    number = _PROTOCOLS.get(name)
    return Protocol(int(name.removeprefix("IP_")) if number is None else number)
