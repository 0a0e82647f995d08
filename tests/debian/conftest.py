"""A fresh Debian for each test that asks for one: releases 12 and 13, each test with a copy of its own."""

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from tests.lab import debian
from tests.lab.guest import UnavailableError

PROJECT = Path(__file__).parents[2]


def _lack(sentence: str) -> NoReturn:
    """Skip the test, which is a failure in CI."""
    if os.environ.get("CI") == "true":
        pytest.fail(sentence)
    pytest.skip(sentence)


@pytest.fixture(params=[pytest.param(suite, id=f"debian-{number}") for suite, number in debian.RELEASES.items()])
def fresh(request: pytest.FixtureRequest) -> Iterator[debian.Debian]:
    """Yield a fresh system; where none can be made the test is skipped, which is a failure in CI."""
    try:
        debian.make(request.param)
    except UnavailableError as problem:
        _lack(f"No fresh Debian {debian.RELEASES[request.param]}: {problem}")
    with debian.copied(request.param) as system:
        yield system


@pytest.fixture(scope="session")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder with the packages of this checkout: LVSTUI_DIST, else built once for all tests."""
    if made := os.environ.get("LVSTUI_DIST"):
        return Path(made).absolute()
    shared = (
        tmp_path_factory.getbasetemp().parent if "PYTEST_XDIST_WORKER" in os.environ else tmp_path_factory.mktemp("d")
    )
    with (shared / "dist.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (shared / "dist/SHA256SUMS").exists():
            command = [sys.executable, "packaging/package.py", str(shared / "dist")]
            built = subprocess.run(command, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            if built.returncode:
                _lack(f"The packages cannot be built here: {built.stdout[-2000:]}")
    return shared / "dist"
