"""The command import: a profile on the standard output or in a file, and what it lacks on stderr."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lvstui.cli import main
from lvstui.formats.profile.write import loads
from lvstui.host.names import HostNames

CONF = """\
include servers/*.conf
vrrp_instance a {
}
"""
INCLUDED = "virtual_server 192.0.2.1 80 {\n protocol TCP\n lb_kind NAT\n real_server 10.0.0.1 80 {\n }\n}\n"


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    (tmp_path / "servers").mkdir()
    (tmp_path / "servers" / "a.conf").write_text(INCLUDED, encoding="utf-8")
    path = tmp_path / "keepalived.conf"
    path.write_text(CONF, encoding="utf-8")
    return path


def test_a_profile_is_printed_and_losses_stand_on_stderr(conf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["import", str(conf)]) == 0
    printed = capsys.readouterr()
    assert len(loads(printed.out, "p.toml").pools) == 1
    assert printed.err.splitlines() == [
        f"{conf}:2: loss: vrrp_instance a: left out: it is no part of IPVS",
        f"lvstui: {conf} is a configuration of keepalived: 1 service, 1 server; not in the profile: 1",
    ]


def test_a_file_is_written_and_not_over_another_one(conf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = conf.parent / "director.toml"
    line = ["import", "--from", "keepalived", str(conf), "-o", str(output)]
    assert main(line) == 0
    assert len(loads(output.read_text(encoding="utf-8"), "p.toml").pools) == 1
    output.write_text("format = 1\n", encoding="utf-8")
    assert main(line) == 1
    assert "director.toml is there already; name another file, or add --force" in capsys.readouterr().err
    assert output.read_text(encoding="utf-8") == "format = 1\n"
    assert main([*line, "--force"]) == 0
    assert len(loads(output.read_text(encoding="utf-8"), "p.toml").pools) == 1


def test_a_mistake_leaves_no_profile(conf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    conf.write_text("virtual_server 192.0.2.1 x {\nreal_server 10.0.0.1\n}\n", encoding="utf-8")
    assert main(["import", str(conf), "-o", str(conf.parent / "p.toml")]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert f"{conf}:1: error: virtual_server: " in printed.err
    assert not (conf.parent / "p.toml").exists()


def test_a_pipe_is_read_and_cannot_include_by_a_relative_name(capsys: pytest.CaptureFixture[str]) -> None:
    reading, writing = os.pipe()
    os.write(writing, CONF.encode())
    os.close(writing)
    saved = os.dup(0)
    os.dup2(reading, 0)
    try:
        assert main(["import", "-"]) == 1
    finally:
        os.dup2(saved, 0)
        os.close(saved)
        os.close(reading)
    assert '<stdin>:1: error: include: "servers/*.conf" needs a folder' in capsys.readouterr().err


def test_what_nobody_knows_is_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x").write_text("hello\n", encoding="utf-8")
    assert main(["import", str(tmp_path / "x")]) == 1
    assert "say --from, one of ipvsadm, keepalived, ldirectord, lvs.cf" in capsys.readouterr().err
    assert main(["import", str(tmp_path / "none")]) == 1
    assert "none cannot be read: there is no such file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "comment", "value"),
    [
        ("virtual=192.0.2.1:80\n", "\t# f\xfcr alle\n", "\tcomment=f\xfcr alle\n"),
        ("virtual_server 192.0.2.1 80 {\n", "! f\xfcr\nreal_server 10.0.0.1 80 {} # alle\n}", "snmp_name f\xfcr\n}\n"),
        ("-A -t 192.0.2.1:80 -s rr\n", "# f\xfcr alle\n", "-A -t f\xfcr:80\n"),
        ("network = nat\nservice = lvs\n", "# f\xfcr alle\n", "virtual f\xfcr {\nactive = 0\n}\n"),
    ],
)
def test_bytes_that_are_not_utf_8_may_stand_in_comments_only(
    text: str, comment: str, value: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "old"
    file.write_bytes((text + comment).encode("latin-1"))
    assert main(["import", str(file)]) == 0
    capsys.readouterr()
    file.write_bytes((text + value).encode("latin-1"))
    assert main(["import", str(file)]) == 1
    assert f"old:{text.count(chr(10)) + 1}: error: file: not UTF-8; save the file in UTF-8" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["check", "diff", "apply"])
def test_a_command_that_is_given_such_a_file_for_a_profile_says_which_import_to_use(
    command: str, conf: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--demo", command, str(conf)]) == 1
    printed = capsys.readouterr()
    assert f"`lvstui import {conf} -o PROFILE`" in printed.out + printed.err


def test_names_of_hosts_and_ports_are_those_of_this_machine() -> None:
    names = HostNames()
    assert names.port("http", "tcp") == 80
    assert names.port("no-such-port", "tcp") is None
    assert "127.0.0.1" in map(str, names.addresses("localhost")) or "::1" in map(str, names.addresses("localhost"))
    assert names.addresses("a..b") == ()
