"""Which virtual services the configuration of keepalived and of ldirectord names; it is read only, for warnings.

What cannot be understood for sure claims every service: a warning too many is better than one too few.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, ip_address, ip_network
from itertools import islice
from pathlib import Path
from typing import Final

from lvstui.core.model import Address, AddressKey, Family, MarkKey, Protocol, ServiceKey
from lvstui.host.foreign import Allowance

_PROTOCOLS: Final = {"tcp": Protocol.TCP, "udp": Protocol.UDP, "sctp": Protocol.SCTP}
_TOKEN: Final = re.compile(r'"[^"]*"|[{}]|[!#].*|[^\s{}"!#]+')
_DEFINITION: Final = re.compile(r"\s*\$(\w+)=(.*)")
_VARIABLE: Final = re.compile(r"\$(?:(\w+)|\{(\w+)\})")
_INCLUDE: Final = re.compile(r"include[a-z]?")
_RANGE_MAX: Final = 65536
"""Addresses of one range that are still listed; a larger one claims every service."""
_KEYS_MAX: Final = 200_000
"""Services of one configuration that are still listed."""
_DEPTH_MAX: Final = 20
_FOUND_MAX: Final = 1000
"""Files that one pattern may find."""

_VIRTUAL: Final = re.compile(r"virtual(6?)\s*=\s*(\S+)")
_MONITOR: Final = re.compile(r'\s+monitorfile\s*=\s*"?([^"]+?)"?\s*$')
_REAL_PROTOCOL: Final = re.compile(r"\s+protocol\s*=\s*(\w+)")


class _Unclear(Exception):
    """Something that only the program itself could interpret."""


@dataclass(frozen=True, slots=True)
class Claims:
    """The services that a configuration names, None for all of them, and the files that say so.

    `monitors` are the files into which a program writes what it thinks of a service's servers. `flushes` says that the
    program clears the whole table when it starts.
    """

    services: frozenset[ServiceKey] | None
    files: tuple[Path, ...]
    monitors: Mapping[ServiceKey, Path] = field(default_factory=dict)
    flushes: bool = False


def keepalived_claims(path: Path, root: Path = Path("/")) -> Claims:
    """Return the claims of keepalived.conf and what it includes, as a process sees it whose root folder is `root`."""
    reader, parts = _Reader(root), _Parts()
    try:
        for stack, words in _statements(reader.lines(path)):
            parts.take(stack, words)
        services = _listed(parts.keys())
    except (_Unclear, ValueError, LookupError, OSError, RecursionError):
        return Claims(None, tuple(reader.files), flushes=parts.flushes)
    return Claims(services, tuple(reader.files), flushes=parts.flushes)


def ldirectord_claims(path: Path, root: Path = Path("/")) -> Claims:
    """Return the claims of ldirectord.cf, as a process sees it whose root folder is `root`."""
    place = _inside(root, path)
    try:
        found = list(_ldirectord_services(Allowance().read(place)))
        services = _listed(key for key, _ in found)
    except (_Unclear, ValueError, LookupError, OSError, RecursionError):
        return Claims(None, (place,))
    monitors = {key: _inside(root, Path("/", monitor)) for key, monitor in found if monitor}
    return Claims(services, (place,), monitors)


def _listed(keys: Iterable[ServiceKey]) -> frozenset[ServiceKey]:
    found = frozenset(islice(keys, _KEYS_MAX + 1))
    if len(found) > _KEYS_MAX:
        raise _Unclear("too many services to be listed")
    return found


def _inside(root: Path, path: Path) -> Path:
    return root / path.relative_to("/") if path.is_absolute() else path


class _Reader:
    """The words of keepalived's files, line by line, with includes and variables put in."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._variables: dict[str, str] = {}
        self._allowance = Allowance()
        self.files: list[Path] = []

    def lines(self, path: Path, depth: int = 0) -> Iterator[list[str]]:
        if depth > _DEPTH_MAX:
            raise _Unclear("files that include each other")
        place = _inside(self._root, path)
        self.files.append(place)
        for line in self._allowance.read(place).splitlines():
            self._allowance.check()
            if definition := _DEFINITION.fullmatch(line):
                self._variables[definition[1]] = definition[2].strip()
                continue
            words = [word for word in _TOKEN.findall(_VARIABLE.sub(self._substitute, line)) if word[0] not in "!#"]
            if words and words[0].startswith("@"):  # only for some directors: counted as for this one
                words = words[1:]
            if words and words[0].startswith("~"):
                raise _Unclear("a sequence")
            if len(words) == 2 and _INCLUDE.fullmatch(words[0]):
                yield from self._include(path, words[1].strip('"'), depth)
            elif words:
                yield words

    def _include(self, by: Path, pattern: str, depth: int) -> Iterator[list[str]]:
        """Yield the lines of what a pattern finds; a relative one starts from the folder of the file that says it."""
        if "**" in pattern:
            raise _Unclear("a pattern that a shell reads otherwise")
        whole = by.parent / pattern
        folder = _inside(self._root, Path(whole.anchor or "."))
        self.files.append(_inside(self._root, whole.parent))  # whose time changes with a new file there
        for found in sorted(islice(folder.glob(str(whole.relative_to(whole.anchor))), _FOUND_MAX)):
            yield from self.lines(Path(whole.anchor) / found.relative_to(folder), depth + 1)

    def _substitute(self, found: re.Match[str]) -> str:
        value = self._variables.get(found[1] or found[2], found[0])
        self._allowance.take(len(value))
        return value


def _statements(lines: Iterator[list[str]]) -> Iterator[tuple[tuple[str, ...], list[str]]]:
    """Yield each statement with the first words of the blocks around it; a block's own head is a statement too."""
    stack: list[str] = []
    head = ""
    for line in lines:
        words: list[str] = []
        for word in [*line, ""]:
            if word not in ("{", "}", ""):
                words.append(word)
                continue
            if words:
                yield tuple(stack), words
                head = words[0]
                words = []
            if word == "{":
                stack.append(head)
            elif word == "}" and stack:
                stack.pop()


@dataclass(slots=True)
class _Virtual:
    """A block `virtual_server`; one that names no protocol is UDP (validate_check_config in keepalived's sources)."""

    target: list[str]
    protocol: str = "udp"
    family: str = ""


@dataclass(slots=True)
class _Parts:
    """What keepalived.conf says of virtual servers and of their groups."""

    virtuals: list[_Virtual] = field(default_factory=list)
    groups: dict[str, list[list[str]]] = field(default_factory=dict)
    group: list[list[str]] = field(default_factory=list)
    marks_groups: bool = False
    """Whether keepalived makes one service of a group, on a mark of its own choice (nftables_ipvs)."""
    flushes: bool = False
    """Whether keepalived clears the table at its start, services of others included (lvs_flush)."""

    def take(self, stack: Sequence[str], words: list[str]) -> None:
        match stack, words:
            case (), ["virtual_server", *target]:
                self.virtuals.append(_Virtual([word.strip('"') for word in target]))
            case (), ["virtual_server_group", name]:
                self.group = self.groups.setdefault(name.strip('"'), [])
            case ("global_defs",), ["nftables_ipvs", *_]:
                self.marks_groups = True
            case ("global_defs",), ["lvs_flush", *_]:
                self.flushes = True
            case ("virtual_server",), ["protocol", protocol]:
                self.virtuals[-1].protocol = protocol.lower()
            case ("virtual_server",), ["ip_family", family]:
                self.virtuals[-1].family = family
            case ("virtual_server_group",), _:
                self.group.append(words)
            case _:
                pass

    def keys(self) -> Iterator[ServiceKey]:
        for virtual in self.virtuals:
            match virtual.target:
                case ["group", name]:
                    for entry in self.groups[name]:
                        if self.marks_groups and entry[0] != "fwmark":
                            raise _Unclear("a mark that keepalived chooses")
                        yield from _keys(entry, virtual)
                case target:
                    yield from _keys(target, virtual)


def _keys(target: Sequence[str], virtual: _Virtual) -> Iterator[ServiceKey]:
    """Yield the services of `fwmark N [inet6]` or `ADDRESSES [PORT]`."""
    match target:
        case ["fwmark", mark, *words]:
            word = words[0] if words else virtual.family
            families = {"inet": [Family.IPV4], "inet6": [Family.IPV6]}.get(word, list(Family))
            yield from (MarkKey(int(mark, 0), family) for family in families)
        case [addresses, *port]:
            number = int(port[0]) if port else 0
            protocol = _PROTOCOLS[virtual.protocol]
            yield from (AddressKey(protocol, address, number) for address in _addresses(addresses))
        case _:
            raise _Unclear("a virtual server without an address")


def _addresses(text: str) -> Iterator[Address]:
    """Yield the addresses of `192.0.2.1`, `192.0.2.1-9`, `192.0.2.1-192.0.3.9` or `192.0.2.8/29`, also of IPv6."""
    if "/" in text:
        network = ip_network(text, strict=False)
        first, last = network.network_address, network.broadcast_address
    else:
        begin, _, end = text.partition("-")
        first, last = ip_address(begin), _end(begin, end)
    if not 0 <= int(last) - int(first) < _RANGE_MAX:
        raise _Unclear("a range too large to be listed")
    yield from (first + step for step in range(int(last) - int(first) + 1))


def _end(begin: str, end: str) -> Address:
    """Return the end of a range, which may be written as its last part only."""
    if not end:
        return ip_address(begin)
    if "." in end or ":" in end:
        return ip_address(end)
    separator = ":" if ":" in begin else "."
    return ip_address(f"{begin.rpartition(separator)[0]}{separator}{end}")


def _ldirectord_services(text: str) -> Iterator[tuple[ServiceKey, str]]:
    """Yield the service of each `virtual=`, whose protocol may follow in the lines indented below it.

    With it comes the file into which ldirectord writes what it thinks of the servers; empty where it has none.
    """
    found: re.Match[str] | None = None
    protocol = monitor = ""
    for line in text.splitlines():
        if virtual := _VIRTUAL.match(line):
            if found:
                yield _ldirectord_key(found, protocol), monitor
            found, protocol, monitor = virtual, "", ""
        elif found and (named := _REAL_PROTOCOL.match(line)):
            protocol = named[1]
        elif found and (named := _MONITOR.match(line)):
            monitor = named[1]
    if found:
        yield _ldirectord_key(found, protocol), monitor


def _ldirectord_key(virtual: re.Match[str], protocol: str) -> ServiceKey:
    family = Family.IPV6 if virtual[1] else Family.IPV4
    if virtual[2].isdigit():
        return MarkKey(int(virtual[2]), family)
    host, _, port = virtual[2].rpartition(":")
    word = protocol or ("udp" if port in ("53", "domain") else "tcp")
    address = ip_address(host.strip("[]")) if virtual[1] else IPv4Address(host)
    number = int(port) if port.isdigit() else socket.getservbyname(port, word)
    return AddressKey(_PROTOCOLS[word], address, number)
