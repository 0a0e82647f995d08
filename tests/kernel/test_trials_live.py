"""Changes on trial in the running kernel, with real guards, and ipvsadm as referee and as somebody else."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

import lvstui as lvstui_package
from lvstui.cli import main
from lvstui.core.trial import boottime
from lvstui.store.trial_file import TrialFile
from tests.campaign import trials
from tests.kernel.ipvsadm import ipvsadm, saved

pytestmark = [pytest.mark.kernel, pytest.mark.usefixtures("live")]

PROFILE = """\
format = 1
[[service]]
service = "tcp:192.0.2.70:80"
name = "shop"
scheduler = "rr"
server = [{ server = "127.0.0.1:80", weight = 3 }, { server = "127.0.0.2:80", weight = 1 }]
"""
TABLE = [
    "-A -t 192.0.2.70:80 -s rr",
    "-a -t 192.0.2.70:80 -r 127.0.0.1:80 -g -w 3",
    "-a -t 192.0.2.70:80 -r 127.0.0.2:80 -g -w 1",
]


@pytest.fixture
def profile(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Path]:
    path = tmp_path / "director.toml"
    path.write_text(PROFILE)
    assert main(["--profile", str(path), "apply"]) == 0
    assert saved() == TABLE
    capsys.readouterr()
    yield path
    main(["--profile", str(path), "rollback", "--now"])
    wait_until_nobody_is_on_guard()
    for ended in Path("/var/lib/lvstui").glob("*.ended"):
        ended.unlink()


def lvstui(profile: Path, *words: str) -> subprocess.Popen[bytes]:
    """Start a command in a session of its own."""
    command = [sys.executable, "-m", "lvstui", "--profile", str(profile), *words]
    return subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL)


def let_it_run_out() -> None:
    """Bring the end of the trial near, as `extend` moves it away: what a test does before takes as long as it takes."""
    (path,) = Path("/var/lib/lvstui").glob("trial*.json")
    file = TrialFile(path)
    trial = file.load()
    assert trial is not None
    file.mark(replace(trial, deadline=boottime() + 1))


def wait_until_back(seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while saved() != TABLE and time.monotonic() < end:
        time.sleep(0.1)
    assert saved() == TABLE


def wait_until_nobody_is_on_guard(seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while trials.guards() and time.monotonic() < end:
        time.sleep(0.1)
    assert not trials.guards()


def test_what_nobody_keeps_goes_back_and_the_next_start_says_so(
    profile: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = profile.read_text()
    where = ("--profile", str(profile))
    assert main([*where, "delete", "shop", "--yes", "--confirm-within", "600"]) == 0
    assert saved() == []
    assert profile.read_text() == text
    (guard,) = trials.guards()
    assert Path(f"/proc/{guard}/stat").read_text().rpartition(")")[2].split()[1] == "1"  # init is its parent
    assert os.getsid(guard) != os.getsid(0)
    assert {str(Path(f"/proc/{guard}/fd/{number}").readlink()) for number in range(3)} == {"/dev/null"}
    os.kill(guard, signal.SIGHUP)
    let_it_run_out()
    wait_until_back()
    wait_until_nobody_is_on_guard()  # which says what it did
    assert not kernel_differs(where)
    capsys.readouterr()
    main([*where, "show"])
    assert "taken back by guard, what " in capsys.readouterr().err
    main([*where, "history"])
    assert [word for word in capsys.readouterr().out.split() if word in ("trial", "take-back")] == [
        "trial",
        "take-back",
    ]


def kernel_differs(where: tuple[str, ...]) -> int:
    return main([*where, "diff"])


def test_killed_with_its_whole_session_a_trial_goes_back(profile: Path) -> None:
    started = lvstui(profile, "set", "shop", "127.0.0.1", "weight=7", "--confirm-within", "600")
    assert started.wait() == 0
    assert saved() != TABLE
    with pytest.raises(ProcessLookupError):  # nobody is left of that session: the guard has its own
        os.killpg(started.pid, signal.SIGKILL)
    let_it_run_out()
    wait_until_back()


def test_a_new_login_keeps_what_is_on_trial_and_no_guard_fires(profile: Path) -> None:
    where = ("--profile", str(profile))
    assert main([*where, "set", "shop", "127.0.0.1", "weight=7", "--confirm-within", "60"]) == 0
    assert lvstui(profile, "confirm").wait() == 0
    wait_until_nobody_is_on_guard()
    assert "weight = 7" in profile.read_text()
    assert "-a -t 192.0.2.70:80 -r 127.0.0.1:80 -g -w 7" in saved()


def test_an_extended_trial_goes_back_at_its_new_end(profile: Path) -> None:
    where = ("--profile", str(profile))
    began = time.monotonic()
    assert main([*where, "set", "shop", "127.0.0.1", "weight=7", "--confirm-within", "10"]) == 0
    assert main([*where, "extend", "4"]) == 0
    wait_until_back()
    assert time.monotonic() - began >= 14


def test_what_ipvsadm_has_changed_meanwhile_stays_and_is_named(
    profile: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ("--profile", str(profile))
    assert main([*where, "set", "shop", "127.0.0.1", "weight=7", "--confirm-within", "60"]) == 0
    assert main([*where, "add", "shop", "127.0.0.3:80", "--confirm-within", "60"]) == 1
    assert "is on trial for another" in capsys.readouterr().err
    ipvsadm("-e", "-t", "192.0.2.70:80", "-r", "127.0.0.1:80", "-g", "-w", "9")
    assert main([*where, "rollback", "--now", "--dry-run"]) == 3
    assert main([*where, "rollback", "--now"]) == 3
    assert "changed by others since, and left alone: " in capsys.readouterr().err
    assert "-a -t 192.0.2.70:80 -r 127.0.0.1:80 -g -w 9" in saved()
    ipvsadm("-e", "-t", "192.0.2.70:80", "-r", "127.0.0.1:80", "-g", "-w", "3")
    assert saved() == TABLE


def test_a_refused_trial_leaves_nobody_on_guard(profile: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = ("--profile", str(profile))
    assert main([*where, "set", "shop", "scheduler=nonsense", "--confirm-within", "60"]) == 1
    capsys.readouterr()
    wait_until_nobody_is_on_guard()
    assert saved() == TABLE
    assert main([*where, "confirm"]) == 1
    assert "no change is on trial" in capsys.readouterr().err


@pytest.mark.usefixtures("live")
def test_no_attack_of_a_short_campaign_gets_through() -> None:
    reports = list(trials.run(8, seed=1))
    assert sum(report.tried for report in reports) >= len(reports)
    assert [report for report in reports if report.failed] == []


def test_on_a_full_disk_nothing_is_written_and_what_is_on_trial_already_can_still_be_decided(
    profile: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ("--profile", str(profile))
    folder = Path("/var/lib/lvstui")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k,mode=700", "tmpfs", str(folder)], check=True)
    try:
        fill(folder / "filler")
        assert main([*where, "set", "shop", "127.0.0.1", "weight=7", "--confirm-within", "60"]) == 1
        assert "cannot be written: the disk is full" in capsys.readouterr().err
        assert saved() == TABLE
        (folder / "filler").unlink()
        assert main([*where, "set", "shop", "127.0.0.1", "weight=7", "--confirm-within", "60"]) == 0
        fill(folder / "filler")
        assert main([*where, "extend", "60"]) == 0
        assert main([*where, "rollback", "--now"]) == 0
        assert saved() == TABLE
        assert main([*where, "confirm"]) == 1
    finally:
        subprocess.run(["umount", str(folder)], check=True)
    wait_until_nobody_is_on_guard()


def test_on_a_disk_that_became_read_only_the_guard_takes_back_all_the_same(
    profile: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ("--profile", str(profile))
    folder = Path("/var/lib/lvstui")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=700", "tmpfs", str(folder)], check=True)
    try:
        assert main([*where, "set", "shop", "127.0.0.1", "weight=7", "--confirm-within", "15"]) == 0
        subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
        capsys.readouterr()
        assert main([*where, "extend", "1"]) == 1
        assert "trial.json cannot be written: the file system is read-only; remount it" in capsys.readouterr().err
        wait_until_back()
        subprocess.run(["mount", "-o", "remount,rw", str(folder)], check=True)
        wait_until_nobody_is_on_guard()
        assert not (folder / "trial.json").exists()
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_guard_takes_back_after_lvstui_was_removed(profile: Path, tmp_path: Path) -> None:
    code = tmp_path / "code"
    shutil.copytree(Path(lvstui_package.__file__).parent, code / "lvstui")
    start = "import sys; sys.path.insert(0, sys.argv.pop(1)); from lvstui.cli import main; sys.exit(main(sys.argv[1:]))"
    words = ("--profile", str(profile), "set", "shop", "127.0.0.1", "weight=7", "--confirm-within", "600")
    subprocess.run([sys.executable, "-c", start, str(code), *words], check=True, cwd=tmp_path)
    assert saved() != TABLE
    assert trials.guards()
    shutil.rmtree(code)
    let_it_run_out()
    wait_until_back()
    wait_until_nobody_is_on_guard()


def test_kept_while_the_disk_of_the_profile_is_full_it_is_saved_by_a_later_word(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k,mode=700", "tmpfs", str(folder)], check=True)
    try:
        path = folder / "director.toml"
        path.write_text(PROFILE)
        where = ("--profile", str(path))
        assert main([*where, "apply"]) == 0
        assert main([*where, "set", "shop", "127.0.0.1", "weight=7", "--confirm-within", "60"]) == 0
        fill(folder / "filler")
        capsys.readouterr()
        assert main([*where, "confirm"]) == 1
        assert "the kernel has it, the profile does not yet" in capsys.readouterr().err
        wait_until_nobody_is_on_guard()
        assert "-a -t 192.0.2.70:80 -r 127.0.0.1:80 -g -w 7" in saved()
        assert path.read_text() == PROFILE
        (folder / "filler").unlink()
        assert main([*where, "confirm"]) == 0
        assert "weight = 7" in path.read_text()
        assert main([*where, "diff"]) == 0
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def fill(path: Path) -> None:
    """Take all the room that a disk has."""
    with suppress(OSError), path.open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)


def test_another_person_decides_about_a_trial_only_who_insists(
    profile: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    where = ("--profile", str(profile))
    monkeypatch.setenv("SUDO_USER", "anna")
    assert main([*where, "set", "shop", "127.0.0.1", "weight=7", "--confirm-within", "60"]) == 0
    monkeypatch.setenv("SUDO_USER", "ben")
    for words in (["confirm"], ["extend"], ["rollback", "--now"]):
        assert main([*where, *words]) == 1
        assert "is by anna, who decides about it, or root; --force decides all the same" in capsys.readouterr().err
    assert main([*where, "set", "shop", "127.0.0.2", "weight=5"]) == 0
    assert main([*where, "rollback", "--now", "--force"]) == 0
    assert [line[-4:] for line in saved()[1:]] == ["-w 3", "-w 5"]
    monkeypatch.setenv("SUDO_USER", "anna")
    assert main([*where, "set", "shop", "127.0.0.1", "weight=7", "--confirm-within", "60"]) == 0
    monkeypatch.delenv("SUDO_USER")
    assert main([*where, "confirm"]) == 0
    assert main([*where, "set", "shop", "127.0.0.1", "weight=3"]) == 0
    assert main([*where, "set", "shop", "127.0.0.2", "weight=1"]) == 0


@pytest.mark.parametrize("count", [0, 1, 4, 6])
def test_killed_before_any_of_its_writes_a_trial_is_taken_back_at_once(
    profile: Path, tmp_path: Path, count: int, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other.toml"
    pools = "".join(
        f'[[service]]\nservice = "udp:192.0.2.7{number}:53"\nserver = [{{ server = "127.0.0.9:53", weight = 2 }}]\n'
        for number in range(4)
    )
    other.write_text(f"format = 1\n{pools}")
    words = ("--profile", str(profile), "apply", str(other), "--force", "--confirm-within", "600")
    ended = subprocess.run([sys.executable, "-m", "tests.kernel.killed", str(count), *words], check=False)
    assert ended.returncode == -signal.SIGKILL
    wait_until_back()
    wait_until_nobody_is_on_guard()
    main(["--profile", str(profile), "show"])
    assert "taken back by guard, what " in capsys.readouterr().err
    assert profile.read_text() == PROFILE


@pytest.fixture(params=["--netns", "ip netns exec", "nsenter"])
def way(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[list[str], list[str], list[str]]]:
    """Yield what stands before and behind a command that works in another namespace, and before any program there."""
    if request.param == "nsenter":  # one without a name
        place = tmp_path / "nameless"
        place.touch()
        subprocess.run(["unshare", f"--net={place}", "ip", "link", "set", "lo", "up"], check=True)
        yield ["nsenter", f"--net={place}"], [], ["nsenter", f"--net={place}"]
        subprocess.run(["umount", str(place)], check=True)
        return
    subprocess.run(["ip", "netns", "add", "tried"], check=True)
    inside = ["ip", "netns", "exec", "tried"]
    subprocess.run([*inside, "ip", "link", "set", "lo", "up"], check=True)
    yield ([], ["--netns", "tried"], inside) if request.param == "--netns" else (inside, [], inside)
    subprocess.run(["ip", "netns", "del", "tried"], check=True)


def test_a_guard_takes_back_in_the_namespace_of_the_trial_however_that_was_entered(
    way: tuple[list[str], list[str], list[str]], tmp_path: Path
) -> None:
    """The commands run as a program does, with no more rights than they need."""
    before, behind, inside = way
    path = tmp_path / "director.toml"
    path.write_text(PROFILE)
    command = [*before, sys.executable, "-m", "lvstui", "--profile", str(path), *behind]

    def table() -> list[str]:
        ended = subprocess.run([*inside, "ipvsadm", "-Sn"], capture_output=True, text=True, check=True)
        return sorted(line.strip() for line in ended.stdout.splitlines())

    subprocess.run([*command, "apply", "--force"], check=True)
    assert table() == TABLE
    subprocess.run([*command, "set", "shop", "127.0.0.1", "weight=7", "--confirm-within", "600"], check=True)
    assert table() != TABLE
    ours = subprocess.run([sys.executable, "-m", "lvstui", "confirm"], capture_output=True, text=True)
    assert "no change is on trial" in ours.stderr  # here, which is another namespace
    let_it_run_out()
    end = time.monotonic() + 60
    while table() != TABLE and time.monotonic() < end:
        time.sleep(0.2)
    assert table() == TABLE
    wait_until_nobody_is_on_guard()


def test_a_guard_within_a_namespace_takes_back_after_its_name_was_removed(tmp_path: Path) -> None:
    """The namespace is there for as long as somebody is in it, be it the guard alone."""
    path = tmp_path / "director.toml"
    subprocess.run(["ip", "netns", "add", "tried"], check=True)
    inside = ["ip", "netns", "exec", "tried"]
    subprocess.run([*inside, "ip", "link", "set", "lo", "up"], check=True)
    command = [*inside, sys.executable, "-m", "lvstui", "--profile", str(path)]
    subprocess.run([*command, "add", "tcp:192.0.2.70:80", "--confirm-within", "600"], check=True)
    (guard,) = trials.guards()
    within = ["nsenter", f"--net=/proc/{guard}/ns/net"]
    kept = subprocess.Popen([*within, "sh", "-c", "echo inside; exec sleep 600"], stdout=subprocess.PIPE, text=True)
    assert kept.stdout is not None
    assert kept.stdout.readline() == "inside\n"
    subprocess.run(["ip", "netns", "del", "tried"], check=True)
    try:
        let_it_run_out()
        wait_until_nobody_is_on_guard()
        ended = subprocess.run(
            ["nsenter", f"--net=/proc/{kept.pid}/ns/net", "ipvsadm", "-Sn"], capture_output=True, text=True, check=True
        )
        assert ended.stdout == ""
    finally:
        kept.kill()
        kept.communicate()
