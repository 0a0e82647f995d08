"""What each row of the director view says: its value, its default, how the profile stands to it, and a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from lvstui.core import fields, sysctls
from lvstui.core.attributes import DAEMON, TIMEOUTS
from lvstui.core.model import Director, SyncDaemon, SyncRole, Timeouts
from lvstui.core.observed import Reading, Stats
from lvstui.core.owners import OWN_NAME, Owner
from lvstui.core.snapshot import Host, Link
from lvstui.core.view.numbers import compact
from lvstui.core.view.table import Cell, Tone

CROWDED: Final = 4.0
"""Connections a bucket from which a lookup, done for every packet, notably walks a chain."""

_MOST_BITS: Final = 20
"""Largest conn_tab_bits that every kernel takes (net/netfilter/ipvs/Kconfig)."""

ROLES: Final = {
    SyncRole.MASTER: "sends this director's connections to the others, so that they survive a failover",
    SyncRole.BACKUP: "takes the connections that a master sends; a director may run both daemons",
}

_DAEMON_DEFAULTS: Final = SyncDaemon(SyncRole.MASTER, "")


class Line(NamedTuple):
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


def timeout(sides: Sides, name: str) -> Line:
    """Return a connection timeout."""
    seconds = TIMEOUTS[name]
    now, then = (seconds.text(side.timeouts or Timeouts()) for side in (sides.running, sides.staged))
    default = seconds.text(Timeouts())
    kept = seconds.text(sides.saved.timeouts) if sides.saved and sides.saved.timeouts else None
    return Line(name, _value(now, then, default), default, _profile(now, kept), seconds.meaning)


def daemon(sides: Sides, role: SyncRole) -> Line:
    """Return whether a sync daemon runs."""
    now, then = (_runs(side, role) for side in (sides.running, sides.staged))
    kept = _runs(sides.saved, role) if sides.saved and sides.saved.sync is not None else None
    return Line(fields.ROLE_WORDS[role], _value(now, then, ""), "stopped", _profile(now, kept), ROLES[role])


def daemon_option(sides: Sides, role: SyncRole, option: str) -> Line:
    """Return one option of a sync daemon; a profile may leave the length of a datagram to the kernel."""
    text = DAEMON[option].text
    now, then, kept = (
        text(held) if side and side.sync and (held := side.sync.get(role)) else None
        for side in (sides.running, sides.staged, sides.saved)
    )
    default = text(_DAEMON_DEFAULTS) if option not in ("interface", "max_length") else ""
    if option == "max_length" and kept == "0":
        kept = now
    return Line(
        option, _value(now or "", then or "", default), default, _profile(now or "", kept), DAEMON[option].meaning
    )


def setting(sides: Sides, name: str) -> Line:
    """Return a setting of net.ipv4.vs, also one that only this kernel knows."""
    now, then = (side.sysctl.get(name, "") for side in (sides.running, sides.staged))
    kept = sides.saved.sysctl.get(name) if sides.saved else None
    if sysctls.same(name, now, kept):
        kept = now
    known = sysctls.SETTINGS.get(name)
    if known is None:
        meaning = "a setting of this kernel that lvstui does not know"
        return Line(name, _value(now, then, now), "", _profile(now, kept), meaning)
    takes = "read only" if known.read_only else known.takes
    default = known.default
    value = _value(now, then, default or now)
    return Line(name, value, default, _profile(now, kept), f"{known.meaning} Takes {takes}.")


def version(reading: Reading) -> Line:
    """Return the kernel's IPVS and the size of its connection table."""
    text = f"the kernel's IPVS, with a connection table of {reading.info.table_size} buckets (conn_tab_bits)"
    return Line("ip_vs", Cell(reading.info.version), sentence=text)


def connections(reading: Reading) -> Line:
    """Hold the connections against the size of the table, which a module option sets."""
    size = reading.info.table_size
    count = reading.connections
    chain = count / size if size else 0.0
    text = f"{compact(count)} in a table of {size} buckets, {chain:.1f} in each"
    if chain <= CROWDED:
        return Line("connections", Cell(compact(count)), sentence=text)
    bits = next((bits for bits in range(8, _MOST_BITS) if count <= 2**bits), _MOST_BITS)
    remedy = f"every packet walks such a chain; load ip_vs with conn_tab_bits={bits} (a line in modprobe.d)"
    return Line("connections", Cell("crowded", Tone.WARN), sentence=f"{text}: {remedy}")


def total(stats: Stats) -> Line:
    """Return the traffic of the whole table, by the kernel's own estimate."""
    flow = (
        f"in {compact(stats.in_packet_rate)} packets/s {compact(stats.in_byte_rate)}B/s, "
        f"out {compact(stats.out_packet_rate)} packets/s {compact(stats.out_byte_rate)}B/s"
    )
    return Line("all services", Cell(f"{compact(stats.connection_rate)} conn/s"), sentence=flow)


def cpu(cpus: Sequence[Stats], number: int) -> Line:
    """Return a CPU's share of the packets; the kernel tells no rates by CPU."""
    stats = cpus[number]
    packets = stats.in_packets + stats.out_packets
    everything = sum(other.in_packets + other.out_packets for other in cpus)
    share = 100 * packets / everything if everything else 0.0
    text = (
        f"{compact(stats.connections)} connections, {compact(packets)} packets, "
        f"in {compact(stats.in_bytes)}B, out {compact(stats.out_bytes)}B since IPVS was loaded"
    )
    return Line(f"cpu {number}", Cell(f"{share:.0f}%"), sentence=f"share of the packets: {text}")


def owner(found: Owner) -> Line:
    """Return who else writes to the table."""
    if found.program == OWN_NAME:
        return Line(OWN_NAME, Cell(f"pid {found.pid}"), sentence="another lvstui works on this table")
    what = "every service" if found.services is None else f"{len(found.services)} services"
    place = f" by {found.config}" if found.config else ""
    text = f"manages {what}{place}; it may overwrite edits at its next check or reload"
    return Line(found.program, Cell(f"pid {found.pid}", Tone.WARN), sentence=text)


def load(host: Host, name: str) -> Line:
    """Return how busy the machine is: cpu, softirq or memory."""
    percent, text = {
        "cpu": (host.cpu, "all CPUs together, without the waiting for disks"),
        "softirq": (host.softirq, "the kernel's work on packets, all CPUs together; one CPU full of it loses packets"),
        "memory": (host.memory, "in use, of all memory"),
    }[name]
    return Line(name, Cell(f"{percent:.0f}%", Tone.WARN if percent >= 80 else Tone.PLAIN), sentence=text)


def link(found: Link) -> Line:
    """Return what passes a network interface, and whether any of it is thrown away."""
    drops = found.in_drops + found.out_drops
    speed = f"{found.speed} Mbit/s: " if found.speed else ""
    flow = (
        f"{speed}in {compact(found.in_packets)} packets/s, out {compact(found.out_packets)} packets/s "
        f"{compact(found.out_bytes)}B/s, drops in {compact(found.in_drops)}/s out {compact(found.out_drops)}/s"
    )
    value = Cell(f"{compact(drops)} drops/s", Tone.BAD) if drops else Cell(f"{compact(found.in_bytes)}B/s in")
    return Line(found.name, value, sentence=flow)


def _runs(director: Director, role: SyncRole) -> str:
    return "running" if director.sync and role in director.sync else "stopped"


def _value(now: str, staged: str, default: str) -> Cell:
    """Show a value; what waits for Enter as old -> new, what differs from the default in bold."""
    if now != staged:
        return Cell(f"{now or 'none'}->{staged or 'none'}", Tone.STAGED)
    return Cell(now, Tone.PLAIN if now == default or not default else Tone.STRONG)


def _profile(running: str, saved: str | None) -> Cell:
    """Say how the profile stands to a value: `saved`, what it holds instead, or nothing where it leaves it alone."""
    if saved is None:
        return Cell("")
    return Cell("saved", Tone.GOOD) if saved == running else Cell(saved or "none", Tone.WARN)
