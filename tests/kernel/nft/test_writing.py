"""Our own table, written in one transaction, with nft as the referee; in a network namespace of its own."""

from __future__ import annotations

import subprocess
import sys

from tests.kernel.nft.alone import needs_nft

PROGRAM = """
import re, socket, struct, subprocess, sys
from lvstui.core.model import MarkGroup
from lvstui.core.marks.script import script
from lvstui.core.selectors import selector
from lvstui.kernel.nft.writing import Held, Stale, write

def nft(*words, text=""):
    return subprocess.run(["nft", *words], input=text, capture_output=True, text=True, check=True).stdout

def generation():
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12) as channel:
        channel.bind((0, 0))
        channel.send(struct.pack("=IHHIIBBH", 20, 10 << 8 | 16, 1, 1, 0, 0, 0, 0))
        return struct.unpack_from(">I", channel.recv(65536), 24)[0]

def group(mark, *texts):
    return MarkGroup(mark, tuple(selector(text) for text in texts))

GROUPS = {
    80: group(80, "tcp 192.0.2.10 80,443", "tcp 2001:db8::10 80,443"),
    21: group(21, "tcp 192.0.2.10,192.0.2.16/28 21,10000-20000 in eth0", "tcp 192.0.2.16/28 100-200"),
    5: group(5, "udp any 0-5,60000-65535", "sctp 192.0.2.20", "any 0.0.0.0/0", "ip47 192.0.2.47", "any in back0"),
    6: group(6, "udp 2001:db8::/64 5060", "tcp 198.51.100.0/31 1"),
}
"""


def run(program: str) -> str:
    """Run a program in a network namespace of its own, where the whole ruleset is its."""
    command = ["unshare", "-n", sys.executable, "-c", PROGRAM + program]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


pytestmark = needs_nft


def test_nft_lists_what_was_written_exactly_as_what_its_own_script_makes() -> None:
    run("""
write(None, GROUPS, Held(generation(), False, frozenset()))
ours = nft("list", "ruleset")
nft("-f", "-", text="\\n".join(script(GROUPS)))
assert nft("list", "ruleset") == ours
assert ours.count("meta mark set") > 10
""")


def test_counters_of_marks_that_stay_keep_their_values() -> None:
    run("""
write(None, GROUPS, Held(generation(), False, frozenset()))
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sender.sendto(b"x", ("127.0.0.1", 3))
before = re.search(r"packets (\\d+)", nft("list", "counter", "inet", "lvstui", "m5"))[1]
assert int(before) > 0
held = Held(generation(), True, frozenset(f"m{mark}" for mark in GROUPS))
write(None, {5: GROUPS[5], 7: group(7, "tcp any 7")}, held)
after = nft("list", "table", "inet", "lvstui")
assert f"counter m5 {{\\n\\t\\tpackets {before}" in after, after
assert "m80" not in after and "m7" in after
""")


def test_a_ruleset_that_changed_meanwhile_is_left_as_it_is() -> None:
    run("""
seen = generation()
nft("add", "table", "ip", "foreign")
before = nft("list", "ruleset")
try:
    write(None, GROUPS, Held(seen, False, frozenset()))
    sys.exit("it was written")
except Stale:
    pass
assert nft("list", "ruleset") == before
""")


def test_only_our_table_is_touched_and_it_goes_with_the_last_group() -> None:
    run("""
nft("-f", "-", text="table ip foreign { chain c { type filter hook prerouting priority 0; meta mark set 7; }; }")
before = nft("list", "ruleset")
write(None, GROUPS, Held(generation(), False, frozenset()))
assert before in nft("list", "ruleset")
write(None, {}, Held(generation(), True, frozenset()))
assert nft("list", "ruleset") == before
write(None, {}, Held(generation(), False, frozenset()))
""")


def test_a_missing_right_is_reported_and_nothing_is_written() -> None:
    run("""
import os
from lvstui.kernel.port import NoRight
seen = generation()
os.setuid(65534)
try:
    write(None, GROUPS, Held(seen, False, frozenset()))
    sys.exit("it was written")
except NoRight as error:
    assert "CAP_NET_ADMIN" in str(error)
""")
