"""Completion: what may stand at the cursor of a shell, from the parser's tables, the profile and what runs."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lvstui.cli import main
from lvstui.commands.arguments import parser
from lvstui.commands.completion.answer import answer, split
from lvstui.commands.completion.places import _BY_COMMAND, _BY_METAVAR, _BY_OPTION, find
from lvstui.commands.completion.scripts import SCRIPTS
from lvstui.core.change import change_server, change_service, fold
from lvstui.core.model import Service
from lvstui.core.record import Kind
from lvstui.formats.profile.write import dumps
from lvstui.store.history_file import HistoryFile
from tests.build import SHOP, server
from tests.docs.commands import commands
from tests.test_cli import PROFILE

FREE = frozenset(
    (
        "SECONDS",
        "S",
        "N",
        "ID",
        "CLIENT",
        "CLIENT[:PORT]",
        "MATCH",
        "WORD",
        "FILTER",
        "NAME",
        "None",
        "FIELD=VALUE",
        "WHAT",
    )
)
"""What nobody can know, or what a command of its own knows."""
BREAKS = " \t\n\"'@><=;|&(:"


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    """Return a profile; there is no IPVS in a namespace of no such name."""
    path = tmp_path / "director.toml"
    path.write_text(dumps(PROFILE))
    return path


def words(profile: Path, line: str, current: str = "") -> list[str]:
    return [*find(["--profile", str(profile), *line.split()], current).words]


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("", {"set", "apply", "help", "mark", "completions"}),
        ("entry", {"expire", "pin", "move", "time"}),
        ("help entry", {"expire", "pin", "move", "time"}),
        ("show", {"services", "marks", "director"}),
        ("completions", {"bash", "zsh", "fish"}),
        ("set", {"tcp:192.0.2.10:443", "mark6:80", "timeouts", "sync"}),
        ("set tcp:192.0.2.10:443", {"10.0.0.11:443", "web1", "scheduler=", "persistence.timeout="}),
        ("set tcp:192.0.2.10:443 web1", {"weight=", "tunnel.port="}),
        ("set tcp:192.0.2.10:443 web1 weight=3", {"upper="}),
        ("set timeouts", {"tcp=", "tcp_fin=", "udp="}),
        ("set sysctl", {"conntrack=", "sync_threshold="}),
        ("set sync", {"master", "backup"}),
        ("set sync master", {"interface=", "id="}),
        ("set director", {"name="}),
        ("add", {"tcp:192.0.2.10:443", "sync"}),
        ("add tcp:192.0.2.99:80", {"scheduler=", "note="}),
        ("add mark6:80", {"10.0.0.11", "10.0.0.12"}),
        ("add mark6:80 10.0.0.11", {"weight="}),
        ("delete tcp:192.0.2.10:443", {"10.0.0.11:443", "web1"}),
        ("drain tcp:192.0.2.10:443", {"10.0.0.12:443"}),
        ("drain --machine", {"10.0.0.11", "10.0.0.12"}),
        ("entry pin 203.0.113.9", {"tcp:192.0.2.10:443"}),
        ("entry pin 203.0.113.9 tcp:192.0.2.10:443", {"web1"}),
        ("mark add", {"80"}),
        ("mark add 81 tcp --scheduler", {"wlc", "mh"}),
        ("mark add 81 tcp --forwarding", {"masq", "route", "tunnel"}),
        ("trace 203.0.113.9", {"tcp:192.0.2.10:443"}),
        ("trace 203.0.113.9 --in", {"lo"}),
        ("probe", {"tcp:192.0.2.10:443", "type="}),
        ("export --format", {"toml", "keepalived"}),
        ("--view", {"services", "changes"}),
        ("--theme", {"lvstui-dark", "lvstui-light"}),
    ],
)
def test_what_may_stand_there_is_offered(profile: Path, line: str, wanted: set[str]) -> None:
    assert wanted <= set(words(profile, line))


@pytest.mark.parametrize(
    ("line", "current", "wanted"),
    [
        ("set tcp:192.0.2.10:443 web1", "weight=", ["weight=3"]),
        ("set tcp:192.0.2.10:443 web1", "forwarding=", ["forwarding=masq", "forwarding=route", "forwarding=tunnel"]),
        ("set sysctl", "conntrack=", ["conntrack=0"]),
        ("set sync master", "interface=l", ["interface=lo"]),
        ("probe tcp:192.0.2.10:443", "type=", ["type=tls", "type=http", "type=https"]),
    ],
)
def test_behind_a_field_stand_its_values_or_the_one_that_it_has(
    profile: Path, line: str, current: str, wanted: list[str]
) -> None:
    assert [*wanted] == [word for word in words(profile, line, current) if word in wanted]


@pytest.mark.parametrize("line", ["apply", "diff --out", "--profile", "import", "export -o", "check", "config --check"])
def test_files_are_the_shells_own_business(line: str) -> None:
    assert find(line.split(), "") == ({}, True)


@pytest.mark.parametrize("line", ["drain tcp:192.0.2.10:443 web1", "show services", "history -n", "entry time x y"])
def test_where_nothing_more_may_stand_nothing_is_offered(profile: Path, line: str) -> None:
    assert words(profile, line) == []


def _actions(command: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in command._actions:
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                yield from _actions(inner)
        elif action.nargs != 0:
            yield action


def test_of_every_option_and_word_it_is_known_what_may_be_its_value() -> None:
    known = {*_BY_METAVAR, "FILE", "PROFILE", "PLAN", *FREE}
    for action in _actions(parser()):
        assert action.choices or action.dest in _BY_OPTION or str(action.metavar) in known, action


def test_every_command_and_every_option_that_its_help_shows_is_offered() -> None:
    for name, command in commands(parser()):
        shown = {
            option
            for action in command._actions
            for option in action.option_strings
            if action.help != argparse.SUPPRESS and option.startswith("--")
        }
        assert set(find(name.split(), "--").words) == shown
    assert set(_BY_COMMAND) <= {name for name, _ in commands(parser())}


def test_an_option_is_offered_once_and_its_value_behind_the_sign_too() -> None:
    assert "--json" not in find(["show", "--json"], "--").words
    assert set(find(["export"], "--format=k").words) >= {"--format=keepalived"}
    assert find(["show", "--"], "--").words.keys() == {"services", "marks", "director"}


def test_the_records_of_the_history_can_be_taken_back(profile: Path) -> None:
    history = HistoryFile(profile)
    for weight in (5, 6):
        history.append(Kind.DO, [change_service(PROFILE.pools[SHOP].service, Service(SHOP, str(weight)))])
    assert words(profile, "rollback") == ["2", "1"]


@pytest.mark.parametrize("content", ["", "nonsense", 'format = 1\n[[service]]\nservice = "x"\n', "\0", "format = 2"])
def test_a_profile_that_cannot_be_read_is_silence(
    tmp_path: Path, content: str, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    path = tmp_path / "director.toml"
    path.write_text(content)
    for some in (["set", ""], ["rollback", ""], ["--netns", "no/such", "set", ""]):
        assert answer(["fish", "--profile", str(path), *some]) == 0
        printed = capfdbinary.readouterr()
        assert (printed.out.splitlines()[:1], printed.err) == ([b"words"], b"")


def test_an_answer_that_cannot_be_written_is_silence_too() -> None:
    command = [sys.executable, "-m", "lvstui", "complete", "zsh", "dra"]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE)
    assert done.stderr == b""


def test_a_name_that_would_be_read_as_an_option_is_offered_only_behind_two_dashes(profile: Path) -> None:
    profile.write_text(dumps(fold(PROFILE, [change_server(SHOP, None, server("10.0.0.99:80", name="-n"))])))
    assert words(profile, "drain tcp:192.0.2.10:443").count("-n") == 0
    assert words(profile, "drain -- tcp:192.0.2.10:443").count("-n") == 1


@pytest.mark.parametrize("arguments", [[], ["bash"], ["tcsh", "x"], ["fish"], ["bash", BREAKS, ""], ["zsh", "\udc80"]])
def test_a_shell_that_asks_strangely_gets_no_traceback(
    arguments: list[str], capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert answer(arguments) == 0
    assert capfdbinary.readouterr().err == b""


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("lvstui set  shop", [("lvstui", ""), ("set", ""), ("shop", "")]),
        ("lvstui set ", [("lvstui", ""), ("set", ""), ("", "")]),
        (r"lvstui my\ shop", [("lvstui", ""), ("my shop", "")]),
        ("lvstui 'my shop' \"a\\\"b", [("lvstui", ""), ("my shop", ""), ('a"b', '"')]),
        ("lvstui 'it", [("lvstui", ""), ("it", "'")]),
        (r"a\\ b", [("a\\", ""), ("b", "")]),
    ],
)
def test_a_line_of_bash_is_split_as_bash_would(line: str, wanted: list[tuple[str, str]]) -> None:
    assert [(piece.meant, piece.quote) for piece in split(line)] == wanted


@pytest.mark.parametrize(
    ("typed", "wanted"),
    [
        ("set tcp:192.0.2.10:4", ["443 "]),
        ("set mark", ["mark6:80 "]),
        ("set tcp:192.0.2.10:443 web1 wei", ["weight="]),
        ("set tcp:192.0.2.10:443 web1 weight=", ["3 "]),
        ("set 'tcp:192", ["tcp:192.0.2.10:443"]),
        ("set tcp\\:192.0.2.10:4", ["443 "]),
        ("delete tcp:192.0.2.10:443 my", ["my\\ \\$\\(reboot\\)\\`\\;\\'\\&\\* "]),
        ("delete tcp:192.0.2.10:443 'my", []),
        ("delete tcp:192.0.2.10:443 two", []),
    ],
)
def test_bash_gets_what_it_replaces_and_nothing_that_it_would_run(
    tmp_path: Path, typed: str, wanted: list[str], capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    hostile = (server("10.0.0.66:1", name="my $(reboot)`;'&*"), server("10.0.0.66:2", name="two\nlines\x1b[31m"))
    path = tmp_path / "director.toml"
    path.write_text(dumps(fold(PROFILE, (change_server(SHOP, None, one) for one in hostile))))
    answer(["bash", BREAKS, f"lvstui --profile {path} {typed}"])
    assert capfdbinary.readouterr().out.decode().splitlines() == ["words", *wanted]


def test_only_what_is_needed_is_loaded_for_an_answer(profile: Path) -> None:
    program = (
        "import sys; from lvstui.commands.completion.answer import answer\n"
        "answer(['fish', '--profile', sys.argv[1], 'set', ''])\n"
        "unwanted = ('textual', 'pyroute2', 'psutil', 'tomli_w', 'logging', 'lvstui.engine', 'lvstui.kernel.live')\n"
        "print(sorted(set(unwanted) & set(sys.modules)))\n"
    )
    ended = subprocess.run([sys.executable, "-c", program, str(profile)], capture_output=True, text=True, check=True)
    assert "tcp:192.0.2.10:443" in ended.stdout
    assert ended.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("shell", SCRIPTS)
def test_each_script_is_printed_and_is_one_that_its_shell_takes(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completions", shell]) == 0
    script = capsys.readouterr().out
    assert script == SCRIPTS[shell]
    assert os.linesep not in script.splitlines()[0]
    if shell == "bash":
        subprocess.run(["bash", "-n"], input=script, text=True, check=True)


def test_a_bash_that_takes_no_unset_variable_hears_nothing_of_an_answer_that_does_not_come() -> None:
    asked = "COMP_LINE=x COMP_POINT=1; _lvstui true; echo ${#COMPREPLY[@]}"
    done = subprocess.run(["bash", "-uc", f"{SCRIPTS['bash']}\n{asked}"], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("0\n", "")


def test_the_hidden_command_stands_in_no_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "  complete " not in capsys.readouterr().out
    assert "complete" not in {name for name, _ in commands(parser())}
