"""What each row of the director view says: its value, its default, how the profile stands to it, and a sentence."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from lvstui.core import fields, sysctls
from lvstui.core.attributes import DAEMON, TIMEOUTS
from lvstui.core.describe import service_name
from lvstui.core.home import home_text, is_foreign
from lvstui.core.model import (
    AddressKey,
    Director,
    Forwarding,
    Home,
    MarkKey,
    Pool,
    Protocol,
    Service,
    SyncDaemon,
    SyncRole,
    Timeouts,
)
from lvstui.core.observed import Reading, Stats
from lvstui.core.record import OWN_NAME, Owner
from lvstui.core.snapshot import Host, Link, ProfileState
from lvstui.core.view.brief import compact
from lvstui.core.view.table import Cell, Tone
from lvstui.core.words import first_of

CROWDED: Final = 4.0
"""Connections a bucket from which a lookup, done for every packet, notably walks a chain."""

_MOST_BITS: Final = 20
"""Largest conn_tab_bits that every kernel takes (net/netfilter/ipvs/Kconfig)."""

ROLES: Final = {
    SyncRole.MASTER: "sends this director's connections to the others, so that they survive a failover",
    SyncRole.BACKUP: "takes the connections that a master sends; a director may run both daemons",
}

_DAEMON_DEFAULTS: Final = SyncDaemon(SyncRole.MASTER, "")


class DirectorLine(NamedTuple):
    """What one row says; `sentence` is shown in full for the row under the cursor."""

    title: str
    value: Cell = Cell("")
    default: str = ""
    profile: Cell = Cell("")
    sentence: str = ""


class Sides(NamedTuple):
    """A director as it runs, as it would be with what is staged, and as the profile has it (None: no profile)."""

    running: Director
    staged: Director
    saved: Director | None


def timeout(sides: Sides, name: str) -> DirectorLine:
    """Return a connection timeout."""
    seconds = TIMEOUTS[name]
    now, then = (seconds.text(side.timeouts or Timeouts()) for side in (sides.running, sides.staged))
    default = seconds.text(Timeouts())
    kept = seconds.text(sides.saved.timeouts) if sides.saved and sides.saved.timeouts else None
    return DirectorLine(name, _value(now, then, default), default, _profile(now, kept), seconds.meaning)


def daemon(sides: Sides, role: SyncRole) -> DirectorLine:
    """Return whether a sync daemon runs."""
    now, then = (_runs(side, role) for side in (sides.running, sides.staged))
    kept = _runs(sides.saved, role) if sides.saved and sides.saved.sync is not None else None
    return DirectorLine(fields.ROLE_WORDS[role], _value(now, then, ""), "stopped", _profile(now, kept), ROLES[role])


def daemon_option(sides: Sides, role: SyncRole, option: str) -> DirectorLine:
    """Return one option of a sync daemon; a profile may leave the length of a datagram to the kernel."""
    text = DAEMON[option].text
    now, then, kept = (
        text(held) if side and side.sync and (held := side.sync.get(role)) else None
        for side in (sides.running, sides.staged, sides.saved)
    )
    default = text(_DAEMON_DEFAULTS) if option not in ("interface", "max_length") else ""
    if option == "max_length" and kept == "0":
        kept = now
    return DirectorLine(
        option, _value(now or "", then or "", default), default, _profile(now or "", kept), DAEMON[option].meaning
    )


def setting(sides: Sides, name: str) -> DirectorLine:
    """Return a setting of net.ipv4.vs, also one that only this kernel knows."""
    now, then = (side.sysctl.get(name, "") for side in (sides.running, sides.staged))
    kept = sides.saved.sysctl.get(name) if sides.saved else None
    if sysctls.same(name, now, kept):
        kept = now
    known = sysctls.SETTINGS.get(name)
    if known is None:
        meaning = "a setting of this kernel that lvstui does not know"
        return DirectorLine(name, _value(now, then, now), "", _profile(now, kept), meaning)
    takes = "read only" if known.read_only else known.takes
    default = known.default
    value = _value(now, then, default or now)
    return DirectorLine(name, value, default, _profile(now, kept), f"{known.meaning} Takes {takes}.")


def version(reading: Reading) -> DirectorLine:
    """Return the kernel's IPVS and the size of its connection table."""
    size = reading.info.table_size
    if not size:
        text = "the kernel's IPVS; its connection table comes with the first service"
    elif _load_factor(reading) is None:
        text = f"the kernel's IPVS, with a connection table of {size} buckets (conn_tab_bits)"
    else:
        text = (
            f"the kernel's IPVS, with a connection table of {size} buckets now; it grows as it fills (conn_lfactor), "
            "to 2^conn_tab_bits of them"
        )
    return DirectorLine("ip_vs", Cell(reading.info.version), sentence=text)


class Crowding(NamedTuple):
    """How full the connection table is: rows a bucket, that in words, and what to do where it is too small."""

    chain: float
    text: str
    remedy: str


def crowding(reading: Reading, count: int) -> Crowding:
    """Return how full the connection table is with so many rows; a module option sets its size."""
    size = reading.table.buckets if reading.table else reading.info.table_size
    chain = count / size if size else 0.0
    sticky = f" ({compact(reading.sticky)} are persistence entries)" if reading.sticky else ""
    text = f"{compact(count)} in a table of {size} buckets, {chain:.1f} in each{sticky}"
    bits = next((bits for bits in range(8, _MOST_BITS) if count <= 2**bits), _MOST_BITS)
    remedy = f"load ip_vs with conn_tab_bits={bits} (a line in modprobe.d)"
    factor = _load_factor(reading)
    if factor is not None and 2**factor > CROWDED:
        remedy = f"lower conn_lfactor, which lets the table get so full (it is {factor}, and would be -4)"
    return Crowding(chain, text, remedy)


def connections(reading: Reading) -> DirectorLine:
    """Return the rows of the connection table beside its size."""
    count = reading.rows
    if count is None:
        open_now = compact(reading.connections)
        text = f"{open_now} connections; how many persistence entries there are is not known"
        return DirectorLine("connections", Cell(open_now), sentence=text)
    chain, text, remedy = crowding(reading, count)
    if chain <= CROWDED:
        return DirectorLine("connections", Cell(compact(count)), sentence=text)
    sentence = f"{text}: every packet walks such a chain; {remedy}"
    return DirectorLine("connections", Cell(compact(count), Tone.WARN), sentence=sentence)


def _load_factor(reading: Reading) -> int | None:
    """Return the power of two of rows in a bucket at which the kernel's table grows, None where it has one size."""
    text = reading.director.sysctl.get("conn_lfactor", "")
    return int(text) if re.fullmatch(r"-?[0-9]{1,3}", text) else None


def total(stats: Stats | None) -> DirectorLine:
    """Return the traffic of the whole table, by the kernel's own estimate."""
    if stats is None:
        return DirectorLine("all services", Cell("-"), sentence="the counters cannot be read")
    flow = (
        f"in {compact(stats.in_packet_rate)} packets/s {compact(stats.in_byte_rate)}B/s, "
        f"out {compact(stats.out_packet_rate)} packets/s {compact(stats.out_byte_rate)}B/s"
    )
    return DirectorLine("all services", Cell(f"{compact(stats.connection_rate)} conn/s"), sentence=flow)


def cpu(cpus: Sequence[Stats], number: int) -> DirectorLine:
    """Return a CPU's share of the packets; the kernel has no rates by CPU."""
    stats = cpus[number]
    packets = stats.in_packets + stats.out_packets
    everything = sum(other.in_packets + other.out_packets for other in cpus)
    share = 100 * packets / everything if everything else 0.0
    text = (
        f"{compact(stats.connections)} connections, {compact(packets)} packets, "
        f"in {compact(stats.in_bytes)}B, out {compact(stats.out_bytes)}B since IPVS was loaded"
    )
    return DirectorLine(f"cpu {number}", Cell(f"{share:.0f}%"), sentence=f"share of the packets: {text}")


def owner(found: Owner) -> DirectorLine:
    """Return who else writes to the table."""
    if found.program == OWN_NAME:
        return DirectorLine(OWN_NAME, Cell(f"pid {found.pid}"), sentence="another lvstui works on this table")
    what = "every service" if found.services is None else f"{len(found.services)} services"
    place = f" by {found.config}" if found.config else ""
    text = f"manages {what}{place}; it may overwrite edits at its next check or reload"
    return DirectorLine(found.program, Cell(f"pid {found.pid}", Tone.WARN), sentence=text)


def home(here: Home) -> DirectorLine:
    """Return which machine and which network namespace this is."""
    where = "the machine's own network namespace" if not here.netns else "a network namespace, a director of its own"
    return DirectorLine("name", Cell(home_text(here), Tone.PLAIN), sentence=where)


def profile(state: ProfileState, here: Home) -> DirectorLine:
    """Return which profile edits are saved in, and whether it is another director's."""
    path = fields.visible(state.path) or "none: start with --profile FILE"
    if state.saved and is_foreign(state.saved.home, here):
        text = f"{path}, the profile of {home_text(state.saved.home)}"
        return DirectorLine("profile", Cell("another's", Tone.BAD), sentence=text)
    return DirectorLine("profile", Cell("its own" if state.path else "none"), sentence=path)


def load(host: Host, name: str) -> DirectorLine:
    """Return how busy the machine is: cpu, softirq or memory."""
    percent, text = {
        "cpu": (host.cpu, "all CPUs together, without the waiting for disks"),
        "softirq": (host.softirq, "the kernel's work on packets, all CPUs together; one CPU full of it loses packets"),
        "memory": (host.memory, "in use, of all memory"),
    }[name]
    if percent is None:
        return DirectorLine(name, Cell("-"), sentence=f"{text}; not readable in /proc")
    return DirectorLine(name, Cell(f"{percent:.0f}%", Tone.WARN if percent >= 80 else Tone.PLAIN), sentence=text)


def link(found: Link) -> DirectorLine:
    """Return what passes a network interface, and whether any of it is thrown away."""
    drops = found.in_drops + found.out_drops
    speed = f"{found.speed} Mbit/s: " if found.speed else ""
    flow = (
        f"{speed}in {compact(found.in_packets)} packets/s, out {compact(found.out_packets)} packets/s "
        f"{compact(found.out_bytes)}B/s, drops in {compact(found.in_drops)}/s out {compact(found.out_drops)}/s"
    )
    value = Cell(f"{compact(drops)} drops/s", Tone.BAD) if drops else Cell(f"{compact(found.in_bytes)}B/s in")
    return DirectorLine(found.name, value, sentence=flow)


def _runs(director: Director, role: SyncRole) -> str:
    return "running" if director.sync and role in director.sync else "stopped"


def _value(now: str, staged: str, default: str) -> Cell:
    """Show a value; what waits for Enter as old -> new, what differs from the default in bold."""
    if now != staged:
        return Cell(f"{now or 'none'}->{staged or 'none'}", Tone.STAGED)
    return Cell(now, Tone.PLAIN if now == default or not default else Tone.STRONG)


def _profile(running: str, saved: str | None) -> Cell:
    """Return how the profile stands to a value: `saved`, what it holds instead, or nothing where it leaves it alone."""
    if saved is None:
        return Cell("")
    return Cell("saved", Tone.SECONDARY) if saved == running else Cell(saved or "none", Tone.WARN)


_SHOWN: Final = 3
"""Services that are named."""


class _Services(NamedTuple):
    """Services of a kind: how one and several of them are called, and which they are."""

    one: str
    several: str
    include: Callable[[Pool], bool]


class _Daemons(NamedTuple):
    """Sync daemons; with `services`, what they do to all services."""

    roles: tuple[SyncRole, ...]
    services: bool = False


def scope(director: Director, setting: str) -> str:
    """Return what a setting touches: `touches 2 tcp services: shop, mail`; empty where that is not known."""
    match _SCOPES.get(setting):
        case _Services() as kind:
            return _of_services(director, kind)
        case _Daemons() as daemons:
            return _of_daemons(director, daemons)
        case None:
            return ""


def _of_services(director: Director, kind: _Services) -> str:
    found = [pool.service for pool in director.pools.values() if kind.include(pool)]
    if not found:
        return f"touches nothing now: there is no {kind.one}"
    called = kind.one if len(found) == 1 else kind.several
    return f"touches {len(found)} {called}: {first_of(list(map(service_name, found)), _SHOWN)}"


def _of_daemons(director: Director, daemons: _Daemons) -> str:
    running = [fields.ROLE_WORDS[role] for role in daemons.roles if role in director.daemons]
    if not running:
        words = " or ".join(fields.ROLE_WORDS[role] for role in daemons.roles)
        return f"touches nothing now: no sync {words} runs"
    if daemons.services:
        return f"{_of_services(director, _ALL)}; a sync {running[0]} runs"
    return f"touches the sync {' and '.join(running)}"


def _carries(service: Service, *protocols: Protocol) -> bool:
    """Return whether a service may carry a protocol; a mark says nothing about it."""
    return not isinstance(service.key, AddressKey) or service.key.protocol in protocols


def _forwards(*methods: Forwarding) -> Callable[[Pool], bool]:
    return lambda pool: any(server.forwarding in methods for server in pool.servers.values())


def _is_draining(pool: Pool) -> bool:
    return pool.service.persistence is not None and any(not server.weight for server in pool.servers.values())


def _scheduled(scheduler: str) -> _Services:
    kind = f"{scheduler} service"
    return _Services(kind, f"{kind}s", lambda pool: pool.service.scheduler == scheduler)


_ALL: Final = _Services("service", "services", lambda _: True)
_MASQ: Final = _Services("service with masq servers", "services with masq servers", _forwards(Forwarding.MASQ))
_TCP: Final = _Services("tcp service", "tcp services", lambda pool: _carries(pool.service, Protocol.TCP))
_SCTP: Final = _Services("sctp service", "sctp services", lambda pool: _carries(pool.service, Protocol.SCTP))
_MASTER: Final = _Daemons((SyncRole.MASTER,))
_EITHER: Final = _Daemons((SyncRole.MASTER, SyncRole.BACKUP))

_SCOPES: Final[Mapping[str, _Services | _Daemons]] = {
    "backup_only": _Daemons((SyncRole.BACKUP,), services=True),
    "cache_bypass": _Services("mark service", "mark services", lambda pool: isinstance(pool.service.key, MarkKey)),
    "conn_reuse_mode": _Services(
        "tcp or sctp service",
        "tcp or sctp services",
        lambda pool: _carries(pool.service, Protocol.TCP, Protocol.SCTP),
    ),
    "conntrack": _ALL,
    "expire_nodest_conn": _ALL,
    "expire_quiescent_template": _Services(
        "persistent service with a drained server", "persistent services with a drained server", _is_draining
    ),
    "lblc_expiration": _scheduled("lblc"),
    "lblcr_expiration": _scheduled("lblcr"),
    "nat_icmp_send": _MASQ,
    "pmtu_disc": _Services("service with tunnel servers", "services with tunnel servers", _forwards(Forwarding.TUNNEL)),
    "schedule_icmp": _ALL,
    "secure_tcp": _TCP,
    "sloppy_sctp": _SCTP,
    "sloppy_tcp": _TCP,
    "snat_reroute": _MASQ,
    "sync_persist_mode": _MASTER,
    "sync_ports": _EITHER,
    "sync_qlen_max": _MASTER,
    "sync_refresh_period": _MASTER,
    "sync_retries": _MASTER,
    "sync_sock_size": _EITHER,
    "sync_threshold": _MASTER,
    "sync_version": _MASTER,
}
"""By setting, as net/netfilter/ipvs asks for it: pmtu_disc in ip_vs_xmit.c for tunnels alone, schedule_icmp for all."""
