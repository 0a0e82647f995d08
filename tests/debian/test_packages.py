"""The packages in fresh Debians without any network: they run, upgrade, and are removed without a trace."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.lab.debian import Debian

pytestmark = pytest.mark.debian

CONFIGURATION = {"etc/lvstui", "etc/lvstui/config.toml"}
OURS = "usr/lib/lvstui/lvstui"
MASK = "etc/systemd/system/lvstui-sync.service"


def paths(system: Debian) -> set[str]:
    """Return all that is there but the notes of dpkg and rpm."""
    found = set()
    for folder, folders, files in os.walk(system.root):
        inside = os.path.relpath(folder, system.root)
        if inside in ("proc", "var/lib/dpkg", "var/log"):
            folders.clear()
            continue
        if ".rpmdb" in folders:
            folders.remove(".rpmdb")
        found |= {os.path.normpath(f"{inside}/{name}") for name in (*folders, *files)}
    return found


def older(package: Path, folder: Path) -> Path:
    """Return a package of a version before, which had a module more."""
    tree = folder / "older"
    subprocess.run(["dpkg-deb", "-R", package, tree], check=True)
    control = tree / "DEBIAN/control"
    control.write_text(control.read_text().replace("Version: ", "Version: 0.0.1~before"))
    (tree / OURS / "gone").mkdir()
    (tree / OURS / "gone/__init__.py").write_text("")
    (tree / "usr/lib/systemd/system").mkdir(parents=True, exist_ok=True)
    subprocess.run(["dpkg-deb", "-Znone", "-b", tree, folder / "older.deb"], check=True, capture_output=True)
    return folder / "older.deb"


def said(system: Debian, *command: str) -> str:
    """Return what a command prints that goes well."""
    done = system.run(*command)
    assert done.returncode == 0, (command, done.stdout, done.stderr)
    return done.stdout


def install(system: Debian, package: Path) -> str:
    shutil.copy(package, system.root / "root")
    try:
        return said(system, "dpkg", "-i", f"/root/{package.name}")
    finally:
        (system.root / "root" / package.name).unlink()


def test_it_runs_is_upgraded_and_leaves_nothing_but_configuration(fresh: Debian, dist: Path, tmp_path: Path) -> None:
    package = next(dist.glob("*_amd64.deb"))
    before = paths(fresh)
    install(fresh, older(package, tmp_path))
    assert (fresh.root / OURS / "gone/__pycache__").is_dir()
    fresh.write("/etc/lvstui/config.toml", "interval = 3.0\n")

    install(fresh, package)
    version = package.name.split("_")[1]
    assert said(fresh, "lvstui", "--version") == f"lvstui {version}\n"
    assert "tcp:192.0.2.10:443" in said(fresh, "lvstui", "show", "--demo")
    assert "interval = 3.0" in said(fresh, "lvstui", "config")
    assert "services" in said(fresh, "lvstui", "check", "/usr/share/doc/lvstui/examples/director.toml")
    assert not (fresh.root / OURS / "gone").exists()
    for place in ("man/man1/lvstui.1.gz", "man/man5/lvstui-profile.5.gz", "zsh/vendor-completions/_lvstui"):
        assert (fresh.root / "usr/share" / place).stat().st_size > 0, place

    fresh.write("/var/lib/lvstui/view.toml", "")
    said(fresh, "systemctl", "enable", "lvstui.service", "lvstui-sync.service")
    assert paths(fresh) & {"etc/systemd/system/multi-user.target.wants/lvstui.service"}
    said(fresh, "systemctl", "mask", "lvstui-sync.service")
    said(fresh, "lvstui", "export", "--demo", "-o", "/etc/lvstui/director.toml")
    said(fresh, "dpkg", "--remove", "lvstui")
    assert paths(fresh) - before == CONFIGURATION | {"etc/lvstui/director.toml", MASK}
    assert (fresh.root / "etc/lvstui/config.toml").read_text() == "interval = 3.0\n"
    said(fresh, "dpkg", "--purge", "lvstui")
    assert paths(fresh) == before


def test_it_is_not_removed_while_a_change_is_on_trial(fresh: Debian, dist: Path) -> None:
    install(fresh, next(dist.glob("*_amd64.deb")))
    fresh.write("/var/lib/lvstui/trial-red.json", "{}")
    refused = fresh.run("dpkg", "--remove", "lvstui")
    assert refused.returncode == 1
    assert "lvstui: a change is on trial (/var/lib/lvstui/trial-red.json): lvstui confirm, or" in refused.stderr
    assert said(fresh, "lvstui", "--version")


@pytest.mark.skipif(shutil.which("rpm") is None, reason="needs rpm: apt-get install rpm")
def test_the_package_of_rpm_runs_and_leaves_nothing_but_configuration(fresh: Debian, dist: Path) -> None:
    before = paths(fresh)
    rpm = ["rpm", f"--root={fresh.root}", "--nodeps"]
    package = next(dist.glob("*.x86_64.rpm"))
    for action in (["--install"], ["--upgrade", "--replacepkgs"]):
        subprocess.run([*rpm, *action, package], check=True, stdin=subprocess.DEVNULL)
    assert said(fresh, "lvstui", "--version").startswith("lvstui ")
    assert "tcp:192.0.2.10:443" in said(fresh, "lvstui", "show", "--demo")
    fresh.write("/etc/lvstui/config.toml", "interval = 3.0\n")
    fresh.write("/var/lib/lvstui/view.toml", "")
    said(fresh, "systemctl", "enable", "lvstui.service", "lvstui-sync.service")
    said(fresh, "systemctl", "mask", "lvstui-sync.service")
    subprocess.run([*rpm, "--erase", "lvstui"], check=True, stdin=subprocess.DEVNULL)
    left = {path for path in paths(fresh) - before if not path.startswith("etc/lvstui/config.toml.rpm")}
    assert left <= CONFIGURATION | {MASK}


@pytest.mark.parametrize("fresh", ["bookworm"], indirect=True)
def test_changes_on_trial_go_back_by_themselves_whoever_made_them_is_gone(fresh: Debian, dist: Path) -> None:
    """Both under systemd: what takes a change back is lvstui once more, which has to find its modules."""
    install(fresh, next(dist.glob("*_amd64.deb")))
    shutil.copy(dist / "lvstui.pyz", fresh.root)
    booted = fresh.boot("""\
modprobe ip_vs
for lvstui in lvstui /lvstui.pyz; do
    $lvstui add tcp:192.0.2.9:80 scheduler=rr --confirm-within 20 > /dev/null 2>&1
    rm -f /$lvstui
    ipvsadm -Sn
    while ls /var/lib/lvstui/trial.json > /dev/null 2>&1; do sleep 0.5; done
    echo "then: $(ipvsadm -Sn)"
done
""")
    assert booted.output.splitlines() == ["-A -t 192.0.2.9:80 -s rr", "then: "] * 2, booted.output
