"""The host and its network namespaces are directors of their own: real namespaces, real tables, the usual profiles."""

from __future__ import annotations

import io
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from lvstui.cli import main
from lvstui.core.model import Home
from lvstui.formats.profile.write import loads
from lvstui.kernel.live import Live
from tests.kernel.ipvsadm import ipvsadm, saved

pytestmark = [pytest.mark.kernel, pytest.mark.usefixtures("blue")]

FOLDER = Path("/etc/lvstui")
HOSTS, BLUES = FOLDER / "director.toml", FOLDER / "netns/blue.toml"
HOST = os.uname().nodename
BLUE_NETNS = ("ip", "netns", "exec", "blue")
BLUE = [f"-A -t 192.0.2.{number}:80 -s wlc" for number in (1, 9)]
PROGRAM = """
import shlex, sys
from lvstui.cli import main
for line in sys.argv[1:]:
    print("status", main(shlex.split(line)), flush=True)
"""


def lvstui(line: str, status: int = 0) -> str:
    """Run a command in this process, on the usual profile."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        ended = main(shlex.split(line))
    assert ended == status, err.getvalue()
    return out.getvalue() + err.getvalue()


def run(*command: str) -> str:
    ended = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert ended.returncode == 0, ended.stdout
    return ended.stdout


def in_blue(*command: str) -> str:
    return run(*BLUE_NETNS, *command)


def started_in(place: Sequence[str], *lines: str) -> str:
    """Start lvstui in another place, once for all of these command lines; return what it says, and each status."""
    return run(*place, sys.executable, "-c", PROGRAM, *lines)


def blues() -> list[str]:
    """The table of the namespace, as ipvsadm saves it."""
    return sorted(line.strip() for line in in_blue("ipvsadm", "-Sn").splitlines())


@pytest.fixture
def blue(live: Live) -> Iterator[None]:
    """A host with 300 services and a profile of them, and a namespace with two services and no profile."""
    assert not live.read().director.pools  # a guest's kernel: nobody else may lose /etc/lvstui
    shutil.rmtree(FOLDER, ignore_errors=True)
    run("ip", "netns", "add", "blue")
    try:
        services = [f"-A -t 10.9.{number // 250}.{number % 250 + 1}:80 -s rr" for number in range(300)]
        ipvsadm("-R", lines=[*services, ""])
        lvstui("set timeouts tcp=600")
        in_blue("ip", "link", "set", "lo", "up")  # before there is a route no address is unicast
        for line in BLUE:
            in_blue("ipvsadm", *line.split())
        in_blue("ipvsadm", "-a", "-t", "192.0.2.1:80", "-r", "192.0.2.2:80", "-g", "-w", "1")
        yield
    finally:
        run("ip", "netns", "del", "blue")
        shutil.rmtree(FOLDER, ignore_errors=True)


def test_an_edit_in_a_namespace_stays_out_of_the_hosts_profile_and_the_hosts_out_of_the_namespace() -> None:
    hosts, before = HOSTS.read_text(), saved()
    assert loads(hosts, "p").home == Home(HOST)
    lvstui("--netns blue set tcp:192.0.2.1:80 192.0.2.2:80 weight=5")
    assert HOSTS.read_text() == hosts
    assert lvstui("diff") == ""
    own = loads(BLUES.read_text(), "p")
    assert (own.home, len(own.pools)) == (Home(HOST, "blue"), 2)
    assert lvstui("--netns blue apply") == f"lvstui: nothing to do: the kernel is as {BLUES} says\n"
    assert lvstui("--netns blue diff") == ""
    assert "nothing was written" in lvstui(f"--netns blue --profile {HOSTS} set timeouts tcp=7", status=1)
    assert (HOSTS.read_text(), saved()) == (hosts, before)
    assert blues() == [*BLUE, "-a -t 192.0.2.1:80 -r 192.0.2.2:80 -g -w 5"]


def test_lvstui_that_was_started_in_a_namespace_knows_where_it_is() -> None:
    hosts, before = HOSTS.read_text(), saved()
    edit = "set tcp:192.0.2.1:80 192.0.2.2:80 weight=6"
    said = started_in(BLUE_NETNS, edit, "history", f"apply {HOSTS}", f"--profile {HOSTS} apply", "show director")
    assert "weight 1 -> 6" in said
    assert " do on netns blue\n" in said
    assert said.count(f"{HOSTS} is the profile of {HOST}, and this is {HOST}, netns blue; ") == 2
    assert said.count("2 of 2 services (tcp:192.0.2.1:80, tcp:192.0.2.9:80)") == 2
    assert f"host      {HOST}, netns blue\nprofile   {BLUES}\n" in said
    assert [line for line in said.splitlines() if line.startswith("status")] == [
        f"status {status}" for status in (0, 0, 1, 1, 0)
    ]
    assert loads(BLUES.read_text(), "p").home == Home(HOST, "blue")
    assert blues() == [*BLUE, "-a -t 192.0.2.1:80 -r 192.0.2.2:80 -g -w 6"]
    assert (HOSTS.read_text(), saved()) == (hosts, before)
    assert lvstui("history").count("timeouts: tcp") == lvstui("history").count("\n") // 2 == 1


def test_a_namespace_without_a_name_has_no_usual_profile_and_never_takes_the_hosts() -> None:
    hosts, table = HOSTS.read_text(), saved()
    for unshare in (("unshare", "-n"), ("unshare", "-n", "-p", "-f", "--mount-proc")):
        said = started_in(unshare, "apply", "history", "set timeouts tcp=7", "show", f"apply {HOSTS}")
        assert said.count("this network namespace has no name") == 3
        assert "There is no virtual service.\nstatus 0\n" in said
        assert f"{HOSTS} is the profile of {HOST}, and this is {HOST}, netns net:[" in said
        assert said.count("status 1\n") == 4
    assert (HOSTS.read_text(), saved()) == (hosts, table)


def test_the_host_is_itself_with_its_settings_hidden() -> None:
    hidden = ("unshare", "-m", "sh", "-c", 'mount -t tmpfs none /proc/sys && exec "$@"', "sh")
    assert started_in(hidden, "history").endswith("status 0\n")
    assert started_in(("unshare", "-n", *hidden), "history").count("this network namespace has no name") == 1


def test_the_hosts_namespace_under_a_name_is_the_host() -> None:
    run("ip", "netns", "attach", "main", "1")
    try:
        lvstui("--netns main set timeouts tcp=8")
        assert lvstui("diff") == ""
        assert loads(HOSTS.read_text(), "p").home == Home(HOST)
        assert "tcp 600s -> 8s" in started_in(BLUE_NETNS, "--netns main history")
        assert not (FOLDER / "netns").exists()
    finally:
        run("ip", "netns", "del", "main")
