"""Comparing a profile with the kernel: the plan that `apply` carries out, and `diff`, which prints it."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import dataclass, replace

from lvstui.commands.output import complain
from lvstui.commands.place import OpenPlace, Place, load_profile, read_whole_table
from lvstui.commands.status import Status
from lvstui.core.change import Change, kernel_writes
from lvstui.core.describe import describe
from lvstui.core.drift import find_drift
from lvstui.core.model import Director
from lvstui.kernel.port import Kernel


@dataclass(frozen=True, slots=True)
class Plan:
    """What makes the kernel equal a profile: the changes, and the fewest kernel writes for them, in order."""

    running: Director
    profile: Director
    changes: tuple[Change, ...]
    writes: tuple[Change, ...]

    def line(self, change: Change) -> str:
        """Write one of the changes in a line."""
        return describe(change, self.profile)

    @property
    def lines(self) -> list[str]:
        """The writes, a line each."""
        return [self.line(change) for change in self.writes]


def plan(kernel: Kernel, profile: Director, *, keep_others: bool = False) -> Plan:
    """Compare the kernel with a profile; `keep_others` leaves services and marks alone that the profile lacks."""
    running = read_whole_table(kernel)
    if keep_others:
        marks = {**running.groups, **profile.groups}
        profile = replace(profile, pools={**running.pools, **profile.pools}, marks=marks)
    changes = find_drift(running, profile)
    return Plan(running, profile, changes, kernel_writes(changes))


def diff(options: Namespace, open_place: OpenPlace) -> int:
    """Print what would have to be written to make the kernel equal a profile."""
    with open_place() as place:
        profile = load_profile(options.file or place.profile.path)
        warn_of_marks(place, profile)
        return print_plan(plan(place.kernel, profile))


def print_plan(steps: Plan) -> Status:
    """Print the writes, a line each, and return whether there are any."""
    for line in steps.lines:
        print(line)
    return Status.DIFFERS if steps.writes else Status.OK


def warn_of_marks(place: Place, profile: Director) -> None:
    """Say that the rules of a profile's marks are left out, where they can be neither read nor written."""
    if profile.marks and place.kernel.read().director.marks is None:
        complain("its marks are left out: `lvstui export --format nft` prints the rules that set them")
