"""What connection tracking knows of the packets that IPVS takes, which a packet's walk has to know too."""

from __future__ import annotations

import json
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from lvstui.core.trace.request import packet_of
from lvstui.engine.tracer import follow
from lvstui.kernel.live import Live
from tests.lab.net import ask

pytestmark = [pytest.mark.netfilter, pytest.mark.usefixtures("director")]

_SERVICE = "-A -t 192.0.2.20:80 -s rr\n-a -t 192.0.2.20:80 -r 10.0.0.11:80 -m\n"
_RULES = """
table ip seen {
	counter first { }
	counter next { }
	chain prerouting {
		type filter hook prerouting priority -150
		ip daddr 192.0.2.20 tcp dport 80 ct state new counter name first
		ip daddr 192.0.2.20 tcp dport 80 ct state established counter name next
	}
}
"""


@pytest.mark.parametrize("tracked", [False, True])
def test_without_its_conntrack_each_packet_that_ipvs_takes_is_the_first_of_a_connection(tracked: bool) -> None:
    switch = Path("/proc/sys/net/ipv4/vs/conntrack")
    subprocess.run(["ipvsadm", "-R"], input=_SERVICE, text=True, check=True)
    subprocess.run(["nft", "-f", "-"], input=_RULES, text=True, check=True)
    before = switch.read_text()
    switch.write_text(f"{int(tracked)}\n")
    try:
        assert ask([("198.18.0.9", "192.0.2.20", 80)]) == ["rs1"]
    finally:
        switch.write_text(before)
    listed = subprocess.run(["nft", "-j", "list", "counters"], capture_output=True, text=True, check=True).stdout
    counted = {c["counter"]["name"]: c["counter"]["packets"] for c in json.loads(listed)["nftables"] if "counter" in c}
    if tracked:
        assert counted["first"] == 1
        assert counted["next"] > 1
    else:
        assert counted["first"] > 2
        assert counted["next"] == 0


_SAVING = """
table ip saving {
	counter marked { }
	chain prerouting {
		type filter hook prerouting priority -150
		ip daddr 192.0.2.20 tcp dport 80 ct mark 7 counter name marked
	}
	chain output {
		type filter hook output priority 0
		ct original ip daddr 192.0.2.20 ct mark set 7
	}
}
"""


def test_what_ipvs_sends_on_may_get_a_mark_of_its_connection_that_a_walk_does_not_know() -> None:
    switch = Path("/proc/sys/net/ipv4/vs/conntrack")
    subprocess.run(["ipvsadm", "-R"], input=_SERVICE, text=True, check=True)
    subprocess.run(["nft", "-f", "-"], input=_SAVING, text=True, check=True)
    before = switch.read_text()
    switch.write_text("1\n")
    try:
        assert ask([("198.18.0.9", "192.0.2.20", 80)]) == ["rs1"]
        with closing(Live()) as kernel:
            packet = packet_of("198.18.0.9", "tcp:192.0.2.20:80", established=True)
            found = follow(kernel, packet, kernel.read())
    finally:
        switch.write_text(before)
    listed = subprocess.run(["nft", "-j", "list", "counters"], capture_output=True, text=True, check=True).stdout
    counters = {c["counter"]["name"]: c["counter"]["packets"] for c in json.loads(listed)["nftables"] if "counter" in c}
    assert counters["marked"] > 0
    assert all(ending.fate.connection_unknown == 0xFFFFFFFF for ending in found.endings)
