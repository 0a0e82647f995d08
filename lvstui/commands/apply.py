"""Comparing a profile with the kernel, and making the kernel equal it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from lvstui.core.change import Change, changes_in_effect, kernel_writes
from lvstui.core.describe import describe
from lvstui.core.drift import drift
from lvstui.core.model import Director
from lvstui.kernel.port import Kernel, KernelError, NoRight


@dataclass(frozen=True, slots=True)
class Plan:
    """What makes the kernel equal a profile: the changes, and the fewest kernel writes for them, in order."""

    profile: Director
    changes: tuple[Change, ...]
    writes: tuple[Change, ...]

    def lines(self) -> list[str]:
        """Tell the writes, a line each."""
        return [describe(change, self.profile) for change in self.writes]


def whole_table(kernel: Kernel) -> Director:
    """Read what the kernel holds.

    Raises `NoRight` where it can only be read in part: /proc tells no thresholds, tunnels, timeouts and daemons, and
    a kernel may show only at the first reading that the right is missing.
    """
    director = kernel.read().director
    if kernel.read_only:
        raise NoRight(kernel.read_only)
    return director


def plan(kernel: Kernel, profile: Director, *, keep_others: bool = False) -> Plan:
    """Compare the kernel with a profile; `keep_others` leaves services and marks alone that the profile lacks."""
    running = whole_table(kernel)
    if keep_others:
        marks = {**(running.marks or {}), **(profile.marks or {})}
        profile = replace(profile, pools={**running.pools, **profile.pools}, marks=marks)
    changes = drift(running, profile)
    return Plan(profile, changes, kernel_writes(changes))


def carry_out(kernel: Kernel, steps: Plan, record: Callable[[tuple[Change, ...]], None]) -> None:
    """Write a plan to the kernel, printing each line once it holds, and record the changes that were changes_in_effect.

    A failure ends it: stderr tells what failed and what was not tried, and the `KernelError` is passed on.
    """
    lines = steps.lines()
    written = 0
    try:
        for change in steps.writes:
            kernel.write(change)
            print(lines[written])
            written += 1
    except KernelError:
        _tell_failure(lines, written)
        raise
    finally:
        if written:
            record(changes_in_effect(steps.changes, steps.writes, written))


def _tell_failure(lines: Sequence[str], failed: int) -> None:
    sys.stdout.flush()
    print(f"lvstui: {failed} of {len(lines)} changes were written, the next one failed", file=sys.stderr)
    print(f"  failed     {lines[failed]}", file=sys.stderr)
    for line in lines[failed + 1 :]:
        print(f"  not tried  {line}", file=sys.stderr)
