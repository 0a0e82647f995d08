"""The question when somebody else was faster: what the operator saw, what there is now, what would be written."""

from __future__ import annotations

from lvstui.core.describe import describe
from lvstui.engine.messages import Overtaken
from lvstui.tui.dialogs.confirm import Confirm


def dialog(event: Overtaken) -> Confirm:
    """Make the dialog; it answers True to write the operator's value all the same."""
    lines = [
        f"theirs  {describe(event.made_by_others)}",
        f"yours   {describe(event.rebased)}",
    ]
    return Confirm("Nothing written: somebody else changed it meanwhile", lines, "Write yours")
