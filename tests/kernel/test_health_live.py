"""Servers that are killed and silenced, as real packets show them: masq, route and ipip, and well again."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, redirect_stdout
from pathlib import Path

import pytest

from lvstui.cli import main
from lvstui.core import fields
from lvstui.core.snapshot import Snapshot
from lvstui.engine.messages import Event, Stop
from lvstui.engine.worker import Worker
from lvstui.kernel.live import Live
from tests.e2e.terminal import Terminal
from tests.lab import net

pytestmark = pytest.mark.kernel

WAYS = {"192.0.2.10": "-m", "192.0.2.20": "-g", "192.0.2.30": "-i"}
"""The virtual addresses, and how packets to each are forwarded."""
MASQ, ROUTE, IPIP = WAYS
PATIENCE = 30.0
"""Seconds for what is seen in ten: the guest has one slow processor, and the host is busy."""

CLIENTS = """
import asyncio, itertools
from tests.lab.client import request

async def clients():
    running = set()
    for number in itertools.count():
        for address, network in (("192.0.2.10", 18), ("192.0.2.20", 19), ("192.0.2.30", 19)):
            client = f"198.{network}.{number % 4}.{number % 200 + 1}"
            hold = 6 if number % 7 == 0 else 0
            running.add(asyncio.create_task(request(client, address, 80, hold)))
        running = {task for task in running if not task.done()}
        await asyncio.sleep(0.3)

asyncio.run(clients())
"""

TALKERS = """
import socket, time

talkers = [socket.create_connection(("192.0.2.10", 80), source_address=(f"198.18.9.{n}", 0)) for n in range(1, 7)]
print("open", flush=True)
while True:
    for talker in talkers:
        talker.sendall(b"x\\r\\n")
    time.sleep(0.4)
"""
"""Connections that go on and on, and end the program when one breaks."""

DEAF = """\
qdisc add dev eth0 clsact
filter add dev eth0 ingress protocol ip flower ip_proto tcp tcp_flags 0x02/0x12 action drop
""".splitlines()
"""What drops every SYN and nothing else."""

Found = dict[tuple[str, str], str]
"""The trouble by virtual address and server."""


def answer_directly() -> None:
    """Give the servers the virtual addresses and a way to the clients that passes the director by."""
    net._run(["ip", "-batch", "-"], [
        "addr add 192.0.2.30/32 dev front",
        "route add 198.19.0.0/16 via 192.0.2.2",
        "link add direct type veth peer name eth1 netns client",
        "link set direct master back up",
    ])  # fmt: skip
    ways = ["link set eth1 up", "addr add 10.0.0.2/24 dev eth1", "route add local 198.19.0.0/16 dev lo"]
    net._run(["ip", "-n", "client", "-batch", "-"], ways)
    for name in net.SERVERS:
        subprocess.run(["ip", "-n", name, "link", "add", "t0", "type", "ipip"], stderr=subprocess.DEVNULL)
        lines = [f"addr add {address}/32 dev lo" for address in (ROUTE, IPIP)]
        lines += ["link set tunl0 up", "route add 198.19.0.0/16 via 10.0.0.2"]
        net._run(["ip", "-n", name, "-batch", "-"], lines)
        settings = ["net.ipv4.conf.all.arp_ignore=1", "net.ipv4.conf.all.arp_announce=2"]
        subprocess.run(["ip", "netns", "exec", name, "sysctl", "-qw", *settings], check=True)
    for name in ("client", *net.SERVERS):
        loose = "for f in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 0 > $f; done"
        subprocess.run(["ip", "netns", "exec", name, "sh", "-c", loose], check=True)


@pytest.fixture(scope="module", autouse=True)
def traffic() -> Iterator[None]:
    with net.shop(empty=True):
        answer_directly()
        lines = []
        for address, way in WAYS.items():
            lines += [f"-A -t {address}:80 -s rr"]
            lines += [f"-a -t {address}:80 -r 10.0.0.{number}:80 {way} -w 1" for number in (11, 12, 13)]
        net._run(["ipvsadm", "-R"], lines)
        clients = subprocess.Popen(["ip", "netns", "exec", "client", sys.executable, "-c", CLIENTS])
        try:
            yield
        finally:
            clients.kill()
            clients.wait()
            subprocess.run(["ipvsadm", "-C"], check=True)
            subprocess.run(["ip", "link", "del", "direct"], check=False)


class Seen:
    """What a worker posts while it watches the running kernel."""

    def __init__(self) -> None:
        self.found: Found = {}
        self.evidence: Mapping[tuple[str, str], str] = {}

    def __call__(self, event: Event) -> None:
        if isinstance(event, Snapshot):
            named = {
                (fields.service_text(key.service).split(":")[1], fields.server_text(key.endpoint)[-5:-3]): verdict
                for key, verdict in event.health.items()
            }
            self.evidence = {place: verdict.evidence for place, verdict in named.items()}
            self.found = {place: verdict.trouble.value for place, verdict in named.items()}  # what is waited for, last

    def wait(self, wanted: Callable[[Found], bool]) -> float:
        """Wait until it is as wanted, and return how long that took."""
        began = time.monotonic()
        while not wanted(self.found):
            assert time.monotonic() - began < PATIENCE, self.found
            time.sleep(0.2)
        return time.monotonic() - began


@contextmanager
def watching() -> Iterator[Seen]:
    seen = Seen()
    worker = Worker(Live(), None, seen)
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        yield seen
    finally:
        worker.submit(Stop())
        thread.join()


def run(*words: str) -> tuple[int, str]:
    out = io.StringIO()
    with redirect_stdout(out):
        status = main(["--live", *words])
    return status, out.getvalue()


def states() -> Found:
    """Return the states of servers that are not ok, as one reading shows them."""
    status, text = run("show", "services", "--json")
    assert status == 0
    return {
        (service["service"].split(":")[1], server["server"][-5:-3]): server["state"]
        for service in json.loads(text)["service"]
        for server in service["server"]
        if server["state"] != "ok"
    }


FAST = """\
mcast_solicit 1
ucast_solicit 1
retrans_time_ms 100
""".splitlines()
"""How the director asks for neighbours, so that it gives up after a tenth of a second instead of some forty."""


@contextmanager
def quick_neighbours() -> Iterator[None]:
    """Have the director give a neighbour up soon, and so send ICMP to its clients soon."""
    paths = {Path("/proc/sys/net/ipv4/neigh/back") / line.split()[0]: line.split()[1] for line in FAST}
    before = {path: path.read_text() for path in paths}
    try:
        for path, value in paths.items():
            path.write_text(value)
        yield
    finally:
        for path, value in before.items():
            path.write_text(value)


def test_a_host_that_is_down_is_silent_for_as_long_though_the_director_answers_its_clients_by_icmp(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with quick_neighbours(), watching() as seen:
        time.sleep(4)
        net.unplug("rs2")
        try:
            subprocess.run(["ip", "neigh", "flush", "to", "10.0.0.12", "dev", "back"], check=True)
            down = seen.wait(lambda found: found.get((MASQ, "12")) == "silent")
            seen.wait(lambda _: "ARP for 10.0.0.12 fails" in seen.evidence[MASQ, "12"])
            for _ in range(30):
                time.sleep(0.2)
                assert seen.found[MASQ, "12"] == "silent"
        finally:
            net.revive("rs2")
        back = seen.wait(lambda found: found == {})
    with capfd.disabled():
        print(f" down {down:.1f} s, back {back:.1f} s", end="")


def test_who_is_killed_or_silenced_is_seen_within_seconds_and_forgotten_when_well(
    capfd: pytest.CaptureFixture[str],
) -> None:
    took: list[str] = []

    def expect(what: str, wanted: Found) -> None:
        took.append(f"{what} {seen.wait(lambda found: found == wanted):.1f} s")

    screen = Terminal()
    with watching() as seen, closing(screen):
        screen.start([Path(sys.executable).parent / "lvstui", "--live", "--interval", "2"], columns=110)
        time.sleep(4)
        seen.wait(lambda found: found == {})  # what the test before left half open has run out
        net.kill("rs2")
        expect("killed", {(MASQ, "12"): "refusing", (ROUTE, "12"): "no handshake", (IPIP, "12"): "no handshake"})
        # The table may show it before the counters do.
        seen.wait(lambda _: "0 established, its siblings " in seen.evidence.get((MASQ, "12"), ""))
        assert "each answered by a reset" in seen.evidence[MASQ, "12"]
        assert "SYN_RECV" in seen.evidence[ROUTE, "12"]
        status, text = run("doctor", f"tcp:{MASQ}:80", "--over", "3", "--json")
        (found,) = (one for one in json.loads(text)["finding"] if one["question"] == "health")
        assert (status, found["state"], "10.0.0.12:80" in found["found"]) == (3, "wrong", True)
        screen.wait_for(lambda shown: "1 refusing" in shown and "2 no handshake" in shown)
        net.revive("rs2")
        expect("revived", {})
        net.silence("rs2")
        subprocess.run(["ip", "-n", "rs3", "addr", "del", f"{ROUTE}/32", "dev", "lo"], check=True)
        silent = {(MASQ, "12"): "silent", (ROUTE, "12"): "no handshake", (IPIP, "12"): "no handshake"}
        expect("silenced", {**silent, (ROUTE, "13"): "no handshake"})
        seen.wait(lambda _: "no packet came back" in seen.evidence.get((MASQ, "12"), ""))
        screen.wait_for(lambda shown: "1 silent" in shown)
        screen.type("/state=silent\r")
        screen.wait_for(lambda shown: "10.0.0.12:80" in shown and "10.0.0.11:80" not in shown)
        seen.wait(lambda found: found == states())
        status, text = run("doctor", f"tcp:{MASQ}:80")
        assert (status, "10.0.0.12:80 is silent" in " ".join(text.split())) == (3, True)
        status, text = run("check", "--running")
        assert status == 3
        assert " is silent" in text
        assert "no handshake" in text
        subprocess.run(["ip", "-n", "rs3", "addr", "add", f"{ROUTE}/32", "dev", "lo"], check=True)
        net.revive("rs2")
        expect("revived", {})
    with capfd.disabled():
        print(f" {', '.join(took)}", end="")


@contextmanager
def talking() -> Iterator[subprocess.Popen[str]]:
    """Hold connections that have packets all the time, some to each masqueraded server."""
    command = ["ip", "netns", "exec", "client", sys.executable, "-c", TALKERS]
    talkers = subprocess.Popen(command, text=True, stdout=subprocess.PIPE)
    try:
        assert talkers.stdout is not None
        assert talkers.stdout.readline() == "open\n"
        yield talkers
    finally:
        talkers.kill()
        talkers.communicate()


def test_a_server_that_takes_no_new_connections_is_seen_while_old_ones_go_on(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with watching() as seen, talking() as talkers:
        time.sleep(12)
        assert seen.found == {}
        net.close("rs2")
        closed = seen.wait(lambda found: found.get((MASQ, "12")) == "refusing")
        assert "0 got through" in seen.evidence[MASQ, "12"], "no counter could show it"
        net.revive("rs2")
        opened = seen.wait(lambda found: (MASQ, "12") not in found)
        net._run(["tc", "-n", "rs2", "-batch", "-"], DEAF)
        deaf = seen.wait(lambda found: found.get((MASQ, "12")) == "silent")
        assert "SYN_RECV; older ones go on" in seen.evidence[MASQ, "12"]
        net._run(["tc", "-n", "rs2", "qdisc", "del", "dev", "eth0", "clsact"])
        heard = seen.wait(lambda found: (MASQ, "12") not in found)
        assert talkers.poll() is None
    with capfd.disabled():
        print(f" closed {closed:.1f} s, opened {opened:.1f} s, deaf {deaf:.1f} s, hears {heard:.1f} s", end="")
