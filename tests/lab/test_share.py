"""Guests that share test files: each file is run once, by whoever takes it first."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.lab import guest, share

RUN = ("env", "PYTEST_DISABLE_PLUGIN_AUTOLOAD=1", sys.executable, "-m", "pytest", "-c", "/dev/null")
PLUGINS = ("-p", "no:cacheprovider", "-p", "tests.lab.share")


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """A folder with three test files, of which one has no test, listed by the host."""
    (tmp_path / "shared").mkdir()
    (tmp_path / "test_one.py").write_text("def test_it(): pass\n")
    (tmp_path / "test_two.py").write_text("def test_it(): pass\ndef test_more(): pass\n")
    (tmp_path / "test_none.py").touch()
    closing_line(tmp_path / "shared", "--collect-only")
    return tmp_path / "shared"


def closing_line(shared: Path, *options: str) -> str:
    """Run the tests as a guest does and return the closing line."""
    command = [*RUN, *PLUGINS, f"--shared={shared}", f"--rootdir={shared.parent}", *options, str(shared.parent)]
    done = subprocess.run(command, cwd=guest.CHECKOUT, capture_output=True, text=True, check=False)
    return done.stdout.splitlines()[-1]


def test_the_host_lists_the_files_that_have_tests_the_longest_first(shared: Path) -> None:
    assert (shared / share.LIST).read_text().splitlines() == ["test_two.py", "test_one.py"]


def test_what_one_guest_took_the_next_passes_over(shared: Path) -> None:
    assert "3 passed" in closing_line(shared)
    assert "no tests ran" in closing_line(shared)


def test_a_guest_runs_the_files_that_nobody_has_taken(shared: Path) -> None:
    (shared / "0").mkdir()
    assert "1 passed" in closing_line(shared)
