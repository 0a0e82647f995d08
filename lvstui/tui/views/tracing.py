"""The key that asks what becomes of a packet, in every view that shows where packets go."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from lvstui.core.packets.packet import Packet
from lvstui.core.trace.lines import trace_lines
from lvstui.core.trace.request import question_of
from lvstui.engine.messages import Follow, Followed
from lvstui.tui.commands import Command
from lvstui.tui.dialogs.listing import Listing
from lvstui.tui.views.view import K, L, TableView

_LABEL: Final = "trace TARGET CLIENT"


def tracing(
    proposed: Callable[[TableView[K, L]], str],
    bar: str = "",
    when: Callable[[TableView[K, L]], bool] = lambda _: True,
) -> Command[TableView[K, L]]:
    """Return the command that asks for a packet and follows it; `proposed` is the question to start from.

    `bar` offers it in the line of keys, `when` it has room there.
    """

    def ask(view: TableView[K, L]) -> None:
        def take(packet: Packet) -> None:
            view.say("following the packet ...")
            view.ask(Follow(packet))

        view.prompt.ask(_LABEL, proposed(view), question_of, take)

    words = "follow a packet of a client to its server"
    return Command("trace", "T", words, ask, bar, when=when)


def traced(event: Followed, width: int) -> Listing:
    """Return the screen that shows what becomes of a packet, for a terminal of this width."""
    reading = event.reading
    return Listing("Trace", trace_lines(event.trace, reading, reading.taken, max(40, width - 1), event.health))
