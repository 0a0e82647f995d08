"""The checkers of keepalived's real servers as the probe that asks the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from lvstui.core import fields, probe_fields
from lvstui.core.fields import FieldError, quote
from lvstui.core.model import DnsRecord, Probe, ProbeType, Statuses
from lvstui.formats.foreign.draft import CERTIFICATE, Draft
from lvstui.formats.foreign.keepalived_tree import Block, lose_surplus, refuse_block, require_block
from lvstui.formats.foreign.words import KEEPALIVED_CHECKS

CHECKERS: Final = frozenset((*KEEPALIVED_CHECKS, "MISC_CHECK", "BFD_CHECK", "PING_CHECK", "FILE_CHECK"))

_NO_PROBE: Final = "left out: no probe asks that"
_USUAL_TIMEOUT: Final = "5"
_LONGEST: Final = 30.0
_BARE: Final = frozenset(("url", "host", "require_reply", "enable_sni"))
_LISTS: Final = frozenset(("status_code", "payload"))
_ASKING: Final = frozenset(
    (*("connect_port", "connect_timeout", "virtualhost", "path", "name", "type", "connect_ip"), *_BARE, *_LISTS)
)


class Inherited(NamedTuple):
    """What a checker takes from its server or virtual server; empty where these do not say it."""

    virtualhost: str
    connect_timeout: str


def check_of(draft: Draft, checks: Sequence[Block], inherited: Inherited, address: str) -> Probe | None:
    """Return the probe for the first checker of a server that one can be for; note what is lost, and mistakes."""
    found: Probe | None = None
    for block in checks:
        require_block(draft, block)
        kind = KEEPALIVED_CHECKS.get(block.words[0])
        if kind is None:
            draft.lose(block.spot, block.text, _NO_PROBE)
        elif found is not None:
            draft.lose(block.spot, block.text, "left out: a service has one probe, and another check stands above")
        else:
            try:
                found = _Check(draft, block, inherited, address).probe(kind)
            except FieldError as error:
                draft.wrong(block.spot, error)
    return found


class _Check:
    """One checker, whose statements are looked up by their first word."""

    def __init__(self, draft: Draft, block: Block, inherited: Inherited, address: str) -> None:
        self._draft = draft
        self._block = block
        self._inherited = inherited
        self._address = address
        self._values: dict[str, Block] = {}
        lose_surplus(draft, block, 0)
        self._take(block.inner)

    def _take(self, blocks: Sequence[Block]) -> None:
        """Take the statements of a checker and of its first url or host; note the others."""
        for one in blocks:
            key = one.words[0]
            if key in self._values or key not in _ASKING:
                self._draft.lose(one.spot, one.text, "left out: the probe asks without it")
                continue
            self._values[key] = one
            if key not in _LISTS:
                lose_surplus(self._draft, one, 0 if key in _BARE else 1)
            if key in ("url", "host"):
                self._take(one.inner)
            else:
                refuse_block(self._draft, one)

    def _text(self, key: str, usual: str = "") -> str:
        if key not in self._values:
            return usual
        if len(self._values[key].words) < 2:
            raise FieldError(key, "needs a value behind it")
        return self._values[key].words[1]

    def probe(self, kind: ProbeType) -> Probe | None:
        """Return the probe, None where it asks another address than the server's; raises `FieldError`."""
        if self._text("connect_ip", self._address) != self._address:
            self._draft.lose(self._block.spot, self._block.text, "left out: it asks another address than the server's")
            return None
        port = fields.number("connect_port", self._text("connect_port", "0"), (0, 65535))
        probe = Probe(kind, port=port, timeout=self._timeout())
        match kind:
            case ProbeType.HTTP | ProbeType.HTTPS:
                return self._page(probe)
            case ProbeType.DNS:
                record = self._text("type", "SOA").upper()
                if record not in DnsRecord.__members__:
                    self._draft.lose(
                        self._block.spot, f"type {record}", "left out with its check: no probe asks for it"
                    )
                    return None
                name = self._text("name", ".")
                if not self._fits("name", fields.misread(probe_fields.name, name)):
                    return None
                return replace(probe, name=probe_fields.name(name), record=DnsRecord[record])
            case ProbeType.UDP:
                return self._datagram(probe)
            case _:
                return probe

    def _timeout(self) -> float:
        text = self._text("connect_timeout", self._inherited.connect_timeout or _USUAL_TIMEOUT)
        try:
            seconds = (
                float(text) if len(text) < 12 and text.replace(".", "", 1).isdecimal() and text.isascii() else -1.0
            )
        except ValueError:
            seconds = -1.0
        if seconds <= 0:
            raise FieldError("connect_timeout", f"must be seconds, not {quote(text)}")
        fitting = round(min(max(seconds, 0.1), _LONGEST), 3)
        if fitting != seconds:
            self._draft.lose(
                self._block.spot, f"connect_timeout {text}", f"written as {fitting:g}: the limit of a probe"
            )
        return fitting

    def _page(self, probe: Probe) -> Probe | None:
        path = self._text("path", "/")
        codes = self._values["status_code"].words[1:] if "status_code" in self._values else ("200-299",)
        if wrong := fields.misread(probe_fields.statuses, ",".join(codes)):
            raise FieldError("status_code", wrong.sentence)
        status: tuple[Statuses, ...] = probe_fields.statuses(",".join(codes))
        name = self._text("virtualhost", self._inherited.virtualhost)
        if not self._fits("path", fields.misread(probe_fields.path, path)):
            return None
        if not self._fits("virtualhost", fields.misread(probe_fields.name, name)):
            return None
        if name and probe.type is ProbeType.HTTPS:
            self._draft.lose(self._block.spot, f"virtualhost {name}", CERTIFICATE)
        return replace(probe, path=path, status=status, name=probe_fields.name(name))

    def _datagram(self, probe: Probe) -> Probe | None:
        if "require_reply" not in self._values:
            became = "left out: without require_reply it takes silence for good, and a probe does not"
            self._draft.lose(self._block.spot, self._block.text, became)
            return None
        payload = "".join(self._values["payload"].words[1:]) if "payload" in self._values else ""
        send = f"hex:{payload}" if payload else ""
        if wrong := fields.misread(probe_fields.payload, send):
            raise FieldError("payload", wrong.sentence)
        return replace(probe, send=send)

    def _fits(self, key: str, wrong: FieldError | None) -> bool:
        """Return whether a probe can have a value, which keepalived takes as it is; note it where it cannot."""
        if wrong is not None:
            where = self._values[key].spot if key in self._values else self._block.spot
            self._draft.lose(where, f"{key} of a check", f"left out with the check: in a probe it {wrong.sentence}")
        return wrong is None
