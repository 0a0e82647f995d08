"""The profile at the start of a director: `apply --boot`, which the services of systemd run."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from lvstui.commands.caution import refuse_dangers
from lvstui.commands.place import (
    Failure,
    OpenPlace,
    Place,
    Status,
    complain,
    complain_of,
    owners_of,
    read_sound_profile,
    read_whole,
)
from lvstui.commands.work import Work, carry_out, compare, print_work, warn_of_marks
from lvstui.core.change import Change, kernel_writes, service_of
from lvstui.core.fields import service_text
from lvstui.core.home import whose
from lvstui.core.mistake import Severity
from lvstui.core.model import Director, MarkGroupKey, ServiceKey, SyncRole, SysctlKey
from lvstui.core.record import Owner, find_claims
from lvstui.core.words import first_of
from lvstui.formats.profile.examine import Examined
from lvstui.store.profile_file import read_text

_LOOKS: Final = 2
"""How often the kernel is brought to the profile: some settings come only with the first service of a scheduler."""

_SHOWN: Final = 3
"""Services of another program that are named."""

_MANAGERS: Final = ("keepalived", "ldirectord")
"""Programs that say which services are theirs; others keep to themselves, or would take all of the table."""


def boot(options: Namespace, open_place: OpenPlace) -> int:
    """Bring the kernel to a profile as far as that can be had, deleting nothing, and say what cannot."""
    if options.json or options.confirm_within is not None:
        raise Failure("--boot: cannot stand beside --json or --confirm-within; leave one of them out", Status.USAGE)
    options.keep_others = True
    with open_place() as place:
        path = options.file or place.profile.path
        start = _Start(place, path, read_text(path), options, _find_owners(place))
        start.warn_of_flushes()
        refused: Collection[Change] = ()
        for _ in range(_LOOKS):
            found, work = start.look()
            refuse_dangers(options, [whose(str(start.path), found.director.home, place.here)] if work.writes else [])
            if options.dry_run:
                print_work(work, str(start.path), options)
                return Status.DIFFERS if work.writes else Status.OK
            if work.writes:
                refused = carry_out(place, work, str(start.path), as_json=False)
        found, left = start.look(last=True)
        start.say_what_lacks(found, left, refused)
        if found.refused and _has_nothing(found.director):
            raise Failure(f"nothing of {start.path} can be had")
        return Status.DIFFERS if left.writes or found.refused or _lacks_marks(left, options) else Status.OK


@dataclass(frozen=True, slots=True)
class _Start:
    """What a start knows: the place, the profile, what of it is asked for, and who manages services of its own."""

    place: Place
    path: Path
    text: str
    options: Namespace
    owners: tuple[Owner, ...]

    def look(self, *, last: bool = False) -> tuple[Examined, Work]:
        """Return the profile without what is wrong in it, and what of it is to be written now, or (`last`) lacks.

        Settings that are not there yet are written when they are.
        """
        reading = read_whole(self.place.kernel)
        found = read_sound_profile(self.text, self.path, self.place.kernel, reading)
        work = compare(self.place, reading, found.director, self.options)
        theirs = find_claims(self.owners, work.changes)
        wanted = (change for change in work.changes if self._is_wanted(change, theirs))
        changes = tuple(change for change in wanted if last or not _is_absent(change))
        return found, replace(work, changes=changes, writes=kernel_writes(changes))

    def _is_wanted(self, change: Change, theirs: Mapping[ServiceKey, Owner]) -> bool:
        """Return whether a change is in the part that is asked for, deletes nothing and is of nobody else's service."""
        if change.after is None:
            return False
        match change.target:
            case SyncRole():
                return bool(self.options.sync) and change.before is None
            case MarkGroupKey():
                return not self.options.sync and (change.before is None or not self.options.marks)
            case target:
                return not (self.options.sync or self.options.marks) and service_of(target) not in theirs

    def warn_of_flushes(self) -> None:
        """Say who will clear the table when it starts, with all that is written now."""
        for owner in self.owners:
            if owner.flushes and not self.options.sync:
                complain(
                    f"warning: {owner.config} has lvs_flush: {owner.program} clears the whole table when it starts, "
                    "with all services that it does not manage; take that line out"
                )

    def say_what_lacks(self, found: Examined, left: Work, refused: Collection[Change]) -> None:
        """Say what is not as the profile has it, beside what was refused, for which the reason has been said."""
        complain_of(one for one in found.mistakes if one.severity is Severity.ERROR)
        for change in left.writes:
            if change not in refused:
                print(f"still differs: {left.line(change)}", file=sys.stderr)
        if not self.options.sync:
            warn_of_marks(left)
        if self.options.sync or self.options.marks:
            return
        for owner in self.owners:
            keys = [service_text(key) for key in found.director.pools if owner.owns(key)]
            if keys:
                complain(f"left to {owner.program}, which manages them: {first_of(keys, _SHOWN)}")


def _has_nothing(director: Director) -> bool:
    """Return whether there is nothing in a profile that a kernel could get."""
    return not any((director.pools, director.timeouts, director.daemons, director.sysctl, director.groups))


def _is_absent(change: Change) -> bool:
    """Return whether a change is of a setting that the kernel does not have."""
    return isinstance(change.target, SysctlKey) and change.before is None


def _lacks_marks(left: Work, options: Namespace) -> bool:
    """Return whether the rules of marks can be neither seen nor written."""
    return bool(left.names.marks) and left.reading.director.marks is None and not options.sync


def _find_owners(place: Place) -> tuple[Owner, ...]:
    """Return who manages services, now or once the machine has started; none beside a kernel in memory."""
    if place.kernel.origin == "demo":
        return ()
    from lvstui.host.enabled import enabled_owners

    running = [owner for owner in owners_of(place) if owner.program in _MANAGERS]
    names = {owner.program for owner in running}
    return (*running, *(owner for owner in enabled_owners() if owner.program not in names))
