"""The history on the command line."""

from __future__ import annotations

from argparse import Namespace
from collections import deque
from contextlib import suppress

from lvstui.commands.place import Failure, OpenPlace, Status, print_json
from lvstui.core.change import EMPTY
from lvstui.core.record import lines, matches
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
    director = EMPTY
    with suppress(ProfileError):
        director = profile.load() or EMPTY
    records = HistoryFile(profile.path).records()
    found = deque((record for record in records if matches(record, options.words, director)), maxlen=options.count)
    if options.json:
        print_json([table(record) for record in found])
        return Status.OK
    for record in found:
        every = lines(record, director)
        print(record.title, *(f"    {line}" for line in every[:_LINES_SHOWN]), sep="\n")
        if len(every) > _LINES_SHOWN:
            print(f"    and {len(every) - _LINES_SHOWN} more; --json prints all")
    return Status.OK
