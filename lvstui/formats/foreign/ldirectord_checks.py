"""The check of a virtual service of ldirectord as the probe that asks the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from lvstui.core import fields, probe_fields
from lvstui.core.fields import FieldError, quote
from lvstui.core.model import AddressKey, Probe, ProbeType, Protocol, Service, ServiceKey, Statuses
from lvstui.formats.foreign.draft import CERTIFICATE, Draft, Spot

CHECK_KEYS: Final = frozenset(
    ("checktype", "checkport", "service", "request", "receive", "virtualhost", "checkcommand")
)
_SERVICES: Final[Mapping[int, str]] = {
    21: "ftp",
    25: "smtp",
    53: "dns",
    80: "http",
    110: "pop",
    119: "nntp",
    143: "imap",
    389: "ldap",
    443: "https",
    587: "submission",
    636: "ldaps",
    993: "imaps",
    995: "pops",
    1521: "oracle",
    1812: "radius",
    3128: "http_proxy",
    3306: "mysql",
    5060: "sip",
    5432: "pgsql",
}
"""What ldirectord takes a service for by its port."""

_KNOWN: Final = frozenset((*_SERVICES.values(), "none", "simpletcp"))
_TYPES: Final = {"http": ProbeType.HTTP, "https": ProbeType.HTTPS, "dns": ProbeType.DNS, "smtp": ProbeType.SMTP}
_TYPES_MORE: Final = {
    "submission": ProbeType.SMTP,
    "ldaps": ProbeType.TLS,
    "imaps": ProbeType.TLS,
    "pops": ProbeType.TLS,
}
_CHECK_TYPES: Final = ("connect", "negotiate", "ping", "off", "on", "external", "external-perl")
_NO_PROBE: Final[Mapping[str, str]] = {
    "ping": "left out: no probe pings",
    "on": "left out: ldirectord asks nothing, and neither does a service without probe",
    "off": "left out: ldirectord checks nothing and puts no server in; here the servers stand all the same",
    "external": "left out: lvstui runs no commands",
    "external-perl": "left out: lvstui runs no commands",
}

Values = Mapping[str, tuple[Spot, str]]


def probe_of(draft: Draft, service: Service, values: Values, section: Spot) -> Probe | None:
    """Return the probe that asks what ldirectord asks, None where there is none; raises `FieldError`."""
    kind = values["checktype"][1] if "checktype" in values else "negotiate"
    if kind.isascii() and kind.isdigit():
        draft.lose(values["checktype"][0], f"checktype={kind}", "written as negotiate: each probe asks the same")
        kind = "negotiate"
    if kind not in _CHECK_TYPES:
        wanted = f"{', '.join(_CHECK_TYPES)} or a number"
        raise FieldError("checktype", f"must be {wanted}, not {quote(kind)}")
    if kind in _NO_PROBE:
        _lose(draft, values, CHECK_KEYS - {"checktype"}, "left out: without a check it means nothing here")
        draft.lose(values["checktype"][0], f"checktype={kind}", _NO_PROBE[kind])
        return None
    probe = _asking(draft, service, values, kind, section)
    if probe is None:
        return None
    port = fields.number("checkport", values["checkport"][1], (1, 65535)) if "checkport" in values else 0
    return replace(probe, port=port, timeout=_timeout(draft, values, probe.timeout))


def _asking(draft: Draft, service: Service, values: Values, kind: str, section: Spot) -> Probe | None:
    """Return what is asked, without port and time; raises `FieldError`."""
    asked = asked_of(service.key, values)
    if kind == "negotiate" and asked == "none":
        _lose(draft, values, CHECK_KEYS, "left out: of no known service ldirectord asks nothing")
        return None
    if kind == "connect":
        if isinstance(service.key, AddressKey) and service.key.protocol is Protocol.UDP:
            draft.lose(values["checktype"][0], "checktype=connect", "left out: for udp it pings, which no probe does")
            return None
        _lose(draft, values, {"request", "receive", "virtualhost"}, "left out: the check only connects")
        return Probe(ProbeType.TCP)
    _lose(draft, values, {"checkcommand"}, "left out: this check runs no command")
    match {**_TYPES, **_TYPES_MORE}.get(asked):
        case ProbeType.HTTP | ProbeType.HTTPS as web:
            return _page(draft, values, web)
        case ProbeType.DNS:
            _lose(draft, values, {"receive", "virtualhost"}, "left out: any answer will do")
            name = values["request"][1] if "request" in values else ""
            probe = Probe(ProbeType.DNS)
            if name and not _fits(draft, values, "request", fields.misread(probe_fields.name, name)):
                return None
            if name:
                return replace(probe, name=probe_fields.name(name))
            draft.lose(section, "check of dns", "left out: it has no request= to ask for")
            return None
        case ProbeType() as other:
            _lose(
                draft,
                values,
                {"request", "receive", "virtualhost"},
                f"left out: the probe {other.value} asks with none",
            )
            return Probe(other)
        case None:
            pass
    if isinstance(service.key, AddressKey) and service.key.protocol is Protocol.UDP:
        draft.lose(section, f"check of {asked}", "left out: no probe asks that over udp")
        return None
    _lose(draft, values, {"request", "receive", "virtualhost"}, "left out: the probe only connects")
    where = values["service"][0] if "service" in values else section
    draft.lose(where, f"check of {asked}", "written as a probe that only connects")
    return Probe(ProbeType.TCP)


def asked_of(key: ServiceKey, values: Values) -> str:
    """Return the word of what a service is, which its port says where nothing else does; raises `FieldError`."""
    port = key.port if isinstance(key, AddressKey) else 0
    asked = values["service"][1] if "service" in values else _SERVICES.get(port, "none")
    if asked not in _KNOWN:
        raise FieldError("service", f"must be one of {', '.join(sorted(_KNOWN))}, not {quote(asked)}")
    return asked


def _page(draft: Draft, values: Values, kind: ProbeType) -> Probe | None:
    """Return a probe that asks for a page, which ldirectord takes for good with the statuses 200 to 299."""
    _lose(draft, values, {"receive"}, "left out: the probe looks at the status of a page, not at its text")
    path = values["request"][1] if "request" in values else "/"
    path = path if path.startswith("/") else f"/{path}"
    name = values["virtualhost"][1] if "virtualhost" in values else ""
    if not _fits(draft, values, "request", fields.misread(probe_fields.path, path)):
        return None
    if not _fits(draft, values, "virtualhost", fields.misread(probe_fields.name, name)):
        return None
    if name and kind is ProbeType.HTTPS:
        draft.lose(values["virtualhost"][0], f"virtualhost={name}", CERTIFICATE)
    return Probe(kind, path=probe_fields.path(path), status=(Statuses(200, 299),), name=probe_fields.name(name))


def _fits(draft: Draft, values: Values, key: str, wrong: FieldError | None) -> bool:
    """Return whether a probe can have a value, which ldirectord takes as it is; note it where it cannot."""
    if wrong is not None:
        draft.lose(values[key][0], f"{key} of a check", f"left out with the check: in a probe it {wrong.sentence}")
    return wrong is None


def _timeout(draft: Draft, values: Values, usual: float) -> float:
    """Return the seconds that a check may take, where a probe may take so long too; raises `FieldError`."""
    key = next((one for one in ("negotiatetimeout", "checktimeout") if one in values), "")
    if not key:
        return usual
    spot, text = values[key]
    seconds = fields.number(key, text, (1, 2**31 - 1))
    if seconds <= 30:
        return float(seconds)
    draft.lose(spot, f"{key}={seconds}", "written as 30: no probe takes longer")
    return 30.0


def _lose(draft: Draft, values: Values, keys: set[str] | frozenset[str], became: str) -> None:
    for key in sorted(keys & values.keys()):
        draft.lose(values[key][0], f"{key}={values[key][1]}", became)
