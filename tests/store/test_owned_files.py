"""The lines of a running program's file that an edit is about, as far as root answers for the file."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lvstui.core.change import Change, change_server
from lvstui.core.model import Forwarding, RealServer
from lvstui.core.record import Owner
from lvstui.store.owned_files import owned_lines
from tests.build import SHOP, endpoint

CONF = """\
include conf.d/*.conf
@{name} $WEIGHT=3
virtual_server 192.0.2.10 443 {{
    protocol TCP
    lb_kind NAT
    real_server 10.0.0.1 443 {{
        weight $WEIGHT
    }}
}}
"""
SERVER = RealServer(endpoint("10.0.0.1:443"), Forwarding.MASQ, 3)
EDIT = change_server(SHOP, SERVER, replace(SERVER, weight=4))


@pytest.fixture
def running(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    """Yield the file of a program, and a process that has its configuration id on the command line."""
    config = tmp_path / "keepalived.conf"
    config.write_text(CONF.format(name="lb1"))
    (tmp_path / "conf.d").mkdir()
    line = [sys.executable, "-c", "import sys; print(1, flush=True); sys.stdin.read()", "-i", "lb1"]
    with subprocess.Popen(line, cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield config, process.pid
        process.terminate()


def found(config: str | Path, pid: int, *changes: Change, program: str = "keepalived") -> list[str]:
    return owned_lines([Owner(program, pid, str(config))], changes or (EDIT,))


def test_lines_of_the_file_and_of_what_it_includes_are_found_with_the_id_of_the_process(
    running: tuple[Path, int],
) -> None:
    config, pid = running
    assert found(config, pid) == [f"{config}:7: weight $WEIGHT -> weight 4"]
    included = config.parent / "conf.d/a.conf"
    included.write_text(config.read_text().partition("\n")[2].replace("$WEIGHT\n", "3\n"))
    config.write_text("include conf.d/*.conf\n")
    assert found(config, pid) == [f"{included}:6: weight 3 -> weight 4"]
    assert found("keepalived.conf", pid)[0].endswith("/conf.d/a.conf:6: weight 3 -> weight 4")


def test_a_file_that_cannot_be_read_or_is_not_roots_is_said_to_be_so(running: tuple[Path, int]) -> None:
    config, pid = running
    assert found("/no/such/file", pid) == [
        "/no/such/file: its lines are not known, as it cannot be read: No such file or directory"
    ]
    os.chown(config, 65534, 65534)
    assert "is no regular file of root" in found(config, pid)[0]


def test_of_other_programs_and_of_what_nobody_manages_nothing_is_read(running: tuple[Path, int]) -> None:
    config, pid = running
    assert found(config, pid, program="kube-proxy") == []
    assert found("", pid) == []
    assert owned_lines([Owner("keepalived", pid, str(config), frozenset())], (EDIT,)) == []
