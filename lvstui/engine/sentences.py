"""What became of a request, in words: each event as a sentence, each change of an edit with how it ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lvstui.core.change import EMPTY, Change
from lvstui.core.describe import describe
from lvstui.core.entries.edits import EntryReport, Outcome
from lvstui.core.fields import service_text
from lvstui.core.model import Director
from lvstui.core.snapshot import Snapshot
from lvstui.core.view.table import Tone
from lvstui.engine.messages import (
    Applied,
    EditOutcome,
    EntriesDone,
    EntryProgress,
    Event,
    Examined,
    Extended,
    Followed,
    Incomplete,
    Kept,
    Notice,
    Overtaken,
    Rejected,
    TakenBack,
    TrialEvent,
    Undecided,
    Unsaved,
    Zeroed,
)
from lvstui.kernel.port import Refused


def ends_of(outcome: EditOutcome) -> Mapping[Change, tuple[str, str]]:
    """Return how each change of an edit ended: `written`, `refused` or `not written`, and why it was not."""
    ends = dict.fromkeys(outcome.edit.changes, ("not written", ""))
    match outcome:
        case Applied() | Incomplete():
            pass
        case Rejected(_, error, _, failed):
            if failed is not None:
                ends[failed] = "refused" if isinstance(error, Refused) else "not written", str(error)
        case Overtaken(_, change):
            ends[change] = "not written", "somebody else was faster"
    ends |= dict.fromkeys(outcome.done, ("written", ""))
    for refusal in () if isinstance(outcome, Applied | Overtaken) else outcome.refusals:
        ends[refusal.change] = "refused" if refusal.tried else "not written", refusal.reason
    return ends


def sentence(event: Event, director: Director = EMPTY) -> tuple[str, Tone]:
    """Put an event into one sentence with its tone; the names of services are those of `director`."""
    match event:
        case Applied(edit) if edit.trial:
            return (
                f"on trial: {_first(edit.changes, director)}; taken back in {edit.trial:.0f} s unless kept",
                Tone.WARN,
            )
        case Applied(edit):
            return f"done: {_first(edit.changes, director)}", Tone.SECONDARY
        case Kept() | Extended() | TakenBack() | Undecided():
            return _trial_sentence(event, director)
        case EntryProgress(report, done, total):
            tone = Tone.SECONDARY if report.outcome is Outcome.DONE else Tone.BAD
            return f"{report.sentence}{f' ({done} of {total}, Esc stops)' if total > 1 else ''}", tone
        case EntriesDone(_, 0):
            return "entries: no client sticks there", Tone.PLAIN
        case EntriesDone(reports, total):
            missing = f", {total - len(reports)} not tried" if total > len(reports) else ""
            return f"entries: {summary(reports)}{missing}", Tone.PLAIN
        case Zeroed(key):
            return f"done: the counters of {service_text(key) if key else 'everything'} are zero", Tone.SECONDARY
        case Rejected(edit, _, done):
            count = f" ({len(done)} of {len(edit.changes)} changes were written)" if done else ""
            return f"not done: {event.sentence}{count}", Tone.BAD
        case Incomplete(edit, done):
            return f"{len(done)} of {len(edit.changes)} changes were written, {event.sentence}", Tone.BAD
        case Overtaken():
            what = describe(event.made_by_others, director)
            return f"nothing written, somebody else was faster: {what}; look again and repeat it", Tone.BAD
        case Unsaved(sentence):
            return f"the kernel has it, the profile does not: {sentence}", Tone.BAD
        case Notice(sentence):
            return sentence, Tone.WARN
        case Snapshot() | Followed() | Examined():
            return "", Tone.PLAIN


def _first(changes: Sequence[Change], director: Director) -> str:
    """Return the first of changes in a line, and how many more there are."""
    if not changes:
        return ""
    more = f" and {len(changes) - 1} more" if len(changes) > 1 else ""
    return f"{describe(changes[0], director)}{more}"


def _trial_sentence(event: TrialEvent, director: Director) -> tuple[str, Tone]:
    """Put into one sentence what became of a change on trial."""
    match event:
        case Kept(_, done, left, trouble):
            others = f"; others have changed since, and stay: {_first(left, director)}" if left else ""
            unsaved = f"; the kernel has it, the profile does not yet: {trouble}" if trouble else ""
            first = _first(done, director) or "nothing is left of it"
            return f"kept: {first}{others}{unsaved}", Tone.BAD if unsaved else Tone.WARN if others else Tone.SECONDARY
        case Extended(trial):
            return f"longer on trial: taken back in {trial.left():.0f} s unless kept", Tone.SECONDARY
        case TakenBack(trial, done, left, refused, by):
            others = f"; changed by others since, and left alone: {_first(left, director)}" if left else ""
            stuck = f"; the kernel would not take back: {refused[0].line(director)}" if refused else ""
            stuck += f" and {len(refused) - 1} more" if len(refused) > 1 else ""
            first = _first(done, director) or "nothing had to be written"
            whose = f" by {by}" if by else ""
            sentence = f"taken back{whose}, what {trial.who} had on trial: {first}{others}{stuck}"
            return sentence, Tone.BAD if stuck else Tone.WARN
        case Undecided(text):
            return text, Tone.BAD


def summary(reports: Sequence[EntryReport]) -> str:
    """Count how many edits came to which end: `12 done, 1 busy`."""
    words = [report.outcome.value for report in reports]
    return ", ".join(f"{words.count(word)} {word}" for word in dict.fromkeys(words))
