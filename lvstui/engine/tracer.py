"""A packet followed through one kernel: its rules, its services and its table, as they are now."""

from __future__ import annotations

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
from lvstui.core.trace.route import RouteQuestion
from lvstui.core.trace.trace import Scene, Trace, trace
from lvstui.engine.scanner import read_table
from lvstui.kernel.port import Kernel

BUDGET: Final = 10.0
"""Seconds that reading the connection table may take; after that the trace says that it is not certain."""


def follow(
    kernel: Kernel, packet: Packet, reading: Reading, scan: Scan | None = None, *, budget: float = BUDGET
) -> Trace:
    """Follow a packet; a reading without IPVS leaves its rules alone. Raises `KernelError` and `FieldError`.

    The connection table is read for `budget` seconds at most, unless there is a `scan` of all of it.
    """
    if packet.interface and kernel.interface_index(packet.interface) is None:
        raise FieldError(IN, f"there is no interface {quote(packet.interface)}; `ip link` lists them")
    route = cache(kernel.route)

    def address_type(address: Address) -> str | None:
        return route(RouteQuestion(address)).kind or None

    director = reading.director
    around = Surroundings(address_type, kernel.interface_index, reading.addresses.get)
    through = partial(walk, kernel.program(), steps=True)
    tracked = partial(through, around=around)
    if reading.info == NO_INFO:
        return trace(packet, Scene(tracked, route))
    if scan is None:
        scan = read_table(kernel, budget, wanted_clients([packet.source], director), engines=has_engine(director))
    kept = director.sysctl.get("conntrack", "0") != "0"
    forgotten = None if kept else partial(through, around=replace(around, tracked=False))
    return trace(packet, Scene(tracked, route, reading, scan, forgotten))
