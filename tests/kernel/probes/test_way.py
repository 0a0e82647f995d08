"""Real servers with one fault each, asked by every way: the fault is named, and nothing is left behind."""

from __future__ import annotations

import ctypes
import json
import os
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from lvstui.cli import main
from lvstui.core import fields
from lvstui.core.model import (
    AddressKey,
    Endpoint,
    Forwarding,
    Probe,
    ProbeType,
    Protocol,
    ServerKey,
    Tunnel,
    TunnelType,
)
from lvstui.core.probes.answer import Answer, Outcome
from lvstui.core.probes.question import Question
from lvstui.kernel.live import Live
from lvstui.kernel.namespace import call_in
from lvstui.kernel.probes.way import ask as ask_here
from tests.kernel.probes.network import DIRECTOR, GUE_PORT, SERVERS, VIRTUAL, network, open_connections
from tests.kernel.probes.servers import name_server, tcp, udp

pytestmark = pytest.mark.kernel

NOBODY: Final = 99
PATIENCE: Final = 3.0
"""Seconds for an answer: the guest has one slow processor, and sixteen ask at once."""


class Way(NamedTuple):
    """How a server is reached: its address's version, and the virtual one's."""

    forwarding: Forwarding
    version: int
    virtual: int
    tunnel: Tunnel = Tunnel()


GUE, GRE = Tunnel(TunnelType.GUE, GUE_PORT), Tunnel(TunnelType.GRE)
MASQ: Final = {f"masq{v}": Way(Forwarding.MASQ, v, v) for v in (4, 6)}
ROUTE: Final = {f"route{v}": Way(Forwarding.ROUTE, v, v) for v in (4, 6)}
TUNNELS: Final = {
    **{f"ipip{v}in{w}": Way(Forwarding.TUNNEL, w, v) for v in (4, 6) for w in (4, 6)},
    **{f"gue{v}": Way(Forwarding.TUNNEL, v, v, Tunnel(TunnelType.GUE, GUE_PORT, 1)) for v in (4, 6)},
    "gue6in4": Way(Forwarding.TUNNEL, 4, 6, GUE),
    **{f"gre{v}": Way(Forwarding.TUNNEL, v, v, GRE) for v in (4, 6)},
}
WAYS: Final = MASQ | ROUTE | TUNNELS

Asking = Callable[..., Mapping[str, Answer]]


@pytest.fixture(scope="module", autouse=True)
def servers() -> Iterator[None]:
    if "LVSTUI_LAB" not in os.environ:
        pytest.skip("needs IPVS and devices for tunnels: runs in the lab guest only (python -m tests.lab test)")
    with network():
        yield
        nothing_is_left()


def nothing_is_left() -> None:
    """Wait until no server has a connection any more: the last packet may still be under way."""
    end = time.monotonic() + 10
    while any(map(open_connections, SERVERS)) and time.monotonic() < end:
        time.sleep(0.1)
    assert {name: open_connections(name) for name in SERVERS} == {name: [] for name in SERVERS}


def question(way: Way, number: int, port: int = 80, protocol: Protocol = Protocol.TCP) -> Question:
    address = fields.address("", f"10.77.0.{number}" if way.version == 4 else f"fd77::{number}")
    virtual, endpoint = Endpoint(fields.address("", VIRTUAL[way.virtual]), port), Endpoint(address, port)
    key = ServerKey(AddressKey(protocol, *virtual), endpoint)
    shared = frozenset(fields.address("", text) for text in VIRTUAL.values())
    return Question(key, way.forwarding, way.tunnel, protocol, endpoint, virtual, shared, PATIENCE)


@pytest.fixture
def ask() -> Iterator[Asking]:
    """Yield what asks by several ways at once."""
    kernel = Live(DIRECTOR)

    def asked(
        ways: Mapping[str, Way], number: int, port: int = 80, protocol: Protocol = Protocol.TCP
    ) -> Mapping[str, Answer]:
        with ThreadPoolExecutor(16) as pool:
            answers = pool.map(lambda way: kernel.probe(question(way, number, port, protocol)), ways.values())
            return dict(zip(ways, answers, strict=True))

    yield asked
    kernel.close()


def outcomes(found: Mapping[str, Answer]) -> Mapping[str, Outcome]:
    return {way: answer.outcome for way, answer in found.items()}


def test_a_server_that_serves_answers_by_every_way(ask: Asking) -> None:
    found = ask(WAYS, SERVERS["probed-good"])
    assert outcomes(found) == dict.fromkeys(WAYS, Outcome.ANSWERS), found
    assert all(answer.milliseconds is not None for answer in found.values())
    nothing_is_left()


def test_a_closed_port_is_refused_by_every_way(ask: Asking) -> None:
    found = ask(WAYS, SERVERS["probed-good"], 81)
    assert outcomes(found) == dict.fromkeys(WAYS, Outcome.REFUSES), found
    assert "nothing listens on port 81" in found["ipip4in4"].sentence


def test_a_virtual_address_that_is_missing_is_named_where_the_servers_own_answers(ask: Asking) -> None:
    ways = ROUTE | TUNNELS
    found = ask(ways, SERVERS["probed-bare"])
    for way, answer in found.items():
        assert answer.outcome in (Outcome.SILENT, Outcome.UNREACHABLE), answer
        virtual = VIRTUAL[ways[way].virtual]
        missing = f"{virtual} is probably missing on it", f"{virtual} is not on it"
        assert any(words in answer.sentence for words in missing), answer
    assert "10.77.0.12:80 itself takes a connection" in found["route4"].sentence
    assert outcomes(ask(MASQ, SERVERS["probed-bare"])) == dict.fromkeys(MASQ, Outcome.ANSWERS)


def test_a_tunnel_that_is_missing_is_named(ask: Asking) -> None:
    found = ask(TUNNELS, SERVERS["probed-flat"])
    assert outcomes(found) == dict.fromkeys(TUNNELS, Outcome.UNREACHABLE), found
    for way, answer in found.items():
        word = "nothing there takes gue" if way.startswith("gue") else "has no tunnel device that is up"
        assert word in answer.sentence, answer
    assert outcomes(ask(ROUTE, SERVERS["probed-flat"])) == dict.fromkeys(ROUTE, Outcome.ANSWERS)


def test_a_host_that_is_not_there_is_named(ask: Asking) -> None:
    found = ask(WAYS, NOBODY)
    assert outcomes(found) == dict.fromkeys(WAYS, Outcome.UNREACHABLE), found
    for answer in found.values():
        assert "the host is down, or not in this network" in answer.sentence


def test_a_host_that_goes_down_is_not_taken_for_one_that_is_remembered(ask: Asking) -> None:
    name, ways = "probed-bare", MASQ | ROUTE
    ask(ways, SERVERS[name])
    subprocess.run(["ip", "-n", name, "link", "set", "eth0", "down"], check=True)
    try:
        found = ask(ways, SERVERS[name])
    finally:
        lines = ["link set eth0 up", f"addr add fd77::{SERVERS[name]}/64 dev eth0 nodad"]
        subprocess.run(["ip", "-n", name, "-batch", "-"], input="\n".join(lines), text=True, check=True)
    assert outcomes(found) == dict.fromkeys(ways, Outcome.UNREACHABLE), found
    assert "nobody answers ARP" in found["route4"].sentence
    assert "nobody answers neighbour discovery" in found["route6"].sentence


def test_a_server_by_route_behind_a_gateway_is_named() -> None:
    kernel = Live(DIRECTOR)
    for address in ("10.99.0.11", "fd99::11"):
        way = ROUTE["route4" if "." in address else "route6"]
        asked = question(way, 11)
        answer = kernel.probe(asked._replace(endpoint=Endpoint(fields.address("", address), 80)))
        assert answer.outcome in (Outcome.SILENT, Outcome.UNREACHABLE)
        assert "a server by route has to be on a link of the director" in answer.sentence
    kernel.close()


def test_a_datagram_that_is_refused_is_told_from_one_that_is_not_answered(ask: Asking) -> None:
    ways = MASQ | ROUTE | {"ipip4in4": TUNNELS["ipip4in4"]}
    assert outcomes(ask(ways, SERVERS["probed-good"], 53, Protocol.UDP)) == dict.fromkeys(ways, Outcome.REFUSES)
    found = ask({"route4": ROUTE["route4"]}, SERVERS["probed-bare"], 53, Protocol.UDP)
    assert found["route4"].outcome is Outcome.UNKNOWN


def test_a_server_that_forwards_what_is_not_for_it_is_named(ask: Asking) -> None:
    name = "probed-bare"
    routes = ["route add default via 10.77.0.1", "route add default via fd77::1"]
    subprocess.run(["ip", "-n", name, "-batch", "-"], input="\n".join(routes), text=True, check=True)
    settings = ["net.ipv4.ip_forward={}", "net.ipv6.conf.all.forwarding={}"]
    ways = ROUTE | {"ipip4in4": TUNNELS["ipip4in4"]}
    subprocess.run(["ip", "netns", "exec", name, "sysctl", "-qw", *(one.format(1) for one in settings)], check=True)
    try:
        found = ask(ways, SERVERS[name])
    finally:
        subprocess.run(["ip", "netns", "exec", name, "sysctl", "-qw", *(one.format(0) for one in settings)], check=True)
        lines = [line.replace("add", "del") for line in routes]
        subprocess.run(["ip", "-n", name, "-batch", "-"], input="\n".join(lines), text=True, check=True)
    assert outcomes(found) == dict.fromkeys(ways, Outcome.UNREACHABLE), found
    for way, answer in found.items():
        assert f"{VIRTUAL[ways[way].virtual]} is not on it" in answer.sentence, answer


def test_nothing_is_written_to_ipvs_though_the_virtual_address_is_its_own(ask: Asking) -> None:
    listing = ["ip", "netns", "exec", DIRECTOR, "ipvsadm"]
    lines = "-A -t 192.0.2.77:80 -s rr\n-a -t 192.0.2.77:80 -r 10.77.0.11:80 -g\n"
    subprocess.run([*listing, "-R"], input=lines, text=True, check=True)
    try:
        assert ask(ROUTE, SERVERS["probed-good"])["route4"].outcome is Outcome.ANSWERS
        stats = subprocess.run([*listing, "-Ln", "--stats"], check=True, capture_output=True, text=True).stdout
        (row,) = (line.split() for line in stats.splitlines() if line.startswith("TCP"))
        assert row[2:] == ["0"] * 5
        table = subprocess.run([*listing, "-Lnc"], check=True, capture_output=True, text=True).stdout
        assert len(table.splitlines()) == 2
    finally:
        subprocess.run([*listing, "-C"], check=True)


def test_a_probe_is_asked_after_the_packet_at_the_servers_own_address() -> None:
    def speak(client: socket.socket) -> None:
        status = client.recv(4096)[5:8]
        client.sendall(b"HTTP/1.1 " + status + b" \r\n\r\n")
        client.recv(1)  # until the one who asks has closed it

    listening = call_in("probed-good", partial(socket.create_server, ("10.77.0.11", 8080)))
    kernel = Live(DIRECTOR)
    with tcp(speak, listening):
        for way in ("masq4", "route4", "ipip4in4"):

            def ask(probe: Probe, way: Way = WAYS[way]) -> Answer:
                return kernel.probe(question(way, SERVERS["probed-good"])._replace(probe=probe))

            answer = ask(Probe(ProbeType.HTTP, 8080, "/200"))
            assert answer.outcome is Outcome.ANSWERS
            assert answer.sentence.endswith("10.77.0.11:8080 answers GET /200 with 200"), answer
            assert ("asked at its own address" in answer.sentence) is (way != "masq4")
            assert ask(Probe(ProbeType.HTTP, 8080, "/503")).outcome is Outcome.WRONG
            gone = ask(Probe(ProbeType.HTTP, 8081, "/200"))
            assert gone.outcome is Outcome.REFUSES
            assert gone.sentence.endswith("8081 refuses a connection; GET /200 could not be asked there")
    kernel.close()


def test_a_datagram_with_words_takes_the_way_of_clients_packets() -> None:
    """The good server answers names at its virtual address; the bare one lacks that, and answers at its own."""
    query = Probe(ProbeType.DNS, name="example.net")
    kernel = Live(DIRECTOR)
    with ExitStack() as stack:
        for name in ("probed-good", "probed-bare"):
            heard = call_in(name, partial(socket.socket, socket.AF_INET, socket.SOCK_DGRAM))
            heard.bind(("0.0.0.0", 5300))
            stack.enter_context(udp(name_server(0, 1), heard))
        for way in ("masq4", "route4", "ipip4in4"):
            good, bare = (
                kernel.probe(question(WAYS[way], SERVERS[name], 5300, Protocol.UDP)._replace(probe=query))
                for name in ("probed-good", "probed-bare")
            )
            assert good.outcome is Outcome.ANSWERS, good
            assert "NOERROR, 1 record" in good.sentence
            if way != "masq4":
                assert good.sentence.startswith("a query (A of example.net) for 192.0.2.77:5300 ")
                assert bare.outcome in (Outcome.SILENT, Outcome.UNREACHABLE), bare
                assert "192.0.2.77 is" in bare.sentence
    kernel.close()


def without_raw(asked: Sequence[Question]) -> Sequence[Answer]:
    """Ask in this thread, whose right to send raw packets is gone with the thread."""
    libc = ctypes.CDLL(None, use_errno=True)
    header = struct.pack("=Ii", 0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3, this thread
    held = ctypes.create_string_buffer(24)
    assert libc.capget(header, held) == 0
    effective, *rest = struct.unpack("=6I", held.raw)
    assert libc.capset(header, struct.pack("=6I", effective & ~(1 << 13), *rest)) == 0  # CAP_NET_RAW
    return [ask_here(one) for one in asked]


def test_a_filter_of_the_server_that_rejects_is_told_from_a_closed_port(ask: Asking) -> None:
    filtering = ["ip", "netns", "exec", "probed-good", "iptables"]
    rule = ["-p", "tcp", "--dport", "80", "-j", "REJECT"]
    subprocess.run([*filtering, "-A", "INPUT", *rule], check=True)
    try:
        answer = ask({"route4": ROUTE["route4"]}, SERVERS["probed-good"])["route4"]
    finally:
        subprocess.run([*filtering, "-D", "INPUT", *rule], check=True)
    assert answer.outcome is Outcome.REFUSES
    assert "it has 192.0.2.77, and a filter rejects it" in answer.sentence


def test_a_server_that_drops_what_comes_is_silent_and_not_taken_for_one_that_is_down(ask: Asking) -> None:
    ways = MASQ | ROUTE
    for tool in ("iptables", "ip6tables"):
        rule = ["-A", "INPUT", "-p", "tcp", "--dport", "80", "-j", "DROP"]
        subprocess.run(["ip", "netns", "exec", "probed-good", tool, *rule], check=True)
    try:
        found = ask(ways, SERVERS["probed-good"])
    finally:
        for tool in ("iptables", "ip6tables"):
            subprocess.run(["ip", "netns", "exec", "probed-good", tool, "-F", "INPUT"], check=True)
    assert outcomes(found) == dict.fromkeys(ways, Outcome.SILENT), found
    assert "a filter drops it" in found["masq4"].sentence
    assert "or a filter drops it" in found["route6"].sentence


def test_a_packet_filter_of_ours_that_keeps_the_tunnel_back_is_named(ask: Asking) -> None:
    rule = ["-p", "ipencap", "-j", "DROP"]
    filtering = ["ip", "netns", "exec", DIRECTOR, "iptables"]
    subprocess.run([*filtering, "-A", "OUTPUT", *rule], check=True)
    try:
        answer = ask({"ipip4in4": TUNNELS["ipip4in4"]}, SERVERS["probed-good"])["ipip4in4"]
    finally:
        subprocess.run([*filtering, "-D", "OUTPUT", *rule], check=True)
    assert answer.outcome is Outcome.UNREACHABLE
    assert "this machine would not send it (Operation not permitted)" in answer.sentence


TABLE = """\
-A -t 192.0.2.77:80 -s rr
-a -t 192.0.2.77:80 -r 10.77.0.11:80 -g
-a -t 192.0.2.77:80 -r 10.77.0.12:80 -g
-a -t 192.0.2.77:80 -r 10.77.0.13:80 -i
-A -t [2001:db8:77::77]:80 -s rr
-a -t [2001:db8:77::77]:80 -r [fd77::12]:80 -m
-A -f 77 -s rr
-a -f 77 -r 10.77.0.11:0 -i --tun-type gue --tun-port 6080
"""


def test_the_command_asks_the_servers_of_a_real_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    listing = ["ip", "netns", "exec", DIRECTOR, "ipvsadm"]
    subprocess.run([*listing, "-R"], input=TABLE, text=True, check=True)
    where = [
        "--live",
        "--netns",
        DIRECTOR,
        "--profile",
        str(tmp_path / "p.toml"),
        "probe",
        "--json",
        "--wait",
        str(PATIENCE),
    ]
    try:
        assert main(where) == 3
        found = {(one["service"], one["server"]): one for one in json.loads(capsys.readouterr().out)["probe"]}
        service = "tcp:192.0.2.77:80"
        assert {server: one["outcome"] for (key, server), one in found.items() if key == service} == {
            "10.77.0.11:80": "answers",
            "10.77.0.12:80": "silent",
            "10.77.0.13:80": "unreachable",
        }
        assert found["tcp:[2001:db8:77::77]:80", "[fd77::12]:80"]["outcome"] == "answers"
        unasked = found["mark:77", "10.77.0.11:0"]
        assert unasked["outcome"] == "not asked"
        assert "--at" in unasked["found"]
        assert main([*where, "mark:77", "--at", "tcp:192.0.2.77:80"]) == 0
        (named,) = json.loads(capsys.readouterr().out)["probe"]
        assert (named["outcome"], named["tunnel"], named["virtual"]) == ("answers", "gue", "192.0.2.77:80")
    finally:
        subprocess.run([*listing, "-C"], check=True)


def test_without_the_right_the_servers_own_address_is_asked_and_what_that_does_not_prove_is_said() -> None:
    asked = [question(way, 12, port) for way in (ROUTE["route4"], TUNNELS["gue6"]) for port in (80, 81)]
    found = call_in(DIRECTOR, partial(without_raw, asked), apart=True)
    assert [answer.outcome for answer in found] == [Outcome.ANSWERS, Outcome.REFUSES] * 2
    assert "for want of CAP_NET_RAW: that it has 192.0.2.77 is not proved" in found[0].sentence
    assert "that it has 2001:db8:77::77 and its tunnel works is not proved" in found[2].sentence


def test_a_server_on_the_director_itself_is_asked_without_ipvs() -> None:
    kernel = Live(DIRECTOR)
    asked = question(ROUTE["route4"], 1)
    answer = kernel.probe(asked)
    assert answer.outcome is Outcome.REFUSES
    assert "a server of this machine itself" in answer.sentence
    listening = call_in(DIRECTOR, lambda: socket.create_server(("0.0.0.0", 80)))
    with listening:
        assert kernel.probe(asked).outcome is Outcome.ANSWERS
    virtual = fields.address("", VIRTUAL[4])
    answer = kernel.probe(asked._replace(endpoint=Endpoint(virtual, 80)))
    assert answer.outcome is Outcome.UNASKED
    kernel.close()
