"""The key that asks what becomes of a packet, in every view that shows where packets go."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain
from typing import Final

from lvstui.core.fields import FieldError, service_text
from lvstui.core.model import AddressKey
from lvstui.core.packets.packet import Packet
from lvstui.core.trace.lines import trace_lines
from lvstui.core.trace.request import EXAMPLE, question_of
from lvstui.core.view.filter import whole_address
from lvstui.engine.messages import Follow, Followed
from lvstui.tui.commands import Arguments, Command, Part
from lvstui.tui.dialogs.listing import Listing
from lvstui.tui.views.lines import known_clients
from lvstui.tui.views.table_view import K, L, TableView
from lvstui.tui.views.view import View

_LABEL: Final = "trace TARGET CLIENT"


def tracing(
    proposed: Callable[[TableView[K, L]], str],
    bar: str = "",
    when: Callable[[TableView[K, L]], bool] = lambda _: True,
) -> Command[TableView[K, L]]:
    """Return the command that asks for a packet and follows it; `proposed` is the question to start from.

    `bar` offers it in the line of keys, `when` it has room there.
    """

    def take(view: TableView[K, L], packet: Packet) -> None:
        view.say("following the packet ...")
        view.ask(Follow(packet))

    def ask(view: TableView[K, L]) -> None:
        view.prompt.ask(_LABEL, proposed(view), question_of, partial(take, view))

    def read(view: TableView[K, L], text: str) -> Callable[[], None]:
        """Read a question; a client alone is one to what the row under the cursor is about."""
        if len(text.split()) == 1 and whole_address(text.strip()) is not None:
            target, *_ = proposed(view).split() or [""]
            if not target.partition(":")[2]:
                raise FieldError("target", f"go to a service first, or write TARGET CLIENT, such as {EXAMPLE} {text}")
            text = f"{target} {text}"
        return partial(take, view, question_of(text))

    parts: Sequence[Part[TableView[K, L]]] = (Part("[TARGET]", _known), Part("CLIENT...", known_clients))
    words = "follow a packet of a client to its server"
    return Command("trace", "T", words, ask, bar, when=when, arguments=Arguments("trace", parts, read, alone=2))


def _known(view: View) -> Iterator[str]:
    """Yield the targets that there are, and the clients, one of which may stand alone."""
    keys = (key for key in view.snapshot.reading.director.pools if isinstance(key, AddressKey))
    return chain(known_clients(view), map(service_text, keys))


def traced(event: Followed, width: int) -> Listing:
    """Return the screen that shows what becomes of a packet, for a terminal of this width."""
    reading = event.reading
    return Listing("Trace", trace_lines(event.trace, reading, reading.taken, max(40, width - 3), event.health))
