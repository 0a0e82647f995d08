"""What is configured as a script sees it: config, its check, keys, and what other commands make of it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from lvstui.cli import main
from lvstui.commands.place import Status
from lvstui.formats.config import read


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's config.toml, which is empty at first."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    path = tmp_path / "lvstui" / "config.toml"
    path.parent.mkdir()
    path.touch()
    return path


def test_the_effective_configuration_says_where_each_value_is_from(
    mine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine.write_text('interval = 5\nview = "marks"\n[keys]\nundo = "F5"\n')
    assert main(["--view", "director", "config"]) == Status.OK
    out = capsys.readouterr().out
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert f"interval = 5.0 # {mine}:1" in lines
    assert 'view = "director" # command line' in lines
    assert "read_only = false # default" in lines
    assert f'undo = ["F5"] # {mine}:4' in lines
    assert read("again", out).mistakes == ()


def test_the_effective_configuration_as_json(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine.write_text('theme = "none of these"\ninterval = 5\n[keys]\nundo = "F5"\n')
    assert main(["config", "--json"]) == Status.OK
    document = json.loads(capsys.readouterr().out)
    settings = {setting.pop("name"): setting for setting in document["setting"]}
    assert settings["interval"] == {"value": 5.0, "origin": "file", "file": str(mine), "line": 2}
    assert settings["theme"] == {"value": None, "origin": "default", "file": None, "line": None}
    assert document["key"] == [{"id": "undo", "value": ["F5"], "origin": "file", "file": str(mine), "line": 4}]
    assert [(one["line"], one["field"]) for one in document["finding"]] == [(1, "theme")]


WRONG = """\
theme = "lvstui-ligt"
vieww = "marks"
[columns]
services = ["weight", "actve"]
[keys]
"weight.upp" = "F6"
"entries.move" = "K"
add = "Enter"
undo = "x"
pause = "F5"
"weight.up" = "F5"
delete = "7"
"view.marks" = "7"
help = ["Ctrl-S"]
redo = "j"
"""


def test_a_check_prints_every_mistake_with_its_line_and_field(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "other.toml"
    path.write_text(WRONG)
    assert main(["config", "--check", str(path)]) == Status.ERROR
    assert [line.partition(" error: ")[2].partition(";")[0] for line in capsys.readouterr().out.splitlines()] == [
        'theme: there is no theme "lvstui-ligt"',
        "vieww: is no setting",
        'columns.services: "actve" is no column',
        "keys.weight.upp: is no command",
        "keys.entries.move: K is keep in the services view",
        "keys.add: Enter is needed by dialogs and tables",
        "keys.undo: x is entry.take-out in the persistence view",
        "keys.weight.up: F5 is pause in the services view",
        "keys.delete: 7 is a digit, and these only open views: an address that is typed changes nothing",
        "keys.help: Ctrl-S holds up the output of many terminals, and accepts forms",
        "keys.redo: j is table.down in every view",
    ]


TOGETHER = """\
[server]
upper = 10
lower = 20
forwarding = "tunnel"
tunnel.type = "gue"
"""


def test_what_new_servers_cannot_begin_with_together_is_a_mistake(
    mine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine.write_text(TOGETHER)
    assert main(["config", "--check"]) == Status.ERROR
    assert [line for line in capsys.readouterr().out.splitlines() if str(mine) in line] == [
        f"{mine}:3: error: server.lower: 20 is above the upper threshold 10; lower it, or raise upper",
        f"{mine}:5: error: server.tunnel.type: gue needs the UDP port of the server's end, such as port = 6080",
    ]
    assert main(["--demo", "add", "shop", "10.0.0.99", "--dry-run"]) == Status.DIFFERS
    printed = capsys.readouterr()
    assert "upper 10" in printed.out
    assert "lower" not in printed.out
    assert "server.lower: 20 is above" in printed.err


def test_what_follows_from_a_mistake_in_another_value_is_not_told(
    mine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine.write_text('[server]\nupper = "many"\nlower = 20\n[server.tunnel]\ntype = "gue"\nport = -1\n')
    assert main(["config", "--check"]) == Status.ERROR
    told = [line for line in capsys.readouterr().out.splitlines() if str(mine) in line]
    assert [line.split(": ")[2] for line in told] == ["server.upper", "server.tunnel.port"]


def test_a_check_reads_what_comes_through_the_standard_input(
    mine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine.write_text("mouse = 3\n")
    source = tmp_path / "new.toml"
    source.write_text("interval = 0\n")
    monkeypatch.chdir(tmp_path)
    Path("-").write_text("view = 1\n")
    for name in ("-", "/dev/stdin"):
        script = "import sys; from lvstui.cli import main; sys.exit(main(sys.argv[1:]))"
        with source.open() as stream:
            words = [sys.executable, "-c", script, "config", "--check", name]
            ended = subprocess.run(words, stdin=stream, capture_output=True, text=True, check=False)
        assert (ended.returncode, ended.stderr) == (Status.ERROR, "")
        shown = "<stdin>" if name == "-" else name
        assert ended.stdout == f"{shown}:1: error: interval: must be 0.2 to 3600 seconds, not 0\n"


def test_keys_may_be_swapped_and_one_that_was_given_up_may_be_taken(
    mine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine.write_text(
        '[keys]\nundo = "Z"\nredo = "z"\nfilter = "F4"\nsearch = "/"\n"table.down" = "Down"\n"fold.all" = "j"\n'
    )
    assert main(["config", "--check"]) == Status.OK
    assert capsys.readouterr().out.endswith(f"{mine}: no error\n")


def test_the_key_map_marks_what_was_moved(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine.write_text('[keys]\n"weight.up" = ["F5", "+"]\n')
    assert main(["keys"]) == Status.OK
    (line,) = (line for line in capsys.readouterr().out.splitlines() if "weight.up" in line)
    assert line.split()[:3] == ["F5", "+", "weight.up"]
    assert line.endswith(f"({mine}:2; was + =)")
    assert main(["keys", "--json"]) == Status.OK
    rows = json.loads(capsys.readouterr().out)["key"]
    (row,) = (row for row in rows if row["id"] == "weight.up")
    assert (row["view"], row["key"], row["default"], row["origin"]) == (
        "services",
        ["F5", "+"],
        ["+", "="],
        f"{mine}:2",
    )


def test_the_key_map_says_how_commands_are_written_in_the_palette(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys"]) == Status.OK
    (line,) = (line for line in capsys.readouterr().out.splitlines() if " interval " in line)
    assert line.endswith("; :interval SECONDS")
    assert main(["keys", "--json"]) == Status.OK
    usages = {row["id"]: row["usage"] for row in json.loads(capsys.readouterr().out)["key"]}
    assert (usages["interval"], usages["pause"]) == ("interval SECONDS", None)


def test_a_bad_file_is_sentences_for_a_command_which_goes_on(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine.write_text("interval = 0\nmouse = 3\n")
    assert main(["--demo", "show"]) == Status.OK
    printed = capsys.readouterr()
    assert "tcp:192.0.2.10:443" in printed.out
    assert printed.err.splitlines() == [
        f"lvstui: {mine}:1: error: interval: must be 0.2 to 3600 seconds, not 0",
        f"lvstui: {mine}:2: error: mouse: must be true or false, not a number",
    ]


def test_read_only_is_refused_with_where_it_is_configured_and_the_command_line_overrides_it(
    mine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine.write_text("read_only = true\n")
    edit = ["set", "shop", "web1", "weight=7"]
    assert main(["--demo", *edit]) == Status.USAGE
    assert f"{mine}:1 (read_only = true) refuses every edit; write lvstui --no-read-only set" in capsys.readouterr().err
    assert main(["--demo", "--no-read-only", *edit]) == Status.OK
    assert main(["--demo", *edit, "--dry-run"]) == Status.DIFFERS


ADD = ["--demo", "add", "--dry-run", "shop", "10.9.9.9:443"]
MARK = ["--demo", "mark", "add", "99", "tcp 192.0.2.99 80", "--server", "10.9.9.9", "--dry-run"]


@pytest.mark.parametrize("command", [ADD, MARK])
def test_new_servers_begin_as_those_that_there_are_or_as_is_configured_or_typed(
    command: list[str], mine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command) == Status.DIFFERS
    assert "10.9.9.9" in (out := capsys.readouterr().out)
    assert "forwarding masq" in out
    mine.write_text('[server]\nforwarding = "tunnel"\nweight = 9\nupper = 50\n[server.tunnel]\ntype = "gre"\n')
    assert main(command) == Status.DIFFERS
    out = capsys.readouterr().out
    assert [word for word in ("forwarding tunnel", "weight 9", "upper 50", "gre") if word not in out] == []
    typed = ["--forwarding", "route"] if "mark" in command else ["forwarding=route", "weight=2"]
    assert main([*command, *typed]) == Status.DIFFERS
    out = capsys.readouterr().out
    assert "forwarding route" in out or "forwarding" not in out
    assert "gre" not in out


@pytest.mark.parametrize(("mistakes", "rest"), [(5, None), (6, "1 more mistake in"), (9, "4 more mistakes in")])
def test_a_command_names_the_first_mistakes_and_counts_the_rest(
    mine: Path, capsys: pytest.CaptureFixture[str], mistakes: int, rest: str | None
) -> None:
    mine.write_text("".join(f"setting{number} = 1\n" for number in range(mistakes)))
    assert main(["--demo", "show"]) == Status.OK
    lines = capsys.readouterr().err.splitlines()
    assert [line for line in lines if "is no setting" in line] == lines[:5]
    assert [line.removeprefix("lvstui: ").startswith(rest or "") for line in lines[5:]] == ([True] if rest else [])
