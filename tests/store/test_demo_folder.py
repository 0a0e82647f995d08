"""What a killed demo left is removed by the next one, and nothing else."""

from __future__ import annotations

import os
from pathlib import Path

from lvstui.store.demo_folder import PREFIX, hold, sweep


def test_only_folders_that_a_killed_demo_left_are_removed(tmp_path: Path) -> None:
    left, running, starting, precious = (tmp_path / f"{PREFIX}{name}" for name in ("left", "running", "new", "link"))
    other = tmp_path / "other"
    for folder in (left, running, starting, other):
        folder.mkdir(mode=0o700)
        (folder / "director.toml").touch()
    precious.symlink_to(other)
    for folder in (left, running, other):
        os.utime(folder, (0, 0))
    with hold(running):
        sweep(tmp_path)
    assert not left.exists()
    assert running.exists()
    assert starting.exists()
    assert (precious / "director.toml").exists()
