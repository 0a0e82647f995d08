"""The command check: which file it takes, and what it prints for editors and for scripts."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from lvstui.cli import main
from lvstui.formats.profile.write import loads

FLAWED = 'format = 1\nzzz = 1\n[[service]]\nservice = "tcp:192.0.2.1:80"\nscheduler = "wlcc"\n'


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    """A profile with one error and one warning."""
    path = tmp_path / "director.toml"
    path.write_text(FLAWED)
    return path


def test_check_without_a_file_takes_the_usual_profile(profile: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--profile", str(profile), "check"]) == 1
    assert capsys.readouterr().out.startswith(f"{profile}:2: error: zzz: is not a key here")
    assert main(["--demo", "check"]) == 0
    assert capsys.readouterr().out.endswith("no error\n")


def test_check_reads_what_comes_through_a_pipe(profile: Path, capsys: pytest.CaptureFixture[str]) -> None:
    saved, read = os.dup(0), os.open(profile, os.O_RDONLY)
    try:
        os.dup2(read, 0)
        assert main(["check", "-"]) == 1
    finally:
        os.dup2(saved, 0)
        os.close(saved)
        os.close(read)
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("<stdin>:2: error: zzz: ")
    assert second.startswith("<stdin>:5: warning: scheduler: ")


def test_check_prints_mistakes_as_json(profile: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--json", str(profile)]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["file"] == str(profile)
    first, second = document["mistake"]
    assert first == {
        "line": 2,
        "severity": "error",
        "field": "zzz",
        "sentence": "is not a key here; known are director, format, mark, service, sync, sysctl, timeouts",
    }
    assert (second["line"], second["severity"], second["field"]) == (5, "warning", "scheduler")
    profile.write_text("format = 1\n")
    assert main(["check", "--json", str(profile)]) == 0
    assert json.loads(capsys.readouterr().out) == {"file": str(profile), "mistake": []}


def test_advice_on_the_running_director_is_printed_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--demo", "check", "--running", "--over", "0.1", "--json"]) == 3
    findings = json.loads(capsys.readouterr().out)["finding"]
    assert findings
    keys = ["about", "service", "service_name", "mark", "state", "found", "reason", "remedy"]
    assert all(list(finding) == keys for finding in findings)
    assert {finding["state"] for finding in findings} <= {"wrong", "warning"}


@pytest.mark.parametrize("command", ["diff", "apply"])
def test_diff_and_apply_say_the_same_of_a_flawed_profile(
    profile: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--demo", "check", str(profile)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert main(["--demo", command, str(profile)]) == 1
    said = capsys.readouterr().err.splitlines()
    assert [line.replace("this kernel", "the demo's kernel") for line in said] == lines


def test_a_mark_of_byte_order_and_the_ends_of_lines_of_windows_are_read_over(
    profile: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = FLAWED.replace("zzz = 1\n", "").replace("wlcc", "wlc").replace("\n", "\r\n")
    profile.write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert main(["check", str(profile)]) == 0
    assert capsys.readouterr().out == f"{profile}: 1 service, 0 servers, no error\n"
    assert main(["--demo", "--profile", str(profile), "set", "timeouts", "tcp=77"]) == 0
    assert not profile.read_bytes().startswith(b"\xef")
    assert loads(profile.read_text(), "p").pools


def test_a_plan_is_checked_as_one(profile: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = tmp_path / "plan.json"
    profile.write_text("format = 1\n[timeouts]\ntcp = 60\ntcp_fin = 60\nudp = 60\n")
    main(["--demo", "--profile", str(profile), "diff", "--out", str(plan)])
    capsys.readouterr()
    assert main(["check", str(plan)]) == 0
    assert re.fullmatch(rf"{re.escape(str(plan))}: a plan of \d+ changes, no error\n", capsys.readouterr().out)
    plan.write_text(plan.read_text().replace('"tcp": 60', '"tcp": -60'))
    assert main(["check", "--json", str(plan)]) == 1
    fields = [mistake["field"].partition(".")[2] for mistake in json.loads(capsys.readouterr().out)["mistake"]]
    assert fields == ["new.tcp", "saved.tcp"]


def test_how_long_to_watch_is_refused_where_nothing_is_watched(
    profile: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", "--over", "3", str(profile)]) == 2
    assert capsys.readouterr().err == "lvstui: --over is for --running: a profile has no counters to watch\n"
