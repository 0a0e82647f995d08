"""kill -9 and SIGTERM at any moment of edits of mark groups: no service stays without its rules."""

from __future__ import annotations

import signal
from collections.abc import Iterator

from lvstui.core.model import Director
from tests.campaign import Report
from tests.campaign.kills import Words, arena, attack

NEEDS = "full"


def run(seconds: float, seed: int) -> Iterator[Report]:
    """Kill `mark add` and `mark delete`."""
    with arena(seed, Director(marks={})) as place:

        def add_or_delete() -> Words:
            if place.running.groups:
                return "mark", "delete", "80", "--services", "--yes"
            servers = [word for number in range(1, 5) for word in ("--server", f"10.0.0.{number}")]
            return "mark", "add", "80", "tcp 192.0.2.10 80,443", *servers

        for number, word in ((signal.SIGKILL, "kill -9"), (signal.SIGTERM, "SIGTERM")):
            yield attack(place, f"{word} of mark add and delete", add_or_delete, seconds / 2, number)
