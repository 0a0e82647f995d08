"""`lvstui probe`: which servers are asked, what is printed of them, and the exit status."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from lvstui.cli import main
from lvstui.core import fields
from lvstui.core.health.verdict import Trouble
from lvstui.core.model import Director, Forwarding, Probe, ProbeType, ServerKey
from lvstui.kernel.memory.kernel import MemoryKernel
from lvstui.store.profile_file import ProfileFile
from tests.build import address_key, director, group, pool, server, sticky_pool

WEB = address_key("tcp:192.0.2.10:80")


def held() -> Director:
    web = pool("tcp:192.0.2.10:80", server("10.0.0.11:8080", forwarding=Forwarding.MASQ), server("10.0.0.12:80"))
    both = director(sticky_pool("mark:80", "10.0.0.12:0"), web)
    return Director(both.pools, marks={80: group(80, "tcp 192.0.2.20 80,443")})


def run(tmp_path: Path, *words: str, killed: str = "", probe: Probe | None = None) -> int:
    kernel = MemoryKernel(held())
    if killed:
        kernel.afflict(ServerKey(WEB, fields.server(killed)), Trouble.REFUSING)
    saved = held()
    web = saved.pools[WEB]
    asked = replace(web, service=replace(web.service, probe=probe))
    ProfileFile(tmp_path / "p.toml").update(lambda _: replace(saved, pools={**saved.pools, WEB: asked}))
    return main(["probe", *words, "--profile", str(tmp_path / "p.toml")], open_kernel=lambda _: kernel)


def test_a_server_is_a_line_for_each_port_that_it_is_asked_at(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path) == 0
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.split() == ["SERVICE", "SERVER", "PROBE", "MS", "FOUND"]
    assert [line.split()[:3] for line in lines] == [
        ["tcp:192.0.2.10:80", "10.0.0.11:8080", "answers"],
        ["tcp:192.0.2.10:80", "10.0.0.12:80", "answers"],
        ["mark:80", "10.0.0.12:80", "answers"],
        ["mark:80", "10.0.0.12:443", "answers"],
    ]
    assert {line.index("answers") for line in lines} == {head.index("PROBE")}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("tcp:192.0.2.10:80",), 2),
        (("tcp:192.0.2.10:80", "10.0.0.12"), 1),
        (("--machine", "10.0.0.12"), 3),
        (("mark:80", "--at", "tcp:192.0.2.99:8443"), 1),
    ],
)
def test_those_are_asked_that_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], expected: int
) -> None:
    assert run(tmp_path, *words, "--json") == 0
    assert len(json.loads(capsys.readouterr().out)["probe"]) == expected


def test_a_server_that_does_not_answer_makes_the_status_three(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, "tcp:192.0.2.10:80", "--json", killed="10.0.0.11:8080") == 3
    one, other = json.loads(capsys.readouterr().out)["probe"]
    assert (one["server"], one["asked"], one["outcome"]) == ("10.0.0.11:8080", "10.0.0.11:8080", "refuses")
    assert one["found"].startswith("10.0.0.11:8080 refuses a connection")
    assert (other["outcome"], other["virtual"], other["forwarding"]) == ("answers", "192.0.2.10:80", "route")
    assert 0 < other["seconds"] < 1


def test_servers_are_asked_what_the_service_or_somebody_wants(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    probe = Probe(ProbeType.HTTP, path="/health", timeout=0.5)
    assert run(tmp_path, "tcp:192.0.2.10:80", "--json", probe=probe) == 0
    one, other = json.loads(capsys.readouterr().out)["probe"]
    assert one["found"].startswith("10.0.0.11:8080 answers GET /health; ")
    assert other["found"].endswith("; asked at its own address, 10.0.0.12:80 answers GET /health")
    assert run(tmp_path, "tcp:192.0.2.10:80", "10.0.0.11", "path=/x", "port=81", "--json", probe=probe) == 0
    assert json.loads(capsys.readouterr().out)["probe"][0]["found"].startswith("10.0.0.11:81 answers GET /x; ")
    assert run(tmp_path, "type=dns", "name=example.net", "--machine", "10.0.0.11", "--json") == 0
    printed = capsys.readouterr()
    assert "answers a query (A of example.net)" in printed.out
    assert "warning: probe.type: dns is asked over udp, and the service takes tcp" in printed.err


@pytest.mark.parametrize(
    ("words", "status", "sentence"),
    [
        (("type=htpp",), 2, "probe.type: must be tcp, tls, http, https, dns, smtp or udp"),
        (("weight=3",), 2, "weight: is no field of a probe; there are type, port, path, status, name, record, send"),
        (("type=dns",), 2, "probe.name: dns needs the name to ask for"),
        (("web", "10.0.0.11", "x"), 2, "is one word too many"),
        (("--wait", "0"), 2, "must be 0.1 to 30 seconds"),
        (("--at", "mark:80"), 2, "at: "),
        (("--at", "tcp:192.0.2.10:0"), 2, "must be an address and a port"),
        (("web", "--machine", "10.0.0.12"), 2, "write probe SERVICE"),
        (("--machine", "10.0.0.99"), 1, "no service has a server on"),
        (("nowhere",), 1, "no service is"),
        (("mark:80", "10.0.0.99"), 1, "no server of mark:80 is"),
    ],
)
def test_what_cannot_be_asked_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], status: int, sentence: str
) -> None:
    try:
        found = run(tmp_path, *words)
    except SystemExit as end:
        found = int(end.code or 0)
    assert found == status
    assert sentence in capsys.readouterr().err
