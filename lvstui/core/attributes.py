"""Every attribute of every configured object once: how it reads and prints, its range, and what it is for.

The profile, JSON, `FIELD=VALUE`, forms, prompts, descriptions and ranges derive from these tables. An attribute is
called as in model.py, `tunnel.port` is one of an object within; its default is the model's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from ipaddress import IPv4Address
from typing import Final

from lvstui.core import fields, selectors
from lvstui.core.attribute import NONE, Attribute, Attributes, Raw, label, number, word
from lvstui.core.fields import FieldError
from lvstui.core.model import (
    FULL_MASK_V4,
    FULL_PREFIX_V6,
    INT_MAX,
    SYNC_GROUP,
    Endpoint,
    Family,
    Forwarding,
    MarkGroup,
    Persistence,
    Probe,
    RealServer,
    Service,
    SyncDaemon,
    Timeouts,
    TunnelType,
)
from lvstui.core.probe_fields import PROBE


def with_weight(server: RealServer, weight: int) -> RealServer:
    """Set the weight of a server; a drain remembers the weight to go back to, any other weight ends the drain."""
    if weight == server.weight:
        return server
    return replace(server, weight=weight, resume=server.weight if weight == 0 else None)


def _tunnelled(texts: Mapping[str, str]) -> bool:
    return texts["forwarding"] == fields.FORWARDING_WORDS[Forwarding.TUNNEL]


_NOTHING: Final = ("", NONE)
"""What may be typed for the absence of a value."""

METHODS: Final = ("masq", "route", "tunnel")
"""The forwarding methods that can be chosen; the kernel makes the others itself."""

_WEIGHT: Final = number(RealServer, "weight", 0, INT_MAX, "0: no new clients", counted=True)
_RESUME: Final = number(RealServer, "resume", 0, INT_MAX, counted=True)

SERVER: Final = Attributes(
    "a real server",
    (
        word(RealServer, "forwarding", fields.forwarding, fields.forwarding_text, METHODS),
        replace(_WEIGHT, read=lambda server, text: with_weight(server, fields.number("weight", text, _WEIGHT.limits))),
        number(RealServer, "upper", 0, INT_MAX, "connections at which it gets no new clients; 0: never"),
        number(RealServer, "lower", 0, INT_MAX, "connections below which it gets new clients again"),
        word(
            RealServer,
            "tunnel.type",
            fields.tunnel_type,
            fields.tunnel_type_text,
            fields.TUNNEL_WORDS.values(),
            label="tunnel",
            applies=_tunnelled,
        ),
        number(
            RealServer,
            "tunnel.port",
            0,
            65535,
            "of the server's end",
            said="port {}",
            applies=lambda texts: _tunnelled(texts) and texts["tunnel.type"] == fields.TUNNEL_WORDS[TunnelType.GUE],
        ),
        word(
            RealServer,
            "tunnel.checksum",
            fields.checksum,
            fields.checksum_text,
            fields.CHECKSUM_WORDS.values(),
            applies=lambda texts: _tunnelled(texts) and texts["tunnel.type"] != fields.TUNNEL_WORDS[TunnelType.IPIP],
        ),
        label(RealServer, "name", "in the profile"),
        replace(
            _RESUME,
            read=lambda server, text: replace(server, resume=None) if text in _NOTHING else _RESUME.put(server, text),
        ),
    ),
    ("name", "server"),
    lambda server: fields.server_text(server.endpoint),
    usual=RealServer(Endpoint(SYNC_GROUP, 0)),
)


def _put_flags(service: Service, raw: Raw) -> Service:
    words = raw if isinstance(raw, tuple) else str(raw).replace(",", " ").split()
    return replace(service, flags=fields.flags(words, service.scheduler))


def _persistent(service: Service) -> Persistence:
    """Return the persistence of a service, or one to begin with: 300 seconds, each address for itself."""
    return service.persistence or Persistence(mask=service.key.family.full_mask)


def _put_timeout(service: Service, raw: Raw) -> Service:
    seconds = fields.number("timeout", raw if isinstance(raw, int) else str(raw), _TIMEOUT)
    return replace(service, persistence=replace(_persistent(service), timeout=seconds))


def _with_mask(service: Service, family: Family, parse: Callable[[], IPv4Address | int]) -> Service:
    if family is not service.key.family:
        raise FieldError(*_OTHER_MASK[family])
    return replace(service, persistence=replace(_persistent(service), mask=parse()))


_OTHER_MASK: Final = {
    Family.IPV4: ("netmask", "is for IPv4 services; IPv6 ones take prefix, such as 64"),
    Family.IPV6: ("prefix", "is for IPv6 services; IPv4 ones take netmask, such as 255.255.255.0"),
}


def _put_engine(service: Service, raw: Raw) -> Service:
    return replace(service, persistence=replace(_persistent(service), engine=fields.engine(str(raw))))


def _of_persistence(look: Callable[[Persistence], Raw | None]) -> Callable[[Service], Raw | None]:
    """Look into the persistence of a service, which may have none."""
    return lambda service: look(service.persistence) if service.persistence else None


def _begin(service: Service, group: str) -> Service:
    """Add the object within that is called `group`, as it begins."""
    if group == "probe":
        return replace(service, probe=Probe())
    return replace(service, persistence=_persistent(service))


_TIMEOUT: Final = (0, 2**32 - 1)

SERVICE: Final = Attributes(
    "a service",
    (
        word(Service, "scheduler", fields.scheduler, meaning="of this kernel, or type one"),
        Attribute(
            "flags",
            list,
            lambda service: fields.flag_words(service.flags, service.scheduler),
            _put_flags,
            lambda service, text: _put_flags(service, () if text in _NOTHING else text),
            (),
            example='["one-packet"]',
        ),
        Attribute(
            "persistence",
            dict,
            lambda _: None,
            lambda service, _: service,
            lambda service, text: (
                replace(service, persistence=None) if text in _NOTHING else _put_timeout(service, text)
            ),
        ),
        Attribute(
            "persistence.timeout",
            int,
            _of_persistence(lambda persistence: persistence.timeout),
            _put_timeout,
            _put_timeout,
            said="{}s",
            counted=True,
            limits=_TIMEOUT,
            meaning="seconds",
        ),
        Attribute(
            "persistence.netmask",
            str,
            _of_persistence(lambda persistence: None if isinstance(persistence.mask, int) else str(persistence.mask)),
            lambda service, raw: _with_mask(service, Family.IPV4, lambda: fields.netmask(str(raw))),
            lambda service, text: _with_mask(service, Family.IPV4, lambda: fields.mask(text, Family.IPV4)),
            str(FULL_MASK_V4),
            said="mask {}",
        ),
        Attribute(
            "persistence.prefix",
            int,
            _of_persistence(lambda persistence: persistence.mask if isinstance(persistence.mask, int) else None),
            lambda service, raw: _with_mask(service, Family.IPV6, lambda: fields.mask(str(raw), Family.IPV6)),
            lambda service, text: _with_mask(service, Family.IPV6, lambda: fields.mask(text, Family.IPV6)),
            FULL_PREFIX_V6,
            said="prefix {}",
        ),
        Attribute(
            "persistence.engine",
            str,
            _of_persistence(lambda persistence: persistence.engine),
            _put_engine,
            lambda service, text: _put_engine(service, "" if text in _NOTHING else text),
            "",
            said="engine {}",
            meaning="empty, or sip",
        ),
        label(Service, "name", "in the profile"),
        label(Service, "note"),
        *PROBE,
    ),
    ("name", "service"),
    lambda service: fields.service_text(service.key),
    _begin,
    "persistence",
)


def _seconds(name: str, meaning: str) -> Attribute[Timeouts]:
    seconds = number(Timeouts, name, 0, INT_MAX, meaning, said="{}s", counted=True)
    return replace(seconds, default=None)


TIMEOUTS: Final = Attributes(
    "the timeouts",
    (
        _seconds(
            "tcp", "how long an established TCP connection may be silent; shorter than clients' idle time cuts them off"
        ),
        _seconds("tcp_fin", "how long a TCP connection stays after one end has said goodbye (FIN)"),
        _seconds("udp", "how long after its last packet a UDP client keeps its real server"),
    ),
)
"""The connection timeouts; a profile names all three, or leaves them to the kernel."""

DAEMON: Final = Attributes(
    "a sync daemon",
    (
        replace(
            word(
                SyncDaemon,
                "interface",
                fields.interface,
                meaning="network interface that the daemon sends on or listens at",
            ),
            example='"eth0"',
        ),
        number(
            SyncDaemon,
            "id",
            0,
            255,
            "0 to 255; a backup takes only what carries its own id (0 there: from every master)",
            counted=True,
        ),
        number(
            SyncDaemon,
            "max_length",
            0,
            65507,
            "largest datagram in bytes; 0 lets the kernel take what fits the interface's MTU",
        ),
        word(
            SyncDaemon,
            "group",
            lambda text: fields.address("group", text.strip()),
            str,
            meaning="multicast group, the same on all directors",
        ),
        number(SyncDaemon, "port", 1, 65535, "UDP port, the same on all directors", counted=True),
        number(
            SyncDaemon,
            "ttl",
            1,
            255,
            "how many routers a datagram may cross, 1 to 255; only a master needs it",
            counted=True,
        ),
    ),
    ("role",),
    lambda daemon: fields.ROLE_WORDS[daemon.role],
)


def _put_match(group: MarkGroup, raw: Raw) -> MarkGroup:
    texts = raw if isinstance(raw, tuple) else tuple(part.strip() for part in str(raw).split(";"))
    if not texts:
        raise FieldError("match", f'needs what gets the mark, such as ["{selectors.EXAMPLE}"]')
    return replace(group, selectors=tuple(map(selectors.selector, texts)))


GROUP: Final = Attributes(
    "a mark group",
    (
        label(MarkGroup, "name", "in the profile"),
        Attribute(
            "match",
            list,
            lambda group: tuple(map(selectors.selector_text, group.selectors)),
            _put_match,
            _put_match,
            needed=True,
            example=f'["{selectors.EXAMPLE}"]',
            joint="; ",
        ),
    ),
    ("mark", "name"),
    lambda group: group.mark,
)
