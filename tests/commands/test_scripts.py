"""What scripts rely on in all commands: one order, JSON of edits, weights that start from what is, - as a file."""

from __future__ import annotations

import io
import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from lvstui.core.drift import keep_unseen
from lvstui.core.model import Director, Pool, RealServer, Service, ServiceFlags, Tunnel, TunnelType
from lvstui.core.observed import Reading
from lvstui.formats.profile.write import dumps
from lvstui.kernel.memory.kernel import MemoryKernel
from tests.build import SHOP, address_key, server
from tests.test_cli import MARK, PROFILE, WEB1, WEB2, Shell, with_weight

PLAIN = address_key("tcp:192.0.2.77:80")


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Shell:
    made = Shell(capsys, tmp_path)
    named = replace(PROFILE.pools[SHOP], service=replace(PROFILE.pools[SHOP].service, name="shop"))
    made.want(replace(PROFILE, pools={**PROFILE.pools, SHOP: named}))
    return made


def weight(shell: Shell) -> int:
    return shell.held().pools[SHOP].servers[WEB1.endpoint].weight


@pytest.mark.parametrize(
    ("text", "after"),
    [("+2", 5), ("-1", 2), ("-9", 0), ("50%", 2), ("*1.5", 5), ("200%", 6), ("drain", 0), ("restore", 3)],
)
def test_a_weight_starts_from_the_one_there_is_by_the_rules_of_the_screens(shell: Shell, text: str, after: int) -> None:
    assert shell.run("set", "shop", "web1", f"weight={text}").status == 0
    assert weight(shell) == after


def test_a_step_leaves_a_server_without_weight_as_it_is_and_says_so(shell: Shell) -> None:
    ran = shell.run("set", "shop", "10.0.0.12", "weight=+2")
    assert (ran.status, ran.out) == (0, "")
    assert "10.0.0.12:443 has weight 0 and keeps it; write weight=N, or `lvstui restore`" in ran.err
    assert shell.run("set", "shop", "10.0.0.12", "weight=restore").status == 0
    assert shell.held().pools[SHOP].servers[WEB2.endpoint].weight == 2


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["set", "shap", "web1", "weight=1"], 'no service is "shap"; did you mean shop?'),
        (["set", "tcp:192.0.2.10:433", "name=x"], "did you mean tcp:192.0.2.10:443?"),
        (["set", "tcp:192.0.2.11:443", "name=x"], 'no service is "tcp:192.0.2.11:443"; `lvstui show` lists them'),
        (["set", "shop", "wbe1", "weight=1"], "did you mean web1?"),
        (["set", "shop", "10.0.0.11:444", "weight=1"], "did you mean 10.0.0.11:443?"),
        (["set", "shop", "10.0.0.99:443", "weight=1"], '"10.0.0.99:443"; `lvstui show` lists them'),
        (["set", "shop", "10.0.0.99", "weight=1"], '"10.0.0.99"; `lvstui show` lists them'),
        (["set", "shop", "web1", "wieght=1"], "wieght: is no field of a real server; did you mean weight?"),
        (["set", "shop", "schedular=rr"], "did you mean scheduler?"),
        (["set", "shop", "weight=1"], "weight: is a field of real servers; write lvstui set shop SERVER weight=..."),
        (["set", "sysctl", "contrack=1"], "did you mean conntrack?"),
        (["set", "timeouts.tcp=800"], "write the field behind a blank: lvstui set timeouts tcp=800"),
        (["set", "weight=3"], "say first what to set weight=3 on"),
        (["entries", "--filter", "servr=web1"], "there is no field servr; did you mean server?"),
    ],
)
def test_a_word_that_is_wrong_is_answered_with_the_one_that_was_meant(
    shell: Shell, words: list[str], hint: str
) -> None:
    ran = shell.run(*words)
    assert ran.status in (1, 2)
    assert hint in ran.err


def test_a_server_without_a_port_gets_that_of_the_service_and_none_on_a_mark(shell: Shell) -> None:
    assert shell.run("add", "shop", "10.0.0.15", "forwarding=masq").status == 0
    assert shell.run("add", "mark6:80", "fd00::15").status == 0
    pools = shell.held().pools
    assert [end.port for end in pools[SHOP].servers if str(end.address) == "10.0.0.15"] == [443]
    assert [(str(end.address), end.port) for end in pools[MARK].servers] == [("fd00::15", 0)]


def test_marks_are_read_in_hexadecimal_as_nft_writes_them(shell: Shell) -> None:
    assert shell.run("set", "mark6:0x50", "scheduler=wrr").status == 0
    assert shell.run("mark", "add", "0x14", "tcp 192.0.2.20 80", "--rules-only").status == 0
    assert list(shell.held().groups) == [20]
    assert shell.run("entries", "--filter", "mark=0x50").status == 0
    assert shell.run("mark", "delete", "0x14").status == 0
    assert "from 1 to 4294967295" in shell.run("mark", "add", "0x1ffffffff", "tcp").err


def test_every_listing_and_export_has_the_order_of_the_profile(shell: Shell) -> None:
    turned = {key: replace(pool, servers=dict([*pool.servers.items()][::-1])) for key, pool in PROFILE.pools.items()}
    shell.kernel = MemoryKernel(replace(PROFILE, pools=dict([*turned.items()][::-1])))
    straight = Shell(shell._capsys, shell.profile.parent)
    straight.kernel = MemoryKernel(PROFILE)
    straight.want(Director())
    for words in (
        "show", "show --json", "export", "export --format json", "export --format ipvsadm", "diff", "diff --json"
    ):  # fmt: skip
        assert shell.run(*words.split()) == straight.run(*words.split()), words


def test_a_dash_is_the_standard_input_and_output(shell: Shell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert shell.run("export", "-o", "-").out == shell.run("export").out
    assert not (tmp_path / "-").exists()
    wanted = tmp_path / "wanted.toml"
    wanted.write_text(dumps(with_weight(9)))
    for words in (["diff", "-"], ["check", "-"], ["apply", "-"]):
        with wanted.open() as stream, monkeypatch.context() as patch:
            patch.setattr(sys, "stdin", stream)
            _from(stream, lambda words=words: shell.run(*words))
    assert weight(shell) == 9


def _from(stream: io.TextIOBase, run: object) -> None:
    """Run something with a file as this process's standard input."""
    import os

    held = os.dup(0)
    os.dup2(stream.fileno(), 0)
    try:
        assert callable(run)
        assert run().status in (0, 3)
    finally:
        os.dup2(held, 0)
        os.close(held)


def test_json_of_an_edit_says_what_was_done_what_was_not_and_why(shell: Shell) -> None:
    done = json.loads(shell.run("set", "shop", "web1", "weight=+2", "--json").out)
    assert [(one["old"]["weight"], one["new"]["weight"], one["outcome"]) for one in done["change"]] == [
        (3, 5, "written")
    ]
    assert done["change"][0]["command"] == ["ipvsadm -e -t 192.0.2.10:443 -r 10.0.0.11:443 -m -w 5 -x 1000 -y 800"]
    ran = shell.run("set", "shop", "scheduler=zzz", "--json")
    (refused,) = json.loads(ran.out)["change"]
    assert (ran.status, refused["outcome"]) == (1, "refused")
    assert refused["reason"]
    assert json.loads(shell.run("set", "shop", "web1", "weight=5", "--json").out)["change"] == []


def test_json_of_apply_has_every_change_with_its_end(shell: Shell) -> None:
    bad = Pool(Service(PLAIN, "zzz"), {one.endpoint: one for one in (server("10.0.0.77:80"),)})
    shell.want(replace(with_weight(7), pools={**with_weight(7).pools, PLAIN: bad}))
    planned = json.loads(shell.run("apply", "--dry-run", "--json").out)
    assert planned["dry_run"] is True
    assert {one["outcome"] for one in planned["change"]} == {None}
    compared = json.loads(shell.run("diff", "--json").out)
    assert compared == {"profile": str(shell.profile), "change": planned["change"]}
    ran = shell.run("apply", "--json")
    ends = [(one["what"], one["service"], one["outcome"]) for one in json.loads(ran.out)["change"]]
    assert ran.status == 1
    assert ends == [
        ("service", "tcp:192.0.2.77:80", "refused"),
        ("server", "tcp:192.0.2.77:80", "not written"),
        ("server", "tcp:192.0.2.10:443", "written"),
    ]


def test_an_entry_of_a_service_that_is_not_persistent_is_answered_by_that(shell: Shell) -> None:
    ran = shell.run("entry", "move", "198.18.0.7", "mark6:80", "10.0.0.1")
    ran = shell.run("entry", "expire", "2001:db8::7", "mark6:80")
    assert ran.status == 1
    assert "mark6:80 is not persistent, so no client sticks to a server" in ran.err


class Proc(MemoryKernel):
    """A kernel that is read without the right: what /proc does not tell is as a new server has it."""

    def read(self) -> Reading:
        self.read_only = "CAP_NET_ADMIN is missing"
        reading = super().read()
        pools = {
            key: Pool(
                replace(pool.service, flags=ServiceFlags.NONE),
                {end: RealServer(end, one.forwarding, one.weight) for end, one in pool.servers.items()},
            )
            for key, pool in reading.director.pools.items()
        }
        return replace(reading, director=Director(pools), partial=True)


def test_an_edit_without_the_right_says_so_once(shell: Shell) -> None:
    shell.kernel = Proc(PROFILE)
    ran = shell.run("set", "timeouts", "tcp=1")
    assert (ran.status, ran.out, ran.err.splitlines()) == (4, "", [f"lvstui: {shell.kernel.read_only}"])


def test_without_the_right_what_can_be_seen_is_shown_and_compared_and_what_cannot_is_said(shell: Shell) -> None:
    shell.kernel = Proc(PROFILE)
    assert shell.run("diff").out == ""
    shell.want(with_weight(7))
    ran = shell.run("diff")
    assert (ran.status, ran.out.count("\n")) == (4, 1)
    assert ran.out.endswith("weight 3 -> 7\n")
    assert ran.err == "lvstui: CAP_NET_ADMIN is missing; compared is the rest\n"
    assert "CAP_NET_ADMIN is missing" in shell.run("show").err
    ran = shell.run("export")
    assert (ran.status, ran.out) == (4, "")


def test_what_cannot_be_seen_is_taken_to_be_as_it_is() -> None:
    tunnelled = replace(WEB1, tunnel=Tunnel(TunnelType.GUE, 1), upper=7)
    pools = {**PROFILE.pools, SHOP: replace(PROFILE.pools[SHOP], servers={WEB1.endpoint: tunnelled})}
    kept = keep_unseen(replace(PROFILE, pools=pools), PROFILE)
    assert kept.pools[SHOP].servers[WEB1.endpoint] == WEB1


@pytest.mark.parametrize(
    ("words", "start", "sentence"),
    [
        ("shwo", "usage: lvstui [OPTIONS] [COMMAND]", 'lvstui: error: "shwo" is no command; did you mean show?'),
        ("show --jsn", "usage: lvstui show ", "lvstui show: error: --jsn: is no option here; did you mean --json?"),
        ("show all", "usage: lvstui show ", '"all" is no value of it; there are services, marks, director'),
        ("show connections", "usage: lvstui show ", "write lvstui connections"),
        ("export --format tml", "usage: lvstui export ", 'lvstui export: error: --format: "tml" is no value of it; '),
        ("import --from lvscf x", "usage: lvstui import ", '"lvscf" is no value of it; did you mean lvs.cf?'),
        ("entry mov", "usage: lvstui entry (", 'lvstui entry: error: "mov" is no edit; did you mean move?'),
        ("entry move 10.1.0.9 shop web2 --kil", "usage: lvstui entry move ", "did you mean --kill?"),
        ("show services x", "usage: lvstui show ", 'lvstui show: error: "x" is one word too many'),
    ],
)
def test_a_complaint_names_the_command_shows_its_usage_and_asks_for_what_was_meant(
    shell: Shell, words: str, start: str, sentence: str
) -> None:
    with pytest.raises(SystemExit) as end:
        shell.run(*words.split())
    said = shell._capsys.readouterr().err
    assert end.value.code == 2
    assert said.startswith(start)
    assert sentence in said


def test_help_is_a_command_too_and_the_version_has_a_short_option(shell: Shell) -> None:
    said = []
    for words in (["entry", "move", "--help"], ["--help"], ["-V"], ["--version"]):
        with pytest.raises(SystemExit) as end:
            shell.run(*words)
        assert end.value.code == 0
        said.append(shell._capsys.readouterr().out)
    assert said[:2] == [shell.run("help", "entry", "move").out, shell.run("help").out]
    assert said[2] == said[3]
    assert "is deleted without a question" in shell.run("help", "apply").out


def test_diff_and_apply_warn_where_something_is_written_and_name_five_of_many_warnings(shell: Shell) -> None:
    kernel_like = "\n".join(
        f'[[service]]\nservice = "tcp:192.0.2.{number}:80"\nscheduler = "of_tomorrow"' for number in range(100, 108)
    )
    path = shell.profile.with_name("many.toml")
    path.write_text(f"format = 1\n{kernel_like}\n", encoding="utf-8")
    ran = shell.run("diff", str(path))
    assert ran.status == 3
    assert ran.err.count("warning: scheduler: ") == 5
    assert f"warning: 3 more warnings about the profile; `lvstui check {path}` lists all" in ran.err
    equal = shell.profile.with_name("equal.toml")
    equal.write_text(dumps(shell.held()), encoding="utf-8")
    shell.kernel.schedulers = ("lc",)
    ran = shell.run("diff", str(equal))
    assert (ran.status, ran.err) == (0, "")


def test_export_takes_json_as_other_commands_do(shell: Shell) -> None:
    assert shell.run("export", "--json").out == shell.run("export", "--format", "json").out


def test_complaints_do_not_speak_of_arguments(shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        shell.run("rollback", "0")
    assert "lvstui rollback: error: N: must be a whole number from 1" in capsys.readouterr().err
