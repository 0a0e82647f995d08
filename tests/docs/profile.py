"""The keys of a profile, from the tables of attributes and of settings, with a sentence for each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, TypeVar

from lvstui.core import fields, sysctls
from lvstui.core.attribute import Attribute, Attributes, Configured
from lvstui.core.attributes import DAEMON, GROUP, SERVER, SERVICE, TIMEOUTS
from lvstui.core.model import Family, MarkKey, Service
from lvstui.core.offer import ENGINES, SCHEDULERS
from tests.docs.parts import code, table

_O = TypeVar("_O", bound=Configured)

_HEADS: Final = ("key", "type", "range", "default", "what it is")
_NEEDED: Final = "has to be there"
_LABEL: Final = f"up to {fields.LABEL_MAX} characters"

_WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "top": {
        "format": "The number of the format. A file with a newer one is refused, and says so.",
        "director.name": "What this director is called, in the head of the screens.",
        "director.host": "The machine that it is for, as `hostname` prints it. `apply` elsewhere wants `--force`.",
        "director.netns": "The network namespace that it is for, as `ip netns` lists it; left out: the host's own.",
    },
    "service": {
        "name": "What people and commands call it. No two services have the same name.",
        "service": "`tcp:192.0.2.10:443` (`udp:`, `sctp:`), `tcp:[2001:db8::10]:443`, `mark:80`, `mark6:80`.",
        "scheduler": "How a server is chosen for a new client. An unknown one is warned of.",
        "flags": "`one-packet` balances each packet of UDP by itself; the others are the scheduler's own.",
        "note": "What others should know; shown before this service is changed.",
        "persistence.timeout": "Seconds for which a client keeps its server after its last connection.",
        "persistence.netmask": "Clients of one network count as one (IPv4); `255.255.255.255`: each address by itself.",
        "persistence.prefix": "The same for IPv6: how many bits of the address count.",
        "persistence.engine": "What a client is known by, if not its address: `sip` takes the Call-ID.",
        "probe.type": "How a server is asked whether it serves: when somebody asks, never by itself.",
        "probe.port": "The port that is asked; 0: the server's own.",
        "probe.path": "The page that is asked for; with `http` and `https`.",
        "probe.status": 'The states that are right: 200, `"200-299,301"`; with `http` and `https`.',
        "probe.name": "The host that is asked for, the certificate's name, or the name that DNS is asked for.",
        "probe.record": "What DNS is asked for.",
        "probe.send": "What is sent; bytes as `hex:00ff`; with `udp`.",
        "probe.expect": "What has to be within the answer; left out: any answer will do; with `udp`.",
        "probe.days": "A certificate that ends within so many days is wrong; with `tls` and `https`.",
        "probe.timeout": "Seconds to wait for the answer.",
    },
    "server": {
        "name": "What people and commands call it. No two servers of a service have the same name.",
        "server": "Its address and port: `10.0.0.11:443`, `[fd00::12]:443`; port 0 with a mark or port 0.",
        "forwarding": "`masq` rewrites the address (NAT), `route` leaves it (direct routing), `tunnel` wraps packets.",
        "weight": "Its share of new clients; 0 gives it none. Most ipvsadm stop at 65535.",
        "upper": "Connections at which it gets no new clients; 0: never.",
        "lower": "Connections below which it gets new clients again; not above `upper`.",
        "resume": "Only while it is drained: the weight to go back to.",
        "tunnel.type": "How packets are wrapped; with `tunnel`.",
        "tunnel.port": "The UDP port of the server's end; `gue` needs it.",
        "tunnel.checksum": "What of a packet is summed up; with `gue` and `gre`.",
    },
    "timeouts": {
        "tcp": "Seconds for which an established TCP connection may be silent before it is cut off.",
        "tcp_fin": "Seconds for which a TCP connection stays after one end has said goodbye (FIN).",
        "udp": "Seconds after its last packet for which a UDP client keeps its server.",
    },
    "sync": {
        "role": "`master` tells others of its connections, `backup` listens; one of each at most.",
        "interface": "The network interface that it sends on or listens at.",
        "id": "A backup takes only what carries its own id; 0 there: from every master.",
        "max_length": "The largest datagram in bytes; 0: what fits the interface's MTU.",
        "group": "The multicast group, the same on all directors.",
        "port": "The UDP port, the same on all directors.",
        "ttl": "How many routers a datagram may cross; only a master needs it.",
    },
    "mark": {
        "mark": "The firewall mark that packets get; the service on it is a `[[service]]` with `mark:80`.",
        "name": "What people call it. No two marks have the same name.",
        "match": "What gets the mark: protocol, addresses, ports and ranges with commas; `in eth0` may follow.",
    },
}
"""A sentence for each key."""

_RANGES: Final = {
    "service": {
        "name": _LABEL,
        "note": "up to 4096 characters",
        "scheduler": ", ".join(sorted(SCHEDULERS)),
        "flags": "one-packet, sh-port, sh-fallback, mh-port, mh-fallback, flag-1 to flag-3",
        "persistence.timeout": "1 to 2678400 (31 days)",
        "persistence.netmask": "a netmask",
        "persistence.prefix": "1 to 128",
        "persistence.engine": ", ".join(sorted(ENGINES - {""})),
        "probe.path": "begins with /",
        "probe.status": "100 to 599",
        "probe.timeout": "0.1 to 30",
    },
    "server": {"name": _LABEL},
    "sync": {"group": "a multicast address", "role": "master, backup"},
    "mark": {"name": _LABEL, "mark": "1 to 4294967295", "match": "lists of texts"},
}
"""Ranges that the tables of attributes do not name."""


def top() -> str:
    """Return what a file begins with."""
    rows = (
        ("format", "number", "1", _NEEDED),
        ("director.name", "text", _LABEL, "none"),
        ("director.host", "text", "up to 64 characters", "none"),
        ("director.netns", "text", "a name of a file", "none"),
    )
    return table(_HEADS, ((code(key), *rest, _WORDS["top"][key]) for key, *rest in rows))


def services() -> str:
    """Return the keys of services."""
    return _table("service", SERVICE, {"service": "text"}, _begun())


def servers() -> str:
    """Return the keys of real servers."""
    return _table("server", SERVER, {"server": "text"})


def timeouts() -> str:
    """Return the keys of the timeouts."""
    return _table("timeouts", TIMEOUTS, {})


def daemons() -> str:
    """Return the keys of sync daemons."""
    return _table("sync", DAEMON, {"role": "text"})


def marks() -> str:
    """Return the keys of marks."""
    return _table("mark", GROUP, {"mark": "number"})


def settings() -> str:
    """Return the settings of net.ipv4.vs."""
    rows = (
        (code(one.name), one.takes, one.default or "worked out", one.since and f"Linux {one.since}", one.meaning)
        for one in sysctls.SETTINGS.values()
        if not one.read_only
    )
    return table(("key", "takes", "default", "since", "what it is"), rows)


def _begun() -> Mapping[str, object]:
    """Return the defaults of what is within an object that may be absent: those that it has once it is there."""
    found: dict[str, object] = {}
    for family in Family.IPV4, Family.IPV6:
        service = Service(MarkKey(1, family))
        for group in SERVICE.groups:
            service = SERVICE.begin(service, group)
        found |= {one.name: raw for one in SERVICE if one.group and (raw := one.get(service)) is not None}
    return found


def _table(
    where: str,
    attributes: Attributes[_O],
    identity: Mapping[str, str],
    begun: Mapping[str, object] | None = None,
) -> str:
    return table(_HEADS, _rows(where, attributes, identity, begun or {}))


def _rows(
    where: str, attributes: Attributes[_O], identity: Mapping[str, str], begun: Mapping[str, object]
) -> Iterator[Sequence[str]]:
    words, ranges = _WORDS[where], _RANGES.get(where, {})
    for key, kind in identity.items():
        yield code(key), kind, ranges.get(key, ""), _NEEDED, words[key]
    for one in attributes:
        if one.name in attributes.groups:
            continue
        default = one.default if one.default is not None else begun.get(one.name)
        needed = one.needed or attributes is TIMEOUTS
        yield (
            code(one.name),
            _kind(one),
            ranges.get(one.name) or _range(one),
            _NEEDED if needed else _written(default),
            words[one.name],
        )


def _kind(attribute: Attribute[_O]) -> str:
    kinds = attribute.kind if isinstance(attribute.kind, tuple) else (attribute.kind,)
    names = {str: "text", int: "number", float: "number", list: "list of texts"}
    return " or ".join(dict.fromkeys(names[kind] for kind in kinds))


def _range(attribute: Attribute[_O]) -> str:
    if attribute.limits:
        return f"{attribute.limits[0]} to {attribute.limits[1]}"
    return ", ".join(attribute.choices)


def _written(default: object) -> str:
    """Return a default as a profile has it."""
    if default in (None, "", ()):
        return "none"
    return code(f'"{default}"' if isinstance(default, str) else str(default))
