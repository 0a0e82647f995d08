"""Tests of the packet filter run wherever nf_tables is, and once more in the full guest, where it surely is.

Not there: what asks no kernel (what does is skipped without one), and one by one what is tried together, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """Mark those tests of this folder that ask a kernel; the hook is handed the tests of all other folders too."""
    for item in items:
        asks = item.get_closest_marker("skipif") and not item.get_closest_marker("one_by_one")
        if item.path.parent == FOLDER and asks:
            item.add_marker(pytest.mark.nft)
