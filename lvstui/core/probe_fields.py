"""How a service's probe is written: the fields that each type has, and their attributes for attributes.py."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from ipaddress import AddressValueError, IPv6Address
from typing import Final, TypeVar

from lvstui.core import fields
from lvstui.core.attribute import NONE, Attribute, Configured, Kind, Raw
from lvstui.core.fields import FieldError, quote
from lvstui.core.model import DnsRecord, Probe, ProbeType, Service, Statuses
from lvstui.core.words import did_you_mean

_V = TypeVar("_V")
_C = TypeVar("_C", bound=Configured)

USES: Final[Mapping[ProbeType, frozenset[str]]] = {
    ProbeType.TCP: frozenset(),
    ProbeType.TLS: frozenset(("name", "days")),
    ProbeType.HTTP: frozenset(("path", "status", "name")),
    ProbeType.HTTPS: frozenset(("path", "status", "name", "days")),
    ProbeType.DNS: frozenset(("name", "record")),
    ProbeType.SMTP: frozenset(),
    ProbeType.UDP: frozenset(("send", "expect")),
}
"""What each type asks with, beside the port and the timeout that all have."""

TYPES: Final = tuple(kind.value for kind in ProbeType)

_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,253}")
_LABEL: Final = range(1, 64)
"""Characters of a part between dots (RFC 1035)."""
_PATH_MAX: Final = 1024
_PAYLOAD_MAX: Final = 1024
_STATUSES: Final = (100, 599)
_SECONDS: Final = re.compile(r"[0-9]{1,2}(\.[0-9]{1,3})?")
_TIMEOUT: Final = (0.1, 30.0)
_DAYS_MAX: Final = 3650
_HEX: Final = "hex:"


def fits(field: str, kind: ProbeType) -> bool:
    """Return whether a field means something with a type."""
    return field in USES[kind] or field in ("type", "port", "timeout")


def probe_type(text: str) -> ProbeType:
    """Read what is asked: tcp, tls, http, https, dns, smtp or udp. Raises `FieldError`."""
    word = text.strip().lower()
    if word in TYPES:
        return ProbeType(word)
    near = did_you_mean(word, TYPES)
    hint = f"; {near}" if near else ""
    raise FieldError("probe.type", f"must be {', '.join(TYPES[:-1])} or {TYPES[-1]}, not {quote(text)}{hint}")


def path(text: str) -> str:
    """Read the path of a page, with what may follow a `?`. Raises `FieldError`."""
    found = text.strip()
    if not (found.startswith("/") and found.isascii() and found.isprintable()) or " " in found:
        raise FieldError("probe.path", f"must begin with / and be ASCII without spaces, not {quote(text)}")
    if len(found) > _PATH_MAX:
        raise FieldError("probe.path", f"must be at most {_PATH_MAX} characters long, not {len(found)}")
    return found


def statuses(text: str) -> tuple[Statuses, ...]:
    """Read HTTP statuses: `200`, `200-299,301`. Raises `FieldError`."""
    return tuple(_statuses(item.strip()) for item in text.split(","))


def _statuses(text: str) -> Statuses:
    first, _, last = text.partition("-")
    lowest, highest = _STATUSES
    ends = [int(end) for end in (first, last or first) if len(end) == 3 and end.isascii() and end.isdigit()]
    if len(ends) < 2 or not all(lowest <= end <= highest for end in ends):
        wanted = f"a status from {lowest} to {highest}, a range such as 200-299, or several with commas"
        raise FieldError("probe.status", f"must be {wanted}, not {quote(text)}")
    if ends[0] > ends[1]:
        raise FieldError("probe.status", f"{quote(text)} runs backwards: write {ends[1]}-{ends[0]}")
    return Statuses(*ends)


def statuses_text(value: tuple[Statuses, ...]) -> str:
    """Write statuses as `statuses` reads them."""
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in value)


def _statuses_raw(value: tuple[Statuses, ...]) -> str | int:
    """Write statuses for a profile, a single one as a number."""
    text = statuses_text(value)
    return int(text) if text.isdigit() else text


def name(text: str) -> str:
    """Read the name of a host or a domain, or an address; empty for none. Raises `FieldError`."""
    found = text.strip()
    if not found or _is_ipv6(found):
        return found
    labels = found.removesuffix(".").split(".")
    if not _NAME.fullmatch(found) or (found != "." and not all(len(label) in _LABEL for label in labels)):
        sentence = "must be a name such as shop.example.net, in ASCII (xn--... for others), or an address"
        raise FieldError("probe.name", f"{sentence}, not {quote(text)}")
    return found


def _is_ipv6(text: str) -> bool:
    try:
        return "%" not in text and bool(IPv6Address(text))
    except AddressValueError:
        return False


def record(text: str) -> DnsRecord:
    """Read what a name server is asked for: A, AAAA, NS or SOA. Raises `FieldError`."""
    word = text.strip().upper()
    if word not in DnsRecord.__members__:
        raise FieldError("probe.record", f"must be {', '.join(DnsRecord.__members__)}, not {quote(text)}")
    return DnsRecord[word]


def payload(text: str) -> bytes:
    """Return the bytes that a text stands for: its UTF-8, or what follows `hex:`. Raises `FieldError`."""
    return _payload("payload", text)


def _payload(field: str, text: str) -> bytes:
    try:
        found = bytes.fromhex(text.removeprefix(_HEX)) if text.startswith(_HEX) else text.encode()
    except UnicodeEncodeError:
        raise FieldError(field, f"{quote(text)} has characters that UTF-8 cannot write") from None
    except ValueError:
        raise FieldError(field, f"needs pairs of hexadecimal digits after {_HEX}, not {quote(text)}") from None
    if len(found) > _PAYLOAD_MAX:
        raise FieldError(field, f"must be at most {_PAYLOAD_MAX} bytes long, not {len(found)}")
    return found


def _checked_payload(field: str) -> Callable[[str], str]:
    """Return the function that reads a payload, and keeps it as it is written."""

    def check(text: str) -> str:
        _payload(field, text)
        return text

    return check


def timeout(text: str) -> float:
    """Read the seconds that a probe may take, 0.1 to 30 in steps of a millisecond. Raises `FieldError`."""
    lowest, highest = _TIMEOUT
    found = text.strip()
    seconds = float(found) if _SECONDS.fullmatch(found) else 0.0
    if not lowest <= seconds <= highest:
        raise FieldError("probe.timeout", f"must be {lowest} to {highest:g} seconds, not {quote(text)}")
    return seconds


def _seconds_raw(seconds: float) -> float | int:
    return int(seconds) if seconds.is_integer() else seconds


def retyped(probe: Probe, kind: ProbeType) -> Probe:
    """Return a probe of another type, without what that one has no use for."""
    if kind is probe.type:
        return probe
    kept = {one: getattr(probe, one) for one in ("port", "timeout", *(USES[kind] & USES[probe.type]))}
    return replace(Probe(kind), **kept)


def _put_type(service: Service, raw: Raw) -> Service:
    return replace(service, probe=retyped(service.probe or Probe(), probe_type(str(raw))))


def _put_whole(service: Service, text: str) -> Service:
    return replace(service, probe=None) if text.strip() in ("", NONE) else _put_type(service, text)


def _with(probe: _C, field: str, value: object) -> _C:
    return replace(probe, **{field: value})


def _attribute(
    field: str, kind: Kind, parse: Callable[[str], _V], write: Callable[[_V], Raw], said: str, meaning: str = ""
) -> Attribute[Service]:
    """Return the attribute of one field of a probe, which a service may not have."""

    def get(service: Service) -> Raw | None:
        return write(getattr(service.probe, field)) if service.probe else None

    def put(service: Service, raw: Raw) -> Service:
        return replace(service, probe=_with(service.probe or Probe(), field, parse(str(raw))))

    default = write(getattr(Probe(), field))
    return Attribute(f"probe.{field}", kind, get, put, put, default, said=said, meaning=meaning)


def _number(field: str, most: int, said: str, meaning: str) -> Attribute[Service]:
    def parse(text: str) -> int:
        return fields.number(f"probe.{field}", text, (0, most))

    return replace(_attribute(field, int, parse, int, said, meaning), limits=(0, most))


PROBE: Final[tuple[Attribute[Service], ...]] = (
    Attribute("probe", dict, lambda _: None, lambda service, _: service, _put_whole),
    Attribute(
        "probe.type",
        str,
        lambda service: service.probe.type.value if service.probe else None,
        _put_type,
        _put_type,
        choices=TYPES,
    ),
    _number("port", 65535, "port {}", "0: the server's own"),
    _attribute("path", str, path, str, "path {}", "of the page"),
    _attribute("status", (int, str), statuses, _statuses_raw, "status {}", "such as 200, or 200-299,301"),
    _attribute("name", str, name, str, "name {}", "of the host, the certificate, or to ask for"),
    replace(
        _attribute("record", str, record, lambda one: one.name, "{}", "to ask for"),
        choices=tuple(DnsRecord.__members__),
    ),
    _attribute("send", str, _checked_payload("probe.send"), str, 'send "{}"', "a text, or hex:00ff"),
    _attribute("expect", str, _checked_payload("probe.expect"), str, 'expect "{}"', "within the answer; empty: any"),
    _number("days", _DAYS_MAX, "days {}", "fewer until the certificate ends are wrong"),
    _attribute("timeout", (float, int), timeout, _seconds_raw, "timeout {}s", "seconds, 0.1 to 30"),
)
