"""The history on the command line."""

from __future__ import annotations

from argparse import Namespace
from collections import deque

from lvstui.commands.output import print_json
from lvstui.commands.place import OpenPlace
from lvstui.commands.status import Failure, Status
from lvstui.core.change import EMPTY
from lvstui.core.model import Director
from lvstui.core.record import Record, lines, matches
from lvstui.formats.profile.write import ProfileError
from lvstui.formats.records import table
from lvstui.store.history_file import HistoryFile
from lvstui.store.profile_file import ProfileFile, default_path

_LINES_SHOWN = 20


def history(options: Namespace, _open_place: OpenPlace) -> int:
    """Print the last records that say all of the words, newest last; no kernel is needed for that."""
    if options.demo and options.profile is None:
        raise Failure("the demo keeps no history; name a profile with --profile", Status.USAGE)
    profile = ProfileFile(options.profile or default_path())
    director = _names(profile)
    records = HistoryFile(profile.path).records()
    found = deque((record for record in records if matches(record, options.words, director)), maxlen=options.count)
    if options.json:
        print_json([table(record) for record in found])
        return Status.OK
    for record in found:
        print("\n".join(_lines(record, director)))
    return Status.OK


def _names(profile: ProfileFile) -> Director:
    """Return the profile for the names of its services; empty where it cannot be read."""
    try:
        return profile.load() or EMPTY
    except ProfileError:
        return EMPTY


def _lines(record: Record, director: Director) -> list[str]:
    every = lines(record, director)
    shown = [record.title, *(f"    {line}" for line in every[:_LINES_SHOWN])]
    more = len(every) - _LINES_SHOWN
    return [*shown, f"    and {more} more; --json tells all"] if more > 0 else shown
