"""The names of the network interfaces, with `ip link` as referee in the guest."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from lvstui.core.change import change_daemon
from lvstui.core.model import SyncDaemon, SyncRole
from lvstui.kernel.live import Live
from lvstui.kernel.netlink.links import Interfaces

NAMESPACE = "links"


def ip(*words: str) -> str:
    return subprocess.run(["ip", *words], check=True, text=True, capture_output=True).stdout


def told_by_ip(*where: str) -> tuple[str, ...]:
    """Return what `ip link` lists, what is up and can multicast first."""
    lines = [line.split() for line in ip(*where, "-o", "link").splitlines()]
    found = [
        (
            not {"UP", "MULTICAST"} <= set(flags.strip("<>").split(",")),
            int(number[:-1]),
            name.rstrip(":").partition("@")[0],
        )
        for number, name, flags, *_ in lines
    ]
    return tuple(name for _, _, name in sorted(found))


@contextmanager
def link(*words: str) -> Iterator[None]:
    ip("link", "add", *words)
    try:
        yield
    finally:
        ip("link", "del", words[0])


def test_this_machine_has_the_interfaces_that_its_c_library_names() -> None:
    with closing(Interfaces(None)) as interfaces:
        names = {name for _, name in socket.if_nameindex()}
        assert names
        assert names <= set(interfaces.read())


def test_of_a_namespace_that_is_not_there_nothing_is_known() -> None:
    with closing(Interfaces("no-such-namespace")) as interfaces:
        assert interfaces.read() == ()


@pytest.mark.kernel
def test_interfaces_are_named_as_they_come_and_go(live: Live) -> None:
    assert live.interfaces == told_by_ip()
    with link("sync0", "type", "dummy"), link("aside", "type", "dummy"):
        assert live.interfaces == told_by_ip()
        assert set(live.interfaces) >= {"sync0", "aside", "lo"}
        ip("link", "set", "aside", "up", "multicast", "on")
        assert live.interfaces == told_by_ip()
        assert live.interfaces.index("aside") < live.interfaces.index("sync0")
        ip("link", "set", "sync0", "name", "sync1")
        assert live.interfaces == told_by_ip()
        assert "sync0" not in live.interfaces
        ip("link", "set", "sync1", "name", "sync0")
    assert live.interfaces == told_by_ip()


@pytest.mark.kernel
def test_more_news_than_the_socket_holds_loses_no_interface(live: Live) -> None:
    assert live.interfaces == told_by_ip()
    with link("busy0", "type", "dummy"):
        lines = "\n".join(f"link set busy0 mtu {1000 + number % 2}" for number in range(5000))
        subprocess.run(["ip", "-batch", "-"], input=lines, text=True, check=True)
        ip("link", "set", "busy0", "up")
        assert live.interfaces == told_by_ip()


@pytest.mark.kernel
def test_hundreds_of_interfaces_are_all_named(live: Live) -> None:
    names = [f"many{number}" for number in range(300)]
    subprocess.run(["ip", "-batch", "-"], input="\n".join(f"link add {n} type dummy" for n in names), text=True)
    try:
        assert live.interfaces == told_by_ip()
        assert set(names) <= set(live.interfaces)
    finally:
        subprocess.run(["ip", "-batch", "-"], input="\n".join(f"link del {name}" for name in names), text=True)
    assert live.interfaces == told_by_ip()


@pytest.mark.kernel
def test_another_name_of_an_interface_is_listed_and_a_daemon_starts_on_it(live: Live) -> None:
    with link("sync0", "mtu", "1500", "type", "dummy"):
        ip("link", "property", "add", "dev", "sync0", "altname", "cluster", "altname", "too-long-for-ipvs-to-take")
        ip("link", "set", "sync0", "up")
        ip("addr", "add", "198.18.0.1/24", "dev", "sync0")
        assert live.interfaces == (*told_by_ip(), "cluster")
        daemon = SyncDaemon(SyncRole.MASTER, "cluster", 1, 1400)
        live.write(change_daemon(None, daemon))
        live.write(change_daemon(daemon, None))


@pytest.mark.kernel
def test_a_named_namespace_has_interfaces_of_its_own(live: Live) -> None:
    ip("netns", "add", NAMESPACE)
    try:
        ip("-n", NAMESPACE, "link", "add", "inside", "type", "dummy")
        with closing(Live(NAMESPACE)) as other:
            assert "inside" in other.interfaces
            assert other.interfaces == told_by_ip("-n", NAMESPACE)
            ip("-n", NAMESPACE, "link", "set", "inside", "up", "multicast", "on")
            assert other.interfaces[0] == "inside"
        assert "inside" not in live.interfaces
    finally:
        ip("netns", "del", NAMESPACE)
