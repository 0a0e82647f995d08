"""The question when somebody else was faster: what the operator saw, what there is now, what would be written."""

from __future__ import annotations

from dataclasses import replace

from lvstui.core.describe import describe
from lvstui.engine.messages import Overtaken
from lvstui.tui.dialogs.confirm import Confirm


def dialog(event: Overtaken) -> Confirm:
    """Make the dialog; it answers True to write the operator's value all the same."""
    lines = [
        f"theirs  {describe(replace(event.change, after=event.now))}",
        f"yours   {describe(replace(event.change, before=event.now))}",
    ]
    return Confirm("Nothing written: somebody else changed it meanwhile", lines, "Write yours")
