"""The language of all filters: words, networks and `field=value`, `!` before any of them.

A term asks one thing of a row. A row that has no such thing (a service has no weight) is found neither by the term
nor by its opposite.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import Final, Generic, TypeAlias, TypeVar

from lvstui.core import fields
from lvstui.core.fields import FieldError
from lvstui.core.model import Address
from lvstui.core.words import did_you_mean

R = TypeVar("R")
"""The row that a filter is asked about."""

Test: TypeAlias = Callable[[R], bool | None]
"""Returns whether a row is meant; None for a row that has no such thing."""


@dataclass(frozen=True, slots=True)
class Filter(Generic[R]):
    """Terms that must all hold; equal when their text is."""

    text: str = ""
    terms: tuple[tuple[bool, Test[R]], ...] = field(default=(), compare=False)

    def __bool__(self) -> bool:
        return bool(self.terms)

    def holds(self, row: R) -> bool:
        """Return whether a row is meant by every term."""
        for wanted, test in self.terms:
            found = test(row)
            if found is None or found is not wanted:
                return False
        return True


_TERM = re.compile(r"([A-Za-z_./]+)(>=|<=|!=|=|>|<)(.*)", re.DOTALL)
_NUMBER = re.compile(r"(\d+(?:\.\d+)?)([a-zA-Z]?)")
_HEXADECIMAL = re.compile(r"0[xX][0-9a-fA-F]{1,16}")
_SIZES: Final = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9}
_SECONDS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_COMPARISONS: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "=": operator.eq,
    "!=": operator.eq,
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
}


@dataclass(frozen=True, slots=True)
class Operator(Generic[R]):
    """Something that a term asks for by name: `weight>3`, `state=ok`; `help` says what it is in a few words."""

    name: str
    help: str
    aliases: tuple[str, ...] = field(default=(), kw_only=True)

    def test(self, sign: str, value: str) -> Test[R]:
        """Return the test of a term; `!=` is tested as `=`. Raises `FieldError` for a value that no row can have."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Number(Operator[R]):
    """Numbers of a row, of which one must compare; with `seconds` they are times and written such as 5m."""

    get: Callable[[R], Iterable[float] | None]
    seconds: bool = field(default=False, kw_only=True)

    def test(self, sign: str, value: str) -> Test[R]:
        """Return the test of a comparison with a number. Raises `FieldError`."""
        compare, get = _COMPARISONS[sign], self.get
        units = _SECONDS if self.seconds else _SIZES
        match = _NUMBER.fullmatch(value)
        if not self.seconds and _HEXADECIMAL.fullmatch(value):  # as nft writes marks
            wanted = float(int(value, 16))
        elif match is None or match[2] not in units:
            example = "60 or 5m" if self.seconds else "100 or 1.5k"
            raise FieldError(self.name, f"needs a number, such as {example}")
        else:
            wanted = float(match[1]) * units[match[2]]

        def test(row: R) -> bool | None:
            found = get(row)
            return None if found is None else any(compare(number, wanted) for number in found)

        return test


@dataclass(frozen=True, slots=True)
class Text(Operator[R]):
    """Texts of a row, one of which must be the value, or with `part` contain it; `words` are all that there can be."""

    get: Callable[[R], Iterable[str] | None]
    part: bool = field(default=False, kw_only=True)
    words: tuple[str, ...] = field(default=(), kw_only=True)

    def test(self, sign: str, value: str) -> Test[R]:
        """Return the test for a text, whose case does not matter. Raises `FieldError`."""
        if sign not in ("=", "!="):
            raise FieldError(self.name, f"is a text: write {self.name}= or {self.name}!=")
        if not value:
            raise FieldError(self.name, f"needs a value behind {sign}")
        wanted, get, part = value.casefold(), self.get, self.part
        numbered = self.name == "proto" and re.fullmatch(r"ip\d+", wanted)
        if self.words and wanted not in self.words and not numbered:
            raise FieldError(self.name, f"is {', '.join(self.words)}")

        def test(row: R) -> bool | None:
            found = get(row)
            if found is None:
                return None
            return any(wanted in text.casefold() if part else wanted == text.casefold() for text in found)

        return test


@dataclass(frozen=True, slots=True)
class Language(Generic[R]):
    """What can be asked of one kind of rows.

    `text` is all that a row shows of what it is, in lower case, and `addresses` those it is about; without them a
    network is a word like any other. `at` says whether a row is about a whole address, where that is more than a part
    of its text. Without operators, what looks like a field is a word as well.
    """

    text: Callable[[R], str]
    addresses: Callable[[R], Iterable[Address]] | None = None
    operators: tuple[Operator[R], ...] = ()
    at: Callable[[R, Address], bool] | None = None

    @property
    def fields(self) -> tuple[str, ...]:
        """The names that a term can ask for."""
        return tuple(operator.name for operator in self.operators)

    @property
    def help(self) -> str:
        """The names that a term can ask for with what they are, a line each, to stand eight cells from the left."""
        width = max(map(len, self.fields), default=0)
        return "\n        ".join(f"{operator.name:<{width}} {operator.help}" for operator in self.operators)

    @property
    def terms(self) -> Sequence[str]:
        """How terms begin (`weight=`), and those of few words whole (`proto=tcp`)."""
        return [
            f"{known.name}={word}"
            for known in self.operators
            for word in (known.words if isinstance(known, Text) and known.words else ("",))
        ]

    def parse(self, text: str) -> Filter[R]:
        """Read a filter; raises `FieldError` with a sentence about the first term that is wrong."""
        return Filter(" ".join(text.split()), tuple(self._term(word) for word in text.split()))

    def _term(self, word: str) -> tuple[bool, Test[R]]:
        wanted = not word.startswith("!")
        rest = word if wanted else word[1:]
        if not rest:
            raise FieldError("filter", "write behind the ! what is not to be shown")
        if self.operators and (match := _TERM.fullmatch(rest)):
            name, sign, value = match[1].lower(), match[2], match[3]
            return wanted is not (sign == "!="), self._operator(name).test(sign, value)
        return wanted, self._network(rest) or self._word(rest)

    def _operator(self, name: str) -> Operator[R]:
        for known in self.operators:
            if name == known.name or name in known.aliases:
                return known
        hint = did_you_mean(name, self.fields) or f"there are {', '.join(self.fields)}"
        raise FieldError("filter", f"there is no field {fields.visible(name)}; {hint}")

    def _word(self, word: str) -> Test[R]:
        """Read a whole address, where rows can be asked for one, or any other word."""
        at, address, folded = self.at, whole_address(word), word.casefold()
        if at is not None and address is not None:
            return lambda row: at(row, address)
        return lambda row: folded in self.text(row)

    def _network(self, word: str) -> Test[R] | None:
        """Read `10.0.0.0/8`; None for a word that does not start as an address does (`5m/24` is shown in the table)."""
        addresses = self.addresses
        start, slash, _ = word.partition("/")
        if addresses is None or not slash or whole_address(start) is None:
            return None
        try:
            network = ip_network(word, strict=False)
        except ValueError:
            sentence = f"{fields.visible(word)} is no network such as 10.0.0.0/8 or fd00::/8"
            raise FieldError("filter", sentence) from None
        return lambda row: any(address in network for address in addresses(row))


def only_address(text: str) -> Address | None:
    """Return the one address that a filter is about, if it is about one: a whole address among its words."""
    found = [address for word in text.split() if (address := whole_address(word)) is not None]
    return found[0] if len(found) == 1 else None


def whole_address(word: str) -> Address | None:
    """Read a word that is an address as it stands; None for any other."""
    try:
        return fields.address("filter", word)
    except FieldError:
        return None
