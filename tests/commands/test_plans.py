"""Plans: made by `diff --out`, looked at, and made by `apply` exactly as they stand there, or not at all."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings

from lvstui.core.change import (
    Change,
    change_server,
    change_service,
    change_sysctl,
    changes_kernel,
    fold,
    holds,
    is_same,
    lookup,
    service_of,
    set_weight,
)
from lvstui.core.drift import add_profile_values, find_drift
from lvstui.core.model import Director, Service
from lvstui.core.plan import Plan, find_moved, is_made, steps
from lvstui.core.record import Kind
from lvstui.formats.plan import load
from lvstui.formats.profile.write import dumps, loads
from lvstui.host.home import find_home
from lvstui.kernel.memory.kernel import MemoryKernel
from lvstui.store.history_file import HistoryFile
from tests.build import SHOP, address_key, server
from tests.commands.test_scripts import Proc
from tests.core.strategies import directors, laws
from tests.test_cli import OTHER, PROFILE, WEB1, WEB2, Ran, Shell, with_weight

MADE = datetime(2026, 11, 27, 12, 30, tzinfo=UTC)
ALIKE = address_key("udp:192.0.2.53:54")
TO_FIVE = "tcp:192.0.2.10:443 shop\\x1b[31m / 10.0.0.11:443 web1: weight 3 -> 5"


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Shell:
    return Shell(capsys, tmp_path)


@pytest.fixture
def plan(shell: Shell, tmp_path: Path) -> Path:
    """Plan a weight of 5, which the usual profile says already; return the file."""
    shell.want(with_weight(5))
    return planned(shell, tmp_path / "plan.json")


def planned(shell: Shell, plan: Path, *more: str) -> Path:
    ran = shell.run("diff", *more, "--out", str(plan))
    assert ran.status == 3, ran.err
    return plan


def saved(shell: Shell) -> Director:
    return loads(shell.profile.read_text(), "director.toml")


def write(shell: Shell, change: Change | None) -> None:
    """Let somebody else write to the kernel."""
    assert change is not None
    shell.kernel.write(change)


def test_a_plan_says_whose_it_is_who_made_it_and_what_it_changes(shell: Shell, tmp_path: Path) -> None:
    shell.want(with_weight(5))
    ran = shell.run("diff", "--out", str(tmp_path / "plan.json"))
    assert (ran.status, ran.out) == (3, f"{TO_FIVE}\n")
    assert ran.err == f"lvstui: {tmp_path / 'plan.json'}: a plan of 1 change\n"
    found = json.loads((tmp_path / "plan.json").read_text())
    assert list(found) == ["plan", "time", "user", "source", "director", "profile", "change"]
    assert (found["plan"], found["director"]["name"], found["profile"]) == (1, "lb1", str(shell.profile))
    assert found["user"]
    (change,) = found["change"]
    assert (change["old"]["weight"], change["new"]["weight"], change["saved"]["weight"]) == (3, 5, 5)


def test_a_plan_on_the_standard_output_stands_there_alone(shell: Shell) -> None:
    shell.want(with_weight(5))
    ran = shell.run("diff", "--out", "-")
    assert (ran.status, ran.err) == (3, "")
    assert load(ran.out, "-").changes == find_drift(add_profile_values(PROFILE, PROFILE), with_weight(5))


def test_a_plan_is_made_as_it_stands_recorded_and_made_once(shell: Shell, plan: Path) -> None:
    dry = shell.run("apply", str(plan), "--dry-run")
    command = "    ipvsadm -e -t 192.0.2.10:443 -r 10.0.0.11:443 -m -w 5 -x 1000 -y 800"
    assert dry == Ran(3, f"{TO_FIVE}\n{command}\n", "")
    assert shell.run("apply", str(plan)) == Ran(0, f"{TO_FIVE}\n", "")
    assert shell.run("diff") == Ran(0, "", "")
    (record,) = HistoryFile(shell.profile).records()
    assert record.kind is Kind.APPLY
    again = f"lvstui: nothing to do: kernel and profile are as {plan} would make them\n"
    assert shell.run("apply", str(plan)) == Ran(0, "", again)
    assert shell.run("rollback", "1").status == 0
    assert shell.held().pools[SHOP].servers[WEB1.endpoint].weight == 3


def test_a_plan_is_known_by_what_stands_in_it_and_comes_through_a_pipe_too(
    shell: Shell, plan: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = plan.rename(plan.with_name("wanted.toml"))
    assert shell.run("apply", str(other), "--dry-run").out.startswith(TO_FIVE)
    with other.open() as stream:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO()))
        ended = _with_stdin(stream.fileno(), lambda: shell.run("apply", "-"))
    assert ended == Ran(0, f"{TO_FIVE}\n", "")


def _with_stdin(descriptor: int, run: Callable[[], Ran]) -> Ran:
    import os

    kept = os.dup(0)
    os.dup2(descriptor, 0)
    try:
        return run()
    finally:
        os.dup2(kept, 0)
        os.close(kept)


def test_the_usual_profile_is_brought_to_the_same_state_names_included(shell: Shell, tmp_path: Path) -> None:
    new = Service(OTHER, "rr", name="dns", note="ask first")
    wanted = fold(with_weight(5), [change_service(None, new), change_server(OTHER, None, WEB2)])
    (tmp_path / "wanted.toml").write_text(dumps(wanted))
    plan = planned(shell, tmp_path / "plan.json", str(tmp_path / "wanted.toml"))
    assert saved(shell) == PROFILE
    assert shell.run("apply", str(plan)).status == 0
    assert replace(saved(shell), home=wanted.home) == wanted
    assert shell.run("diff") == Ran(0, "", "")


def test_what_a_plan_does_not_touch_may_change_in_between(shell: Shell, plan: Path) -> None:
    write(shell, set_weight(SHOP, WEB2, 8))
    write(shell, change_service(None, Service(OTHER)))
    assert shell.run("apply", str(plan)).status == 0
    assert shell.held().pools[SHOP].servers[WEB2.endpoint].weight == 8


@pytest.mark.parametrize("more", [(), ("--dry-run",), ("--force",)])
def test_what_is_no_longer_as_it_was_is_named_and_nothing_is_written(
    shell: Shell, plan: Path, more: tuple[str, ...]
) -> None:
    write(shell, set_weight(SHOP, WEB1, 9))
    held, text = shell.held(), shell.profile.read_text()
    ran = shell.run("apply", str(plan), *more)
    assert (ran.status, ran.out) == (1, "")
    shop = "tcp:192.0.2.10:443 shop\\x1b[31m / 10.0.0.11:443 web1"
    assert ran.err.splitlines() == [
        f"lvstui: changed since: {shop}: weight 3 -> 9; planned was: {TO_FIVE}",
        f"lvstui: {plan} no longer fits: 1 object changed since it was made; nothing was written",
    ]
    assert (shell.held(), shell.profile.read_text()) == (held, text)
    assert not list(HistoryFile(shell.profile).records())


def test_each_object_that_moved_is_named_and_as_json_at_its_change(shell: Shell, tmp_path: Path) -> None:
    shell.want(fold(with_weight(5), [change_server(SHOP, WEB2, None), change_sysctl("conntrack", None, "1")]))
    plan = planned(shell, tmp_path / "plan.json")
    write(shell, set_weight(SHOP, WEB1, 9))
    write(shell, change_sysctl("conntrack", "0", "1"))
    ran = shell.run("apply", str(plan), "--json")
    assert ran.status == 1
    assert ran.err.count("changed since: ") == 2
    assert "2 objects changed since" in ran.err
    found = {change["text"]: change for change in json.loads(ran.out)["change"]}
    assert [change["outcome"] for change in found.values()] == ["not written"] * 3
    assert sorted(bool(change["reason"]) for change in found.values()) == [False, True, True]


def test_a_server_that_nobody_saw_does_not_go_with_its_service(shell: Shell, tmp_path: Path) -> None:
    shell.want(replace(PROFILE, pools={}))
    plan = planned(shell, tmp_path / "plan.json")
    write(shell, change_server(SHOP, None, server("10.0.0.99:443")))
    ran = shell.run("apply", str(plan), "--force")
    assert ran.status == 1
    assert "changed since: + tcp:192.0.2.10:443 / 10.0.0.99:443" in ran.err
    assert "planned was: - tcp:192.0.2.10:443" in ran.err


def test_a_service_that_is_gone_is_named_for_a_server_of_it(shell: Shell, plan: Path) -> None:
    write(shell, change_service(PROFILE.pools[SHOP].service, None))
    ran = shell.run("apply", str(plan))
    assert ran.status == 1
    assert "changed since: - tcp:192.0.2.10:443" in ran.err


def test_a_profile_that_says_something_else_of_it_now_is_named(shell: Shell, plan: Path) -> None:
    shell.want(with_weight(6))
    ran = shell.run("apply", str(plan))
    assert ran.status == 1
    assert "changed since in the profile: " in ran.err
    assert "weight 5 -> 6; planned was: " in ran.err
    assert shell.held() == MemoryKernel(PROFILE).read().director


def test_a_server_that_the_profile_got_meanwhile_does_not_go_unseen(shell: Shell, tmp_path: Path) -> None:
    other = tmp_path / "wanted.toml"
    other.write_text(dumps(replace(PROFILE, pools={})))
    plan = planned(shell, tmp_path / "plan.json", str(other))
    shell.want(fold(PROFILE, [change_server(SHOP, None, server("10.0.0.99:443"))]))
    ran = shell.run("apply", str(plan), "--force")
    assert "changed since in the profile: + tcp:192.0.2.10:443" in ran.err
    assert (ran.status, saved(shell).pools.keys()) == (1, PROFILE.pools.keys())


def test_a_profile_that_is_at_the_end_already_is_no_reason_to_stop(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "wanted.toml").write_text(dumps(with_weight(5)))
    plan = planned(shell, tmp_path / "plan.json", str(tmp_path / "wanted.toml"))
    shell.want(with_weight(5))
    assert shell.run("apply", str(plan)).status == 0


def test_a_profile_that_could_not_hold_it_stops_it_before_a_write(shell: Shell, tmp_path: Path) -> None:
    wanted = fold(PROFILE, [change_service(None, Service(OTHER, name="twin"))])
    (tmp_path / "wanted.toml").write_text(dumps(wanted))
    plan = planned(shell, tmp_path / "plan.json", str(tmp_path / "wanted.toml"))
    shell.want(fold(PROFILE, [change_service(None, Service(ALIKE, name="twin"))]))
    ran = shell.run("apply", str(plan))
    assert ran.status == 1
    assert "twin" in ran.err
    assert OTHER not in shell.held().pools


def test_weights_that_are_kept_are_remembered_in_the_profile(shell: Shell, tmp_path: Path) -> None:
    write(shell, set_weight(SHOP, WEB1, 0))
    wanted = fold(PROFILE, [change_server(SHOP, WEB1, replace(WEB1, upper=2000))])
    shell.want(wanted)
    plan = planned(shell, tmp_path / "plan.json", "--keep-weights")
    assert shell.run("apply", str(plan)).status == 0
    assert saved(shell).pools[SHOP].servers[WEB1.endpoint] == replace(WEB1, upper=2000, weight=0, resume=3)


def test_a_plan_that_changes_nothing_does_nothing(shell: Shell, tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    assert shell.run("diff", "--out", str(plan)).status == 0
    ran = shell.run("apply", str(plan))
    assert (ran.status, ran.out) == (0, "")
    assert "nothing to do" in ran.err


def test_only_a_plan_is_written_over(shell: Shell, plan: Path) -> None:
    shell.want(with_weight(6))
    assert shell.run("diff", "--out", str(plan)).status == 3
    assert '"weight": 6' in plan.read_text()
    before = shell.profile.read_text()
    ran = shell.run("diff", "--out", str(shell.profile))
    assert (ran.status, ran.err) == (
        1,
        f"lvstui: {shell.profile} is there already, and is no plan; name another file\n",
    )
    assert shell.profile.read_text() == before


def test_no_plan_is_made_of_a_profile_that_is_refused_or_of_half_a_reading(shell: Shell, tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    shell.profile.write_text(
        'format = 1\n[[service]]\nservice = "tcp:192.0.2.1:80"\nserver = [{ server = "10.0.0.1:80", lower = 1 }]\n'
    )
    assert shell.run("diff", "--out", str(plan)).status == 1
    shell.want(with_weight(5))
    shell.kernel = Proc(PROFILE)
    ran = shell.run("diff", "--out", str(plan))
    assert ran.status == 4
    assert not plan.exists()


def test_a_plan_is_no_profile_for_diff_and_takes_no_options_of_one(shell: Shell, plan: Path) -> None:
    ran = shell.run("diff", str(plan))
    remedy = f"`lvstui apply {plan} --dry-run` prints what it would write"
    assert (ran.status, ran.err) == (1, f"lvstui: {plan} is a plan, and no profile; {remedy}\n")
    for option in ("--keep-others", "--keep-weights"):
        ran = shell.run("apply", str(plan), option)
        assert (ran.status, "is made as it stands" in ran.err) == (2, True)


def test_a_plan_with_mistakes_is_refused_with_their_lines(shell: Shell, plan: Path) -> None:
    plan.write_text(plan.read_text().replace('"weight": 5', '"weight": -5'))
    ran = shell.run("apply", str(plan))
    assert ran.status == 1
    assert ran.err.startswith(f"{plan}:9: error: change[0].new.weight: must be from 0 to 2147483647")


@pytest.mark.parametrize(
    ("found", "instead", "mistake"),
    [
        ('"change": [', '"change": null, "saved": [', "change: is missing"),
        ('"source": ""', '"source": null', "source: is missing"),
        ('"weight": 5', f'"weight": {"5" * 5000}', "JSON: a number of 5000 digits is larger than any field takes"),
    ],
)
def test_what_a_plan_lacks_or_nothing_holds_is_named(
    shell: Shell, plan: Path, found: str, instead: str, mistake: str
) -> None:
    assert found in plan.read_text()
    plan.write_text(plan.read_text().replace(found, instead))
    ran = shell.run("apply", str(plan))
    assert ran.status == 1
    assert f"{plan}:1: error: {mistake}" in ran.err


class Real(MemoryKernel):
    """A kernel in memory that says it is no demo, so that it is at home on this machine."""

    origin = "taken for a live one"


def test_a_plan_of_another_director_needs_force(shell: Shell, plan: Path) -> None:
    shell.kernel = Real(PROFILE)
    document = json.loads(plan.read_text())
    document["director"] |= {"host": "lb2.example.net", "netns": "red"}
    plan.write_text(json.dumps(document))
    ran = shell.run("apply", str(plan))
    assert (ran.status, ran.out) == (1, "")
    assert f"{plan} is the plan of lb2.example.net, netns red, and this is {find_home().host}" in ran.err
    assert "add --force" in ran.err
    assert shell.run("apply", str(plan), "--force").status == 0


def test_a_plan_that_deletes_most_of_what_runs_needs_force(shell: Shell, tmp_path: Path) -> None:
    shell.want(replace(PROFILE, pools={}))
    plan = planned(shell, tmp_path / "plan.json")
    ran = shell.run("apply", str(plan))
    assert (ran.status, "more than a part of what runs" in ran.err) == (1, True)
    assert shell.run("apply", str(plan), "--force").status == 0
    assert shell.held().pools == {}


def test_a_plan_can_be_on_trial_and_the_profile_gets_it_once_it_is_kept(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "wanted.toml").write_text(dumps(with_weight(5)))
    plan = planned(shell, tmp_path / "plan.json", str(tmp_path / "wanted.toml"))
    assert shell.run("apply", str(plan), "--confirm-within", "600").status == 0
    again = shell.run("apply", str(plan))
    remedy = "keep that (`lvstui confirm`) or take it back (`lvstui rollback --now`) first; nothing was written\n"
    assert (again.status, again.err.endswith(f"{plan} does not fit what is on trial: {remedy}")) == (1, True)
    assert saved(shell) == PROFILE
    assert shell.held().pools[SHOP].servers[WEB1.endpoint].weight == 5
    assert shell.run("confirm").status == 0
    assert saved(shell).pools == with_weight(5).pools


def held(director: Director) -> Director:
    """Return what a kernel holds of a director."""
    return MemoryKernel(director).read().director


@given(directors(whole=True), directors(whole=True), directors(), directors(whole=True))
@settings(laws, max_examples=100)
def test_a_plan_leads_kernel_and_profile_to_the_same_state_and_sees_what_moved(
    have: Director, want: Director, profile: Director, between: Director
) -> None:
    have, between = held(have), held(between)
    changes = find_drift(have, want)
    plan = Plan(steps(changes, want, profile), "", "", "", MADE)
    assert not find_moved(plan, have, profile)
    end = held(fold(have, plan.changes))
    assert not find_drift(end, want)
    kept = fold(profile, plan.changes, have)
    stay = [change for change in plan.changes if change.target == SHOP or change.after is not None]
    assert all(is_same(one.target, one.after, lookup(kept, one.target)) for one in stay)
    assert is_made(plan, end, kept) == bool(changes)
    moved = {one.planned.target for one in find_moved(plan, between, profile)}
    for change in plan.changes:
        if changes_kernel(change) and not holds(change.target, change.before, lookup(between, change.target)):
            assert change.target in moved or service_of(change.target) not in between.pools
