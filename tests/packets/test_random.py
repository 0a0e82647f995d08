"""Random rules of each kind and real packets: what the walk of each packet says is what becomes of it."""

from __future__ import annotations

import os
from typing import Final

import pytest

from tests.campaign.walk import attempt
from tests.kernel.nft.alone import needs_nft
from tests.packets.referee import Tally
from tests.packets.rulesets import MIXED, available

pytestmark = [pytest.mark.nft, needs_nft]

_RULESETS: Final = 2 if "LVSTUI_LAB" in os.environ else 15
"""An emulated machine takes ten times as long; the campaign `walk` goes on for as long as one likes."""


@pytest.mark.parametrize("name", ["nft", "iptables-nft", "iptables-legacy", MIXED])
def test_no_packet_goes_another_way_than_its_walk(name: str) -> None:
    make = available().get(name)
    if make is None:
        pytest.skip(f"this kernel takes no rules of {name}")
    total = Tally()
    for number in range(_RULESETS):
        tally, loaded = attempt(make, f"1 {name} {number}")
        assert tally.wrong == [], "\n".join((*tally.wrong, loaded))
        total.add(tally)
    assert total.packets > 30 * _RULESETS
    if name != MIXED and _RULESETS > 10:  # where chains of one priority meet, and the kernel may not say in which order
        assert total.unsure <= total.packets // 20
