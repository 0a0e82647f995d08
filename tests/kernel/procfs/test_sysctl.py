"""The settings of net.ipv4.vs, which both kernels hold and refuse, and whether the host forwards packets.

sysctl(8) and its own files are the referee for the running kernel.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lvstui.core import sysctls
from lvstui.core.change import change_sysctl, holds, inverse, kernel_writes
from lvstui.core.drift import find_drift, keep_managed
from lvstui.core.model import INT_MAX, Director, Family, SysctlKey
from lvstui.kernel.live import Live
from lvstui.kernel.port import Kernel, Refused
from lvstui.kernel.procfs.sysctl import Forwards, Settings

OFTEN_HELD = 25
"""Settings that any kernel since 5.10 has."""
TICKED = {"lblc_expiration", "lblcr_expiration", "sync_refresh_period"}
"""Seconds that the kernel keeps as ticks: the more of those a second, the fewer seconds."""
CLOCK_MONOTONIC_COARSE = 6
"""Its resolution is a tick."""


@pytest.fixture(autouse=True)
def modules(request: pytest.FixtureRequest) -> None:
    """Load the schedulers that bring settings of their own: another test may have unloaded them."""
    if request.node.get_closest_marker("kernel"):
        subprocess.run(["modprobe", "-a", "ip_vs_lblc", "ip_vs_lblcr"], check=True)


def setting(kernel: Kernel, name: str) -> str:
    return kernel.read().director.sysctl[name]


def test_a_reading_holds_every_setting_of_the_kernel_as_it_is_after_boot(kernel: Kernel) -> None:
    found = kernel.read().director.sysctl
    assert len(found) >= OFTEN_HELD
    assert list(found) == sorted(found)
    for name, text in found.items():
        known = sysctls.SETTINGS.get(name)
        assert known is not None, f"{name} needs an entry in the sysctls"
        assert text == known.default or not known.default


@pytest.mark.parametrize(
    ("name", "after"),
    [
        ("expire_nodest_conn", "1"),
        ("sync_threshold", "5 40"),
        ("sync_threshold", "3 0"),
        ("sync_ports", "64"),
        ("sync_qlen_max", str(2**64 - 1)),
        ("sync_refresh_period", "90"),
        ("drop_packet", "3"),
        ("amemthresh", "-5"),
        ("lblcr_expiration", "60"),
        ("conn_reuse_mode", "77"),
    ],
)
def test_a_setting_is_written_and_taken_back(kernel: Kernel, name: str, after: str) -> None:
    before = kernel.read().director
    change = change_sysctl(name, before.sysctl[name], after)
    kernel.write(change)
    assert setting(kernel, name) == after
    assert kernel.lookup(change.target) == after
    kernel.write(inverse(change))
    assert kernel.read().director == before


@pytest.mark.parametrize(
    ("name", "after"),
    [
        ("sync_version", "2"),
        ("sync_ports", "3"),
        ("sync_ports", "0"),
        ("sync_retries", "4"),
        ("sync_threshold", "50 3"),
        ("sync_threshold", "3"),
        ("sync_qlen_max", "-1"),
        ("secure_tcp", "-1"),
        ("drop_entry", "4"),
        ("conntrack", "2147483648"),
        ("conntrack", "yes"),
        ("conntrack", "1 0"),
        ("conntrack", ""),
        ("lblc_expiration", "99999999999"),
        ("no_such_setting", "1"),
        ("../../../../tmp/x", "1"),
        ("", "1"),
    ],
)
def test_what_the_kernel_would_refuse_or_mistake_is_refused_by_name(kernel: Kernel, name: str, after: str) -> None:
    before = kernel.read().director
    with pytest.raises(Refused) as caught:
        kernel.write(change_sysctl(name, before.sysctl.get(name), after))
    assert caught.value.field == name
    assert str(caught.value).startswith(f"{name}: ")
    assert kernel.read().director == before


def test_what_the_catalogue_takes_the_kernel_takes_at_both_ends(kernel: Kernel) -> None:
    for name, known in sysctls.SETTINGS.items():
        held = kernel.read().director.sysctl.get(name)
        if held is None or known.kind is not sysctls.SettingKind.NUMBER or known.automatic:
            continue
        ends = known.limits
        if name in TICKED:
            most = INT_MAX // round(1 / time.clock_getres(CLOCK_MONOTONIC_COARSE))
            ends = max(ends[0], -most), min(ends[1], most)
        for end in ends:
            kernel.write(change_sysctl(name, held, str(end)))
            assert setting(kernel, name) == str(end)
        kernel.write(change_sysctl(name, None, held))


def test_a_setting_that_a_profile_gives_up_stays_as_it_is(kernel: Kernel) -> None:
    kernel.write(change_sysctl("expire_nodest_conn", "0", "1"))
    kernel.write(change_sysctl("expire_nodest_conn", "1", None))
    assert setting(kernel, "expire_nodest_conn") == "1"


def test_the_kernel_may_turn_an_automatic_defence_down_without_that_being_drift(kernel: Kernel) -> None:
    change = change_sysctl("drop_entry", "0", "2")
    kernel.write(change)
    running = kernel.read().director
    assert running.sysctl["drop_entry"] == "1"
    assert kernel.lookup(change.target) == "1"
    assert holds(change.target, "2", "1")
    profile = keep_managed(running, Director(sysctl={"drop_entry": "2"}))
    assert profile.sysctl == {"drop_entry": "2"}
    assert kernel_writes(find_drift(running, profile)) == ()


def test_a_setting_that_is_not_there_is_held_as_none(kernel: Kernel) -> None:
    assert kernel.lookup(SysctlKey("no_such_setting")) is None
    assert kernel.lookup(SysctlKey("../stat")) is None


def test_an_unchanged_kernel_gives_the_same_director_and_a_changed_setting_another(kernel: Kernel) -> None:
    first = kernel.read().director
    assert kernel.read().director is first
    kernel.write(change_sysctl("nat_icmp_send", "0", "1"))
    assert kernel.read().director != first


def sysctl(*arguments: str) -> str:
    ran = subprocess.run(("sysctl", *arguments), capture_output=True, text=True, check=True)
    return ran.stdout


@pytest.mark.kernel
def test_sysctl_sees_what_was_written_and_what_it_writes_is_seen(live: Live) -> None:
    live.write(change_sysctl("sync_threshold", "3 50", "7 70"))
    live.write(change_sysctl("expire_nodest_conn", "0", "1"))
    for name, text in live.read().director.sysctl.items():
        assert sysctl("-n", f"net.ipv4.vs.{name}").split() == text.split()
    sysctl("-qw", "net.ipv4.vs.sync_threshold=2 20", "net.ipv4.vs.cache_bypass=1")
    assert (setting(live, "sync_threshold"), setting(live, "cache_bypass")) == ("2 20", "1")
    assert live.lookup(SysctlKey("cache_bypass")) == "1"


@pytest.fixture
def netns() -> Iterator[str]:
    name = "lvstui-sysctl"
    subprocess.run(("ip", "netns", "add", name), check=True)
    yield name
    subprocess.run(("ip", "netns", "del", name), check=True)


@pytest.mark.kernel
def test_settings_of_another_namespace_are_its_own(live: Live, netns: str) -> None:
    other = Live(netns)
    inside = ("ip", "netns", "exec", netns, "sysctl", "-n")
    try:
        other.write(change_sysctl("expire_nodest_conn", "0", "1"))
        assert (setting(other, "expire_nodest_conn"), setting(live, "expire_nodest_conn")) == ("1", "0")
        seen = subprocess.run((*inside, "net.ipv4.vs.expire_nodest_conn"), capture_output=True, text=True, check=True)
        assert seen.stdout == "1\n"
        assert other.lookup(SysctlKey("expire_nodest_conn")) == "1"
        if "debug_level" in live.read().director.sysctl:  # only with CONFIG_IP_VS_DEBUG
            with pytest.raises(Refused, match="debug_level: the kernel lets this setting be read only"):
                other.write(change_sysctl("debug_level", "0", "1"))
    finally:
        other.close()


@pytest.mark.kernel
def test_a_setting_of_a_module_that_is_loaded_later_is_read_too(live: Live) -> None:
    assert "lblc_expiration" in live.read().director.sysctl
    subprocess.run(("rmmod", "ip_vs_lblc"), check=True)
    assert "lblc_expiration" not in live.read().director.sysctl
    subprocess.run(("modprobe", "ip_vs_lblc"), check=True)
    live.write(change_sysctl("lblc_expiration", "86400", "60"))
    assert setting(live, "lblc_expiration") == "60"


@pytest.mark.kernel
def test_files_are_opened_anew_after_they_were_closed(live: Live) -> None:
    settings = Settings()
    first = settings.read()
    settings.close()
    assert settings.read() == first == live.read().director.sysctl
    settings.close()


WITHOUT_THE_RIGHT = """
from lvstui.core.change import change_sysctl
from lvstui.core.model import SysctlKey
from lvstui.kernel.live import Live
from lvstui.kernel.port import NoRight
live = Live()
reading = live.read()
print(reading.director.sysctl["sync_threshold"], live.lookup(SysctlKey("conntrack")), len(reading.cpus))
try:
    live.write(change_sysctl("conntrack", "0", "1"))
except NoRight as error:
    print(error)
"""


@pytest.mark.kernel
@pytest.mark.parametrize("who", [("--bounding-set=-net_admin",), ("--reuid=65534", "--clear-groups")])
def test_without_the_right_settings_are_read_and_not_written(live: Live, who: tuple[str, ...]) -> None:
    command = ("setpriv", *who, sys.executable, "-c", WITHOUT_THE_RIGHT)
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert output.splitlines()[0] == "3 50 0 1"
    assert output.splitlines()[1].startswith("the right to change IPVS is missing")
    assert setting(live, "conntrack") == "0"


FORWARD_FILE = Path("/proc/sys/net/ipv4/ip_forward")


def test_forwarding_is_read_as_the_file_says() -> None:
    forwards = Forwards()
    assert forwards.read().get(Family.IPV4) is (FORWARD_FILE.read_text().strip() == "1")
    forwards.close()
    assert Family.IPV4 in forwards.read()
    forwards.close()


def test_whether_a_missing_namespace_forwards_is_unknown() -> None:
    assert Forwards("no-such-namespace").read() == {}


@pytest.mark.kernel
def test_a_switch_that_is_turned_is_seen_at_the_next_reading() -> None:
    before = FORWARD_FILE.read_text()
    forwards = Forwards()
    try:
        for text, expected in (("1", True), ("0", False), ("1", True)):
            FORWARD_FILE.write_text(text)
            assert forwards.read()[Family.IPV4] is expected
    finally:
        FORWARD_FILE.write_text(before)
        forwards.close()
