"""What a command says of the changes that it plans and makes: lines for people, or one document for scripts."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from lvstui.commands.place import complain, print_json
from lvstui.core.change import Change
from lvstui.core.describe import describe
from lvstui.core.model import Director
from lvstui.formats.equivalent import equivalent

if TYPE_CHECKING:
    from lvstui.core.entries.edits import EntryReport
    from lvstui.engine.messages import EditOutcome
    from lvstui.formats.json import Table


class Said(Protocol):
    """Says what a command does, step by step, and all of it at the end where that is one document."""

    def plan(self, changes: Sequence[Change], writes: Collection[Change]) -> None:
        """Say what would be changed; `writes` are those of the changes that the kernel would be asked for."""

    def moves(self, titles: Iterable[str]) -> None:
        """Say which clients would be moved then."""

    def outcome(self, outcome: EditOutcome) -> None:
        """Say what of an edit was done; why the rest was not stands on stderr too."""

    def moved(self, reports: Sequence[EntryReport]) -> None:
        """Say what became of clients."""

    def end(self, *, dry_run: bool) -> None:
        """Say what has not been said."""


class Text:
    """Prints lines; the names of services are those of `director`."""

    def __init__(self, director: Director) -> None:
        self._director = director

    def plan(self, changes: Sequence[Change], writes: Collection[Change]) -> None:
        """Print the changes, and below each the commands or rules that would do the same in the kernel."""
        asked = frozenset(writes)
        for change in changes:
            print(describe(change, self._director))
            for line in equivalent(change) if change in asked else ():
                print(f"    {line}")

    def moves(self, titles: Iterable[str]) -> None:
        """Print a line each."""
        for title in titles:
            print(f"then {title}")

    def outcome(self, outcome: EditOutcome) -> None:
        """Print what was done, a line each."""
        for change in outcome.done:
            print(describe(change, self._director))

    def moved(self, reports: Sequence[EntryReport]) -> None:
        """Print what was done; what was not is a complaint."""
        from lvstui.core.entries.edits import Outcome

        for report in reports:
            if report.outcome is Outcome.DONE:
                print(report.sentence)
            else:
                complain(f"{report.outcome.value}: {report.sentence}")
        if not reports:
            print("no client sticks there")

    def end(self, *, dry_run: bool) -> None:
        """Do nothing: all has been said."""


class Json:
    """Prints one document at the end, whatever came of it; `about` stands at its beginning."""

    def __init__(self, director: Director, about: Mapping[str, str] | None = None) -> None:
        self._director = director
        self._about = about or {}
        self._changes: list[Table] = []
        self._entries: list[Mapping[str, object]] = []

    def plan(self, changes: Sequence[Change], writes: Collection[Change]) -> None:
        """Keep the changes."""
        from lvstui.formats.changes import change_object

        asked = frozenset(writes)
        for change in changes:
            found = change_object(change, self._director)
            self._changes.append(found if change in asked else found | {"command": []})

    def moves(self, titles: Iterable[str]) -> None:
        """Keep the titles."""
        from lvstui.formats.entries import planned_table

        self._entries += map(planned_table, titles)

    def outcome(self, outcome: EditOutcome) -> None:
        """Keep all changes of the edit, each with how it ended."""
        from lvstui.engine.sentences import ends_of
        from lvstui.formats.changes import Ended, change_object

        for change, (word, reason) in ends_of(outcome).items():
            self._changes.append(change_object(change, self._director, Ended(word, reason or None)))

    def moved(self, reports: Sequence[EntryReport]) -> None:
        """Keep the reports."""
        from lvstui.formats.entries import report_table

        self._entries += [report_table(report, self._director) for report in reports]

    def end(self, *, dry_run: bool) -> None:
        """Print the document."""
        print_json({**self._about, "dry_run": dry_run, "change": self._changes, "entry": self._entries})
