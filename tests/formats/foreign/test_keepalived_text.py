"""What keepalived does to its files before it reads them: a file that says the same in other words is the same."""

from __future__ import annotations

import pytest

from lvstui.core import fields
from lvstui.core.model import Family, Tunnel, TunnelType
from lvstui.formats.foreign.draft import Imported
from lvstui.formats.foreign.recognise import Form
from tests.formats.foreign import wild, wild_text
from tests.formats.foreign.names import load, lost, told


@pytest.mark.parametrize("seed", range(60))
def test_a_file_in_other_words_is_read_as_the_same(seed: int) -> None:
    plain = wild.keepalived(seed)
    other = wild_text.rewritten(plain, seed)
    found = load(Form.KEEPALIVED, other.text, other.files, wild_text.IDENTITY)
    wanted = load(Form.KEEPALIVED, plain)
    assert [one for one in told(found) if ": error: " in one] == []
    assert found.director == wanted.director


def _server(lines: str, files: dict[str, str] | None = None) -> Imported:
    head = "virtual_server 192.0.2.1 80 {\nprotocol TCP\nlb_kind NAT\n"
    return load(Form.KEEPALIVED, f"{head}{lines}\n}}\n", files, "lb1")


def _weights(found: Imported) -> list[int]:
    return [server.weight for pool in found.director.pools.values() for server in pool.servers.values()]


@pytest.mark.parametrize(
    ("lines", "weights"),
    [
        ("@lb1 include a.conf", [7]),
        ("$F=a\ninclude ${F}.conf", [7]),
        ("$F= \\\ninclude a.conf \\\n\n$F", [7]),
        ("~SEQ(N, 010) real_server 10.0.0.$N 80 { }", [1] * 8),
        ("$END=3\n~SEQ(N, 2, $END) real_server 10.0.0.$N { }", [1, 1]),
        ("~SEQ (N, 2) real_server 10.0.0.$N { }", [1, 1]),
        ("~SEQ(N, 0) real_server 10.0.0.$N { }", [1, 1]),
        ("~LST({A,W}, {1,5}, {2}) real_server 10.0.0.$A { weight 9$W }", [95, 9]),
        ("$S= \\\nreal_server 10.0.0.1 { # of two \\\nweight 6 \\\n# and more \\\n} \\\n\n$S", [6]),
        ("$S= \\\nreal_server 10.0.0.1 { \\\n# ends here\nweight 6\n}\n$S", []),
    ],
)
def test_includes_definitions_and_sequences_are_read_as_keepalived_reads_them(lines: str, weights: list[int]) -> None:
    found = _server(lines, {"a.conf": "real_server 10.0.0.1 80 { weight 7 }\n"})
    assert _weights(found) == weights


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ("$A = 5\nreal_server 10.0.0.1 { weight $A }", "4: error: definition: keepalived takes no blank before ="),
        ("$M= \\\nweight 1 \\\nweight 2 \\\n\nreal_server 10.0.0.1 { weight $M 5 }", "8: error: weight: must be"),
        ("~SEQ(N, 08) real_server 10.0.0.$N { }", "4: error: ~SEQ: needs a name"),
        ("~LST(A, {1,2}) real_server 10.0.0.$A { }", "4: error: ~LST: needs names, and no more values"),
    ],
)
def test_what_keepalived_cannot_read_is_told_by_its_line(lines: str, sentence: str) -> None:
    assert any(one.startswith(sentence) for one in told(_server(lines)))


@pytest.mark.parametrize(
    ("lines", "scheduler", "flags", "lost_line"),
    [
        ("lb_algo sh\nsh-port", "sh", ("sh-port",), ""),
        ("sh-port\nlb_algo sh", "sh", (), "4: sh-port: left out: the scheduler has to stand above it"),
        ("lb_algo sh\nsh-port\nlb_algo rr", "rr", ("flag-2",), "4: lb_algo sh: left out: line 6 says it again"),
        ("lb_algo RR", "wlc", (), "4: lb_algo RR: left out: keepalived has no such scheduler"),
        ("lvs_sched rr\nlvs_sched best", "rr", (), "5: lvs_sched best: left out: keepalived has no such scheduler"),
    ],
)
def test_scheduler_and_flags_count_in_the_order_of_their_lines(
    lines: str, scheduler: str, flags: tuple[str, ...], lost_line: str
) -> None:
    found = _server(f"{lines}\nreal_server 10.0.0.1 {{ }}")
    (pool,) = found.director.pools.values()
    assert pool.service.scheduler == scheduler
    assert fields.flag_words(pool.service.flags, scheduler) == flags
    assert not lost_line or lost_line in lost(found)


def test_a_weight_of_0_counts_at_a_server_only_and_the_older_word_for_a_method_at_a_service_only() -> None:
    found = _server("weight 3\nweight 0\nreal_server 10.0.0.1 {\nlb_kind DR\n}\nreal_server 10.0.0.2 { weight 0 }")
    assert _weights(found) == [3, 0]
    assert "5: weight 0: left out: keepalived takes 0 at a real_server only" in lost(found)
    assert "7: lb_kind DR: left out: in a real_server keepalived knows lvs_method only" in lost(found)


def test_a_block_that_keepalived_does_not_know_is_refused() -> None:
    said = told(_server("stickiness {\nweight 9\n}\nreal_server 10.0.0.1 { }"))
    assert any(
        one.startswith("4: error: stickiness: is not known in virtual_server, and keepalived reads") for one in said
    )


def test_a_range_that_ends_where_it_begins_is_no_range_and_one_in_full_is() -> None:
    text = "virtual_server_group G {{\n{} 80\n}}\nvirtual_server group G {{\nreal_server 10.0.0.1 {{ }}\n}}\n"
    assert any("has to end above its begin" in one for one in told(load(Form.KEEPALIVED, text.format("10.1.0.5-5"))))
    found = load(Form.KEEPALIVED, text.format("10.1.0.5-10.1.0.5"))
    assert [key.family for key in found.director.pools] == [Family.IPV4]


@pytest.mark.parametrize(
    "words",
    [
        "type gue",
        "type GUE port 6080",
        "port 5",
        "type gre port 5",
        "csum",
        "type ipip csum",
        "type gre remcsum",
        "mtu 9",
    ],
)
def test_of_words_behind_tun_that_do_not_fit_none_is_taken_and_that_is_told(words: str) -> None:
    found = _server(f"lvs_method TUN type gre csum\nreal_server 10.0.0.1 {{\nlvs_method TUN {words}\n}}")
    assert told(found) == []
    (server,) = next(iter(found.director.pools.values())).servers.values()
    assert server.tunnel == Tunnel(TunnelType.GRE, 0, 1)
    assert any(one.startswith(f"6: {words}: left out, as keepalived does: ") for one in lost(found))


def test_a_mark_in_hexadecimal_is_refused_as_keepalived_reads_0_there() -> None:
    text = "virtual_server fwmark 0x10 {\nreal_server 10.0.0.1 { }\n}\n"
    assert any(one.startswith("1: error: virtual_server: must be a whole") for one in told(load(Form.KEEPALIVED, text)))


@pytest.mark.parametrize(("tcp", "lost_aloud", "refused"), [("2678400", 0, 0), ("0", 1, 0), ("2678401", 0, 1)])
def test_timeouts_are_those_that_keepalived_can_set(tcp: str, lost_aloud: int, refused: int) -> None:
    found = load(Form.KEEPALIVED, f"global_defs {{\nlvs_timeouts tcp {tcp} tcpfin 20 udp 30\n}}\n")
    assert (len(lost(found)), len(told(found))) == (lost_aloud, refused)
    assert (found.director.timeouts is not None) == (not lost_aloud and not refused)
