"""An event in one sentence, for the line below the table and for stderr."""

from __future__ import annotations

from collections.abc import Sequence

from lvstui.core import fields
from lvstui.core.change import EMPTY
from lvstui.core.describe import describe
from lvstui.core.entries.edits import EntryReport, Outcome
from lvstui.core.model import Director
from lvstui.core.snapshot import Snapshot
from lvstui.core.view.table import Tone
from lvstui.engine.messages import (
    Applied,
    EntriesDone,
    EntryProgress,
    Event,
    Notice,
    Overtaken,
    Rejected,
    Unsaved,
    Zeroed,
)


def sentence(event: Event, director: Director = EMPTY) -> tuple[str, Tone]:
    """Put an event into one sentence with its tone; `director` lends the names of the services."""
    match event:
        case Applied(edit):
            first = describe(edit.changes[0], director) if edit.changes else ""
            more = f" and {len(edit.changes) - 1} more" if len(edit.changes) > 1 else ""
            return f"done: {first}{more}", Tone.GOOD
        case EntryProgress(report, done, total):
            tone = Tone.GOOD if report.outcome is Outcome.DONE else Tone.BAD
            return f"{report.sentence}{f' ({done} of {total}, Esc stops)' if total > 1 else ''}", tone
        case EntriesDone(reports, total):
            missing = f", {total - len(reports)} not tried" if total > len(reports) else ""
            return f"entries: {summary(reports)}{missing}", Tone.PLAIN
        case Zeroed(key):
            return f"done: the counters of {fields.service_text(key) if key else 'everything'} are zero", Tone.GOOD
        case Rejected(edit, _, done):
            count = f" ({len(done)} of {len(edit.changes)} changes were made)" if done else ""
            return f"not done: {event.sentence}{count}", Tone.BAD
        case Overtaken():
            what = describe(event.made_by_others, director)
            return f"nothing written, somebody else was faster: {what}; look again and repeat it", Tone.BAD
        case Unsaved(sentence):
            return f"the kernel has it, the profile does not: {sentence}", Tone.BAD
        case Notice(sentence):
            return sentence, Tone.WARN
        case Snapshot():
            return "", Tone.PLAIN


def summary(reports: Sequence[EntryReport]) -> str:
    """Count how many edits came to which end: `12 done, 1 busy`."""
    words = [report.outcome.value for report in reports]
    return ", ".join(f"{words.count(word)} {word}" for word in dict.fromkeys(words))
