"""Where the kernel sends a packet, and what it knows of the next hop: its own answers, by way of pyroute2."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from lvstui.core.trace.route import FILTERED, Route, RouteQuestion
from lvstui.kernel.namespace import call_in

if TYPE_CHECKING:
    from pyroute2 import IPRoute

_KINDS: Final = {
    1: "unicast",
    2: "local",
    3: "broadcast",
    4: "anycast",
    5: "multicast",
    6: "blackhole",
    7: "unreachable",
    8: "prohibit",
    9: "throw",
}
"""The words of `ip route` for a route (enum in include/uapi/linux/rtnetlink.h: RTN_*)."""

_NEIGHBOURS: Final = {
    0x01: "incomplete",
    0x02: "reachable",
    0x04: "stale",
    0x08: "delay",
    0x10: "probe",
    0x20: "failed",
    0x40: "noarp",
    0x80: "permanent",
}
"""The words of `ip neighbour` (include/uapi/linux/neighbour.h: NUD_*)."""

_SETTINGS: Final = Path("/proc/sys/net/ipv4/conf")

_NOARP: Final = 0x80 | 0x8
"""Interfaces on which nobody is asked for a link address (IFF_NOARP, IFF_LOOPBACK)."""

_TROUBLES: Final = {
    errno.ENETUNREACH: "there is no route",
    errno.EHOSTUNREACH: "the route says unreachable, or this machine does not forward packets",
    errno.EACCES: "the route says prohibit",
    errno.EXDEV: FILTERED,
    errno.EINVAL: "the kernel takes no such packet (a strange source, or a route that says blackhole)",
}
"""What the kernel's answer to the question for a route means."""


def find_route(question: RouteQuestion, netns: str | None) -> Route:
    """Ask the kernel for a route in a network namespace (a name of `ip netns`) or in ours, and for its next hop.

    What goes wrong stands in the answer; raises `KernelError` where there is no such namespace.
    """
    (found,) = find_routes((question,), netns)
    return found


def find_routes(questions: Sequence[RouteQuestion], netns: str | None) -> Sequence[Route]:
    """Ask for several routes as `find_route` does, in a quarter of the time for each."""
    # pyroute2 would join an event loop that runs in this thread.
    return call_in(netns, partial(_find, questions), apart=True) if questions else ()


def find_interface(name: str, netns: str | None) -> int | None:
    """Return the number of an interface in a network namespace, None where there is none of that name."""
    try:
        return call_in(netns, partial(socket.if_nametoindex, name))
    except OSError:
        return None


def _find(questions: Sequence[RouteQuestion]) -> Sequence[Route]:
    """Ask in the calling thread; pyroute2 is imported here as that takes a tenth of a second."""
    from pyroute2 import IPRoute

    try:
        with IPRoute() as kernel:
            links: dict[int, _Link] = {}
            return [_answer(kernel, question, links) for question in questions]
    except OSError as problem:
        return [Route(trouble=problem.strerror or str(problem))] * len(questions)


class _Link(NamedTuple):
    """What is known of an interface: its name, its flags, its MTU."""

    name: str
    flags: int
    mtu: int


def _answer(kernel: IPRoute, question: RouteQuestion, links: dict[int, _Link]) -> Route:
    from pyroute2 import NetlinkError

    try:
        return _ask(kernel, question, links)
    except NetlinkError as problem:
        if problem.code == errno.EINVAL and _is_filtered(kernel, question, links):
            return Route(trouble=FILTERED)
        return Route(trouble=_TROUBLES.get(problem.code) or os.strerror(problem.code))


def _is_filtered(kernel: IPRoute, question: RouteQuestion, links: dict[int, _Link]) -> bool:
    """Return whether it is rp_filter that drops a packet; newer kernels say EINVAL of whatever comes in and is dropped.

    The larger of two settings counts: 1 wants the way back to lead out by the same interface, 2 any way back.
    """
    if question.source is None or question.source.version != 4 or not question.interface:
        return False
    value = 0
    for name in ("all", question.interface):
        with suppress(OSError, ValueError):
            value = max(value, int((_SETTINGS / name / "rp_filter").read_text()))
    back = _answer(kernel, RouteQuestion(question.source), links)
    return bool(value) and (not back.kind or (value == 1 and back.interface != question.interface))


def _ask(kernel: IPRoute, question: RouteQuestion, links: dict[int, _Link]) -> Route:
    destination, source, mark, interface = question
    wanted: dict[str, str | int] = {"dst": str(destination)}
    if interface:
        numbers = kernel.link_lookup(ifname=interface)
        if not numbers:
            return Route(trouble=f"there is no interface {interface}")
        wanted["iif"] = numbers[0]
    if source is not None:
        wanted["src"] = str(source)
    if mark:
        wanted["mark"] = mark
    (found,) = kernel.route("get", **wanted)
    kind = _KINDS.get(found["type"], str(found["type"]))
    gateway = found.get_attr("RTA_GATEWAY")
    number = found.get_attr("RTA_OIF")
    if gateway is None and (via := found.get_attr("RTA_VIA")):  # a router of the other family
        gateway = via["addr"]
    route = Route(kind, gateway=ip_address(gateway) if gateway else None)
    if number is None:
        return route
    link = links.get(number) or links.setdefault(number, _link(kernel, number))
    metrics = found.get_attr("RTA_METRICS")
    mtu = metrics.get_attr("RTAX_MTU") if metrics else None
    route = route._replace(interface=link.name, mtu=mtu or link.mtu)
    if kind != "unicast" or link.flags & _NOARP:
        return route
    link_address, neighbour = _neighbour(kernel, gateway or str(destination), number)
    return route._replace(link_address=link_address, neighbour=neighbour)


def _link(kernel: IPRoute, number: int) -> _Link:
    (link,) = kernel.link("get", index=number)
    return _Link(link.get_attr("IFLA_IFNAME") or str(number), link["flags"], link.get_attr("IFLA_MTU") or 0)


def _neighbour(kernel: IPRoute, address: str, number: int) -> tuple[str, str]:
    """Return a neighbour's link address and state; the kernel knows those only that it had to ask for lately."""
    from pyroute2 import NetlinkError

    try:
        (found,) = kernel.neigh("get", dst=address, ifindex=number)
    except NetlinkError:
        return "", "unknown"
    return found.get_attr("NDA_LLADDR") or "", _NEIGHBOURS.get(found["state"], "unknown")
