"""What was written and what was not, where an edit of several changes ended early."""

from __future__ import annotations

from lvstui.core.describe import describe
from lvstui.engine.messages import Rejected
from lvstui.tui.dialogs.listing import Listing


def listing(event: Rejected) -> Listing:
    """Name every change of the edit, those that were made first; undo takes back exactly these."""
    made = [f"written      {describe(change)}" for change in event.done]
    left = [f"not written  {describe(change)}" for change in event.edit.changes if change not in set(event.done)]
    return Listing(f"Stopped half way: {event.sentence}", [*made, *left, "", "z takes back what was written."])
