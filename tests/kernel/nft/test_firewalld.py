"""A real firewalld in a namespace of its own: its rich rules that mark are read as nft lists them."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from lvstui.core.selectors import selector
from lvstui.kernel.nft.filter import PacketFilter
from tests.kernel.nft.alone import alone, needs_nft
from tests.kernel.nft.nft_referee import Referee, ruleset
from tests.kernel.nft.rule_facts import facts_of, sort_rules

pytestmark = [
    needs_nft,
    pytest.mark.skipif(
        not all(map(shutil.which, ("firewalld", "firewall-cmd", "dbus-daemon"))), reason="needs firewalld and D-Bus"
    ),
]

BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path={place}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>"""

RULE = 'rule family="{}" destination address="{}" {} mark set="{}"'
RICH = {
    RULE.format("ipv4", "192.0.2.10", 'port port="80" protocol="tcp"', "80"): "tcp 192.0.2.10 80",
    RULE.format("ipv4", "192.0.2.10", 'port port="443" protocol="tcp"', "80"): "tcp 192.0.2.10 443",
    RULE.format("ipv6", "2001:db8::10", 'service name="https"', "443"): "tcp 2001:db8::10 443",
    RULE.format("ipv4", "192.0.2.9", 'port port="9-19" protocol="udp"', "0x9/0xff"): "udp 192.0.2.9 9-19",
}


@contextmanager
def firewalld(folder: Path) -> Iterator[Mapping[str, str]]:
    """Run firewalld on a system bus of its own; yields the environment in which it is found."""
    place = folder / "bus"
    (folder / "bus.conf").write_text(BUS.format(place=place))
    bus_command = ["dbus-daemon", "--nofork", "--print-address", f"--config-file={folder / 'bus.conf'}"]
    with ended(subprocess.Popen(bus_command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)) as bus:
        assert bus.stdout is not None
        bus.stdout.readline()
        found = os.environ | {"DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={place}"}
        command = ["firewalld", "--nofork", "--nopid"]
        with ended(subprocess.Popen(command, env=found, stderr=subprocess.DEVNULL)) as daemon:
            until = time.monotonic() + 120
            while subprocess.run(["firewall-cmd", "--state"], env=found, capture_output=True, check=False).returncode:
                assert daemon.poll() is None, "firewalld ended"
                assert time.monotonic() < until, "firewalld does not run"
            yield found


@contextmanager
def ended(process: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """End a process, whatever happened meanwhile."""
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@alone
def test_rich_rules_are_read(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with firewalld(tmp_path) as environment, closing(PacketFilter(None)) as door:
        command = ["firewall-cmd", *(f"--add-rich-rule={rule}" for rule in RICH)]
        subprocess.run(command, env=environment, check=True, capture_output=True)
        found = door.read()
        assert sort_rules(map(facts_of, found.rules)) == sort_rules(Referee(ruleset()).rule_facts())
    assert [rule.selector for rule in found.rules] == [selector(text) for text in RICH.values()]
    assert [rule.value for rule in found.rules] == [80, 80, 443, 9]
    assert all(rule.decoded and rule.hook == "prerouting" and rule.priority == -140 for rule in found.rules)
