"""The lines of sudoers that docs/security.md has for operators who may look, tried with the sudo of a fresh Debian."""

import re

import pytest

from tests.debian.installed import install
from tests.lab.debian import Debian
from tests.lab.guest import CHECKOUT

pytestmark = pytest.mark.debian

LOOKS = ("", " show", " show director", " history", " check --running", " diff")
EDITS = (
    "lvstui",
    "lvstui show",
    "lvstui set timeouts tcp=7",
    "lvstui --read-only set timeouts tcp=7",
    "lvstui --read-only --no-read-only",
    "lvstui --read-only --profile /etc/shadow",
    "lvstui --read-only export -o /etc/passwd",
    "lvstui --read-only show --profile /etc/shadow",
)


def test_who_may_look_by_sudo_may_do_nothing_else(fresh: Debian) -> None:
    install(fresh)
    text = (CHECKOUT / "docs/security.md").read_text()
    lines = re.search(r"(?m)^    Cmnd_Alias LVSTUI_LOOKS.*?^    %lvs-look [^\n]*$", text, re.DOTALL)
    assert lines
    fresh.write("/etc/sudoers.d/lvstui", re.sub(r"(?m)^    ", "", lines[0]) + "\n", 0o440)
    checked = fresh.run("visudo", "--check")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    made = fresh.run("sh", "-c", "groupadd lvs-look && useradd --create-home --groups lvs-look olga")
    assert made.returncode == 0, made.stderr

    def sudo(line: str) -> tuple[int, str]:
        done = fresh.run("setpriv", "--reuid=olga", "--regid=olga", "--init-groups", "sudo", "-n", *line.split())
        return done.returncode, done.stderr

    for look in LOOKS:
        assert sudo(f"-l /usr/bin/lvstui --read-only{look}")[0] == 0, look
    for edit in EDITS:
        assert sudo(f"-l /usr/bin/{edit}")[0] != 0, edit
    status, said = sudo("lvstui --read-only show")  # there is no IPVS in the kernel of this machine, or no table in it
    assert status in (0, 5), said
    status, said = sudo("lvstui show")
    assert status == 1
    assert "password is required" in said
