"""keepalived's own test of a configuration (`keepalived -t`) on what we write for it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from lvstui.formats.foreign.recognise import Form
from lvstui.formats.foreign.write import Written, write
from tests.formats.foreign import exported

pytestmark = pytest.mark.skipif(shutil.which("keepalived") is None, reason="keepalived is not installed")

SEEDS = range(20)


def complaints(written: Written, folder: Path) -> list[str]:
    """Return what keepalived says of a text, but for the services without any weight, of which a loss speaks."""
    path = folder / "keepalived.conf"
    path.write_text(written.text, encoding="utf-8")
    done = subprocess.run(["keepalived", "-t", "-f", path], capture_output=True, text=True, check=False)
    said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    weightless = sum(loss.what == "weights, which are all 0" for loss in written.losses)
    excused = [line for line in said if "exceeds total weight of real servers 0" in line or "quorum 0; setting" in line]
    assert len(excused) == 2 * weightless
    assert (done.returncode == 0) == (not said)
    return [line for line in said if line not in excused]


@pytest.mark.parametrize("seed", SEEDS)
def test_keepalived_finds_nothing_wrong(seed: int, tmp_path: Path) -> None:
    assert complaints(write(Form.KEEPALIVED, exported.director(seed)), tmp_path) == []
