"""Looks servers up in the kernel's neighbour table where their health is in doubt; nothing is sent."""

from __future__ import annotations

from contextlib import suppress

from lvstui.core.health.reach import Hop
from lvstui.core.health.watch import Watch
from lvstui.core.model import Address
from lvstui.core.trace.route import Route, RouteQuestion
from lvstui.kernel.port import Kernel, KernelError


def look_up(kernel: Kernel, watch: Watch, now: float) -> None:
    """Answer what a watch asks of the neighbour table; where that cannot be read, nothing is known."""
    if not (asked := watch.asks_hops(now)):
        return
    routes: tuple[Route, ...] = (Route(),) * len(asked)
    with suppress(KernelError):
        routes = tuple(kernel.network.routes([RouteQuestion(address) for address in asked]))
    watch.hear({address: _hop(address, route) for address, route in zip(asked, routes, strict=True)}, now)


def _hop(server: Address, route: Route) -> Hop | None:
    return Hop(route.gateway or server, route.neighbour) if route.kind == "unicast" and route.neighbour else None
