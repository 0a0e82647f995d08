"""The language of the filter: words, networks and `field=value`, `!` before any of them; pure.

A term asks one thing of a row. A row that has no such thing (a service has no weight) is found neither by the term
nor by its opposite.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import Final, NamedTuple, TypeAlias

from lvstui.core import fields
from lvstui.core.cells import STATES
from lvstui.core.fields import FieldError
from lvstui.core.model import Address, AddressKey, MarkKey, RealServer, Service
from lvstui.core.observed import ServerStats


class Subject(NamedTuple):
    """What a filter is asked about: a service, a server with its service, or (neither) a machine.

    `text` is all that the row shows of what it is, and its state, in lower case; numbers are asked for by field, as
    rows would come and go with the traffic. It and the state are worked out only where a term asks for them.
    """

    service: Service | None
    server: RealServer | None
    addresses: tuple[Address, ...]
    seen: ServerStats
    state: Callable[[], str]
    text: Callable[[], str]


Test: TypeAlias = Callable[[Subject], bool | None]
"""Tells whether a row is meant; None: there is no telling for a row of its kind."""

Numbers: TypeAlias = Callable[[Subject], Iterable[float] | None]
Texts: TypeAlias = Callable[[Subject], Iterable[str] | None]


@dataclass(frozen=True, slots=True)
class Filter:
    """Terms that must all hold; equal when their text is."""

    text: str = ""
    terms: tuple[tuple[bool, Test], ...] = field(default=(), compare=False)

    def __bool__(self) -> bool:
        return bool(self.terms)

    def holds(self, subject: Subject) -> bool:
        """Tell whether a row is meant by every term."""
        for wanted, test in self.terms:
            found = test(subject)
            if found is None or found is not wanted:
                return False
        return True


EVERYTHING = Filter()

_TERM = re.compile(r"([A-Za-z_./]+)(>=|<=|!=|=|>|<)(.*)", re.DOTALL)
_NUMBER = re.compile(r"(\d+(?:\.\d+)?)([kMG]?)")
_SIZES: Final = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9}
_COMPARED: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "=": operator.eq,
    "!=": operator.eq,
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
}


def parse(text: str) -> Filter:
    """Read a filter; raises `FieldError` with a sentence about the first term that is wrong."""
    return Filter(" ".join(text.split()), tuple(_term(word) for word in text.split()))


def _term(word: str) -> tuple[bool, Test]:
    wanted = not word.startswith("!")
    rest = word if wanted else word[1:]
    if not rest:
        raise FieldError("filter", "write behind the ! what is not to be shown")
    if match := _TERM.fullmatch(rest):
        name, sign, value = match[1].lower(), match[2], match[3]
        return wanted is not (sign == "!="), _field(name, sign, value)
    return wanted, _network(rest) or _word(rest)


def _word(word: str) -> Test:
    folded = word.casefold()
    return lambda subject: folded in subject.text()


def _network(word: str) -> Test | None:
    """Read `10.0.0.0/8`; None for a word that does not start as an address does (`5m/24` is shown in the table)."""
    start, slash, _ = word.partition("/")
    if not slash:
        return None
    try:
        fields.address("filter", start)
    except FieldError:
        return None
    try:
        network = ip_network(word, strict=False)
    except ValueError:
        raise FieldError("filter", f"{fields.visible(word)} is no network such as 10.0.0.0/8 or fd00::/8") from None
    return lambda subject: any(address in network for address in subject.addresses)


def _field(name: str, sign: str, value: str) -> Test:
    name = _ALIASES.get(name, name)
    if name in _NUMBERS:
        return _number_test(_NUMBERS[name], sign, _number(name, value))
    if name not in _TEXTS:
        raise FieldError("filter", f"there is no field {fields.visible(name)}; help (?) has them all")
    if sign not in ("=", "!="):
        raise FieldError(name, f"is a text: write {name}= or {name}!=")
    if not value:
        raise FieldError(name, f"needs a value behind {sign}")
    return _text_test(_TEXTS[name], _known(name, value), part=name in _PARTS)


def _number(name: str, value: str) -> float:
    match = _NUMBER.fullmatch(value)
    if match is None:
        raise FieldError(name, "needs a number, such as 100 or 1.5k")
    return float(match[1]) * _SIZES[match[2]]


def _known(name: str, value: str) -> str:
    """Refuse a value that no row can have."""
    value = value.casefold()
    words = _WORDS.get(name, ())
    numbered = name == "proto" and re.fullmatch(r"ip\d+", value)
    if words and value not in words and not numbered:
        raise FieldError(name, f"is {', '.join(words)}")
    return value


def _number_test(numbers: Numbers, sign: str, wanted: float) -> Test:
    compare = _COMPARED[sign]

    def test(subject: Subject) -> bool | None:
        found = numbers(subject)
        return None if found is None else any(compare(each, wanted) for each in found)

    return test


def _text_test(texts: Texts, wanted: str, *, part: bool) -> Test:
    def test(subject: Subject) -> bool | None:
        found = texts(subject)
        if found is None:
            return None
        return any(wanted in each.casefold() if part else wanted == each.casefold() for each in found)

    return test


def _of_server(get: Callable[[RealServer], float]) -> Numbers:
    return lambda subject: None if subject.server is None else (get(subject.server),)


def _of_service(get: Callable[[Service], Iterable[str]]) -> Texts:
    return lambda subject: None if subject.service is None else get(subject.service)


def _ports(subject: Subject) -> Iterable[float] | None:
    if subject.service is None:
        return None
    key = subject.service.key
    service = (key.port,) if isinstance(key, AddressKey) else ()
    return (*service, subject.server.endpoint.port) if subject.server else service


def _marks(subject: Subject) -> Iterable[float] | None:
    if subject.service is None:
        return None
    return (subject.service.key.mark,) if isinstance(subject.service.key, MarkKey) else ()


def _persistence(subject: Subject) -> Iterable[float] | None:
    if subject.service is None:
        return None
    return (subject.service.persistence.timeout if subject.service.persistence else 0,)


def _names(subject: Subject) -> Iterable[str] | None:
    if subject.service is None:
        return None
    return (subject.service.name, subject.server.name) if subject.server else (subject.service.name,)


def _protocols(service: Service) -> Iterable[str]:
    return (fields.protocol_text(service.key.protocol),) if isinstance(service.key, AddressKey) else ()


def _forwarding(server: RealServer) -> str:
    return fields.forwarding_text(server.forwarding)


_NUMBERS: Final[Mapping[str, Numbers]] = {
    "weight": _of_server(lambda server: server.weight),
    "upper": _of_server(lambda server: server.upper),
    "lower": _of_server(lambda server: server.lower),
    "active": lambda subject: (subject.seen.active,),
    "inactive": lambda subject: (subject.seen.inactive,),
    "sticky": lambda subject: (subject.seen.sticky,),
    "conn/s": lambda subject: (subject.seen.stats.connection_rate,),
    "in": lambda subject: (subject.seen.stats.in_byte_rate,),
    "out": lambda subject: (subject.seen.stats.out_byte_rate,),
    "port": _ports,
    "mark": _marks,
    "persistence": _persistence,
}

_TEXTS: Final[Mapping[str, Texts]] = {
    "name": _names,
    "note": _of_service(lambda service: (service.note,)),
    "scheduler": _of_service(lambda service: (service.scheduler,)),
    "flag": _of_service(lambda service: fields.flag_words(service.flags, service.scheduler)),
    "forwarding": lambda subject: None if subject.server is None else (_forwarding(subject.server),),
    "proto": _of_service(_protocols),
    "state": lambda subject: (subject.state(),),
}

_ALIASES: Final = {"method": "forwarding", "protocol": "proto", "conns": "conn/s", "inact": "inactive", "flags": "flag"}

_PARTS: Final = ("name", "note")
"""Texts of which a part is enough."""

_WORDS: Final[Mapping[str, tuple[str, ...]]] = {
    "forwarding": tuple(fields.FORWARDING_WORDS.values()),
    "proto": tuple(fields.PROTOCOL_WORDS.values()),
    "state": tuple(STATES),
}

FIELDS: Final = (*_NUMBERS, *_TEXTS)
"""What a term can ask for, for help."""
