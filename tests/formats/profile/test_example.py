"""The example of a profile: right, whole, and with one of every kind of thing."""

from __future__ import annotations

from pathlib import Path

import pytest

from lvstui.cli import main
from lvstui.core.attributes import DAEMON, GROUP, SERVER, SERVICE, TIMEOUTS
from lvstui.formats.profile.examine import examine
from lvstui.formats.profile.write import dumps, loads
from lvstui.store.example import example

RARE = {
    "persistence",  # the tables themselves, which their keys stand for
    "probe",
    "probe.port",  # what only some networks need
    "probe.send",
    "probe.expect",
    "max_length",
    "group",
    "port",
    "ttl",
}


def test_nothing_is_wrong_with_the_example() -> None:
    assert examine(example(), "example.toml").mistakes == ()


def test_the_example_has_every_key_but_rare_ones() -> None:
    text = example()
    names = {one.name for table in (SERVICE, SERVER, TIMEOUTS, DAEMON, GROUP) for one in table} - RARE
    assert [name for name in sorted(names) if f"{name.rpartition('.')[2]} = " not in text] == []
    director = loads(text, "example.toml")
    assert all((director.name, director.home.host, director.timeouts, director.sysctl, director.sync, director.marks))
    assert loads(dumps(director), "again") == director


def test_the_example_is_printed_and_written_but_not_over_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", "--example"]) == 0
    assert capsys.readouterr().out == example()
    target = tmp_path / "director.toml"
    assert main(["export", "--example", "-o", str(target)]) == 0
    assert target.read_text(encoding="utf-8") == example()
    target.write_text("mine")
    assert main(["export", "--example", "-o", str(target)]) == 1
    assert capsys.readouterr().err == f"lvstui: {target} is there already; name another file, or add --force\n"
    assert target.read_text() == "mine"
    assert main(["export", "--example", "-o", str(target), "--force"]) == 0
    assert target.read_text(encoding="utf-8") == example()


def test_the_example_is_applied_to_an_empty_demo_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "example.toml"
    target.write_text(example(), encoding="utf-8")
    assert main(["--demo", "diff", str(target)]) == 3
    assert "+ udp:192.0.2.60:5060 calls" in capsys.readouterr().out
