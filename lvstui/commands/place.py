"""What all commands share: kernel and profile, the one look at them, their words to people, and how they end."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from lvstui.core.change import EMPTY, Change, service_of
from lvstui.core.drift import add_profile_values, find_drift
from lvstui.core.fields import visible
from lvstui.core.mistake import Mistake
from lvstui.core.model import NOBODYS, Home
from lvstui.core.order import arranged
from lvstui.core.overwriting import in_its_file, overwriting
from lvstui.core.record import Owner
from lvstui.core.words import count
from lvstui.formats.profile.write import ProfileError
from lvstui.kernel.port import NO_IPVS, Kernel, NoIpvs, NoRight
from lvstui.store.profile_file import NO_USUAL_PROFILE, ProfileFile
from lvstui.store.trial_place import demo_trial_path, trial_path

if TYPE_CHECKING:
    from lvstui.core.observed import Reading
    from lvstui.core.offer import Offer
    from lvstui.core.snapshot import Snapshot
    from lvstui.core.view.table import R, RowColumn
    from lvstui.formats.profile.examine import Examined
    from lvstui.store.history_file import HistoryFile
    from lvstui.store.trial_file import TrialFile


_OWNERS_PATIENCE = 3.0
"""Seconds that a command waits for the search for other programs; it takes some 20 milliseconds."""

_WARNINGS: Final = 20
"""How many services are warned of."""

_LONGEST: Final = 2000
"""Characters of a sentence that are printed."""


class Status(IntEnum):
    """How a command ended; scripts rely on it."""

    OK = 0
    ERROR = 1
    USAGE = 2
    """Wrong options, or no terminal for the screens."""
    DIFFERS = 3
    """`diff`, or a command with `--dry-run`, with something to do."""
    PERMISSION = 4
    NO_IPVS = 5
    FAULT = 70
    """An error that lvstui does not know, a fault of its own (EX_SOFTWARE of sysexits.h)."""
    INTERRUPTED = 130
    """Ctrl-C, as shells report it."""
    BROKEN_PIPE = 141
    """The reader of our output went away, as shells report it."""


class Failure(Exception):
    """A command that ends early, with one sentence for stderr and the exit status."""

    def __init__(self, sentence: str, status: int = Status.ERROR) -> None:
        super().__init__(sentence)
        self.status = status


DEMO_WITHOUT_PROFILE: Final = "no folder for temporary files can be written, so this demo keeps nothing on disk"


class Place(NamedTuple):
    """What a command works on: a kernel, and the profile with the names of its services.

    `file` is that profile, None where there is no usual one and none was named. `notice` says why it is not the kernel
    that one would expect; empty when it is. `owners` looks for other programs that write to that kernel, which takes a
    while. `here` is the machine and the namespace of that kernel.
    """

    kernel: Kernel
    file: ProfileFile | None
    notice: str = ""
    owners: Callable[[], tuple[Owner, ...]] = tuple
    here: Home = NOBODYS

    @property
    def profile(self) -> ProfileFile:
        """The profile; raises `Failure` where there is none."""
        if self.file is None:
            raise Failure(DEMO_WITHOUT_PROFILE if self.kernel.origin == "demo" else NO_USUAL_PROFILE)
        return self.file

    @property
    def history(self) -> HistoryFile:
        """The history beside the profile; the system's log gets only what is done to a real kernel."""
        from lvstui.store.history_file import HistoryFile  # with json and the formats of records

        return HistoryFile(self.profile.path, to_syslog=self.kernel.origin != "demo", home=self.here)

    @property
    def trial_path(self) -> Path | None:
        """Where the change on trial is on the disk; None for a demo without a profile, where there can be none."""
        if self.kernel.origin != "demo":
            return trial_path(self.here)
        return demo_trial_path(self.file.path) if self.file else None

    @property
    def trial(self) -> TrialFile | None:
        """The change on trial in this namespace."""
        from lvstui.store.trial_file import TrialFile  # with json and the formats of records

        return TrialFile(path) if (path := self.trial_path) else None


OpenPlace: TypeAlias = Callable[[], AbstractContextManager[Place]]
"""Opens kernel and profile as the command line says, for those commands that need them."""


def complain(sentence: str) -> None:
    """Print a sentence on stderr, after all that was printed before it."""
    sys.stdout.flush()
    if len(sentence) > _LONGEST:  # an argument may have 128 KiB; the remedy stands at the end
        sentence = f"{sentence[: _LONGEST // 2]} ... {sentence[-_LONGEST // 2 :]}"
    print(f"lvstui: {visible(sentence)}", file=sys.stderr)


def complain_of_first(sentences: Sequence[str], most: int, noun: str, rest: str) -> None:
    """Print so many sentences as `complain` does; `rest` says with {} of how many more of the noun nothing is said."""
    for sentence in sentences[:most]:
        complain(sentence)
    if len(sentences) > most:
        complain(rest.format(count(len(sentences) - most, f"more {noun}")))


def warn_of_owners(place: Place, writes: Sequence[Change]) -> None:
    """Warn on stderr of services that another program may overwrite; looks for one only if a service is written.

    A look costs a walk through all processes, and the import of what walks.
    """
    if not any(service_of(change.target) for change in writes):
        return
    from lvstui.host.patience import within

    try:
        owners = within(_OWNERS_PATIENCE, place.owners)
    except TimeoutError:
        complain(
            f"warning: the search for other programs that write to this table has not ended in "
            f"{_OWNERS_PATIENCE:.0f} seconds; one of them may overwrite this"
        )
        return
    sentences = overwriting(owners, writes)
    for sentence in sentences:
        complain(f"warning: {sentence}")
    if sentences:
        from lvstui.store.owned_files import owned_lines  # with the formats of other programs

        try:
            lines = within(_OWNERS_PATIENCE, lambda: owned_lines(owners, writes))
        except TimeoutError:
            return
        complain_of_first([*map(in_its_file, lines)], _WARNINGS, "line", "in its file: {}")


def warn_of_consequences(changes: Sequence[Change], reading: Reading, hint: str = "") -> None:
    """Warn on stderr of what changes do to clients; `hint` says how the edit that avoids something is made here."""
    from lvstui.core.advice.consequences import consequences

    found = [f"warning: {one}{hint if one.changes else ''}" for one in consequences(changes, reading)]
    complain_of_first(found, _WARNINGS, "service", "warning: the same of {}")


def warn_of_loss(changes: Sequence[Change], reading: Reading) -> None:
    """Warn on stderr of what does not come back when changes on trial are taken back."""
    from lvstui.core.advice.irrevocable import cannot_return

    for text in cannot_return(changes, reading):
        complain(f"warning: on trial, {text}")


def columns_of(columns: Sequence[RowColumn[R]], rows: Iterable[R]) -> list[str]:
    """Return rows below the headings of those columns that are printed; `-` stands for what is not known."""
    from lvstui.core.view.table import printed_columns

    chosen = printed_columns(columns)
    lines = [[column.heading or column.title.upper() for column in chosen]]
    lines += [cells_of(chosen, row) for row in rows]
    return align(lines, frozenset(place for place, column in enumerate(chosen) if column.right))


def cells_of(columns: Iterable[RowColumn[R]], row: R) -> list[str]:
    """Return what stands in the columns of a row; `-` for what is not known."""
    values = (column.value(row) if column.value else None for column in columns)
    return ["-" if value is None else visible(str(value)) for value in values]


def align(rows: Sequence[Sequence[str]], right: frozenset[int] = frozenset()) -> list[str]:
    """Put rows into columns as wide as their widest cell, without trailing blanks."""
    widths = widths_of(rows)
    return [align_row(row, widths, right) for row in rows]


def widths_of(rows: Iterable[Sequence[str]]) -> list[int]:
    """Return the width of the widest cell of each column."""
    return [max(map(len, column)) for column in zip(*rows, strict=True)]


def align_row(cells: Iterable[str], widths: Iterable[int], right: frozenset[int]) -> str:
    """Put the cells of a row into columns of these widths, without trailing blanks."""
    return "  ".join(
        cell.rjust(width) if index in right else cell.ljust(width)
        for index, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ).rstrip()


def print_json(document: object) -> None:
    """Print a document as JSON, which a generator in it may bring forth bit by bit."""
    from lvstui.formats.json import pieces

    sys.stdout.writelines(pieces(document))
    print()


def read_with_owners(place: Place, *, rules_suffice: bool = False) -> Snapshot:
    """Read the director as `read_snapshot` does, and look for the programs that write to it: none if it takes long."""
    return replace(read_snapshot(place, rules_suffice=rules_suffice), owners=owners_of(place))


def owners_of(place: Place) -> tuple[Owner, ...]:
    """Look for the programs that write to a kernel: none if that takes long."""
    from lvstui.host.patience import within

    try:
        return within(_OWNERS_PATIENCE, place.owners)
    except TimeoutError:
        return ()


def read_snapshot(place: Place, *, rules_suffice: bool = False, to_write: bool = False) -> Snapshot:
    """Read the director once, in order, with the profile's names and what differs from it.

    Where there is no IPVS, and `rules_suffice`, the packet filter's rules are all that stands in it. Raises `NoRight`
    where it is read `to_write` something and the right for that is missing.
    """
    from lvstui.core.snapshot import Host, ProfileState, Snapshot  # with records of the history

    try:
        profile = (place.file.load() if place.file else None) or EMPTY
    except ProfileError as error:  # no reason to show nothing
        complain(f"{error}; names are left out")
        profile = EMPTY
    try:
        reading = place.kernel.read()
    except NoIpvs:
        if not rules_suffice:
            raise
        complain(f"{NO_IPVS}; shown is what the packet filter does")
        reading = place.kernel.read_filter()
    if to_write and place.kernel.read_only:
        raise NoRight(place.kernel.read_only)
    if reading.partial and place.kernel.read_only:
        complain(place.kernel.read_only)
    path = str(place.file.path) if place.file else ""
    drift = () if profile is EMPTY else find_drift(reading.director, profile)
    state = ProfileState(path, True, drift, saved=profile)
    director = replace(arranged(add_profile_values(reading.director, profile)), home=place.here)
    return Snapshot(
        replace(reading, director=director),
        place.kernel.origin,
        Host(""),
        profile=state,
        read_only=place.kernel.read_only,
        here=place.here,
    )


def is_plan(text: str) -> bool:
    """Return whether a text is meant to be a plan: JSON, which no profile begins like."""
    return text.lstrip()[:1] == "{"


def read_profile(text: str, path: Path, kernel: Kernel, reading: Reading) -> Examined:
    """Read the text of a profile, with what a kernel lacks of it. Raises `ProfileError` where it cannot be read."""
    from lvstui.formats.profile.examine import examine

    found = examine(text, str(path), _offer(kernel, reading))
    if not found.whole:
        raise ProfileError(*found.mistakes)
    return found


def read_sound_profile(text: str, path: Path, kernel: Kernel, reading: Reading) -> Examined:
    """Read the text of a profile without those objects in it that are wrong.

    Raises `ProfileError` where nothing of it can be read.
    """
    from lvstui.formats.profile.examine import sound

    return sound(text, str(path), _offer(kernel, reading))


def _offer(kernel: Kernel, reading: Reading) -> Offer:
    from lvstui.core.offer import Offer

    return Offer("this kernel", reading.director.sysctl, kernel.schedulers)


def complain_of(mistakes: Iterable[Mistake]) -> None:
    """Print mistakes on stderr as editors jump to them, after all that was printed before."""
    sys.stdout.flush()
    for mistake in mistakes:
        print(mistake, file=sys.stderr)


def read_whole(kernel: Kernel) -> Reading:
    """Read all that the kernel holds.

    Raises `NoRight` where it can only be read in part: /proc shows no thresholds, tunnels, timeouts and daemons, and
    a kernel may show only at the first reading that the right is missing.
    """
    reading = kernel.read()
    if kernel.read_only:
        raise NoRight(kernel.read_only)
    return reading
