"""The fresh Debian from outside: it boots with its services, keeps what a boot wrote, and reaches no network."""

import pytest

from tests.lab.debian import Debian
from tests.lab.guest import LabError

pytestmark = pytest.mark.debian


def test_a_script_runs_when_the_services_are_up_and_the_next_boot_finds_its_files(fresh: Debian) -> None:
    assert fresh.run("sh", "-c", "cat > /root/first; ip link | grep -c '^[0-9]'", text="before").stdout == "1\n"
    look = "cat /root/first; cat /proc/1/comm; modprobe ip_vs && wc -l < /proc/net/ip_vs; systemd-run --wait true"
    first = fresh.boot(f"{look}; echo after > /root/first; systemctl is-active dbus >&2; exit 7")
    assert (first.status, first.output.splitlines()[:2]) == (7, ["beforesystemd", "3"])
    assert first.output.endswith("active\n")
    assert fresh.boot("cat /root/first").output == "after\n"


def test_a_script_that_does_not_end_is_said_with_the_end_of_the_log(fresh: Debian) -> None:
    with pytest.raises(LabError, match=r"did not end within 3 s"):
        fresh.boot("sleep 1000", seconds=3)
