"""The command export for other programs: the file, the rules beside it, and on stderr what there is no room for."""

from __future__ import annotations

from pathlib import Path

import pytest

from lvstui.cli import main

PROFILE = """\
format = 1
[[service]]
service = "mark:80"
name = "portal"
scheduler = "rr"
server = [{ server = "10.0.0.11:0", name = "web1" }]
[[service]]
service = "sctp:192.0.2.10:99"
server = [{ server = "10.0.0.12:99", forwarding = "masq" }]
[[mark]]
mark = 80
match = ["tcp 192.0.2.20 80,443", "tcp 2001:db8::20 80"]
"""


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    path = tmp_path / "director.toml"
    path.write_text(PROFILE, encoding="utf-8")
    return path


def test_a_profile_is_written_for_keepalived_with_a_script_for_nft_beside_it(
    profile: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = profile.parent / "new.conf"
    line = ["export", str(profile), "--format", "keepalived", "-o", str(output)]
    assert main(line) == 0
    assert "virtual_server fwmark 80 {\n    ip_family inet\n" in output.read_text()
    rules = output.with_name("new.conf.nft").read_text()
    assert rules.startswith("#!/usr/sbin/nft -f\ntable inet lvstui\ndelete table inet lvstui\n")
    assert "ip daddr 192.0.2.20 tcp dport { 80, 443 }" in rules
    said = f"lvstui: the rules that set the firewall marks are in {output}.nft, which `nft -f` loads\n"
    assert capsys.readouterr().err == said
    assert main(line) == 1
    assert "new.conf is there already; name another file, or add --force" in capsys.readouterr().err
    assert main([*line, "--force"]) == 0


def test_losses_stand_on_stderr_and_are_status_3_where_none_may_be(
    profile: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = ["export", str(profile), "--format", "ldirectord"]
    assert main(line) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith("virtual=80\n\tprotocol=fwm\n")
    said = "# The rules that set the firewall marks; -o FILE writes them to FILE.iptables:"
    assert f"\n{said}\n# #!/bin/sh\n" in printed.out
    assert "\n# ip6tables -t mangle -A PREROUTING -d 2001:db8::20 -p tcp " in printed.out
    assert printed.err.splitlines() == [
        "sctp:192.0.2.10:99: loss: service: left out with its 1 server: ldirectord knows no sctp",
        'mark:80: loss: names of servers: "web1": written as a comment: ldirectord has no room for that',
    ]
    assert main([*line, "--strict"]) == 3


def test_what_is_written_to_the_standard_output_is_read_by_import(
    profile: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for form in ("keepalived", "ldirectord", "lvs.cf", "ipvsadm"):
        assert main(["export", str(profile), "--format", form]) == 0
        written = profile.parent / "written"
        written.write_text(capsys.readouterr().out)
        assert main(["import", str(written)]) == 0
        assert 'service = "mark:80"' in capsys.readouterr().out


def test_a_profile_with_a_mistake_is_not_written(profile: Path, capsys: pytest.CaptureFixture[str]) -> None:
    profile.write_text(PROFILE.replace("192.0.2.10:99", "nowhere"), encoding="utf-8")
    assert main(["export", str(profile), "--format", "keepalived"]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "director.toml:8: error: service: " in printed.err
    assert main(["export", str(profile), "--strict"]) == 2
