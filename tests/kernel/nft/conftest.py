"""Tests of the packet filter run wherever nf_tables is, and once more in the full guest, where it surely is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """Mark all tests of this folder; the hook is handed those of all others too."""
    for item in items:
        if item.path.parent == FOLDER:
            item.add_marker(pytest.mark.nft)
