"""lvs.cf, the configuration of Piranha, by the rules of its own parser."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from lvstui.core import fields, probe_fields
from lvstui.core.fields import FieldError, quote
from lvstui.core.model import (
    FULL_MASK_V4,
    INT_MAX,
    AddressKey,
    Endpoint,
    Family,
    Forwarding,
    MarkKey,
    Persistence,
    Probe,
    ProbeType,
    Protocol,
    RealServer,
    Service,
    ServiceKey,
    Statuses,
    SyncDaemon,
    SyncRole,
    Timeouts,
)
from lvstui.formats.foreign.draft import Draft, Spot, Valued, is_text
from lvstui.formats.foreign.words import PIRANHA_METHODS, PIRANHA_SCHEDULERS, server_name, service_name

_FAILOVER: Final = "left out: which of two directors works is no part of a profile"
_CHECKING: Final = "left out: lvstui asks servers when it is told to, and takes none out by itself"

_GLOBAL: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        (
            *("primary", "primary_private", "primary_shared", "backup", "backup_private", "backup_shared"),
            *("backup_active", "heartbeat", "heartbeat_port", "keepalive", "deadtime", "hard_shutdown"),
            "reservation_conflict_action",
        ),
        _FAILOVER,
    ),
    **dict.fromkeys(("debug_level", "rsh_command"), "left out: it is about Piranha itself"),
    **dict.fromkeys(("client_monitor", "monitor_links", "serial_no"), _CHECKING),
    **dict.fromkeys(
        ("nat_router", "nat_nmask"), "left out: addresses of the director's interfaces are no part of a profile"
    ),
    "sync": _CHECKING,
}
_DAEMON: Final = ("syncdaemon", "syncd_iface", "syncd_id")
_ROLE: Final = (
    "left out: Piranha starts the sync daemon as master on the active director and as backup on the other; "
    "write [[sync]] for this one"
)
_SERIAL: Final = "left out: it counts Piranha's own versions of the file"
_VIRTUAL: Final[Mapping[str, str]] = {
    "vip_nmask": "left out: the virtual address is put on an interface elsewhere",
    **dict.fromkeys(
        ("load_monitor", "reentry", "quiesce_server", "timeout", "use_regex", "start_cmd", "stop_cmd", "send_program"),
        _CHECKING,
    ),
    "sorry_server": "left out: lvstui puts no server in by itself when all are down",
}
_TIMEOUTS: Final = ("tcp_timeout", "tcpfin_timeout", "udp_timeout")
_KNOWN: Final[Mapping[str, frozenset[str]]] = {
    "": frozenset((*_GLOBAL, *_DAEMON, *_TIMEOUTS, "service", "network")),
    "virtual": frozenset(
        (
            *_VIRTUAL,
            "active",
            "address",
            "fwmark",
            "port",
            "persistent",
            "pmask",
            "send",
            "expect",
            "scheduler",
            "protocol",
        )
    ),
    "server": frozenset(("address", "active", "port", "weight")),
}
_USUAL_PORT: Final = "80"
_BLOCK: Final = re.compile(r'\s*(virtual|server|failover)\s+(?:"([^"]*)"|([^\s{"]+))\s*\{\s*')
_PAIR: Final = re.compile(r"\s*([A-Za-z_]\w*)\s*=(.*)")
_GET: Final = re.compile(r"GET (/[^ ]*) HTTP/1\.[01](?:\\r|\\n|\r|\n)*")
_HTTP_ANSWERS: Final = ("HTTP", "HTTP/1.", "HTTP/1.1", "HTTP/1.0", "")


@dataclass(slots=True)
class _Block(Valued):
    """The whole file, a `virtual` or a `server` in it."""

    kind: str
    name: str
    inner: list[_Block] = field(default_factory=list)


def read_lvs_cf(draft: Draft, text: str, file: str) -> None:
    """Read an lvs.cf; `file` names it in mistakes. Raises `TooMuch`."""
    whole = _blocks(draft, text, file)
    forwarding = _globals(draft, whole)
    for block in whole.inner:
        try:
            if block.kind == "virtual":
                _virtual(draft, block, forwarding)
            else:
                draft.lose(block.spot, f"{block.kind} {block.name}", _FAILOVER)
        except FieldError as error:
            draft.mistake(block.where(error.field), error.field, error.sentence)


def _blocks(draft: Draft, text: str, file: str) -> _Block:
    """Read the lines into blocks; what is no line of such a file is a mistake."""
    open_blocks = [whole := _Block(Spot(file, 1), "", "")]
    comments: list[Spot] = []
    for number, row in enumerate(text.split("\n"), 1):
        spot = Spot(file, number)
        line, sign = _without_comment(row)
        if sign:
            comments.append(spot)
        if not line.strip() or not is_text(draft, spot, line):
            continue
        if block := _BLOCK.fullmatch(line):
            opened = _Block(spot, block[1], block[2] or block[3] or "")
            open_blocks[-1].inner.append(opened)
            if len(open_blocks) > 2 or (opened.kind == "server") != (len(open_blocks) == 2):
                draft.mistake(spot, opened.kind, f"cannot begin here, in {open_blocks[-1].kind or 'the file itself'}")
            open_blocks.append(opened)
        elif line.strip() == "}" and len(open_blocks) > 1:
            open_blocks.pop()
        elif pair := _PAIR.fullmatch(line):
            _take(draft, open_blocks[-1], spot, pair[1], pair[2].strip())
        else:
            draft.mistake(spot, "line", f"{quote(line.strip())} is no KEY = VALUE, no block and no end of one")
    if len(open_blocks) > 1:
        last = open_blocks[-1]
        draft.mistake(last.spot, last.kind, "is not closed; write } behind its last line")
    draft.lose_comments(comments)
    return whole


def _without_comment(row: str) -> tuple[str, bool]:
    """Return a row without what stands behind a `#` outside of quotes, and whether there was one."""
    quoted = False
    for place, character in enumerate(row):
        if character == '"' and (place == 0 or row[place - 1] != "\\"):
            quoted = not quoted
        elif character == "#" and not quoted:
            return row[:place], True
    return row, False


def _take(draft: Draft, block: _Block, spot: Spot, key: str, text: str) -> None:
    """Put a value into its block."""
    known = _KNOWN.get(block.kind)
    if known is not None and key not in known:
        hint = draft.hint(key, known)
        if hint:
            draft.mistake(spot, key, f"is not known in {block.kind or 'the file itself'}; {hint}")
        else:
            draft.lose(spot, f"{key} = {text}", "left out: it is not known what it does")
        return
    if key in block.values:
        draft.lose(block.values[key][0], f"{key} = {block.values[key][1]}", f"left out: line {spot.line} says it again")
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1]
    block.values[key] = (spot, text)


def _globals(draft: Draft, whole: _Block) -> Forwarding:
    """Read what counts for all services; return the method of all servers."""
    for key, (spot, text) in whole.values.items():
        if key in _GLOBAL:
            draft.lose(spot, f"{key} = {text}", _SERIAL if key == "serial_no" else _GLOBAL[key])
    kind = whole.text("service", "lvs")
    if kind != "lvs":
        draft.mistake(
            whole.where("service"), "service", f"must be lvs, not {quote(kind)}: the file has no virtual services"
        )
    _set_timeouts(draft, whole)
    _set_daemon(draft, whole)
    method = PIRANHA_METHODS.get(whole.text("network"))
    if method is None:
        given = f"must be nat, direct or tunnel, not {quote(whole.text('network'))}"
        sentence = given if "network" in whole.values else "is missing; write network = nat, direct or tunnel"
        draft.mistake(whole.where("network"), "network", sentence)
    return method or Forwarding.MASQ


def _set_timeouts(draft: Draft, whole: _Block) -> None:
    given = [key for key in _TIMEOUTS if key in whole.values]
    try:
        seconds = [fields.number(key, whole.text(key), (0, INT_MAX)) for key in given]
    except FieldError as error:
        draft.mistake(whole.where(error.field), error.field, error.sentence)
        return
    if len(seconds) == len(_TIMEOUTS) and all(seconds):
        draft.timeouts = Timeouts(*seconds)
        return
    for key in given:
        draft.lose(
            whole.where(key), f"{key} = {whole.text(key)}", "left out: a profile holds all three, none of them 0"
        )


def _set_daemon(draft: Draft, whole: _Block) -> None:
    """Set the sync daemon of a director that has no partner, which is the active one."""
    given = [key for key in _DAEMON if key in whole.values]
    wanted = whole.text("syncdaemon", "0") != "0"
    if not wanted or whole.text("backup_active", "0") != "0":
        became = _ROLE if wanted else "left out: without syncdaemon = 1 it means nothing"
        for key in given:
            draft.lose(whole.where(key), f"{key} = {whole.text(key)}", became)
        return
    try:
        interface = fields.interface(whole.text("syncd_iface", "eth0"))
        number = fields.number("syncd_id", whole.text("syncd_id", "0"), (0, 255))
    except FieldError as error:
        where = "syncd_id" if error.field == "syncd_id" else "syncd_iface"
        draft.mistake(whole.where(where), where, error.sentence)
        return
    draft.add_daemon(whole.where("syncdaemon"), SyncDaemon(SyncRole.MASTER, interface, number))


def _virtual(draft: Draft, block: _Block, forwarding: Forwarding) -> None:
    """Add a service with its servers; raises `FieldError`."""
    if not _is_active(block):
        draft.lose(block.where("active"), f"virtual {block.name}", "left out with its servers: it is not active")
        return
    key = _key(draft, block)
    scheduler = fields.scheduler(block.text("scheduler", "wlc"))
    if scheduler not in PIRANHA_SCHEDULERS:
        known = ", ".join(sorted(PIRANHA_SCHEDULERS))
        raise FieldError("scheduler", f"must be one of {known}, which Piranha knows, not {quote(scheduler)}")
    name = "" if block.name == service_name(key) else block.name
    service = Service(key, scheduler, persistence=_persistence(draft, block), name=name, probe=_probe(draft, block))
    for other in _VIRTUAL:
        if other in block.values:
            draft.lose(block.where(other), f"{other} = {block.text(other)}", _VIRTUAL[other])
    if not draft.add_service(block.spot, service):
        return
    for inner in block.inner:
        try:
            _server(draft, inner, key, _own_port(block), forwarding)
        except FieldError as error:
            draft.mistake(inner.where(error.field), error.field, error.sentence)


def _is_active(block: _Block) -> bool:
    """Return whether a block counts; raises `FieldError` where it does not say so."""
    text = block.text("active")
    if text not in ("0", "1"):
        said = f"must be 0 or 1, not {quote(text)}" if text else "is missing; write active = 1, or 0 to leave it out"
        raise FieldError("active", said)
    return text == "1"


def _key(draft: Draft, block: _Block) -> ServiceKey:
    host, _, device = block.text("address").partition(" ")
    if device:
        draft.lose(
            block.where("address"), f"device {device.strip()}", "left out: the address is put on an interface elsewhere"
        )
    if mark := block.text("fwmark"):
        if "address" in block.values:
            draft.lose(block.where("address"), f"address {host}", "left out: the service is that of the firewall mark")
        return MarkKey(fields.mark(mark, "fwmark"), Family.IPV4)
    if not host:
        raise FieldError("address", "is missing; write address = 192.0.2.10 eth0:1")
    word = block.text("protocol", "tcp").lower()
    if word not in ("tcp", "udp"):
        raise FieldError("protocol", f"must be tcp or udp, not {quote(word)}")
    protocol = Protocol.TCP if word == "tcp" else Protocol.UDP
    address = draft.hosts.address(block.where("address"), "address", host, Family.IPV4)
    return AddressKey(protocol, address, _own_port(block))


def _own_port(block: _Block) -> int:
    """Return the port of a service, which its servers have too where they say none; raises `FieldError`."""
    return fields.number("port", block.text("port", _USUAL_PORT), (1, 65535))


def _persistence(draft: Draft, block: _Block) -> Persistence | None:
    if "persistent" not in block.values or block.text("persistent") == "0":
        if "pmask" in block.values:
            draft.lose(
                block.where("pmask"), f"pmask = {block.text('pmask')}", "left out: without persistent it means nothing"
            )
        return None
    try:
        seconds = fields.number("seconds", block.text("persistent"))
        mask = fields.netmask(block.text("pmask", str(FULL_MASK_V4)))
    except FieldError as error:
        raise FieldError("persistent" if error.field == "seconds" else "pmask", error.sentence) from None
    return Persistence(seconds, mask if int(mask) else FULL_MASK_V4)  # Piranha takes 0.0.0.0 for none


def _probe(draft: Draft, block: _Block) -> Probe | None:
    """Return the probe that asks what Piranha's nanny asks, None where that is not possible."""
    if "send_program" in block.values or block.text("protocol", "tcp").lower() != "tcp":
        for key in ("send", "expect"):
            if block.text(key):
                draft.lose(block.where(key), f"{key} = {block.text(key)}", _CHECKING)
        return None
    port = _own_port(block) if block.text("fwmark") else 0
    send, expect = block.text("send"), block.text("expect")
    page = _GET.fullmatch(send)
    is_path = page and page[1] == page[1].strip() and fields.misread(probe_fields.path, page[1]) is None
    if page and is_path and expect in _HTTP_ANSWERS:
        return Probe(ProbeType.HTTP, port, page[1], (Statuses(100, 599),))
    for key, text in (("send", send), ("expect", expect)):
        if text:
            draft.lose(block.where(key), f"{key} = {text}", "left out: the probe only opens a connection")
    return Probe(ProbeType.TCP, port)


def _server(draft: Draft, block: _Block, key: ServiceKey, own: int, forwarding: Forwarding) -> None:
    """Add a server to its service; raises `FieldError`."""
    if not _is_active(block):
        draft.lose(block.where("active"), f"server {block.name}", "left out: it is not active")
        return
    if "address" not in block.values:
        raise FieldError("address", "is missing; write address = 10.0.0.11")
    address = draft.hosts.address(block.where("address"), "address", block.text("address"), Family.IPV4)
    port = fields.number("port", block.text("port", str(own)), (0, 65535))
    if isinstance(key, MarkKey) and forwarding is not Forwarding.MASQ:
        if "port" in block.values and port:
            draft.lose(block.where("port"), f"port = {port}", "written as 0: the service is that of a firewall mark")
        port = 0
    weight = fields.number("weight", block.text("weight", "1"), (0, INT_MAX))
    endpoint = Endpoint(address, port)
    name = "" if block.name == server_name(endpoint) else block.name
    draft.add_server(block.spot, key, RealServer(endpoint, forwarding, weight, name=name))
