"""The language of all filters: words, networks and `field=value`, `!` before any of them; pure.

A term asks one thing of a row. A row that has no such thing (a service has no weight) is found neither by the term
nor by its opposite.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import Final, Generic, TypeAlias, TypeVar

from lvstui.core import fields
from lvstui.core.fields import FieldError
from lvstui.core.model import Address

S = TypeVar("S")
"""What a filter is asked about."""

Test: TypeAlias = Callable[[S], bool | None]
"""Tells whether a row is meant; None: there is no telling for a row of its kind."""

Numbers: TypeAlias = Callable[[S], Iterable[float] | None]
Texts: TypeAlias = Callable[[S], Iterable[str] | None]


@dataclass(frozen=True, slots=True)
class Filter(Generic[S]):
    """Terms that must all hold; equal when their text is."""

    text: str = ""
    terms: tuple[tuple[bool, Test[S]], ...] = field(default=(), compare=False)

    def __bool__(self) -> bool:
        return bool(self.terms)

    def holds(self, subject: S) -> bool:
        """Tell whether a row is meant by every term."""
        for wanted, test in self.terms:
            found = test(subject)
            if found is None or found is not wanted:
                return False
        return True


_TERM = re.compile(r"([A-Za-z_./]+)(>=|<=|!=|=|>|<)(.*)", re.DOTALL)
_NUMBER = re.compile(r"(\d+(?:\.\d+)?)([a-zA-Z]?)")
_SIZES: Final = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9}
_SECONDS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_COMPARED: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "=": operator.eq,
    "!=": operator.eq,
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
}


@dataclass(frozen=True, slots=True)
class Language(Generic[S]):
    """What can be asked of one kind of rows.

    `text` is all that a row shows of what it is, in lower case, and `addresses` those it is about. `numbers` and
    `texts` are its fields, of which those in `seconds` take times such as 5m; of a text in `parts` a part is
    enough, and one in `words` is none but those. `at` tells whether a row is about a whole address, where that is
    more than a part of its text.
    """

    text: Callable[[S], str]
    addresses: Callable[[S], Iterable[Address]]
    numbers: Mapping[str, Numbers[S]]
    texts: Mapping[str, Texts[S]]
    aliases: Mapping[str, str]
    parts: tuple[str, ...]
    words: Mapping[str, tuple[str, ...]]
    seconds: tuple[str, ...] = ()
    at: Callable[[S, Address], bool] | None = None

    @property
    def fields(self) -> tuple[str, ...]:
        """Name what a term can ask for, for help."""
        return (*self.numbers, *self.texts)

    def parse(self, text: str) -> Filter[S]:
        """Read a filter; raises `FieldError` with a sentence about the first term that is wrong."""
        return Filter(" ".join(text.split()), tuple(self._term(word) for word in text.split()))

    def _term(self, word: str) -> tuple[bool, Test[S]]:
        wanted = not word.startswith("!")
        rest = word if wanted else word[1:]
        if not rest:
            raise FieldError("filter", "write behind the ! what is not to be shown")
        if match := _TERM.fullmatch(rest):
            name, sign, value = match[1].lower(), match[2], match[3]
            return wanted is not (sign == "!="), self._field(name, sign, value)
        return wanted, self._network(rest) or self._address(rest) or self._word(rest)

    def _address(self, word: str) -> Test[S] | None:
        """Read a whole address, where rows can be asked for one."""
        about = self.at
        found = whole_address(word)
        if about is None or found is None:
            return None
        return lambda subject: about(subject, found)

    def _word(self, word: str) -> Test[S]:
        folded = word.casefold()
        return lambda subject: folded in self.text(subject)

    def _network(self, word: str) -> Test[S] | None:
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
            sentence = f"{fields.visible(word)} is no network such as 10.0.0.0/8 or fd00::/8"
            raise FieldError("filter", sentence) from None
        return lambda subject: any(address in network for address in self.addresses(subject))

    def _field(self, name: str, sign: str, value: str) -> Test[S]:
        name = self.aliases.get(name, name)
        if name in self.numbers:
            return _number_test(self.numbers[name], sign, self._number(name, value))
        if name not in self.texts:
            raise FieldError("filter", f"there is no field {fields.visible(name)}; help (?) has them all")
        if sign not in ("=", "!="):
            raise FieldError(name, f"is a text: write {name}= or {name}!=")
        if not value:
            raise FieldError(name, f"needs a value behind {sign}")
        return _text_test(self.texts[name], self._known(name, value), part=name in self.parts)

    def _number(self, name: str, value: str) -> float:
        units = _SECONDS if name in self.seconds else _SIZES
        match = _NUMBER.fullmatch(value)
        if match is None or match[2] not in units:
            example = "60 or 5m" if name in self.seconds else "100 or 1.5k"
            raise FieldError(name, f"needs a number, such as {example}")
        return float(match[1]) * units[match[2]]

    def _known(self, name: str, value: str) -> str:
        """Refuse a value that no row can have."""
        value = value.casefold()
        words = self.words.get(name, ())
        numbered = name == "proto" and re.fullmatch(r"ip\d+", value)
        if words and value not in words and not numbered:
            raise FieldError(name, f"is {', '.join(words)}")
        return value


def whole_address(word: str) -> Address | None:
    """Read a word that is an address as it stands; None for any other."""
    try:
        return fields.address("filter", word)
    except FieldError:
        return None


def _number_test(numbers: Numbers[S], sign: str, wanted: float) -> Test[S]:
    compare = _COMPARED[sign]

    def test(subject: S) -> bool | None:
        found = numbers(subject)
        return None if found is None else any(compare(each, wanted) for each in found)

    return test


def _text_test(texts: Texts[S], wanted: str, *, part: bool) -> Test[S]:
    def test(subject: S) -> bool | None:
        found = texts(subject)
        if found is None:
            return None
        return any(wanted in each.casefold() if part else wanted == each.casefold() for each in found)

    return test
