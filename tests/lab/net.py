"""The shop: a network of namespaces around the guest's director, with virtual services, real servers and clients.

namespace client              the guest itself: the director              namespaces rs1, rs2, rs3
198.18.0.0/16             --  192.0.2.1, virtual 192.0.2.10, .20      --  10.0.0.11, .12, .13
2001:db8:c::/48               2001:db8:1::1, virtual ::10                 fd00::11, ::12, ::13
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

LOG = Path("/run/shop.log")
SERVERS = ("rs1", "rs2", "rs3")
SERVICES = """\
-A -t 192.0.2.10:80 -s wlc -p 300
-a -t 192.0.2.10:80 -r 10.0.0.11:80 -m -w 3
-a -t 192.0.2.10:80 -r 10.0.0.12:80 -m -w 2
-a -t 192.0.2.10:80 -r 10.0.0.13:80 -m -w 1 -x 1000 -y 800
-A -t 192.0.2.10:443 -s wrr
-a -t 192.0.2.10:443 -r 10.0.0.11:443 -m -w 2
-a -t 192.0.2.10:443 -r 10.0.0.12:443 -m -w 2
-a -t 192.0.2.10:443 -r 10.0.0.13:443 -m -w 0
-A -u 192.0.2.10:53 -s rr
-a -u 192.0.2.10:53 -r 10.0.0.12:53 -m -w 1
-a -u 192.0.2.10:53 -r 10.0.0.13:53 -m -w 1
-A -f 80 -s wlc -p 600 -M 255.255.255.0
-a -f 80 -r 10.0.0.11:0 -m -w 1
-a -f 80 -r 10.0.0.12:0 -m -w 1
-A -t [2001:db8:1::10]:80 -s lc -p 300 -M 64
-a -t [2001:db8:1::10]:80 -r [fd00::11]:80 -m -w 1
-a -t [2001:db8:1::10]:80 -r [fd00::13]:80 -m -w 1
""".splitlines()
MARKED = "-d 192.0.2.20 -p tcp -m multiport --dports 80,443 -j MARK --set-mark 80"
MARKED_BY_TC = "protocol ip flower dst_ip 192.0.2.20 ip_proto tcp dst_port {} action skbedit mark 80"
"""The same where the kernel has no iptables: one filter a port."""

SILENCE = """\
qdisc add dev eth0 clsact
filter add dev eth0 ingress pref 1 protocol ipv6 flower ip_proto icmpv6 action pass
filter add dev eth0 ingress pref 2 protocol ipv6 matchall action drop
filter add dev eth0 ingress pref 3 protocol ip matchall action drop
""".splitlines()
"""What drops every packet; in IPv6 neighbours ask for each other by packets, which pass."""

_serving: Final[dict[str, subprocess.Popen[str]]] = {}
"""The programs of the real servers that run, by the server's name."""


@contextmanager
def shop(*, traffic: bool = False, empty: bool = False) -> Iterator[None]:
    """Build the shop with its servers running, and its clients where traffic is wanted; take it all away at the end.

    An empty one has the network alone: the virtual addresses, but neither services nor marks.
    """
    if "LVSTUI_LAB" not in os.environ:
        raise RuntimeError("The shop rewires the machine's network: build it in the lab guest only.")
    clients: list[subprocess.Popen[str]] = []
    LOG.write_text("")
    try:
        _build_network()
        if not empty:
            _run(["ipvsadm", "-R"], SERVICES)
            _mark()
        _serve(SERVERS)
        if traffic:
            clients.append(_start("client", "client"))
        yield
    finally:
        for process in clients:
            _end(process)
        for name in tuple(_serving):
            kill(name)
        _take_away_network()
        if not empty:
            _run(["sysctl", "-qw", "net.ipv4.vs.expire_nodest_conn=1"])  # entries end with their servers
            _run(["ipvsadm", "-C"])
            _run(["sysctl", "-qw", "net.ipv4.vs.expire_nodest_conn=0"])
            if has_iptables():
                _run(["iptables", "-t", "mangle", "-F"])


def kill(name: str) -> None:
    """End a real server's program: its machine refuses every connection from now on, with RST and ICMP."""
    if name in _serving:
        _end(_serving.pop(name))


def close(name: str) -> None:
    """Have a real server's program close its TCP ports, while the connections that it has go on."""
    if name in _serving:
        _serving[name].send_signal(signal.SIGUSR1)


def silence(name: str) -> None:
    """Have a real server's machine drop every packet, as a firewall does; its neighbours still find it."""
    if not _is_silent(name):
        _run(["tc", "-n", name, "-batch", "-"], SILENCE)


def unplug(name: str) -> None:
    """Take a real server's machine off the network: nobody answers, to ARP neither."""
    _run(["ip", "link", "set", name, "down"])


def revive(name: str) -> None:
    """Take back whatever was done to a real server."""
    _run(["ip", "link", "set", name, "up"])
    if _is_silent(name):
        _run(["tc", "-n", name, "qdisc", "del", "dev", "eth0", "clsact"])
    if name in _serving:
        _serving[name].send_signal(signal.SIGUSR2)  # opens its ports, if they are closed
    else:
        _serve([name])


def _is_silent(name: str) -> bool:
    shown = ["tc", "-n", name, "qdisc", "show", "dev", "eth0"]
    return "clsact" in subprocess.run(shown, check=True, text=True, stdout=subprocess.PIPE).stdout


def ask(requests: Iterable[tuple[str, str, int]]) -> list[str]:
    """Make one request after another from (client, to, port); return each answering server's name, "" for none."""
    lines = "".join(f"{client} {address} {port}\n" for client, address, port in requests)
    command = [*_python_in("client"), "tests.lab.client", "--ask"]
    return subprocess.run(command, input=lines, text=True, check=True, stdout=subprocess.PIPE).stdout.splitlines()


def _mark() -> None:
    if has_iptables():
        _run(["iptables", "-t", "mangle", "-A", "PREROUTING", *MARKED.split()])
        return
    _run(["tc", "qdisc", "add", "dev", "front", "clsact"])  # gone with the link
    for port in ("80", "443"):
        _run(["tc", "filter", "add", "dev", "front", "ingress", *MARKED_BY_TC.format(port).split()])


def has_iptables() -> bool:
    """Return whether this kernel takes rules of iptables."""
    return subprocess.run(["iptables", "-t", "mangle", "-S"], capture_output=True).returncode == 0


def _build_network() -> None:
    _run(["ip", "-batch", "-"], _director_links())
    for name, lines in _inner_links().items():
        _run(["ip", "-n", name, "-batch", "-"], lines)
    # IPv6, unlike IPv4, does not let a program take an address that only a route makes local.
    _run(["ip", "netns", "exec", "client", "sysctl", "-qw", "net.ipv6.ip_nonlocal_bind=1"])
    _run(["sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"])


def _take_away_network() -> None:
    """Leave nothing of the network, however far it had been built."""
    # A namespace goes in its own time, and its links with it: they are deleted first, so that the shop can open again.
    links = [f"link del {name}" for name in ("front", "back", *SERVERS)]
    links += [f"netns del {name}" for name in ("client", *SERVERS)]
    subprocess.run(["ip", "-force", "-batch", "-"], input="\n".join(links), text=True, stderr=subprocess.DEVNULL)


def _director_links() -> list[str]:
    """Write the director's side as lines for `ip -batch`."""
    lines = [
        "netns add client",
        "link add front type veth peer name eth0 netns client",
        "link set front up",
        *(f"addr add {address} dev front" for address in ("192.0.2.1/24", "192.0.2.10/32", "192.0.2.20/32")),
        *(f"addr add {address} dev front nodad" for address in ("2001:db8:1::1/64", "2001:db8:1::10/128")),
        "route add 198.18.0.0/16 via 192.0.2.2",
        "route add 2001:db8:c::/48 via 2001:db8:1::2",
        "link add back type bridge",
        "link set back up",
        "addr add 10.0.0.1/24 dev back",
        "addr add fd00::1/64 dev back nodad",
    ]
    for name in SERVERS:
        lines += [f"netns add {name}", f"link add {name} type veth peer name eth0 netns {name}"]
        lines += [f"link set {name} master back up"]
    return lines


def _inner_links() -> dict[str, list[str]]:
    """Write the other namespaces' side as lines for `ip -n NAME -batch`."""
    up = ["link set lo up", "link set eth0 up"]
    client = [
        *up,
        "addr add 192.0.2.2/24 dev eth0",
        "addr add 2001:db8:1::2/64 dev eth0 nodad",
        # Every address of the networks is the client's own: many clients without as many addresses.
        "route add local 198.18.0.0/16 dev lo",
        "route add local 2001:db8:c::/48 dev lo",
    ]
    links = {"client": client}
    for number, name in enumerate(SERVERS, 11):
        addresses = [f"addr add 10.0.0.{number}/24 dev eth0", f"addr add fd00::{number}/64 dev eth0 nodad"]
        links[name] = [*up, *addresses, "route add default via 10.0.0.1", "route add default via fd00::1"]
    return links


def _serve(names: Iterable[str]) -> None:
    """Start the programs of real servers, and wait until they serve."""
    started = {name: _start(name, "server", name) for name in names}
    _serving.update(started)
    for server in started.values():
        if server.stdout is None or not server.stdout.readline():
            raise RuntimeError(f"A real server of the shop did not start: {LOG.read_text()}")


def _end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def _run(command: Sequence[str], lines: Iterable[str] = ()) -> None:
    subprocess.run(command, input="\n".join(lines), text=True, check=True)


def _python_in(namespace: str) -> list[str]:
    return ["ip", "netns", "exec", namespace, sys.executable, "-m"]


def _start(namespace: str, module: str, *arguments: str) -> subprocess.Popen[str]:
    """Start one of the lab's own programs out of reach of the terminal's signals."""
    command = [*_python_in(namespace), f"tests.lab.{module}", *arguments]
    with LOG.open("a") as log:  # the screen belongs to the program that is shown on the shop
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True
        )
