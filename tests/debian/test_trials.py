"""Changes on trial in a fresh Debian, where systemd is their guard: sessions are killed, and the machine reboots."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path
from typing import Final

import pytest

import lvstui
from tests.lab.debian import Debian

pytestmark = pytest.mark.debian

_LIBRARIES = ("pyroute2", "psutil", "tomli_w", "platformdirs")

_BEGIN = """\
set -u
lvstui() { PYTHONPATH=/opt/lvstui python3 -m lvstui "$@"; }
weight() { ipvsadm -Sn | sed -n 's/.*-r 127.0.0.1:80 .*-w //p'; }
timers() { systemctl list-units --all --plain --no-legend 'lvstui-trial*.timer' | wc -l; }
taken() { journalctl --sync; journalctl --identifier=lvstui --output=cat | grep -c 'taken back by guard'; }
until_is() { for _ in $(seq 600); do [ "$($1)" = "$2" ] && return; sleep 0.2; done; }
now() { cut -d. -f1 /proc/uptime; }
past() { while [ "$(now)" -le "$1" ]; do sleep 0.2; done; }
"""
_TIME: Final = 20
"""Seconds of a trial: on a busy machine a command takes some."""

_FIRST_BOOT = f"""\
modprobe ip_vs
lvstui add tcp:192.0.2.10:80 name=shop && lvstui add shop 127.0.0.1:80 weight=3 || exit 1

echo "* a session is killed with its whole group of processes"
systemd-run --quiet --unit=login sh -c 'PYTHONPATH=/opt/lvstui python3 -m lvstui set shop 127.0.0.1 weight=7 \\
    --confirm-within {_TIME}; sleep 1000'
until_is weight 7; echo "tried $(weight), timers $(timers)"
systemctl kill --signal=KILL login.service
until_is weight 3; echo "back $(weight)"
until_is taken 1
lvstui show 2>&1 >/dev/null | grep -o 'taken back by guard, what [a-z]* had on trial'
until_is timers 0; echo "timers $(timers), taken back $(taken)"

echo "* a new login keeps it"
lvstui set shop 127.0.0.1 weight=8 --confirm-within {_TIME} 2>/dev/null
end=$(($(now) + {_TIME}))
lvstui confirm; status=$?
until_is timers 0; echo "status $status, timers $(timers)"
past $end; echo "kept $(weight), profile $(grep -c 'weight = 8' /etc/lvstui/director.toml)"

echo "* extended past the first end"
lvstui set shop 127.0.0.1 weight=9 --confirm-within {_TIME} >/dev/null 2>&1
end=$(($(now) + {_TIME}))
lvstui extend {_TIME} >/dev/null; past $end; echo "still $(weight)"
until_is weight 8; echo "back $(weight)"
until_is timers 0

echo "* refused"
lvstui set shop scheduler=nonsense --confirm-within 60 2>/dev/null; status=$?
until_is timers 0; echo "status $status, timers $(timers)"

echo "* killed while it was written: the timer looks early"
PYTHONPATH=/opt/lvstui python3 -c '
import os
from lvstui.cli import main
from lvstui.engine.trials import start
start._conclude = lambda *_: os.kill(os.getpid(), 9)  # the kernel is written, and that this is done is not noted
main("set shop 127.0.0.1 weight=5 --confirm-within 3000".split())
' >/dev/null 2>&1; echo "status $?"
until_is weight 8; until_is taken 3; until_is timers 0; echo "back $(weight), timers $(timers), taken back $(taken)"

echo "* a reboot in between"
lvstui set shop 127.0.0.1 weight=6 --confirm-within 3000 >/dev/null 2>&1
echo "tried $(weight), timers $(timers)"
"""

_SECOND_BOOT = """\
modprobe ip_vs
lvstui apply >/dev/null 2>&1; echo "weight $(weight), timers $(timers)"
lvstui show 2>&1 >/dev/null | grep -o 'was on trial when the machine went down'
lvstui confirm 2>&1 | grep -o 'no change is on trial'
lvstui diff 2>/dev/null; echo "status $?"
"""


def install(system: Debian) -> None:
    """Put lvstui with what it imports into a system: what is tried here is not how it is installed."""
    place = system.root / "opt/lvstui"
    place.mkdir(parents=True)
    for name in ("lvstui", *_LIBRARIES):
        spec = importlib.util.find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        skip = shutil.ignore_patterns("__pycache__", "tests")
        shutil.copytree(Path(lvstui.__file__ if name == "lvstui" else spec.origin).parent, place / name, ignore=skip)


def test_systemd_takes_back_what_nobody_keeps_and_a_reboot_does_too(fresh: Debian) -> None:
    install(fresh)
    first = fresh.boot(_BEGIN + _FIRST_BOOT)
    lines = [line for line in first.output.splitlines() if not line.startswith(("tcp:", "+ tcp:"))]
    assert lines == [
        "* a session is killed with its whole group of processes",
        "tried 7, timers 1",
        "back 3",
        "taken back by guard, what root had on trial",
        "timers 0, taken back 1",
        "* a new login keeps it",
        "kept: tcp:192.0.2.10:80 shop / 127.0.0.1:80: weight 3 -> 8",
        "status 0, timers 0",
        "kept 8, profile 1",
        "* extended past the first end",
        "still 9",
        "back 8",
        "* refused",
        "status 1, timers 0",
        "* killed while it was written: the timer looks early",
        "status 137",
        "back 8, timers 0, taken back 3",
        "* a reboot in between",
        "tried 6, timers 1",
    ]
    second = fresh.boot(_BEGIN + _SECOND_BOOT)
    assert second.output.splitlines() == [
        "weight 8, timers 0",
        "was on trial when the machine went down",
        "no change is on trial",
        "status 0",
    ]
