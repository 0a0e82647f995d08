"""`lvstui trace`, and what is about rules where there is no IPVS."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from lvstui.cli import main
from lvstui.kernel.memory.kernel import MemoryKernel
from lvstui.kernel.port import NO_IPVS, NoIpvs
from tests.build import director, group, pool, server, sticky_pool

Run = Callable[..., int]


def run(kernel: MemoryKernel, tmp_path: Path, *words: str) -> int:
    return main([*words, "--profile", str(tmp_path / "p.toml")], open_kernel=lambda _: kernel)


def kernel() -> MemoryKernel:
    web = pool("tcp:192.0.2.10:80", server("10.0.0.11:80"), server("10.0.0.12:80", weight=0))
    held = director(sticky_pool("mark:80", "10.0.0.21:0", "10.0.0.22:0"), web)
    return MemoryKernel(held.__class__(held.pools, marks={80: group(80, "tcp 192.0.2.10 443")}))


def traced(tmp_path: Path, capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, object]:
    assert run(kernel(), tmp_path, "trace", "--json", *words) == 0
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


def test_a_packet_is_followed_to_its_mark_service_and_servers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = traced(tmp_path, capsys, "198.51.100.7", "tcp:192.0.2.10:443")
    assert (found["mark"], found["certain"], found["possible_mark"], found["verdict"]) == (80, True, [80], "accept")
    assert (found["service"], found["entry"], found["server"]) == ("mark:80", None, None)
    assert found["candidate"] == ["10.0.0.21:0", "10.0.0.22:0"]


def test_where_one_server_is_left_it_is_named_with_its_next_hop(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = traced(tmp_path, capsys, "198.51.100.7:4000", "tcp:192.0.2.10:80")
    assert (found["mark"], found["service"]) == (0, "tcp:192.0.2.10:80")
    assert (found["server"], found["server_state"], found["forwarding"]) == ("10.0.0.11:80", "ok", "route")
    hop = found["next_hop"]
    assert isinstance(hop, dict)
    assert (hop["address"], hop["interface"], hop["neighbour"]) == ("10.0.0.11", "eth1", "reachable")


def test_the_trace_fits_into_eighty_columns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(kernel(), tmp_path, "trace", "198.51.100.7:4000", "tcp:192.0.2.10:443") == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert [line.split()[0] for line in lines if line[:1].strip()] == [
        "packet",
        "prerouting",
        "mark",
        "service",
        "entry",
        "one",
        "result",
    ]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("nonsense", "tcp:192.0.2.10:80"), 'client: "nonsense" is not an IPv4 or IPv6 address'),
        (
            ("10.0.0.1:0", "tcp:192.0.2.10:80"),
            'client: "10.0.0.1:0" needs a port from 1 to 65535 at its end, such as 198.51.100.7:40000, or none',
        ),
        (("10.0.0.1:70000", "tcp:192.0.2.10:80"), 'client: "10.0.0.1:70000" needs a port from 1 to 65535 at its end'),
        (("10.0.0.1", "tcp:192.0.2.10:80", "--in", ""), 'in: must be a name without spaces, not ""'),
        (("10.0.0.1", "tcp:192.0.2.10"), "target: "),
        (("10.0.0.1", "tcp:192.0.2.10:0"), 'target: "192.0.2.10:0" needs a port from 1 to 65535 at its end'),
        (("10.0.0.1", "tcp:192.0.2.10:70000"), 'target: "192.0.2.10:70000" needs a port from 1 to 65535 at its end'),
        (("10.0.0.1", "web"), 'target: "web" is no target such as tcp:192.0.2.10:443 or udp:[2001:db8::1]:53\n'),
        (("10.0.0.1", "mark:80"), 'target: "mark:80" is a mark'),
        (("10.0.0.1", "tcp:192.0.2.10:80", "--in", "eth0", "--from-director"), "in: what this machine itself sends"),
        (("10.0.0.1", "ip300:192.0.2.10:0"), "target: "),
        (("10.0.0.1", "tcp:[2001:db8::1]:80"), "client: 10.0.0.1 is IPv4"),
        (("10.0.0.1", "tcp:192.0.2.10:80", "--ct-mark", "many"), "ct-mark: must be a whole number"),
        (
            ("10.0.0.1", "tcp:192.0.2.10:80", "--ct-mark", "4294967296"),
            'ct-mark: must be from 0 to 4294967295, not "4294967296"',
        ),
        (("10.0.0.1", "tcp:192.0.2.10:80", "--in", "a name that is long"), "in: "),
        (("10.0.0.1", "tcp:192.0.2.10:80", "--in", "nowhere"), 'in: there is no interface "nowhere"'),
    ],
)
def test_a_bad_question_is_answered_by_a_sentence_that_names_the_field(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: Sequence[str], sentence: str
) -> None:
    assert run(kernel(), tmp_path, "trace", *words) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"lvstui: {sentence}")
    assert "Traceback" not in error


def test_a_bad_question_is_answered_before_anything_is_said_of_ipvs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bare = kernel()
    bare.failure = NoIpvs(NO_IPVS)
    assert run(bare, tmp_path, "trace", "10.0.0.1", "tcp:192.0.2.10:80", "--in", "nowhere") == 2
    assert capsys.readouterr().err == 'lvstui: in: there is no interface "nowhere"; `ip link` lists them\n'


def test_the_target_may_stand_first_as_on_the_screens(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = traced(tmp_path, capsys, "tcp:192.0.2.10:443", "198.51.100.7")
    assert found == traced(tmp_path, capsys, "198.51.100.7", "tcp:192.0.2.10:443")


@pytest.mark.parametrize("client", ["2001:db8:c::1", "[2001:db8:c::1]", "[2001:db8:c::1]:4000"])
def test_an_ipv6_client_is_written_as_elsewhere(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], client: str
) -> None:
    assert traced(tmp_path, capsys, client, "tcp:[2001:db8::10]:443")["service"] is None


def test_a_protocol_without_ports_needs_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = traced(tmp_path, capsys, "10.0.0.1", "ip47:192.0.2.10")
    assert (found["service"], found["end"]) == (None, "left")


@pytest.mark.parametrize("words", [("trace", "198.51.100.7", "tcp:192.0.2.10:443"), ("show", "marks")])
@pytest.mark.parametrize("form", [(), ("--json",)])
def test_without_ipvs_there_are_rules_still(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: Sequence[str], form: Sequence[str]
) -> None:
    bare = kernel()
    bare.failure = NoIpvs(NO_IPVS)
    assert run(bare, tmp_path, *words, *form) == 0
    shown = capsys.readouterr()
    assert NO_IPVS in shown.err
    assert "80" in shown.out
    if "--json" in form and words[0] == "trace":
        found = json.loads(shown.out)
        assert (found["mark"], found["service"], found["server"]) == (80, None, None)
    assert run(bare, tmp_path, "show") == 5
