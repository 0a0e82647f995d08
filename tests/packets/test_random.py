"""Random rules of each kind and real packets: what the walk of each packet says is what becomes of it."""

from __future__ import annotations

import os
from typing import Final

import pytest

from tests.campaign.walk import attempt
from tests.kernel.nft.alone import needs, needs_nft
from tests.packets.referee import Tally
from tests.packets.rulesets import Make, iptables_legacy, iptables_nft, native

pytestmark = [pytest.mark.nft, needs_nft]

_RULESETS: Final = 6 if "LVSTUI_LAB" in os.environ else 25
"""An emulated machine takes ten times as long; the campaign `walk` goes on for as long as one likes."""

_KINDS: Final = {"nft": native, "iptables-nft": iptables_nft, "iptables-legacy": iptables_legacy}


@pytest.mark.parametrize(
    "name",
    [
        "nft",
        pytest.param("iptables-nft", marks=needs("iptables-nft", "-S")),
        pytest.param("iptables-legacy", marks=needs("iptables-legacy", "-t", "mangle", "-S")),
    ],
)
def test_no_packet_goes_another_way_than_its_walk(name: str) -> None:
    make: Make = _KINDS[name]
    total = Tally()
    for number in range(_RULESETS):
        tally, loaded = attempt(make, f"1 {name} {number}")
        assert tally.wrong == [], loaded
        total.add(tally)
    assert total.packets > 30 * _RULESETS
    if name == "nft":
        assert total.unsure <= total.packets // 20
