"""The netlink door beyond the contract: layouts, torn dumps, modules that go, namespaces, missing rights."""

from __future__ import annotations

import errno
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from itertools import accumulate, pairwise
from pathlib import Path

import pytest

from lvstui.core.change import change_daemon, change_server, change_service
from lvstui.core.model import (
    AddressKey,
    Forwarding,
    Pool,
    Protocol,
    RealServer,
    Service,
    SyncDaemon,
    SyncRole,
    Timeouts,
)
from lvstui.core.observed import ServerStats, Stats
from lvstui.kernel.ipvs import wire
from lvstui.kernel.ipvs.dump import PoolTable, learn, walk
from lvstui.kernel.ipvs.wire import Command
from lvstui.kernel.live import Live
from lvstui.kernel.namespace import call_in
from lvstui.kernel.netlink.attributes import NATIVE
from lvstui.kernel.netlink.channel import HEADER, Answer, Datagram, GenericFamily
from lvstui.kernel.port import KernelError, NoIpvs
from lvstui.kernel.procfs.table import Proc
from tests.build import address_key, remove_services, server

WEB = address_key("tcp:192.0.2.10:80")
DNS = address_key("udp:192.0.2.10:53")
FIRST = server("10.0.0.11:80", Forwarding.MASQ, 3, upper=1000, lower=800)
SECOND = server("10.0.0.12:80", Forwarding.MASQ, 2)
COUNTED = Stats(*range(1, 11))
COUNTS = (wire.DEST_ACTIVE, wire.DEST_INACTIVE, wire.DEST_STICKY)


def block(number: int, stats: Stats, wide: bool = True) -> bytes:
    """Encode statistics as the kernel does: STATS is narrow but for the bytes, STATS64 wide."""
    parts = [
        NATIVE.attribute(index, struct.pack("=Q" if wide or index in (4, 5) else "=I", value))
        for index, value in enumerate(stats, 1)
    ]
    return NATIVE.attribute(number, b"".join(parts))


def service_body(service: Service, *stats: bytes) -> bytes:
    """Encode a service as the kernel sends it."""
    attributes = dict(NATIVE.attributes(NATIVE.attributes(wire.service(service))[wire.TOP_SERVICE]))
    return b"".join(NATIVE.attribute(number, payload) for number, payload in attributes.items()) + b"".join(stats)


def server_body(server: RealServer, *stats: bytes, without: Iterable[int] = ()) -> bytes:
    """Encode a real server as the kernel sends it: an address has room for sixteen bytes."""
    found = NATIVE.attributes(NATIVE.attributes(wire.server(server))[wire.TOP_DEST])
    found[wire.DEST_ADDRESS] = found[wire.DEST_ADDRESS].ljust(16, b"\0")
    config = [NATIVE.attribute(number, payload) for number, payload in found.items() if number not in without]
    counts = [NATIVE.attribute(number, struct.pack("=I", 30 + number)) for number in COUNTS]
    return b"".join((*config, *counts, *stats))


@dataclass
class Dumps:
    """A kernel of prepared answers: each is a list of datagrams, each of those a list of bodies."""

    services: list[list[list[bytes]]]
    servers: list[list[bytes]] = field(default_factory=lambda: [[]])
    asked: list[Command] = field(default_factory=list)

    def __call__(self, command: Command, _: bytes) -> Iterator[Datagram]:
        self.asked.append(command)
        if command is Command.GET_DEST:
            return (_datagram(wire.TOP_DEST, bodies) for bodies in self.servers)
        answer = self.services.pop(0) if len(self.services) > 1 else self.services[0]
        return (_datagram(wire.TOP_SERVICE, bodies) for bodies in answer)


def _message(top: int, body: bytes) -> bytes:
    payload = NATIVE.attribute(top, body)
    return struct.pack("=I", HEADER + len(payload)).ljust(HEADER, b"\0") + payload


def _datagram(top: int, bodies: Iterable[bytes]) -> Datagram:
    messages = [_message(top, body) for body in bodies]
    ends = list(accumulate(map(len, messages), initial=0))
    return Datagram(bytearray(b"".join(messages)), list(pairwise(ends)), [], interrupted=False)


STATS64 = block(wire.SVC_STATS64, COUNTED)
WIDE = (block(wire.SVC_STATS, Stats(), wide=False), STATS64)


def test_a_kernel_with_64_bit_statistics_is_read_from_those() -> None:
    table = PoolTable()
    dumps = Dumps([[[service_body(Service(WEB), *WIDE)]]], [[server_body(FIRST, *WIDE)]])
    for _ in range(2):  # the first message of a shape is walked, the next one unpacked
        services, servers = table.read(dumps)
        assert services == {WEB: COUNTED}
        assert servers == {WEB: {FIRST.endpoint: ServerStats(37, 38, 39, COUNTED)}}
    assert table.director(Timeouts(), {}).pools == {WEB: Pool(Service(WEB), {FIRST.endpoint: FIRST})}


def test_a_kernel_without_64_bit_statistics_is_read_from_the_others() -> None:
    narrow = block(wire.SVC_STATS, COUNTED, wide=False)
    table = PoolTable()
    for _ in range(2):
        services, servers = table.read(Dumps([[[service_body(Service(WEB), narrow)]]], [[server_body(FIRST, narrow)]]))
        assert services == {WEB: COUNTED}
        assert servers == {WEB: {FIRST.endpoint: ServerStats(37, 38, 39, COUNTED)}}


def test_an_old_kernel_names_neither_family_nor_tunnel_of_a_server() -> None:
    without = (wire.DEST_FAMILY, wire.DEST_TUNNEL_TYPE, wire.DEST_TUNNEL_PORT, wire.DEST_TUNNEL_FLAGS)
    table = PoolTable()
    table.read(Dumps([[[service_body(Service(WEB), *WIDE)]]], [[server_body(FIRST, *WIDE, without=without)]]))
    assert table.director(Timeouts(), {}).pools[WEB].servers == {FIRST.endpoint: FIRST}


def test_numbers_in_an_order_of_their_own_are_walked() -> None:
    shuffled = NATIVE.attribute(
        wire.SVC_STATS64, b"".join(NATIVE.attribute(n, struct.pack("=Q", n)) for n in range(10, 0, -1))
    )
    message = _message(wire.TOP_DEST, server_body(FIRST, shuffled))
    assert learn(message, COUNTS) is None
    _, counts, stats = walk(message, COUNTS)
    assert (counts, stats) == ((37, 38, 39), COUNTED)


def test_messages_of_one_length_may_differ_in_layout() -> None:
    """An attribute longer and a padding shorter is what other names do in a kernel that aligns its numbers."""
    pad = NATIVE.attribute(11, b"")
    short = Service(WEB, "rr")
    long = Service(DNS, "lblcr")
    plain = [NATIVE.attribute(number, struct.pack("=Q", value)) for number, value in enumerate(COUNTED, 1)]
    padded = NATIVE.attribute(wire.SVC_STATS64, pad + b"".join(plain))
    dense = NATIVE.attribute(wire.SVC_STATS64, b"".join(plain))
    bodies = [service_body(short, padded), service_body(long, dense)]
    assert len(bodies[0]) == len(bodies[1])
    table = PoolTable()
    for _ in range(2):
        services, _ = table.read(Dumps([[bodies]]))
        assert services == {WEB: COUNTED, DNS: COUNTED}
    assert {pool.service for pool in table.director(Timeouts(), {}).pools.values()} == {short, long}


def test_an_attribute_of_a_later_kernel_changes_nothing() -> None:
    table = PoolTable()
    directors = []
    for number in range(3):
        news = NATIVE.attribute(99, struct.pack("=I", number))
        table.read(
            Dumps([[[service_body(Service(WEB), news, *WIDE)]]], [[server_body(FIRST, news, *WIDE)]]),
        )
        directors.append(table.director(Timeouts(), {}))
    assert directors[0].pools == {WEB: Pool(Service(WEB), {FIRST.endpoint: FIRST})}
    assert directors[1] is directors[0]
    assert directors[2] is directors[0]


def test_a_service_that_a_torn_dump_skipped_is_looked_for_again() -> None:
    web, dns = service_body(Service(WEB), *WIDE), service_body(Service(DNS), *WIDE)
    table = PoolTable()
    table.read(Dumps([[[web], [dns]]]))
    director = table.director(Timeouts(), {})
    torn = Dumps([[[dns], []], [[web], [dns]]])
    services, _ = table.read(torn)
    assert set(services) == {WEB, DNS}
    assert torn.asked.count(Command.GET_SERVICE) == 2
    assert table.director(Timeouts(), {}) is director


def test_a_service_that_has_gone_is_gone() -> None:
    web, dns = service_body(Service(WEB), *WIDE), service_body(Service(DNS), *WIDE)
    table = PoolTable()
    table.read(Dumps([[[web], [dns]]]))
    services, _ = table.read(Dumps([[[dns], []]]))
    assert set(services) == {DNS}
    assert set(table.director(Timeouts(), {}).pools) == {DNS}


def test_rows_that_a_torn_dump_repeats_count_once() -> None:
    web, first = service_body(Service(WEB), *WIDE), server_body(FIRST, *WIDE)
    table = PoolTable()
    services, servers = table.read(Dumps([[[web], [web]]], [[first], [first]]))
    assert set(services) == {WEB}
    assert set(servers[WEB]) == {FIRST.endpoint}
    assert table.director(Timeouts(), {}).pools == {WEB: Pool(Service(WEB), {FIRST.endpoint: FIRST})}


def test_a_family_that_the_kernel_lacks_raises_enoent() -> None:
    with pytest.raises(Answer) as caught:
        GenericFamily("NOSUCH", 1, None)
    assert caught.value.code == errno.ENOENT


async def test_a_channel_opens_under_a_running_event_loop() -> None:
    GenericFamily("nlctrl", 2, None).close()


def test_families_are_looked_up_without_a_warning_and_without_pyroute2() -> None:
    script = """
import sys
from lvstui.kernel.netlink.channel import Answer, GenericFamily
import lvstui.kernel.live
GenericFamily("nlctrl", 2, None).close()
try:
    GenericFamily("NOSUCH", 1, None)
except Answer:
    print(*{"pyroute2", "asyncio"} & set(sys.modules))
"""
    done = subprocess.run([sys.executable, "-X", "dev", "-W", "error", "-c", script], capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"\n", b"")


def test_a_namespace_that_does_not_exist_is_named_in_the_error() -> None:
    with pytest.raises(KernelError, match='no network namespace "nosuch"'):
        call_in("nosuch", lambda: None)


LOADER = Path("/proc/sys/kernel/modprobe")


@contextmanager
def module_away() -> Iterator[None]:
    """Unload IPVS with all that hangs on it, and load it again."""
    lines = Path("/proc/modules").read_text().splitlines()
    modules = [line.split()[0] for line in lines if line.startswith("ip_vs")]
    others = [module for module in modules if module != "ip_vs"]
    # A namespace that is gone holds schedulers until it has ended, and a reading of the table the module itself.
    deadline = time.monotonic() + 60
    while subprocess.run(["modprobe", "-r", *others, "ip_vs"], check=False).returncode:
        assert time.monotonic() < deadline, Path("/proc/modules").read_text()
        time.sleep(0.05)
    try:
        yield
    finally:
        subprocess.run(["modprobe", "-a", "ip_vs", *others], check=True)


@contextmanager
def nothing_loads() -> Iterator[None]:
    """Keep the kernel from loading modules by itself."""
    loader = LOADER.read_text()
    LOADER.write_text("/bin/false")
    try:
        yield
    finally:
        LOADER.write_text(loader)


@pytest.mark.kernel
def test_the_module_may_go_and_come_back(live: Live) -> None:
    with nothing_loads(), module_away():
        for _ in range(2):
            with pytest.raises(NoIpvs, match="modprobe ip_vs"):
                live.read()
        with pytest.raises(NoIpvs, match="modprobe ip_vs"):
            live.write(change_service(None, Service(WEB)))
        with pytest.raises(NoIpvs, match="modprobe ip_vs"):
            live.zero(None)
        with pytest.raises(NoIpvs, match="modprobe ip_vs"):
            Proc().read()
    live.write(change_service(None, Service(WEB)))
    assert set(live.read().director.pools) == {WEB}


@pytest.mark.kernel
def test_the_module_may_go_and_come_back_unseen(live: Live) -> None:
    live.write(change_service(None, Service(WEB)))
    assert set(live.read().director.pools) == {WEB}
    remove_services(live)
    with module_away():
        pass
    assert live.read().director.pools == {}
    with module_away():
        pass
    live.write(change_service(None, Service(WEB)))
    assert set(live.read().director.pools) == {WEB}


@pytest.mark.kernel
def test_looking_loads_the_module_where_the_kernel_may_load_it(live: Live) -> None:
    aliases = subprocess.run(["modinfo", "-F", "alias", "ip_vs"], check=True, text=True, capture_output=True).stdout
    if "family-IPVS" not in aliases:
        pytest.skip("this kernel does not load ip_vs for who asks for its netlink family")
    with module_away():
        assert live.read().director.pools == {}


@pytest.mark.kernel
def test_without_the_right_the_table_comes_from_proc(live: Live) -> None:
    live.write(change_service(None, Service(WEB)))
    live.write(change_server(WEB, None, SECOND))
    script = """
from lvstui.kernel.live import Live
from lvstui.kernel.port import NoRight
from lvstui.core.change import change_service
kernel = Live()
print(kernel.read_only)
reading = kernel.read()
print(reading.director)
(pool,) = reading.director.pools.values()
print(kernel.lookup(change_service(pool.service, None).target) == pool.service)
for write in (lambda: kernel.write(change_service(pool.service, None)), lambda: kernel.zero(None)):
    try:
        write()
    except NoRight as problem:
        print(problem)
"""
    without = ["setpriv", "--bounding-set", "-net_admin", "--inh-caps", "-net_admin"]
    done = subprocess.run([*without, sys.executable, "-c", script], check=True, text=True, capture_output=True)
    lines = done.stdout.splitlines()
    assert "CAP_NET_ADMIN" in lines[0]
    assert "/proc/net/ip_vs" in lines[0]
    seen = repr(live.read().director).replace(repr(Timeouts()), "None").replace("sync={}", "sync=None")
    assert lines[1] == seen.replace("marks={}", "marks=None")  # with nftables there, root sees that there are none
    assert lines[2] == "True"
    assert len(lines) == 5


@pytest.mark.kernel
@pytest.mark.usefixtures("live")
def test_a_right_that_the_kernel_then_denies_makes_read_only() -> None:
    """In a user namespace all capabilities are there, but IPVS asks for those of the first one."""
    script = """
from lvstui.kernel.live import Live
kernel = Live()
assert kernel.read_only == ""
print(kernel.read().info.version)
print(kernel.read_only)
"""
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", sys.executable, "-c", script],
        check=True,
        text=True,
        capture_output=True,
    )
    assert "CAP_NET_ADMIN" in done.stdout


@contextmanager
def namespace(name: str) -> Iterator[str]:
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        yield name
    finally:
        subprocess.run(["ip", "netns", "del", name], check=True)


@pytest.mark.kernel
def test_a_named_namespace_has_a_table_of_its_own(live: Live) -> None:
    with namespace("other") as name:
        other = Live(netns=name)
        other.write(change_service(None, Service(WEB)))
        live.write(change_service(None, Service(DNS)))
        assert set(other.read().director.pools) == {WEB}
        assert set(live.read().director.pools) == {DNS}
        inside = subprocess.run(
            ["ip", "netns", "exec", name, "ipvsadm", "-Sn"], check=True, text=True, capture_output=True
        )
        assert inside.stdout == "-A -t 192.0.2.10:80 -s wlc\n"
        assert other.origin == live.origin
        other.close()


@pytest.mark.kernel
def test_a_daemon_may_be_stopped_the_moment_it_started(live: Live) -> None:
    for number in range(20):
        for role in SyncRole:
            daemon = SyncDaemon(role, "lo", number, 1400)
            live.write(change_daemon(None, daemon))
            live.write(change_daemon(daemon, None))
    assert live.read().director.sync == {}


@pytest.mark.kernel
def test_a_table_that_changes_while_it_is_read_is_read_nevertheless(live: Live) -> None:
    for number in range(200):
        key = AddressKey(Protocol.TCP, IPv4Address(0xC6336400 + number), 80)
        live.write(change_service(None, Service(key)))
        live.write(change_server(key, None, FIRST))
    steady = live.read().director
    stop = threading.Event()

    def churn() -> None:
        other = Live()
        while not stop.is_set():
            for key in (WEB, DNS):
                other.write(change_service(None, Service(key)))
                other.write(change_server(key, None, SECOND))
            for key in (WEB, DNS):
                other.write(change_service(Service(key), None))
        other.close()

    thread = threading.Thread(target=churn)
    thread.start()
    try:
        for _ in range(50):
            pools = live.read().director.pools
            assert {key: pool for key, pool in pools.items() if key not in (WEB, DNS)}.keys() <= steady.pools.keys()
    finally:
        stop.set()
        thread.join()
    assert live.read().director == steady
