"""What starts at boot and will write to the table, by its services and scripts, with the services that it names."""

from pathlib import Path

import pytest

from lvstui.core.fields import service_text
from lvstui.host.enabled import enabled_owners

KEEPALIVED = """\
global_defs {
  router_id lb1
  %s
}
virtual_server 192.0.2.10 80 {
  protocol TCP
}
"""


def write(root: Path, name: str, text: str = "") -> None:
    place = root / name
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text)


def found(root: Path) -> list[tuple[str, str, list[str] | None, bool]]:
    return [
        (
            owner.program,
            owner.config,
            None if owner.services is None else sorted(map(service_text, owner.services)),
            owner.flushes,
        )
        for owner in enabled_owners(root)
    ]


def test_what_is_installed_and_not_enabled_manages_nothing(tmp_path: Path) -> None:
    write(tmp_path, "etc/keepalived/keepalived.conf", KEEPALIVED % "")
    write(tmp_path, "etc/ha.d/ldirectord.cf", "virtual=192.0.2.20:80\n")
    assert found(tmp_path) == []


@pytest.mark.parametrize("flushes", [False, True])
def test_keepalived_manages_what_its_file_names_and_may_flush_the_rest(tmp_path: Path, *, flushes: bool) -> None:
    write(tmp_path, "etc/systemd/system/multi-user.target.wants/keepalived.service")
    write(tmp_path, "etc/keepalived/keepalived.conf", KEEPALIVED % ("lvs_flush" if flushes else "# lvs_flush"))
    assert found(tmp_path) == [("keepalived", "/etc/keepalived/keepalived.conf", ["tcp:192.0.2.10:80"], flushes)]


def test_the_options_of_keepalived_s_service_count(tmp_path: Path) -> None:
    write(tmp_path, "etc/systemd/system/multi-user.target.wants/keepalived.service")
    write(tmp_path, "etc/lvs.conf", KEEPALIVED % "")
    write(tmp_path, "etc/default/keepalived", '# DAEMON_ARGS="-P"\nDAEMON_ARGS="-f /etc/lvs.conf --dont-fork"\n')
    assert [one[:2] for one in found(tmp_path)] == [("keepalived", "/etc/lvs.conf")]
    write(tmp_path, "etc/default/keepalived", 'DAEMON_ARGS="--vrrp"\n')
    assert found(tmp_path) == []


def test_a_script_that_starts_ldirectord_counts_as_a_service_does(tmp_path: Path) -> None:
    write(tmp_path, "etc/rc3.d/S01ldirectord")
    write(tmp_path, "etc/ha.d/ldirectord.cf", "virtual=192.0.2.20:80\n\treal=10.0.0.1:80 gate\n")
    assert found(tmp_path) == [("ldirectord", "/etc/ha.d/ldirectord.cf", ["tcp:192.0.2.20:80"], False)]


@pytest.mark.parametrize(
    "enabled", ["etc/systemd/system/multi-user.target.wants/keepalived.service", "etc/rc3.d/S01keepalived"]
)
def test_who_is_masked_starts_never_and_manages_nothing(tmp_path: Path, enabled: str) -> None:
    write(tmp_path, enabled)
    write(tmp_path, "etc/keepalived/keepalived.conf", KEEPALIVED % "")
    assert found(tmp_path)
    (tmp_path / "etc/systemd/system").mkdir(parents=True, exist_ok=True)
    (tmp_path / "etc/systemd/system/keepalived.service").symlink_to("/dev/null")
    assert found(tmp_path) == []
