"""What commands print as JSON is as docs/lvstui.schema.json says: every command, all keys and no others."""

from __future__ import annotations

import argparse
import json
import shlex
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lvstui.cli import main
from lvstui.commands.arguments import parser
from lvstui.commands.watch import happenings
from lvstui.core.model import Probe, ProbeType, Tunnel, TunnelType
from lvstui.core.plan import Plan
from lvstui.formats.events import table
from lvstui.formats.plan import dump
from lvstui.formats.profile.write import dumps
from lvstui.kernel.memory.demo import demo_director, demo_rules
from lvstui.kernel.memory.kernel import MemoryKernel
from tests.commands.test_scripts import Proc
from tests.commands.test_watch import GONE, HEAVIER, Edited, place_of
from tests.docs import json_schema
from tests.docs.commands import commands
from tests.docs.json_schema import flaws
from tests.docs.shapes import DOCUMENTS, SAME

CLIENT = "203.0.113.77"

LINES = [
    ("show services", "show --json"),
    ("show marks", "show marks --json"),
    ("show director", "show director --json"),
    ("export", "export --format json"),
    ("connections", "connections --json"),
    ("entry", f"entry pin {CLIENT} portal app2 --for 600 --json"),
    ("entries", "entries --json"),
    ("entry", f"entry time {CLIENT} portal 60 --json --dry-run"),
    ("entry", f"entry time {CLIENT} portal 60 --json"),
    ("entry", f"entry move {CLIENT} portal app1 --kill --json"),
    ("entry", f"entry expire {CLIENT} portal --kill --json"),
    ("set", "set shop web1 weight=+2 tunnel.port=1 --json"),
    ("set", "set shop web1 weight=+2 --json --dry-run"),
    ("set", "set shop scheduler=zzz --json"),
    ("set", "set shop probe=http name=x --json"),
    ("set", "set timeouts tcp=800 --json"),
    ("set", "set sysctl conntrack=1 sync_threshold='3 40' --json"),
    ("set", "set director name=lb9 --json"),
    ("set", "add tcp:192.0.2.200:80 persistence=60 --json"),
    ("set", "add tcp:192.0.2.200:80 10.0.0.99 --json"),
    ("set", "delete tcp:192.0.2.200:80 --yes --json"),
    ("set", "add sync backup interface=eth0 --json"),
    ("set", "set sync backup id=3 --json"),
    ("set", "delete sync backup --json"),
    ("set", "mark add 0x63 'tcp 192.0.2.99 80,443' --server 10.0.0.99 --json"),
    ("set", "mark delete 99 --services --yes --json"),
    ("set", "drain portal app1 --move-clients --json --dry-run"),
    ("set", "drain portal app1 --move-clients --json"),
    ("set", "restore portal app1 --json"),
    ("set", "rollback 7 --json"),
    ("diff", "diff wanted.toml --json"),
    ("diff --out", "diff wanted.toml --out -"),
    ("apply", "apply plan.json --json --dry-run"),
    ("apply", "apply wanted.toml --json --dry-run"),
    ("apply", "apply wanted.toml --json"),
    ("history", "history --json -n 100"),
    ("trace", "trace 198.51.100.7 tcp:192.0.2.20:443 --json"),
    ("trace", "trace 198.51.100.7 tcp:192.0.2.10:443 --json"),
    ("trace", "trace 198.51.100.7:4000 tcp:203.0.113.200:1 --json"),
    ("probe", "probe --json"),
    ("doctor", "doctor --json"),
    ("check", "check wanted.toml --json"),
    ("check", "check wrong.toml --json"),
    ("check --running", "check --running --json"),
    ("import", "import rules.save --json"),
    ("config", "config --json"),
    ("config --check", "config --check --json"),
    ("keys", "keys --json"),
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    director = demo_director()
    Path("rules.save").write_text(
        "-A -t 192.0.2.10:80 -p 9 -M 0.0.0.0\n-a -t 192.0.2.10:80 -r 10.0.0.9:81\n", encoding="utf-8"
    )
    Path("director.toml").write_text(dumps(director), encoding="utf-8")
    Path("wrong.toml").write_text("format = 1\nzzz = 1\n", encoding="utf-8")
    pools = dict(director.pools)
    key = next(iter(pools))
    service = replace(pools[key].service, scheduler="zzz", probe=Probe(ProbeType.HTTP))
    tunnelled = {
        end: replace(one, weight=9, tunnel=Tunnel(TunnelType.GUE, 6080)) for end, one in pools[key].servers.items()
    }
    pools[key] = replace(pools[key], service=service, servers=tunnelled)
    Path("wanted.toml").write_text(dumps(replace(director, pools=pools)), encoding="utf-8")
    Path("plan.json").write_text(dump(Plan((), "", "", "", datetime.now(UTC)), director), encoding="utf-8")
    return tmp_path


def test_what_every_command_prints_is_as_the_schema_says(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kernel = MemoryKernel(demo_director(), foreign=demo_rules())
    for name, line in LINES:
        main(["--profile", str(folder / "director.toml"), *shlex.split(line)], lambda _: kernel)
        printed = capsys.readouterr()
        assert printed.out, f"{line}: {printed.err}"
        assert flaws(json.loads(printed.out), name) == [], line


def test_what_is_read_without_the_right_is_as_the_schema_says(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kernel = Proc(demo_director())
    for name, line in [*LINES[:3], ("diff", "diff wanted.toml --json")]:
        main(["--profile", str(folder / "director.toml"), *shlex.split(line)], lambda _: kernel)
        assert flaws(json.loads(capsys.readouterr().out), name) == [], line


def test_an_event_is_as_the_schema_says(tmp_path: Path) -> None:
    seen = happenings(place_of(Edited([HEAVIER], [], [GONE]), tmp_path), 0.01)
    for _ in range(2):
        assert flaws(json.loads(json.dumps(table(next(seen)))), "watch") == []


def test_each_command_that_prints_json_is_in_the_schema_and_tried() -> None:
    with_json = {name for name, command in commands(parser()) if "--json" in _options(command)}
    named = {SAME.get(name.split()[0], name.split()[0]) for name in with_json}
    documents = {name.split()[0] for name in DOCUMENTS}
    assert named | {"export"} == documents
    assert {name for name, _ in LINES} | {"watch"} == DOCUMENTS.keys()
    tried = [line for _, line in LINES]
    assert all(name == "watch" or any(line.startswith(name) for line in tried) for name in with_json)


def _options(command: argparse.ArgumentParser) -> Iterator[str]:
    return (option for action in command._actions for option in action.option_strings)


def test_the_file_of_the_schema_is_the_one_that_make_docs_would_write() -> None:
    assert json_schema.FILE.read_text(encoding="utf-8") == json_schema.text(), "run `make docs`"


@pytest.mark.parametrize(
    ("document", "flaw"),
    [
        ({}, "$.file: is missing"),
        ({"file": "x", "mistake": [], "more": 1}, "$.more: is no key here"),
        ({"file": None, "mistake": []}, "$.file: None is no string"),
        (
            {"file": "x", "mistake": [{"line": True, "severity": "bad", "field": "", "sentence": ""}]},
            "line: True is no",
        ),
    ],
)
def test_the_check_of_the_tests_finds_what_is_wrong(document: object, flaw: str) -> None:
    assert any(flaw in found for found in flaws(document, "check"))
