"""What a command works on, and the one look that it takes at it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from lvstui.commands.output import complain
from lvstui.core.change import EMPTY
from lvstui.core.drift import add_profile_values, find_drift
from lvstui.core.fields import visible
from lvstui.core.model import Director
from lvstui.core.owners import Owner
from lvstui.formats.profile.write import ProfileError
from lvstui.kernel.port import Kernel, NoRight
from lvstui.store.profile_file import ProfileFile

if TYPE_CHECKING:
    from lvstui.core.snapshot import Snapshot
    from lvstui.store.history_file import HistoryFile


class Place(NamedTuple):
    """What a command works on: a kernel, and the profile that gives its services their names.

    `notice` says why it is not the kernel that one would expect; empty when it is. `owners` looks for other programs
    that write to that kernel, which takes a while.
    """

    kernel: Kernel
    profile: ProfileFile
    notice: str = ""
    owners: Callable[[], Iterable[Owner]] = tuple

    @property
    def history(self) -> HistoryFile:
        """The history beside the profile; the system's log gets only what is done to a real kernel."""
        from lvstui.store.history_file import HistoryFile  # with json and the formats of records

        return HistoryFile(self.profile.path, to_syslog=self.kernel.origin != "demo")


OpenPlace: TypeAlias = Callable[[], AbstractContextManager[Place]]
"""Opens kernel and profile as the command line says, for those commands that need them."""


def read_snapshot(place: Place) -> Snapshot:
    """Read the director once, with the profile's names and what differs from it."""
    from lvstui.core.snapshot import Host, ProfileState, Snapshot  # with records of the history

    profile = _read_names(place)
    reading = place.kernel.read()
    state = ProfileState(str(place.profile.path), True, find_drift(reading.director, profile), saved=profile)
    reading = replace(reading, director=add_profile_values(reading.director, profile))
    return Snapshot(reading, place.kernel.origin, Host(""), profile=state, read_only=place.kernel.read_only)


def _read_names(place: Place) -> Director:
    """Read the profile; one that cannot be read is no reason to show nothing."""
    try:
        return place.profile.load() or EMPTY
    except ProfileError as error:
        complain(f"{error}; names are left out")
        return EMPTY


def read_whole_table(kernel: Kernel) -> Director:
    """Read what the kernel holds.

    Raises `NoRight` where it can only be read in part: /proc shows no thresholds, tunnels, timeouts and daemons, and
    a kernel may show only at the first reading that the right is missing.
    """
    director = kernel.read().director
    if kernel.read_only:
        raise NoRight(kernel.read_only)
    return director


def load_profile(path: Path) -> Director:
    """Read a profile that has to be there; raises `ProfileError`."""
    director = ProfileFile(path).load()
    if director is None:
        raise ProfileError(f"{visible(str(path))} does not exist; `lvstui export -o` writes it from the running kernel")
    return director
