"""`lvstui show marks`, `lvstui mark add` and `mark delete`, on the kernel in memory."""

from __future__ import annotations

import io
import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from lvstui.core.change import Change
from lvstui.core.model import Endpoint, Family, MarkGroup, MarkGroupKey, MarkKey, Persistence
from lvstui.core.observed import Reading, Rule, Ruleset
from lvstui.core.selectors import selector
from lvstui.formats.profile.write import loads
from lvstui.kernel.memory.kernel import MemoryKernel
from lvstui.kernel.port import Refused
from tests.build import rule
from tests.test_cli import Shell

WEB = "tcp 192.0.2.20 80,443"


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Shell:
    shell = Shell(capsys, tmp_path)
    shell.kernel = MemoryKernel()
    shell.profile.unlink()
    return shell


def held(shell: Shell) -> dict[int, MarkGroup]:
    return dict(shell.kernel.read().director.marks or {})


def test_a_group_is_added_whole_with_its_services_and_saved(shell: Shell) -> None:
    six = "tcp 2001:db8::20 80,443"
    servers = ("--server", "10.0.0.11", "--server", "fd00::11", "--server", "10.0.0.12:0")
    ran = shell.run("mark", "add", "20", WEB, six, "--name", "web", *servers)
    assert ran.status == 0, ran.err
    director = shell.kernel.read().director
    assert held(shell) == {20: MarkGroup(20, (selector(WEB), selector(six)))}
    four, other = director.pools[MarkKey(20, Family.IPV4)], director.pools[MarkKey(20, Family.IPV6)]
    assert [endpoint.port for endpoint in four.servers] == [0, 0]
    assert [str(endpoint.address) for endpoint in other.servers] == ["fd00::11"]
    assert (four.service.persistence, other.service.persistence) == (Persistence(300), Persistence(300, 128))
    saved = loads(shell.profile.read_text(), str(shell.profile))
    assert saved.marks is not None
    assert saved.marks[20].name == "web"
    assert saved.pools[MarkKey(20, Family.IPV4)].service.name == "web"
    assert shell.run("diff").status == 0


def test_packets_are_added_to_a_group_that_there_is_and_its_service_stays(shell: Shell) -> None:
    shell.run("mark", "add", "20", WEB, "--name", "web", "--persistence", "60", "--scheduler", "rr")
    ran = shell.run("mark", "add", "web", "udp 192.0.2.20 443")
    assert ran.status == 0, ran.err
    assert held(shell) == {20: MarkGroup(20, (selector(WEB), selector("udp 192.0.2.20 443")))}
    service = shell.kernel.read().director.pools[MarkKey(20, Family.IPV4)].service
    assert (service.scheduler, service.persistence) == ("rr", Persistence(60))
    assert shell.run("mark", "add", "web", WEB).out == ""
    refused = shell.run("mark", "add", "web", WEB, "--persistence", "600")
    assert "mark:20 is there already" in refused.err
    assert shell.run("mark", "add", "web", WEB, "--server", "10.0.0.11").status == 0
    assert [str(end.address) for end in shell.kernel.read().director.pools[MarkKey(20, Family.IPV4)].servers] == [
        "10.0.0.11"
    ]


@pytest.mark.parametrize(
    ("words", "persistence"),
    [((), None), (("--persistence", "600"), Persistence(600)), (("--persistence", "0"), None)],
)
def test_a_group_of_one_port_needs_no_persistence(
    shell: Shell, words: tuple[str, ...], persistence: Persistence | None
) -> None:
    assert shell.run("mark", "add", "25", "tcp 192.0.2.25 25", *words).status == 0
    assert shell.kernel.read().director.pools[MarkKey(25, Family.IPV4)].service.persistence == persistence


def test_rules_alone_can_be_had(shell: Shell) -> None:
    assert shell.run("mark", "add", "20", WEB, "--rules-only").status == 0
    assert list(held(shell)) == [20]
    assert not shell.kernel.read().director.pools


def test_a_dry_run_prints_all_of_it_and_writes_nothing(shell: Shell) -> None:
    ran = shell.run("mark", "add", "20", WEB, "--server", "10.0.0.11", "--dry-run")
    assert ran.status == 3
    assert "ipvsadm -A -f 20 -s wlc -p 300" in ran.out
    assert "+ nft rule inet lvstui prerouting, output: ip daddr 192.0.2.20 tcp dport { 80, 443 }" in ran.out
    assert not held(shell)
    assert not shell.profile.exists()


class WithoutTables(MemoryKernel):
    """A kernel that has no nf_tables."""

    def write(self, change: Change) -> None:
        if isinstance(change.target, MarkGroupKey):
            raise Refused("match: this kernel has no nf_tables", "match")
        super().write(change)


def test_a_group_of_which_a_part_is_refused_is_taken_back(shell: Shell) -> None:
    shell.kernel = WithoutTables()
    ran = shell.run("mark", "add", "20", WEB, "--server", "10.0.0.11")
    assert ran.status == 1
    assert "no nf_tables" in ran.err
    assert not held(shell)
    assert not shell.kernel.read().director.pools
    assert not shell.profile.exists()


class Unwritable(MemoryKernel):
    """A kernel whose packet filter gets no rules."""

    def read(self) -> Reading:
        reading = super().read()
        return replace(
            reading,
            rules=Ruleset(missing="this kernel has no nf_tables: write the mark rules with iptables"),
            director=replace(reading.director, marks=None),
        )


def test_where_no_rules_can_be_written_they_are_reported_as_commands(shell: Shell) -> None:
    shell.kernel = Unwritable()
    ran = shell.run("mark", "add", "20", WEB, "--server", "10.0.0.11")
    assert ran.status == 1
    *commands, sentence = ran.err.splitlines()
    assert commands == [
        f"iptables -t mangle -A {chain} -d 192.0.2.20 -p tcp -m multiport --dports 80,443 -j MARK --set-mark 20"
        for chain in ("PREROUTING", "OUTPUT")
    ]
    assert "no nf_tables" in sentence
    assert "nothing was written" in sentence
    assert not shell.kernel.read().director.pools
    assert "no nf_tables" in shell.run("show", "marks").out


def test_packets_are_taken_out_and_with_the_last_of_them_the_group(shell: Shell) -> None:
    shell.run("mark", "add", "20", WEB, "udp 192.0.2.20 443", "--server", "10.0.0.11")
    assert shell.run("mark", "delete", "20", "udp 192.0.2.20 443").status == 0
    assert held(shell) == {20: MarkGroup(20, (selector(WEB),))}
    assert shell.run("mark", "delete", "20", WEB).status == 0
    assert not held(shell)
    assert MarkKey(20, Family.IPV4) in shell.kernel.read().director.pools


def test_services_go_too_only_when_asked_to_and_after_a_question(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    shell.run("mark", "add", "20", WEB, "--server", "10.0.0.11")
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    asked = shell.run("mark", "delete", "20", "--services")
    assert (asked.status, "--yes" in asked.err) == (2, True)
    assert list(held(shell)) == [20]
    assert shell.run("mark", "delete", "20", "--services", "--yes").status == 0
    assert not held(shell)
    assert not shell.kernel.read().director.pools
    undone = shell.run("rollback", "2")
    assert undone.status == 0, undone.err
    assert list(held(shell)) == [20]
    assert (
        Endpoint(selector("tcp 10.0.0.11").addresses[0][0], 0)
        in next(iter(shell.kernel.read().director.pools.values())).servers
    )


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("add", "0", WEB), "mark: must be from 1"),
        (("add", "20", "tcp nowhere 80"), '"nowhere" is not an address'),
        (("add", "20", "any"), "would mark every packet"),
        (("add", "20", WEB, "--server", "10.0.0.300"), "server:"),
        (("delete", "20"), "no group with mark 20"),
        (("delete", "x\x1b[2J"), "mark: must be a whole number"),
    ],
)
def test_what_is_wrong_is_reported_by_its_field(shell: Shell, words: tuple[str, ...], problem: str) -> None:
    ran = shell.run("mark", *words)
    assert ran.status != 0
    assert problem in ran.err
    assert "\x1b" not in ran.err
    assert not held(shell)


def test_only_packets_that_are_marked_can_be_taken_out(shell: Shell) -> None:
    shell.run("mark", "add", "20", WEB)
    ran = shell.run("mark", "delete", "20", "tcp 192.0.2.20 80")
    assert "not set on tcp 192.0.2.20 80" in ran.err
    assert held(shell) == {20: MarkGroup(20, (selector(WEB),))}


def foreign(shell: Shell, *rules: Rule) -> None:
    shell.kernel = MemoryKernel(shell.kernel.read().director, foreign=rules)


def test_show_marks_prints_rules_services_and_what_is_wrong(shell: Shell) -> None:
    shell.run("mark", "add", "20", WEB, "--name", "web", "--persistence", "0", "--server", "10.0.0.11")
    shell.run("add", "mark:20", "10.0.0.12:0")
    raw = rule(0, raw="xt BPF \x1b[2J")
    foreign(shell, rule(77, "tcp 192.0.2.77 80,443"), raw)
    ran = shell.run("show", "marks")
    assert ran.status == 0
    assert "web" in ran.out
    assert WEB in ran.out
    assert "no sticky" in ran.out
    assert "10.0.0.12" in ran.out
    assert "not persistent" in ran.out
    assert "\x1b" not in ran.out


def test_show_marks_json_has_everything(shell: Shell) -> None:
    shell.run("mark", "add", "20", WEB, "--name", "web", "--persistence", "0", "--server", "10.0.0.11")
    shell.run("add", "mark:20", "10.0.0.12:0")
    foreign(shell, rule(77, "tcp 192.0.2.77 80,443"), rule(0, raw="xt BPF"))
    document = json.loads(shell.run("show", "marks", "--json").out)
    first, second = document["mark"]
    assert (first["mark"], first["name"], first["match"], first["state"]) == (20, "web", [WEB], "no sticky")
    assert [(rule["chain"], rule["hook"], rule["priority"]) for rule in first["rule"]] == [
        ("prerouting", "prerouting", -120),
        ("output", "output", -120),
    ]
    assert {rule["value"] for rule in first["rule"]} == {20}
    assert [server["server"] for server in first["service"][0]["server"]] == ["10.0.0.11:0", "10.0.0.12:0"]
    assert [warning["about"] for warning in first["warning"]] == ["web"]
    assert (second["mark"], second["service"], second["state"]) == (77, [], "no service")
    assert [rule["raw"] for rule in document["other"]] == ["xt BPF"]
    assert (document["trouble"], document["missing"]) == (None, None)


def test_an_export_as_json_and_as_nft_holds_the_groups(shell: Shell) -> None:
    shell.run("mark", "add", "20", WEB, "--name", "web")
    document = json.loads(shell.run("export", "--format", "json").out)
    assert document["mark"] == [{"mark": 20, "name": "web", "match": [WEB]}]
    assert "meta mark set 0x00000014" in shell.run("export", "--format", "nft").out


def test_marks_that_the_profile_lacks_are_drift_and_kept_when_asked_to(shell: Shell) -> None:
    shell.run("mark", "add", "20", WEB, "--rules-only")
    kept = shell.profile.read_text()
    shell.run("mark", "add", "21", "tcp 192.0.2.21 21", "--rules-only")
    shell.profile.write_text(kept)
    assert shell.run("diff").out == "- mark 21\n"
    assert shell.run("apply", "--keep-others").status == 0
    assert list(held(shell)) == [20, 21]
    assert shell.run("apply").status == 0
    assert list(held(shell)) == [20]
