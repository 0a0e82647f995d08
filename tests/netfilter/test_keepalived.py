"""A real keepalived that marks packets for its groups (nftables_ipvs), read as nft prints them."""

from __future__ import annotations

import shutil
import subprocess
import time
from contextlib import closing
from pathlib import Path

import pytest

from lvstui.core.selectors import selector
from lvstui.kernel.nft.filter import PacketFilter
from tests.kernel.nft.nft_referee import Referee, ruleset
from tests.kernel.nft.rule_facts import facts_of, sort_rules

pytestmark = [
    pytest.mark.netfilter,
    pytest.mark.skipif(shutil.which("keepalived") is None, reason="keepalived is not installed"),
]

CONFIGURATION = """
global_defs {
    nftables_ipvs
    nftables_counters
}
virtual_server_group web {
    192.0.2.10 80
    192.0.2.10 443
    192.0.2.20-25 8080
}
virtual_server_group web6 {
    2001:db8::10 80
    2001:db8::10 443
}
virtual_server group web {
    lb_algo rr
    lb_kind NAT
    protocol TCP
    persistence_timeout 300
    real_server 10.0.0.11 0 { weight 1 }
}
virtual_server group web6 {
    lb_algo rr
    lb_kind NAT
    protocol TCP
    real_server fd00::11 0 { weight 1 }
}
"""


@pytest.mark.usefixtures("director")
def test_its_groups_are_read(tmp_path: Path) -> None:
    configuration = tmp_path / "keepalived.conf"
    configuration.write_text(CONFIGURATION)
    pids = [f"--{name}={tmp_path / name}" for name in ("pid", "checkers_pid", "vrrp_pid")]
    command = ["keepalived", "--dont-fork", "--check", f"--use-file={configuration}", *pids]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as daemon:
        try:
            with closing(PacketFilter(None)) as door:
                until = time.monotonic() + 300
                while len(door.read().rules) < 3:
                    assert daemon.poll() is None, "keepalived ended"
                    assert time.monotonic() < until, "keepalived wrote no rules"
                found = door.read()
                assert sort_rules(map(facts_of, found.rules)) == sort_rules(Referee(ruleset()).rule_facts())
        finally:
            daemon.terminate()
    assert [(rule.value, rule.selector) for rule in found.rules] == [
        (1000, selector("tcp 192.0.2.10 80,443")),
        (1000, selector("tcp 192.0.2.20/30,192.0.2.24/31 8080")),
        (1001, selector("tcp 2001:db8::10 80,443")),
    ]
    assert all(rule.hook == "input" and rule.priority == -1 for rule in found.rules)
