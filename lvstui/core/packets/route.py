"""What a packet passes on its way to IPVS, in the order in which the kernel has it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, groupby, permutations, product
from typing import Final, TypeAlias, TypeVar

from lvstui.core.packets.packet import Packet
from lvstui.core.packets.program import Program, Stop

TRACKING: Final = -200
"""Where connection tracking stands in prerouting and output (NF_IP_PRI_CONNTRACK)."""

TRANSLATION: Final = -100
"""Where chains of kind nat run there, whatever their own priorities (NF_IP_PRI_NAT_DST; nf_nat_core.c)."""

IPVS: Final = {"input": 99, "output": -98, "forward": 100}
"""Where IPVS stands (ip_vs_core.c: NF_IP_PRI_NAT_SRC - 1, NF_IP_PRI_NAT_DST + 2, for answers of servers 100)."""

_FAMILIES: Final = {4: ("ip", "inet"), 6: ("ip6", "inet")}


@dataclass(frozen=True, slots=True)
class Pass:
    """A base chain; one that is not `sure` may be passed by."""

    stop: Stop
    sure: bool = True


@dataclass(frozen=True, slots=True)
class Track:
    """Connection tracking; where it is not `sure`, it may come here or later."""

    sure: bool = True


@dataclass(frozen=True, slots=True)
class Translate:
    """The base chains of kind nat, which the first packet of a connection goes through until one has decided.

    Where that is not `sure`, it may be here or later.
    """

    stops: tuple[Stop, ...]
    sure: bool = True


@dataclass(frozen=True, slots=True)
class Mingle:
    """Base chains in an order that is not known."""

    passes: tuple[Pass, ...]


Part: TypeAlias = Pass | Track | Translate | Mingle

_T = TypeVar("_T")


def orders(these: Sequence[_T], stop_of: Callable[[_T], Stop]) -> Iterator[Sequence[_T]]:
    """Yield all orders in which neighbours with the same tie may come, the usual one first."""
    runs = [list(run) for _, run in groupby(these, lambda one: stop_of(one).tie or one)]
    for chosen in product(*(_orders_of(run, stop_of) for run in runs)):
        yield [one for run in chosen for one in run]


def _orders_of(run: Sequence[_T], stop_of: Callable[[_T], Stop]) -> Iterator[Sequence[_T]]:
    tables = [stop_of(one).table for one in run]
    for order in permutations(range(len(run))):
        if all(one < other or tables[one] is not tables[other] for one, other in combinations(order, 2)):
            yield [run[place] for place in order]


def route(program: Program, packet: Packet, *, beyond: bool = False) -> Iterator[tuple[str, Part]]:
    """Yield the hooks and their parts that a packet passes before IPVS sees it, or `beyond` those of all its way.

    That is the way of what IPVS leaves alone: in to a program of this machine, or out of it. What is forwarded is
    followed to where IPVS gives answers the virtual address.
    """
    hooks: tuple[str, ...] = ("ingress", "prerouting", "forward" if packet.leaves_by else "input")
    if packet.local:
        hooks = ("output", *(("postrouting",) if beyond else ()))
    for hook in hooks:
        stops = [stop for stop in program.hooks.get(hook, ()) if _meets(stop, hook, packet)]
        parts = _parts(stops) if hook in ("prerouting", "output") else _passes(stops, hook, packet)
        seen = parts if beyond else (kept for part in parts if (kept := _before_ipvs(part, hook)) is not None)
        for part in _mingled(seen):
            yield hook, part


def _mingled(parts: Iterable[Part]) -> Iterator[Part]:
    """Yield parts, neighbours whose order is not known as one."""
    for _, run in groupby(parts, lambda part: (isinstance(part, Pass) and part.stop.tie) or part):
        passes = tuple(run)
        yield passes[0] if len(passes) == 1 else Mingle(tuple(one for one in passes if isinstance(one, Pass)))


def _meets(stop: Stop, hook: str, packet: Packet) -> bool:
    """Return whether a packet may come to a base chain."""
    table, devices = stop.table, stop.chain.devices
    if table.dormant:
        return False
    if hook == "ingress" and table.family in ("netdev", "inet"):
        return not packet.interface or any(_is_device(device, packet.interface) for device in devices)
    return table.family in _FAMILIES[packet.destination.version]


def _is_device(device: str, interface: str) -> bool:
    """Return whether an interface is meant by a device of a chain, which may be the beginning of names."""
    return interface.startswith(device[:-1]) if device.endswith("*") else interface == device


def _passes(stops: Sequence[Stop], hook: str, packet: Packet) -> Iterator[Part]:
    """Yield the base chains of a hook without NAT: what comes after IPVS translates sources (NF_IP_PRI_NAT_SRC)."""
    for stop in stops:
        if stop.chain.kind != "nat":
            yield Pass(stop, sure=hook != "ingress" or packet.interface != "")


def _parts(stops: Sequence[Stop]) -> Iterator[Part]:
    """Yield the base chains of a hook with connection tracking and NAT among them."""
    nat = Translate(tuple(stop for stop in stops if stop.chain.kind == "nat"))
    tracked = asked = translated = doubted = False
    for stop in stops:
        if stop.chain.kind == "nat":
            continue
        priority, early = stop.chain.priority, stop.early
        if not tracked and (priority > TRACKING or (priority == TRACKING and early is False)):
            yield Track()
            tracked = True
        elif priority == TRACKING and early is None and not tracked and not asked:
            yield Track(sure=False)
            asked = True
        if not translated and (priority > TRANSLATION or (priority == TRANSLATION and early is False)):
            yield nat
            translated = True
        elif priority == TRANSLATION and early is None and not translated and not doubted and nat.stops:
            yield replace(nat, sure=False)
            doubted = True
        yield Pass(stop)
    if not tracked:
        yield Track()
    if not translated:
        yield nat


def _before_ipvs(part: Part, hook: str) -> Part | None:
    """Return a part as far as it comes before IPVS."""
    if not isinstance(part, Pass) or hook not in IPVS:
        return part
    priority, early = part.stop.chain.priority, part.stop.early
    if priority < IPVS[hook]:
        return part
    if priority > IPVS[hook] or early is False:
        return None
    return part if early else Pass(part.stop, sure=False)
