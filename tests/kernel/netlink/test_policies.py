"""The rules of policy routing that ask for a mark, as `ip rule` makes them in a namespace of our own."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

SCRIPT = """
import subprocess
from contextlib import closing
from lvstui.kernel.netlink.policies import Policies

def ip(*words):
    subprocess.run(["ip", *words], check=True)

now = 0.0
with closing(Policies(None, lambda: now)) as policies:
    print(policies.read())
    ip("rule", "add", "fwmark", "80", "lookup", "100", "pref", "10")
    ip("rule", "add", "not", "fwmark", "0xca6c", "lookup", "51820", "pref", "11")
    ip("-6", "rule", "add", "fwmark", "0x100/0x3f00", "blackhole", "pref", "12")
    ip("rule", "add", "from", "192.0.2.0/24", "lookup", "7", "pref", "13")
    found = policies.read()
    print(*found, *(policy.delivers for policy in found), sep="|")
    print(policies.read() is found)
    ip("link", "set", "lo", "up")
    ip("route", "add", "local", "default", "dev", "lo", "table", "100")
    now = 31.0
    print([policy.delivers for policy in policies.read()])
    ip("rule", "del", "pref", "10")
    print(len(policies.read()))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="a namespace of one's own needs root")
def test_rules_about_marks_are_read_and_again_once_they_changed() -> None:
    ran = subprocess.run(
        ["unshare", "-n", sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.stdout.splitlines() == [
        "()",
        "ip rule 10: fwmark 0x50 lookup 100|ip rule 11: not fwmark 0xca6c lookup 51820|"
        "ip -6 rule 12: fwmark 0x100/0x3f00 blackhole|False|False|False",
        "True",
        "[True, False, False]",
        "2",
    ], ran.stderr
