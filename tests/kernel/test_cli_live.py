"""The commands on the running kernel, with ipvsadm as referee, and saves where the disk does not play along."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from lvstui.core.model import Director
from lvstui.formats.profile.write import ProfileError, dumps
from lvstui.kernel.live import Live
from lvstui.store.profile_file import ProfileFile

pytestmark = [pytest.mark.kernel, pytest.mark.usefixtures("live")]

TABLE = """\
-A -t 192.0.2.10:443 -s sh -p 300 -M 255.255.255.0 -b sh-fallback,sh-port
-a -t 192.0.2.10:443 -r 127.0.0.11:443 -m -w 5 -x 70000 -y 66000
-a -t 192.0.2.10:443 -r 127.0.0.12:443 -g -w 0
-A -u 192.0.2.10:53 -s rr -o
-a -u 192.0.2.10:53 -r 127.0.0.11:5353 -m -w 1
-A -u 192.0.2.10:5060 -s wlc -p 600 --pe sip
-A --sctp-service [2001:db8::10]:99 -s mh -b mh-port
-a --sctp-service [2001:db8::10]:99 -r [::1]:99 -i -w 2 --tun-type gue --tun-port 6080 --tun-csum
-A -f 80 -s wrr -p 600 -M 255.255.0.255 -b flag-1,flag-2
-a -f 80 -r 127.0.0.11:0 -i -w 1 --tun-type gre --tun-nocsum
-A -f 80 -6 -s rr -p 600 -M 64
"""


def ipvsadm(*arguments: str, lines: str = "") -> str:
    ended = subprocess.run(["ipvsadm", *arguments], input=lines, capture_output=True, text=True, check=True)
    return ended.stdout


def saved() -> list[str]:
    return sorted(ipvsadm("-Sn").splitlines())


def thresholds() -> list[str]:
    """Return the rows with their thresholds, without the connections that they have."""
    return sorted(" ".join(line.split()[:4]) for line in ipvsadm("-Ln", "--thresholds").splitlines())


def lvstui(*arguments: str | Path, status: int = 0, prefix: Sequence[str] = ()) -> str:
    command = [*prefix, sys.executable, "-m", "lvstui", *map(str, arguments)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == status, ended.stderr
    # One mask of the table has holes on purpose, which every command that reads the profile warns of.
    return ended.stdout + "".join(line for line in ended.stderr.splitlines(True) if ": warning: " not in line)


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    ipvsadm("-R", lines=TABLE)
    ipvsadm("--set", "800", "100", "200")
    path = tmp_path / "director.toml"
    lvstui("export", "-o", path)
    return path


def test_export_flush_and_apply_give_the_same_table(profile: Path) -> None:
    before, limits = saved(), thresholds()
    assert len(before) == len(TABLE.splitlines())
    lvstui("diff", profile)
    ipvsadm("-C")
    ipvsadm("--set", "900", "120", "300")
    assert len(lvstui("diff", profile, status=3).splitlines()) == len(before) + 1
    lvstui("apply", profile)
    assert (saved(), thresholds()) == (before, limits)
    assert "800 100 200" in ipvsadm("-L", "--timeout")
    assert lvstui("diff", profile) == ""


def test_what_export_writes_for_ipvsadm_it_restores_with_the_thresholds(profile: Path) -> None:
    before, limits = saved(), thresholds()
    lines = lvstui("--profile", profile, "export", "--format", "ipvsadm")
    ipvsadm("-C")
    ipvsadm("--set", "900", "120", "300")
    ipvsadm("-R", lines=lines)
    assert (saved(), thresholds()) == (before, limits)
    assert lvstui("diff", profile) == ""


def test_apply_starts_and_stops_the_daemons_of_the_profile(profile: Path) -> None:
    daemon = '[[sync]]\nrole = "backup"\ninterface = "lo"\nid = 5\nport = 8849\nttl = 3\nmax_length = 1400\n'
    text = profile.read_text()
    profile.write_text(text.replace("sync = []\n", "") + "\n" + daemon)
    assert lvstui("apply", profile).startswith("+ sync backup: interface lo, id 5, max_length 1400")
    assert "backup sync daemon (mcast=lo, syncid=5, maxlen=1400, group=224.0.0.81, port=8849, ttl=3)" in ipvsadm(
        "-L", "--daemon"
    )
    restored = lvstui("export", "--format", "ipvsadm").splitlines()[-1]
    profile.write_text(text)
    assert lvstui("apply", profile) == "- sync backup\n"
    assert ipvsadm("-L", "--daemon").strip() == ""
    ipvsadm("-R", lines=restored)
    assert "syncid=5, maxlen=1400" in ipvsadm("-L", "--daemon")


def test_a_change_from_outside_is_a_difference_that_apply_takes_back(profile: Path) -> None:
    before = saved()
    ipvsadm("-e", "-t", "192.0.2.10:443", "-r", "127.0.0.12:443", "-g", "-w", "7")
    ipvsadm("-A", "-t", "192.0.2.99:1", "-s", "rr")
    shown = lvstui("apply", "--dry-run", profile, status=3).splitlines()
    assert sorted(line for line in shown if not line.startswith(" ")) == [
        "- tcp:192.0.2.99:1",
        "tcp:192.0.2.10:443 / 127.0.0.12:443: weight 7 -> 0",
    ]
    assert "    ipvsadm -D -t 192.0.2.99:1" in shown
    lvstui("apply", profile)
    assert saved() == before


def test_apply_goes_on_without_what_this_kernel_lacks_and_lists_it(profile: Path) -> None:
    ipvsadm("-C")
    profile.write_text(
        "format = 1\n[sysctl]\nof_tomorrow = 2\n"
        '[[service]]\nname = "b"\nservice = "tcp:192.0.2.10:2"\nscheduler = "zzz"\n'
        'server = [{ server = "127.0.0.1:2" }]\n'
        '[[service]]\nname = "c"\nservice = "tcp:192.0.2.10:1"\nserver = [{ server = "127.0.0.1:1" }]\n'
    )
    output = lvstui("apply", profile, status=1).splitlines()
    assert output[:3] == [
        '+ tcp:192.0.2.10:1 c: scheduler wlc, name "c"',
        "+ tcp:192.0.2.10:1 c / 127.0.0.1:1: forwarding route, weight 1",
        "lvstui: 2 of 5 changes were written, the others were refused or not tried:",
    ]
    assert output[3].startswith("  refused    + sysctl of_tomorrow: ")
    assert "modprobe ip_vs_zzz" in output[4]
    assert output[5:] == [
        "  not tried  + tcp:192.0.2.10:2 b / 127.0.0.1:2: forwarding route, weight 1: its service was refused"
    ]
    assert len(saved()) == 2


def test_show_prints_what_the_kernel_holds(profile: Path) -> None:
    shown = lvstui("--profile", profile, "show")
    assert "mark6:80" in shown
    assert "upper 70000, lower 66000" in shown
    document = json.loads(lvstui("show", "--json"))
    assert len(document["service"]) == 6
    assert sum(len(service["server"]) for service in document["service"]) == 5


def test_settings_of_a_profile_reach_the_kernel_and_no_others_do(profile: Path) -> None:
    head, services = profile.read_text().split("[[service]]", 1)
    assert "[sysctl]" not in head
    profile.write_text(f'{head}[sysctl]\nexpire_nodest_conn = 1\nsync_threshold = "4 40"\n\n[[service]]{services}')
    subprocess.run(("sysctl", "-qw", "net.ipv4.vs.sync_retries=2"), check=True)
    assert lvstui("diff", profile, status=3).splitlines() == [
        "sysctl expire_nodest_conn: 0 -> 1",
        "sysctl sync_threshold: 3 50 -> 4 40",
    ]
    lvstui("apply", profile)
    names = [f"net.ipv4.vs.{name}" for name in ("expire_nodest_conn", "sync_threshold", "sync_retries")]
    output = subprocess.run(("sysctl", "-n", *names), capture_output=True, text=True, check=True).stdout
    assert [line.split() for line in output.splitlines()] == [["1"], ["4", "40"], ["2"]]
    assert lvstui("--profile", profile, "export") == profile.read_text()
    profile.write_text(profile.read_text().replace("expire_nodest_conn = 1", "expire_nodest_conn = true"))
    assert ":14: error: sysctl.expire_nodest_conn: must be a whole number" in lvstui("check", profile, status=1)


def test_without_the_right_the_table_is_shown_and_nothing_is_compared_or_written(profile: Path) -> None:
    unprivileged = ("setpriv", "--bounding-set=-net_admin")
    assert "127.0.0.11:443" in lvstui("show", prefix=unprivileged)
    for command in (["diff", profile], ["apply", profile], ["export"]):
        output = lvstui(*command, status=4, prefix=unprivileged)
        assert output.startswith("lvstui: ")
        assert "CAP_NET_ADMIN" in output


def test_without_the_module_the_commands_say_how_to_load_it(profile: Path) -> None:
    loaded = [line.split()[0] for line in Path("/proc/modules").read_text().splitlines()]
    ours = [name for name in loaded if name.startswith("ip_vs")]
    ipvsadm("-C")
    loader = Path("/proc/sys/kernel/modprobe")
    usual = loader.read_text()
    loader.write_text("/bin/false")  # else the kernel loads ip_vs by itself as soon as somebody asks for it
    subprocess.run(["rmmod", *[name for name in ours if name != "ip_vs"], "ip_vs"], check=True)
    try:
        for command in (["show"], ["diff", profile], ["apply", profile], ["export"]):
            output = lvstui(*command, status=5)
            assert "modprobe ip_vs" in output
            assert "lvstui --demo" in output
    finally:
        loader.write_text(usual)
        subprocess.run(["modprobe", "-a", *ours], check=True)
    lvstui("apply", profile)
    assert len(saved()) == len(TABLE.splitlines())


def test_a_network_namespace_has_a_table_of_its_own(profile: Path) -> None:
    subprocess.run(["ip", "netns", "add", "lvstui-test"], check=True)
    try:
        assert lvstui("--netns", "lvstui-test", "show") == "There is no virtual service.\n"
        assert len(lvstui("diff", profile, "--netns", "lvstui-test", status=3).splitlines()) > len(TABLE.splitlines())
        assert len(saved()) == len(TABLE.splitlines())
    finally:
        subprocess.run(["ip", "netns", "del", "lvstui-test"], check=True)


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[Path]:
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def test_a_full_disk_leaves_the_old_file_whole(live: Live, tmp_path: Path) -> None:
    with mounted(tmp_path / "small", "size=64k") as folder:
        profile = ProfileFile(folder / "director.toml")
        profile.update(lambda _: Director(name="old"))
        filler = folder / "filler"
        with filler.open("wb", buffering=0) as file, suppress(OSError):
            while file.write(b"x" * 4096):
                pass
        with pytest.raises(ProfileError, match=r"director\.toml cannot be saved: the disk is full; free some space"):
            profile.update(lambda _: live.read().director)
        assert (folder / "director.toml").read_text() == dumps(Director(name="old"))
        assert not list(folder.glob(".*.new"))
        filler.unlink()
        assert not profile.update(lambda _: live.read().director).reread
        # What IPVS does not know, the marks, is none in the profile.
        assert ProfileFile(folder / "director.toml").load() == replace(live.read().director, marks={})


def test_a_read_only_file_system_is_reported(live: Live, tmp_path: Path) -> None:
    with mounted(tmp_path / "fixed", "size=64k") as folder:
        profile = ProfileFile(folder / "director.toml")
        profile.update(lambda _: Director(name="old"))
        subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
        with pytest.raises(ProfileError, match="cannot be saved: the file system is read-only; remount it"):
            profile.update(lambda _: live.read().director)
        assert profile.load() == Director(name="old")
