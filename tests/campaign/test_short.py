"""Each campaign that needs no guest, for two seconds; `make campaign` runs them for longer."""

from __future__ import annotations

import pytest

from tests import campaign

_SECONDS = 2


@pytest.mark.parametrize("name", [name for name in campaign.names() if campaign.needs(name) == "host"])
def test_no_attack_of_a_short_campaign_gets_through(name: str) -> None:
    reports = list(campaign.load(name).run(_SECONDS, seed=1))
    assert sum(report.tried for report in reports)
    assert [report for report in reports if report.failed] == []
