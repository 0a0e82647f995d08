"""Commands keep directors apart: another one's profile, and what would delete most, are refused without --force."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from lvstui.core.model import NOBODYS, Director, Home, Pool, Service
from lvstui.formats.profile.write import dumps, loads
from lvstui.host.home import find_home
from lvstui.kernel.memory.kernel import MemoryKernel
from tests.build import address_key
from tests.test_cli import PROFILE, Shell

HERE = find_home()
ELSEWHERE = Home("lb2.example.net", "red")
FOREIGN = "is the profile of lb2.example.net, netns red, and this is "
EDITS = (
    "set tcp:192.0.2.10:443 note=x",
    "add tcp:192.0.2.99:80",
    "delete tcp:192.0.2.10:443 10.0.0.11:443",
    "drain tcp:192.0.2.10:443 10.0.0.11:443",
    "rollback 1",
    "set timeouts tcp=7",
)


class RealKernel(MemoryKernel):
    """A kernel in memory that says it is no demo, so that it is at home on this machine."""

    origin = "taken for a live one"


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Shell:
    shell = Shell(capsys, tmp_path)
    plain = replace(PROFILE, pools={key: replace(pool) for key, pool in PROFILE.pools.items()})
    shell.kernel = RealKernel(plain)
    shell.want(plain)
    return shell


def saved(shell: Shell) -> Director:
    return loads(shell.profile.read_text(), "director.toml")


def moved(shell: Shell, home: Home) -> None:
    """Let the profile, as it is, say that it is somebody else's."""
    shell.want(replace(saved(shell), home=home))


def many(count: int) -> Director:
    keys = [address_key(f"udp:192.0.2.{number}:53") for number in range(1, count + 1)]
    return replace(PROFILE, pools={key: Pool(Service(key)) for key in keys})


def test_a_profile_that_does_not_say_whose_it_is_is_taken_and_says_so_from_the_first_save_on(shell: Shell) -> None:
    assert saved(shell).home == NOBODYS
    assert shell.run("set", "timeouts", "tcp=7").status == 0
    assert saved(shell).home == HERE
    assert f'[director]\nname = "lb1"\nhost = "{HERE.host}"\n' in shell.profile.read_text()
    assert shell.run("set", "timeouts", "tcp=8").err == ""


def test_the_first_profile_says_whose_it_is(shell: Shell) -> None:
    shell.profile.unlink()
    assert shell.run("set", "timeouts", "tcp=7").status == 0
    assert saved(shell).home == HERE


def test_the_demo_says_nothing_and_asks_nothing(shell: Shell) -> None:
    shell.kernel = MemoryKernel(PROFILE)
    assert shell.run("set", "timeouts", "tcp=7").status == 0
    assert saved(shell).home == NOBODYS
    moved(shell, ELSEWHERE)
    assert shell.run("set", "timeouts", "tcp=8").err == ""
    assert saved(shell).home == ELSEWHERE
    assert json.loads(shell.run("history", "--json").out)["record"][0]["host"] == ""


@pytest.mark.parametrize("words", EDITS)
def test_an_edit_beside_the_profile_of_another_director_is_refused(shell: Shell, words: str) -> None:
    shell.run("set", "timeouts", "tcp=6")
    moved(shell, ELSEWHERE)
    before, text = shell.held(), shell.profile.read_text()
    ran = shell.run(*words.split())
    assert (ran.status, ran.out) == (1, "")
    assert FOREIGN in ran.err
    assert "nothing was written: add --force where that is meant" in ran.err
    assert (shell.held(), shell.profile.read_text()) == (before, text)
    ran = shell.run(*words.split(), "--dry-run")
    assert ran.status == 3
    assert ran.err.startswith("lvstui: warning: ")
    assert shell.held() == before
    ran = shell.run(*words.split(), "--force")
    assert ran.status == 0
    assert FOREIGN in ran.err
    assert saved(shell).home == ELSEWHERE  # with this edit in it it is still the other one's
    assert shell.profile.read_text() != text


def test_another_directors_profile_is_not_applied_without_force(shell: Shell, tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    other.write_text(dumps(replace(PROFILE, timeouts=None, home=ELSEWHERE)))
    assert shell.run("apply", str(other)).status == 0  # it says what is so already
    key = address_key("udp:192.0.2.53:53")
    other.write_text(dumps(replace(PROFILE, home=ELSEWHERE, pools={**PROFILE.pools, key: Pool(Service(key))})))
    ran = shell.run("apply", str(other))
    assert (ran.status, ran.out) == (1, "")
    assert f"{other} {FOREIGN}" in ran.err
    assert key not in shell.held().pools
    assert shell.run("apply", str(other), "--keep-others").status == 1
    ran = shell.run("apply", str(other), "--dry-run")
    assert (ran.status, ran.out) == (3, "+ udp:192.0.2.53:53: scheduler wlc\n    ipvsadm -A -u 192.0.2.53:53 -s wlc\n")
    assert FOREIGN in ran.err
    assert FOREIGN in shell.run("diff", str(other)).err
    assert shell.run("apply", str(other), "--force").status == 0
    assert key in shell.held().pools


@pytest.mark.parametrize("kernel", [MemoryKernel, RealKernel])
def test_what_would_delete_most_of_what_runs_is_not_applied_without_force(
    shell: Shell, kernel: type[MemoryKernel]
) -> None:
    shell.kernel = kernel(many(7))
    shell.want(many(3))
    ran = shell.run("apply")
    assert (ran.status, ran.out) == (1, "")
    assert (
        "this deletes more than a part of what runs: 4 of 7 services (udp:192.0.2.4:53, udp:192.0.2.5:53, "
        "udp:192.0.2.6:53 and 1 more); nothing was written: add --force"
    ) in ran.err
    assert len(shell.held().pools) == 7
    ran = shell.run("apply", "--dry-run")
    assert (ran.status, ran.out.count("    ipvsadm -D "), ran.out.count("\n")) == (3, 4, 8)
    assert "warning: this deletes more than a part of what runs: 4 of 7" in ran.err
    assert shell.run("apply", "--keep-others").status == 0
    assert len(shell.held().pools) == 7
    assert shell.run("apply", "--force").status == 0
    assert shell.held().pools.keys() == many(3).pools.keys()


def test_what_deletes_a_part_is_applied(shell: Shell) -> None:
    shell.kernel = RealKernel(many(6))
    shell.want(many(3))
    ran = shell.run("apply")
    assert (ran.status, ran.err) == (0, "")


def test_a_record_says_where_it_was_made_and_is_not_taken_back_elsewhere(shell: Shell) -> None:
    shell.run("set", "timeouts", "tcp=6")
    path = shell.profile.with_name("director.toml.history.jsonl")
    (record,) = json.loads(shell.run("history", "--json").out)["record"]
    assert (record["host"], record["netns"]) == (HERE.host, HERE.netns)
    assert " on " not in shell.run("history").out or HERE.netns
    path.write_text(path.read_text().replace(f'"host":"{HERE.host}"', '"host":"lb2","netns":"red"', 1))
    assert " do on lb2, netns red" in shell.run("history").out
    assert "on lb2" in shell.run("history", "netns red").out
    assert shell.run("history", "netns blue").out == ""
    ran = shell.run("rollback", "1")
    assert ran.status == 1
    assert "record 1 was made on lb2, netns red, and this is " in ran.err
    assert shell.run("rollback", "1", "--force").status == 0


def test_export_says_whose_it_is_and_does_not_replace_the_profile_of_another_director(shell: Shell) -> None:
    exported = loads(shell.run("export").out, "exported")
    assert exported.home == HERE
    moved(shell, ELSEWHERE)
    text = shell.profile.read_text()
    ran = shell.run("export", "-o", str(shell.profile))
    assert ran.status == 1
    assert FOREIGN in ran.err
    assert shell.profile.read_text() == text
    assert shell.run("export", "-o", str(shell.profile), "--force").status == 0
    assert saved(shell).home == HERE
    other = shell.profile.with_name("notes.txt")
    other.write_text("no profile")
    assert shell.run("export", "-o", str(other)).status == 0


def test_show_director_says_where_one_is_and_which_profile_is_at_work(shell: Shell) -> None:
    lines = shell.run("show", "director").out.splitlines()
    assert lines[1].split()[:2] == ["host", HERE.host if not HERE.netns else f"{HERE.host},"]
    assert lines[2] == f"profile   {shell.profile}"
    moved(shell, ELSEWHERE)
    assert shell.run("show", "director").out.splitlines()[2].endswith(", of lb2.example.net, netns red")
    assert json.loads(shell.run("show", "director", "--json").out)["director"]["host"] == HERE.host


@pytest.mark.parametrize("name", ["", ".", "..", "../../proc/self/ns/net", "/proc/1/ns/net"])
@pytest.mark.parametrize("words", ["show", "history", "apply"])
def test_a_namespace_is_named_as_ip_netns_lists_it(shell: Shell, name: str, words: str) -> None:
    ran = shell.run("--netns", name, words)
    assert ran.status == 2
    assert "netns: must be a name that `ip netns` lists" in ran.err


def test_a_start_with_another_director_s_profile_is_refused_and_one_that_deletes_needs_no_force(shell: Shell) -> None:
    moved(shell, ELSEWHERE)
    shell.want(replace(saved(shell), pools={}))
    assert shell.run("apply", "--boot").status == 0  # nothing to write
    moved(shell, ELSEWHERE)
    shell.want(replace(saved(shell), pools=many(1).pools))
    ran = shell.run("apply", "--boot")
    assert (ran.status, FOREIGN in ran.err) == (1, True)
    moved(shell, HERE)
    assert shell.run("apply", "--boot").status == 0
    assert len(shell.held().pools) == len(PROFILE.pools) + 1
