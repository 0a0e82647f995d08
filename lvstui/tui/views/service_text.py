"""A service edited as text: written as in a profile, changed in the person's own editor, and staged like any edit."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

from textual.app import App

from lvstui.core.change import Change
from lvstui.core.describe import service_names
from lvstui.core.keys import with_keys
from lvstui.core.model import Pool, ServiceKey
from lvstui.core.snapshot import Snapshot
from lvstui.core.view.table import Tone
from lvstui.core.words import count
from lvstui.formats.profile import single
from lvstui.formats.profile.flaws import ProfileError
from lvstui.host.invoker import UnknownInvoker, invoker
from lvstui.store.private_file import PrivateFile
from lvstui.tui.commands import Command
from lvstui.tui.editor import EditorError, editor_of, run_editor
from lvstui.tui.views.editing import editable, has_profile, stage_also, staged_director
from lvstui.tui.views.table_view import K, L, TableView
from lvstui.tui.views.view import View

_ROUNDS = 20
"""How often an editor is opened again on mistakes: one that is a script may make the same for ever."""

Renewal: TypeAlias = Callable[[], Awaitable[Snapshot | None]]
"""Returns a snapshot of a reading that began after the call; None where none came."""

Outcome: TypeAlias = tuple[Change, ...] | str
"""What an edited text changes, or the sentence why it changes nothing."""


def editing_text() -> Command[TableView[K, L]]:
    """Return the command that opens the service under the cursor in an editor."""

    def run(view: TableView[K, L]) -> None:
        if editable(view) and view.about is not None:
            view.post_message(View.TextWanted(view.about))

    def why_off(view: TableView[K, L]) -> str:
        there = view.about in staged_director(view).pools
        return "" if there else "go to a service, or to a real server below one"

    return Command("service.text", "ctrl+e", "edit this service as text, in $EDITOR", run, why_off=why_off)


@dataclass(frozen=True, slots=True)
class _Start:
    """What the text was made from; where any of it is another afterwards, the text is stale."""

    pool: Pool | None
    saved: Pool | None
    staged: tuple[Change, ...]

    @classmethod
    def of(cls, view: View, key: ServiceKey) -> _Start:
        snapshot, saved = view.snapshot, view.snapshot.profile.saved
        pool = snapshot.reading.director.pools.get(key)
        return cls(pool, saved.pools.get(key) if saved else None, view.staged.changes)


async def edit_text(app: App[int], view: View, key: ServiceKey, renew: Renewal) -> None:
    """Open a service of a view in the editor, and stage what was changed; say why where nothing is staged.

    `renew` reads kernel and profile anew, and returns None where that fails. A text that was changed and is not
    staged is kept, and it is said where.
    """
    start = _Start.of(view, key)
    name = service_names(view.snapshot.reading.director, key)[0]
    try:
        user = invoker()
        words = editor_of(user)
        file = PrivateFile("service.toml", user)
    except (UnknownInvoker, EditorError, ProfileError) as error:
        view.say(f"not edited: {error}", Tone.WARN)
        return
    text = single.dump(staged_director(view).pools[key])
    keep = True
    try:
        file.write(text)
        found, keep = _edited(view, key, text, file, lambda: run_editor(app, words, file.path, user))
        if not isinstance(found, str):
            newest = await renew()
            now = _Start.of(view, key)
            if newest is None:
                found = "the kernel was not read again"
            elif now != start:
                what = "what is staged" if now.staged != start.staged else f"{name} in the kernel or in the profile"
                press = with_keys("press {Ctrl-E:service.text} again")
                found = f"somebody changed {what} meanwhile: {press}, and take over what is yours"
            elif found:
                keep = False
                stage_also(view, found)
    except ProfileError as error:
        found = str(error)
    finally:
        file.close(keep=keep)
    if isinstance(found, str):
        view.say(f"not staged: {found}{f'; your text is kept in {file.path}' if keep else ''}", Tone.WARN)
    elif not found:
        view.say(f"{name}: nothing was changed")


def _edited(view: View, key: ServiceKey, text: str, file: PrivateFile, run: Callable[[], None]) -> tuple[Outcome, bool]:
    """Have a text edited until it has no mistakes; return what it changes, and whether it is to be kept."""
    director = staged_director(view)
    shown, mistakes = text, 0
    for _ in range(_ROUNDS):
        trouble = ""
        try:
            run()
        except EditorError as error:
            trouble = str(error)
        now = file.read()
        if trouble:
            return trouble, single.without_remarks(now) != text
        if not now.strip():
            return (), False
        if now == shown:
            wrong = f"{count(mistakes, 'mistake')} {'is' if mistakes == 1 else 'are'} left in it"
            return (wrong, True) if mistakes else ((), False)
        now = single.without_remarks(now)
        try:
            changes = single.read(now, file.path.name, director.pools[key], director, profile=has_profile(view))
        except ProfileError as error:
            mistakes = len(error.mistakes) or 1
            shown = single.with_remarks(now, error.mistakes, str(error))
            file.write(shown)
        else:
            return changes, bool(changes)
    return f"after {_ROUNDS} rounds there are still mistakes in it", True
