"""Parts of the documents that are made are as the program's tables are now."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from lvstui.cli import main
from lvstui.commands.arguments import parser
from lvstui.commands.manual import MANUAL
from lvstui.commands.place import Status
from lvstui.formats.profile.write import dumps
from lvstui.kernel.memory.demo import demo_director, demo_rules
from lvstui.kernel.memory.kernel import MemoryKernel
from lvstui.tui.everywhere import EVERYWHERE, VIEWS
from tests.docs.commands import commands
from tests.docs.parts import documents, filled, names
from tests.docs.tables import TABLES

KEEPALIVED = "virtual_server 192.0.2.10 80 {\n protocol TCP\n real_server 10.0.0.11 80 {\n  weight 3\n }\n}\n"


@pytest.mark.parametrize("path", documents(), ids=lambda path: path.name)
def test_a_document_has_the_made_parts_that_make_docs_would_write(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text == filled(text, TABLES), "run `make docs`"


def test_each_table_stands_in_one_document() -> None:
    found = [name for path in documents() for name in names(path.read_text(encoding="utf-8"))]
    assert sorted(found) == sorted(TABLES)


def test_a_part_is_written_anew_and_the_rest_stays() -> None:
    text = "a\n<!-- `make docs` writes this: x -->\nold\nmore\n<!-- end of x -->\nb\n"
    new = "a\n<!-- `make docs` writes this: x -->\n\n| new |\n\n<!-- end of x -->\nb\n"
    assert filled(text, {"x": lambda: "| new |\n"}) == new
    assert filled(new, {"x": lambda: "| new |\n"}) == new


def test_each_key_and_id_of_every_view_stands_in_the_table_of_keys() -> None:
    made = TABLES["keys"]()
    for command in (*EVERYWHERE, *(command for view in VIEWS for command in view.COMMANDS)):
        assert f"`{command.id}`" in made


def test_the_manual_has_each_command_and_no_other() -> None:
    assert set(MANUAL) == {name for name, _ in commands(parser())}


@pytest.mark.parametrize("name", MANUAL)
def test_the_examples_of_a_command_are_of_that_command_and_parse(name: str) -> None:
    for example in MANUAL[name].examples:
        program, *arguments = shlex.split(example.command)
        assert program == "lvstui"
        assert arguments[: len(name.split())] == name.split()
        parser().parse_args(arguments)


@pytest.mark.parametrize("name", [name for name in MANUAL if name != "watch"])  # which has no end
def test_the_examples_of_a_command_mean_something_on_the_demos_director(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def open_kernel(_: str | None) -> MemoryKernel:
        return MemoryKernel(demo_director(), foreign=demo_rules())

    monkeypatch.chdir(tmp_path)
    Path("director.toml").write_text(dumps(demo_director()), encoding="utf-8")
    Path("keepalived.conf").write_text(KEEPALIVED, encoding="utf-8")
    Path("ldirectord.cf").write_text("virtual=192.0.2.30:80\n\treal=10.0.0.13:80 masq 5\n", encoding="utf-8")
    main(["--profile", "director.toml", "diff", "--out", "plan.json"], open_kernel)
    Path("rules.save").write_text("-A -t 192.0.2.10:80 -s rr\n", encoding="utf-8")
    for example in MANUAL[name].examples:
        arguments = shlex.split(example.command)[1:]
        if "--over" in arguments:  # takes its time, and nothing else
            continue
        status = main(["--profile", "director.toml", *arguments], open_kernel)
        errors = capsys.readouterr().err
        missing = ("has no entry", "no record", "no change is on trial")
        assert status in (Status.OK, Status.DIFFERS) or any(text in errors for text in missing), errors
