"""The same commit gives the same bytes, wherever it is built and whoever builds it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]

pytestmark = pytest.mark.debian


def test_what_is_built_twice_in_two_folders_is_the_same(dist: Path, tmp_path: Path) -> None:
    command = ["git", "-C", str(PROJECT), "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    for name in subprocess.run(command, check=True, capture_output=True, text=True).stdout.split("\0"):
        if (PROJECT / name).is_file():
            (tmp_path / "elsewhere" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(PROJECT / name, tmp_path / "elsewhere" / name)
    when = subprocess.run(["git", "-C", str(PROJECT), "log", "-1", "--format=%ct"], check=True, capture_output=True)
    subprocess.run(
        [sys.executable, tmp_path / "elsewhere/packaging/package.py", tmp_path / "dist"],
        check=True,
        cwd="/",
        env={**os.environ, "SOURCE_DATE_EPOCH": when.stdout.decode().strip(), "TZ": "Asia/Tokyo", "LC_ALL": "C"},
        umask=0o077,
    )
    built, again = ({path.name: path.read_bytes() for path in folder.iterdir()} for folder in (dist, tmp_path / "dist"))
    assert built.keys() == again.keys()
    assert [name for name in built if built[name] != again[name]] == []
