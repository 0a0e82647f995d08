"""`lvstui doctor` on the kernel in memory."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lvstui.cli import main
from lvstui.core.model import Service
from lvstui.kernel.memory.kernel import MemoryKernel
from tests.build import address_key, director, pool, server

WEB = pool(Service(address_key("tcp:192.0.2.10:80"), name="web"), "10.0.0.11:80")
STUCK = pool("tcp:192.0.2.11:80", server("10.0.0.12:80", weight=0))
EMPTY = pool("tcp:192.0.2.12:80", server("10.0.0.12:80", weight=0))


def run(tmp_path: Path, *words: str) -> int:
    kernel = MemoryKernel(director(WEB, STUCK, EMPTY))
    return main(["doctor", *words, "--profile", str(tmp_path / "p.toml")], open_kernel=lambda _: kernel)


def test_what_is_wrong_is_printed_in_full_once_for_all_of_which_it_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path) == 3
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    text = " ".join(" ".join(lines).split())
    assert text.startswith("wrong tcp:192.0.2.11:80, tcp:192.0.2.12:80: Is there a server that takes new connections?")
    assert "looked at: weights of 1 server" in text
    assert "to do: set the weight of a real server" in text
    assert lines[-1].endswith("questions asked of 3 services: 2 wrong")


def test_a_healthy_service_says_so_with_every_question(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, "tcp:192.0.2.10:80") == 0
    lines = capsys.readouterr().out.splitlines()
    assert {line.split()[0] for line in lines[:-1] if line[:1].strip()} == {"fine"}
    assert lines[-1].endswith("questions asked of 1 service: nothing is wrong")


def test_a_director_without_services_is_said_to_have_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(tmp_path / "p.toml")
    assert main(["doctor", "--profile", path], open_kernel=lambda _: MemoryKernel(director())) == 0
    assert "asked of a director without services: " in " ".join(capsys.readouterr().out.split())


def test_the_document_has_every_question(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, "tcp:192.0.2.11:80", "--json") == 3
    found = json.loads(capsys.readouterr().out)
    assert (found["services"], found["counts"]["wrong"]) == (1, 1)
    (wrong,) = (finding for finding in found["finding"] if finding["state"] == "wrong")
    assert (wrong["question"], wrong["service"], wrong["service_name"]) == ("weights", "tcp:192.0.2.11:80", "")
    assert all(wrong[field] for field in ("looked_at", "found", "remedy"))
    assert found["finding"][0]["service"] is None
    assert len(found["finding"]) == sum(found["counts"].values())


def test_a_service_that_is_not_there_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, "nonsense") == 1
    assert capsys.readouterr().err == 'lvstui: no service is "nonsense"; `lvstui show` lists them\n'
