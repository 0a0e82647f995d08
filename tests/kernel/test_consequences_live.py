"""What is said of an edit before it is made, and what real clients find after it."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import pytest

from lvstui.core.advice.consequences import Consequence, avoiding, consequences
from lvstui.core.change import Change, change_server, change_service, change_sysctl, set_weight
from lvstui.core.model import AddressKey, Forwarding, Persistence, RealServer, Service
from lvstui.core.trace.refusals import refused_part
from lvstui.kernel.live import Live
from tests.build import address_key, server
from tests.kernel.test_owners import until
from tests.lab import net

pytestmark = pytest.mark.kernel

WEB = address_key("tcp:192.0.2.10:80")
DNS = address_key("udp:192.0.2.10:53")
SENT = address_key("udp:192.0.2.10:5301")
ECHO = address_key("tcp:192.0.2.10:5303")
CLIENTS = [f"198.18.7.{number}" for number in range(10, 50)]

_KEEPING_ITS_PORT = """\
import socket, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    s.bind((sys.argv[1], 5300))
    s.settimeout(3)
    s.connect(("192.0.2.10", 53))
    for _ in sys.stdin:
        s.send(b"name")
        try:
            print(s.recv(100).decode().strip(), flush=True)
        except OSError:
            print("nothing", flush=True)
"""

_SENDING_ON = """\
import socket, time
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    s.bind(("", 5301))
    print("ready", flush=True)
    _, client = s.recvfrom(100)
    while True:
        s.sendto(b"more", client)
        time.sleep(0.2)
"""

_LISTENING = """\
import socket, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    s.bind(("198.18.7.98", 5302))
    s.connect(("192.0.2.10", 5301))
    s.send(b"begin")
    s.recv(100)
    print("ready", flush=True)
    for _ in sys.stdin:
        s.setblocking(False)
        try:
            while s.recv(100):
                pass
        except OSError:
            s.settimeout(20)
        print("heard" if s.recv(100) else "nothing", flush=True)
"""

_ECHOING = """\
import socket
with socket.create_server(("", 5303)) as s:
    print("ready", flush=True)
    c, _ = s.accept()
    while data := c.recv(100):
        c.send(data)
"""

_CONNECTED = """\
import socket, sys
with socket.create_connection(("192.0.2.10", 5303)) as s:
    s.send(b"ask")
    s.recv(100)
    s.settimeout(2)
    print("ready", flush=True)
    for _ in sys.stdin:
        try:
            s.recv(100)
        except TimeoutError:
            print("nothing", flush=True)
        except ConnectionResetError:
            print("reset", flush=True)
        try:
            s.send(b"ask")
        except OSError:
            pass
"""


@pytest.fixture
def shop(live: Live) -> Iterator[Live]:
    with net.shop(empty=True):
        yield live


def make(live: Live, key: AddressKey, scheduler: str, weights: tuple[int, ...] = (1, 1, 1)) -> None:
    live.write(change_service(None, Service(key, scheduler)))
    for number, weight in enumerate(weights, 11):
        live.write(change_server(key, None, server(f"10.0.0.{number}:{key.port}", Forwarding.MASQ, weight)))


def drain(live: Live, number: int) -> Change:
    pool = live.read().director.pools[WEB]
    change = set_weight(WEB, list(pool.servers.values())[number], 0)
    assert change is not None
    return change


def said(live: Live, changes: tuple[Change, ...]) -> tuple[Consequence, ...]:
    return consequences(changes, live.read())


def refused(clients: Sequence[str] = CLIENTS) -> int:
    return net.ask([(client, "192.0.2.10", 80) for client in clients]).count("")


@pytest.mark.parametrize(("scheduler", "weights"), [("sh", (1, 1, 1)), ("mh", (1, 1, 1)), ("sh", (2, 100, 50))])
def test_as_many_clients_are_refused_as_was_said_and_none_with_the_flag(
    shop: Live, scheduler: str, weights: tuple[int, ...]
) -> None:
    make(shop, WEB, scheduler, weights)
    change = drain(shop, 1)
    (found,) = said(shop, (change,))
    before = shop.read().director.pools[WEB]
    assert isinstance(change.after, RealServer)
    after = replace(before, servers={**before.servers, change.after.endpoint: change.after})
    part = refused_part(after, {}, before)
    if weights == (1, 1, 1):
        assert "about a third of the clients will be refused" in found.sentence
    shop.write(change)
    counted = refused()
    assert abs(counted / len(CLIENTS) - part) < 0.15, (counted, part)
    if part > 0.2:
        assert counted
    for flag in avoiding((), [found]):
        shop.write(flag)
    assert refused() == 0


def test_dh_refuses_everybody_once_the_address_is_its_drained_server_s_and_nobody_otherwise(shop: Live) -> None:
    make(shop, WEB, "dh")
    warned = [said(shop, (drain(shop, number),)) for number in range(3)]
    chosen = next(number for number, found in enumerate(warned) if found)
    assert sum(map(bool, warned)) == 1
    assert "every new client will be refused" in warned[chosen][0].sentence
    assert not warned[chosen][0].changes
    for number in range(3):
        change = drain(shop, number)
        shop.write(change)
        assert refused(CLIENTS[:5]) == (5 if number == chosen else 0)
        shop.write(Change(change.target, change.after, change.before))


def test_clients_with_an_entry_are_served_by_a_drained_server_unless_entries_are_void_at_weight_0(shop: Live) -> None:
    make(shop, WEB, "sh")
    held = shop.read().director.pools[WEB].service
    shop.write(change_service(held, replace(held, persistence=Persistence())))
    assert refused(CLIENTS[:12]) == 0
    change = drain(shop, 1)
    assert "a third of the clients without an entry" in said(shop, (change,))[0].sentence
    setting = change_sysctl("expire_quiescent_template", "0", "1")
    assert "a third of the clients will" in said(shop, (change, setting))[0].sentence
    shop.write(change)
    assert refused(CLIENTS[:12]) == 0
    assert refused(CLIENTS[12:])
    shop.write(setting)
    assert refused(CLIENTS[:12])


@contextmanager
def one_that_keeps_its_port(client: str) -> Iterator[subprocess.Popen[str]]:
    command = ["ip", "netns", "exec", "client", sys.executable, "-c", _KEEPING_ITS_PORT, client]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def call(client: subprocess.Popen[str]) -> str:
    assert client.stdin is not None
    assert client.stdout is not None
    client.stdin.write("\n")
    client.stdin.flush()
    return client.stdout.readline().strip()


def test_a_client_that_keeps_its_port_gets_nothing_after_its_server_was_deleted_for_as_long_as_was_said(
    shop: Live,
) -> None:
    make(shop, DNS, "rr", (1, 1))
    names = {"rs1": "10.0.0.11:53", "rs2": "10.0.0.12:53"}
    with one_that_keeps_its_port("198.18.7.99") as client:
        name = call(client)
        pool = shop.read().director.pools[DNS]
        held = next(one for one in pool.servers.values() if str(one.endpoint.address) in names[name])
        gone = change_server(DNS, held, None)
        (found,) = said(shop, (gone,))
        assert found.sentence == (
            f"1 connection will break ({names[name]} 1): their clients' packets are dropped for up to 300 s, "
            "as expire_nodest_conn is 0, and longer while the server goes on sending"
        )
        shop.write(gone)
        assert call(client) == "nothing"
        first = left("198.18.7.99")
        time.sleep(2)
        assert call(client) == "nothing"
        assert left("198.18.7.99") < first <= 300  # a packet that is dropped restarts no timer
        shop.write(change_server(DNS, None, held))
        setting = change_sysctl("expire_nodest_conn", "0", "1")
        assert "will go to other servers" in said(shop, (setting, gone))[0].sentence
        shop.write(gone)
        shop.write(setting)
        assert call(client) in names.keys() - {name}


@contextmanager
def running(space: str, program: str) -> Iterator[subprocess.Popen[str]]:
    """Run a program of Python in a namespace, once it has said that it is ready."""
    command = ["ip", "netns", "exec", space, sys.executable, "-c", program]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


def test_what_a_deleted_server_sends_is_passed_on_and_renews_the_timer(shop: Live) -> None:
    make(shop, SENT, "rr", (1,))
    with running("rs1", _SENDING_ON), running("client", _LISTENING) as client:
        (held,) = shop.read().director.pools[SENT].servers.values()
        gone = change_server(SENT, held, None)
        assert "and longer while the server goes on sending" in said(shop, (gone,))[-1].sentence
        shop.write(gone)
        time.sleep(3)
        until(lambda: left("198.18.7.98") >= 299, "a timer renewed, which starts at 300")
        assert call(client) == "heard"


def test_with_expire_nodest_conn_a_client_that_sends_is_reset_and_one_that_waits_hears_nothing(shop: Live) -> None:
    make(shop, ECHO, "rr", (1,))
    (held,) = shop.read().director.pools[ECHO].servers.values()
    shop.write(change_sysctl("expire_nodest_conn", "0", "1"))
    with running("rs1", _ECHOING), running("client", _CONNECTED) as client:
        gone = change_server(ECHO, held, None)
        assert (
            "a client that sends is reset then, one that only waits hears nothing" in said(shop, (gone,))[-1].sentence
        )
        shop.write(gone)
        assert [call(client), call(client)] == ["nothing", "reset"]


def left(client: str) -> int:
    listed = subprocess.run(["ipvsadm", "-Lcn"], check=True, text=True, capture_output=True).stdout
    found = re.search(rf"UDP (\d+):(\d+) +UDP +{client}:", listed)
    assert found is not None
    return int(found[1]) * 60 + int(found[2])
