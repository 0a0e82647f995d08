"""Hand each key to the screen only once the one before has done all it does, however fast they come.

Textual gives a key to the focused widget, from where it climbs from parent to parent up to the app; only there runs the
action bound to it. Of keys that come in one packet the second is given out before the first has climbed: of `/tcp` the
`t` reaches the table, and not the filter that `/` opens.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

from textual import events
from textual.app import App, ReturnType
from textual.message_pump import MessagePump

_LONGEST = 1.0
"""Seconds after which the next key is given out anyway: nothing that an action waits for keeps the keyboard dead."""


class OrderlyApp(App[ReturnType]):
    """An App that is given one key (or pasted text) at a time."""

    def __init__(self) -> None:
        super().__init__()
        self._held: deque[events.Event] = deque()
        self._following: asyncio.Task[None] | None = None

    async def on_event(self, event: events.Event) -> None:
        """Hold a key from the terminal back while another one is on its way; everything else goes on at once."""
        if not isinstance(event, events.Key | events.Paste) or event.is_forwarded:
            await super().on_event(event)
        elif self._following:
            self._held.append(event)
        else:
            await self._give(event)

    async def _give(self, event: events.Event) -> None:
        way = (self.focused or self.screen).ancestors_with_self
        # A screen stops what has the app for a sender, and sends it up all the same; this leaves `stop` to the widgets.
        event.set_sender(way[0])
        await super().on_event(event)
        self._following = asyncio.create_task(self._follow(event, way))

    async def _follow(self, event: events.Event, way: Sequence[MessagePump]) -> None:
        """Wait until a key has been dealt with, then give out the next one."""
        try:
            async with asyncio.timeout(_LONGEST):
                await _dealt_with(event, way, self)
        except TimeoutError:
            pass
        if not (self._held and self.call_later(self._give, self._held.popleft())):
            self._following = None


async def _dealt_with(event: events.Event, way: Sequence[MessagePump], app: App[ReturnType]) -> None:
    """Wait until the focused widget took the key for itself, or its action and what that set off have run.

    Every widget takes what it is sent in order, so what is sent up the same way arrives behind the key; the second
    time it arrives behind what the action sent from widget to widget, and then a new screen stands.
    """
    focused, *above = way
    await _served(focused)
    if event._stop_propagation:
        return
    for pump in (*above, *way, *app.screen_stack[-1:], app):
        await _served(pump)


async def _served(pump: MessagePump) -> None:
    """Wait until everything that was sent to a widget up to now is done; not for one that takes nothing any more."""
    served = asyncio.Event()
    if pump.call_later(served.set):
        await served.wait()
