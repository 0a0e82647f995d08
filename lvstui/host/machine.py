"""The machine that the director runs on, as psutil sees it."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

from lvstui.core.fields import visible
from lvstui.core.snapshot import Conntrack, Host, Link

try:
    import psutil
except ImportError:  # the one-file lvstui has none for this processor: what psutil reads is not known
    psutil = None  # type: ignore[assignment]

_SPEEDS_LAST = 10.0
"""Seconds after which it is read again which links are up and how fast; that takes longer than the counters."""


_GROUPS = Path("/sys/fs/cgroup")
_OWN_GROUP = Path("/proc/self/cgroup")

Read = TypeVar("Read")


class Counters(NamedTuple):
    """What the kernel counts of a link since it came into being."""

    in_bytes: int
    out_bytes: int
    in_packets: int
    out_packets: int
    in_drops: int
    out_drops: int


class Machine:
    """The host; where `links` holds, with its links and conntrack, which are not those of a namespace of its own."""

    def __init__(self, *, links: bool = True) -> None:
        self._links = Links() if links else None

    def observe(self) -> Host:
        """Return the host's name and its load in percent since the call before (0 at the first).

        What cannot be read is None, a name "", and links none.
        """
        cpu, softirq = _unless_unreadable(_cpu) or (None, None)
        return Host(
            name=visible(_unless_unreadable(socket.gethostname) or ""),
            cpu=cpu,
            softirq=softirq,
            memory=_unless_unreadable(lambda: psutil.virtual_memory().percent),
            links=_unless_unreadable(partial(self._links.observe, time.monotonic())) or () if self._links else (),
            softirqs=_unless_unreadable(_softirqs) or (),
            conntrack=_unless_unreadable(_conntrack) if self._links else None,
        )


def spare_memory(groups: Path = _GROUPS, own: Path = _OWN_GROUP) -> int:
    """Return the bytes that can still be taken: of the machine's memory, or of what a control group lets us have.

    `groups` is where control groups (version 2) are mounted, `own` the file that says in which we are. 0 where nothing
    can be read.
    """
    found = [_unless_unreadable(lambda: psutil.virtual_memory().available) or 0]
    with suppress(OSError):
        for line in own.read_text(errors="replace").splitlines():
            group = groups / line.removeprefix("0::/") if line.startswith("0::/") else None
            while group is not None and group.is_relative_to(groups):
                with suppress(OSError, ValueError):  # "max" is no limit; the topmost group has no such files
                    limit = int((group / "memory.max").read_text())
                    found.append(limit - int((group / "memory.current").read_text()))
                group = group.parent
    return max(0, min(found))


class Links:
    """The rates of the links per second, from two readings of their counters."""

    def __init__(self) -> None:
        self._then = 0.0
        self._before: Mapping[str, Counters] = {}
        self._speeds: Mapping[str, int] = {}
        self._speeds_read = -_SPEEDS_LAST

    def observe(self, now: float) -> tuple[Link, ...]:
        """Return the rates of all links that are up, loopback left out; `now` is in seconds."""
        counters = {
            name: Counters(
                seen.bytes_recv, seen.bytes_sent, seen.packets_recv, seen.packets_sent, seen.dropin, seen.dropout
            )
            for name, seen in psutil.net_io_counters(pernic=True, nowrap=False).items()
        }
        if now - self._speeds_read >= _SPEEDS_LAST or counters.keys() != self._before.keys():
            self._speeds_read = now
            self._speeds = _speeds(counters)
        links = self.between(counters, now)
        return tuple(replace(link, name=visible(link.name)) for link in links if link.name in self._speeds)

    def between(self, counters: Mapping[str, Counters], now: float) -> tuple[Link, ...]:
        """Return the rates since the counters before; a link that is new, or came back, starts with 0."""
        before, seconds = self._before, now - self._then
        self._before, self._then = counters, now
        return tuple(
            _link(name, self._speeds.get(name, 0), before.get(name, after), after, seconds)
            for name, after in sorted(counters.items())
        )


def _unless_unreadable(read: Callable[[], Read]) -> Read | None:
    """Return what is read of the machine, None where it cannot be.

    Without a usual /proc (hidden, not mounted, with other content than psutil knows) psutil raises errors of any kind.
    """
    try:
        return read()
    except Exception:
        return None


def _cpu() -> tuple[float, float]:
    """Return what all CPUs were busy with, and with the kernel's work on packets, in percent."""
    cpu = psutil.cpu_times_percent(interval=None)
    return cpu.user + cpu.nice + cpu.system + cpu.irq + cpu.softirq + cpu.steal, cpu.softirq


def _softirqs() -> tuple[float, ...]:
    """Return what each CPU was busy with the kernel's work on packets, in percent."""
    return tuple(cpu.softirq for cpu in psutil.cpu_times_percent(interval=None, percpu=True))


def _conntrack() -> Conntrack:
    """Return how full the table of nf_conntrack is in our network namespace; fails where that is not loaded."""
    folder = Path(psutil.PROCFS_PATH, "sys/net/netfilter")
    held, most = (int((folder / f"nf_conntrack_{name}").read_text()) for name in ("count", "max"))
    return Conntrack(held, most)


def _speeds(names: Iterable[str]) -> Mapping[str, int]:
    """Return the speed in Mbit/s of each link that is up, 0 where it is not known.

    65535 is what drivers report that do not know it. A single name that is no UTF-8 keeps psutil from all of them; then
    every link but the loopback counts as up.
    """
    found = _unless_unreadable(psutil.net_if_stats)
    if found is None:
        return {name: 0 for name in names if name != "lo"}
    return {
        name: link.speed if link.speed < 65535 else 0
        for name, link in found.items()
        if link.isup and "loopback" not in link.flags
    }


def _link(name: str, speed: int, before: Counters, after: Counters, seconds: float) -> Link:
    grown = (max(0, now - then) for now, then in zip(after, before, strict=True))
    return Link(name, speed, *(count / seconds if seconds > 0 else 0.0 for count in grown))
