"""Hostile files: pipes, devices, links, folders, garbage and foreign owners in every place that lvstui opens."""

from __future__ import annotations

import json
import os
import random
import shutil
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Final

from lvstui.formats.profile.write import dumps
from lvstui.kernel.memory.demo import demo_director
from tests.campaign import Report

_SOMEBODY: Final = 65534
_SLOW: Final = 60.0
"""Seconds that a command may take here: machines are busy, and a pipe of the shell is waited for in no case."""

_RUNNER: Final = """
import json, os, signal, sys, time
from lvstui.cli import main
from lvstui.commands import apply, changes, edits, history, show
from lvstui.store.view_memory import Arrangement, ViewMemory, memory_path

def work(words):
    if words == ["view"]:
        ViewMemory(memory_path()).keep("services", Arrangement("active", hidden=(str(time.time_ns()),)))
        return 0
    return main(words)

for line in sys.stdin:
    words, folder = json.loads(line)
    output = os.path.join(folder, "output")
    pid = os.fork()
    if pid == 0:
        os.environ["XDG_STATE_HOME"] = folder
        file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for descriptor in (1, 2):
            os.dup2(file, descriptor)
        status = 99
        try:
            status = work(words)
        except SystemExit as end:
            status = end.code
        except BaseException:
            import traceback
            traceback.print_exc()
        sys.stdout.flush()
        os._exit(status or 0)
    start = time.monotonic()
    while (ended := os.waitpid(pid, os.WNOHANG))[0] == 0 and time.monotonic() - start < SLOW:
        time.sleep(0.002)
    if ended[0] == 0:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        print(json.dumps("hangs"), flush=True)
    else:
        print(json.dumps(os.waitstatus_to_exitcode(ended[1])), flush=True)
"""


def _socket(path: Path, _: Place) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # as the path of a socket may have 107 bytes only
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path.name)
    finally:
        os.chdir(here)


def _foreign_link(path: Path, place: Place, target: str = "precious") -> None:
    path.symlink_to(place.victim / target)
    os.lchown(path, _SOMEBODY, _SOMEBODY)


def _foreign_file(path: Path, place: Place) -> None:
    path.write_text(place.profile)
    path.chmod(0)
    os.chown(path, _SOMEBODY, _SOMEBODY)


def _foreign_folder(path: Path, _: Place) -> None:
    path.mkdir()
    os.chown(path, _SOMEBODY, _SOMEBODY)


def _sparse(path: Path, _: Place) -> None:
    path.touch()
    os.truncate(path, 2**33)


_TRAPS: Final[dict[str, Callable[[Path, Place], object]]] = {
    "pipe": lambda path, _: os.mkfifo(path),
    "socket": _socket,
    "device": lambda path, _: path.symlink_to("/dev/zero"),
    "terminal": lambda path, _: path.symlink_to("/dev/tty"),
    "folder": lambda path, _: path.mkdir(),
    "link in a circle": lambda path, _: path.symlink_to(path.name),
    "link to nothing": lambda path, _: path.symlink_to("nothing/at/all"),
    "sparse giant": _sparse,
    "blanks": lambda path, _: path.write_bytes(b" " * 2_000_000),
    "brackets": lambda path, _: path.write_bytes(b"[" * 1_000_000),
    "zeros": lambda path, _: path.write_bytes(bytes(1_000_000)),
    "noise": lambda path, place: path.write_bytes(place.dice.randbytes(200_000)),
    "torn": lambda path, place: path.write_text(place.profile[: place.dice.randrange(len(place.profile))]),
    "end of the calendar": lambda path, _: path.write_text(
        '{"number":1,"time":"0001-01-01T00:00:00+14:00","user":"u","source":"s","pid":1,"kind":"do","changes":[]}\n'
    ),
}
_FOREIGN_TRAPS: Final[dict[str, Callable[[Path, Place], object]]] = {
    "foreign link to a file": _foreign_link,
    "foreign link to a folder": lambda path, place: _foreign_link(path, place, "."),
    "foreign link to nothing": lambda path, place: _foreign_link(path, place, "none"),
    "foreign file": _foreign_file,
    "foreign folder": _foreign_folder,
    "second name of a file": lambda path, place: path.hardlink_to(place.victim / "precious"),
}

_PLACES: Final = (
    "p.toml",
    "p.toml.history.jsonl",
    "p.toml.history.1.jsonl",
    "p.toml.versions",
    ".p.toml.lock",
    ".p.toml.new",
    "file.toml",
    "lvstui",
    "lvstui/view.toml",
)
_COMMANDS: Final = (
    "show",
    "show --json",
    "diff",
    "diff FILE",
    "apply",
    "apply FILE",
    "check FILE",
    "check --running",
    "export",
    "export -o FILE",
    "set timeouts tcp=77",
    "history",
    "history --json",
    "rollback 1 --dry-run",
    "view",
)


@dataclass(slots=True)
class Place:
    """A folder where others may write, a victim beside it, and what lies there before the traps."""

    folder: Path
    victim: Path
    profile: str
    dice: random.Random

    def build(self, traps: list[tuple[str, str]]) -> None:
        """Lay everything out anew with these traps, as pairs of a place and a kind."""
        for path in (self.folder, self.victim):
            shutil.rmtree(path, ignore_errors=True)
            path.mkdir()
        self.folder.chmod(0o777)
        for name in ("precious", *(f"2026-01-01T00-00-00.{number:09d}Z.toml" for number in range(60))):
            (self.victim / name).write_text("as it was")
        for name in ("p.toml", "file.toml"):
            (self.folder / name).write_text(self.profile)
        for name, kind in traps:
            path = self.folder / name
            path.parent.mkdir(exist_ok=True)
            path.parent.chmod(0o777)
            path.unlink(missing_ok=True)
            (_TRAPS | _FOREIGN_TRAPS)[kind](path, self)

    def is_victim_unharmed(self) -> bool:
        """Return whether nothing outside the folder was touched."""
        files = sorted(self.victim.iterdir())
        return len(files) == 61 and all(path.read_text() == "as it was" for path in files)


def run(seconds: float, seed: int) -> Iterator[Report]:
    """Run every command among traps, one or two at a time."""
    dice = random.Random(seed)
    tried, failed = Counter[str](), Counter[str]()
    first: dict[str, str] = {}
    program = f"SLOW = {_SLOW}\n{_RUNNER}"
    with (
        TemporaryDirectory(prefix="lvstui-files-") as name,
        subprocess.Popen([sys.executable, "-c", program], stdin=-1, stdout=-1, text=True) as runner,
    ):
        assert runner.stdin
        assert runner.stdout
        place = Place(Path(name) / "open", Path(name) / "victim", dumps(demo_director()), dice)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            traps = _traps(dice)
            command = dice.choice(_COMMANDS)
            place.build(traps)
            kind = traps[0][1]
            tried[kind] += 1
            if trouble := _try(command, place, runner.stdin, runner.stdout):
                failed[kind] += 1
                laid = ", ".join(f"{there}: {what}" for there, what in traps)
                first.setdefault(kind, f"lvstui --demo --profile p.toml {command} with {laid}: {trouble}")
        runner.stdin.close()
    for kind in tried:
        yield Report(kind, tried[kind], failed[kind], first.get(kind, ""))


def _traps(dice: random.Random) -> list[tuple[str, str]]:
    kinds = [*_TRAPS, *(_FOREIGN_TRAPS if os.geteuid() == 0 else ())]
    places = dice.sample(_PLACES, dice.choice((1, 1, 2)))
    if {"lvstui", "lvstui/view.toml"} <= {*places}:
        places = places[:1]
    return [(place, dice.choice(kinds)) for place in places]


def _try(command: str, place: Place, to: IO[str], back: IO[str]) -> str:
    """Run a command and return what was wrong about it; empty where nothing was."""
    words = [str(place.folder / "file.toml") if word == "FILE" else word for word in command.split()]
    if command != "view":
        words = ["--demo", "--profile", str(place.folder / "p.toml"), *words]
    to.write(json.dumps([words, str(place.folder)]) + "\n")
    to.flush()
    status = json.loads(back.readline())
    output = (place.folder / "output").read_text(errors="replace")
    if status == "hangs":
        return f"did not end in {_SLOW:.0f} seconds"
    if "Traceback" in output or status not in (0, 1, 2, 3, 4):
        return f"status {status}: {output[-300:]}"
    if status not in (0, 3) and not output.strip():
        return f"status {status} without a word"
    return "" if place.is_victim_unharmed() else "something outside was touched"
