"""What is editable in the director view: the question for one row, and what an answer stages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from lvstui.core import fields, rules, sysctls
from lvstui.core.change import Change, SyncChange, SysctlChange, TimeoutsChange
from lvstui.core.director_rows import Part, Row, with_staged
from lvstui.core.director_told import DAEMON_FIELDS, seconds
from lvstui.core.model import Director, SyncDaemon, SyncRole, Timeouts
from lvstui.core.rules import Severity

Edited: TypeAlias = TimeoutsChange | SyncChange | SysctlChange
"""What an edit in this view can change."""


@dataclass(frozen=True, slots=True)
class Question:
    """What to ask for one row: a label, the text that stands there now, and what another text would change.

    `change` raises `FieldError` where the text cannot be that field's value.
    """

    label: str
    text: str
    change: Callable[[str], Edited]

    def wrong(self, text: str, director: Director) -> str:
        """Say why a text will not do, empty where it will."""
        try:
            change = self.change(text)
        except fields.FieldError as error:
            return error.sentence
        found = rules.problems(change, director)
        return next((problem.sentence for problem in found if problem.severity is Severity.ERROR), "")


def question(running: Director, staged: Sequence[Change], row: Row) -> Question | None:
    """Give the question for a row, None where nothing can be edited there.

    What is staged already counts as there, so that one option after the other can be set before Enter writes.
    """
    director = with_staged(running, staged)
    match row:
        case Row(Part.TIMEOUTS, name) if name and director.timeouts:
            return _timeout(director.timeouts, name)
        case Row(Part.SYNC, name) if name and director.sync is not None:
            word, _, option = name.partition(".")
            role = fields.role(word)
            return _daemon(director.sync.get(role), role, option or "interface")
        case Row(Part.SYSCTL, name) if name in director.sysctl:
            return _setting(name, director.sysctl[name]) if sysctls.writable(name) else None
        case _:
            return None


def removal(running: Director, row: Row) -> SyncChange | None:
    """Give the change that stops the daemon of a row, None where none runs."""
    daemon = (running.sync or {}).get(fields.role(row.name.partition(".")[0])) if row.part is Part.SYNC else None
    return SyncChange(daemon, None) if daemon else None


def release(running: Director, saved: Director | None, row: Row) -> Edited | None:
    """Give the change that lets the profile leave a row to the kernel, None where it does so already."""
    match row:
        case Row(Part.TIMEOUTS, name) if name and saved and saved.timeouts:
            return TimeoutsChange(running.timeouts, None)
        case Row(Part.SYSCTL, name) if saved and name in saved.sysctl:
            return SysctlChange(name, running.sysctl.get(name), None)
        case _:
            return None


def keep(change: Edited) -> Edited:
    """Turn an answer that changes no value into: the profile manages it from now on, as the kernel holds it."""
    match change:
        case TimeoutsChange(_, after):
            return TimeoutsChange(None, after)
        case SysctlChange(name, _, text):
            return SysctlChange(name, None, text)
        case _:
            return change


def put(staged: Iterable[Change], change: Edited) -> tuple[Change, ...]:
    """Add a change to what is staged: a later one of the same object goes on from what the first one saw."""
    kept: list[Change] = []
    for each in staged:
        match each, change:
            case TimeoutsChange(seen, _), TimeoutsChange(now, after):
                change = TimeoutsChange(seen or now, after)
            case SyncChange(daemon, _), SyncChange(_, new) if each.role is change.role:
                change = SyncChange(daemon, new)
            case SysctlChange(name, value, _), SysctlChange(other, held, text) if name == other:
                change = SysctlChange(name, held if value is None else value, text)
            case _:
                kept.append(each)
    return (*kept, change)


def _timeout(timeouts: Timeouts, name: str) -> Question:
    def change(text: str) -> Edited:
        number = fields.number(name, text)
        if not number:
            raise fields.FieldError(name, "must be at least 1; the kernel takes 0 as: leave it")
        match name:
            case "tcp":
                return TimeoutsChange(timeouts, replace(timeouts, tcp=number))
            case "tcp_fin":
                return TimeoutsChange(timeouts, replace(timeouts, tcp_fin=number))
            case _:
                return TimeoutsChange(timeouts, replace(timeouts, udp=number))

    return Question(f"{name} in seconds", seconds(timeouts, name), change)


def _daemon(daemon: SyncDaemon | None, role: SyncRole, option: str) -> Question:
    word = fields.ROLE_WORDS[role]
    if daemon is None:
        label = f"start the {word} on interface"
        return Question(label, "", lambda text: SyncChange(None, SyncDaemon(role, fields.interface(text))))
    text = DAEMON_FIELDS[option](daemon)
    return Question(f"{word} {option}", text, lambda text: SyncChange(daemon, _with_option(daemon, option, text)))


def _with_option(daemon: SyncDaemon, option: str, text: str) -> SyncDaemon:
    match option:
        case "interface":
            return replace(daemon, interface=fields.interface(text))
        case "group":
            return replace(daemon, group=fields.address("group", text.strip()))
        case "id":
            return replace(daemon, id=fields.number("id", text))
        case "port":
            return replace(daemon, port=fields.number("port", text))
        case "ttl":
            return replace(daemon, ttl=fields.number("ttl", text))
        case _:
            return replace(daemon, max_length=fields.number("max_length", text))


def _setting(name: str, value: str) -> Question:
    return Question(name, value, lambda text: SysctlChange(name, value, sysctls.read(name, text)))
