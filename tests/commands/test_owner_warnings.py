"""Commands that write to what another program manages warn of it, and look for one only when they write."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Collection
from contextlib import nullcontext
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from threading import Event

import pytest

from lvstui.cli import Command
from lvstui.commands import place
from lvstui.commands.arguments import parser
from lvstui.commands.place import Place
from lvstui.core.change import change_timeouts
from lvstui.core.model import Director, Timeouts
from lvstui.core.record import Owner
from lvstui.formats.profile.write import dumps
from lvstui.host.owners import OwnerWatch, Process
from lvstui.kernel.memory.kernel import MemoryKernel
from lvstui.store.profile_file import ProfileFile
from tests.build import SHOP
from tests.test_cli import MARK, PROFILE, with_weight

KEEPALIVED = """\
virtual_server 192.0.2.10 443 {
  protocol TCP
  real_server 10.0.0.11 443 {
    weight 3
  }
  real_server 10.0.0.12 443 {
    weight 1
  }
}
"""
HEAD = "lvstui: warning: keepalived manages tcp:192.0.2.10:443: "
EDITED = (
    f"{HEAD}a reload leaves this, unless the file changes the same; once a check of the server fails and recovers, "
)
EDITED += "or keepalived restarts, it is as the file says\n"
IN_STEP = replace(PROFILE, sync={})
PID = 2**30


class Desk:
    """A kernel in step with its profile, and a keepalived whose configuration is real; `looks` counts looks at it."""

    def __init__(self, folder: Path) -> None:
        self.profile = ProfileFile(folder / "director.toml")
        self.profile.path.write_text(dumps(IN_STEP))
        self.kernel = MemoryKernel(IN_STEP)
        self.looks = 0
        self.config = folder / "keepalived.conf"
        self.config.write_text(KEEPALIVED)
        self._proc = folder / "proc"
        for pid in ("self", str(PID)):
            (self._proc / pid / "ns").mkdir(parents=True)
            (self._proc / pid / "ns/net").symlink_to(folder)
        (self._proc / str(PID) / "root").symlink_to("/")

    @property
    def place(self) -> Place:
        return Place(self.kernel, self.profile, owners=self._owners)

    def run(self, *words: str) -> int:
        """Run a command in this place."""
        options = parser().parse_args(words)
        module, function = options.run
        command: Command = getattr(import_module(f"lvstui.commands.{module}"), function)
        return command(options, lambda: nullcontext(self.place))

    def line(self, number: int, text: str) -> str:
        """What is said of a line of the file."""
        return f"lvstui: in its file: {self.config}:{number}: {text}\n"

    def apply(self, wanted: Director, *, dry_run: bool = False) -> int:
        self.profile.path.write_text(dumps(wanted))
        return self.run("apply", *(["--dry-run"] if dry_run else []))

    def _owners(self) -> tuple[Owner, ...]:
        self.looks += 1
        return OwnerWatch(find=self._find, proc=self._proc)()

    def _find(self, _: Collection[str]) -> list[Process]:
        return [Process(PID, 1, "keepalived", ("keepalived", "-f", str(self.config)))]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.mark.parametrize(
    ("words", "becomes", "line"),
    [
        ("set tcp:192.0.2.10:443 10.0.0.11:443 weight=5", "a reload leaves this", "4: weight 3 -> weight 5"),
        ("set tcp:192.0.2.10:443 scheduler=wrr", "a reload leaves this", "1: in the block of virtual_server"),
        ("add tcp:192.0.2.10:443 10.0.0.13:443", "its checks and reloads leave the new", "9: above it:"),
        ("delete tcp:192.0.2.10:443 10.0.0.11:443", "a reload does not bring the server", "3-5: take out: real_s"),
        ("delete tcp:192.0.2.10:443 --yes", "a reload does not bring the service", "1-9: take out: virtual_server"),
        ("drain tcp:192.0.2.10:443 10.0.0.11:443", "a reload leaves this", "4: weight 3 -> weight 0"),
        ("drain --machine 10.0.0.11", "a reload leaves this", "4: weight 3 -> weight 0"),
        ("restore tcp:192.0.2.10:443 10.0.0.12:443", "a reload leaves this", "7: weight 1 -> weight 2"),
    ],
)
def test_an_edit_of_what_keepalived_manages_says_what_becomes_of_it_and_is_made(
    desk: Desk, capsys: pytest.CaptureFixture[str], words: str, becomes: str, line: str
) -> None:
    before = desk.kernel.read().director
    assert desk.run(*words.split(), "--dry-run") == 3
    rehearsed = capsys.readouterr()
    assert desk.kernel.read().director == before
    assert desk.run(*words.split()) == 0
    printed = capsys.readouterr()
    for said in (rehearsed, printed):
        assert said.err.count(f"{HEAD}{becomes}") == 1
        assert said.err.count(f"lvstui: in its file: {desk.config}:{line}") == 1
        assert said.out
    assert desk.looks == 2
    assert desk.kernel.read().director != before
    assert desk.config.read_text() == KEEPALIVED


def test_a_rollback_and_a_rehearsal_warn_too(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    assert desk.run("set", "tcp:192.0.2.10:443", "10.0.0.11:443", "weight=5") == 0
    assert capsys.readouterr().err == f"{EDITED}{desk.line(4, 'weight 3 -> weight 5')}"
    assert desk.run("rollback", "1", "--dry-run") == 3
    assert capsys.readouterr().err == f"{EDITED}{desk.line(4, 'says so already: weight 3')}"
    assert desk.run("rollback", "1") == 0
    assert EDITED in capsys.readouterr().err


def test_apply_warns_of_what_it_writes(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    wanted = replace(with_weight(7), sync={})
    for dry_run, status in ((True, 3), (False, 0)):
        assert desk.apply(wanted, dry_run=dry_run) == status
        assert capsys.readouterr().err == f"{EDITED}{desk.line(4, 'weight 3 -> weight 7')}"
    assert desk.kernel.read().director.pools[SHOP].servers.keys() == wanted.pools[SHOP].servers.keys()


def test_a_service_of_nobody_warns_of_nothing(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    assert desk.run("set", "mark6:80", "scheduler=wrr") == 0
    assert (desk.looks, capsys.readouterr().err) == (1, "")
    assert desk.kernel.read().director.pools[MARK].service.scheduler == "wrr"


def test_nobody_is_looked_for_where_no_service_is_written(desk: Desk) -> None:
    assert desk.run("show") == 0
    assert desk.run("diff") == 0
    assert desk.apply(IN_STEP) == 0
    assert desk.apply(replace(IN_STEP, timeouts=Timeouts(tcp=700))) == 0
    assert desk.kernel.lookup(change_timeouts(None, None).target) == Timeouts(tcp=700)
    assert desk.run("set", "timeouts", "udp=50") == 0
    assert desk.run("set", "tcp:192.0.2.10:443", "10.0.0.11:443", "weight=3") == 0
    assert desk.run("set", "tcp:192.0.2.10:443", "note=only the profile knows") == 0
    assert desk.looks == 0


def test_what_searches_is_loaded_only_where_somebody_is_looked_for(desk: Desk) -> None:
    program = f"""
import sys
from lvstui.cli import main
from lvstui.kernel.memory.kernel import MemoryKernel
from tests.test_cli import PROFILE

class Live(MemoryKernel):
    origin = "taken for a live one"

for words in "show", "diff", "set timeouts tcp=7 --dry-run", "drain --machine 10.0.0.11 --dry-run":
    main(["--profile", {str(desk.profile.path)!r}, *words.split()], lambda _: Live(PROFILE))
    print("loaded:", "lvstui.host.owners" in sys.modules)
"""
    root = Path(__file__).parent.parent.parent
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=root, check=True)
    lines = [line for line in ended.stdout.splitlines() if line.startswith("loaded:")]
    assert lines == ["loaded: False", "loaded: False", "loaded: False", "loaded: True"]


def test_a_search_that_does_not_end_is_given_up_and_the_edit_is_made(
    desk: Desk, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    never = Event()
    monkeypatch.setattr(place, "_OWNERS_PATIENCE", 0.1)
    monkeypatch.setattr(desk, "_find", lambda _: [] * never.wait(30))
    assert desk.run("set", "tcp:192.0.2.10:443", "10.0.0.11:443", "weight=5") == 0
    assert "the search for other programs that write to this table has not ended" in capsys.readouterr().err
    never.set()
