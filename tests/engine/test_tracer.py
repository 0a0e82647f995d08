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


def test_without_ipvs_nobody_takes_a_connection_out_of_connection_tracking() -> None:
    def work() -> tuple[bool, tuple[int, ...]]:
        with network():
            run("nft", "-f", "-", text=_RULES)
            packet = packet_of("198.18.0.1:5000", "tcp:192.0.2.1:80", interface="front", established=True)
            with closing(Live()) as kernel:
                found = follow(kernel, packet, kernel.read_filter())
        return found.certain, found.marks

    assert alone(work) == (True, (5,))
