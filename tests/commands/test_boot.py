"""`apply --boot` on the kernel in memory: what it writes, what it leaves alone, and what it says where a part lacks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lvstui.cli import main
from lvstui.core.change import EMPTY, Change, change_daemon, change_server, change_service
from lvstui.core.model import Director, MarkGroupKey, Service, SyncDaemon, SyncRole
from lvstui.kernel.memory.kernel import MemoryKernel
from tests.build import address_key, server

PROFILE = """\
format = 1
[timeouts]
tcp = 1000
tcp_fin = 60
udp = 100
[sysctl]
conntrack = 1
[[sync]]
role = "master"
interface = "eth1"
id = 7
[[service]]
service = "tcp:192.0.2.10:80"
scheduler = "wrr"
[[service.server]]
server = "10.0.0.11:80"
weight = 3
[[service]]
service = "mark:9"
[[mark]]
mark = 9
match = ["tcp 192.0.2.30 80,443"]
"""
OTHER = address_key("tcp:192.0.2.99:80")
WEB = address_key("tcp:192.0.2.10:80")

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def kernel() -> MemoryKernel:
    return MemoryKernel(EMPTY)


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    path = tmp_path / "director.toml"
    path.write_text(PROFILE)
    return path


@pytest.fixture
def run(kernel: MemoryKernel, profile: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: str) -> tuple[int, str, str]:
        status = main(["--profile", str(profile), *arguments], lambda _: kernel)
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return run


def held(kernel: MemoryKernel) -> Director:
    return kernel.read().director


def test_a_start_writes_all_but_sync_daemons_which_have_a_start_of_their_own(run: Run, kernel: MemoryKernel) -> None:
    status, out, err = run("apply", "--boot")
    assert (status, err) == (0, "")
    assert len(out.splitlines()) == 6
    director = held(kernel)
    assert (director.timeouts and director.timeouts.tcp, director.sysctl["conntrack"]) == (1000, "1")
    assert (list(director.groups), director.daemons) == ([9], {})
    differs = run("diff")[1]
    assert differs == "+ sync master: interface eth1, id 7, group 224.0.0.81, port 8848, ttl 1\n"
    assert run("apply", "--boot", "--sync") == (0, differs, "")
    assert run("diff") == (0, "", "")


def test_a_start_deletes_nothing_and_asks_nothing(run: Run, kernel: MemoryKernel) -> None:
    kernel.write(change_service(None, Service(OTHER)))
    kernel.write(change_service(None, Service(WEB)))
    kernel.write(change_server(WEB, None, server("10.0.0.99:80")))
    kernel.write(change_daemon(None, SyncDaemon(SyncRole.BACKUP, "eth0")))
    assert run("apply", "--boot")[0] == 0
    director = held(kernel)
    assert OTHER in director.pools
    assert [str(endpoint.address) for endpoint in director.pools[WEB].servers] == ["10.0.0.99", "10.0.0.11"]
    assert director.daemons[SyncRole.BACKUP].interface == "eth0"


def test_only_rules_that_are_gone_come_back_by_marks(run: Run, kernel: MemoryKernel) -> None:
    run("apply", "--boot")
    kernel.write(change_service(Service(WEB, "wrr"), Service(WEB, "rr")))
    for group in held(kernel).groups.values():
        kernel.write(Change(MarkGroupKey(group.mark), group, None))
    status, out, err = run("apply", "--boot", "--marks")
    assert (status, len(out.splitlines()), err) == (0, 1, "")
    assert list(held(kernel).groups) == [9]
    assert held(kernel).pools[WEB].service.scheduler == "rr"


def test_what_the_kernel_refuses_and_what_the_profile_has_wrong_is_named_and_the_rest_is_written(
    run: Run, kernel: MemoryKernel, profile: Path
) -> None:
    wrong = """\
[[service]]
service = "tcp:192.0.2.11:80"
scheduler = "unheard"
[[service.server]]
server = "10.0.0.12:80"
[[service]]
service = "tcp:192.0.2.12:80"
[[service.server]]
server = "10.0.0.13:80"
weight = "many"
[[service.server]]
server = "10.0.0.14:80"
[[service]]
service = "tcp:192.0.2.13:80"
shceduler = "rr"
"""
    profile.write_text(PROFILE + wrong)
    status, _, err = run("apply", "--boot")
    assert status == 3
    assert "unheard" in err
    assert "weight: must be" in err
    assert "shceduler" in err
    pools = held(kernel).pools
    assert address_key("tcp:192.0.2.11:80") not in pools
    assert [str(endpoint.address) for endpoint in pools[address_key("tcp:192.0.2.12:80")].servers] == ["10.0.0.14"]
    assert address_key("tcp:192.0.2.13:80") not in pools
    assert WEB in pools


def test_a_line_that_is_no_toml_takes_only_its_own_object_along(run: Run, kernel: MemoryKernel, profile: Path) -> None:
    profile.write_text(PROFILE.replace("weight = 3", "weight = = 3"))
    status, _, err = run("apply", "--boot")
    assert status == 3
    assert "director.toml:17: error: " in err
    assert not held(kernel).pools[WEB].servers
    assert held(kernel).groups


@pytest.mark.parametrize("text", ["", "# all is gone\n", '[[service]]\nservice = "tcp:nowhere:80"\n'])
def test_a_profile_of_which_nothing_can_be_had_is_a_failure(run: Run, profile: Path, text: str) -> None:
    profile.write_text(text)
    status, out, err = run("apply", "--boot")
    assert (status, out) == (1, "")
    assert "format: is missing" in err
    assert err.endswith(f"nothing of {profile} can be had\n")


@pytest.mark.parametrize("words", [["--json"], ["--confirm-within", "60"]])
def test_a_start_is_neither_on_trial_nor_json(run: Run, kernel: MemoryKernel, words: list[str]) -> None:
    assert run("apply", "--boot", *words)[0] == 2
    assert not held(kernel).pools


def test_sync_and_marks_are_parts_of_a_start(run: Run, kernel: MemoryKernel) -> None:
    for part in ("--sync", "--marks"):
        status, _, err = run("apply", part)
        assert (status, err) == (2, f"lvstui: {part} is a part of a start: write lvstui apply --boot {part}\n")
    assert not held(kernel).pools


def test_a_dry_run_of_a_start_writes_nothing(run: Run, kernel: MemoryKernel) -> None:
    assert run("apply", "--boot", "--dry-run")[0] == 3
    assert not held(kernel).pools
