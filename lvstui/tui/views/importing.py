"""The command that imports another program's file: what it adds is staged, with the losses beside it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lvstui.core.adding import additions
from lvstui.core.fields import FieldError, quote, visible
from lvstui.core.mistake import file_text
from lvstui.core.snapshot import Snapshot
from lvstui.core.view.command_line import OFFERED, remedy, words
from lvstui.core.view.table import Tone
from lvstui.core.words import count
from lvstui.engine.messages import Edit
from lvstui.formats.foreign.recognise import Form
from lvstui.formats.profile.flaws import ProfileError
from lvstui.host.patience import Call
from lvstui.tui.commands import Arguments, Command, Part
from lvstui.tui.dialogs.listing import Listing
from lvstui.tui.views.editing import editable, nothing_pending
from lvstui.tui.views.table_view import K, L, TableView
from lvstui.tui.views.view import Beside, View

if TYPE_CHECKING:
    from lvstui.store.foreign_files import Foreign

_FORMS: Final = [form.value for form in Form]
_LOOK: Final = 0.02
_PATIENCE: Final = 30.0
"""Seconds that a file may take, with all that it includes and the names in it."""


def importing() -> Command[TableView[K, L]]:
    """Return the command that imports a file, `import FILE [FORMAT [ID]]`; the id is for keepalived's conditions."""

    def ask(view: TableView[K, L]) -> None:
        view.prompt.ask("import FILE [FORMAT [ID]]", "", partial(_read, view), lambda act: act())

    parts: tuple[Part[TableView[K, L]], ...] = (Part("FILE", _files), Part("[FORMAT", lambda _: _FORMS), Part("[ID]]"))
    help = "import keepalived.conf, ldirectord.cf, lvs.cf or ipvsadm's lines: stage what they add"
    return Command("import", "", help, ask, arguments=Arguments("import", parts, _read, alone=1))


def _files(_: View) -> Iterator[str]:
    """Yield the files where these programs look for them first."""
    usual = ("/etc/keepalived/keepalived.conf", "/etc/ha.d/ldirectord.cf", "/etc/ipvsadm.rules")
    return iter((*usual, "/etc/sysconfig/ha/lvs.cf")[:OFFERED])


def _read(view: TableView[K, L], text: str) -> Callable[[], None]:
    """Read the line; raises `FieldError`."""
    file, *form = words(text, 3) or [""]
    if not file:
        raise FieldError("file", "write the file that is to be imported, such as /etc/keepalived/keepalived.conf")
    if form and form[0] not in _FORMS:
        raise FieldError("format", f"{quote(form[0])} is no format; {remedy(form[0], _FORMS)}")
    identity = form[1] if form[1:] else None
    path = Path(file)
    with suppress(RuntimeError):  # a home folder of nobody
        path = path.expanduser()
    return partial(_take, view, path, Form(form[0]) if form else None, identity)


def _take(view: TableView[K, L], path: Path, form: Form | None, identity: str | None) -> None:
    if editable(view) and nothing_pending(view):
        view.say(f"reading {visible(str(path))} ...")
        view.run_worker(_stage(view, path, form, identity), exclusive=True, group="import")


async def _stage(view: TableView[K, L], path: Path, form: Form | None, identity: str | None) -> None:
    """Read a file in a thread of its own, as it may lie on a server that is gone, and stage what it adds."""
    call = Call(partial(_load, path, form, identity))
    waited = 0.0
    while not call.ends_within(0):
        await asyncio.sleep(_LOOK)
        waited += _LOOK
        if waited > _PATIENCE:
            view.say(f"not imported: {visible(str(path))} was not read in {_PATIENCE:.0f} s", Tone.WARN)
            return
    try:
        found = call.result()
    except ProfileError as error:
        view.say(f"not imported: {error}", Tone.WARN)
        return
    if editable(view) and nothing_pending(view):
        _show(view, file_text(str(path)), found)


def _load(path: Path, form: Form | None, identity: str | None) -> Foreign:
    from lvstui.store.foreign_files import load_foreign  # 40 ms, with the formats of other programs

    return load_foreign(path, f"write one of {', '.join(_FORMS)} behind it", form, identity)


def _show(view: TableView[K, L], name: str, found: Foreign) -> None:
    """Stage what a file adds to the kernel; where that is nothing, or the file is wrong, list what is said of it."""
    losses, mistakes = list(map(str, found.imported.losses)), list(map(str, found.imported.mistakes))
    if found.imported.refused:
        wrong = count(sum(mistake.severity.value == "error" for mistake in found.imported.mistakes), "error")
        view.say(f"not imported: {wrong} in {name}", Tone.WARN)
        view.app.push_screen(Listing(f"Not imported, as there are errors: {name}", [*mistakes, "", *losses]))
        return
    snapshot = view.snapshot
    changes = additions(snapshot.reading.director, found.imported.director)
    lost = f"{count(len(losses), 'thing')} of it not held by a profile" if losses else "all of it held by a profile"
    if not changes:
        view.say(f"the kernel already holds what {name} says; {lost}")
        if losses:
            view.app.push_screen(Listing(f"Nothing to change; left out of {name}", losses))
        return
    above = f"{name} is {found.form.words}; {lost}{_others(snapshot, found)}"
    view.stage(Edit(changes, whole=True), Beside((above,), (*mistakes, *losses)))


def _others(snapshot: Snapshot, found: Foreign) -> str:
    """Return how many services run that a file does not name, and stay."""
    others = snapshot.reading.director.pools.keys() - found.imported.director.pools.keys()
    return f"; {count(len(others), 'other service')} left alone" if others else ""
