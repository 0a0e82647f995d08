"""The sync door on a running kernel: both of its traps, the operator's own daemon, and what a killed lvstui leaves."""

from __future__ import annotations

import resource
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack
from ipaddress import IPv4Address

import pytest

from lvstui.core.change import change_daemon
from lvstui.core.entries.sync_message import Message
from lvstui.core.model import AddressKey, Endpoint, Protocol, SyncDaemon, SyncRole
from lvstui.kernel.live import Live
from lvstui.kernel.port import Refused
from tests.build import known

pytestmark = pytest.mark.kernel

VIP, SERVER = IPv4Address("192.0.2.70"), IPv4Address("10.0.7.11")
KEY = AddressKey(Protocol.TCP, VIP, 80)


@pytest.fixture
def kernel(live: Live) -> Live:
    _ipvsadm("-A", "-t", "192.0.2.70:80", "-s", "rr", "-p", "300")
    _ipvsadm("-a", "-t", "192.0.2.70:80", "-r", "10.0.7.11:80", "-m")
    return live


def _ipvsadm(*arguments: str) -> str:
    return subprocess.run(["ipvsadm", *arguments], check=True, capture_output=True, text=True).stdout


def pin(number: int, seconds: int = 300) -> Message:
    client = Endpoint(IPv4Address("198.19.0.0") + number, 0)
    return Message(6, client, Endpoint(VIP, 80), Endpoint(SERVER, 80), seconds)


def clients(kernel: Live, first: int, count: int = 1) -> int:
    """Count the entries of some clients; those of other tests run out in their own time."""
    wanted = {IPv4Address("198.19.0.0") + number for number in range(first, first + count)}
    return sum(entry.client in wanted for piece in kernel.scan() for entry in piece.entries)


def test_fifty_edits_neither_hang_nor_lose_anything_and_leave_no_daemon(kernel: Live) -> None:
    before, held = kernel.read().director, kernel.read().servers[KEY][Endpoint(SERVER, 80)].sticky
    for number in range(50):
        kernel.send_sync([pin(1000 + number)])
        assert kernel.read().director.sync == {}
    assert clients(kernel, 1000, 50) == 50
    assert kernel.read().director == before
    assert kernel.read().servers[KEY][Endpoint(SERVER, 80)].sticky == known(held) + 50


def test_thousands_of_messages_are_taken_whole(kernel: Live) -> None:
    kernel.send_sync([pin(10000 + number, 100) for number in range(5000)])
    assert clients(kernel, 10000, 5000) == 5000


def test_the_operators_own_daemon_is_used_and_left_as_it_is(kernel: Live) -> None:
    daemon = SyncDaemon(SyncRole.BACKUP, "lo", 7, 1400, IPv4Address("224.0.0.99"), 9000, 3)
    kernel.write(change_daemon(None, daemon))
    kernel.send_sync([pin(2000)])
    assert clients(kernel, 2000) == 1
    assert kernel.read().director.sync == {SyncRole.BACKUP: daemon}


def test_a_master_daemon_beside_it_goes_on(kernel: Live) -> None:
    daemon = SyncDaemon(SyncRole.MASTER, "lo", 9, 1400)
    kernel.write(change_daemon(None, daemon))
    kernel.send_sync([pin(2100)])
    assert clients(kernel, 2100) == 1
    assert kernel.read().director.sync == {SyncRole.MASTER: daemon}


def test_nothing_is_started_where_backup_only_is_set(kernel: Live) -> None:
    subprocess.run(["sysctl", "-qw", "net.ipv4.vs.backup_only=1"], check=True)
    with pytest.raises(Refused) as caught:
        kernel.send_sync([pin(2200)])
    assert "backup_only is 1" in str(caught.value)
    assert (kernel.read().director.sync, clients(kernel, 2200)) == ({}, 0)


def test_servers_of_mixed_families_keep_the_door_shut_with_the_reason(kernel: Live) -> None:
    _ipvsadm("-a", "-t", "192.0.2.70:80", "-r", "[fd00:7::12]:80", "-i")
    with pytest.raises(Refused) as caught:
        kernel.send_sync([pin(1)])
    assert "another address family" in str(caught.value)


def test_an_unprivileged_process_may_read_but_not_send(kernel: Live) -> None:
    kernel.send_sync([pin(3000)])
    program = (
        "import os\n"
        "from lvstui.kernel.live import Live\n"
        "from lvstui.kernel.port import NoRight\n"
        "os.setgid(65534); os.setuid(65534)\n"
        "live = Live()\n"
        "print(any(piece.entries for piece in live.scan()))\n"
        "try: live.send_sync([])\n"
        "except NoRight as error: print('no right')\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stdout.split("\n")[:2] == ["True", "no right"]


def test_where_the_packet_filter_cannot_be_written_an_edit_says_who_else_could_edit(kernel: Live) -> None:
    rules = kernel.read().rules
    said = kernel.send_sync([pin(3100)])
    expected = "for the milliseconds of an edit any user of this machine could change entries too: this kernel has no"
    assert said.startswith(expected) == (rules is None or bool(rules.missing))


PROGRAM_OF_A_USER = """
import os, socket, struct, sys
from pathlib import Path
os.setgid(65534); os.setuid(65534)
print("ready", flush=True)
kept = []
while len(kept) < 50:
    for line in Path("/proc/net/udp").read_text().splitlines()[1:]:
        address, _, port = line.split()[1].partition(":")
        group = struct.pack("=I", int(address, 16))
        if group[0] == 239:
            taker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            taker.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            loopback = struct.pack("=4s4si", group, b"", socket.if_nametoindex("lo"))
            try:
                taker.bind((socket.inet_ntoa(group), int(port, 16)))
                taker.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, loopback)
                kept.append(taker)
            except OSError:
                pass
"""


def test_a_users_socket_at_the_daemons_own_address_holds_nothing_up(kernel: Live) -> None:
    with subprocess.Popen([sys.executable, "-c", PROGRAM_OF_A_USER], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        for number in range(50):
            kernel.send_sync([pin(3200 + number)])
        process.kill()
    assert clients(kernel, 3200, 50) == 50


def test_a_user_who_takes_a_tenth_of_the_ports_holds_nothing_up(kernel: Live) -> None:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    with ExitStack() as taken:
        resource.setrlimit(resource.RLIMIT_NOFILE, (5000, max(5000, limits[1])))
        taken.callback(resource.setrlimit, resource.RLIMIT_NOFILE, limits)
        for port in range(20000, 60000, 10):
            taken.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)).bind(("", port))
        for number in range(40):
            kernel.send_sync([pin(3300 + number)])
    assert clients(kernel, 3300, 40) == 40


STEPS = ["_alone", "write", "_deliver", "_sender", "_listener", "say", "_wait_until_drained", "_queue", "stop"]


@pytest.mark.usefixtures("kernel")
@pytest.mark.parametrize("moment", ["call", "return"])
@pytest.mark.parametrize("step", STEPS)
def test_the_next_start_removes_whatever_a_killed_one_left(step: str, moment: str) -> None:
    program = f"""
import os, signal, sys, threading
from tests.kernel.ipvs.test_sync_door import pin
from lvstui.kernel.live import Live
live = Live()
live.read()
def watch(frame, event, argument):
    code = frame.f_code
    inside = "/lvstui/kernel/ipvs/" in code.co_filename
    if inside and (code.co_name, event) == ({step!r}, {moment!r}):
        os.kill(os.getpid(), signal.SIGKILL)
threading.setprofile(watch)
sys.setprofile(watch)
live.send_sync([pin(4000)])
"""
    ended = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    fresh = Live()
    assert fresh.read().director.sync == {}
    assert _ipvsadm("-L", "--daemon") == ""
    fresh.send_sync([pin(4001)])
    assert clients(fresh, 4001) == 1
    fresh.close()


def test_two_at_once_wait_for_each_other(kernel: Live) -> None:
    program = (
        "from tests.kernel.ipvs.test_sync_door import pin\n"
        "from lvstui.kernel.live import Live\n"
        "import sys, time\n"
        "live = Live()\n"
        "for number in range(20):\n"
        "    live.send_sync([pin(int(sys.argv[1]) + number)])\n"
        "    time.sleep(0.05)\n"  # a moment for the other, who looks every hundredth of a second whether it may
    )
    running = [subprocess.Popen([sys.executable, "-c", program, str(start)]) for start in (5000, 6000)]
    assert [process.wait(300) for process in running] == [0, 0]
    assert clients(kernel, 5000, 20) + clients(kernel, 6000, 20) == 40
    assert kernel.read().director.sync == {}
