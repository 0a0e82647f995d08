"""The history of a profile: a file beside it that is only ever appended to, one record a line."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Final, NamedTuple

from lvstui.core.change import Change
from lvstui.core.fields import visible
from lvstui.core.model import NOBODYS, Home
from lvstui.core.record import Kind, Record, Session, lines
from lvstui.formats.profile.flaws import ProfileError
from lvstui.formats.records import Unreadable, dump, load, renumber
from lvstui.store.files import (
    Signature,
    explain_errors,
    is_irregular,
    lock_file,
    make_folder,
    open_regular,
    read_tail,
    refuse_foreign,
    rename_file,
    resolve,
)
from lvstui.store.journal_file import JournalFile, others_at_work
from lvstui.store.sessions import author

RECENT: Final = 200
"""Records that are kept at hand."""

LARGEST: Final = 4 * 2**20
"""Bytes that the file grows to before it becomes the older one, which then takes the place of the one before."""

_PATIENCE: Final = 2.0
"""Seconds to wait for another lvstui that is appending, which takes it some milliseconds."""

SYSLOG: Final = Path("/dev/log")

_USER_NOTICE: Final = 1 << 3 | 5
_LONGEST: Final = 1000
"""Bytes of a line that the log of every system takes."""

_READ_AT_MOST: Final = 64 * 2**20
"""Bytes at the end of a file that are read; a record of 100,000 changes takes half of it."""

_NUMBER: Final = re.compile(rb'\s*\{\s*"number":\s*(\d{1,15})\b')
"""The number of a record, matched at the start of a line only: searched for, it would take quadratic time."""


class Draft(NamedTuple):
    """A record of what is about to be made, its line, and the journal that holds it (None: none could be written)."""

    record: Record
    line: str
    journal: JournalFile | None


class HistoryFile:
    """The records of one profile, shared with other lvstui; `to_syslog` sends each to the system's log as well.

    `home` is where what is recorded is done.

    Beside `director.toml` (a symbolic link is followed) lie `director.toml.history.jsonl` and, once that has grown,
    the older `director.toml.history.1.jsonl`. A line that is no record, such as a torn last one, is passed over; a file
    that another user put there is refused.
    """

    def __init__(self, profile: Path, *, to_syslog: bool = False, largest: int = LARGEST, home: Home = NOBODYS) -> None:
        target = resolve(profile)
        self.profile = target
        self.path = resolve(target.with_name(f"{target.name}.history.jsonl"))
        self._older = self.path.with_name(f"{target.name}.history.1.jsonl")
        self._to_syslog = to_syslog
        self._home = home
        self._largest = largest
        self._seen: tuple[Signature | None, Signature | None] | None = None
        self._recent: tuple[Record, ...] = ()
        self._known: dict[bytes, Record | None] = {}
        self._journals: list[JournalFile] = []

    @cached_property
    def _author(self) -> Session:
        return author()

    def recent(self) -> tuple[Record, ...]:
        """Return the last `RECENT` records, newest last; the same tuple while the files have not changed.

        Raises `ProfileError`.
        """
        with explain_errors(self.path, "read"):
            seen = _signature(self.path), _signature(self._older)
            if seen == self._seen:
                return self._recent
            lines = _last_lines(self.path, RECENT)
            if len(lines) < RECENT:
                lines = _last_lines(self._older, RECENT - len(lines)) + lines
        known = self._known
        self._known = {line: known[line] if line in known else _record(line) for line in lines}
        self._recent = tuple(record for record in self._known.values() if record is not None)
        self._seen = seen
        return self._recent

    def records(self) -> Iterator[Record]:
        """Yield all records that there are, oldest first. Raises `ProfileError`."""
        with explain_errors(self.path, "read"):
            lines = chain(_lines(self._older), _lines(self.path))
            yield from (record for record in map(_record, lines) if record is not None)

    def append(self, kind: Kind, changes: Sequence[Change], entries: Sequence[str] = ()) -> Record:
        """Add a record of changes that were made, or of edits of persistence entries, on the disk when this returns.

        Raises `ProfileError` with the file as it was; the system's log gets the record all the same.
        """
        return self.add(self._record(kind, changes, entries))

    def begin(self, kind: Kind, changes: Sequence[Change], entries: Sequence[str] = ()) -> Draft:
        """Write down what is about to be made, on the disk when this returns, until it is ended.

        Where no journal can be written nothing is: that stops no edit, and the history will say what is wrong.
        """
        record = self._record(kind, changes, entries)
        line = dump(record)
        journal = None
        with suppress(OSError):
            journal = self._journals.pop() if self._journals else JournalFile(self.profile)
            journal.enter(line.encode())
        return Draft(record, line, journal)

    def finish(self, draft: Draft, changes: Sequence[Change], entries: Sequence[str] = ()) -> Record:
        """Add what came of a draft, as `append` does."""
        record = replace(draft.record, changes=tuple(changes), entries=tuple(entries))
        return self.add(record, draft.line if record == draft.record else "")

    def conclude(self, draft: Draft, changes: Sequence[Change], entries: Sequence[str] = ()) -> str:
        """Add what came of a draft, if anything did, and end it; return a sentence where it cannot be written."""
        trouble = ""
        try:
            if changes or entries:
                self.finish(draft, changes, entries)
        except ProfileError as error:
            trouble = f"the change is made, but missing in the history: {error}"
        self.end(draft)
        return trouble

    def end(self, draft: Draft) -> None:
        """Take a draft out of the journal: it was recorded, or came to nothing."""
        if draft.journal is not None:
            with suppress(OSError):
                draft.journal.clear()
            self._journals.append(draft.journal)

    def others_at_work(self) -> bool:
        """Return whether another lvstui is in the middle of an edit, which is not recorded yet."""
        return others_at_work(self.profile)

    def close(self) -> None:
        """Remove the journals; drafts that were not ended keep theirs."""
        while self._journals:
            self._journals.pop().close()

    def add(self, record: Record, line: str = "") -> Record:
        """Add a record under the next number, as `append` does; `line` is how it is written, where that is known."""
        try:
            with explain_errors(self.path, "written"):
                if is_irregular(self.profile):
                    raise ProfileError(f"{visible(str(self.profile))} is no plain file; name another profile")
                make_folder(self.path.parent)
                record = self._append(record, line or dump(record))
        finally:
            if self._to_syslog:
                log(_sentence(record))
        return record

    def _record(self, kind: Kind, changes: Sequence[Change], entries: Sequence[str]) -> Record:
        """Return a record of this moment, without a number."""
        now = datetime.now(UTC)
        now = now.replace(microsecond=now.microsecond // 1000 * 1000)
        who = self._author
        return Record(0, now, who.user, who.source, who.pid, kind, tuple(changes), tuple(entries), self._home)

    def _append(self, record: Record, text: str) -> Record:
        while True:
            with lock_file(self.path, _PATIENCE, f"{visible(str(self.path))} cannot be written") as file:
                status = os.fstat(file)
                refuse_foreign(status, self.path.parent)
                size = status.st_size
                content = read_tail(file, _READ_AT_MOST)
                record = replace(record, number=self._next_number(content))
                line = renumber(text, record.number).encode() + b"\n"
                if content and size + len(line) > self._largest:
                    with explain_errors(self._older, "replaced"):
                        rename_file(self.path, self._older.name)
                    continue
                _write(file, line if content[-1:] in (b"", b"\n") else b"\n" + line, size)
                return record

    def _next_number(self, content: bytes) -> int:
        for old in (content.split(b"\n"), _lines(self._older)):
            for line in reversed(old):
                if found := _NUMBER.match(line):
                    return int(found[1]) + 1
        return 1


def _sentence(record: Record) -> str:
    """Return a record in one line, for the system's log."""
    changes = lines(record)
    more = f" and {len(changes) - 1} more" if len(changes) > 1 else ""
    place = f" from {visible(record.source)}" if record.source else ""
    place += f" in netns {visible(record.home.netns)}" if record.home.netns else ""
    first = changes[0] if changes else "nothing"
    return f"{visible(record.user)}{place}: {record.kind.value} {record.number or '(unrecorded)'}: {first}{more}"


def _signature(path: Path) -> Signature | None:
    try:
        return Signature.of(path.lstat())
    except FileNotFoundError:
        return None


def _lines(path: Path) -> list[bytes]:
    return [line for line in _read(path).split(b"\n") if line]


def _last_lines(path: Path, count: int) -> list[bytes]:
    return [line for line in _read(path).rstrip(b"\n").rsplit(b"\n", count)[-count:] if line]


def _read(path: Path) -> bytes:
    """Read the end of one of the two files, empty where it is not there; raise `ProfileError` with its path."""
    with explain_errors(path, "read"):
        try:
            descriptor = open_regular(path)
        except FileNotFoundError:
            return b""
        try:
            refuse_foreign(os.fstat(descriptor), path.parent)
            return read_tail(descriptor, _READ_AT_MOST)
        finally:
            os.close(descriptor)


def _record(line: bytes) -> Record | None:
    try:
        return load(line)
    except Unreadable:
        return None


def _write(descriptor: int, line: bytes, size: int) -> None:
    """Append a line whole, or leave the file as long as it was."""
    try:
        rest = memoryview(line)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.fsync(descriptor)
    except OSError:
        with suppress(OSError):
            os.ftruncate(descriptor, size)
        raise


def log(sentence: str) -> None:
    """Send `lvstui[PID]: sentence` to the system's log; where there is none, or it is busy, nothing is sent."""
    import socket  # 4 ms that only an edit costs

    line = f"<{_USER_NOTICE}>lvstui[{os.getpid()}]: {sentence}".encode()[:_LONGEST]
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.setblocking(False)
        sender.connect(str(SYSLOG))
        sender.send(line)
