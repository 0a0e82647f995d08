"""A packet followed through one kernel: its rules, its services and its table, as they are now."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from typing import Final

from lvstui.core.entries.resolve import has_engine, wanted_clients
from lvstui.core.fields import FieldError, quote
from lvstui.core.model import Address
from lvstui.core.observed import NO_INFO, Reading, Scan
from lvstui.core.packets.packet import Packet
from lvstui.core.packets.scene import Surroundings
from lvstui.core.packets.walk import walk
from lvstui.core.trace.request import IN
from lvstui.core.trace.route import Route, RouteQuestion
from lvstui.core.trace.trace import NO_TABLE, Environment, Trace, trace
from lvstui.engine.scanner import read_table
from lvstui.kernel.port import Kernel

BUDGET: Final = 10.0
"""Seconds that reading the connection table may take; after that the trace says that it is not certain."""


def check_interface(kernel: Kernel, packet: Packet) -> None:
    """Raise `FieldError` where a packet comes in by an interface that there is not."""
    if packet.interface and kernel.network.index(packet.interface) is None:
        raise FieldError(IN, f"there is no interface {quote(packet.interface)}; `ip link` lists them")


def follow(
    kernel: Kernel, packet: Packet, reading: Reading, scan: Scan | None = None, *, budget: float = BUDGET
) -> Trace:
    """Follow a packet; a reading without IPVS leaves its rules alone. Raises `KernelError` and `FieldError`.

    The connection table is read for `budget` seconds at most, unless there is a `scan` of all of it.
    """
    check_interface(kernel, packet)
    if scan is None and reading.info != NO_INFO:
        director = reading.director
        scan = read_table(kernel, budget, wanted_clients([packet.source], director), engines=has_engine(director))
    return trace(packet, environment(kernel, cache(kernel.network.route), reading, scan or NO_TABLE))


def environment(
    kernel: Kernel, route: Callable[[RouteQuestion], Route], reading: Reading, scan: Scan = NO_TABLE
) -> Environment:
    """Return what packets meet: the rules as they are now, with what is known of this machine."""
    around = surroundings(kernel, route, reading)
    through = partial(walk, kernel.program(), steps=True)
    tracked = partial(through, around=around)
    if reading.info == NO_INFO:
        return Environment(tracked, route)
    kept = reading.director.sysctl.get("conntrack", "0") != "0"
    balanced = partial(through, around=replace(around, tracked=kept, balanced=True))
    return Environment(tracked, route, reading, scan, balanced)


def surroundings(kernel: Kernel, route: Callable[[RouteQuestion], Route], reading: Reading) -> Surroundings:
    """Return what rules may ask of this machine."""

    def address_type(address: Address) -> str | None:
        return route(RouteQuestion(address)).kind or None

    def leaves_by(to: Address, source: Address, mark: int) -> str | None:
        found = route(RouteQuestion(to, source, mark))
        return found.interface if found.kind == "unicast" else None

    return Surroundings(address_type, kernel.network.index, reading.addresses.get, leaves_by)
