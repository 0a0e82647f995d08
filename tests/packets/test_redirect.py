"""Where `redirect` sends real packets, with addresses of every kind on the interface; the walk says the same."""

from __future__ import annotations

from contextlib import closing
from ipaddress import ip_address
from typing import Final, NamedTuple

import pytest

from lvstui.core.model import Address, Protocol
from lvstui.core.packets.packet import Packet
from lvstui.core.packets.program import Outcome
from lvstui.core.packets.walk import walk
from lvstui.kernel.nft.filter import PacketFilter
from tests.kernel.nft.alone import needs, needs_nft
from tests.packets.frames import Flow, Turn
from tests.packets.network import Network, Seen, alone, network, run
from tests.packets.referee import AROUND

pytestmark = needs_nft

_SOURCES: Final = {4: ip_address("198.18.0.1"), 6: ip_address("2001:db8:c::1")}
_SERVICES: Final = {4: ip_address("192.0.2.1"), 6: ip_address("2001:db8:1::1")}

NFT: Final = (
    "table inet t {\nchain n {\ntype nat hook prerouting priority -100\nmeta l4proto tcp redirect to :8080\n}\n}\n"
)
IPTABLES: Final = "*nat\n-A PREROUTING -p tcp -j REDIRECT --to-ports 8080\nCOMMIT\n"


class Case(NamedTuple):
    """Commands of `ip` on the interface `front`, which has 10.77.0.1/24 and 2001:db8:77::1/64, and where packets go."""

    commands: tuple[str, ...]
    to4: str
    to6: str


CASES: Final = {
    "the only address": Case((), "10.77.0.1", "2001:db8:77::1"),
    "an older address of IPv4, the newest of IPv6": Case(
        ("addr add 10.99.0.1/16 dev front", "addr add 2001:db8:99::1/48 dev front nodad"), "10.77.0.1", "2001:db8:99::1"
    ),
    "no secondary address": Case(
        ("addr add 10.77.0.9/24 dev front", "addr add 10.99.0.1/32 dev front"), "10.77.0.1", "2001:db8:77::1"
    ),
    "the next primary address before a secondary one that was promoted": Case(
        (
            "addr add 10.77.0.9/24 dev front",
            "addr add 10.99.0.1/24 dev front",
            "addr del 10.77.0.1/24 dev front",
            "addr del 2001:db8:77::1/64 dev front",
            "addr add 2001:db8:77::9/64 dev front nodad",
        ),
        "10.99.0.1",
        "2001:db8:77::9",
    ),
    "an address of a narrower scope": Case(
        (
            "addr add 10.99.0.1/24 dev front scope link",
            "addr add 10.99.1.1/24 dev front scope host",
            "addr add fd00:99::1/64 dev front nodad scope link",
        ),
        "10.99.1.1",
        "fd00:99::1",
    ),
    "an own address that has a peer": Case(
        (
            "addr flush dev front scope global",
            "addr add 10.99.0.1 peer 10.99.0.2/32 dev front",
            "addr add 2001:db8:99::1 peer 2001:db8:99::2/128 dev front nodad",
        ),
        "10.99.0.1",
        "2001:db8:99::1",
    ),
    "an address that has a label": Case(
        ("addr del 10.77.0.1/24 dev front", "addr add 10.99.0.1/24 dev front label front:1"),
        "10.99.0.1",
        "2001:db8:77::1",
    ),
    "no address that is still tentative": Case(
        ("addr add 2001:db8:99::1/64 dev front",), "10.77.0.1", "2001:db8:77::1"
    ),
    "nowhere, as there is none": Case(
        ("addr flush dev front", "addr flush dev lo", "route add local 192.0.2.0/24 dev lo"), "", ""
    ),
}


def redirected(case: Case, version: int, load: tuple[str, ...], rules: str) -> tuple[Address | None, Address | None]:
    """Return where a real packet comes to, and where its walk says so; None where it is dropped."""

    def work() -> tuple[Address | None, Address | None]:
        with network() as lines:
            run("sysctl", "-qw", "net.ipv4.conf.front.promote_secondaries=1")
            run("ip", "-force", "-batch", "-", text="".join(f"{command}\n" for command in case.commands))
            run(*load, text=rules)
            with closing(PacketFilter(None)) as filters:
                program = filters.program()
            lines.record("in")
            flow = Flow(Protocol.TCP, _SOURCES[version], 5000, _SERVICES[version], 80)
            seen = _came(lines, flow) if case.to4 else []
            packet = Packet(flow.protocol, flow.source, flow.destination, 80, 5000, "front", connection_mark=0)
            (fate,) = walk(program, packet, AROUND).fates
            if fate.outcome is Outcome.DROP:
                return seen[0].destination if seen else None, None
            assert fate.port == 8080
            return seen[0].destination if seen else None, fate.destination

    return alone(work)


def _came(lines: Network, flow: Flow) -> list[Seen]:
    """Send a packet, again where it came nowhere: a busy machine loses one now and then."""
    for _ in range(3):
        lines.send(flow, Turn.FIRST, "front")
        if seen := [came for all_ in lines.wait(bool).values() for came in all_]:
            return seen
    return []


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("kind", CASES)
def test_a_redirect_leads_to(kind: str, version: int) -> None:
    case = CASES[kind]
    came, walked = redirected(case, version, ("nft", "-f", "-"), NFT)
    assert str(came or "") == (case.to4 if version == 4 else case.to6)
    assert walked == came


@pytest.mark.parametrize(
    "tool",
    [
        pytest.param(tool, marks=needs(tool, "-t", "nat", "-S"))
        for tool in ("iptables-legacy", "iptables-nft", "ip6tables-legacy", "ip6tables-nft")
    ],
)
def test_the_target_of_iptables_does_the_same(tool: str) -> None:
    version = 6 if tool.startswith("ip6") else 4
    came, walked = redirected(CASES["the only address"], version, (f"{tool}-restore",), IPTABLES)
    assert walked == came == ip_address({4: "10.77.0.1", 6: "2001:db8:77::1"}[version])
