"""docs/migrating.md as it is written: each way in and the way back, with the real programs."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from lvstui.host.owners import OwnerWatch
from lvstui.kernel.live import Live
from tests.docs.migrating import commands
from tests.kernel.test_owners import owner, running, until

pytestmark = [pytest.mark.kernel, pytest.mark.usefixtures("live")]

_WEIGHTS: Final = {"127.0.7.1": 3, "127.0.7.2": 4}

IPVSADM = """\
-A -t 192.0.2.71:80 -s wlc
-a -t 192.0.2.71:80 -r 127.0.7.1:80 -m -w 3
-a -t 192.0.2.71:80 -r 127.0.7.2:80 -m -w 4
"""
KEEPALIVED = """\
virtual_server 192.0.2.71 80 {
    lvs_sched wlc
    lvs_method NAT
    protocol TCP
    real_server 127.0.7.1 80 {
        weight 3
    }
    real_server 127.0.7.2 80 {
        weight 4
    }
}
"""
LDIRECTORD = """\
checkinterval=1
virtual=192.0.2.71:80
\treal=127.0.7.1:80 masq 3
\treal=127.0.7.2:80 masq 4
\tscheduler=wlc
\tprotocol=tcp
\tchecktype=on
"""
PIRANHA = """\
service = lvs
network = nat
virtual shop {
    active = 1
    address = 192.0.2.71 eth0:1
    port = 80
    scheduler = wlc
    server web1 {
        address = 127.0.7.1
        active = 1
        weight = 3
    }
    server web2 {
        address = 127.0.7.2
        active = 1
        weight = 4
    }
}
"""


class Machine:
    """A machine whose /etc is a folder; systemctl stops the program that runs."""

    def __init__(self, live: Live, folder: Path) -> None:
        self.live, self.folder = live, folder
        for name in ("etc/lvstui", "etc/keepalived", "etc/ha.d", "etc/sysconfig/ha"):
            (folder / name).mkdir(parents=True)

    @property
    def weights(self) -> Mapping[str, int]:
        """The weights of all servers that the kernel has."""
        pools = self.live.read().director.pools.values()
        return {str(end.address): one.weight for pool in pools for end, one in pool.servers.items()}

    def take(self, title: str) -> None:
        """Do what a section says."""
        for line in commands()[title]:
            words = shlex.split(line.replace("/etc/", f"{self.folder}/etc/"))
            if words[:2] == ["systemctl", "stop"]:
                os.kill(owner(words[2]).pid, signal.SIGTERM)
                until(lambda: not self.weights, f"{words[2]} has taken its services out")
                continue
            if words[0] == "lvstui":
                profile = self.folder / "etc/lvstui/director.toml"
                words[:1] = [sys.executable, "-m", "lvstui", "--profile", str(profile)]
            ended = subprocess.run(words, capture_output=True, text=True, check=False)
            is_diff = "diff" in words
            assert ended.returncode in ((0, 3) if is_diff else (0,)), (line, ended.stdout, ended.stderr)


@pytest.fixture
def machine(live: Live, tmp_path: Path) -> Machine:
    return Machine(live, tmp_path)


def test_from_ipvsadm_and_from_piranha(machine: Machine) -> None:
    (machine.folder / "etc/ipvsadm.rules").write_text(IPVSADM)
    machine.take("From ipvsadm")
    assert machine.weights == _WEIGHTS
    (machine.folder / "etc/lvstui/director.toml").unlink()
    (machine.folder / "etc/sysconfig/ha/lvs.cf").write_text(PIRANHA)
    machine.take("From Piranha")
    assert machine.weights == _WEIGHTS
    assert 'name = "shop"' in (machine.folder / "etc/lvstui/director.toml").read_text()


@pytest.mark.parametrize(
    ("program", "name", "text"),
    [
        ("keepalived", "etc/keepalived/keepalived.conf", KEEPALIVED),
        ("ldirectord", "etc/ha.d/ldirectord.cf", LDIRECTORD),
    ],
)
def test_from_a_program_that_runs(machine: Machine, program: str, name: str, text: str) -> None:
    config = machine.folder / name
    config.write_text(text)
    words = ("keepalived", "-nlf", config) if program == "keepalived" else ("ldirectord", "-d", config, "start")
    with running(machine.live, *words, servers=2, log=machine.folder / "log"):
        until(lambda: machine.weights == _WEIGHTS, "both servers")
        machine.take(f"From {program}")
    assert machine.weights == _WEIGHTS
    until(lambda: not any(owner.program == program for owner in OwnerWatch()()), f"{program} gone")


def test_the_way_back(machine: Machine) -> None:
    (machine.folder / "etc/ipvsadm.rules").write_text(IPVSADM)
    machine.take("From ipvsadm")
    machine.take("Back")
    for name in ("keepalived/new.conf", "ha.d/new.cf", "sysconfig/ha/new.cf", "ipvsadm.new"):
        assert "127.0.7.2" in (machine.folder / "etc" / name).read_text()
    assert machine.weights == _WEIGHTS
