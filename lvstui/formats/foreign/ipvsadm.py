"""Lines of ipvsadm-save, or command lines of ipvsadm, as `ipvsadm -R` reads them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address
from typing import Final

from lvstui.core import fields
from lvstui.core.fields import FieldError, quote
from lvstui.core.model import (
    INT_MAX,
    PERSISTENCE_MAX,
    SYNC_GROUP,
    SYNC_PORT,
    AddressKey,
    Endpoint,
    Family,
    Forwarding,
    MarkKey,
    Persistence,
    Protocol,
    RealServer,
    Service,
    ServiceFlags,
    ServiceKey,
    SyncDaemon,
    SyncRole,
    Timeouts,
    Tunnel,
    TunnelType,
)
from lvstui.formats.foreign.draft import Draft, Spot, is_text

_COMMANDS: Final[Mapping[str, str]] = {
    "-A": "add-service",
    "-E": "edit-service",
    "-D": "delete-service",
    "-C": "clear",
    "-R": "restore",
    "-S": "save",
    "-a": "add-server",
    "-e": "edit-server",
    "-d": "delete-server",
    "-L": "list",
    "-l": "list",
    "-Z": "zero",
    "-h": "help",
    "-v": "version",
}
_OPTIONS: Final[Mapping[str, str]] = {
    "-t": "tcp-service",
    "-u": "udp-service",
    "-f": "fwmark-service",
    "-6": "ipv6",
    "-s": "scheduler",
    "-p": "persistent",
    "-M": "netmask",
    "-r": "real-server",
    "-g": "gatewaying",
    "-i": "ipip",
    "-m": "masquerading",
    "-w": "weight",
    "-x": "u-threshold",
    "-y": "l-threshold",
    "-o": "ops",
    "-b": "sched-flags",
    "-n": "numeric",
}
_WITH_VALUE: Final = frozenset(
    (
        *("tcp-service", "udp-service", "sctp-service", "fwmark-service", "scheduler", "pe", "netmask", "real-server"),
        *("tun-type", "tun-port", "weight", "u-threshold", "l-threshold", "mcast-interface", "syncid", "sync-maxlen"),
        *("mcast-group", "mcast-port", "mcast-ttl", "sched-flags", "start-daemon", "stop-daemon"),
    )
)
_BARE: Final = frozenset(
    (
        *_COMMANDS.values(),
        *("ipv6", "gatewaying", "ipip", "masquerading", "ops", "numeric", "tun-nocsum", "tun-csum", "tun-remcsum"),
        *("set", "persistent", "exact", "stats", "rate", "timeout", "daemon", "connection", "thresholds"),
        *("persistent-conn", "tun-info", "sort", "nosort"),
    )
)
_DOING: Final = frozenset((*_COMMANDS.values(), "set", "start-daemon", "stop-daemon"))
_WHICH: Final = frozenset(("tcp-service", "udp-service", "sctp-service", "fwmark-service", "ipv6", "numeric"))
_OF_SERVICES: Final = _WHICH | {"scheduler", "persistent", "netmask", "pe", "sched-flags", "ops"}
_OF_SERVERS: Final = _WHICH | {
    *("real-server", "gatewaying", "ipip", "masquerading", "weight", "u-threshold", "l-threshold"),
    *("tun-type", "tun-port", "tun-nocsum", "tun-csum", "tun-remcsum"),
}
_OF_DAEMONS: Final = frozenset(
    ("mcast-interface", "syncid", "sync-maxlen", "mcast-group", "mcast-port", "mcast-ttl", "numeric")
)
_BESIDE: Final[Mapping[str, frozenset[str]]] = {
    "add-service": _OF_SERVICES,
    "edit-service": _OF_SERVICES,
    "delete-service": _WHICH,
    "add-server": _OF_SERVERS,
    "edit-server": _OF_SERVERS,
    "delete-server": _WHICH | {"real-server"},
    "start-daemon": _OF_DAEMONS,
    "stop-daemon": _OF_DAEMONS,
    "set": frozenset(("numeric",)),
    "clear": frozenset(("numeric",)),
}
"""Options that can stand beside what a line does, as ipvsadm itself takes them."""

_SHOWING: Final = frozenset(("list", "save", "restore", "help", "version", "zero"))
_PROTOCOLS: Final = {"tcp-service": Protocol.TCP, "udp-service": Protocol.UDP, "sctp-service": Protocol.SCTP}
_METHODS: Final = {
    "gatewaying": Forwarding.ROUTE,
    "ipip": Forwarding.TUNNEL,
    "masquerading": Forwarding.MASQ,
}
_CHECKSUMS: Final = {"tun-nocsum": 0, "tun-csum": 1, "tun-remcsum": 2}
_PROGRAM: Final = re.compile(r"(?:\S*/)?ipvsadm")
_WORDLESS: Final = ("sh", "mh")
"""Schedulers of whose flags ipvsadm 1.31 names the first two only when it saves."""
_USUAL_PERSISTENCE: Final = 360
"""Seconds of a `-p` without a number, whatever the manual says (seen of ipvsadm 1.31)."""

_LONGEST: Final = 10_000
"""Characters of a line with quotes, for which shlex takes a time that grows with their square."""

_SCRIPT: Final = "is a script, which only a shell can read; run it, and import what `ipvsadm-save -n` prints then"


@dataclass(slots=True)
class _Line:
    """A command line: what it does, the values of its options, and the words behind `--set`."""

    doing: str = ""
    options: dict[str, str] = field(default_factory=dict)
    numbers: list[str] = field(default_factory=list)


def read_ipvsadm(draft: Draft, text: str, file: str) -> None:
    """Read lines of ipvsadm-save; `file` names them in mistakes. Raises `TooMuch`."""
    comments: list[Spot] = []
    for number, row in enumerate(text.split("\n"), 1):
        spot = Spot(file, number)
        if number == 1 and row.startswith("#!") and not _PROGRAM.match(row[2:]):
            draft.mistake(spot, "file", _SCRIPT)
            return
        if "#" in row:
            comments.append(spot)
        if row.strip() and not row.strip().startswith("#") and is_text(draft, spot, row.partition("#")[0]):
            try:
                _carry_out(draft, spot, _parse(row))
            except FieldError as error:
                draft.wrong(spot, error)
    draft.lose_comments(comments)


def _parse(row: str) -> _Line:
    """Read the options of one command line; raises `FieldError`."""
    words = _words(row)
    if words and _PROGRAM.fullmatch(words[0]):
        del words[0]
    line = _Line()
    found = list(_options(words))
    for name, value in found:
        if name in _DOING:
            if line.doing:
                raise FieldError(f"--{name}", f"cannot stand beside --{line.doing}; write a line for each")
            line.doing = name
        if name == "":
            line.numbers.append(value)
        elif name in line.options:
            raise FieldError(f"--{name}", "is there twice in this line; take one out")
        else:
            line.options[name] = value
    if not line.doing:
        raise FieldError("line", f"{quote(row.strip())} is no command of ipvsadm, such as -A or -a")
    beside = _BESIDE.get(line.doing)
    for name in line.options:
        if beside is not None and name != line.doing and name not in beside:
            raise FieldError(f"--{name}", f"ipvsadm does not take it beside --{line.doing}; take it out")
    if line.numbers and line.doing != "set":
        raise FieldError("line", f"{quote(line.numbers[0])} belongs to no option")
    return line


def _words(row: str) -> list[str]:
    """Return the words of a line; raises `FieldError`."""
    if not any(sign in row for sign in "\"'\\#"):
        return row.split()
    if len(row) > _LONGEST:
        raise FieldError("line", f"has more than {_LONGEST:,} characters; write a line for each command")
    try:
        return shlex.split(row, comments=True)
    except ValueError:
        raise FieldError("line", 'a quote is not closed; write " at the end of the text') from None


def _options(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield each option with its value, and words that belong to none with an empty name; raises `FieldError`."""
    ahead = list(reversed(words))
    while ahead:
        word = ahead.pop()
        if not word.startswith("-") or word == "-":
            yield "", word
            continue
        if not word.startswith("--") and len(word) > 2:  # -Ln, or -w5
            first = _OPTIONS.get(word[:2]) or _COMMANDS.get(word[:2]) or ""
            takes_value = first in _WITH_VALUE or first == "persistent"
            ahead.append(word[2:].removeprefix("=") if takes_value else f"-{word[2:]}")
            word = word[:2]
        long, equals, value = word.partition("=")
        name = long[2:] if long.startswith("--") else _OPTIONS.get(long) or _COMMANDS.get(long) or ""
        if name in _WITH_VALUE:
            if not equals and not ahead:
                if name == "sched-flags":  # as ipvsadm saves it where it has no word for a flag
                    yield name, ""
                    return
                raise FieldError(long, "needs a value behind it")
            yield name, value if equals else ahead.pop()
        elif name == "persistent":
            given = bool(ahead) and not ahead[-1].startswith("-")
            yield name, value if equals else ahead.pop() if given else str(_USUAL_PERSISTENCE)
        elif name in _BARE:
            yield name, ""
        else:
            raise FieldError(long, "is no option of ipvsadm; correct it")


def _carry_out(draft: Draft, spot: Spot, line: _Line) -> None:
    """Do with a draft what a line does with the kernel; raises `FieldError`."""
    if line.doing in _SHOWING:
        draft.lose(spot, f"--{line.doing}", "left out: it configures nothing")
        return
    match line.doing:
        case "set":
            draft.timeouts = _timeouts(draft, spot, line.numbers) or draft.timeouts
        case "clear":
            draft.forget_services()
        case "start-daemon":
            daemon = _daemon(draft, spot, line.options)
            if daemon.role in draft.daemons:
                raise FieldError("--start-daemon", "this daemon runs already; take one line out")
            draft.add_daemon(spot, daemon)
        case "stop-daemon":
            draft.daemons.pop(fields.role(line.options["stop-daemon"]), None)
        case doing:
            key = _key(draft, spot, line.options)
            if doing.endswith("-service"):
                _do_service(draft, spot, doing, _service(draft, spot, key, line.options))
            else:
                _do_server(draft, spot, doing, key, line.options)


def _do_service(draft: Draft, spot: Spot, doing: str, service: Service) -> None:
    if doing == "add-service":
        draft.add_service(spot, service)
        return
    if draft.servers_of(service.key) is None:
        raise FieldError("service", f"no line before adds {fields.service_text(service.key)}")
    if doing == "delete-service":
        draft.forget_services(service.key)
    else:
        draft.change_service(spot, service)


def _do_server(draft: Draft, spot: Spot, doing: str, key: ServiceKey, options: Mapping[str, str]) -> None:
    servers = draft.servers_of(key)
    if servers is None:
        raise FieldError("service", f"no line before adds {fields.service_text(key)}")
    server = _server(draft, spot, key, options)
    if doing == "add-server":
        draft.add_server(spot, key, server)
        return
    server = draft.with_port(spot, key, server)
    if server.endpoint not in servers:
        raise FieldError("server", f"no line before adds {fields.server_text(server.endpoint)} to this service")
    del servers[server.endpoint]
    if doing == "edit-server":
        draft.add_server(spot, key, server)


def _key(draft: Draft, spot: Spot, options: Mapping[str, str]) -> ServiceKey:
    given = [name for name in (*_PROTOCOLS, "fwmark-service") if name in options]
    if len(given) != 1:
        raise FieldError("service", "needs one of -t, -u, --sctp-service and -f")
    text = options[given[0]]
    if given[0] == "fwmark-service":
        family = Family.IPV6 if "ipv6" in options else Family.IPV4
        if text.startswith("-") and text[1:].isascii() and text[1:].isdigit() and len(text) < 12:
            text = str(int(text) + 2**32)  # ipvsadm-save prints marks from 2^31 on as negative numbers
        return MarkKey(fields.number("service", text, (1, 2**32 - 1)), family)
    if "ipv6" in options:
        raise FieldError("-6", "is for firewall marks only; take it out")
    protocol = _PROTOCOLS[given[0]]
    host, port = _host_and_port(text)
    address = draft.hosts.address(spot, "service", host)
    number = draft.hosts.port("service", port, protocol) if port else 0
    if not number and "persistent" not in options and "add-service" in options:
        raise FieldError("service", "ipvsadm takes no service without a port that is not persistent; add -p")
    return AddressKey(protocol, address, number)


def _host_and_port(text: str) -> tuple[str, str]:
    """Split `10.0.0.1:80`, `[2001:db8::1]:80`, `web1:http`, or a host alone, which leaves the port empty."""
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        if rest and not rest.startswith(":"):
            raise FieldError("address", f"{quote(text)} needs : before its port")
        return host, rest[1:]
    if text.count(":") > 1:
        return text, ""
    host, _, port = text.partition(":")
    return host, port


def _service(draft: Draft, spot: Spot, key: ServiceKey, options: Mapping[str, str]) -> Service:
    scheduler = fields.scheduler(options.get("scheduler", "wlc"))
    words = [word for word in options.get("sched-flags", "").split(",") if word]
    flags = fields.flags(words, scheduler)
    if "sched-flags" in options and not words:
        if scheduler not in _WORDLESS:
            raise FieldError("-b", "needs a value behind it")
        draft.lose(spot, "-b", "written as flag-3: ipvsadm saves that one without its name")
        flags = ServiceFlags.SCHED_3
    if "ops" in options:
        if isinstance(key, AddressKey) and key.protocol is not Protocol.UDP:
            raise FieldError("--ops", "is taken by ipvsadm for udp and firewall marks only; take it out")
        flags |= ServiceFlags.ONE_PACKET
    persistence = None
    if "persistent" in options:
        seconds = fields.number("persistence.timeout", options["persistent"], (1, PERSISTENCE_MAX))
        width = key.family.full_mask if "netmask" not in options else _mask(options["netmask"], key.family)
        persistence = Persistence(seconds, width, fields.engine(options.get("pe", "")))
    else:
        for name in ("netmask", "pe"):
            if name in options:
                draft.lose(spot, f"--{name}", "left out: without -p it means nothing")
    return Service(key, scheduler, flags, persistence)


def _mask(text: str, family: Family) -> IPv4Address | int:
    return fields.number("prefix", text) if family is Family.IPV6 else fields.netmask(text)


def _server(draft: Draft, spot: Spot, key: ServiceKey, options: Mapping[str, str]) -> RealServer:
    if "real-server" not in options:
        raise FieldError("server", "needs -r with an address")
    host, port = _host_and_port(options["real-server"])
    methods = [method for name, method in _METHODS.items() if name in options]
    if len(methods) > 1:
        raise FieldError("forwarding", "one of -g, -i and -m can stand in a line")
    protocol = key.protocol if isinstance(key, AddressKey) else None
    own = key.port if isinstance(key, AddressKey) else 0
    endpoint = Endpoint(
        draft.hosts.address(spot, "server", host), draft.hosts.port("server", port, protocol) if port else own
    )

    def number(name: str, option: str, usual: str) -> int:
        return fields.number(name, options.get(option, usual), (0, INT_MAX))

    weight, upper = number("weight", "weight", "1"), number("upper", "u-threshold", "0")
    forwarding = methods[0] if methods else Forwarding.ROUTE
    server = RealServer(endpoint, forwarding, weight, upper, number("lower", "l-threshold", "0"))
    return replace(server, tunnel=_tunnel(draft, spot, server.forwarding, options))


def _tunnel(draft: Draft, spot: Spot, forwarding: Forwarding, options: Mapping[str, str]) -> Tunnel:
    given = [name for name in options if name.startswith("tun-")]
    if forwarding is not Forwarding.TUNNEL:
        for name in given:
            draft.lose(spot, f"--{name}", "left out: without -i it means nothing")
        return Tunnel()
    kind = fields.tunnel_type(options.get("tun-type", "ipip"))
    port = fields.number("tunnel.port", options.get("tun-port", "0"), (0, 65535))
    checksum = next((bits for name, bits in _CHECKSUMS.items() if name in options), 0)
    if kind is not TunnelType.GUE and "tun-port" in options:
        draft.lose(spot, "--tun-port", "left out: only gue has a port")
        port = 0
    return Tunnel(kind, port, checksum)


def _timeouts(draft: Draft, spot: Spot, numbers: Sequence[str]) -> Timeouts | None:
    if len(numbers) != 3:
        raise FieldError("--set", "needs three numbers of seconds: tcp, tcpfin and udp")
    seconds = [fields.number("--set", one, (0, INT_MAX)) for one in numbers]
    if 0 in seconds:
        draft.lose(spot, f"--set {' '.join(numbers)}", "left out: 0 keeps what runs, and a profile holds all three")
        return None
    return Timeouts(*seconds)


def _daemon(draft: Draft, spot: Spot, options: Mapping[str, str]) -> SyncDaemon:
    role: SyncRole = fields.role(options["start-daemon"])
    if "mcast-interface" not in options:
        raise FieldError("--mcast-interface", "is missing; the daemon needs an interface")
    group = (
        draft.hosts.address(spot, "--mcast-group", options["mcast-group"]) if "mcast-group" in options else SYNC_GROUP
    )

    def number(option: str, usual: int, most: int) -> int:
        return fields.number(f"--{option}", options[option], (0, most)) if option in options else usual

    interface = fields.interface(options["mcast-interface"])
    length, port, ttl = (
        number("sync-maxlen", 0, 65507),
        number("mcast-port", SYNC_PORT, 65535),
        number("mcast-ttl", 1, 255),
    )
    return SyncDaemon(role, interface, number("syncid", 0, 255), length, group, port, ttl)
