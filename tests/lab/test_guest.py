"""The lab from outside: what a command does in the guest comes back, and nothing else does."""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from tests.lab import guest, install
from tests.lab.full import Full
from tests.lab.uml import UserMode


def needs(kernel: guest.Kernel) -> pytest.MarkDecorator:
    return pytest.mark.skipif(bool(install.lacks(kernel)), reason="needs `python -m tests.lab install`")


OWN = ("/etc/lvstui", "/var/lib/lvstui", "~/.config/lvstui", "~/.local/state/lvstui")
Lab = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(
    params=[
        pytest.param([], id="uml", marks=needs(UserMode())),
        pytest.param(["--full"], id="full", marks=needs(Full())),
    ]
)
def lab(request: pytest.FixtureRequest) -> Lab:
    """Run a command in either guest."""

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "tests.lab", "run", *request.param, *map(str, arguments)]
        return subprocess.run(command, cwd=guest.CHECKOUT, capture_output=True, text=True)

    return run


@pytest.fixture
def own() -> Iterator[list[Path]]:
    """Yield where this machine's own lvstui keeps what it knows, with something of ours where we may write."""
    with ExitStack() as tidy:
        folders = [Path(name).expanduser() for name in OWN]
        for folder in folders:
            with suppress(OSError):
                if not folder.exists():
                    folder.mkdir(parents=True)
                    tidy.callback(_remove_empty, folder)
                tidy.enter_context(tempfile.NamedTemporaryFile(dir=folder))
        yield folders


def _remove_empty(folder: Path) -> None:
    with suppress(OSError):  # somebody put something there meanwhile
        folder.rmdir()


def test_output_and_status_come_back_and_the_host_s_files_are_neither_changed_nor_its_own_lvstui_s_seen(
    lab: Lab, own: list[Path], tmp_path: Path
) -> None:
    kept, wanted = tmp_path / "kept", tmp_path / "wanted"
    kept.write_text("as it was")
    wanted.mkdir()
    look = 'ls -d "$@" /run/lvstui 2> /dev/null; ls -A "$HOME"; env | grep ^XDG'
    script = f"{look}; stat -c %a /run; seq 1 50000; pwd >&2; echo lost > {kept}; echo found > {wanted}/file; exit 7"
    done = lab("--writable", wanted, "--", "sh", "-c", script, "sh", *own)
    assert done.stderr == f"{guest.CHECKOUT}\n"
    assert done.stdout == "755\n" + "".join(f"{number}\n" for number in range(1, 50001))
    assert done.returncode == 7
    assert kept.read_text() == "as it was"
    assert (wanted / "file").read_text() == "found\n"


def test_a_kernel_that_dies_is_reported_with_the_end_of_its_log(lab: Lab) -> None:
    done = lab("--", "sh", "-c", "echo c > /proc/sysrq-trigger")
    assert done.returncode == 125
    assert "lab: The guest died before its command ended." in done.stderr
    assert "sysrq triggered crash" in done.stderr
