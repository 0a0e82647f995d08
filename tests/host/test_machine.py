"""What is known of the machine: its load and its links."""

from __future__ import annotations

import socket
import subprocess
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from lvstui.core.snapshot import Conntrack, Host, Link
from lvstui.host.machine import Counters, Links, Machine, spare_memory

BEFORE = Counters(1000, 500, 10, 5, 1, 0)
AFTER = Counters(5000, 600, 30, 6, 5, 2)


def test_rates_are_what_was_counted_between_two_looks() -> None:
    links = Links()
    assert links.between({"eth0": BEFORE}, 10.0) == (Link("eth0"),)
    assert links.between({"eth0": AFTER}, 12.0) == (Link("eth0", 0, 2000.0, 50.0, 10.0, 0.5, 2.0, 1.0),)


def test_a_link_that_is_new_or_anew_starts_with_nothing() -> None:
    links = Links()
    links.between({"eth0": AFTER}, 10.0)
    assert links.between({"eth1": AFTER, "eth0": BEFORE}, 11.0) == (Link("eth0"), Link("eth1"))


def test_two_looks_at_one_moment_give_no_rates() -> None:
    links = Links()
    links.between({"eth0": BEFORE}, 10.0)
    assert links.between({"eth0": AFTER}, 10.0) == (Link("eth0"),)


def test_the_loopback_is_no_link_worth_showing() -> None:
    assert "lo" not in {link.name for link in Links().observe(0.0)}


def test_the_machine_has_its_name_its_load_and_no_links_where_they_are_not_the_directors() -> None:
    host = Machine().observe()
    assert host.name == socket.gethostname()
    assert host.memory is not None
    assert 0 < host.memory <= 100
    assert Machine(links=False).observe().links == ()


def test_a_machine_without_proc_has_a_name_and_nothing_else_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(psutil, "PROCFS_PATH", str(tmp_path), raising=False)
    assert Machine().observe() == Host(socket.gethostname(), None, None, None)


@pytest.mark.parametrize("content", [b"", b"cpu\n", b"\xff\xfe\n\n", b"cpu 1 x\nMemTotal: y kB\n a\n b\n eth0: 1 2\n"])
def test_a_proc_with_odd_content_is_not_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    (tmp_path / "net").mkdir()
    for name in ("stat", "meminfo", "net/dev"):
        (tmp_path / name).write_bytes(content)
    monkeypatch.setattr(psutil, "PROCFS_PATH", str(tmp_path), raising=False)
    assert Machine().observe() == Host(socket.gethostname(), None, None, None)


def test_what_netfilter_tracks_is_read_where_the_namespace_is_the_directors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "sys/net/netfilter"
    folder.mkdir(parents=True)
    (folder / "nf_conntrack_count").write_text("18100\n")
    (folder / "nf_conntrack_max").write_text("262144\n")
    monkeypatch.setattr(psutil, "PROCFS_PATH", str(tmp_path), raising=False)
    assert Machine().observe().conntrack == Conntrack(18100, 262144)
    assert Machine(links=False).observe().conntrack is None


def test_each_cpu_has_a_share_of_work_on_packets() -> None:
    found = Machine().observe().softirqs
    assert len(found) == psutil.cpu_count()
    assert all(0 <= percent <= 100 for percent in found)


def test_what_vanishes_is_known_again_once_it_is_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine()
    with monkeypatch.context() as patch:
        patch.setattr(psutil, "PROCFS_PATH", str(tmp_path), raising=False)
        assert machine.observe().memory is None
    assert machine.observe().memory is not None


@pytest.mark.kernel
def test_traffic_on_a_link_is_seen() -> None:
    links = Links()
    names = {link.name for link in links.observe(0.0)}
    assert "dummy-seen" not in names
    with closing(_Dummy("dummy-seen")) as dummy:
        assert "dummy-seen" in {link.name for link in links.observe(1.0)}
        dummy.send(b"x" * 1000)
        (link,) = (link for link in links.observe(2.0) if link.name == "dummy-seen")
        assert 1000 <= link.out_bytes < 2000
        assert link.out_packets >= 1


class _Dummy:
    """A link that swallows what is sent to its network."""

    def __init__(self, name: str) -> None:
        self._name = name
        _ip("link", "add", name, "type", "dummy")
        _ip("address", "add", "198.51.100.1/24", "dev", name)
        _ip("link", "set", name, "up")

    def send(self, payload: bytes) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(payload, ("198.51.100.2", 9))

    def close(self) -> None:
        _ip("link", "del", self._name)


def _ip(*arguments: str) -> None:
    subprocess.run(("ip", *arguments), check=True)


def test_a_link_whose_name_is_no_text_hides_no_other_and_is_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        "\udcff".encode()

    counted = {"eth0": AFTER, "\udcff\udcfex": AFTER}
    seen = {
        name: SimpleNamespace(
            bytes_recv=1, bytes_sent=1, packets_recv=1, packets_sent=1, errin=0, errout=0, dropin=0, dropout=0
        )
        for name in counted
    }
    monkeypatch.setattr(psutil, "net_io_counters", lambda **_: seen)
    monkeypatch.setattr(psutil, "net_if_stats", refuse)
    names = [link.name for link in Links().observe(0.0)]
    assert "eth0" in names
    assert len(names) == 2
    assert all(name.isascii() for name in names)


@pytest.mark.parametrize(
    ("files", "most"),
    [
        ({}, None),
        ({"a/b/memory.max": "max", "a/b/memory.current": "5"}, None),
        ({"a/b/memory.max": "5000", "a/b/memory.current": "2000"}, 3000),
        ({"a/b/memory.max": "5000", "a/b/memory.current": "0", "a/memory.max": "900", "a/memory.current": "100"}, 800),
        ({"a/b/memory.max": "5000", "a/b/memory.current": "6000"}, 0),
    ],
)
def test_memory_is_that_of_the_machine_or_of_the_tightest_control_group(
    tmp_path: Path, files: dict[str, str], most: int | None
) -> None:
    own = tmp_path / "cgroup"
    own.write_text("4:memory:/elsewhere\n0::/a/b\n")
    (tmp_path / "groups/a/b").mkdir(parents=True)
    for name, text in files.items():
        (tmp_path / "groups" / name).write_text(f"{text}\n")
    spare = spare_memory(tmp_path / "groups", own)
    assert spare == most if most is not None else spare > 1 << 20
    assert spare_memory(tmp_path, tmp_path / "nowhere") > 1 << 20
