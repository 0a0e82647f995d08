"""What happens to a director, a line an event, until somebody ends it: for scripts and for journald."""

from __future__ import annotations

import gc
import json
import signal
import sys
from argparse import Namespace
from collections.abc import Iterator

from lvstui.commands.place import OpenPlace, Place, Status, complain
from lvstui.commands.signals import Ended
from lvstui.commands.streams import Output
from lvstui.core.events.event import Event
from lvstui.core.record import stamp
from lvstui.core.snapshot import EMPTY_SNAPSHOT, Snapshot
from lvstui.engine.messages import Event as Posted
from lvstui.engine.worker import Worker
from lvstui.formats.events import table

_WATCHING = "`lvstui watch` writes nothing"


def watch(options: Namespace, open_place: OpenPlace) -> int:
    """Print what others do and what happens by itself from now on; nothing is sent and nothing written.

    SIGINT and SIGTERM are the usual end, with status 0. A reader that goes away ends it at the next event.
    """
    gc.enable()  # off since the start; unlike other commands, this one lives long
    try:
        with open_place() as place:
            complain(_intent(place, options.interval))
            for event in happenings(place, options.interval):
                print(json.dumps(table(event)) if options.json else line(event), flush=True)
                if isinstance(sys.stdout, Output) and sys.stdout.error:
                    break
    except Ended as end:
        if end.number not in (signal.SIGINT, signal.SIGTERM):
            raise
    return Status.OK


def line(event: Event) -> str:
    """Return an event in a line: when, who, how it is known, what, and `not ours` where no lvstui made it."""
    words = [stamp(event.time), event.found.who, event.found.how, event.found.text]
    return "  ".join([*words, event.state] if event.found.happening.is_foreign else words)


def happenings(place: Place, interval: float) -> Iterator[Event]:
    """Read a director again and again, and yield what happened since the first reading, each event once."""
    newest = EMPTY_SNAPSHOT

    def take(posted: Posted) -> None:
        nonlocal newest
        if isinstance(posted, Snapshot):
            newest = posted

    worker = Worker(
        place.kernel,
        place.file,
        take,
        interval=interval,
        read_only=_WATCHING,
        records=None if place.file is None else place.history,
        owners=place.owners,
        threaded=False,
        here=place.here,
        trial=place.trial,
    )
    told, trouble = 0, ""
    while worker.step():
        for event in newest.events:
            if event.number > told:
                told = event.number
                yield event
        if newest.profile.trouble != trouble:
            trouble = newest.profile.trouble
            if trouble:
                complain(trouble)


def _intent(place: Place, interval: float) -> str:
    """Say what is watched, and what cannot be seen."""
    names = f", names from {place.file.path}" if place.file else ""
    less = f"; {place.kernel.read_only}" if place.kernel.read_only else ""
    return f"watching {place.kernel.origin} every {interval:g} s{names}{less}; Ctrl-C ends it"
