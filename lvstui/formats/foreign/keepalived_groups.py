"""What a virtual_server of keepalived stands for: an address, a mark, or a group of them with ranges and networks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_network
from typing import Final

from lvstui.core import fields
from lvstui.core.fields import FieldError, quote
from lvstui.core.model import (
    PLAIN_TUNNEL,
    Address,
    AddressKey,
    Family,
    Forwarding,
    MarkKey,
    ServiceKey,
    Tunnel,
    TunnelType,
)
from lvstui.formats.foreign.draft import RANGE_MAX, Draft, Spot
from lvstui.formats.foreign.keepalived_tree import Block, lose_surplus, refuse_block, value_of
from lvstui.formats.foreign.words import KEEPALIVED_METHODS

_REMCSUM: Final = 2
"""The checksum that only gue has."""


@dataclass(slots=True)
class Virtual:
    """What a virtual_server says, with which keys are made for its address, mark or group."""

    block: Block
    values: dict[str, Block]
    servers: list[Block]
    method: Forwarding
    tunnel: Tunnel

    @property
    def is_group(self) -> bool:
        """Whether it stands for the services of a group."""
        return self.block.words[1:2] == ("group",)

    def number(self, key: str, usual: int, limits: tuple[int, int]) -> int:
        """Return a whole number, the usual one where it does not stand here; raises `FieldError`."""
        return fields.number(key, value_of(self.values[key]), limits) if key in self.values else usual


def method_of(draft: Draft, block: Block, before: Tunnel = PLAIN_TUNNEL) -> tuple[Forwarding, Tunnel]:
    """Read `NAT`, `DR` or `TUN type gue port 6080 csum`; raises `FieldError`.

    Of words behind TUN that do not fit, keepalived takes none, and keeps the tunnel that it had `before`.
    """
    word, words = value_of(block), block.words[2:]
    if word not in KEEPALIVED_METHODS:
        raise FieldError("lvs_method", f"must be NAT, DR or TUN, not {quote(word)}")
    method = KEEPALIVED_METHODS[word]
    if method is not Forwarding.TUNNEL:
        if words:
            draft.lose(block.spot, " ".join(words), "left out: only TUN has it")
        return method, PLAIN_TUNNEL
    try:
        return method, _tunnel_of(words)
    except FieldError as error:
        draft.lose(block.spot, " ".join(words), f"left out, as keepalived does: {error.sentence}")
        return method, before


def _tunnel_of(words: Sequence[str]) -> Tunnel:
    """Read what stands behind TUN; raises `FieldError`."""
    ahead = list(reversed(words))
    kind, port, checksum = TunnelType.IPIP, 0, 0
    while ahead:
        one = ahead.pop()
        if one == "type" and ahead:
            text = ahead.pop()
            if text not in fields.TUNNEL_WORDS.values():
                raise FieldError("lvs_method", f"the type must be ipip, gue or gre, not {quote(text)}")
            kind = fields.tunnel_type(text)
        elif one == "port" and ahead:
            port = fields.number("lvs_method", ahead.pop(), (1, 65535))
        elif one in fields.CHECKSUM_WORDS.values():
            checksum = fields.checksum(one)
        else:
            raise FieldError("lvs_method", f"{quote(one)} is none of type, port, nocsum, csum and remcsum")
    if (kind is TunnelType.GUE) != (port != 0):
        raise FieldError("lvs_method", "gue needs a port, and no other type takes one")
    if checksum and (kind is TunnelType.IPIP or (kind is TunnelType.GRE and checksum == _REMCSUM)):
        raise FieldError("lvs_method", f"{fields.TUNNEL_WORDS[kind]} takes no {fields.CHECKSUM_WORDS[checksum]}")
    return Tunnel(kind, port, checksum)


def targets(draft: Draft, virtual: Virtual, groups: Mapping[str, Block]) -> Iterator[tuple[Spot, ServiceKey]]:
    """Yield the keys of all services that a virtual_server stands for; raises `FieldError`."""
    match virtual.block.words[1:]:
        case ("group", name, *_):
            if name not in groups:
                raise FieldError("virtual_server", f"there is no virtual_server_group {quote(name)}")
            for entry in groups[name].inner:
                for key in _entry_keys(draft, virtual, entry):
                    yield entry.spot, key
        case ("fwmark", number, *_):
            yield virtual.block.spot, MarkKey(_mark("virtual_server", number), _family(draft, virtual))
        case (host, *rest) if host != "group":
            spot = virtual.block.spot
            address = fields.address("virtual_server", host)
            yield spot, _address_key(draft, virtual, address, rest[0] if rest else "0")
        case _:
            raise FieldError("virtual_server", "needs an address, fwmark N or group NAME")


def _entry_keys(draft: Draft, virtual: Virtual, entry: Block) -> Iterator[ServiceKey]:
    """Yield the keys of an entry of a group: an address, a range, a network or a mark; raises `FieldError`."""
    refuse_block(draft, entry)
    lose_surplus(draft, entry, 2 if entry.words[0] == "fwmark" else 1)
    match entry.words:
        case ("fwmark", number, *rest):
            family = _family(draft, virtual) if not rest else family_word(rest[0])
            yield MarkKey(_mark("virtual_server_group", number), family)
        case (text, *rest):
            for address in _addresses(text):
                yield _address_key(draft, virtual, address, rest[0] if rest else "0")
        case _:
            pass


def _addresses(text: str) -> Iterator[Address]:
    """Yield the addresses of `a`, `a-z`, `a.b.c.d-e.f.g.h` or `a/len`; raises `FieldError`."""
    where = "virtual_server_group"
    begin, dash, end = text.partition("-")
    if "/" in text:
        try:
            network = ip_network(text)
        except ValueError:
            raise FieldError(where, f"{quote(text)} is no network, or has bits behind its mask") from None
        first, last = int(network.network_address), int(network.broadcast_address)
        six = network.version == 6
    else:
        address = fields.address(where, begin if dash else text)
        six = address.version == 6
        first = last = int(address)
        if dash:
            last = int(fields.address(where, end)) if set(end) & set(".:") else _last(first, end, six)
    if "-" in text and last == first and not set(end) & set(".:"):
        raise FieldError(where, f"the range {quote(text)} has to end above its begin")
    if last < first:
        raise FieldError(where, f"the range {quote(text)} runs backwards")
    if last - first >= RANGE_MAX:
        raise FieldError(where, f"{quote(text)} has more than {RANGE_MAX:,} addresses; write parts of it")
    for value in range(first, last + 1):
        yield IPv6Address(value) if six else IPv4Address(value)


def _last(first: int, end: str, six: bool) -> int:
    """Return the end of a range that is written as its last part: decimal for IPv4, hexadecimal for IPv6."""
    size = 16 if six else 8
    try:
        part = int(end, 16 if six else 10) if end.isalnum() and end.isascii() and len(end) < 5 else -1
    except ValueError:
        part = -1
    if not 0 <= part < 1 << size:
        raise FieldError("virtual_server_group", f"{quote(end)} is no last part of an address")
    return (first >> size << size) | part


def _address_key(draft: Draft, virtual: Virtual, address: Address, port: str) -> AddressKey:
    word = value_of(virtual.values["protocol"]).lower() if "protocol" in virtual.values else "udp"
    protocol = {text: number for number, text in fields.PROTOCOL_WORDS.items()}.get(word)
    if protocol is None:
        raise FieldError("protocol", f"must be TCP, UDP or SCTP, not {quote(word)}")
    if "protocol" not in virtual.values:
        draft.lose(virtual.block.spot, "protocol", "written as udp: keepalived takes UDP where nothing is said")
    return AddressKey(protocol, address, port_of("virtual_server", port))


def port_of(field: str, text: str) -> int:
    """Read a port, of which keepalived takes no names; 0 for none. Raises `FieldError`."""
    return fields.number(field, text, (0, 65535))


def _mark(field: str, text: str) -> int:
    """Read a mark, of which keepalived takes no hexadecimal numbers; raises `FieldError`."""
    return fields.number(field, text, (1, 2**32 - 1))


def _family(draft: Draft, virtual: Virtual) -> Family:
    """Return the family of a mark: as it is said, else that of the servers; raises `FieldError`."""
    if "ip_family" in virtual.values:
        return family_word(value_of(virtual.values["ip_family"]))
    granularity = virtual.values.get("persistence_granularity")
    if granularity is not None:
        return Family.IPV4 if "." in value_of(granularity) else Family.IPV6
    families: list[Family] = []
    for one in virtual.servers:
        family = Family.of(fields.address("real_server", value_of(one)))
        method = next((inner for inner in one.inner if inner.words[0] == "lvs_method"), None)
        if (method_of(draft, method)[0] if method else virtual.method) is not Forwarding.TUNNEL:
            return family
        families.append(family)
    return families[0] if len(set(families)) == 1 else Family.IPV4


def family_word(word: str) -> Family:
    """Read `inet` or `inet6`; raises `FieldError`."""
    if word not in ("inet", "inet6"):
        raise FieldError("ip_family", f"must be inet or inet6, not {quote(word)}")
    return Family.IPV4 if word == "inet" else Family.IPV6
