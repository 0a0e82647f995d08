"""A director and its real servers in namespaces of their own, each server with another fault.

probing 10.77.0.1, fd77::1, virtual 192.0.2.77, 2001:db8:77::77  --  probed-good .11, -bare .12, -flat .13
"""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from lvstui.kernel.namespace import call_in

DIRECTOR: Final = "probing"
SERVERS: Final = {"probed-good": 11, "probed-bare": 12, "probed-flat": 13}
"""Has everything; lacks the virtual addresses; has them, but no tunnels."""

VIRTUAL: Final = {4: "192.0.2.77", 6: "2001:db8:77::77"}
GUE_PORT: Final = 6080

_MODULES: Final = ("ipip", "ip_gre", "fou", "fou6", "ip6_tunnel", "sit", "ip6_gre")
_DEVICES: Final = ("tunl0", "sit0", "gre0", "ip6tnl0", "ip6gre0")
_LISTEN: Final = "0A"


@contextmanager
def network() -> Iterator[None]:
    """Build it, with servers that listen on port 80, and take it away."""
    names = (DIRECTOR, *SERVERS)
    with ExitStack() as stack:
        stack.callback(_take_away, names)
        _run("modprobe", "-a", *_MODULES)
        for name in names:
            _run("ip", "netns", "add", name)
        _batch(DIRECTOR, _director())
        for name, number in SERVERS.items():
            _batch(name, _server(name, number))
            call_in(name, _calm)
            if name != "probed-flat":
                _run("ip", "-n", name, "fou", "add", "port", str(GUE_PORT), "gue")
                _run("ip", "-n", name, "-6", "fou", "add", "port", str(GUE_PORT), "gue")
            for listening in call_in(name, _listen):
                stack.enter_context(listening)
        yield


def open_connections(name: str) -> Sequence[str]:
    """Return the TCP connections of a namespace in any state, those half open and those that wait to end included."""

    def read() -> list[str]:
        tables = (Path(f"/proc/thread-self/net/{table}").read_text().splitlines()[1:] for table in ("tcp", "tcp6"))
        return [line for table in tables for line in table if line.split()[3] != _LISTEN]

    return call_in(name, read, apart=True)


def _director() -> list[str]:
    lines = [
        "link set lo up",
        "link add br0 type bridge",
        "link set br0 up",
        "addr add 10.77.0.1/24 dev br0",
        "addr add fd77::1/64 dev br0 nodad",
        *(f"addr add {address} dev lo" for address in VIRTUAL.values()),
        "route add 10.99.0.0/24 via 10.77.0.12",
        "route add fd99::/64 via fd77::12",
    ]
    for name, number in SERVERS.items():
        lines += [f"link add s{number} type veth peer name eth0 netns {name}", f"link set s{number} master br0 up"]
    return lines


def _server(name: str, number: int) -> list[str]:
    lines = ["link set lo up", "link set eth0 up"]
    lines += [f"addr add 10.77.0.{number}/24 dev eth0", f"addr add fd77::{number}/64 dev eth0 nodad"]
    if name != "probed-bare":
        lines += [f"addr add {address} dev lo" for address in VIRTUAL.values()]
    if name != "probed-flat":
        lines.append(f"link add fourinsix type ip6tnl mode any local fd77::{number} remote any")
        lines += [f"link set {device} up" for device in (*_DEVICES, "fourinsix")]
    return lines


def _calm() -> None:
    """Let a server take what comes out of tunnels, and not speak for the virtual address on the link."""
    for folder in Path("/proc/sys/net/ipv4/conf").iterdir():
        for name, value in {"rp_filter": 0, "arp_ignore": 1, "arp_announce": 2}.items():
            (folder / name).write_text(f"{value}\n")
    Path("/proc/sys/net/ipv4/ip_forward").write_text("0\n")  # a new namespace has what the guest has just now
    for setting in ("ipv4/icmp_ratelimit", "ipv6/icmp/ratelimit"):  # as many complain at once
        Path(f"/proc/sys/net/{setting}").write_text("0\n")


def _listen() -> list[socket.socket]:
    return [
        socket.create_server(("0.0.0.0", 80)),
        socket.create_server(("::", 80), family=socket.AF_INET6),
    ]


def _batch(name: str, lines: Sequence[str]) -> None:
    subprocess.run(["ip", "-n", name, "-batch", "-"], input="\n".join(lines), text=True, check=True)


def _run(*words: str) -> None:
    subprocess.run(words, check=True)


def _take_away(names: Sequence[str]) -> None:
    for name in names:
        if Path(f"/run/netns/{name}").exists():
            subprocess.run(["ip", "-n", name, "-force", "-batch", "-"], input="link del br0\nlink del eth0", text=True)
            _run("ip", "netns", "del", name)
