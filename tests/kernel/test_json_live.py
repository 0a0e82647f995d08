"""What commands print as JSON on a real kernel is as docs/lvstui.schema.json says, with the right and without it."""

from __future__ import annotations

import io
import json
import shlex
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from lvstui.cli import main
from tests.docs.json_schema import flaws
from tests.kernel.ipvsadm import ipvsadm

pytestmark = [pytest.mark.kernel, pytest.mark.usefixtures("live")]

TABLE = """\
-A -t 192.0.2.171:80 -s wlc -p 300
-a -t 192.0.2.171:80 -r 10.0.171.11:80 -m -w 3
-a -t 192.0.2.171:80 -r 10.0.171.12:8080 -i -w 0 --tun-type gue --tun-port 6080
-A -t [2001:db8:171::1]:80 -s sh -b sh-port
-a -t [2001:db8:171::1]:80 -r [fd00:171::11]:80 -g -w 1
-A -f 171 -s rr
"""

LINES = [
    ("show services", "show --json"),
    ("show marks", "show marks --json"),
    ("show director", "show director --json"),
    ("export", "export --format json"),
    ("entries", "entries --json"),
    ("connections", "connections --json"),
    ("set", "set tcp:192.0.2.171:80 10.0.171.11 weight=+2 --json"),
    ("set", "set tcp:192.0.2.171:80 scheduler=zzz --json"),
    ("set", "set sysctl drop_entry=0 --json"),
    ("entry", "entry pin 198.18.171.1 tcp:192.0.2.171:80 10.0.171.11 --json"),
    ("entries", "entries --json --filter 198.18.171.1"),
    ("entry", "entry expire 198.18.171.1 tcp:192.0.2.171:80 --json"),
    ("diff", "diff --json"),
    ("apply", "apply --json"),
    ("history", "history --json"),
    ("trace", "trace 198.18.171.1 tcp:192.0.2.171:80 --json"),
    ("doctor", "doctor tcp:192.0.2.171:80 --json"),
    ("check", "check --json"),
    ("check --running", "check --running --json"),
]


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    ipvsadm("-R", lines=[*TABLE.splitlines(), ""])
    path = tmp_path / "director.toml"
    assert main(["export", "-o", str(path)]) == 0
    return path


def test_what_commands_print_on_a_real_kernel_is_as_the_schema_says(profile: Path) -> None:
    for name, line in LINES:
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            main(["--profile", str(profile), *shlex.split(line)])
        assert out.getvalue(), f"{line}: {err.getvalue()}"
        assert flaws(json.loads(out.getvalue()), name) == [], line


def test_without_the_right_it_is_too_and_says_what_is_missing(profile: Path) -> None:
    for name, line in (*LINES[:3], ("diff", "diff --json")):
        command = ["setpriv", "--bounding-set=-net_admin", sys.executable, "-m", "lvstui", "--profile", str(profile)]
        ended = subprocess.run([*command, *shlex.split(line)], capture_output=True, text=True, check=False)
        assert "CAP_NET_ADMIN" in ended.stderr, line
        document = json.loads(ended.stdout)
        assert flaws(document, name) == [], line
        if name == "diff":
            assert (ended.returncode, document["change"]) == (4, [])
