"""What packets get a mark, as text and back: `tcp 192.0.2.10 80,443 in eth0`; forms, commands and profiles share it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network
from typing import Final

from lvstui.core import fields
from lvstui.core.fields import FieldError, quote
from lvstui.core.model import Family, Network, Ports, Protocol, Selector

FIELD: Final = "match"

ANY: Final = "any"
"""Stands for every protocol, or for every address."""

EXAMPLE: Final = "tcp 192.0.2.10 80,443"

_PORTED: Final = {word: protocol for protocol, word in fields.PROTOCOL_WORDS.items()}
_IN: Final = "in"
_PORT_MAX: Final = 65535


def selector(text: str) -> Selector:
    """Read `PROTOCOL [ADDRESSES [PORTS]] [in INTERFACE]`: lists with commas, networks, port ranges such as 6000-6063.

    `any` stands for every protocol or address. Raises `FieldError` for the field `match`.
    """
    words = text.split()
    interface = ""
    if len(words) > 2 and words[-2] == _IN:
        interface = fields.interface(words[-1])
        words = words[:-2]
    if not 1 <= len(words) <= 3:
        raise FieldError(FIELD, f"must be protocol, addresses and ports, such as {EXAMPLE}, not {quote(text)}")
    protocol = _protocol(words[0])
    networks = [network(item) for item in words[1].split(",")] if words[1:] and words[1].lower() != ANY else []
    if len({one.version for one in networks}) > 1:
        raise FieldError(FIELD, "takes addresses of one family: write IPv4 and IPv6 as two matches")
    ports = _ports(words[2]) if len(words) > 2 else ()
    if ports and protocol not in fields.PROTOCOL_WORDS:
        raise FieldError(FIELD, f"ports need a protocol that has them: write tcp, udp or sctp, not {words[0]}")
    return Selector(protocol, merged_networks(networks), ports, interface)


def selector_text(value: Selector) -> str:
    """Write a selector as `selector` reads it."""
    words = [ANY if value.protocol is None else fields.protocol_text(value.protocol)]
    if value.addresses or value.ports:
        words.append(",".join(map(network_text, value.addresses)) or ANY)
    if value.ports:
        words.append(ports_text(value.ports))
    if value.interface:
        words += [_IN, fields.visible(value.interface)]
    return " ".join(words)


def network_text(network: Network) -> str:
    """Write a network; one of a single address as the address."""
    return str(network.network_address if network.prefixlen == network.max_prefixlen else network)


def ports_text(ports: Iterable[Ports]) -> str:
    """Write ports: `80,443,6000-6063`."""
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in ports)


def ports(text: str) -> tuple[Ports, ...]:
    """Read ports: `80,443,6000-6063`; empty or `any` stands for all. Raises `FieldError` for the field `ports`."""
    try:
        return () if text.strip() in ("", ANY) else _ports("".join(text.split()))
    except FieldError as error:
        raise FieldError("ports", error.sentence) from None


def merged_ports(ranges: Iterable[Ports]) -> tuple[Ports, ...]:
    """Put ranges in order, joined where they touch or overlap: how the packet filter keeps them."""
    merged: list[Ports] = []
    for first, last in sorted(ranges):
        if merged and first <= merged[-1].last + 1:
            merged[-1] = Ports(merged[-1].first, max(last, merged[-1].last))
        else:
            merged.append(Ports(first, last))
    return () if merged == [Ports(0, _PORT_MAX)] else tuple(merged)


def merged_networks(networks: Sequence[Network]) -> tuple[Network, ...]:
    """Put networks of one family in order, joined where one is within or beside another."""
    fours = [network for network in networks if isinstance(network, IPv4Network)]
    sixes = [network for network in networks if isinstance(network, IPv6Network)]
    return (*collapse_addresses(fours), *collapse_addresses(sixes))


def family_of(value: Selector) -> Family | None:
    """Return the address family that a selector is about; None stands for both."""
    return Family.of(value.addresses[0].network_address) if value.addresses else None


def several_ports(selectors: Iterable[Selector]) -> bool:
    """Return whether packets to more than one port are meant, so that one client's connections need persistence."""
    found = {(selector.protocol, ports) for selector in selectors for ports in selector.ports or (None,)}
    return len(found) > 1 or any(ports is None or ports.first != ports.last for _, ports in found)


def _protocol(word: str) -> Protocol | None:
    word = word.lower()
    if word == ANY:
        return None
    digits = word.removeprefix("ip")
    if digits != word and digits.isascii() and digits.isdigit() and len(digits) <= 4 and int(digits) <= 255:
        return Protocol(int(digits))
    if word not in _PORTED:
        raise FieldError(FIELD, f"must start with {', '.join(_PORTED)} or {ANY}, such as {EXAMPLE}, not {quote(word)}")
    return _PORTED[word]


def network(text: str, field: str = FIELD) -> Network:
    """Read an address or a network, which must have no bits set after its length. Raises `FieldError`."""
    try:
        return ip_network(text)
    except ValueError as error:
        if "has host bits set" in str(error):
            loose = ip_network(text, strict=False)
            raise FieldError(field, f"{quote(text)} is no network: write {loose}, or the address alone") from None
        raise FieldError(field, f"{quote(text)} is not an address or network") from None


def _ports(word: str) -> tuple[Ports, ...]:
    return merged_ports(map(_range, word.split(",")))


def _range(text: str) -> Ports:
    first, dash, last = text.partition("-")
    ends = (first, last) if dash else (first, first)
    if not all(end.isascii() and end.isdigit() and len(end) <= 5 and int(end) <= _PORT_MAX for end in ends):
        raise FieldError(FIELD, f"{quote(text)} is not a port (0 to {_PORT_MAX}) or a range such as 6000-6063")
    found = Ports(int(ends[0]), int(ends[1]))
    if found.first > found.last:
        raise FieldError(FIELD, f"{quote(text)} runs backwards: write {found.last}-{found.first}")
    return found


def overlap(one: Selector, other: Selector) -> bool:
    """Return whether some packet is meant by both."""
    if one.protocol is not None and other.protocol is not None and one.protocol != other.protocol:
        return False
    if one.interface and other.interface and one.interface != other.interface:
        return False
    if (
        one.addresses
        and other.addresses
        and not any(a.version == b.version and a.overlaps(b) for a in one.addresses for b in other.addresses)
    ):
        return False
    if not one.ports or not other.ports:
        return True
    return any(a.first <= b.last and b.first <= a.last for a in one.ports for b in other.ports)
