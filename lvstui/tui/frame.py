"""The frame around the views: head and tabs above, message and keys below, and the way from view to view."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.reactive import reactive
from textual.widgets import ContentSwitcher

from lvstui.core.advice.services import advice_lines
from lvstui.core.changes.events import newest, news
from lvstui.core.keys import key_name, key_to
from lvstui.core.snapshot import EMPTY_SNAPSHOT, Snapshot
from lvstui.core.trial import boottime
from lvstui.core.view.head import NO_BANNER, Banner
from lvstui.core.view.table import Tone
from lvstui.engine.messages import Pace, ReadNow, Watch
from lvstui.tui.commands import AnyCommand
from lvstui.tui.trial_watch import TrialWatch
from lvstui.tui.views.editing import sort_by
from lvstui.tui.views.view import APPLYING, View
from lvstui.tui.way import Way, widen
from lvstui.tui.widgets.head import Head
from lvstui.tui.widgets.lines import Keys, MessageLine
from lvstui.tui.widgets.table import VirtualTable

USUAL_INTERVAL = 1.0
"""Seconds between two readings that the head line need not name."""

_DIGITS = "1 2 3 4 5 6"


def _no_way(views: Iterable[str]) -> str:
    """Return what is said where there is no step back."""
    opening = " ".join(key_to(str(digit), f"view.{name}") for digit, name in enumerate(views, 1))
    opening = "1 to 6" if opening == _DIGITS else opening
    following, leaving = key_to("Tab", "view.next"), key_to("q", "quit")
    return f"this is where you came in: {opening} and {following} open the views, {leaving} quits"


def _age(snapshot: Snapshot, interval: float, now: float) -> float:
    """Return how many seconds old a reading is where it ought to be newer; infinite where there is none."""
    if not snapshot.origin or snapshot.paused:
        return 0.0
    taken = snapshot.reading.taken
    age = now - taken
    late = 3 * interval + 2
    return (age if taken else math.inf) if snapshot.trouble or age > late else 0.0


class Frame(Vertical):
    """What stays on the screen whichever view is shown; it goes from view to view and back."""

    DEFAULT_CSS = "Frame { height: 1fr; }"

    snapshot: reactive[Snapshot] = reactive(EMPTY_SNAPSHOT, always_update=True)

    def __init__(
        self,
        views: Mapping[str, View],
        shown: str,
        everywhere: Sequence[AnyCommand],
        pace: Pace,
        clock: Callable[[], float] = time.monotonic,
        banner: Banner = NO_BANNER,
        boottime: Callable[[], float] = boottime,
    ) -> None:
        """Show the view named `shown` first; `everywhere` are the commands that every view has, the last two always.

        `clock` is that of readings, `boottime` the one that changes on trial are taken back by.
        """
        super().__init__()
        self.views = views
        self.view = views[shown]
        self.pace = pace
        self._everywhere = everywhere
        self._clock = clock
        self.trial = TrialWatch(boottime)
        self._way = Way()
        self._heard = 0
        self._head, self.message, self.keys = Head(tuple(views), banner), MessageLine("message"), Keys("keys")

    def compose(self) -> ComposeResult:
        """Lay out the head, the views, and the lines below."""
        yield self._head
        with ContentSwitcher(initial=self.view.NAME):
            for view in self.views.values():
                yield view.data_bind(Frame.snapshot)
        yield self.message
        yield self.keys

    def on_mount(self) -> None:
        """Notice when nothing is read any more."""
        self.set_interval(1.0, self.renew)

    def watch_snapshot(self) -> None:
        """Keep the head up to date, and say what others did since the last snapshot."""
        self.renew()
        self.trial.wait(self, self.snapshot, self._second)
        heard = self.trial.hear(self.snapshot)
        if heard.ended:
            self.say(heard.ended, Tone.WARN)
        if heard.begun:
            self.message.add(heard.begun, Tone.WARN)
        self.message.report(news(self.snapshot.events, self._heard))
        self._heard = newest(self.snapshot.events)

    def renew(self) -> None:
        """Have the head say how things are now."""
        self._head.put(
            self.snapshot,
            replace(
                self.view.bearings,
                staged={name: len(view.staged.changes) for name, view in self.views.items()},
                advised=len(advice_lines(self.snapshot)),
                interval=self.pace.interval,
                unusual=self.pace.interval != USUAL_INTERVAL,
                age=_age(self.snapshot, self.pace.interval, self._clock()),
                path=self._way.path,
                countdown=self.trial.countdown(self.snapshot),
            ),
            self.size.width or self.app.size.width,
        )

    def _second(self) -> None:
        """Show the next second; once the time is over, see how it ended, also where nothing is read by itself."""
        self.renew()
        if self.view.TICKS:
            self.view.redraw()
        if (shown := self.trial.countdown(self.snapshot)) and not shown.left:
            self.post_message(View.Asked(ReadNow()))
        self.trial.wait(self, self.snapshot, self._second)

    def on_resize(self) -> None:
        """Fit the head to the new width."""
        self.renew()

    def open(self, name: str) -> None:
        """Show all of a view, without a way back; what is staged in another one stays staged there."""
        self._way.forget()
        widen(self.views[name])
        self._show(self.views[name])

    def visit(self, name: str) -> None:
        """Show another view as it is, with a way back."""
        if self.views[name] is not self.view:
            self._way.leave(self.view)
            self._show(self.views[name])

    def _show(self, view: View) -> None:
        old, self.view = self.view, view
        if view.SCANS and not (old.SCANS and old.wanted_client == view.wanted_client):
            self.app.post_message(View.Asked(Watch(True, view.wanted_client)))
        elif old.SCANS and not view.SCANS:
            self.app.post_message(View.Asked(Watch(False)))
        self.query_one(ContentSwitcher).current = view.NAME
        self.say("")
        view.redraw()
        self.screen.set_focus(view.query_one(VirtualTable))

    def say(self, sentence: str, tone: Tone = Tone.PLAIN) -> None:
        """Show a sentence in the line below the table."""
        self.message.say(sentence, tone)

    def on_view_said(self, message: View.Said) -> None:
        """Show a sentence of the view; what stands there by itself hides no warning."""
        # One of a view that was left meanwhile is about a row that is not on the screen.
        if message.ended and message.ended != self.message.sentence:
            return
        if not (message.standing and (self.message.is_alarming or message.view != self.view.NAME)):
            self.say(message.sentence, message.tone)

    def on_view_offered(self, message: View.Offered) -> None:
        """Show the keys that make sense now."""
        if message.alone:
            self.keys.offer(message.offered, ())
        else:
            self.keys.offer((*message.offered, *self._everywhere[:-2]), self._everywhere[-2:], message.off)
        self.renew()

    def on_view_wanted(self, message: View.Wanted) -> None:
        """Go on to a view and show what is wanted there; without a name, open the next view."""
        if message.view:
            self._way.leave(self.view)
            self._show(self.views[message.view])
            self.view.find(message)
        else:
            names = list(self.views)
            self.open(names[(names.index(self.view.NAME) + 1) % len(names)])

    def on_view_left(self) -> None:
        """Go one step back, to a view as it was."""
        step = self._way.back()
        if step is None:
            self.say(_no_way(self.views))
            return
        client = step.view.wanted_client
        step.restore()
        if step.view is self.view and client != step.view.wanted_client and step.view.SCANS:
            self.app.post_message(View.Asked(Watch(True, step.view.wanted_client)))
        self._show(step.view)

    def on_head_tab_pressed(self, message: Head.TabPressed) -> None:
        """Open the view whose tab was clicked."""
        self.open(message.view)

    async def on_head_word_pressed(self, message: Head.WordPressed) -> None:
        """Show what a word of state is about."""
        word = message.word
        if word.command:
            await self.run_action(f"app.run_command('{word.command}')")
        elif word.view != self.view.NAME or word.filter:
            self.post_message(View.Wanted(word.view, filter=word.filter))

    def on_keys_pressed(self, message: Keys.Pressed) -> None:
        """Press the key that was clicked; but a click, which may be meant for another window, applies nothing."""
        applies = any(c.id in APPLYING and message.key in c.bound for c in self.view.COMMANDS)
        if applies and self.view.pending:
            self.say(f"a click writes nothing: press {key_name(message.key)} to apply what is staged", Tone.WARN)
        else:
            self.app.simulate_key(message.key)

    def on_virtual_table_fold_pressed(self, message: VirtualTable.FoldPressed) -> None:
        """Fold or unfold the row whose sign was clicked."""
        name = "fold" if message.folded else "unfold"
        if any(command.id == name for command in self.view.COMMANDS):
            self.view.action_run_command(name)

    def on_virtual_table_title_pressed(self, message: VirtualTable.TitlePressed) -> None:
        """Sort by the column whose title was clicked."""
        sort_by(self.view, message.column)
