"""Every command with its input, output and complaints closed, full or left by their reader, as real processes."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from tests.campaign import Report

_COMMANDS: Final = (
    *("show", "show --json", "show marks", "show director", "show director --json", "export", "export --format json"),
    *(
        "export --format keepalived",
        "export --format ldirectord",
        "export --format lvs.cf",
        "export --format keepalived -o a",
    ),
    *("export --format ipvsadm", "export --format nft", "export -o copy.toml", "entries", "probe --wait 1"),
    *("export -o /dev/full", "entries --json", "diff", "diff wanted.toml", "check wanted.toml", "check broken.toml"),
    *("check --running", "history", "history --json", "apply wanted.toml", "apply wanted.toml --dry-run", "apply"),
    *("apply broken.toml", "set timeouts tcp=3", "set nothing weight=3", "add udp:192.0.2.77:53 name=ж", "rollback 9"),
    *("delete mark:80", "delete mark:80 --yes", "mark add 77 'tcp 192.0.2.77 80' --name é", "mark delete 80"),
    *("drain --machine 10.0.0.11", "restore --machine 10.0.0.11", "entry pin 10.9.9.9 mark:80 10.0.0.21:0 --dry-run"),
    *("--help", "--version", "set --help", "nothing", "show nothing", "", "--view marks"),
)

_LEFT: Final = "exec 3> >(true); wait $!;"


class _Ending(NamedTuple):
    """How a command's streams are; `lost` is the status where something was printed and nothing arrived."""

    text: str
    lost: int
    complaints: bool


_ENDINGS: Final = (
    *(
        _Ending(">/dev/full", 1, True),
        _Ending(">&-", 1, True),
        _Ending(">&3", 141, True),
        _Ending("1</dev/null", 1, True),
    ),
    *(_Ending("2>/dev/full", 0, False), _Ending("2>&-", 0, False), _Ending("2>&3", 0, False), _Ending("<&-", 0, True)),
    *(_Ending("<&- >&- 2>&-", 1, False), _Ending(">/dev/full 2>&1", 1, False), _Ending(">&3 2>&1", 141, False)),
    _Ending("0>/dev/null", 0, True),
)
_ENCODINGS: Final = (
    "",
    "",
    "PYTHONIOENCODING=ascii",
    "PYTHONIOENCODING=latin-1",
    "LC_ALL=C PYTHONUTF8=0",
    "PYTHONIOENCODING=idna",
)

_WANTED: Final = """\
format = 1

[[service]]
service = "tcp:192.0.2.10:443"
name = "Tür ж q\\u0301 \\u009b"
server = [ { server = "10.0.0.1:80" } ]
"""


def run(seconds: float, seed: int) -> Iterator[Report]:
    """Run commands on the demo with each ending, in an order at random until the time is over."""
    dice = random.Random(seed)
    cases = [(command, ending) for command in _COMMANDS for ending in _ENDINGS]
    dice.shuffle(cases)
    plain: dict[str, _Ran] = {}
    tried = failed = 0
    first = ""
    deadline = time.monotonic() + seconds
    for command, ending in cases:
        if time.monotonic() > deadline and tried:
            break
        if command not in plain:
            plain[command] = _run(command, "", "")
        encoding = dice.choice(_ENCODINGS)
        ran = _run(command, ending.text, encoding)
        tried += 1
        if wrong := _wrong(plain[command], ran, ending):
            failed += 1
            first = first or f"{wrong}: {encoding} lvstui --demo --profile p.toml {command} {ending.text}"
    yield Report("commands and endings of their streams", tried, failed, first)


class _Ran(NamedTuple):
    """How a command ended, what it printed, and the profile and the number of records that it left."""

    status: int
    out: bytes
    err: bytes
    profile: bytes
    records: int


def _run(command: str, ending: str, encoding: str) -> _Ran:
    program = f"{_LEFT} {encoding} {sys.executable} -m lvstui --demo --profile p.toml {command} {ending}"
    root = str(Path(__file__).parents[2])
    with tempfile.TemporaryDirectory(prefix="lvstui-campaign-") as name:
        folder = Path(name)
        (folder / "wanted.toml").write_text(_WANTED)
        (folder / "broken.toml").write_text("format = 2\n[nonsense]\nname = 'é'\n")
        ended = subprocess.run(
            ["bash", "-c", program],
            cwd=name,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": root},
            timeout=120,
            check=False,
        )
        profile, history = folder / "p.toml", folder / "p.toml.history.jsonl"
        left = profile.read_bytes() if profile.exists() else b""
        records = history.read_bytes().count(b"\n") if history.exists() else 0
        return _Ran(ended.returncode, ended.stdout, ended.stderr, left, records)


def _wrong(plain: _Ran, ran: _Ran, ending: _Ending) -> str:
    """Return what differs from the same command with its streams as usual, apart from what cannot arrive."""
    printed = plain.out and ending.lost
    status = ending.lost if printed and plain.status in (0, 3) else plain.status
    if ran.status != status:
        return f"status {ran.status} in place of {status} ({ran.err[-200:]!r})"
    if b"Traceback" in ran.err or b"Exception" in ran.err:
        return "a traceback"
    if (ran.profile, ran.records) != (plain.profile, plain.records):
        return "another profile or history"
    if ending.lost and ran.out:
        return "something was printed"
    if bool(ran.err) != (ending.complaints and bool(plain.err or (printed and ending.lost == 1))):
        return f"complaints {ran.err!r} in place of {plain.err!r}"
    return ""
