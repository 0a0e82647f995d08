"""A packet followed on this machine's own kernel, in a network namespace."""

from __future__ import annotations

from contextlib import closing

import pytest

from lvstui.core.trace.request import packet_of
from lvstui.engine.tracer import follow
from lvstui.kernel.live import Live
from tests.kernel.nft.alone import needs_nft
from tests.packets.network import alone, network, run

pytestmark = [pytest.mark.nft, needs_nft]

_RULES = """
table ip t {
	chain p {
		type filter hook prerouting priority -150
		ct state new ct mark set 5
		ct state established meta mark set ct mark
	}
}
"""


_WAY_BACK = """
table inet t {
	chain p {
		type filter hook prerouting priority 10
		fib saddr . mark . iif oif missing drop
	}
}
"""


@pytest.mark.parametrize(
    ("client", "interface", "certain"),
    [
        ("198.18.0.1", "front", True),
        ("2001:db8:c::1", "front", True),
        ("198.18.0.1", "wan1", False),  # which may be one of several next hops
        ("198.18.0.1", None, False),
    ],
)
def test_the_way_back_of_a_packet_is_known_where_its_route_leads_to_its_interface(
    client: str, interface: str | None, certain: bool
) -> None:
    def work() -> bool:
        with network(), closing(Live()) as kernel:
            run("nft", "-f", "-", text=_WAY_BACK)
            to = "tcp:[2001:db8:1::1]:80" if ":" in client else "tcp:192.0.2.1:80"
            return follow(kernel, packet_of(client, to, interface=interface), kernel.read_filter()).certain

    assert alone(work) == certain


def test_without_ipvs_nobody_takes_a_connection_out_of_connection_tracking() -> None:
    def work() -> tuple[bool, tuple[int, ...]]:
        with network():
            run("nft", "-f", "-", text=_RULES)
            packet = packet_of("198.18.0.1:5000", "tcp:192.0.2.1:80", interface="front", established=True)
            with closing(Live()) as kernel:
                found = follow(kernel, packet, kernel.read_filter())
        return found.certain, found.marks

    assert alone(work) == (True, (5,))
