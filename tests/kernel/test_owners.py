"""A real keepalived and a real ldirectord at work on the guest's kernel, found with the services that they manage."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lvstui.core.fields import service_text
from lvstui.core.model import ServerKey, ServiceKey
from lvstui.core.record import Owner
from lvstui.host.owners import OwnerWatch
from lvstui.kernel.live import Live

pytestmark = [pytest.mark.kernel, pytest.mark.usefixtures("live")]

SECONDS = 60.0

KEEPALIVED = """\
global_defs {{
    router_id lab
}}
$VIP=192.0.2.10
include {folder}/conf.d/*.conf
virtual_server $VIP 443 {{
    delay_loop 5
    lvs_sched wlc
    lvs_method NAT
    protocol TCP
    real_server 127.0.0.11 443 {{ weight 3 }}
}}
virtual_server_group pair {{
    192.0.2.20-21 53
    fwmark 7
}}
virtual_server group pair
{{
    lvs_sched rr
    lvs_method NAT
    protocol UDP
    real_server 127.0.0.12 53 {{ weight 1 }}
}}
"""
INCLUDED = """\
virtual_server 2001:db8::10 80 {
    lvs_sched rr
    lvs_method NAT
    protocol TCP
    real_server ::1 80 { weight 2 }
}
"""
LDIRECTORD = """\
checktimeout=3
checkinterval=1
quiescent=yes
virtual=192.0.2.30:80
\treal=127.0.0.13:80 masq 5
\tscheduler=wlc
\tprotocol=tcp
\tchecktype=off
virtual=192.0.2.30:53
\treal=127.0.0.13:53 masq 1
\tscheduler=rr
\tchecktype=off
virtual=9
\treal=127.0.0.13 gate 1
\tscheduler=rr
\tprotocol=fwm
\tchecktype=off
"""


def until(reached: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + SECONDS
    while not reached():
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(0.1)


@contextmanager
def running(live: Live, *command: str | Path, log: Path, servers: int = 1) -> Iterator[set[ServiceKey]]:
    """Run a program until it has so many servers in the kernel or more, and yield their services; end it at the end."""
    with log.open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True)
    try:
        seen: list[list[ServerKey]] = []

        def settled() -> bool:
            assert process.poll() is None, log.read_text()
            pools = live.read().director.pools
            seen.append([ServerKey(key, end) for key, pool in pools.items() for end in pool.servers])
            return len(seen) > 10 and len(seen[-1]) >= servers and seen[-1] == seen[-10]

        until(settled, f"{servers} servers in the kernel")
        yield {key.service for key in seen[-1]}
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(SECONDS)


def _ended(process: subprocess.Popen[bytes]) -> bool:
    """Ask a process to end, again each time: keepalived may miss a signal while it is starting."""
    process.terminate()
    return process.poll() is not None


def lvstui(*words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "lvstui", *words]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended


def owner(program: str) -> Owner:
    return next(owner for owner in OwnerWatch()() if owner.program == program)


def test_keepalived_is_found_with_all_services_that_it_made(live: Live, tmp_path: Path) -> None:
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d/api.conf").write_text(INCLUDED)
    config = tmp_path / "keepalived.conf"
    config.write_text(KEEPALIVED.format(folder=tmp_path))
    with running(live, "keepalived", "-nlf", config, servers=5, log=tmp_path / "log") as managed:
        found = owner("keepalived")
        assert found.config == str(config)
        assert found.services is not None
        assert {service_text(key) for key in found.services - managed} == {"mark6:7"}
        assert managed <= found.services
    until(lambda: not any(owner.program == "keepalived" for owner in OwnerWatch()()), "keepalived gone")


def test_a_command_that_edits_what_keepalived_manages_warns_and_edits(live: Live, tmp_path: Path) -> None:
    config = tmp_path / "keepalived.conf"
    (tmp_path / "conf.d").mkdir()
    config.write_text(KEEPALIVED.format(folder=tmp_path))
    profile = tmp_path / "director.toml"
    service = "tcp:192.0.2.10:443"
    with running(live, "keepalived", "-nlf", config, servers=4, log=tmp_path / "log"):
        drained = lvstui("--profile", profile, "drain", service, "127.0.0.11:443")
        assert drained.stderr == (
            f"lvstui: warning: {service}: every new client will be refused: no real server takes new connections any"
            f" more\nlvstui: warning: keepalived manages {service}: a reload leaves this, unless the file changes the"
            f" same; once a check of the server fails and recovers, or keepalived restarts, it is as the file says\n"
            f"lvstui: in its file: {config}:11: real_server 127.0.0.11 443 {{ weight 3 }} ->"
            f" real_server 127.0.0.11 443 {{ weight 0 }}\n"
        )
        assert drained.stdout == f"{service} / 127.0.0.11:443: weight 3 -> 0, remembers 3\n"
        assert lvstui("--profile", profile, "show").stderr == ""
        assert lvstui("--profile", profile, "set", "timeouts", "tcp=700").stderr == ""
    until(lambda: not any(owner.program == "keepalived" for owner in OwnerWatch()()), "keepalived gone")


def test_ldirectord_is_found_with_all_services_that_it_made(live: Live, tmp_path: Path) -> None:
    config = tmp_path / "shop.cf"
    config.write_text(LDIRECTORD)
    with running(live, "ldirectord", "-d", config, "start", servers=3, log=tmp_path / "log") as managed:
        found = owner("ldirectord")
        assert found.config == str(config)
        assert found.services == frozenset(managed)


def test_a_keepalived_in_another_network_namespace_is_not_ours(live: Live, tmp_path: Path) -> None:
    config = tmp_path / "keepalived.conf"
    config.write_text("virtual_server 192.0.2.10 443 {\n    lvs_sched rr\n}\n")
    subprocess.run(["ip", "netns", "add", "other"], check=True)
    try:
        command = ["ip", "netns", "exec", "other", "keepalived", "-nl", "-f", str(config)]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            there = OwnerWatch("other")
            until(lambda: bool(OwnerWatch("other")()), "keepalived in the other namespace")
            assert [owner.program for owner in there()] == ["keepalived"]
            assert OwnerWatch()() == ()
        finally:
            until(lambda: _ended(process), "keepalived gone")
    finally:
        subprocess.run(["ip", "netns", "del", "other"], check=True)
    assert live.read().director.pools == {}
