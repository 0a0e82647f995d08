"""The sync door while users of the machine do all they can to send messages through it."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from ipaddress import IPv4Address

import pytest

from lvstui.core.entries.sync_message import Message
from lvstui.core.model import Address, Endpoint
from lvstui.kernel.ipvs.client import Netlink
from lvstui.kernel.ipvs.sync_door import Door
from lvstui.kernel.live import Live
from lvstui.kernel.nft.filter import PacketFilter
from lvstui.kernel.nft.shutter import Passage
from tests.netfilter.injector import CLIENTS, SERVER, VIP, injectors

pytestmark = pytest.mark.netfilter

OWN = IPv4Address("198.19.0.1")
EDITS = 60
TABLE = """\
-A -t 192.0.2.70:80 -s rr -p 300
-a -t 192.0.2.70:80 -r 10.0.7.11:80 -m
"""
OTHER = """\
table inet other {
    chain prerouting {
        type filter hook prerouting priority -120
        meta mark set 7
    }
}
"""


@pytest.fixture
def kernel() -> Iterator[Live]:
    subprocess.run(["nft", "flush", "ruleset"], check=True)
    subprocess.run(["ipvsadm", "-C"], check=True)
    subprocess.run(["ipvsadm", "-R"], check=True, input=TABLE, text=True)
    live = Live()
    live.read()
    yield live
    live.close()
    subprocess.run(["ipvsadm", "-C"], check=True)


def pin() -> Message:
    return Message(6, Endpoint(OWN, 0), Endpoint(VIP, 80), Endpoint(SERVER, 80), 60)


def bound(kernel: Live) -> set[Address]:
    """Return the clients that somebody injected, and ours where it is bound."""
    return {entry.client for piece in kernel.scan() for entry in piece.entries} & {*CLIENTS, OWN}


def ruleset() -> str:
    return subprocess.run(["nft", "list", "ruleset"], check=True, capture_output=True, text=True).stdout


class Ajar(PacketFilter):
    """A packet filter that nobody can write."""

    @contextmanager
    def only(self, passage: Passage) -> Iterator[str]:
        """Keep nobody out."""
        del passage
        yield "for a test"


def test_nobody_gets_a_client_in_who_does_while_the_door_is_ajar(kernel: Live) -> None:
    with injectors(CLIENTS[:2]), closing(Netlink()) as netlink:
        for _ in range(EDITS):
            assert kernel.send_sync([pin()]) == ""
        assert bound(kernel) == {OWN}
        ajar = Door(netlink, Ajar(None))
        deadline = time.monotonic() + 600
        while not bound(kernel) - {OWN} and time.monotonic() < deadline:
            assert "any user of this machine could change entries too: for a test" in ajar.send(
                [pin()], backup_only=False
            )
    assert bound(kernel) - {OWN}


@pytest.mark.usefixtures("kernel")
@pytest.mark.parametrize("step", ["_running", "_deliver", "say", "_stop", "reopen"])
def test_what_a_killed_one_leaves_is_shut_until_the_next_removes_it(step: str) -> None:
    program = f"""
import os, signal, sys
from tests.netfilter.test_sync_door import pin
from lvstui.kernel.live import Live
live = Live()
def watch(frame, event, argument):
    if "/lvstui/kernel/" in frame.f_code.co_filename and (frame.f_code.co_name, event) == ({step!r}, "call"):
        os.kill(os.getpid(), signal.SIGKILL)
sys.setprofile(watch)
live.send_sync([pin()])
"""
    ended = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert "table ip lvstui-door" in ruleset()
    with injectors(CLIENTS[2:]):
        time.sleep(1)  # as much time as they like
        fresh = Live()
        injected = bound(fresh) & set(CLIENTS[2:])
        assert fresh.read().director.sync == {}
    fresh.close()
    assert not injected
    assert ruleset() == ""


def test_an_edit_does_not_have_the_rules_read_anew(kernel: Live) -> None:
    subprocess.run(["nft", "-f", "-"], check=True, text=True, input=OTHER)
    before = kernel.read().rules
    kernel.send_sync([pin()])
    after = kernel.read().rules
    assert before is not None
    assert after is not None
    assert after.generation == before.generation + 2
    assert after.rules[0] is before.rules[0]
    assert "lvstui" not in ruleset()
    subprocess.run(["nft", "add", "rule", "inet", "other", "prerouting", "meta", "mark", "set", "8"], check=True)
    kernel.send_sync([pin()])
    changed = kernel.read().rules
    assert changed is not None
    assert len(changed.rules) == len(before.rules) + 1
