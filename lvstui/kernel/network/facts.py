"""What this machine's network is: links, addresses, settings and counters, in the calling thread's namespace."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lvstui.core.doctor.facts import ANYBODY, Link, Local, NetworkFacts
from lvstui.core.model import Address, Family

if TYPE_CHECKING:
    from pyroute2 import IPRoute

_SETTINGS: Final = Path("/proc/sys/net")
_GENERAL: Final = (
    "ipv4/ip_forward",
    "ipv6/conf/all/forwarding",
    "ipv4/conf/all/rp_filter",
    "ipv4/conf/all/send_redirects",
    "ipv4/conf/all/arp_ignore",
    "netfilter/nf_conntrack_count",
    "netfilter/nf_conntrack_max",
)
_OF_LINKS: Final = ("forwarding", "rp_filter", "send_redirects", "arp_ignore")
"""Settings of each interface, below ipv4/conf."""

_MODULES: Final = Path("/sys/module")
_NET: Final = Path("/proc/thread-self/net")

_UP: Final = 0x1
_QUIET: Final = 0x8 | 0x10 | 0x80
"""Interfaces on which nobody is asked for a link address (IFF_LOOPBACK, IFF_POINTOPOINT, IFF_NOARP)."""

_INGRESS: Final = ("clsact", "ingress")
"""Queueing disciplines that hold filters for what comes in."""

_TEXT_MAX: Final = 65_536
"""Bytes of a table of routes that are looked at: one of the whole Internet has a hundred megabytes."""

_BEYOND: Final = 4
"""So many networks behind routers are named of a family."""

_ROUTER, _REJECTED = 0x2, 0x200
"""Flags of a route (RTF_GATEWAY, RTF_REJECT in include/uapi/linux/route.h)."""


def read_facts() -> NetworkFacts:
    """Read all of it; what cannot be read is left out, and said."""
    from pyroute2 import IPRoute, NetlinkError

    links: Mapping[str, Link] = {}
    addresses: Mapping[Address, Local] = {}
    classified: tuple[str, ...] = ()
    trouble = ""
    try:
        with IPRoute() as kernel:
            links, addresses = _read_links(kernel)
            classified = _read_classified(kernel)
    except (NetlinkError, OSError) as problem:
        trouble = f"interfaces and addresses cannot be read: {problem}"
    return NetworkFacts(
        links=links,
        addresses=addresses,
        settings=dict(_settings(links)),
        modules=_loaded(),
        beyond=tuple(_beyond()),
        filtered=filtered(),
        classified=classified,
        trouble=trouble,
    )


def _read_links(kernel: IPRoute) -> tuple[Mapping[str, Link], Mapping[Address, Local]]:
    names, links = {}, {}
    for found in kernel.get_links():
        name = found.get_attr("IFLA_IFNAME")
        names[found["index"]] = name
        asks = not found["flags"] & _QUIET
        link_address = found.get_attr("IFLA_ADDRESS") or ""
        links[name] = Link(name, found.get_attr("IFLA_MTU") or 0, link_address, bool(found["flags"] & _UP), asks)
    addresses = {}
    for found in kernel.get_addr():
        text = found.get_attr("IFA_LOCAL") or found.get_attr("IFA_ADDRESS")
        if text and found["index"] in names:
            addresses[ip_address(text)] = Local(names[found["index"]], found["prefixlen"])
    return links, addresses


def _read_classified(kernel: IPRoute) -> tuple[str, ...]:
    """Return the interfaces where filters of tc may see what comes in."""
    ingress = {found["index"] for found in kernel.get_qdiscs() if found.get_attr("TCA_KIND") in _INGRESS}
    return tuple(found.get_attr("IFLA_IFNAME") for found in kernel.get_links() if found["index"] in ingress)


def _settings(links: Iterable[str]) -> Iterator[tuple[str, str]]:
    for path in (*_GENERAL, *(f"ipv4/conf/{link}/{name}" for link in links for name in _OF_LINKS)):
        with suppress(OSError):
            yield path, (_SETTINGS / path).read_text(errors="replace").strip()


def _loaded() -> frozenset[str] | None:
    """Return the modules of IPVS that there are, built in or loaded."""
    try:
        return frozenset(name for name in os.listdir(_MODULES) if name.startswith("ip_vs"))  # noqa: PTH208 - names
    except OSError:
        return None


def filtered() -> int | None:
    """Return how many packets rp_filter has dropped since boot, None where that is not counted."""
    try:
        lines = (_NET / "netstat").read_text(errors="replace").splitlines()
    except OSError:
        return None
    for names, values in zip(lines[::2], lines[1::2], strict=False):
        counted = dict(zip(names.split(), values.split(), strict=False))
        if (count := counted.get("IPReversePathFilter", "")).isdigit():
            return int(count)
    return None


def _beyond() -> Iterator[Address]:
    """Yield an address of each of the first networks behind routers, of both families."""
    for name, parse in (("route", ipv4_network), ("ipv6_route", ipv6_network)):
        with suppress(OSError), (_NET / name).open(errors="replace") as file:
            yield from routed(file.read(_TEXT_MAX), parse)


def routed(text: str, parse: Callable[[list[str]], Address | None]) -> list[Address]:
    """Return an address of each of the first networks in a table of routes; its last line may be cut off."""
    found: dict[Address, None] = {}
    for line in text.rpartition("\n")[0].splitlines():
        with suppress(ValueError, IndexError):
            if len(found) < _BEYOND and (address := parse(line.split())) is not None:
                found[address] = None
    return list(found)


def ipv4_network(words: list[str]) -> Address | None:
    """Read a line of /proc/net/route: its addresses are in the byte order of the machine."""
    if not words[1].isalnum() or not int(words[3], 16) & _ROUTER or int(words[3], 16) & _REJECTED:
        return None
    network = IPv4Address(bytes.fromhex(words[1])[::-1] if _is_little() else bytes.fromhex(words[1]))
    return network + 1 if int(network) else ANYBODY[Family.IPV4]


def ipv6_network(words: list[str]) -> Address | None:
    """Read a line of /proc/net/ipv6_route."""
    if not int(words[8], 16) & _ROUTER or int(words[8], 16) & _REJECTED:
        return None
    network = IPv6Address(bytes.fromhex(words[0]))
    return network + 1 if int(network) else ANYBODY[Family.IPV6]


def _is_little() -> bool:
    return sys.byteorder == "little"
