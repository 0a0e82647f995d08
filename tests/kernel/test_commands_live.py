"""The commands that edit, on the running kernel with ipvsadm as referee."""

from __future__ import annotations

import io
import json
import shlex
import subprocess
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from lvstui.cli import main
from tests.kernel.ipvsadm import ipvsadm, saved

pytestmark = [pytest.mark.kernel, pytest.mark.usefixtures("live")]

SHOP = (
    "add tcp:192.0.2.10:443 name=shop scheduler=sh flags=sh-port,sh-fallback persistence=600 netmask=/24",
    "add shop 10.0.0.11:443 name=web1 forwarding=masq weight=3 upper=70000 lower=66000",
    "add shop 10.0.0.12:443 name=web2 forwarding=masq weight=2",
    "add udp:192.0.2.10:53 name=dns scheduler=rr flags=one-packet",
    "add dns 10.0.0.11:5353 forwarding=masq",
    "add tcp:[2001:db8::10]:443 name=six prefix=64",
    "add six [fd00::11]:443 forwarding=route",
    "add mark:80 name=marked persistence=300",
    "add marked 10.0.0.11:0 forwarding=tunnel tunnel.type=gue tunnel.port=6080 tunnel.checksum=csum weight=9",
)
TABLE = [
    "-A -f 80 -s wlc -p 300",
    "-A -t 192.0.2.10:443 -s sh -p 600 -M 255.255.255.0 -b sh-fallback,sh-port",
    "-A -t [2001:db8::10]:443 -s wlc -p 300 -M 64",
    "-A -u 192.0.2.10:53 -s rr -o",
    "-a -f 80 -r 10.0.0.11:0 -i -w 9 --tun-type gue --tun-port 6080 --tun-csum",
    "-a -t 192.0.2.10:443 -r 10.0.0.11:443 -m -w 3",
    "-a -t 192.0.2.10:443 -r 10.0.0.12:443 -m -w 2",
    "-a -t [2001:db8::10]:443 -r [fd00::11]:443 -g -w 1",
    "-a -u 192.0.2.10:53 -r 10.0.0.11:5353 -m -w 1",
]


SYSCTLS = ("expire_quiescent_template", "sync_threshold")


class Shell:
    """Runs lvstui on one profile and the running kernel."""

    def __init__(self, profile: Path) -> None:
        self.profile = profile

    def __call__(self, line: str, status: int = 0) -> str:
        """Run a command in this process: the guest takes a second for each interpreter."""
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            ended = main(["--profile", str(self.profile), *shlex.split(line)])
        assert ended == status, err.getvalue()
        return out.getvalue() + err.getvalue()

    def records(self) -> list[dict[str, object]]:
        found: list[dict[str, object]] = json.loads(self("history --json -n 100"))["record"]
        return found


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path / "director.toml")


@pytest.fixture
def shop(shell: Shell) -> Shell:
    for line in SHOP:
        assert shell(line).startswith("+ ")
    return shell


def sysctl(name: str) -> str:
    return subprocess.run(["sysctl", "-n", f"net.ipv4.vs.{name}"], capture_output=True, text=True, check=True).stdout


def test_a_shop_is_built_with_commands_alone_and_every_step_taken_back(shop: Shell) -> None:
    assert saved() == TABLE
    limits = [line.split()[1:4] for line in ipvsadm("-Ln", "--thresholds").splitlines() if "10.0.0.11:443" in line]
    assert limits == [["10.0.0.11:443", "70000", "66000"]]
    assert shop("diff") == ""
    ipvsadm("-C")
    shop("apply")
    assert saved() == TABLE
    for number in range(len(SHOP), 0, -1):
        shop(f"rollback {number}")
    assert saved() == []
    assert shop("diff") == ""


@pytest.mark.parametrize(
    "line",
    [
        "set shop web1 weight=7",
        "set shop scheduler=mh flags=mh-port persistence=none",
        "set six prefix=48 persistence=60",
        "set shop 10.0.0.12 forwarding=route upper=100 lower=80 name=front",
        "set marked 10.0.0.11:0 tunnel.type=gre tunnel.port=0 tunnel.checksum=nocsum",
        "set timeouts tcp=800 udp=30",
        "set sysctl expire_quiescent_template=1 'sync_threshold=5 100'",
        "add dns 10.0.0.13:53",
        "delete shop web2",
        "delete shop --yes",
        "drain shop web1",
        "drain --machine 10.0.0.11",
        "add sync backup interface=lo id=5 max_length=1400 ttl=3 port=8849",
    ],
)
def test_an_edit_does_what_its_dry_run_says_and_rollback_undoes_it(shop: Shell, line: str) -> None:
    before, profile = everything(), shop.profile.read_text()
    output = shop(f"{line} --dry-run", status=3).splitlines()
    assert (everything(), shop.profile.read_text()) == (before, profile)
    done = shop(line).splitlines()
    assert done == [line for line in output if not line.startswith("    ")]
    after = everything()
    assert after != before
    assert shop("diff") == ""
    shop(f"rollback {len(SHOP) + 1}")
    assert everything() == before
    for command in (line.strip() for line in output if line.startswith("    ")):
        subprocess.run(["sh", "-c", command], check=True, stdout=subprocess.DEVNULL)
    assert everything() == after


def everything() -> tuple[Sequence[str], ...]:
    """All that a command can change in the kernel, as ipvsadm and sysctl print it."""
    return (
        saved(),
        sorted(" ".join(line.split()[:4]) for line in ipvsadm("-Ln", "--thresholds").splitlines()),  # no connections
        [ipvsadm("-L", "--timeout"), ipvsadm("-L", "--daemon")],
        [sysctl(name) for name in SYSCTLS],
    )


def test_a_machine_is_drained_everywhere_and_comes_back_with_its_weights(shop: Shell) -> None:
    said = shop("drain --machine 10.0.0.11").splitlines()
    warned = [line for line in said if "warning" in line]
    assert len(said) - len(warned) == 3
    assert len(warned) == 2  # of the services that have no other server
    assert all("every new client will be refused" in line for line in warned)
    assert [line for line in saved() if "10.0.0.11" in line and "-w 0" not in line] == []
    ipvsadm("-C")
    shop("apply")
    assert [line for line in saved() if "10.0.0.11" in line and "-w 0" not in line] == []
    shop("restore --machine 10.0.0.11")
    assert saved() == TABLE


def test_what_ipvsadm_did_since_keeps_a_record_from_being_taken_back(shop: Shell) -> None:
    shop("set shop web1 weight=7")
    ipvsadm("-e", "-t", "192.0.2.10:443", "-r", "10.0.0.11:443", "-m", "-w", "8", "-x", "70000", "-y", "66000")
    output = shop(f"rollback {len(SHOP) + 1}", status=1)
    assert "changed since: tcp:192.0.2.10:443 shop / 10.0.0.11:443 web1: weight 7 -> 8" in output
    assert "-a -t 192.0.2.10:443 -r 10.0.0.11:443 -m -w 8" in saved()
    assert len(shop.records()) == len(SHOP) + 1


def test_what_ipvsadm_added_since_keeps_a_service_from_being_taken_along(shell: Shell) -> None:
    shell("add tcp:192.0.2.10:443")
    ipvsadm("-a", "-t", "192.0.2.10:443", "-r", "10.0.0.19:443", "-g")
    assert "10.0.0.19:443" in shell("rollback 1", status=1)
    assert len(saved()) == 2


def test_a_refusal_is_reported_with_what_was_written_before_it(shop: Shell) -> None:
    before = saved()
    assert "modprobe ip_vs_zzz" in shop("set shop scheduler=zzz", status=1)
    assert saved() == before
    assert len(shop.records()) == len(SHOP)


def test_the_history_names_the_person_behind_sudo_and_ssh(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUDO_USER", "alice")
    monkeypatch.setenv("SSH_CONNECTION", "192.0.2.7 50000 192.0.2.1 22")
    shell("add tcp:192.0.2.10:443")
    (record,) = shell.records()
    assert (record["user"], record["source"], record["kind"]) == ("alice", "192.0.2.7", "do")
    assert "  alice from 192.0.2.7  do\n    + tcp:192.0.2.10:443: scheduler wlc\n" in shell("history alice")


def test_apply_is_recorded_and_taken_back_whole(shop: Shell) -> None:
    text = shop.profile.read_text()
    shop.profile.write_text("format = 1\n")
    shop("apply --force")
    assert saved() == []
    shop.profile.write_text(text)
    shop(f"rollback {len(SHOP) + 1}")
    assert saved() == TABLE


def test_without_the_right_nothing_is_edited(shop: Shell) -> None:
    command = ["setpriv", "--bounding-set=-net_admin", sys.executable, "-m", "lvstui", "--profile", str(shop.profile)]
    ended = subprocess.run([*command, "set", "shop", "web1", "weight=7"], capture_output=True, text=True)
    assert ended.returncode == 4
    assert "CAP_NET_ADMIN" in ended.stderr
    assert saved() == TABLE
