"""Every attribute of every configured object once: how it reads and prints, its range, and what it is for.

The profile, JSON, `FIELD=VALUE`, forms, prompts, descriptions and ranges derive from these tables. An attribute is
called as in model.py, `tunnel.port` is one of an object within; its default is the model's.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from ipaddress import IPv4Address
from operator import attrgetter
from typing import ClassVar, Final, Generic, Protocol, TypeAlias, TypeVar

from lvstui.core import fields, selectors
from lvstui.core.fields import FieldError
from lvstui.core.model import (
    FULL_MASK_V4,
    FULL_PREFIX_V6,
    INT_MAX,
    Family,
    Forwarding,
    MarkGroup,
    Persistence,
    RealServer,
    Service,
    SyncDaemon,
    Timeouts,
    TunnelType,
)


class Configured(Protocol):
    """An object of model.py, which is a dataclass."""

    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[object]]]


_T = TypeVar("_T", bound=Configured)
_V = TypeVar("_V")

Raw: TypeAlias = str | int | tuple[str, ...]
"""A value as a profile holds it."""

Table: TypeAlias = dict[str, "Raw | Table | None"]
"""An object as a profile (or JSON) holds it, attributes by name."""

Kind: TypeAlias = type[str] | type[int] | type[list[object]] | type[dict[str, object]]

NONE: Final = "none"
"""What a description, and whoever types a value, calls the absence of one."""

_SHOWN: Final = 40
"""Characters of a name or a note that a description shows; the whole of it stands in the profile."""


def _anywhere(_: Mapping[str, str]) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Attribute(Generic[_T]):
    """One attribute of an object.

    `kind` is what a profile holds it as, `example` how it is written there; `get` returns None where it is not there.
    `put` takes what a profile holds, `read` what somebody types; both raise `FieldError`. `default` is left out of a
    profile (None: nothing is, and a `needed` one has to be there). `said` puts the text into a description, where an
    empty value is called none unless it is a `counted` number; `joint` stands between the parts of a list. `applies`
    says, by the texts of all attributes, when it means something. `limits` are the smallest and the largest number;
    the rest is for forms.
    """

    name: str
    kind: Kind
    get: Callable[[_T], Raw | None]
    put: Callable[[_T, Raw], _T]
    read: Callable[[_T, str], _T]
    default: Raw | None = None
    needed: bool = False
    example: str = ""
    said: str = "{}"
    joint: str = " "
    counted: bool = False
    limits: tuple[int, int] | None = None
    choices: tuple[str, ...] = ()
    meaning: str = ""
    label: str = ""
    applies: Callable[[Mapping[str, str]], bool] = _anywhere

    group: str = field(init=False)
    """The object within that it belongs to, empty for none: `tunnel` of `tunnel.port`."""
    key: str = field(init=False)
    """Its own name in a profile: `port` of `tunnel.port`."""

    def __post_init__(self) -> None:
        group, _, key = self.name.rpartition(".")
        object.__setattr__(self, "group", group)
        object.__setattr__(self, "key", key)

    def text(self, value: _T) -> str:
        """Write it as `read` reads it, empty where it is not there."""
        raw = self.get(value)
        if raw is None:
            return ""
        return self.joint.join(raw) if isinstance(raw, tuple) else str(raw)

    def describe(self, value: _T) -> str:
        """Write it for a description, with all that a terminal would not print escaped."""
        raw = self.get(value)
        if not raw and not (self.counted and raw == 0):
            return NONE
        if isinstance(raw, tuple):
            return fields.visible(self.joint.join(raw))
        text = fields.visible(str(raw))
        return self.said.format(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...")

    def wrong(self, value: _T, text: str) -> str:
        """Say why a text cannot be read, empty where it can."""
        try:
            self.read(value, text)
        except FieldError as error:
            return error.sentence
        return ""


@dataclass(frozen=True, slots=True)
class Attributes(Generic[_T]):
    """All attributes of one class of objects, in the order in which they are read and described.

    `what` names the class in a sentence. `front` are the keys that a profile begins with; the one of them that is no
    attribute tells which object it is, as `identity` writes it. `begin` makes an object within that is there, though
    empty.
    """

    what: str
    members: tuple[Attribute[_T], ...]
    front: tuple[str, ...] = ()
    identity: Callable[[_T], Raw] = lambda _: ""
    begin: Callable[[_T, str], _T] = lambda value, _: value

    keys: frozenset[str] = field(init=False)
    """The keys that a profile may have for an object."""
    groups: Mapping[str, frozenset[str]] = field(init=False)
    """The objects within, with the keys that a profile may have for each."""

    numbers: tuple[tuple[Callable[[_T], Raw | None], tuple[int, int], Attribute[_T]], ...] = field(init=False)
    """The attributes that have a range."""

    def __post_init__(self) -> None:
        numbers = tuple((one.get, one.limits, one) for one in self.members if one.limits)
        keys = (*self.front, *(attribute.group or attribute.name for attribute in self.members))
        groups = dict.fromkeys(attribute.group for attribute in self.members if attribute.group)
        within = {name: frozenset(one.key for one in self.members if one.group == name) for name in groups}
        object.__setattr__(self, "keys", frozenset(keys))
        object.__setattr__(self, "groups", within)
        object.__setattr__(self, "numbers", numbers)

    def __iter__(self) -> Iterator[Attribute[_T]]:
        return iter(self.members)

    def __getitem__(self, name: str) -> Attribute[_T]:
        return next(attribute for attribute in self.members if attribute.name == name)

    def number(self, name: str, text: str) -> int:
        """Read one of the numbers by itself; raises `FieldError`."""
        return fields.number(self[name].key, text, self[name].limits)

    def texts(self, value: _T) -> dict[str, str]:
        """Write every attribute as it is typed, by its name."""
        return {attribute.name: attribute.text(value) for attribute in self.members}

    def table(self, value: _T, *, whole: bool = False) -> Table:
        """Write an object as a profile holds it, defaults left out unless `whole`; None stands for what is absent."""
        found: Table = {}
        for attribute in self.members:
            raw = attribute.get(value)
            if not whole and (raw is None or raw == attribute.default):
                continue
            if not attribute.group:
                found[attribute.name] = raw
                continue
            inner = found.get(attribute.group)
            if raw is None:
                found.setdefault(attribute.group, None)
            elif isinstance(inner, dict):
                inner[attribute.key] = raw
            else:
                found[attribute.group] = {attribute.key: raw}
        front: Table = {}
        for key in self.front:
            if key in found:
                front[key] = found.pop(key)
            elif key not in (attribute.name for attribute in self.members):
                front[key] = self.identity(value)
        return {**front, **found}

    def assign(self, value: _T, texts: Mapping[str, str]) -> _T:
        """Set attributes as they are typed, in the order of the table; those not named stay. Raises `FieldError`.

        `timeout` stands for `persistence.timeout`, as for all of an object within that can be set as a whole.
        """
        names = [attribute.name for attribute in self.members]
        short = {attribute.key: attribute.name for attribute in self.members if attribute.group in names}
        given = {short.get(name, name): text for name, text in texts.items()}
        for name in given:
            if name not in names:
                raise FieldError(name, f"is no field of {self.what}; there are {', '.join(names)}")
        for attribute in self.members:
            if attribute.name in given:
                value = attribute.read(value, given[attribute.name])
        return value

    def describe(self, value: _T) -> dict[str, str]:
        """Write every attribute for a description; an object within is one, of what differs from its default."""
        said: dict[str, str] = {}
        for attribute in self.members:
            name = attribute.group or attribute.name
            if name not in said:
                said[name] = self.describe_group(value, name) if name in self.groups else attribute.describe(value)
        return said

    def describe_group(self, value: _T, group: str) -> str:
        """Describe an object within: `gue port 6080 csum`, `300s prefix 64`, or `none`."""
        members = [attribute for attribute in self.members if attribute.group == group]
        if all(attribute.get(value) in (None, attribute.default) for attribute in members):
            return NONE
        first, *rest = members
        others = (attribute for attribute in rest if attribute.get(value) not in (None, attribute.default))
        return " ".join([first.describe(value), *(attribute.describe(value) for attribute in others)])

    def beyond(self, value: _T) -> Iterator[tuple[str, str]]:
        """Find the numbers that are out of their range, each by the name of its field and with a sentence."""
        for get, (least, most), attribute in self.numbers:
            number = get(value)
            if isinstance(number, int) and not least <= number <= most:
                yield self.field(attribute), out_of_range(number, least, most)

    def field(self, attribute: Attribute[_T]) -> str:
        """Return what errors call an attribute: `timeout` where the object within can be set as a whole."""
        return attribute.key if any(one.name == attribute.group for one in self.members) else attribute.name


def out_of_range(number: int, least: int, most: int) -> str:
    """Say that a number is out of its range."""
    return f"{number} is out of range; give {least} to {most}"


def _attribute(
    owner: type[_T],
    name: str,
    kind: Kind,
    parse: Callable[[Raw], _V],
    write: Callable[[_V], Raw | None],
) -> Attribute[_T]:
    """Make an attribute by its name in the model."""
    first, _, rest = name.partition(".")
    look = attrgetter(name)

    def put(value: _T, raw: Raw) -> _T:
        inner: object = parse(raw)
        return replace(value, **{first: replace(getattr(value, first), **{rest: inner}) if rest else inner})

    (whole,) = (part.default for part in dataclasses.fields(owner) if part.name == first)
    if whole is dataclasses.MISSING:
        return Attribute(name, kind, lambda value: write(look(value)), put, put, needed=True)
    default = attrgetter(rest)(whole) if rest else whole
    return Attribute(name, kind, lambda value: write(look(value)), put, put, write(default))


def _number(
    owner: type[_T],
    name: str,
    least: int,
    most: int,
    meaning: str = "",
    *,
    said: str = "{}",
    counted: bool = False,
    applies: Callable[[Mapping[str, str]], bool] = _anywhere,
) -> Attribute[_T]:
    def parse(raw: Raw) -> int:
        return fields.number(name, raw if isinstance(raw, int) else str(raw), (least, most))

    def write(number: int | None) -> int | None:
        return number

    number = _attribute(owner, name, int, parse, write)
    number = replace(number, get=attrgetter(name))  # as it is, and read for every server when a profile is checked
    return replace(number, limits=(least, most), meaning=meaning, said=said, counted=counted, applies=applies)


def _word(
    owner: type[_T],
    name: str,
    read: Callable[[str], _V],
    write: Callable[[_V], str] = str,
    choices: Iterable[str] = (),
    meaning: str = "",
    *,
    said: str = "{}",
    label: str = "",
    applies: Callable[[Mapping[str, str]], bool] = _anywhere,
) -> Attribute[_T]:
    word = _attribute(owner, name, str, lambda raw: read(str(raw)), write)
    return replace(word, choices=tuple(choices), meaning=meaning, said=said, label=label, applies=applies)


def _label(owner: type[_T], name: str, meaning: str = "") -> Attribute[_T]:
    return _word(owner, name, partial(fields.label, name), meaning=meaning, said='"{}"')


def weighed(server: RealServer, weight: int) -> RealServer:
    """Set the weight of a server; a drain remembers the weight to go back to, any other weight ends the drain."""
    if weight == server.weight:
        return server
    return replace(server, weight=weight, resume=server.weight if weight == 0 else None)


def _read_weight(server: RealServer, text: str) -> RealServer:
    return weighed(server, fields.number("weight", text, _WEIGHT.limits))


def _read_resume(server: RealServer, text: str) -> RealServer:
    return replace(server, resume=None) if text in _NOTHING else _RESUME.put(server, text)


def _tunnelled(texts: Mapping[str, str]) -> bool:
    return texts["forwarding"] == fields.FORWARDING_WORDS[Forwarding.TUNNEL]


def _by_gue(texts: Mapping[str, str]) -> bool:
    return _tunnelled(texts) and texts["tunnel.type"] == fields.TUNNEL_WORDS[TunnelType.GUE]


def _has_checksum(texts: Mapping[str, str]) -> bool:
    return _tunnelled(texts) and texts["tunnel.type"] != fields.TUNNEL_WORDS[TunnelType.IPIP]


_NOTHING: Final = ("", NONE)
"""What may be typed for the absence of a value."""

_METHODS: Final = ("masq", "route", "tunnel")
_WEIGHT: Final = _number(RealServer, "weight", 0, INT_MAX, "0: no new clients", counted=True)
_RESUME: Final = _number(RealServer, "resume", 0, INT_MAX, counted=True)

SERVER: Final = Attributes(
    "a real server",
    (
        _word(RealServer, "forwarding", fields.forwarding, fields.forwarding_text, _METHODS),
        replace(_WEIGHT, read=_read_weight),
        _number(RealServer, "upper", 0, INT_MAX, "connections at which it rests; 0: never"),
        _number(RealServer, "lower", 0, INT_MAX, "connections at which it is back"),
        _word(
            RealServer,
            "tunnel.type",
            fields.tunnel_type,
            fields.tunnel_type_text,
            fields.TUNNEL_WORDS.values(),
            label="tunnel",
            applies=_tunnelled,
        ),
        _number(RealServer, "tunnel.port", 0, 65535, "of the server's end", said="port {}", applies=_by_gue),
        _word(
            RealServer,
            "tunnel.checksum",
            fields.checksum,
            fields.checksum_text,
            fields.CHECKSUM_WORDS.values(),
            applies=_has_checksum,
        ),
        _label(RealServer, "name", "in the profile"),
        replace(_RESUME, read=_read_resume),
    ),
    ("name", "server"),
    lambda server: fields.server_text(server.endpoint),
)


def _put_flags(service: Service, raw: Raw) -> Service:
    words = raw if isinstance(raw, tuple) else str(raw).replace(",", " ").split()
    return replace(service, flags=fields.flags(words, service.scheduler))


def _read_flags(service: Service, text: str) -> Service:
    return _put_flags(service, () if text in _NOTHING else text)


def _persistent(service: Service) -> Persistence:
    """Return the persistence of a service, or one to begin with: 300 seconds, each address for itself."""
    return service.persistence or Persistence(mask=service.key.family.full_mask)


def _put_timeout(service: Service, raw: Raw) -> Service:
    seconds = fields.number("timeout", raw if isinstance(raw, int) else str(raw), _TIMEOUT)
    return replace(service, persistence=replace(_persistent(service), timeout=seconds))


def _with_mask(service: Service, family: Family, mask: IPv4Address | int) -> Service:
    if family is not service.key.family:
        raise FieldError(*_OTHER_MASK[family])
    return replace(service, persistence=replace(_persistent(service), mask=mask))


_OTHER_MASK: Final = {
    Family.IPV4: ("netmask", "is for IPv4 services; IPv6 ones take prefix, such as 64"),
    Family.IPV6: ("prefix", "is for IPv6 services; IPv4 ones take netmask, such as 255.255.255.0"),
}


def _put_engine(service: Service, raw: Raw) -> Service:
    return replace(service, persistence=replace(_persistent(service), engine=fields.engine(str(raw))))


def _read_engine(service: Service, text: str) -> Service:
    return _put_engine(service, "" if text in _NOTHING else text)


def _read_persistence(service: Service, text: str) -> Service:
    return replace(service, persistence=None) if text in _NOTHING else _put_timeout(service, text)


def _of_persistence(look: Callable[[Persistence], Raw | None]) -> Callable[[Service], Raw | None]:
    """Look into the persistence of a service, which may have none."""
    return lambda service: look(service.persistence) if service.persistence else None


_TIMEOUT: Final = (0, 2**32 - 1)

SERVICE: Final = Attributes(
    "a service",
    (
        _word(Service, "scheduler", fields.scheduler, meaning="of this kernel, or type one"),
        Attribute(
            "flags",
            list,
            lambda service: fields.flag_words(service.flags, service.scheduler),
            _put_flags,
            _read_flags,
            (),
            example='["one-packet"]',
        ),
        Attribute("persistence", dict, lambda _: None, lambda service, _: service, _read_persistence),
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
            lambda service, raw: _with_mask(service, Family.IPV4, fields.netmask(str(raw))),
            lambda service, text: _with_mask(service, Family.IPV4, fields.mask(text, Family.IPV4)),
            str(FULL_MASK_V4),
            said="mask {}",
        ),
        Attribute(
            "persistence.prefix",
            int,
            _of_persistence(lambda persistence: persistence.mask if isinstance(persistence.mask, int) else None),
            lambda service, raw: _with_mask(service, Family.IPV6, fields.mask(str(raw), Family.IPV6)),
            lambda service, text: _with_mask(service, Family.IPV6, fields.mask(text, Family.IPV6)),
            FULL_PREFIX_V6,
            said="prefix {}",
        ),
        Attribute(
            "persistence.engine",
            str,
            _of_persistence(lambda persistence: persistence.engine),
            _put_engine,
            _read_engine,
            "",
            said="engine {}",
            meaning="empty, or sip",
        ),
        _label(Service, "name", "in the profile"),
        _label(Service, "note"),
    ),
    ("name", "service"),
    lambda service: fields.service_text(service.key),
    lambda service, _: replace(service, persistence=_persistent(service)),
)


def _seconds(name: str, meaning: str) -> Attribute[Timeouts]:
    seconds = _number(Timeouts, name, 0, INT_MAX, meaning, said="{}s", counted=True)
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
            _word(
                SyncDaemon,
                "interface",
                fields.interface,
                meaning="network interface that the daemon sends on or listens at",
            ),
            example='"eth0"',
        ),
        _number(
            SyncDaemon,
            "id",
            0,
            255,
            "0 to 255; a backup takes only what carries its own id (0 there: from every master)",
            counted=True,
        ),
        _number(
            SyncDaemon,
            "max_length",
            0,
            65507,
            "largest datagram in bytes; 0 lets the kernel take what fits the interface's MTU",
        ),
        _word(
            SyncDaemon,
            "group",
            lambda text: fields.address("group", text.strip()),
            meaning="multicast group, the same on all directors",
        ),
        _number(SyncDaemon, "port", 1, 65535, "UDP port, the same on all directors", counted=True),
        _number(
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
        _label(MarkGroup, "name", "in the profile"),
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
