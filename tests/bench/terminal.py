"""What the screens send to a terminal of 160x48 and what that costs, beside Textual's own table and `top`."""

from __future__ import annotations

import argparse
import os
import random
import select
import shutil
import subprocess
import sys
import termios
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SIZE = (160, 48)
ROWS = 40
COUNTERS = 4
DOWN = b"\x1b[B"
KEYS_A_SECOND = 30
DEADLINE = 60.0
SETTLING = 5.0
WINDOW = 10.0
MOST_STREAM, MOST_HELD = 6000, 100
"""What is allowed with the detail and its charts: bytes a second, and KB while Down is held."""


@dataclass(slots=True)
class Terminal:
    """A program on a pseudo-terminal of 160x48 with 256 colours; nothing on it answers the program's questions."""

    process: subprocess.Popen[bytes]
    fd: int

    @classmethod
    def start(cls, command: Sequence[str], *, keep: Sequence[int] = ()) -> Terminal:
        """Start a program as it would be over SSH, without COLORTERM; it inherits the descriptors of `keep`."""
        dropped = ("TEXTUAL", "COLORTERM", "COLUMNS", "LINES", "NO_COLOR")
        environment = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
        fd, end = os.openpty()
        termios.tcsetwinsize(end, (SIZE[1], SIZE[0]))
        process = subprocess.Popen(
            command,
            stdin=end,
            stdout=end,
            stderr=end,
            env={**environment, "TERM": "xterm-256color"},
            start_new_session=True,
            pass_fds=keep,
        )
        os.close(end)
        return cls(process, fd)

    def read(self, seconds: float, until: bytes | None = None) -> bytes:
        """Take what the program sends for some seconds, or until these bytes were among it."""
        stop = time.monotonic() + seconds
        got = bytearray()
        while (left := stop - time.monotonic()) > 0:
            if not select.select([self.fd], [], [], left)[0]:
                break
            try:
                piece = os.read(self.fd, 1 << 16)
            except OSError:
                break
            if not piece:
                break
            got += piece
            if until is not None and until in got:
                break
        return bytes(got)

    def hold(self, key: bytes, seconds: float) -> bytes:
        """Hold a key down as a keyboard repeats it; return what the program sent meanwhile and a second after."""
        got = b""
        start = time.monotonic()
        for number in range(int(seconds * KEYS_A_SECOND)):
            os.write(self.fd, key)
            got += self.read(start + (number + 1) / KEYS_A_SECOND - time.monotonic())
        return got + self.read(1.0)

    def cpu(self) -> float:
        """Say how many seconds of processor the program has used."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self) -> None:
        """End the program and wait for it."""
        self.process.kill()
        self.process.wait()
        os.close(self.fd)


@dataclass(frozen=True, slots=True)
class Figures:
    """What one program sent a second at 1 Hz, its share of one processor, and what 3 s of Down made it send."""

    stream: float
    cpu: float
    held: int = 0


def measure(command: Sequence[str], *, hold: bool = False, keys: bytes = b"") -> Figures:
    """Measure a program that updates itself once a second, after it settled and took some keys."""
    terminal = Terminal.start(command)
    try:
        terminal.read(DEADLINE, until=b"\x1b[")
        terminal.read(SETTLING)
        for key in keys:
            os.write(terminal.fd, bytes([key]))
            terminal.read(SETTLING / 2)
        used, start = terminal.cpu(), time.monotonic()
        sent = len(terminal.read(WINDOW))
        elapsed = time.monotonic() - start
        share = (terminal.cpu() - used) / elapsed
        held = len(terminal.hold(DOWN, 3.0)) if hold else 0
        if terminal.process.poll() is not None:
            raise RuntimeError(f"{' '.join(command)} ended while it was measured")
    finally:
        terminal.stop()
    return Figures(sent / elapsed, share, held)


def demo(kind: str) -> list[str]:
    """Return the command of one of the programs below."""
    return [sys.executable, "-m", "tests.bench.terminal", kind]


def say(name: str, figure: str, peer: str = "", ratio: float | None = None) -> None:
    """Print a figure, its peer's and how they stand to each other."""
    print("; ".join([f"{name}: {figure}", *([peer] if peer else []), *([f"{ratio:.2f}"] if ratio is not None else [])]))


def main() -> None:
    """Print the figures of the table, of Textual's own, of `top`, and of `watch ipvsadm` where there is an IPVS."""
    ours, theirs = (measure(demo(kind), hold=True) for kind in ("table", "datatable"))
    peers = [("DataTable", theirs), ("top -d 1", measure(["top", "-d", "1"]))]
    if shutil.which("ipvsadm") and subprocess.run(["ipvsadm", "-Ln"], capture_output=True, check=False).returncode == 0:
        peers.append(("watch ipvsadm", measure(["watch", "-n1", "ipvsadm", "-Ln", "--rate"])))
    whole = measure([sys.executable, "-m", "lvstui", "--demo"], hold=True)
    for program, figures in (("40 rows, 4 counters", ours), ("lvstui --demo", whole)):
        for name, peer in peers:
            sent = figures.stream / peer.stream if peer.stream else None
            say(f"{program}, sent at 1 Hz", f"{figures.stream:.0f} B/s", f"{name} {peer.stream:.0f}", sent)
            used = figures.cpu / peer.cpu if peer.cpu else None
            say(f"{program}, processor", f"{figures.cpu:.1%}", f"{name} {peer.cpu:.1%}", used)
        kilobytes = f"DataTable {theirs.held / 1000:.0f}"
        say(f"{program}, Down held 3 s", f"{figures.held / 1000:.0f} KB", kilobytes, figures.held / theirs.held)
    bench_detail()
    still = measure(demo("still"))
    say("nothing changes, sent at 1 Hz", f"{still.stream:.0f} B/s")
    say("nothing changes, processor", f"{still.cpu:.1%}")


def bench_detail() -> None:
    """Print what the screens with the detail beside the table send, over two spans of its charts, and in a pause."""
    command = [sys.executable, "-m", "lvstui", "--demo"]
    for name, keys in (("10 s a column", b"j"), ("1 s a column", b"j.")):
        figures = measure(command, hold=True, keys=keys)
        say(f"detail with charts, {name}, sent at 1 Hz", f"{figures.stream:.0f} B/s", f"at most {MOST_STREAM}")
        say(f"detail with charts, {name}, Down held 3 s", f"{figures.held / 1000:.0f} KB", f"at most {MOST_HELD}")
    paused = measure(command, keys=b"jp")
    say("detail with charts, nothing changes, sent", f"{paused.stream:.0f} B/s", "nothing")


def counters(chance: random.Random) -> list[list[str]]:
    """Make up the counters of the first rows."""
    return [[str(chance.randrange(10_000, 100_000)) for _ in range(COUNTERS)] for _ in range(ROWS)]


TITLES = ("Service / real server", "Name", "Method", "Weight", "Active", "InAct", "Conn/s", "In B/s", "State")
WIDTHS = (28, 12, 8, 8, 10, 10, 10, 10, 6)


def texts(row: int, changing: Sequence[str]) -> list[str]:
    """Make up a row around its counters."""
    return [f"10.0.{row // 250}.{row % 250 + 1}:443", f"web{row}", "masq", str(row % 9 + 1), *changing, "ok"]


def run_table(*, still: bool) -> None:
    """Run our table with 1,000 rows, 40 of them changing once a second."""
    from textual.app import ComposeResult

    from lvstui.core.view.table import Cell, Column, Tone
    from lvstui.tui.terminal import FrugalApp
    from lvstui.tui.themes import put_on
    from lvstui.tui.widgets.table import VirtualTable

    columns = [Column(title, title, width, 1) for title, width in zip(TITLES, WIDTHS, strict=True)]
    zeros = ["0"] * COUNTERS

    class Ours(FrugalApp[None]):
        def __init__(self) -> None:
            super().__init__()
            put_on(self)

        def compose(self) -> ComposeResult:
            yield VirtualTable[int]()

        def on_mount(self) -> None:
            self.chance = random.Random(1)
            self.numbers = counters(self.chance)
            self.table = self.query_one(VirtualTable)
            self.update()
            self.set_interval(1.0, self.update)

        def update(self) -> None:
            if not still:
                self.numbers = counters(self.chance)
            self.table.show(columns, range(1000), self.cells)

        def cells(self, row: int) -> list[Cell]:
            first, *middle, state = texts(row, self.numbers[row] if row < ROWS else zeros)
            return [Cell(first, Tone.PLAIN), *map(Cell, middle), Cell(state, Tone.SECONDARY)]

    Ours().run()


def run_datatable() -> None:
    """Run Textual's own table with the same rows and changes."""
    from rich.text import Text
    from textual.app import App, ComposeResult
    from textual.coordinate import Coordinate
    from textual.widgets import DataTable

    class Theirs(App[None]):
        def compose(self) -> ComposeResult:
            yield DataTable[str | Text](cursor_type="row")

        def on_mount(self) -> None:
            self.chance = random.Random(1)
            self.table = self.query_one(DataTable)
            for title, width in zip(TITLES, WIDTHS, strict=True):
                self.table.add_column(title, width=width)
            for row in range(1000):
                first, *middle, state = texts(row, ["0"] * COUNTERS)
                self.table.add_row(Text(first, "cyan"), *middle, Text(state, "green"))
            self.set_interval(1.0, self.update)

        def update(self) -> None:
            for row, numbers in enumerate(counters(self.chance)):
                for place, number in enumerate(numbers, 4):
                    self.table.update_cell_at(Coordinate(row, place), number)

    Theirs().run()


def run_one(arguments: Sequence[str]) -> None:
    """Run one of the programs that are measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=("table", "still", "datatable", "detail"), nargs="?")
    match parser.parse_args(arguments).kind:
        case "datatable":
            run_datatable()
        case "detail":
            bench_detail()
        case None:
            main()
        case kind:
            run_table(still=kind == "still")


if __name__ == "__main__":
    run_one(sys.argv[1:])
