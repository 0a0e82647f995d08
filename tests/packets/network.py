"""A client and a director in namespaces of their own, and what of the client's packets reaches IPVS's place.

client                                               director
198.18.0.0/16, 2001:db8:c::/48     --  front, wan1   192.0.2.0/24 and 2001:db8:1::/64 are all its own
"""

from __future__ import annotations

import ctypes
import json
import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

from lvstui.core.model import Address, Protocol
from tests.packets.frames import CLIENT_MAC, DIRECTOR_MAC, Flow, Turn, address, frame, packet

INTERFACES: Final = ("front", "wan1")
LOCAL: Final = tuple(
    map(
        ip_network,
        (
            *("192.0.2.0/24", "10.77.0.1/32", "10.78.0.1/32"),
            *("2001:db8:1::/64", "2001:db8:77::1/128", "2001:db8:78::1/128"),
        ),
    )
)

_NEW_NETWORK: Final = 0x40000000  # CLONE_NEWNET
_PATIENCE: Final = 20.0
"""Seconds until a packet that was expected is given up."""

_T = TypeVar("_T")

_PLACES: Final = {"in": "input priority 97", "out": "output priority -99"}
"""Right before IPVS takes a packet (ip_vs_ops4: LOCAL_IN 98 and 99, LOCAL_OUT -99 and -98)."""

_KINDS: Final = {
    "marks": ("mark", "meta mark"),
    "connections": ("mark", "ct mark"),
    "places": ("ipv{}_addr", "{} daddr"),
    "ports": ("inet_service", "th dport"),
    "answering": ("ipv{}_addr", "ct reply {} saddr"),
    "answering_ports": ("inet_service", "ct reply proto-src"),
}
"""What is recorded of a packet: the type of it, and how it is loaded."""

Key = tuple[Protocol, Address, int]
"""A packet's protocol, source and source port, by which it is known again."""


class Seen(NamedTuple):
    """A packet at IPVS's place: its mark, its connection's (None where it is not tracked), and where it goes.

    The answer comes from where connection tracking waits for it: where nothing is tracked, from where it went.
    """

    mark: int
    connection_mark: int | None
    destination: Address
    port: int
    answering: Address
    answering_port: int


def key_of(flow: Flow) -> Key:
    """Return what a packet is known by."""
    return flow.protocol, flow.source, flow.source_port


def is_local(where: Address) -> bool:
    """Return whether the director takes packets to an address for its own."""
    return any(where in network for network in LOCAL)


class Network:
    """The client's and the director's namespace; the calling thread is in the director's."""

    def __init__(self, lines: Sequence[socket.socket], raw: dict[int, socket.socket]) -> None:
        self._lines = dict(zip(INTERFACES, lines, strict=True))
        self._raw = raw

    def send(self, flow: Flow, turn: Turn, interface: str) -> None:
        """Send a packet from the client."""
        self._lines[interface].send(frame(flow, turn))

    def send_here(self, flow: Flow, turn: Turn) -> None:
        """Send a packet from the director itself; one that its rules drop is not sent."""
        try:
            self._raw[flow.destination.version].sendto(packet(flow, turn), (str(flow.destination), 0))
        except PermissionError:
            return

    def record(self, way: str) -> None:
        """Record from now on what comes to IPVS's place, `in` or `out`, in a table that comes after all others.

        The director's own answers to what nobody waits for are kept back, before connection tracking sees them.
        """
        run("nft", "-f", "-", text=_recorder(way))

    def forget(self) -> None:
        """Forget what was recorded."""
        sets = (f"flush set inet recorder {name}{version}\n" for name in _KINDS for version in (4, 6))
        run("nft", "-f", "-", text="".join(sets))

    def seen(self) -> dict[Key, list[Seen]]:
        """Return what was recorded."""
        found: dict[str, dict[Key, list[Any]]] = {name: {} for name in _KINDS}
        for item in json.loads(run("nft", "-j", "list", "table", "inet", "recorder"))["nftables"]:
            if "set" not in item:
                continue
            into = found[item["set"]["name"][:-1]]
            for element in item["set"].get("elem", ()):
                source, protocol, port, value = element["concat"]
                into.setdefault((Protocol[protocol.upper()], address(source), port), []).append(value)
        return {key: _joined(key, found) for key in found["marks"]}

    def wait(self, expected: Callable[[dict[Key, list[Seen]]], bool]) -> dict[Key, list[Seen]]:
        """Return what was recorded as soon as it is as expected, or else when all packets must have come."""
        ends = time.monotonic() + _PATIENCE
        while not expected(seen := self.seen()) and time.monotonic() < ends:
            time.sleep(0.02)
        return seen


def _joined(key: Key, found: Mapping[str, Mapping[Key, list[Any]]]) -> list[Seen]:
    marks, ports = found["marks"][key], found["ports"][key]
    places = [address(place) for place in found["places"][key]]
    connections = found["connections"].get(key) or [None]
    answering = [address(place) for place in found["answering"].get(key, ())] or places
    answering_ports = found["answering_ports"].get(key) or ports
    columns: tuple[Sequence[Any], ...] = (marks, connections, places, ports, answering, answering_ports)

    def one(number: int) -> Seen:
        """Return one way in which it came; a packet that came twice alike is one."""
        mark, connection, place, port, answer, answer_port = (c[min(number, len(c) - 1)] for c in columns)
        return Seen(mark, connection, place, port, answer, answer_port)

    return [one(number) for number in range(max(map(len, columns)))]


def _recorder(way: str) -> str:
    lines = ["table inet recorder {"]
    adding = []
    for version, family in ((4, "ip"), (6, "ip6")):
        for name, (kind, load) in _KINDS.items():
            key = f"ipv{version}_addr . inet_proto . inet_service . {kind.format(version)}"
            lines += [f"set {name}{version} {{", f"type {key}", "size 65535", "flags dynamic", "}"]
            what = f"{family} saddr . meta l4proto . th sport . {load.format(family)}"
            adding.append(f"meta l4proto {{ tcp, udp, sctp }} add @{name}{version} {{ {what} }}")
    lines += ["chain place {", f"type filter hook {_PLACES[way]}", *adding, "}"]
    # An error belongs to the connection of the packet that it is about, so that rules may mark that (nf_ct_attach).
    quiet = ("tcp flags & rst != 0 drop", "icmp type { 3, 11, 12 } drop", "icmpv6 type 1-4 drop")
    return "\n".join([*lines, "chain quiet {", "type filter hook output priority -1000", *quiet, "}", "}", ""])


@contextmanager
def network() -> Iterator[Network]:
    """Build both namespaces; yields in the director's, which the calling thread stays in."""
    with ExitStack() as stack:
        client = _in_thread(_new_namespace)
        stack.callback(os.close, client)
        os.close(_new_namespace())
        run("ip", "-batch", "-", text=_links(f"/proc/{os.getpid()}/fd/{client}"))
        for name, value in {"ipv4/conf/all/rp_filter": 0, "ipv6/conf/all/accept_dad": 0}.items():
            Path(f"/proc/sys/net/{name}").write_text(f"{value}\n")
        lines = _in_thread(lambda: _client_lines(client))
        raw = {
            4: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW),
            6: socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_RAW),
        }
        for opened in (*lines, *raw.values()):
            stack.callback(opened.close)
        yield Network(lines, raw)
        run("ip", "-batch", "-", text="".join(f"link del {name}\n" for name in INTERFACES))


def alone(work: Callable[[], _T]) -> _T:
    """Call a function in a thread of its own, so that its namespaces end with it."""
    return _in_thread(work)


def run(*words: str, text: str = "") -> str:
    """Run a program in this thread's namespace and return what it prints."""
    done = subprocess.run(words, input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failed(f"{' '.join(words)}: {done.stderr}\n{text}")
    return done.stdout


class Failed(Exception):
    """A program failed; says which, and what it was given."""


def _in_thread(work: Callable[[], _T]) -> _T:
    results: list[_T] = []
    problems: list[BaseException] = []

    def call() -> None:
        try:
            results.append(work())
        except BaseException as problem:  # raised again by the caller's thread
            problems.append(problem)

    thread = threading.Thread(target=call)
    thread.start()
    thread.join()
    if problems:
        raise problems[0]
    return results[0]


def _new_namespace() -> int:
    """Move this thread into a new network namespace and return it, opened."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_NEW_NETWORK):
        raise OSError(ctypes.get_errno(), "unshare")
    run("ip", "link", "set", "lo", "up")
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def _client_lines(namespace: int) -> list[socket.socket]:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(namespace, _NEW_NETWORK):
        raise OSError(ctypes.get_errno(), "setns")
    for name in INTERFACES:
        Path(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6").write_text("1\n")
        run("ip", "link", "set", name, "up")
    lines = []
    for name in INTERFACES:
        line = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        line.bind((name, 0))
        lines.append(line)
    return lines


def _links(client: str) -> str:
    """Write the director's side for `ip -batch`."""
    own, other = DIRECTOR_MAC.hex(":"), CLIENT_MAC.hex(":")
    lines = []
    for name in INTERFACES:
        lines.append(f"link add {name} address {own} type veth peer name {name} address {other} netns {client}")
        lines.append(f"link set {name} up")
    lines += [
        "addr add 10.77.0.1/24 dev front",
        "addr add 10.78.0.1/24 dev wan1",
        "addr add 2001:db8:77::1/64 dev front nodad",
        "addr add 2001:db8:78::1/64 dev wan1 nodad",
        f"neigh add 10.77.0.2 lladdr {other} dev front nud permanent",
        f"neigh add 2001:db8:77::2 lladdr {other} dev front nud permanent",
        "route add default via 10.77.0.2",
        "route add default via 2001:db8:77::2",
        "route add local 192.0.2.0/24 dev lo",
        "route add local 2001:db8:1::/64 dev lo",
    ]
    return "\n".join(lines) + "\n"
