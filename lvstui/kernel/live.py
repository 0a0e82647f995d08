"""The running kernel: read and written over netlink, or read only from /proc where the right for that is missing."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from lvstui.core.change import EMPTY, Change, DirectorField, Target, Value, lookup
from lvstui.core.entries.sync_message import Message
from lvstui.core.marks.script import groups
from lvstui.core.model import Director, MarkGroupKey, ServiceKey, SyncRole, SysctlKey
from lvstui.core.observed import NO_INFO, Reading, Ruleset
from lvstui.core.offer import ENGINES, SCHEDULERS
from lvstui.core.packets.program import Program
from lvstui.core.probes.answer import Answer
from lvstui.core.probes.question import Question
from lvstui.kernel.ipvs.client import NO_RIGHT, Netlink
from lvstui.kernel.ipvs.sync_door import Door, is_ours
from lvstui.kernel.namespace import call_in
from lvstui.kernel.netlink.addresses import Addresses
from lvstui.kernel.netlink.links import Interfaces
from lvstui.kernel.netlink.policies import Policies
from lvstui.kernel.nft.filter import PacketFilter
from lvstui.kernel.port import NoRight, Piece
from lvstui.kernel.procfs.connections import Connections
from lvstui.kernel.procfs.status import Status
from lvstui.kernel.procfs.sysctl import Forwards, Settings
from lvstui.kernel.procfs.table import Proc, Totals

if TYPE_CHECKING:
    from lvstui.kernel.network.network import LiveNetwork

MODULES = Path("/lib/modules")
LOADED = Path("/proc/modules")

_STATUS = Path("/proc/thread-self/status")
_CAP_NET_ADMIN = 1 << 12
_MODULE = re.compile(r"(?:^|/)ip_vs_(\w+?)(?:\.ko(?:\.\w+)?:?.*)?$")
_NO_SCHEDULERS = frozenset(f"pe_{engine}" for engine in ENGINES if engine) | {"ftp"}


class _Known(NamedTuple):
    """What a director was put together from, and the director."""

    table: Director
    settings: Mapping[str, str]
    generation: int | None
    whole: Director


_IN_PROC: Final = "/proc/net/ip_vs tells no thresholds, tunnels, flags, counters, timeouts and sync daemons"


class Live:
    """IPVS of this machine, in the network namespace `netns` (a name of `ip netns`) or in our own.

    A look has the kernel load the module where it can, unless not `loads`.

    Whether we have the right is seen in our capabilities; in a container they may promise what the kernel then
    denies (it asks for the right in the initial user namespace), so its first EPERM makes us read-only too.
    """

    def __init__(self, netns: str | None = None, *, loads: bool = True) -> None:
        self._netns = netns
        self._netlink = Netlink(netns, loads=loads)
        self._proc = Proc(netns)
        self._settings = Settings(netns)
        self._totals = Totals(netns)
        self._status = Status(netns)
        self._interfaces = Interfaces(netns)
        self._connections = Connections(netns)
        self._filter = PacketFilter(netns)
        self._door = Door(self._netlink, self._filter, netns)
        self._forwards = Forwards(netns)
        self._policies = Policies(netns)
        self._addresses = Addresses(netns)
        self._known = _Known(EMPTY, {}, None, EMPTY)
        self._denied = not _may_administer()

    @property
    def origin(self) -> str:
        """Return the name of the kernel."""
        return f"Linux {os.uname().release}"

    @property
    def read_only(self) -> str:
        """Return why nothing can be written, empty where it can."""
        return f"{NO_RIGHT}; {_IN_PROC}" if self._denied else ""

    @cached_property
    def schedulers(self) -> tuple[str, ...]:
        """Return the schedulers that are loaded or could be, as it was at the first look."""
        return find_schedulers()

    @property
    def interfaces(self) -> tuple[str, ...]:
        """Return the interfaces of the namespace; none are looked up where no daemon could be started on them."""
        return () if self._denied else self._interfaces.read()

    @property
    def network(self) -> LiveNetwork:
        """Return the network of the namespace."""
        from lvstui.kernel.network.network import LiveNetwork  # with what the doctor asks, which most runs do without

        return LiveNetwork(self._netns)

    def read(self) -> Reading:
        """Read everything, or what /proc shows."""
        reading = self._table()
        total, cpus = self._totals.read()
        rules = self._filter.read()
        if self._filter.shut and not self._denied:
            self._door.sweep()
        director = self._whole(reading.director, rules)
        forwards = self._forwards.read()
        table = None if self._denied else self._status.read()
        counted = replace(reading, total=total, cpus=cpus, rules=rules, forwards=forwards, table=table)
        return replace(counted, director=director, policies=self._policies.read(), addresses=self._addresses.read())

    def program(self) -> Program:
        """Read all rules on the way to IPVS."""
        return self._filter.program()

    def read_filter(self) -> Reading:
        """Read the packet filter alone."""
        rules = self._filter.read()
        director = Director(marks=None if rules.missing or not rules.generation else groups(rules.rules))
        forwards, addresses = self._forwards.read(), self._addresses.read()
        return Reading(director, NO_INFO, time.monotonic(), rules=rules, forwards=forwards, addresses=addresses)

    def probe(self, question: Question) -> Answer:
        """Ask a real server."""
        from lvstui.kernel.probes.way import ask  # with what sends packets, which most runs do without

        return call_in(self._netns, partial(ask, question), apart=True)

    def _table(self) -> Reading:
        if not self._denied:
            try:
                reading = self._netlink.read()
                left = reading.director.daemons.get(SyncRole.BACKUP)
                if left is not None and is_ours(left):
                    self._door.sweep()
                    return self._netlink.read()
                return reading
            except NoRight:
                self._denied = True
        return self._proc.read()

    def _whole(self, table: Director, rules: Ruleset) -> Director:
        """Add the settings of net.ipv4.vs and our groups of the packet filter to what else is configured.

        The same object again where nothing changed. Where rules cannot be read or written, nothing is known of marks.
        """
        settings = self._settings.read()
        generation = None if rules.missing or not rules.generation else rules.generation
        known = self._known
        if table is not known.table or settings is not known.settings or generation != known.generation:
            marks = None if generation is None else groups(rules.rules)
            whole = replace(table, sysctl=settings, marks=marks)
            known = self._known = _Known(table, settings, generation, whole)
        return known.whole

    def lookup(self, target: Target) -> Value | None:
        """Read one object; the table of /proc can be read as a whole only."""
        match target:
            case SysctlKey(name):
                return self._settings.lookup(name)
            case MarkGroupKey(mark):
                return self._filter.lookup(mark)
            case DirectorField.NAME | DirectorField.SYNC:
                return None
            case _:
                return lookup(self._proc.read().director, target) if self._denied else self._netlink.lookup(target)

    def write(self, change: Change) -> None:
        """Write one change."""
        writer = self._writer()
        match change.target:
            case SysctlKey():
                self._settings.write(change)
            case MarkGroupKey():
                self._filter.write(change)
            case _:
                writer.write(change)

    def scan(self, *, engines: bool = False) -> Generator[Piece, None, None]:
        """Read the connection table, which anybody may."""
        return self._connections.scan(engines=engines)

    def stream(self, *, engines: bool = False) -> Generator[Piece, None, None]:
        """Read the connection table for somebody who keeps nothing of it."""
        return self._connections.stream(engines=engines)

    def send_sync(self, messages: Sequence[Message]) -> str:
        """Send messages about connections to a sync daemon; return why others could do so too meanwhile."""
        self._writer()
        return self._door.send(messages, backup_only=self._settings.read().get("backup_only", "0") != "0")

    def zero(self, key: ServiceKey | None) -> None:
        """Zero the counters of one service or (None) of everything."""
        self._writer().zero(key)

    def close(self) -> None:
        """Close the socket and the files."""
        for opened in (self._netlink, self._settings, self._totals, self._status, self._interfaces, self._policies):
            opened.close()
        self._addresses.close()
        self._filter.close()
        self._forwards.close()

    def _writer(self) -> Netlink:
        if self._denied:
            raise NoRight(NO_RIGHT)
        return self._netlink


def _may_administer() -> bool:
    """Return whether this thread has CAP_NET_ADMIN; without a /proc that says so only the kernel's answers can tell."""
    try:
        status = _STATUS.read_text()
    except OSError:
        return True
    found = re.search(r"^CapEff:\s*([0-9a-f]+)", status, re.MULTILINE)
    return found is not None and bool(int(found[1], 16) & _CAP_NET_ADMIN)


def find_settings(netns: str | None) -> frozenset[str]:
    """Return the names of the settings that IPVS has in a network namespace, none where it is not loaded.

    Unlike a question over netlink this loads no module.
    """
    settings = Settings(netns)
    try:
        return frozenset(settings.read())
    finally:
        settings.close()


def find_schedulers(loaded: Path = LOADED, modules: Path = MODULES, release: str = "") -> tuple[str, ...]:
    """Return the schedulers that are loaded, built in or installed for the running kernel, in alphabetical order.

    Where nothing can be found out (a kernel without modules) all schedulers of Linux are returned: the kernel refuses
    one that it lacks with a sentence.
    """
    folder = modules / (release or os.uname().release)
    found = set()
    for path in (loaded, folder / "modules.dep", folder / "modules.builtin"):
        with suppress(OSError):
            names = (_MODULE.search(line.partition(" ")[0]) for line in path.read_text(errors="replace").splitlines())
            found |= {name[1] for name in names if name}
    return tuple(sorted(found - _NO_SCHEDULERS or SCHEDULERS - {"none"}))
