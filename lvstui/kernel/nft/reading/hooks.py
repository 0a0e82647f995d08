"""The order in which packets come to base chains: by priority, and where that is the same as the kernel lists them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations, count, groupby
from typing import Final, TypeAlias

from lvstui.core.packets.program import ByteOrder, Program, Stop, Table
from lvstui.core.packets.route import IPVS, TRACKING, TRANSLATION
from lvstui.kernel.nft.nfnetlink import NUMBERS, Hooked

HOOKS: Final[Mapping[str, int]] = {
    "ingress": 0,
    "prerouting": 0,
    "input": 1,
    "forward": 2,
    "output": 3,
    "postrouting": 4,
}
"""The hooks of packets of IP by the kernel's numbers (NF_NETDEV_INGRESS, NF_INET_*)."""

FAMILIES: Final = frozenset(("ip", "ip6", "inet", "netdev"))
"""Families of tables whose chains packets of IP pass there."""

Listing: TypeAlias = Callable[[int, int, str], Sequence[Hooked]]
"""Lists what is registered with a family's hook, of a device at ingress, in the order in which packets come to it."""

_NAT: Final = {"prerouting": TRANSLATION, "output": TRANSLATION, "input": 100, "postrouting": 100}
"""Where all chains of NAT run, whatever their own priorities, which only count among them (nf_nat_register_fn)."""

_LEGACY: Final = ("ipt_", "ip6t_", "iptable_", "ip6table_")
_NAT_HOOK: Final = "nf_nat_"
"""How the functions are called that run tables of legacy iptables, and the chains of NAT."""

_KERNELS_OWN: Final = {
    ("prerouting", TRACKING): ("ipv4_conntrack_", "ipv6_conntrack_"),
    ("output", TRACKING): ("ipv4_conntrack_", "ipv6_conntrack_"),
    ("prerouting", TRANSLATION): (_NAT_HOOK,),
    ("output", TRANSLATION): (_NAT_HOOK,),
} | dict.fromkeys(IPVS.items(), ("ip_vs_",))
"""Where connection tracking, NAT and IPVS stand, and how their functions are called."""


def arrange(tables: Iterable[Table], order: ByteOrder, listing: Listing, trouble: str = "") -> Program:
    """Return the program that tables form; `listing` is only used where it decides, and may list nothing."""
    found: dict[str, list[tuple[int, Stop]]] = {}
    for table in tables:
        for chain in table.chains.values():
            if chain.hook in HOOKS and table.family in FAMILIES:
                runs = _NAT.get(chain.hook, chain.priority) if chain.kind == "nat" else chain.priority
                stop = Stop(table, replace(chain, priority=runs))
                # Of those with the same priority the newest comes first (nf_hook_entries_grow).
                found.setdefault(chain.hook, []).insert(0, (chain.priority, stop))
    hooks = {}
    ties = count(1)
    for hook in HOOKS:
        stops = _translating(sorted(found.get(hook, ()), key=lambda pair: pair[0]), ties)
        hooks[hook] = tuple(_in_order(hook, sorted(stops, key=_priority), listing, ties))
    return Program(hooks, order, trouble)


def _priority(stop: Stop) -> int:
    return stop.chain.priority


def _translating(stops: Iterable[tuple[int, Stop]], ties: Iterator[int]) -> Iterator[Stop]:
    """Yield stops with ties of those of NAT: the order of two at one priority of theirs is nowhere listed."""
    for _, same in groupby(stops, lambda pair: pair[0]):
        group = [stop for _, stop in same]
        of_nat = [stop for stop in group if stop.chain.kind == "nat"]
        tie = next(ties) if _crossing(of_nat) else 0
        yield from (stop._replace(tie=tie) if stop.chain.kind == "nat" else stop for stop in group)


def _in_order(hook: str, stops: Sequence[Stop], listing: Listing, ties: Iterator[int]) -> Iterator[Stop]:
    listed: list[Sequence[Hooked]] | None = None
    for priority, same in groupby(stops, _priority):
        group = list(same)
        passed = [stop for stop in group if stop.chain.kind != "nat"]
        own = _KERNELS_OWN.get((hook, priority)) if passed else None
        if own or _crossing(passed):
            if listed is None:
                listed = [listing(*place) for place in _places(hook, stops)]
            known: list[Stop] = []
            early: dict[int, bool] = {}
            for entries in listed:
                level = [entry for entry in entries if entry.priority == priority]
                known = _merged(known, [stop for entry in level for stop in _of(entry, group)])
                early |= _early(level, group, own) if own else {}
            tie = next(ties) if _crossing(passed, known) else 0
            group = [
                stop if stop.chain.kind == "nat" else stop._replace(early=early.get(id(stop)), tie=tie)
                for stop in _merged(known, group)
            ]
        yield from group


def _crossing(stops: Sequence[Stop], known: Sequence[Stop] = ()) -> bool:
    """Return whether a packet may come to two of these chains of one priority in an order that is not known.

    Within a table it is: the chain that was made last comes first.
    """
    return any(_meet(one, other) and not (one in known and other in known) for one, other in combinations(stops, 2))


def _early(level: Sequence[Hooked], group: Sequence[Stop], own: tuple[str, ...]) -> dict[int, bool]:
    """Return which chains of a group come before what the kernel itself does there, by their identity."""
    place = next((n for n, entry in enumerate(level) if entry.function.startswith(own)), None)
    if place is None:
        return {}
    return {id(stop): n < place for n, entry in enumerate(level) for stop in _of(entry, group)}


def _meet(one: Stop, other: Stop) -> bool:
    """Return whether a packet may come to both of two chains of a hook, which are of two tables."""
    families = {one.table.family, other.table.family}
    if one.chain.devices and other.chain.devices and not set(one.chain.devices) & set(other.chain.devices):
        return False
    return one.table is not other.table and families != {"ip", "ip6"}


def _places(hook: str, stops: Iterable[Stop]) -> Iterator[tuple[int, int, str]]:
    if hook == "ingress":
        for device in dict.fromkeys(device for stop in stops for device in stop.chain.devices):
            yield NUMBERS["netdev"], HOOKS[hook], device
    else:
        for family in ("ip", "ip6"):
            yield NUMBERS[family], HOOKS[hook], ""


def _of(entry: Hooked, stops: Iterable[Stop]) -> Iterator[Stop]:
    """Yield the base chains of a group that an entry of the kernel's list stands for."""
    for stop in stops:
        table, chain = stop.table, stop.chain
        if entry.chain:
            if table.tool == "nft" and (entry.table_family, entry.table, entry.chain) == (
                NUMBERS[table.family],
                table.name,
                chain.name,
            ):
                yield stop
        elif chain.kind == "nat":
            if entry.function.startswith(_NAT_HOOK):
                yield stop
        elif table.tool != "nft" and NUMBERS[table.family] == entry.family and entry.function.startswith(_LEGACY):
            yield stop


def _merged(first: Sequence[Stop], second: Sequence[Stop]) -> list[Stop]:
    """Return all of two lists that agree on the order of what both have."""
    result, place = list(first), 0
    for stop in second:
        if stop in result:
            place = result.index(stop) + 1
        else:
            result.insert(place, stop)
            place += 1
    return result
