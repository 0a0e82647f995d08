"""The lines of keepalived's and ldirectord's files that would have to change, for an edit to be what the file says."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv6Address
from itertools import chain
from typing import Final

from lvstui.core import fields
from lvstui.core.change import Change
from lvstui.core.fields import visible
from lvstui.core.mistake import file_text
from lvstui.core.model import (
    Persistence,
    RealServer,
    ServerKey,
    Service,
    ServiceKey,
)
from lvstui.formats.foreign.draft import Imported, Place, Spot
from lvstui.formats.foreign.recognise import Form
from lvstui.formats.foreign.words import LDIRECTORD_METHODS
from lvstui.formats.foreign.write_keepalived import method_text, server_lines
from lvstui.formats.foreign.write_ldirectord import real_text

_GATES: Final = {method: word for word, method in LDIRECTORD_METHODS.items()}
_OPS: Final = "ops"
_REAL: Final = re.compile(r"(\s*real6?\s*=\s*\S+\s+)(gate|masq|ipip)(\s+\d+)?(.*)")
_THRESHOLDS: Final = re.compile(r"\s+<?[lu]:\d+>?")


def lines_to_change(
    form: Form, found: Imported, texts: Mapping[str, Sequence[str]], changes: Sequence[Change]
) -> list[str]:
    """Return `FILE:LINE: old -> new` for each line, indented ones for lines that are new.

    `texts` are the lines of the files that were read.
    """
    said = _Keepalived(found, texts) if form is Form.KEEPALIVED else _Ldirectord(found, texts)
    deleted = {change.target for change in changes if change.after is None}
    lines: dict[tuple[str, ...], None] = {}
    for change in changes:
        match change:
            case Change(ServerKey(key), _, None) if key in deleted:
                continue  # they go with their service
            case Change(ServerKey(key) as target, before, after):
                if not isinstance(before, RealServer | None) or not isinstance(after, RealServer | None):
                    continue
                place = said.place(key if before is None else target)
                found_lines = said.of_server(place, key, before, after) if place else said.unknown(key)
            case Change(_, Service(key=key) as service, Service() | None as wanted):
                place = said.place(key)
                found_lines = said.of_service(place, service, wanted) if place else said.unknown(key)
            case _:
                continue
        lines[tuple(found_lines)] = None
    return list(chain.from_iterable(lines))


@dataclass(slots=True)
class _File:
    """What was read of a program's files."""

    found: Imported
    texts: Mapping[str, Sequence[str]]

    def place(self, key: ServiceKey | ServerKey) -> Place | None:
        """Return where a service or server stands; None where the file does not have it."""
        return self.found.places.get(key)

    def raw(self, spot: Spot) -> str:
        """Return a line as it stands in its file."""
        return self.texts[spot.file][spot.line - 1]

    def unknown(self, key: ServiceKey) -> Iterator[str]:
        """Yield that nothing is known of the lines of a service."""
        file = file_text(next(iter(self.texts), ""))
        yield f"{file}: which of its lines say this of {fields.service_text(key)} is not known here"

    def taken_out(self, place: Place) -> str:
        """Return what takes the lines of a place out."""
        spot, last = place.first, place.last
        lines = f"{spot.line}-{last}" if last > spot.line else str(spot.line)
        return f"{file_text(spot.file)}:{lines}: take out: {_short(self.raw(spot))}{self.shared(place)}"

    def changed(self, spot: Spot, new: str) -> str:
        """Return what puts another line in the place of one, where that is another one."""
        if _short(new) == _short(self.raw(spot)):
            return f"{_at(spot)}says so already: {_short(new)}"
        return f"{_at(spot)}{_short(self.raw(spot))} -> {_short(new)}"

    def shared(self, place: Place) -> str:
        """Return how many services or servers lines stand for, where that is more than one."""
        number = Counter(one.first for one in self.found.places.values())[place.first]
        return f" (stands for {number})" if number > 1 else ""


def _at(spot: Spot) -> str:
    return f"{file_text(spot.file)}:{spot.line}: "


def _short(line: str) -> str:
    return visible(" ".join(line.split()))


class _Keepalived(_File):
    """The statements of keepalived.conf."""

    def of_server(
        self, place: Place, key: ServiceKey, before: RealServer | None, after: RealServer | None
    ) -> Iterator[str]:
        """Yield the lines of a server."""
        if after is None:
            yield self.taken_out(place)
        elif before is None:
            spot = Spot(place.first.file, place.last)
            pool = self.found.director.pools.get(key)
            yield f"{_at(spot)}above it{self.shared(place)}:"
            probe = pool.service.probe if pool else None
            yield from (f"    {visible(line)}" for line in server_lines(probe, after, same_method=False))
        else:
            for word in ("weight", "uthreshold", "lthreshold", "lvs_method"):
                old, new = (_statement(word, server) for server in (before, after))
                if old != new:
                    yield from self._said(place, word, new)

    def of_service(self, place: Place, before: Service, after: Service | None) -> Iterator[str]:
        """Yield the lines of a service."""
        if after is None:
            yield self.taken_out(place)
            return
        if before.scheduler != after.scheduler:
            yield from self._said(place, "lvs_sched", f"lvs_sched {after.scheduler}")
        old, new = _persistent(before.persistence), _persistent(after.persistence)
        for word in ("persistence_timeout", "persistence_granularity", "persistence_engine"):
            if old.get(word) != new.get(word):
                yield from self._said(place, word, f"{word} {new[word]}" if word in new else "")
        old_flags, new_flags = (set(_flags(one)) for one in (before, after))
        for word in sorted(old_flags ^ new_flags):
            yield from self._said(place, word, word if word in new_flags else "")

    def _said(self, place: Place, word: str, new: str) -> Iterator[str]:
        """Yield what makes a block say something in place of a statement, or besides all that it says."""
        spot = place.values.get(word)
        if spot is not None:
            yield self._restated(place, spot, word, new)
        elif new:
            yield f"{_at(place.first)}in the block of {_short(self.raw(place.first))}: {new}{self.shared(place)}"

    def _restated(self, place: Place, spot: Spot, word: str, new: str) -> str:
        older = {"lvs_sched": "lb_algo", "lvs_method": "lb_kind"}.get(word, word)
        raw = self.raw(spot)
        match = re.search(rf"(?<![\w-])({word}|{older})(?![\w-])[^{{}}!#]*", raw)
        if match is None:
            return f"{_at(spot)}{_short(raw)}: comes from a definition; have it say: {new or f'no {word}'}"
        if not new:
            return f"{_at(spot)}take out: {_short(match[0])}{self.shared(place)}"
        statement = new.replace(word, match[1], 1)
        whole = match[0][: len(match[0].rstrip())]
        return self.changed(spot, raw.replace(whole, statement, 1)) + self.shared(place)


def _statement(word: str, server: RealServer) -> str:
    """Return what a block says of a server."""
    match word:
        case "weight":
            return f"weight {server.weight}"
        case "uthreshold":
            return f"uthreshold {server.upper}"
        case "lthreshold":
            return f"lthreshold {server.lower}"
        case _:
            return f"lvs_method {method_text(server)}"


def _persistent(persistence: Persistence | None) -> Mapping[str, str]:
    if persistence is None:
        return {}
    said = {"persistence_timeout": str(persistence.timeout)}
    said |= {"persistence_granularity": str(persistence.mask)} if persistence.wide else {}
    return said | ({"persistence_engine": persistence.engine} if persistence.engine else {})


class _Ldirectord(_File):
    """The lines of ldirectord.cf."""

    def of_server(
        self, place: Place, _: ServiceKey, before: RealServer | None, after: RealServer | None
    ) -> Iterator[str]:
        """Yield the line of a server."""
        if before is None and after is not None:
            six = "6" if isinstance(after.endpoint.address, IPv6Address) else ""
            spot = place.values.get("real", place.first)
            yield f"{_at(spot)}below it:"
            yield f"    real{six}={real_text(after)}"
            return
        raw = self.raw(place.first)
        if "->" in raw:
            yield f"{_at(place.first)}{_short(raw)}: stands for several servers; write a line for each"
        elif after is None:
            yield self.taken_out(place)
        elif real := _REAL.fullmatch(raw):
            rest = _THRESHOLDS.sub("", real[4])
            new = f"{real[1]}{_GATES.get(after.forwarding, real[2])} {after.weight}{rest}{_limits(after)}"
            yield self.changed(place.first, new)

    def of_service(self, place: Place, before: Service, after: Service | None) -> Iterator[str]:
        """Yield the lines of a service."""
        if after is None:
            yield self.taken_out(place)
            return
        old, new = _section(before), _section(after)
        for key in ("scheduler", "persistent", "netmask", "schedflags", "ops"):
            if old.get(key) != new.get(key):
                spot = place.values.get(key)
                if spot is None:
                    if key in new:
                        yield f"{_at(place.first)}in the section of {_short(self.raw(place.first))}: {key}={new[key]}"
                elif key not in new:
                    yield f"{_at(spot)}take out: {_short(self.raw(spot))}"
                else:
                    yield self.changed(spot, f"{key}={new[key]}")


def _limits(server: RealServer) -> str:
    return f"{f' <l:{server.lower}>' if server.lower else ''}{f' <u:{server.upper}>' if server.upper else ''}"


def _section(service: Service) -> Mapping[str, str]:
    said = {"scheduler": service.scheduler}
    if service.persistence:
        said["persistent"] = str(service.persistence.timeout)
        said |= {"netmask": str(service.persistence.mask)} if service.persistence.wide else {}
    words = _flags(service)
    if flags := [word for word in words if word != _OPS]:
        said["schedflags"] = ",".join(flags)
    return said | ({_OPS: "yes"} if _OPS in words else {})


def _flags(service: Service) -> Sequence[str]:
    """Return the flags of a service as both programs call them."""
    words = fields.flag_words(service.flags, service.scheduler)
    return [_OPS if word == "one-packet" else word for word in words]
