"""All tests of guests on all kernels that the Debian archive has, and the table of docs/kernels.md."""

import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from tests.lab import guest, install, suite
from tests.lab.full import Full

KERNELS = ("uml", "uml:6.12", "uml:7.2", "full", "full:5.10", "full:6.12", "full:6.18", "full:7.3")
AT_ONCE = 2
SECONDS = 4 * 3600
"""Limit of one kernel: emulated on a busy machine, all tests take an hour."""


@dataclass(frozen=True, slots=True)
class Row:
    """What came of the tests on one kernel; with no test at all, `failed` names why."""

    kernel: guest.Kernel
    release: str
    run: int = 0
    failed: Sequence[str] = ()
    skipped: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        """Return the row of the Markdown table."""
        skipped = self.skipped.total()
        passed = self.run - len(self.failed) - skipped
        where = self.kernel.suite or "this Debian"
        cells = (self.release, where, self.kernel.name, self.run, passed, len(self.failed), skipped)
        return "| " + " | ".join(map(str, cells)) + " |"


def run(kernels: Sequence[guest.Kernel], *, core: bool) -> int:
    """Run the tests, or the core of them, on each kernel; print the table and return 1 where anything failed."""
    install.install(kernels)
    with ThreadPoolExecutor(AT_ONCE) as workers:
        rows = list(workers.map(lambda kernel: _row(kernel, core=core), kernels))
    print("| kernel | from | guest | tests | passed | failed | skipped |", "|---|---|---|---|---|---|---|", sep="\n")
    print(*rows, sep="\n")
    for row in rows:
        for name in row.failed:
            print(f"\n{row.kernel.name} failed: {name}", end="")
        for reason, count in row.skipped.items():
            print(f"\n{row.kernel.name} skipped {count}: {reason}", end="")
    print()
    return 1 if any(row.failed for row in rows) else 0


def _row(kernel: guest.Kernel, *, core: bool) -> Row:
    """Run one kernel's tests; where there is no such kernel or it died, the row says so."""
    if reason := install.lacks(kernel):
        return Row(kernel, "", failed=[reason])
    with tempfile.TemporaryDirectory(prefix="lvstui-lab-") as name:
        report = Path(name, "report.xml")
        wanted = suite.ALL if isinstance(kernel, Full) else "kernel"
        tests = [*suite.command(wanted), *(suite.CORE if core else ()), f"--junitxml={report}"]
        lab = [suite.python(), "-m", "tests.lab", "run", f"--kernel={kernel.name}", f"--seconds={SECONDS}"]
        done = subprocess.run(
            [*lab, "--writable", name, "--", *tests], cwd=guest.CHECKOUT, capture_output=True, text=True
        )
        print(f"== {kernel.name}", done.stdout, done.stderr, sep="\n", file=sys.stderr, flush=True)
        if not report.exists():
            return Row(kernel, kernel.release(), failed=[f"no report: {done.stderr.strip()[-500:]}"])
        return _read(kernel, report)


def _read(kernel: guest.Kernel, report: Path) -> Row:
    cases = list(ElementTree.parse(report).iter("testcase"))
    bad = [case for case in cases if case.find("failure") is not None or case.find("error") is not None]
    reasons = [skipped.get("message", "") for case in cases if (skipped := case.find("skipped")) is not None]
    names = [f"{case.get('classname', '').replace('.', '/')}.py::{case.get('name')}" for case in bad]
    return Row(kernel, kernel.release(), len(cases), names, Counter(reasons))
