"""What is editable in the director view: the question for one row, and what an answer stages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from lvstui.core import fields, rules, sysctls
from lvstui.core.attributes import DAEMON, TIMEOUTS
from lvstui.core.change import Change, change_daemon, change_sysctl, change_timeouts, is_optional
from lvstui.core.director.rows import Part, Row, with_staged
from lvstui.core.model import Director, SyncDaemon, SyncRole, Timeouts
from lvstui.core.rules import Severity

_ROOM = 20
"""Columns of the prompt for the names of interfaces."""


@dataclass(frozen=True, slots=True)
class Question:
    """What to ask for one row: a label, the text that stands there now, and what another text would change.

    `change` raises `FieldError` where the text cannot be that field's value.
    """

    label: str
    text: str
    change: Callable[[str], Change]

    def wrong(self, text: str, director: Director) -> str:
        """Return why a text will not do, empty where it will."""
        try:
            change = self.change(text)
        except fields.FieldError as error:
            return error.sentence
        found = rules.problems(change, director)
        return next((problem.sentence for problem in found if problem.severity is Severity.ERROR), "")


def question(running: Director, staged: Sequence[Change], row: Row, interfaces: Sequence[str] = ()) -> Question | None:
    """Return the question for a row, None where nothing can be edited there.

    What is staged already counts as there, so that one option after the other can be set before Enter writes.
    `interfaces` are those that a daemon can be given, the fittest first; empty where that is not known.
    """
    director = with_staged(running, staged)
    match row:
        case Row(Part.TIMEOUTS, name) if name and director.timeouts:
            return _timeout(director.timeouts, name)
        case Row(Part.SYNC, name) if name and director.sync is not None:
            word, _, option = name.partition(".")
            role = fields.role(word)
            daemon, option = director.sync.get(role), option or "interface"
            return _interface(daemon, role, interfaces) if option == "interface" else _daemon(daemon, option)
        case Row(Part.SYSCTL, name) if name in director.sysctl:
            return _setting(name, director.sysctl[name]) if sysctls.writable(name) else None
        case _:
            return None


def removal(running: Director, row: Row) -> Change | None:
    """Return the change that stops the daemon of a row, None where none runs."""
    if row.part is not Part.SYNC or not row.name:
        return None
    daemon = running.daemons.get(fields.role(row.name.partition(".")[0]))
    return change_daemon(daemon, None) if daemon else None


def release(running: Director, saved: Director | None, row: Row) -> Change | None:
    """Return the change that lets the profile leave a row to the kernel, None where it does so already."""
    match row:
        case Row(Part.TIMEOUTS, name) if name and saved and saved.timeouts:
            return change_timeouts(running.timeouts, None)
        case Row(Part.SYSCTL, name) if saved and name in saved.sysctl:
            return change_sysctl(name, running.sysctl.get(name), None)
        case _:
            return None


def keep(change: Change) -> Change:
    """Turn an answer that changes no value into: the profile manages it from now on, as the kernel holds it."""
    return replace(change, before=None) if is_optional(change.target) else change


def _timeout(timeouts: Timeouts, name: str) -> Question:
    def change(text: str) -> Change:
        if not TIMEOUTS.number(name, text):
            raise fields.FieldError(name, "must be at least 1; the kernel takes 0 as: leave it")
        return change_timeouts(timeouts, TIMEOUTS.assign(timeouts, {name: text}))

    return Question(f"{name} in seconds", TIMEOUTS[name].text(timeouts), change)


def _interface(daemon: SyncDaemon | None, role: SyncRole, known: Sequence[str]) -> Question:
    """Ask for the interface of a daemon, which starts one that does not run."""
    word, offer = fields.ROLE_WORDS[role], f" ({_listed(known)})" if known else ""

    def change(text: str) -> Change:
        name = _known_interface(text, known)
        return change_daemon(daemon, replace(daemon, interface=name) if daemon else SyncDaemon(role, name))

    if daemon is None:
        return Question(f"start the {word} on interface{offer}", "", change)
    return Question(f"{word} interface{offer}", daemon.interface, change)


def _known_interface(text: str, known: Sequence[str]) -> str:
    name = fields.interface(text)
    if known and name not in known:
        meant = [candidate for candidate in known if candidate.startswith(name)]
        raise fields.FieldError("interface", f"no {name} here: {_listed(meant or known)}")
    return name


def _listed(names: Sequence[str]) -> str:
    """Name the first of the names, as many as leave room in the prompt for an answer."""
    line = ""
    for name in map(fields.visible, names):
        if line and len(line) + 1 + len(name) > _ROOM:
            return f"{line} ..."
        line = f"{line} {name}".lstrip()
    return line


def _daemon(daemon: SyncDaemon | None, option: str) -> Question | None:
    if daemon is None:
        return None
    label = f"{fields.ROLE_WORDS[daemon.role]} {option}"
    text = DAEMON[option].text(daemon)
    return Question(label, text, lambda text: change_daemon(daemon, DAEMON.assign(daemon, {option: text})))


def _setting(name: str, value: str) -> Question:
    return Question(name, value, lambda text: change_sysctl(name, value, sysctls.read(name, text)))
