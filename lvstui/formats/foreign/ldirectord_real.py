"""The `real=` lines of ldirectord.cf, by the expressions with which ldirectord itself takes them apart."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import IPv4Address
from typing import Final, NamedTuple

from lvstui.core import fields
from lvstui.core.fields import FieldError, quote
from lvstui.core.model import INT_MAX, Address, Endpoint, Family, Forwarding, ServiceKey
from lvstui.formats.foreign.draft import RANGE_MAX, Draft, Spot
from lvstui.formats.foreign.words import LDIRECTORD_METHODS

_HOST: Final = r"(\d+\.\d+\.\d+\.\d+|[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])"
_WHERE: Final = re.compile(rf"{_HOST}(?:->{_HOST})?(?::([A-Za-z0-9_-]+))?\s+(.*)")
_METHOD: Final = re.compile(r"(\w+)(.*)", re.ASCII)
_WEIGHT: Final = re.compile(r"\s+(\d+)(.*)", re.ASCII)
_CHECK: Final = re.compile(r'\s+"(.*)"[, ]\s*"(.*)"(.*)')
_LOWER: Final = re.compile(r"\s+l:(\d+)(.*)", re.ASCII)
_UPPER: Final = re.compile(r"\s+u:(\d+)(.*)", re.ASCII)
_BRACKETED: Final = re.compile(r"<([lu]:\d+)>", re.ASCII)
_LONGEST: Final = 2000
"""Characters of a line, for which these expressions may take a time that grows with their square."""

_WANTED: Final = 'ADDRESS[->ADDRESS][:PORT] gate|masq|ipip [WEIGHT] ["REQUEST", "RECEIVE"] [l:N] [u:N]'


class Limits(NamedTuple):
    """The thresholds of a server; 0 for none."""

    upper: int
    lower: int


class Real(NamedTuple):
    """A server of a `real=` line, as ldirectord knows it: with the port that stands there, 0 for none."""

    spot: Spot
    endpoint: Endpoint
    forwarding: Forwarding
    weight: int
    limits: Limits
    request: str | None
    receive: str | None

    def identity(self, check: tuple[str, ...], request: str, receive: str) -> tuple[object, ...]:
        """Return by what ldirectord tells servers apart, in whichever service they are: not by their thresholds."""
        own = (self.request or _rooted(request), self.receive if self.receive is not None else receive)
        return (*check, self.endpoint, self.weight, self.forwarding, *own)


def reals_of(draft: Draft, spot: Spot, key: ServiceKey, text: str) -> Iterator[Real]:
    """Yield the server of a line, or all of a range; raises `FieldError`."""
    if len(text) > _LONGEST:
        raise FieldError("real", f"has more than {_LONGEST:,} characters; write a line for each server")
    found = _WHERE.fullmatch(text)
    method = _METHOD.search(found[4]) if found else None
    if found is None or method is None or method[1] not in LDIRECTORD_METHODS:
        raise FieldError("real", f"must be {_WANTED}, not {quote(text)}")
    weight, request, receive, limits = _behind(draft, spot, text, _BRACKETED.sub(r"\1", method[2]))
    if request is not None:
        draft.lose(spot, f"request {request}", "left out: all servers of a service have one probe")
        request = _rooted(request)
    port = draft.hosts.port("real", found[3], None) if found[3] else 0
    for address in _addresses(draft, spot, key.family, found):
        endpoint = Endpoint(address, port)
        yield Real(spot, endpoint, LDIRECTORD_METHODS[method[1]], weight, limits, request, receive)


def _rooted(path: str) -> str:
    return path if path.startswith("/") else f"/{path}"


def _behind(draft: Draft, spot: Spot, text: str, rest: str) -> tuple[int, str | None, str | None, Limits]:
    """Return weight, request, receive and thresholds behind a method.

    ldirectord looks for each of them in what the one before has left, and skips what stands before it.
    """
    numbers: dict[str, int] = {}
    request = receive = None
    for name, sign in {"weight": _WEIGHT, "check": _CHECK, "lower": _LOWER, "upper": _UPPER}.items():
        found = sign.search(rest)
        if found is None:
            continue
        if skipped := rest[: found.start()].strip():
            draft.lose(spot, skipped, f"left out: ldirectord skips what stands before the {_NAMES[name]}")
        rest = found[found.re.groups]
        if name == "check":
            request, receive = found[1], found[2]
            if request.startswith("/"):  # its test for that forgets what else was found
                if rest.strip():
                    draft.lose(spot, rest.strip(), "left out: ldirectord skips what stands behind a request with a /")
                rest, receive = "", None
        else:
            numbers[name] = fields.number("real", found[1], (0, INT_MAX))
    if rest.strip():
        raise FieldError("real", f"must be {_WANTED}, not {quote(text)}")
    return numbers.get("weight", 1), request, receive, Limits(numbers.get("upper", 0), numbers.get("lower", 0))


_NAMES: Final[Mapping[str, str]] = {
    "weight": "weight",
    "check": "request",
    "lower": "lower threshold, which has to come first",
    "upper": "upper threshold",
}


def _addresses(draft: Draft, spot: Spot, family: Family, found: re.Match[str]) -> Iterable[Address]:
    """Return the addresses of `a` or `a->b`; raises `FieldError`."""
    begin = draft.hosts.address(spot, "real", found[1].strip("[]"), family)
    if not found[2]:
        return [begin]
    end = draft.hosts.address(spot, "real", found[2].strip("[]"), family)
    if not isinstance(begin, IPv4Address):
        raise FieldError("real", "ldirectord takes no ranges of IPv6; write a line for each server")
    numbers = range(int(begin), int(end) + 1)
    if not numbers:
        raise FieldError("real", f"the range {quote(found[0])} runs backwards")
    if len(numbers) > RANGE_MAX:
        raise FieldError(
            "real", f"the range {quote(found[0])} has more than {RANGE_MAX:,} addresses; write parts of it"
        )
    return map(IPv4Address, numbers)
