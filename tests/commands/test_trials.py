"""Changes on trial on the command line, on the kernel in memory."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from lvstui.core.probes.answer import Answer, Outcome
from lvstui.engine.trials.desk import TrialDesk
from lvstui.formats.profile.write import dumps, loads
from lvstui.store.trial_file import TrialFile
from lvstui.store.trial_place import demo_trial_path
from tests.build import SHOP
from tests.clock import Clock
from tests.test_cli import PROFILE, WEB1, Shell

pytestmark = pytest.mark.usefixtures("trial_clock")

HTTPS = "tcp:192.0.2.10:443"
WEB = "10.0.0.11:443"


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Shell:
    shell = Shell(capsys, tmp_path)
    shell.want(PROFILE)
    return shell


def held(shell: Shell) -> int:
    return shell.held().pools[SHOP].servers[WEB1.endpoint].weight


def saved(shell: Shell) -> int:
    return loads(shell.profile.read_text(), "profile").pools[SHOP].servers[WEB1.endpoint].weight


def is_pending(shell: Shell) -> bool:
    return TrialFile(demo_trial_path(shell.profile)).load() is not None


@pytest.mark.parametrize(
    "words",
    [
        ("set", HTTPS, WEB, "weight=7"),
        ("add", HTTPS, "10.0.0.99:443"),
        ("delete", HTTPS, WEB),
        ("drain", HTTPS, WEB),
        ("mark", "add", "99", "tcp 192.0.2.99 80", "--server", "10.0.0.1"),
        ("set", "timeouts", "tcp=700"),
    ],
)
def test_every_command_that_edits_can_put_its_edit_on_trial_and_all_goes_back(
    shell: Shell, words: tuple[str, ...]
) -> None:
    before, text = shell.held(), shell.profile.read_text()
    ran = shell.run(*words, "--confirm-within", "60")
    assert ran.status == 0, ran.err
    assert "on trial: " in ran.err
    assert "taken back in 60 s unless kept" in ran.err
    assert shell.held() != before
    assert shell.profile.read_text() == text
    back = shell.run("rollback", "--now")
    assert back.status == 0, back.err
    assert shell.held() == before
    assert shell.profile.read_text() == text
    assert not is_pending(shell)


def test_apply_and_a_rollback_of_a_record_can_be_on_trial(shell: Shell, tmp_path: Path) -> None:
    assert shell.run("set", HTTPS, WEB, "weight=7").status == 0
    assert shell.run("rollback", "1", "--confirm-within", "60").status == 0
    assert (held(shell), saved(shell)) == (3, 7)
    assert shell.run("confirm").status == 0
    assert (held(shell), saved(shell)) == (3, 3)
    other = tmp_path / "other.toml"
    other.write_text(shell.profile.read_text().replace("weight = 3", "weight = 5"))
    assert shell.run("apply", str(other), "--confirm-within", "60").status == 0
    assert (held(shell), saved(shell)) == (5, 3)
    assert shell.run("confirm").status == 0
    assert (held(shell), saved(shell)) == (5, 3)  # apply leaves the usual profile as it is
    assert [line.split()[-1] for line in shell.run("history").out.splitlines() if line[0].isdigit()] == [
        *("do", "trial", "keep", "trial", "keep")
    ]


def test_a_second_trial_is_refused_and_an_ordinary_edit_is_not(shell: Shell) -> None:
    shell.run("set", HTTPS, WEB, "weight=7", "--confirm-within", "60")
    second = shell.run("set", HTTPS, WEB, "weight=8", "--confirm-within", "60")
    assert second.status == 1
    assert "is on trial for another 60 s: keep it (`lvstui confirm`)" in second.err
    assert held(shell) == 7
    assert shell.run("set", HTTPS, WEB, "weight=9").status == 0
    assert (held(shell), saved(shell)) == (9, 9)
    back = shell.run("rollback", "--now")
    assert back.status == 3
    assert "changed by others since, and left alone: " in back.err
    assert held(shell) == 9


def test_every_start_says_what_waits_for_a_word_and_the_words_do_not(shell: Shell) -> None:
    shell.run("set", HTTPS, WEB, "weight=7", "--confirm-within", "60")
    shown = shell.run("show", "--json")
    assert "is on trial, and is taken back in 60 s: `lvstui confirm` keeps it" in shown.err
    json.loads(shown.out)
    longer = shell.run("extend", "30")
    assert (longer.status, longer.out) == (0, "longer on trial: taken back in 90 s unless kept\n")
    assert longer.err == ""
    kept = shell.run("confirm")
    assert kept.out.startswith("kept: ")
    assert kept.err == ""
    assert shell.run("show").err == ""


@pytest.mark.parametrize(
    "words", [("confirm",), ("extend",), ("rollback", "--now"), ("rollback", "--now", "--dry-run")]
)
def test_where_nothing_is_on_trial_the_words_say_so(shell: Shell, words: tuple[str, ...]) -> None:
    ran = shell.run(*words)
    assert ran.status == 1
    assert "no change is on trial" in ran.err


def test_a_dry_run_of_a_roll_back_prints_what_would_go_back(shell: Shell) -> None:
    shell.run("set", HTTPS, WEB, "weight=7", "--confirm-within", "60")
    ran = shell.run("rollback", "--now", "--dry-run")
    assert ran.status == 3
    assert "weight 7 -> 3" in ran.out
    assert held(shell) == 7
    assert is_pending(shell)


def test_what_cannot_come_back_is_said_before_and_what_never_can_is_refused(shell: Shell) -> None:
    ran = shell.run("delete", HTTPS, WEB, "--confirm-within", "60", "--dry-run")
    assert "warning: on trial, " in ran.err
    assert "its counters start from zero when it comes back" in ran.err
    for words in (
        ("entry", "time", "203.0.113.9", HTTPS, "600", "--confirm-within", "60"),
        ("drain", HTTPS, WEB, "--move-clients", "--confirm-within", "60"),
    ):
        refused = shell.run(*words)
        assert refused.status == 2
        assert "cannot be " in refused.err
    assert held(shell) == 3


@pytest.mark.parametrize("seconds", ["0", "-1", "nonsense", "86401", "nan"])
def test_a_trial_lasts_from_a_second_to_a_day(shell: Shell, seconds: str) -> None:
    with pytest.raises(SystemExit) as end:
        shell.run("set", HTTPS, WEB, "weight=7", f"--confirm-within={seconds}")
    assert end.value.code == 2
    assert held(shell) == 3


def test_a_dry_run_puts_nothing_on_trial(shell: Shell) -> None:
    assert shell.run("set", HTTPS, WEB, "weight=7", "--confirm-within", "60", "--dry-run").status == 3
    assert not is_pending(shell)


def test_read_only_decides_about_nothing(shell: Shell) -> None:
    shell.run("set", HTTPS, WEB, "weight=7", "--confirm-within", "60")
    for word in ("confirm", "extend"):
        assert shell.run("--read-only", word).status == 2
    assert shell.run("--read-only", "rollback", "--now").status == 2
    assert is_pending(shell)


def test_who_lacks_the_right_does_not_hear_that_nothing_is_on_trial(shell: Shell) -> None:
    shell.kernel.read_only = "the right to change IPVS is missing"
    ended = shell.run("rollback", "--now", "--dry-run")
    assert ended.status == 4
    assert ended.err == "lvstui: the right to change IPVS is missing\n"


def test_a_profile_without_the_object_does_not_get_it_by_what_is_on_trial(shell: Shell) -> None:
    shell.run("add", HTTPS, "10.0.0.99:443", "--confirm-within", "60")
    shell.run("set", HTTPS, WEB, "weight=9")
    assert "10.0.0.99" not in shell.profile.read_text()
    assert dumps(loads(shell.profile.read_text(), "profile"))


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let rounds follow each other at once, and rates settle at once."""
    monkeypatch.setattr("lvstui.commands.gate._ROUND", 0.0)
    monkeypatch.setattr("lvstui.core.probes.gate.SETTLED", 0.0)


def answering(shell: Shell, monkeypatch: pytest.MonkeyPatch, outcome: Outcome) -> None:
    """Let all real servers answer like this."""
    monkeypatch.setattr(shell.kernel, "probe", lambda _: Answer(outcome, outcome.value))


@pytest.mark.usefixtures("hasty")
def test_a_trial_stays_by_itself_where_its_servers_answer(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    answering(shell, monkeypatch, Outcome.ANSWERS)
    ran = shell.run("set", HTTPS, WEB, "weight=7", "--confirm-within", "60", "--if-serving")
    assert ran.status == 0
    assert "kept: " in ran.err
    assert (held(shell), saved(shell), is_pending(shell)) == (7, 7, False)


@pytest.mark.usefixtures("hasty")
def test_a_trial_goes_back_at_once_where_a_server_does_not_answer(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(shell, monkeypatch, Outcome.REFUSES)
    ran = shell.run("set", HTTPS, WEB, "weight=7", "--confirm-within", "60", "--if-serving")
    assert ran.status == 1
    assert "taken back at once: 10.0.0.11 refuses" in ran.err
    assert (held(shell), saved(shell), is_pending(shell)) == (3, 3, False)


def test_a_trial_that_nothing_speaks_for_is_taken_back_before_its_end(
    shell: Shell, trial_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(shell, monkeypatch, Outcome.UNKNOWN)
    monkeypatch.setattr("lvstui.commands.gate.time", SimpleNamespace(monotonic=trial_clock, sleep=trial_clock.sleep))
    ran = shell.run("set", HTTPS, WEB, "weight=7", "--confirm-within", "12", "--if-serving")
    assert ran.status == 1
    assert "its time is over" in ran.err
    assert (held(shell), is_pending(shell)) == (3, False)


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("keeps", [False, True])
def test_who_decides_while_servers_are_asked_is_named(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, keeps: bool
) -> None:
    file = TrialFile(demo_trial_path(shell.profile))

    def decide(_: object) -> Answer:
        desk = TrialDesk(shell.kernel, file)
        if trial := file.load():
            file.mark(replace(trial, deadline=trial.deadline if keeps else trial.deadline - 100))
            if keeps:
                desk.keep()
            else:
                desk.fire(trial.id)
        return Answer(Outcome.UNKNOWN, "silent for long")

    monkeypatch.setattr(shell.kernel, "probe", decide)
    ran = shell.run("set", HTTPS, WEB, "weight=7", "--confirm-within", "60", "--if-serving")
    said = "somebody else has decided about it" if keeps else "taken back by guard, what "
    assert (ran.status, said in ran.err) == (3 if keeps else 1, True)
    assert (held(shell), is_pending(shell)) == (7 if keeps else 3, False)


@pytest.mark.usefixtures("hasty")
def test_a_trial_of_which_nothing_can_be_judged_is_left_to_a_person(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(shell, monkeypatch, Outcome.UNASKED)
    ran = shell.run("set", HTTPS, WEB, "weight=7", "--confirm-within", "60", "--if-serving")
    assert ran.status == 3
    assert "no server can be asked" in ran.err
    assert is_pending(shell)


@pytest.mark.parametrize("words", [("set", HTTPS, WEB, "weight=7"), ("apply",)])
def test_what_decides_about_a_trial_needs_the_time_for_that(shell: Shell, words: tuple[str, ...]) -> None:
    ran = shell.run(*words, "--confirm-within", "11", "--if-serving")
    assert ran.status == 2
    assert ran.err.endswith("keeps nothing before 10 seconds have passed; add --confirm-within 60, say\n")


def test_what_decides_about_a_trial_needs_one(shell: Shell) -> None:
    for words in (("set", HTTPS, WEB, "weight=7"), ("apply",)):
        ran = shell.run(*words, "--if-serving")
        assert ran.status == 2
        assert "add --confirm-within SECONDS" in ran.err
