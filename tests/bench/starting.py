"""How long it takes from the command to the first full paint, beside a bare Textual program that shows one table."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Sequence

from tests.bench.terminal import Terminal

RUNS = 9
DEADLINE = 30.0
OURS = [sys.executable, "-m", "lvstui", "--demo"]
THEIRS = [sys.executable, "-m", "tests.bench.starting", "datatable"]
ROWS = 40


def first_paint(command: Sequence[str], until: bytes) -> float:
    """Start a program and say after how many seconds this text of its first full paint was on the terminal."""
    start = time.perf_counter()
    terminal = Terminal.start(command)
    try:
        sent = terminal.read(DEADLINE, until)
        elapsed = time.perf_counter() - start
    finally:
        terminal.stop()
    if until not in sent:
        raise RuntimeError(f"{' '.join(command)} did not show {until!r} within {DEADLINE:g} s, but: {sent[-500:]!r}")
    return elapsed


def run_datatable() -> None:
    """Run the smallest program that shows as many rows as the demo, with Textual's own table."""
    from textual.app import App, ComposeResult
    from textual.widgets import DataTable

    class Theirs(App[None]):
        def compose(self) -> ComposeResult:
            yield DataTable[str]()

        def on_mount(self) -> None:
            table = self.query_one(DataTable)
            table.add_columns(*(f"Column {number}" for number in range(10)))
            for row in range(ROWS):
                table.add_row(f"10.0.0.{row}:443", "masq", *(str(number) for number in range(8)))

    Theirs().run()


def main() -> None:
    """Print the medians of both, started in turn, and what `--version` takes and imports."""
    for command in (OURS, THEIRS):
        first_paint(command, b"masq")
    pairs = [(first_paint(OURS, b"masq"), first_paint(THEIRS, b"masq")) for _ in range(RUNS)]
    ours, theirs = (statistics.median(times) for times in zip(*pairs, strict=True))
    print(f"start to first full paint: {ours * 1000:.0f} ms; bare DataTable {theirs * 1000:.0f}; {ours / theirs:.2f}")
    start = time.perf_counter()
    ended = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "lvstui", "--version"], capture_output=True, text=True, check=True
    )
    took = time.perf_counter() - start
    imported = "textual" in ended.stderr
    print(f"lvstui --version: {took * 1000:.0f} ms; textual imported: {'yes' if imported else 'no'}")


if __name__ == "__main__":
    run_datatable() if sys.argv[1:] == ["datatable"] else main()
