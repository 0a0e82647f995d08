"""What a rule asks of an ipset, as instructions of a packet's walk."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple, TypeAlias, TypeVar

from lvstui.core.packets.program import (
    SLOT,
    Ask,
    Base,
    Check,
    Contents,
    Element,
    Header,
    Instruction,
    Load,
    Mask,
    Member,
    Named,
    Range,
    Source,
)
from lvstui.kernel.nft.ipsets.reading import IpSet, IpsetElement

_T = TypeVar("_T")

_Row: TypeAlias = tuple[tuple[Source, Range], ...]
"""What a packet must have to be in a part of a set, in the order of the dimensions."""

_NOWHERE: Final = Check(("meta l4proto",), ())
_MARK: Final = Named("meta mark", SLOT, host=True)
_PROTOCOL: Final = Named("meta l4proto", 1)
_ADDRESSES: Final = {
    (4, True): Header(Base.NETWORK, 12, 4),
    (4, False): Header(Base.NETWORK, 16, 4),
    (6, True): Header(Base.NETWORK, 8, 16),
    (6, False): Header(Base.NETWORK, 24, 16),
}
"""Addresses by the version of IP, and whether it is the source's."""


class Asked(NamedTuple):
    """What a rule asks: that a packet is in a set, or is not; for each dimension, whether its source is meant."""

    name: str
    sources: tuple[bool, ...]
    negated: bool = False


def instructions(asked: Asked, held: IpSet, version: int, text: str) -> tuple[Instruction, ...]:
    """Return the instructions of a rule for a version of IP (4, 6); a set that is not known is asked with `text`."""
    try:
        rows = list(_rows(asked, held, version))
    except _UnknownError:
        return (Ask(text),)
    sources = tuple(dict.fromkeys(source for row in rows for source, _ in row))
    if not rows or not sources:
        return (_NOWHERE._replace(negated=asked.negated),)
    loads: list[Instruction] = []
    slot = 0
    for source in sources:
        loads.append(Load(slot, source))
        if source == _MARK and held.mark != 0xFFFFFFFF:
            loads.append(Mask(slot, slot, held.mark.to_bytes(SLOT, sys.byteorder), bytes(SLOT)))
        slot += -(-source.size // SLOT)
    keys = [_key(sources, dict(row)) for row in rows]
    joined = len(sources) > 1
    size = slot * SLOT if joined else sources[0].size
    if not joined:
        keys = [(_bytes(sources[0], low), _bytes(sources[0], high)) for low, high in _merged(row[0][1] for row in rows)]
    parts = tuple(source.size for source in sources) if joined else ()
    contents = Contents(asked.name, size, parts, tuple(Element(first, last) for first, last in keys))
    return (*loads, Member(0, contents, asked.negated))


class _UnknownError(Exception):
    """A set of which it is not known what is in it."""


def _rows(asked: Asked, held: IpSet, version: int) -> Iterator[_Row]:
    """Return the parts of a set that a rule may find a packet in; none that overlap where prefixes decide."""
    if held.kinds is None:
        raise _UnknownError
    for one in held.sets:
        if one.mark != held.mark:
            raise _UnknownError
        yield from _rows(asked, one, version)
    kinds = held.kinds
    if not kinds or held.version not in (0, version) or len(kinds) > len(asked.sources):
        return
    sources = [
        source
        for kind, from_source in zip(kinds, asked.sources, strict=False)
        for source in _sources(kind, version, from_source)
    ]
    nets = [place for place, kind in enumerate(_fields(kinds)) if kind == "net"]
    if kinds == ("net", "iface"):
        yield from (tuple(zip(sources, ranges, strict=True)) for ranges in _by_interface(held.elements))
        return
    if not any(element.excepts for element in held.elements):
        yield from (tuple(zip(sources, element.ranges, strict=True)) for element in held.elements)
        return
    if len(nets) != 1 or _has_wildcards(kinds, held.elements):
        raise _UnknownError  # which of several elements decides depends on more than one prefix
    (net,) = nets
    groups: dict[tuple[Range, ...], list[tuple[Range, bool]]] = {}
    for element in held.elements:
        others = element.ranges[:net] + element.ranges[net + 1 :]
        groups.setdefault(others, []).append((element.ranges[net], element.excepts))
    for others, networks in groups.items():
        for found, excepts in _resolved(networks):
            if not excepts:
                yield tuple(zip(sources, (*others[:net], found, *others[net:]), strict=True))


def _by_interface(elements: Sequence[IpsetElement]) -> Iterator[tuple[Range, Range]]:
    """Return the parts of a set of networks and interfaces.

    The smallest network that an address is in decides, with whatever interfaces it stands in the set: where none of
    them is the packet's, no larger network is looked for (ip_set_hash_netiface.c and mtype_test_cidrs, `multi`).
    """
    if any(element.excepts for element in elements) and _has_wildcards(("net", "iface"), elements):
        raise _UnknownError
    networks: dict[Range, list[Range]] = {}
    for element in elements:
        network, interface = element.ranges
        interfaces = networks.setdefault(network, [])
        if not element.excepts:
            interfaces.append(interface)
    for found, network in _resolved([(network, network) for network in networks]):
        yield from ((found, interface) for interface in networks[network])


def _has_wildcards(kinds: Iterable[str], elements: Iterable[IpsetElement]) -> bool:
    interfaces = [place for place, kind in enumerate(_fields(kinds)) if kind == "iface"]
    return any(element.ranges[at][0] != element.ranges[at][1] for element in elements for at in interfaces)


def _fields(kinds: Iterable[str]) -> Iterator[str]:
    for kind in kinds:
        yield from ("protocol", "port") if kind == "port" else (kind,)


def _sources(kind: str, version: int, from_source: bool) -> tuple[Source, ...]:
    match kind:
        case "ip" | "net":
            return (_ADDRESSES[version, from_source],)
        case "port":
            return _PROTOCOL, Header(Base.TRANSPORT, 0 if from_source else 2, 2)
        case "iface":
            return (Named("iifname" if from_source else "oifname", 16),)
        case "mac":
            return (Header(Base.LINK, 6 if from_source else 0, 6),)
        case _:
            return (_MARK,)


def _resolved(networks: Sequence[tuple[Range, _T]]) -> Iterator[tuple[Range, _T]]:
    """Return what is covered, with what the smallest network there says; none of it overlaps."""
    open_: list[tuple[int, _T]] = []  # the networks around a place, the smallest one last: their ends, what they say
    at = 0
    for (first, last), says in sorted(networks, key=lambda pair: (pair[0][0], -pair[0][1])):
        yield from _closed(open_, at, first - 1)
        while open_ and open_[-1][0] < first:
            open_.pop()
        at = first
        open_.append((last, says))
    yield from _closed(open_, at, max((last for (_, last), _ in networks), default=0))


def _closed(around: list[tuple[int, _T]], first: int, last: int) -> Iterator[tuple[Range, _T]]:
    """Return what is covered from `first` to `last`, where no further network begins."""
    for end, says in reversed(around):
        if first > last:
            return
        if end >= first:
            yield (first, min(end, last)), says
            first = end + 1


def _merged(ranges: Iterable[Range]) -> list[Range]:
    """Return ranges that do not overlap and cover the same."""
    found: list[Range] = []
    for first, last in sorted(ranges):
        if found and first <= found[-1][1] + 1:
            found[-1] = found[-1][0], max(last, found[-1][1])
        else:
            found.append((first, last))
    return found


def _key(sources: Iterable[Source], row: dict[Source, Range]) -> tuple[bytes, bytes]:
    """Return the first and the last key of a part of a set, every field filled up to whole slots."""
    first = last = b""
    for source in sources:
        low, high = row.get(source, (0, (1 << 8 * source.size) - 1))
        room = -(-source.size // SLOT) * SLOT
        first += _bytes(source, low).ljust(room, b"\0")
        last += _bytes(source, high).ljust(room, b"\0")
    return first, last


def _bytes(source: Source, value: int) -> bytes:
    host = isinstance(source, Named) and source.host
    return value.to_bytes(source.size, sys.byteorder if host else "big")
