"""Another user's processes and files claim nothing, and nothing that they name stops or fills us."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lvstui.core.record import Owner
from lvstui.core.snapshot import Host, Snapshot
from lvstui.engine.messages import Event
from lvstui.engine.worker import Worker
from lvstui.host.claims import Claims, keepalived_claims, ldirectord_claims
from lvstui.host.foreign import Allowance, NotUsable
from lvstui.host.owners import processes
from lvstui.kernel.memory.kernel import MemoryKernel

SOMEBODY = 65534
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")


@contextmanager
def called_keepalived(*words: str, user: int) -> Iterator[int]:
    """Run a process of a user that calls itself keepalived."""
    program = f"""
import ctypes, os, sys
os.setresuid({user}, os.geteuid(), os.geteuid()) if {user} != os.getuid() else None
ctypes.CDLL(None).prctl(15, b"keepalived", 0, 0, 0)
print(flush=True)
sys.stdin.read()
"""
    with subprocess.Popen([sys.executable, "-c", program, *words], stdin=-1, stdout=-1) as process:
        assert process.stdout
        process.stdout.readline()
        try:
            yield process.pid
        finally:
            process.communicate()


def test_a_process_of_ours_is_found_with_its_words_and_its_parent() -> None:
    with called_keepalived("-f", "x y", user=os.getuid()) as pid:
        (found,) = (process for process in processes(["keepalived"]) if process.pid == pid)
        assert (found.parent, found.program, found.command[-2:]) == (os.getpid(), "keepalived", ("-f", "x y"))


@as_root
def test_a_process_that_another_user_started_is_none_even_with_roots_rights() -> None:
    with called_keepalived(user=SOMEBODY) as pid:
        assert f"Uid:\t{SOMEBODY}\t0" in Path(f"/proc/{pid}/status").read_text()
        assert pid not in {process.pid for process in processes(["keepalived"])}


def test_processes_that_make_no_sense_are_passed_over(tmp_path: Path) -> None:
    for pid, files in (("1", {"comm": b"keepalived\n"}), ("2", {"comm": b"keepalived\n", "status": b"Uid:\n\xff"})):
        (tmp_path / pid).mkdir()
        for name, content in files.items():
            (tmp_path / pid / name).write_bytes(content)
    os.mkfifo(tmp_path / "3")
    assert list(processes(["keepalived"], tmp_path)) == []
    assert list(processes(["keepalived"], tmp_path / "none")) == []


@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "too large", "of another user"])
def test_a_configuration_that_is_not_usable_claims_everything_at_once(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x.conf"
    match kind:
        case "pipe":
            os.mkfifo(path)
        case "device":
            path.symlink_to("/dev/zero")
        case "folder":
            path.mkdir()
        case "too large":
            path.touch()
            os.truncate(path, 2**40)
        case _ if os.geteuid() == 0:
            path.touch()
            os.chown(path, SOMEBODY, SOMEBODY)
        case _:
            pytest.skip("only root can make a file of another user")
    start = time.process_time()
    assert keepalived_claims(path) == Claims(None, (path,))
    assert ldirectord_claims(path) == Claims(None, (path,))
    assert time.process_time() - start < 1


@pytest.mark.parametrize(
    "text",
    [
        "include x.conf\ninclude x.conf\n",
        "include **/*\n",
        "$A=" + "x" * 100_000 + "\n" + "$A " * 100_000 + "\n",
        "virtual_server_group g {\n" + "".join(f"10.{n}.0.0/16 80\n" for n in range(200)) + "}\n"
        "virtual_server group g {\n}\n",
    ],
)
def test_a_configuration_that_grows_without_end_claims_everything_soon(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.conf"
    path.write_text(text)
    start = time.process_time()
    assert keepalived_claims(path).services is None
    assert time.process_time() - start < 5


def test_an_allowance_is_for_all_files_together(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("x" * 60)
    allowance = Allowance(bytes=100)
    assert len(allowance.read(path)) == 60
    with pytest.raises(NotUsable, match="too large"):
        allowance.read(path)
    with pytest.raises(NotUsable, match="too many files"):
        Allowance(files=0).read(path)
    with pytest.raises(NotUsable, match="too long"):
        Allowance(seconds=-1).read(path)


def test_a_search_that_never_ends_stops_no_reading() -> None:
    events: list[Event] = []
    never = threading.Event()

    def search() -> tuple[Owner, ...]:
        never.wait(30)
        return ()

    worker = Worker(MemoryKernel(), None, events.append, host=lambda: Host(""), owners=search, interval=0)
    start = time.process_time()
    for _ in range(5):
        worker.step(0)
    assert time.process_time() - start < 2
    assert sum(isinstance(event, Snapshot) for event in events) == 5
    never.set()
