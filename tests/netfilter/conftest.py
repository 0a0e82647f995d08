"""A director that has both IPVS and nftables, both empty, with clients and real servers around it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator

import pytest

from tests.e2e.conftest import terminal
from tests.lab.net import shop

__all__ = ["terminal"]


def clear() -> None:
    """Leave neither services nor rules, by whomever they were made."""
    subprocess.run(["ipvsadm", "-C"], check=True)
    subprocess.run(["nft", "flush", "ruleset"], check=True)


@pytest.fixture(scope="module")
def network() -> Iterator[None]:
    """Build the shop's network: namespaces for clients and three real servers, virtual addresses without services."""
    if "LVSTUI_LAB" not in os.environ:
        pytest.skip("rewrites the kernel's tables: runs in the full guest only (python -m tests.lab test --full)")
    with shop(empty=True):
        yield


@pytest.fixture
def director(network: None) -> Iterator[None]:
    """Yield the network with the director's tables empty, and empty them after the test."""
    del network
    clear()
    yield
    clear()
