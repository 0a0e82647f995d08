"""The packet that an operator asks about, as text: `198.51.100.7:40000 tcp:192.0.2.10:443`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from lvstui.core import fields
from lvstui.core.fields import FieldError, quote
from lvstui.core.model import Address, AddressKey, Endpoint, Family, Protocol, ServiceKey
from lvstui.core.observed import Rule
from lvstui.core.packets.packet import Packet

CLIENT, TARGET, IN, MARK = "client", "target", "in", "ct-mark"
"""The fields of the question, as errors name them."""

EXAMPLE: Final = "tcp:192.0.2.10:443"
"""A target."""

_CLIENT: Final = "198.51.100.7"
_TARGET: Final = re.compile(r"(?:tcp|udp|sctp|ip\d+):", re.IGNORECASE)


def packet_of(
    client: str,
    target: str,
    *,
    interface: str | None = None,
    local: bool = False,
    established: bool = False,
    connection_mark: str | None = None,
) -> Packet:
    """Read `ADDRESS[:PORT]` and `PROTOCOL:ADDRESS:PORT`, in either order, and what else is known of a packet.

    Raises `FieldError`.
    """
    if _TARGET.match(client) and not _TARGET.match(target):
        client, target = target, client
    source, source_port = _client(client)
    protocol, address, port = _target(target)
    if local and interface:
        raise FieldError(IN, "what this machine itself sends comes in nowhere; leave out in, or from-director")
    if Family.of(source) is not Family.of(address):
        raise FieldError(CLIENT, f"{source} is {Family.of(source).word}, and the target is not; name one of its family")
    return Packet(
        protocol,
        source,
        address,
        port,
        source_port if protocol in fields.PROTOCOL_WORDS else None,
        "" if interface is None else _interface(interface),
        local,
        established,
        None if connection_mark is None else fields.mark(connection_mark, MARK, 0),
    )


def packet_text(packet: Packet) -> str:
    """Write what is asked about as it is read: `198.51.100.7:40000 tcp:192.0.2.10:443`."""
    target = fields.service_text(AddressKey(packet.protocol, packet.destination, packet.destination_port))
    return f"{client_text(packet.source, packet.source_port)} {target}"


def client_text(address: Address, port: int | None) -> str:
    """Write a client with its port, where that is known."""
    return str(address) if port is None else fields.server_text(Endpoint(address, port))


def _interface(name: str) -> str:
    try:
        return fields.interface(name)
    except FieldError as error:
        raise FieldError(IN, error.sentence) from None


def _client(text: str) -> tuple[Address, int | None]:
    text = text.strip()
    if text[:1] == "[" and text[-1:] == "]":
        text = text[1:-1]
    try:
        return fields.address(CLIENT, text), None
    except FieldError:
        if ":" not in text or (text.count(":") > 1 and "[" not in text):
            raise
    return fields.one_port(CLIENT, text, f"{_CLIENT}:40000, or none where it is not known")


def _target(text: str) -> tuple[Protocol, Address, int]:
    text = text.strip()
    word, _, place = text.partition(":")
    if word.lower() in ("mark", "mark6"):
        raise FieldError(TARGET, f"{quote(text)} is a mark; name what its packets are sent to, such as {EXAMPLE}")
    if not _TARGET.match(text):
        raise FieldError(TARGET, f"{quote(text)} is no target such as {EXAMPLE} or udp:[2001:db8::1]:53")
    number = word[2:] if word.lower().startswith("ip") else ""
    if len(number) > 3 or (number and int(number) > 255):
        raise FieldError(TARGET, f"{quote(text)} needs a protocol from ip0 to ip255")
    protocol = Protocol(int(number)) if number else Protocol[word.upper()]
    if protocol in fields.PROTOCOL_WORDS:
        return protocol, *fields.one_port(TARGET, place, EXAMPLE)
    return protocol, fields.address(TARGET, place.removesuffix(":0").strip("[]")), 0  # these have no ports


def question_of(text: str) -> Packet:
    """Read what is asked on the screens: `PROTOCOL:ADDRESS:PORT CLIENT[:PORT]`, or the client first as in commands.

    Behind them, in any order: `in INTERFACE`, `established`, `from-director`, `ct-mark N`. Raises `FieldError`.
    """
    target, client, *words = (*text.split(), "", "")
    words = [word for word in words if word]
    if not client:
        raise FieldError(CLIENT, f"write PROTOCOL:ADDRESS:PORT CLIENT, such as {EXAMPLE} {_CLIENT}")
    named: dict[str, str] = {}
    flags: set[str] = set()
    while words:
        word = words.pop(0)
        if word in (IN, MARK) and words:
            named[word] = words.pop(0)
        elif word in ("established", "from-director"):
            flags.add(word)
        else:
            raise FieldError(CLIENT, f"{quote(word)} is none of in INTERFACE, established, from-director, {MARK} N")
    return packet_of(
        client,
        target,
        interface=named.get(IN),
        local="from-director" in flags,
        established="established" in flags,
        connection_mark=named.get(MARK),
    )


def target_proposal(key: ServiceKey | None, rules: Iterable[Rule]) -> str:
    """Propose a target for a service, to be asked about; of a mark what the first of `rules` gives it to.

    A port that is to be chosen is left out.
    """
    if isinstance(key, AddressKey):
        return fields.service_text(key).removesuffix(":0") + ("" if key.port else ":")
    for rule in rules:
        chosen = rule.selector
        if key is None or rule.value != key.mark or chosen is None or not chosen.addresses:
            continue
        address = chosen.addresses[0].network_address
        if Family.of(address) is key.family:
            place = AddressKey(chosen.protocol or Protocol.TCP, address, chosen.ports[0].first if chosen.ports else 0)
            return target_proposal(place, ())
    return "tcp:"
