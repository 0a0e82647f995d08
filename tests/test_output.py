"""Commands whose input, output and complaints are closed, full or left: real processes on the demo, several a test."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

LVSTUI = f"{sys.executable} -m lvstui"
FULL = "lvstui: the output could not be written: the disk is full; all else that was asked is done\n"
LEFT = "exec 3> >(true); wait $!;"
"""Opens descriptor 3 to a reader that is gone."""

CLOSED = FULL.replace("the disk is full", "standard output is closed")


def ended(script: str, **environment: str) -> tuple[int, str, str]:
    """Run a script of bash; return its exit status, what it printed, and on stderr."""
    ran = subprocess.run(
        ["bash", "-c", script], capture_output=True, env={**os.environ, **environment}, timeout=60, check=False
    )
    return ran.returncode, ran.stdout.decode(errors="replace"), ran.stderr.decode()


def demo(*words: str) -> str:
    return " ".join((LVSTUI, "--demo", *words))


@pytest.mark.parametrize("words", [("show",), ("export",), ("--help",), ("set", "timeouts", "tcp=3")], ids=" ".join)
def test_what_a_full_disk_or_a_closed_output_does_not_take_is_said(words: Sequence[str]) -> None:
    command = demo(*words)
    assert ended(f"{command} >/dev/full") == (1, "", FULL)
    assert ended(f"{command} >&-") == (1, "", CLOSED)
    assert ended(f"{command} <&- >&- 2>&-") == (1, "", "")


def test_a_command_with_nothing_to_print_needs_no_output() -> None:
    assert ended(f"{demo('diff')} <&- >&- 2>&-") == (0, "", "")


def test_a_failure_keeps_its_status_where_nobody_can_hear_of_it() -> None:
    command = demo("set", "nothing", "weight=3")
    assert ended(f"{command} 2>/dev/full") == (1, "", "")
    assert ended(f"{command} 2>&-") == (1, "", "")
    assert ended(f"{demo('show', 'nothing')} 2>&- >&-") == (2, "", "")
    assert ended(f"{LEFT} {command} 2>&3") == (1, "", "")


def test_what_is_asked_is_done_whoever_reads_of_it(tmp_path: Path) -> None:
    profile = tmp_path / "director.toml"
    for ending in (">&-", ">/dev/full", "<&- >&- 2>&-", ">&3", ">&3 2>&3"):
        profile.unlink(missing_ok=True)
        status, _, err = ended(f"{LEFT} {demo('--profile', str(profile), 'set', 'timeouts', 'tcp=3')} {ending}")
        assert status == (141 if "3" in ending else 1)
        assert "Traceback" not in err
        assert "tcp = 3" in profile.read_text()
    assert profile.with_name("director.toml.history.jsonl").read_text().count('"kind":"do"') == 5


def test_no_file_of_ours_takes_the_number_of_a_closed_output(tmp_path: Path) -> None:
    profile = tmp_path / "director.toml"
    assert ended(f"{demo('--profile', str(profile), 'set', 'timeouts', 'tcp=3')} <&- >&- 2>&-")[0] == 1
    assert ended(f"{LVSTUI} check {profile}")[0] == 0


def test_a_reader_that_leaves_is_status_141_and_no_word(tmp_path: Path) -> None:
    flawed = tmp_path / "flawed.toml"
    flawed.write_text("format = 2\n")
    assert ended(f"{LEFT} {demo('show')} >&3") == (141, "", "")
    assert ended(f"{LEFT} {demo('check', str(flawed))} >&3") == (1, "", "")


def test_the_screens_say_that_they_need_a_terminal_where_there_is_nothing_at_all() -> None:
    status, out, err = ended(f"{demo()} <&-")
    assert (status, out) == (2, "")
    assert err.startswith("lvstui: the screens need a terminal")
    assert ended(f"{demo()} 2>&-") == (2, "", "")


def test_the_parser_shows_what_it_does_not_understand_escaped_and_cut() -> None:
    evil = "$'x\\e]52;c;aGk=\\a\\xc2\\x9b\\xe2\\x80\\xae\\xff'"
    status, _, err = ended(f"{demo('show', 'marks', evil)}")
    assert status == 2
    assert err.splitlines()[-1] == (r'lvstui show: error: "x\x1b]52;c;aGk=\x07\x9b\u202e\udcff" is one word too many')
    complaints = {
        ("trace",): "trace: error: missing: CLIENT[:PORT], PROTOCOL:ADDRESS:PORT",
        ("trace", "198.51.100.7"): "trace: error: missing: PROTOCOL:ADDRESS:PORT",
        ("trace", "--in"): "trace: error: --in: needs a value behind it",
    }
    complaints["check", "--running", "FILE"] = (
        "check: error: FILE: cannot stand beside --running; leave one of them out"
    )
    for words, sentence in complaints.items():
        status, _, err = ended(demo(*words))
        assert (status, err.splitlines()[-1]) == (2, f"lvstui {sentence}")
    status, _, err = ended(f"{demo('history', '-n', '$(printf %100000d 1)')}")
    assert status == 2
    assert len(err) < 1000


def test_an_error_that_nobody_foresaw_is_a_sentence_with_its_place() -> None:
    program = "import lvstui.cli, lvstui.__main__ as m; lvstui.cli.main = lambda **_: [][1]; m.main()"
    status, out, err = ended(f'{sys.executable} -c "{program}"')
    assert (status, out) == (70, "")
    assert err.startswith(
        "lvstui: an error that lvstui does not know: IndexError: list index out of range (<string>, line 1); "
    )
    assert "Traceback" in ended(f'{sys.executable} -c "{program}"', LVSTUI_DEBUG="1")[2]


def test_no_encoding_is_too_small_for_a_name(tmp_path: Path) -> None:
    profile = tmp_path / "director.toml"
    name = "'name=Tür 日本 e\u0301 q\u0301 \x9b\u202e'"
    assert ended(demo("--profile", str(profile), "add", "udp:192.0.2.77:53", name, "note=ж"))[0] == 0
    assert '"Tür 日本 e\\u0301 q\\u0301 \\u009b\\u202e"' in profile.read_text()
    for words in (("apply", str(profile)), ("show",), ("history",), ("diff",), ("export",)):
        for encoding in ("ascii", "latin-1"):
            status, _, err = ended(demo("--profile", str(profile), *words), PYTHONIOENCODING=encoding)
            assert (status, err) in ((0, ""), (3, "")), words


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")
def test_without_proc_there_is_a_sentence() -> None:
    reading = (
        "from lvstui.kernel.procfs.table import Proc; from lvstui.kernel.port import KernelError\n"
        "try: Proc(None).read()\nexcept KernelError as error: print(type(error).__name__, error)"
    )
    script = f"mount -t tmpfs none /proc; {LVSTUI} show >&2; echo $?; {sys.executable} -c '{reading}'"
    _, out, err = ended(f"unshare -m sh -c {shlex.quote(script)}")
    assert "Traceback" not in err
    assert out.splitlines()[0] in ("0", "5")
    assert out.splitlines()[1] == "KernelError /proc is not mounted; `mount -t proc proc /proc` does that"
