"""Servers in trouble as they show in the counters of the demo's traffic, and an hour without any."""

from __future__ import annotations

import pytest

from lvstui.core.health.verdict import Trouble
from lvstui.core.health.watch import Watch
from lvstui.core.model import Forwarding, ServerKey, ServiceFlags
from lvstui.core.observed import NO_INFO, Reading
from lvstui.kernel.memory.demo import demo_director
from lvstui.kernel.memory.traffic import Traffic


class Night:
    """The demo's director watched second by second."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.director = demo_director()
        self.traffic = Traffic()
        self.watch = Watch()
        self.pass_seconds(1)

    def pass_seconds(self, seconds: int) -> None:
        for _ in range(seconds):
            self.now += 1
            counted = self.traffic.advance(self.director, self.now)
            self.found = self.watch.look(Reading(self.director, NO_INFO, self.now, *counted))

    def servers(self, forwarding: Forwarding) -> list[ServerKey]:
        return [
            ServerKey(key, endpoint)
            for key, pool in self.director.pools.items()
            for endpoint, server in pool.servers.items()
            if server.forwarding is forwarding and server.weight and not pool.service.flags & ServiceFlags.ONE_PACKET
        ]


@pytest.fixture
def night() -> Night:
    return Night()


def test_an_hour_of_the_demo_shows_no_trouble(night: Night) -> None:
    for _ in range(3600):
        night.pass_seconds(1)
        assert not night.found


@pytest.mark.parametrize("trouble", [Trouble.REFUSING, Trouble.SILENT])
def test_a_masqueraded_server_in_trouble_is_known_within_ten_seconds_and_forgotten_once_it_answers(
    night: Night, trouble: Trouble
) -> None:
    night.pass_seconds(5)
    for key in night.servers(Forwarding.MASQ):
        if getattr(key.service, "port", 0) not in (80, 443):
            continue
        night.traffic.afflict(key, trouble)
        night.pass_seconds(10)
        assert {key: found.trouble for key, found in night.found.items()} == {key: trouble}
        night.traffic.afflict(key, None)
        night.pass_seconds(4)
        assert not night.found
