"""ldirectord.cf: its sections by their indentation, its defaults, and its checks as probes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address
from typing import Final

from lvstui.core import fields
from lvstui.core.fields import FieldError, quote
from lvstui.core.model import (
    INT_MAX,
    AddressKey,
    Endpoint,
    Family,
    MarkKey,
    Persistence,
    Protocol,
    RealServer,
    Service,
    ServiceFlags,
    ServiceKey,
)
from lvstui.formats.foreign.draft import RANGE_MAX, Draft, Place, Spot, Valued
from lvstui.formats.foreign.ldirectord_checks import CHECK_KEYS, probe_of
from lvstui.formats.foreign.words import LDIRECTORD_METHODS

_BY_ITSELF: Final = "left out: lvstui takes no server out, and puts none in, by itself"
_MAIL: Final = "left out: lvstui sends no mail and runs no commands"
_OWN: Final = "left out: it is about ldirectord itself"

_ANYWHERE: Final[Mapping[str, str]] = {
    **dict.fromkeys(("checkcount", "failurecount", "checkinterval", "quiescent", "cleanstop"), _BY_ITSELF),
    **dict.fromkeys(("fallback", "fallback6"), "left out: lvstui puts no server in by itself when all are down"),
    **dict.fromkeys(
        ("emailalert", "emailalertfreq", "emailalertstatus", "emailalertfrom", "fallbackcommand", "smtp"), _MAIL
    ),
}
_GLOBAL: Final[Mapping[str, str]] = {
    **_ANYWHERE,
    **dict.fromkeys(("autoreload", "logfile", "execute", "fork", "supervised"), _OWN),
    **dict.fromkeys(("readdquiescent", "maintenancedir"), _BY_ITSELF),
    "callback": _MAIL,
}
_VIRTUAL_LOST: Final[Mapping[str, str]] = {
    **_ANYWHERE,
    "monitorfile": _OWN,
    **dict.fromkeys(("login", "passwd", "database", "secret", "load", "httpmethod"), "left out: no probe asks with it"),
}
_KEPT: Final = frozenset(
    (
        *("scheduler", "persistent", "netmask", "schedflags", "protocol", "ops"),
        *("servicename", "comment", "real", "real6"),
    )
)
_SECRET: Final = ("passwd", "secret")
_TIMES: Final = ("checktimeout", "negotiatetimeout")

_QUOTED: Final = frozenset(("request", "receive", "login", "passwd", "database", "secret", "load"))
_UNQUOTED: Final = _QUOTED | {"virtualhost", "checkcommand"}
"""What has to stand in quotes, and what may: ldirectord takes those of all else for a part of it."""
_IN_QUOTES: Final = re.compile(r'"(.*)"')

_VIRTUAL: Final = re.compile(r"virtual(6?)\s*=(.*)")
_PAIR: Final = re.compile(r"([A-Za-z][A-Za-z0-9]*)\s*=(.*)")
_INNER: Final = re.compile(r" {4,}(.+)")
_REAL: Final = re.compile(
    r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+?)(?:->(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+?))?(?::([A-Za-z0-9_-]+))?"
    r"\s+(gate|masq|ipip)(?:\s+(\d+))?"
    r'(?:\s+"([^"]*)"\s*[, ]\s*"([^"]*)")?(?:\s+<?l:(\d+)>?)?(?:\s+<?u:(\d+)>?)?'
)


@dataclass(slots=True)
class _Section(Valued):
    """A virtual service with the lines that are indented below it."""

    family: Family
    target: str
    reals: list[tuple[Spot, str]] = field(default_factory=list)
    last: int = 0

    @property
    def place(self) -> Place:
        """Where it stands, with the last line of each key."""
        values = {key: spot for key, (spot, _) in self.values.items()}
        if self.reals:
            values["real"] = self.reals[-1][0]
        return Place(self.spot, max(self.last, self.spot.line), values)


def read_ldirectord(draft: Draft, text: str, file: str) -> None:
    """Read an ldirectord.cf; `file` names it in mistakes. Raises `TooMuch`."""
    usual: dict[str, tuple[Spot, str]] = {}
    for section in _sections(draft, text, file, usual):
        for key in _TIMES:
            if key in usual and not any(own in section.values for own in _TIMES):
                section.values[key] = usual[key]
        try:
            _add(draft, section)
        except FieldError as error:
            draft.mistake(section.where(error.field), error.field, error.sentence)


def _sections(draft: Draft, text: str, file: str, usual: dict[str, tuple[Spot, str]]) -> list[_Section]:
    """Read the lines into sections; put the times that count for all checks into `usual`."""
    sections: list[_Section] = []
    current: _Section | None = None
    comments: list[Spot] = []
    for number, row in enumerate(text.split("\n"), 1):
        spot = Spot(file, number)
        if row.lstrip().startswith("#"):
            comments.append(spot)
            continue
        if "#" in row:
            comments.append(spot)
        line = row.partition("#")[0].replace("\t", "    ").rstrip()
        inner = _INNER.fullmatch(line) if current else None
        if inner and current:
            current.last = number
            _take(draft, current, spot, inner[1].strip())
            continue
        current = None
        if virtual := _VIRTUAL.fullmatch(line):
            current = _Section(spot, Family.IPV6 if virtual[1] else Family.IPV4, virtual[2].strip())
            sections.append(current)
        elif line:
            _take_global(draft, spot, line, usual)
    draft.lose_comments(comments)
    return sections


def _take(draft: Draft, section: _Section, spot: Spot, line: str) -> None:
    """Put a line of a section into it."""
    pair = _PAIR.fullmatch(line)
    if pair is None:
        draft.mistake(spot, "line", f"{quote(line)} is no KEY=VALUE")
        return
    key, text = pair[1], pair[2].strip()
    known = {*_KEPT, *CHECK_KEYS, *_VIRTUAL_LOST, *_TIMES}
    if key not in known:
        hint = draft.hint(key, known)
        draft.mistake(spot, key, f"is not known to ldirectord in a virtual service{'; ' + hint if hint else ''}")
    elif key in ("real", "real6", "fallback", "fallback6") and key.endswith("6") != (section.family is Family.IPV6):
        draft.mistake(
            spot, key, f"stands below a virtual{'6' if section.family is Family.IPV6 else ''}, of another family"
        )
    elif key in _QUOTED and not _IN_QUOTES.match(text):
        draft.mistake(spot, key, f'must stand in quotes, as in {key}="..."')  # without it: it may be a password
    elif key.startswith("real"):
        section.reals.append((spot, text))
    elif key in _VIRTUAL_LOST:
        draft.lose(spot, f"{key}=..." if key in _SECRET else line, _VIRTUAL_LOST[key])
    else:
        if key in section.values:
            before, said = section.values[key]
            draft.lose(before, f"{key}={said}", f"left out: line {spot.line} says it again")
        quoted = _IN_QUOTES.match(text) if key in _UNQUOTED else None
        section.values[key] = (spot, quoted[1] if quoted else text)


def _take_global(draft: Draft, spot: Spot, line: str, usual: dict[str, tuple[Spot, str]]) -> None:
    """Read a line outside of the sections."""
    pair = _PAIR.fullmatch(line)
    key, text = (pair[1], pair[2].strip()) if pair else (line.partition("=")[0].strip(), "")
    if pair and key in _TIMES:
        usual[key] = (spot, text)
    elif key in _GLOBAL and (pair or key == "supervised"):
        draft.lose(spot, line, _GLOBAL[key])
    elif line.startswith(" "):
        draft.mistake(spot, key, "belongs to no virtual service: its section has ended, or needs four blanks or a tab")
    else:
        hint = draft.hint(key, ("virtual", *_GLOBAL, *_TIMES))
        draft.mistake(spot, key, f"is not known to ldirectord{'; ' + hint if hint else ''}")


def _add(draft: Draft, section: _Section) -> None:
    """Add a service with its servers; raises `FieldError`."""
    key = _key(draft, section)
    scheduler = fields.scheduler(section.text("scheduler", "wrr"))
    flags = fields.flags([word for word in section.text("schedflags").split(",") if word], scheduler)
    if section.text("ops", "no") not in ("yes", "no"):
        raise FieldError("ops", f"must be yes or no, not {quote(section.text('ops'))}")
    if section.text("ops") == "yes":
        if isinstance(key, AddressKey) and key.protocol is Protocol.UDP:
            flags |= ServiceFlags.ONE_PACKET
        else:
            draft.lose(section.where("ops"), "ops=yes", "left out: ldirectord takes it for udp only")
    note = section.text("comment")
    if wrong := fields.misread(lambda text: fields.label("note", text), note):
        draft.lose(section.where("comment"), "comment", f"left out: {wrong.sentence}")
        note = ""
    service = Service(key, scheduler, flags, _persistence(draft, section), section.text("servicename"), note)
    service = replace(service, probe=probe_of(draft, service, section.values, section.spot))
    if not draft.add_service(section.spot, service, section.place):
        return
    for spot, text in section.reals:
        try:
            _add_servers(draft, spot, key, text)
        except FieldError as error:
            draft.wrong(spot, error)


def _key(draft: Draft, section: _Section) -> ServiceKey:
    text, word = section.target, section.text("protocol")
    if text.isascii() and text.isdigit():
        if word not in ("", "fwm"):
            raise FieldError("protocol", f"must be fwm where the service is a firewall mark, not {quote(word)}")
        return MarkKey(fields.mark(text, "virtual"), section.family)
    host, colon, port = text.rpartition(":")
    if not colon or not port:
        raise FieldError("virtual", f"{quote(text)} is no ADDRESS:PORT and no firewall mark")
    bracketed = host.startswith("[") and host.endswith("]")
    if bracketed != (section.family is Family.IPV6):
        remedy = "write virtual=" if section.family is Family.IPV6 else "write virtual6="
        raise FieldError("virtual", f"{quote(text)} is of the other family; {remedy}")
    word = word or ("udp" if port in ("53", "domain") else "tcp")
    if word not in ("tcp", "udp"):
        raise FieldError("protocol", f"must be tcp or udp, not {quote(word)}")
    protocol = Protocol.TCP if word == "tcp" else Protocol.UDP
    address = draft.hosts.address(section.spot, "virtual", host.strip("[]"), section.family)
    number = draft.hosts.port("virtual", port, protocol)
    if not number and "persistent" not in section.values:
        raise FieldError("virtual", "ipvsadm takes no service without a port that is not persistent; add persistent=")
    return AddressKey(protocol, address, number)


def _persistence(draft: Draft, section: _Section) -> Persistence | None:
    if "persistent" not in section.values:
        if "netmask" in section.values:
            draft.lose(section.where("netmask"), "netmask", "left out: without persistent it means nothing")
        return None
    try:
        seconds = fields.number("seconds", section.text("persistent"))
    except FieldError as error:
        raise FieldError("persistent", error.sentence) from None
    text = section.text("netmask")
    if not text:
        return Persistence(seconds, section.family.full_mask)
    try:
        mask = fields.number("prefix", text) if section.family is Family.IPV6 else fields.netmask(text)
    except FieldError as error:
        raise FieldError("netmask", error.sentence) from None
    return Persistence(seconds, mask)


def _add_servers(draft: Draft, spot: Spot, key: ServiceKey, text: str) -> None:
    """Add the server of a line, or all of a range; raises `FieldError`."""
    found = _REAL.fullmatch(text)
    if found is None:
        wanted = 'ADDRESS[->ADDRESS][:PORT] gate|masq|ipip [WEIGHT] ["REQUEST", "RECEIVE"] [l:N] [u:N]'
        raise FieldError("real", f"must be {wanted}, not {quote(text)}")
    first, last, port, method, weight, request, receive, lower, upper = found.groups()
    if request is not None or receive is not None:
        draft.lose(spot, f'"{request}", "{receive}"', "left out: all servers of a service have one probe")
    begin = draft.hosts.address(spot, "real", first.strip("[]"), key.family)
    end = draft.hosts.address(spot, "real", last.strip("[]"), key.family) if last else begin
    addresses = range(int(begin), int(end) + 1)
    if last and not isinstance(begin, IPv4Address):
        raise FieldError("real", "ldirectord takes no ranges of IPv6; write a line for each server")
    if not addresses:
        raise FieldError("real", f"the range {quote(text)} runs backwards")
    if len(addresses) > RANGE_MAX:
        raise FieldError("real", f"the range {quote(text)} has more than {RANGE_MAX:,} addresses; write parts of it")
    number = draft.hosts.port("real", port, None) if port else 0
    weights, uppers, lowers = (
        fields.number("real", said or "0", (0, INT_MAX)) for said in (weight or "1", upper, lower)
    )
    for value in addresses:
        address = IPv4Address(value) if last else begin
        server = RealServer(Endpoint(address, number), LDIRECTORD_METHODS[method], weights, uppers, lowers)
        draft.add_server(spot, key, server, Place(spot, spot.line))
