"""An event as one object of JSON, for scripts that read what happens."""

from __future__ import annotations

from lvstui.core.events.event import Event
from lvstui.formats.changes import change_object, target_object
from lvstui.formats.json import Table
from lvstui.formats.records import time_text


def table(event: Event) -> Table:
    """Name what an event says; every field is always there, null where there is nothing to say.

    `time` is when it was seen and `since` the reading before, in UTC. `kind` is a word of `Happening`, `how` is `seen`
    (an edit in the kernel by `who`, or who manages what was edited), `state`, or the kind of a record of the history.
    `target` is the one object that it is about, as in a change, and `change` has the first changes of a `total`.
    `old` and `new` are words of a state. `text` says all of it to people.
    """
    found = event.found
    return {
        "time": time_text(event.time),
        "since": time_text(event.since) if event.since else None,
        "kind": found.happening.value,
        "who": found.who,
        "how": found.how,
        "state": event.state or None,
        "text": found.text,
        "target": target_object(found.target) if found.target else None,
        "old": found.old or None,
        "new": found.new or None,
        "change": [change_object(change) for change in found.changes],
        "total": found.total,
    }
