"""Commands that are killed for real between two writes to the running kernel, and the next start."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lvstui.cli import main
from tests.kernel.ipvsadm import saved

pytestmark = [pytest.mark.kernel, pytest.mark.usefixtures("live")]

PROFILE = """\
format = 1
[[service]]
service = "tcp:192.0.2.10:80"
scheduler = "rr"
server = [{ server = "127.0.0.1:80" }, { server = "127.0.0.2:80" }]
[[service]]
service = "udp:192.0.2.10:53"
scheduler = "rr"
server = [{ server = "127.0.0.1:53" }]
"""


def killed(count: int, *words: str | Path) -> None:
    ended = subprocess.run([sys.executable, "-m", "tests.kernel.killed", str(count), *map(str, words)], check=False)
    assert ended.returncode == -signal.SIGKILL


def test_an_apply_that_was_killed_is_recorded_by_the_next_start_and_resumed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    profile = tmp_path / "director.toml"
    profile.write_text(PROFILE)
    where = ("--profile", str(profile))
    killed(3, *where, "apply")
    table = saved()
    assert len(table) == 3
    assert not list(tmp_path.glob("*history*"))
    assert main([*where, "show"]) == 0
    said = capsys.readouterr().err
    assert "was interrupted: 3 of 5 changes were written, now recorded as 1; not written: " in said
    assert "`lvstui apply` again for that" in said
    assert saved() == table
    assert main([*where, "history", "--json"]) == 0
    (record,) = json.loads(capsys.readouterr().out)["record"]
    assert (record["kind"], record["interrupted"], len(record["change"])) == ("apply", True, 3)
    assert main([*where, "apply"]) == 0
    assert len(saved()) == 5
    assert main([*where, "rollback", "2"]) == 0
    assert main([*where, "rollback", "1"]) == 0
    assert saved() == []
    assert not [path for path in tmp_path.iterdir() if "journal" in path.name]
