"""The question when somebody else was faster: what the operator saw, what there is now, what would be written."""

from __future__ import annotations

from lvstui.core.change import rebase, theirs
from lvstui.core.describe import describe
from lvstui.engine.messages import Overtaken
from lvstui.tui.dialogs.confirm import Confirm


def dialog(event: Overtaken) -> Confirm:
    """Make the dialog; it answers True to write the operator's value all the same."""
    lines = [
        f"theirs  {describe(theirs(event.change, event.now))}",
        f"yours   {describe(rebase(event.change, event.now))}",
    ]
    return Confirm("Nothing written: somebody else changed it meanwhile", lines, "Write yours")
