"""What the worker has to say, in one sentence for the line below the table."""

from __future__ import annotations

from dataclasses import replace

from lvstui.core import fields
from lvstui.core.describe import describe
from lvstui.core.entries.edits import Outcome
from lvstui.core.snapshot import Snapshot
from lvstui.core.view.table import Tone
from lvstui.engine.entry_desk import summary
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


def sentence(event: Event) -> tuple[str, Tone]:
    """Put an event into one sentence with its tone."""
    match event:
        case Applied(edit):
            first = describe(edit.changes[0]) if edit.changes else ""
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
        case Rejected(edit, sentence, _, written):
            made = f" ({len(written)} of {len(edit.changes)} changes were made)" if written else ""
            return f"not done: {sentence}{made}", Tone.BAD
        case Overtaken(_, change, now):
            return f"nothing written: {describe(replace(change, after=now))} by somebody else", Tone.BAD
        case Unsaved(sentence):
            return f"the kernel has it, the profile does not: {sentence}", Tone.BAD
        case Notice(sentence):
            return sentence, Tone.WARN
        case Snapshot():
            return "", Tone.PLAIN
