"""The history on the command line."""

from __future__ import annotations

from argparse import Namespace
from collections import deque
from contextlib import suppress
from dataclasses import replace

from lvstui.commands.place import Failure, OpenPlace, Status, print_json
from lvstui.core.change import EMPTY
from lvstui.core.record import heading, lines, matches
from lvstui.formats.profile.write import ProfileError
from lvstui.host.home import find_home
from lvstui.kernel.port import KernelError
from lvstui.store.history_file import HistoryFile
from lvstui.store.journal_file import left_paths
from lvstui.store.profile_file import NO_USUAL_PROFILE, ProfileFile, default_path

_LINES_SHOWN = 20


def history(options: Namespace, open_place: OpenPlace) -> int:
    """Print the last records that say all of the words, newest last; no kernel is needed for that."""
    if options.demo and options.profile is None:
        raise Failure("the demo keeps no history; name a profile with --profile", Status.USAGE)
    here = find_home(options.netns)
    path = options.profile or default_path(here)
    if path is None:
        raise Failure(NO_USUAL_PROFILE)
    profile = ProfileFile(path)
    director = EMPTY
    with suppress(ProfileError):
        director = profile.load() or EMPTY
    director = replace(director, home=here)
    if left_paths(profile.path):
        with suppress(KernelError), open_place():  # which records what a killed lvstui left
            pass
    records = HistoryFile(profile.path).records()
    found = deque((record for record in records if matches(record, options.words, director)), maxlen=options.count)
    if options.json:
        from lvstui.formats.changes import record_object  # with what writes commands

        print_json({"record": (record_object(record, director) for record in found)})
        return Status.OK
    for record in found:
        every = lines(record, director)
        print(heading(record, director), *(f"    {line}" for line in every[:_LINES_SHOWN]), sep="\n")
        if len(every) > _LINES_SHOWN:
            print(f"    and {len(every) - _LINES_SHOWN} more; --json prints all")
    return Status.OK
