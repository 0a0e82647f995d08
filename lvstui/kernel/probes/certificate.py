"""A certificate as a server shows it (RFC 5280): whom it is for, whose signature it has, from when until when.

Whether clients trust it is for their lists of authorities to say, and is not looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Final, NamedTuple, TypeAlias

_SEQUENCE: Final = 0x30
_SET: Final = 0x31
_OBJECT: Final = 0x06
_OCTETS: Final = 0x04
_UTF16: Final = 0x1E
_VERSION: Final = 0xA0
_EXTENSIONS: Final = 0xA3
_HOST: Final = 0x82
_ADDRESS: Final = 0x87

_ALTERNATIVES: Final = bytes.fromhex("551d11")
"""Whom it is for beside its subject (subjectAltName, 2.5.29.17)."""

_CALLED: Final = (bytes.fromhex("550403"), bytes.fromhex("55040a"))
"""What somebody is called: the common name (2.5.4.3), or else the organization (2.5.4.10)."""

_TIMES: Final = {0x17: re.compile(rb"(\d\d)(\d{10})Z"), 0x18: re.compile(rb"(\d{4})(\d{10})Z")}
_PIVOT: Final = 50
"""Years of two digits below are of this century."""

_LONG: Final = 0x80
"""A length from here on says how many bytes it has itself."""

_Part: TypeAlias = tuple[int, bytes]


class Malformed(ValueError):
    """Bytes that are no certificate."""


class Lifetime(NamedTuple):
    """How long a certificate lasts, and whether that is long enough."""

    is_right: bool
    words: str


class Certificate(NamedTuple):
    """What a certificate says; its texts are as they come, from whoever made it.

    `names` are the hosts and addresses that it is for: the subject itself where no others are named.
    """

    names: tuple[str, ...]
    issuer: str
    begins: datetime
    ends: datetime
    signs_itself: bool

    def fits(self, name: str) -> bool:
        """Return whether it is for a host or an address; `*` stands for the first label of a host."""
        asked = _canonical(name)
        _, _, domain = asked.partition(".")
        known = {_canonical(own) for own in self.names}
        return asked in known or (bool(domain) and f"*.{domain}" in known)

    def lasts(self, now: datetime, days: int) -> Lifetime:
        """Say how long it lasts from now on, which is to be for some days at least."""
        if now < self.begins:
            return Lifetime(False, f"not valid before {self.begins:%Y-%m-%d}")
        if now > self.ends:
            return Lifetime(False, f"expired {_days((now - self.ends).days)} ago ({self.ends:%Y-%m-%d})")
        left = (self.ends - now).days
        wanted = f", fewer than {days}" if left < days else ""
        return Lifetime(left >= days, f"{_days(left)} left (until {self.ends:%Y-%m-%d}){wanted}")


def _days(count: int) -> str:
    return f"{count} day{'' if count == 1 else 's'}" if count else "less than a day"


def read_certificate(data: bytes) -> Certificate:
    """Read a certificate in DER. Raises `Malformed`."""
    signed = _parts(_at(_parts(_at(_parts(data), 0, _SEQUENCE)), 0, _SEQUENCE))
    if signed and signed[0][0] == _VERSION:
        del signed[0]
    issuer, subject = _at(signed, 2, _SEQUENCE), _at(signed, 4, _SEQUENCE)
    validity = _parts(_at(signed, 3, _SEQUENCE))
    if len(validity) != 2:
        raise Malformed
    begins, ends = (_time(*part) for part in validity)
    names = tuple(_alternatives(signed)) or (_called(subject),)
    return Certificate(names, _called(issuer), begins, ends, issuer == subject)


def _canonical(name: str) -> str:
    try:
        return str(ip_address(name))
    except ValueError:
        return name.casefold().removesuffix(".")


def _alternatives(signed: Sequence[_Part]) -> Iterator[str]:
    """Yield the hosts and addresses that stand beside the subject."""
    for tag, content in signed:
        for _, extension in _parts(_at(_parts(content), 0, _SEQUENCE)) if tag == _EXTENSIONS else ():
            parts = _parts(extension)
            if _at(parts, 0, _OBJECT) == _ALTERNATIVES:
                for kind, name in _parts(_at(_parts(_at(parts, -1, _OCTETS)), 0, _SEQUENCE)):
                    if kind == _HOST:
                        yield _text(kind, name)
                    elif kind == _ADDRESS and len(name) in (4, 16):
                        yield str(ip_address(name))


def _called(name: bytes) -> str:
    """Return what somebody is called, empty for nothing."""
    found: dict[bytes, str] = {}
    for tag, group in _parts(name):
        for _, pair in _parts(group) if tag == _SET else ():
            parts = _parts(pair)
            if len(parts) == 2 and parts[0][0] == _OBJECT:
                found.setdefault(parts[0][1], _text(*parts[1]))
    return next((found[key] for key in _CALLED if key in found), "")


def _text(tag: int, content: bytes) -> str:
    return content.decode("utf-16-be" if tag == _UTF16 else "utf-8", "backslashreplace")


def _time(tag: int, content: bytes) -> datetime:
    match = _TIMES[tag].fullmatch(content) if tag in _TIMES else None
    if match is None:
        raise Malformed
    year, rest = int(match[1]), match[2]
    if len(match[1]) == 2:
        year += 2000 if year < _PIVOT else 1900
    month, day, hour, minute, second = (int(rest[place : place + 2]) for place in range(0, 10, 2))
    try:
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        raise Malformed from None


def _at(parts: Sequence[_Part], place: int, tag: int) -> bytes:
    """Return the content of one of several parts, which has to be of this kind."""
    try:
        found, content = parts[place]
    except IndexError:
        raise Malformed from None
    if found != tag:
        raise Malformed
    return content


def _parts(data: bytes) -> list[_Part]:
    """Take apart what stands one after the other: tag, length, content."""
    parts: list[_Part] = []
    place = 0
    while place < len(data):
        tag, size = data[place], data[place + 1] if place + 1 < len(data) else _LONG
        place += 2
        if size >= _LONG:
            digits = size - _LONG
            if not 1 <= digits <= 4 or place + digits > len(data):
                raise Malformed
            size = int.from_bytes(data[place : place + digits])
            place += digits
        if place + size > len(data):
            raise Malformed
        parts.append((tag, data[place : place + size]))
        place += size
    return parts
