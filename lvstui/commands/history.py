"""The history on the command line."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Sequence

from lvstui.commands.place import Place
from lvstui.commands.status import Status
from lvstui.core.change import EMPTY
from lvstui.core.model import Director
from lvstui.core.record import Record, lines, matches
from lvstui.formats.profile.write import ProfileError
from lvstui.formats.records import table
from lvstui.store.history_file import HistoryFile
from lvstui.store.profile_file import ProfileFile

_LINES_SHOWN = 20


def history_of(place: Place) -> HistoryFile:
    """Give the history beside the profile; the system's log is told only of what is done to a real kernel."""
    return HistoryFile(place.profile.path, to_syslog=place.kernel.origin != "demo")


def history(profile: ProfileFile, words: Sequence[str], count: int, *, as_json: bool) -> int:
    """Print the last records that say all of the words, newest last."""
    director = _names(profile)
    found = deque(
        (each for each in HistoryFile(profile.path).records() if matches(each, words, director)), maxlen=count
    )
    if as_json:
        print(json.dumps([table(record) for record in found], indent=2))
        return Status.OK
    for record in found:
        print("\n".join(_told(record, director)))
    return Status.OK


def _names(profile: ProfileFile) -> Director:
    """Give the profile for the names of its services; none where it cannot be read."""
    try:
        return profile.load() or EMPTY
    except ProfileError:
        return EMPTY


def _told(record: Record, director: Director) -> list[str]:
    every = lines(record, director)
    told = [record.title, *(f"    {line}" for line in every[:_LINES_SHOWN])]
    more = len(every) - _LINES_SHOWN
    return [*told, f"    and {more} more; --json tells all"] if more > 0 else told
