"""ldirectord.cf: its sections by their indentation, its defaults, and its checks as probes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from lvstui.core import fields
from lvstui.core.fields import FieldError, quote
from lvstui.core.model import (
    AddressKey,
    Family,
    MarkKey,
    Persistence,
    Protocol,
    RealServer,
    ServerKey,
    Service,
    ServiceFlags,
    ServiceKey,
)
from lvstui.formats.foreign.draft import Draft, Place, Spot, Valued, is_text
from lvstui.formats.foreign.ldirectord_checks import CHECK_KEYS, asked_of, probe_of
from lvstui.formats.foreign.ldirectord_real import Real, reals_of

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
"""What has to stand in quotes."""

_IN_QUOTES: Final = re.compile(r'"(.*)"')
_WORD: Final = re.compile(r"\w+", re.ASCII)
_DIGITS: Final = re.compile(r"[0-9]+")
_PARTS: Final[Mapping[str, Sequence[re.Pattern[str]]]] = {
    "scheduler": (re.compile(r"[a-z]+"),),
    "schedflags": (re.compile(r"\S+"),),
    "checktype": (_DIGITS, re.compile(r"[\w-]+", re.ASCII)),
    "virtualhost": (re.compile(r'(?<=")[^"]*|[^"]+'),),
    **dict.fromkeys(("protocol", "service"), (_WORD,)),
    **dict.fromkeys(("persistent", "checkport", "checktimeout", "negotiatetimeout"), (_DIGITS,)),
}
"""What ldirectord takes of a value, the first of these that is in it: quotes, units and what follows are skipped."""

_VIRTUAL: Final = re.compile(r"virtual(6?)\s*=(.*)")
_PAIR: Final = re.compile(r"([A-Za-z][A-Za-z0-9]*)\s*=(.*)")
_INNER: Final = re.compile(r" {4,}(.+)")
_TARGET: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z._+-]+):([0-9A-Za-z_-]+)(.*)|([0-9]+)(\s.*)?")


_Limits = dict[tuple[object, ...], Real]
"""The first server of those that ldirectord takes for the same."""


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
    limits: _Limits = {}
    for section in _sections(draft, text, file, usual):
        for key in _TIMES:
            if key in usual and not any(own in section.values for own in _TIMES):
                section.values[key] = usual[key]
        try:
            _add(draft, section, limits)
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
        if not is_text(draft, spot, line):
            continue
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
        section.values[key] = (spot, _part(draft, spot, key, text))


def _part(draft: Draft, spot: Spot, key: str, text: str) -> str:
    """Return what ldirectord takes of a value; note the rest."""
    if key in _QUOTED or key == "checkcommand":
        quoted = _IN_QUOTES.match(text)
        return quoted[1] if quoted else text
    found = next(filter(None, (sign.search(text) for sign in _PARTS.get(key, ()))), None)
    if found is None:  # all of it, or none, which is refused where it is read
        return text
    if found[0] not in (text, text.removeprefix('"').removesuffix('"')):
        draft.lose(spot, f"{key}={text}", f"written as {found[0]}: ldirectord takes only that of it")
    return found[0]


def _take_global(draft: Draft, spot: Spot, line: str, usual: dict[str, tuple[Spot, str]]) -> None:
    """Read a line outside of the sections."""
    pair = _PAIR.fullmatch(line)
    key, text = (pair[1], pair[2].strip()) if pair else (line.partition("=")[0].strip(), "")
    if pair and key in _TIMES:
        usual[key] = (spot, _part(draft, spot, key, text))
    elif key in _GLOBAL and (pair or key == "supervised"):
        draft.lose(spot, line, _GLOBAL[key])
    elif line.startswith(" "):
        draft.mistake(spot, key, "belongs to no virtual service: its section has ended, or needs four blanks or a tab")
    else:
        hint = draft.hint(key, ("virtual", *_GLOBAL, *_TIMES))
        draft.mistake(spot, key, f"is not known to ldirectord{'; ' + hint if hint else ''}")


def _add(draft: Draft, section: _Section, limits: _Limits) -> None:
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
            for real in reals_of(draft, spot, key, text):
                _add_server(draft, section, key, real, limits)
        except FieldError as error:
            draft.wrong(spot, error)


def _key(draft: Draft, section: _Section) -> ServiceKey:
    text, word = section.target, section.text("protocol")
    found = _TARGET.fullmatch(text)
    if found is None:
        raise FieldError("virtual", f"{quote(text)} is no ADDRESS:PORT and no firewall mark")
    host, port, rest, number, more = found.groups()
    if skipped := (rest or more or "").strip():
        draft.lose(section.spot, skipped, "left out: ldirectord skips what stands behind the service")
    if number:
        if word not in ("", "fwm"):
            raise FieldError("protocol", f"must be fwm where the service is a firewall mark, not {quote(word)}")
        return MarkKey(fields.mark(number, "virtual"), section.family)
    if host.startswith("[") and section.family is Family.IPV4:
        raise FieldError("virtual", f"{quote(text)} is of the other family; write virtual6=")
    word = word or ("udp" if port in ("53", "domain") else "tcp")
    if word not in ("tcp", "udp"):
        raise FieldError("protocol", f"must be tcp or udp, not {quote(word)}")
    protocol = Protocol.TCP if word == "tcp" else Protocol.UDP
    address = draft.hosts.address(section.spot, "virtual", host.strip("[]"), section.family)
    service_port = draft.hosts.port("virtual", port, protocol)
    if not service_port and "persistent" not in section.values:
        raise FieldError("virtual", "ipvsadm takes no service without a port that is not persistent; add persistent=")
    return AddressKey(protocol, address, service_port)


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


def _add_server(draft: Draft, section: _Section, key: ServiceKey, real: Real, known: _Limits) -> None:
    """Add a server to a service, with the thresholds and in the place that ldirectord gives it."""
    spot, limits = real.spot, real.limits
    identity = real.identity(_check_of(section, key), section.text("request", "/"), section.text("receive"))
    first = known.setdefault(identity, real)
    if first.limits != limits:
        became = f"written as those in line {first.spot.line}: ldirectord takes it for the same server"
        draft.lose(spot, f"thresholds of {fields.server_text(real.endpoint)}", became)
        limits = first.limits
    server = RealServer(real.endpoint, real.forwarding, real.weight, limits.upper, limits.lower)
    placed = draft.with_port(spot, key, server)
    servers = draft.servers_of(key)
    earlier = draft.spot_of(ServerKey(key, placed.endpoint))
    if servers is not None and earlier and placed.endpoint in servers:
        if placed.endpoint != real.endpoint:  # it would be added once more, which the kernel refuses
            draft.lose(spot, fields.server_text(placed.endpoint), f"left out: line {earlier.line} has it already")
            return
        draft.lose(earlier, fields.server_text(placed.endpoint), f"left out: line {spot.line} says it again")
        del servers[placed.endpoint]
    draft.add_server(spot, key, placed, Place(spot, spot.line))


def _check_of(section: _Section, key: ServiceKey) -> tuple[str, ...]:
    """Return what of a section is part of how ldirectord tells servers apart; raises `FieldError`."""
    kind = section.text("checktype", "negotiate")
    if kind.isdigit() or kind == "negotiate":
        kind = f"{'negotiate' if kind == 'negotiate' else 'combined'} {asked_of(key, section.values)}"
    elif kind.startswith("external"):
        kind = f"{kind} {section.text('checkcommand')}"
    protocol = fields.protocol_text(key.protocol) if isinstance(key, AddressKey) else "fwm"
    return (kind, protocol, section.text("virtualhost"), section.text("checkport"))
