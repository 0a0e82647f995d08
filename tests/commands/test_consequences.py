"""The commands say what an edit does to clients, and set the flag that avoids it where that is asked for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lvstui.core.change import change_service, change_sysctl
from lvstui.core.model import Service, ServiceFlags
from lvstui.formats.profile.write import dumps
from lvstui.kernel.memory.kernel import MemoryKernel
from tests.build import SHOP, director, pool
from tests.test_cli import Shell

SERVERS = ("10.0.0.11:443", "10.0.0.12:443", "10.0.0.13:443")
HASHED = director(pool(Service(SHOP, "sh", name="shop"), *SERVERS))


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Shell:
    shell = Shell(capsys, tmp_path)
    shell.kernel = MemoryKernel(HASHED, traffic=True)
    shell.want(HASHED)
    return shell


THIRD = "lvstui: warning: shop: about a third of the clients will be refused: "


@pytest.mark.parametrize(
    "words",
    [
        ("drain", "shop", "10.0.0.12"),
        ("drain", "--machine", "10.0.0.12"),
        ("set", "shop", "10.0.0.12", "weight=0"),
        ("drain", "shop", "10.0.0.12", "--dry-run"),
    ],
)
def test_a_drain_warns_of_refused_clients_and_says_how_to_avoid_it(shell: Shell, words: tuple[str, ...]) -> None:
    ran = shell.run(*words)
    assert ran.err.startswith(THIRD)
    assert ran.err.endswith("the flag sh-fallback avoids that: add --with-fallback\n")


def test_with_fallback_sets_the_flag_in_the_same_edit_which_is_taken_back_as_one(shell: Shell) -> None:
    ran = shell.run("drain", "shop", "10.0.0.12", "--with-fallback")
    assert (ran.status, ran.err) == (0, "")
    assert shell.held().pools[SHOP].service.flags == ServiceFlags.SCHED_1
    assert ran.out.index("sh-fallback") < ran.out.index("weight 1 -> 0")
    assert shell.run("drain", "shop", "10.0.0.13", "--with-fallback").err == ""
    assert shell.run("rollback", "2").status == 0
    assert shell.run("rollback", "1").status == 0
    assert shell.held().pools[SHOP].service.flags == ServiceFlags.NONE


def test_an_apply_and_a_rollback_that_drain_warn_too(shell: Shell) -> None:
    drained = {
        end: replace(server, weight=0 if str(end.address) == "10.0.0.12" else 1)
        for end, server in HASHED.pools[SHOP].servers.items()
    }
    wanted = director(replace(HASHED.pools[SHOP], servers=drained))
    other = shell.profile.with_name("other.toml")
    other.write_text(dumps(wanted))
    assert "about a third of the clients will be refused" in shell.run("apply", str(other)).err
    assert shell.run("set", "shop", "10.0.0.12", "weight=1").err == ""
    assert "about a third of the clients will be refused" in shell.run("rollback", "2").err


@pytest.mark.parametrize("words", [("delete", "shop", "10.0.0.12"), ("delete", "shop", "--yes")])
def test_a_deletion_says_which_connections_break(shell: Shell, words: tuple[str, ...]) -> None:
    ran = shell.run(*words)
    assert ran.status == 0
    assert "connections will break (" in ran.err
    assert "10.0.0.12:443 " in ran.err
    assert "dropped for up to 900 s, as expire_nodest_conn is 0" in ran.err


def test_with_expire_nodest_conn_a_deletion_says_that_they_end(shell: Shell) -> None:
    shell.kernel.write(change_sysctl("expire_nodest_conn", "0", "1"))
    assert "each ends at its next packet" in shell.run("delete", "shop", "10.0.0.12").err


def test_an_apply_that_deletes_says_it_too(shell: Shell) -> None:
    wanted = director(pool(HASHED.pools[SHOP].service, *SERVERS[1:]))
    shell.want(wanted)
    assert "connections will break (10.0.0.11:443 " in shell.run("apply").err


def test_other_schedulers_and_edits_are_not_warned_of(shell: Shell) -> None:
    held = shell.held().pools[SHOP].service
    shell.kernel.write(change_service(held, replace(held, scheduler="wlc")))
    assert shell.run("drain", "shop", "10.0.0.12").err == ""
    assert shell.run("restore", "shop", "10.0.0.12").err == ""
