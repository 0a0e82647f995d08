"""Each campaign that needs no guest, for two seconds; `make campaign` runs them for longer."""

from __future__ import annotations

import pytest

from tests import campaign
from tests.kernel.nft.alone import needs_nft

_SECONDS = 2
_ASKING = {"walk": needs_nft}
"""What of this machine a campaign asks for."""

_NAMES = [name for name in campaign.names() if campaign.needs(name) == "host"]


@pytest.mark.parametrize("name", [pytest.param(name, marks=_ASKING.get(name, ())) for name in _NAMES])
def test_no_attack_of_a_short_campaign_gets_through(name: str) -> None:
    reports = list(campaign.load(name).run(_SECONDS, seed=1))
    assert sum(report.tried for report in reports)
    assert [report for report in reports if report.failed] == []
