"""A director that comes back: lvstui's units at the boot of a fresh Debian, beside those that come with it."""

import os
import re
import tomllib

import pytest

from tests.debian.installed import install
from tests.lab.debian import Debian
from tests.lab.full import Full
from tests.lab.guest import CHECKOUT

pytestmark = pytest.mark.debian

UNITS = sorted(unit.name for unit in (CHECKOUT / "packaging").glob("*.service"))
EXPOSURE = 2.0
"""The most that `systemd-analyze security` may say of a unit, of 10."""

NETWORK = """\
[Unit]
DefaultDependencies=no
After=systemd-modules-load.service local-fs.target
Before=network.target network-online.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'modprobe dummy; ip link add d0 type dummy; ip link set d0 up; ip address add 10.0.0.1/24 dev d0'

[Install]
WantedBy=network-online.target
"""
PROFILE = """\
format = 1
[timeouts]
tcp = 1000
tcp_fin = 60
udp = 100
[sysctl]
expire_nodest_conn = 1
lblc_expiration = 3600
[[sync]]
role = "master"
interface = "d0"
id = 7
[[service]]
service = "tcp:192.0.2.10:80"
scheduler = "lblc"
[[service.server]]
server = "10.0.0.11:80"
forwarding = "masq"
weight = 3
[[service]]
service = "tcp:192.0.2.20:443"
scheduler = "mh"
persistence = { timeout = 600 }
"""
BROKEN = """\
[[service]]
service = "tcp:192.0.2.30:80"
scheduler = "unheard"
[[service]]
service = "tcp:192.0.2.40:80"
scheduler = "rr"
"""
MARKED = """\
[[service]]
service = "mark:9"
scheduler = "rr"
[[service.server]]
server = "10.0.0.12:0"
[[mark]]
mark = 9
match = ["tcp 192.0.2.50 80,443"]
"""
KEEPALIVED = """\
global_defs {
    lvs_flush
}
virtual_server 192.0.2.40 80 {
    lvs_sched wlc
    protocol TCP
    real_server 10.0.0.14 80 {
        weight 1
    }
}
"""


RED = """\
format = 1
[[service]]
service = "tcp:192.0.2.70:80"
scheduler = "rr"
"""
"""The profile of another namespace."""
OF_ANOTHER_NAMESPACE = {
    " apply --boot": " --netns red apply --boot",
    "=CAP_NET_ADMIN": "=CAP_NET_ADMIN CAP_SYS_ADMIN",
    "/director.toml": "/netns/red.toml",
    "RestrictNamespaces=yes\n": "",
}
"""What docs/boot.md has somebody write into a copy of the unit."""


def other_namespace(system: Debian) -> None:
    """Give a system the unit and the profile of another namespace."""
    unit = (CHECKOUT / "packaging/lvstui.service").read_text()
    for ours, its in OF_ANOTHER_NAMESPACE.items():
        assert ours in unit
        unit = unit.replace(ours, its)
    system.write("/etc/systemd/system/lvstui-red.service", unit)
    system.write("/etc/lvstui/netns/red.toml", RED, 0o600)


def director(system: Debian, profile: str) -> None:
    """Make a system a director with a profile, whose units start at the next boot."""
    install(system)
    system.write("/etc/systemd/system/network.service", NETWORK)
    system.write("/etc/lvstui/director.toml", profile, 0o600)
    # This kernel has no nf_tables for IPv4, so its own example would fail.
    system.write("/etc/nftables.conf", "")
    enabled = system.run("systemctl", "enable", "network", "nftables", "lvstui", "lvstui-sync")
    assert enabled.returncode == 0, enabled.stderr


def test_the_units_are_right_and_give_away_little(fresh: Debian) -> None:
    install(fresh)
    verified = fresh.run("systemd-analyze", "verify", *UNITS)
    assert (verified.returncode, verified.stdout, verified.stderr) == (0, "", "")
    for unit in UNITS:
        analysed = fresh.run("env", "SYSTEMD_COLORS=0", "systemd-analyze", "security", "--offline=yes", unit)
        found = re.search(r"exposure level for \S+: ([\d.]+)", re.sub(r"\x1b\][^\x1b]*\x1b\\", "", analysed.stdout))
        assert found, analysed.stdout
        assert float(found[1]) <= EXPOSURE


def test_all_of_the_profile_is_there_again_after_a_reboot_and_diff_is_silent(fresh: Debian) -> None:
    director(fresh, PROFILE)
    # What ipvsadm's own script would do to the table, and what no longer is.
    fresh.write("/etc/default/ipvsadm", "AUTO=true\n")
    fresh.write("/etc/ipvsadm.rules", "-A -t 192.0.2.99:80 -s rr\n")
    other_namespace(fresh)
    look = """\
        ip netns add red && systemctl start lvstui-red
        ip netns exec red ipvsadm -Sn > /root/red
        test -e /var/lib/lvstui/trial.json && echo "a change is on trial"
        systemctl start lvstui-marks  # which no target waits for
        systemctl is-active lvstui lvstui-sync lvstui-marks nftables ipvsadm
        lvstui diff 2> /dev/null; echo "diff $?"  # whose first words are of the change that was on trial
        lvstui export 2> /dev/null | sed -n '/^\\[sysctl/,/^$/d; /./p'
        cat /proc/sys/net/ipv4/vs/expire_nodest_conn /proc/sys/net/ipv4/vs/lblc_expiration
        # The next boot takes it back, as nobody keeps it.
        lvstui set tcp:192.0.2.20:443 scheduler=rr --confirm-within 600 > /dev/null 2>&1
    """
    for _ in range(2 if fresh.release == "bookworm" else 1):  # once more after a boot that has left its history
        booted = fresh.boot(look)
        assert (fresh.root / "root/red").read_text() == "-A -t 192.0.2.70:80 -s rr\n"
        states, _, rest = booted.output.partition("diff ")
        assert states.split() == [*["active"] * 4, "inactive"], booted.output
        lines = rest.splitlines()
        assert lines[0] == "0"
        assert lines[-2:] == ["1", "3600"]
        held = tomllib.loads("\n".join(lines[1:-2]))
        wanted = tomllib.loads(PROFILE)
        assert held["timeouts"] == wanted["timeouts"]
        assert [one["service"] for one in held["service"]] == [one["service"] for one in wanted["service"]]
        assert [one["role"] for one in held["sync"]] == ["master"]


@pytest.mark.parametrize("fresh", ["bookworm"], indirect=True)
def test_a_start_goes_on_where_a_part_lacks_leaves_keepalived_its_own_and_marks_come_with_nftables(
    fresh: Debian,
) -> None:
    director(fresh, PROFILE.replace('"d0"', '"late0"') + BROKEN)
    fresh.write("/etc/keepalived/keepalived.conf", KEEPALIVED)
    script = """\
        systemctl show -p ActiveState -p ExecMainStatus lvstui
        journalctl -b -u lvstui -o cat --no-pager
        echo == "$(systemctl is-active keepalived)"
        ip link add late0 type dummy; ip address add 10.9.0.1/24 dev late0; ip link set late0 up
        told() { journalctl --sync; journalctl -b -o cat --no-pager -u lvstui-marks | grep -c "^$1"; }
        once_more() {  # after what is done, the unit says the word once more
            before=$(told "$1"); word=$1; shift; "$@"
            for _ in $(seq 600); do [ "$(told "$word")" -gt "$before" ] && break; sleep 0.5; done
            echo "$* $(($(told "$word") - before))"
        }
        systemctl start lvstui-marks
        once_more Started systemctl restart nftables
        once_more Reloaded systemctl reload nftables
        systemctl stop nftables
        once_more Started systemctl start nftables
        for _ in $(seq 600); do systemctl is-active --quiet lvstui-sync && break; sleep 0.5; done
        ipvsadm -L --daemon
    """
    booted = fresh.boot(script)
    start, _, later = booted.output.partition("== ")
    assert "ActiveState=active" in start
    assert "ExecMainStatus=3" in start
    assert "tcp:192.0.2.30:80" in start
    assert "'unheard'" in start
    assert "left to keepalived, which manages them: tcp:192.0.2.40:80" in start
    assert "+ tcp:192.0.2.40:80" not in start
    assert "keepalived.conf has lvs_flush: keepalived clears the whole table when it starts" in start
    lines = later.splitlines()
    assert lines[:4] == ["active", *(f"systemctl {word} nftables 1" for word in ("restart", "reload", "start"))]
    assert "master sync daemon (mcast=late0, syncid=7" in booted.output


@pytest.mark.parametrize("fresh", ["bookworm"], indirect=True)
def test_marks_are_there_again_after_a_reboot_and_after_nftables_was_restarted_and_reloaded(fresh: Debian) -> None:
    if not Full().is_there():
        sentence = "Only the full kernel has nf_tables: run `python -m tests.lab install`."
        pytest.fail(sentence) if os.environ.get("CI") == "true" else pytest.skip(sentence)
    example = (fresh.root / "etc/nftables.conf").read_text()
    assert "flush ruleset" in example
    director(fresh, PROFILE + MARKED)
    fresh.write("/etc/nftables.conf", example)
    # The reload meets the unit that the restart has started while that is still at work.
    slow = "[Service]\nExecStart=\nExecStart=/bin/sh -c '/usr/bin/lvstui apply --boot --marks; sleep 10'\n"
    fresh.write("/etc/systemd/system/lvstui-marks.service.d/slow.conf", slow)
    script = """\
        marked() { nft list table inet lvstui > /dev/null 2>&1; }
        back() { for _ in $(seq 6000); do marked && break; sleep 0.05; done; }
        systemctl start lvstui-marks lvstui-sync
        systemctl is-active lvstui lvstui-sync lvstui-marks nftables
        lvstui diff; echo "diff $?"
        ipvsadm --edit-service --fwmark-service 9 --scheduler wrr
        systemctl restart nftables; back; nft list table inet lvstui | grep -o -m 1 "mark set 0x00000009"
        systemctl reload nftables; back; nft list table inet lvstui | grep -o -m 1 "mark set 0x00000009"
        ipvsadm -Sn | grep -e "-f 9 -s"
        nft list chain inet filter input | grep -c hook
    """
    booted = fresh.boot(script, seconds=1800, full=True)
    active, _, rest = booted.output.partition("diff ")
    assert active.split() == ["active"] * 4, booted.output
    # What else was edited stays as it is.
    marked = "mark set 0x00000009"
    assert rest.splitlines() == ["0", marked, marked, "-A -f 9 -s wrr", "1"], booted.output
