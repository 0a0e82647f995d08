"""What the director view shows: its rows in order and their cells."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Final, NamedTuple, assert_never

from lvstui.core import fields, rules, sysctls
from lvstui.core.attributes import DAEMON, TIMEOUTS
from lvstui.core.change import (
    Change,
    DirectorField,
    Target,
    change_daemon,
    change_sysctl,
    change_timeouts,
    changes_kernel,
    fold,
    is_optional,
)
from lvstui.core.director import lines
from lvstui.core.director.lines import DirectorLine, Sides, scope
from lvstui.core.model import NOBODYS, Director, SyncDaemon, SyncRole, SysctlKey, Timeouts
from lvstui.core.rules import Severity
from lvstui.core.snapshot import Snapshot
from lvstui.core.view.filter import Filter, Language
from lvstui.core.view.table import Arranged, Cell, RowColumn, Tone
from lvstui.core.view.table import cells as row_cells

LINK: Final = "link "
"""What the name of a network interface's row starts with."""


class Part(Enum):
    """The parts of the view, in their order; the value is the heading."""

    TIMEOUTS = "timeouts in seconds"
    SYNC = "sync daemons"
    SYSCTL = "net.ipv4.vs"
    TABLE = "table and traffic"
    HOST = "host"
    CPUS = "traffic by CPU"


class DirectorRow(NamedTuple):
    """One row, known by its part and its name there; the heading has no name, a daemon's option is `master.port`."""

    part: Part
    name: str = ""


class LineRow(NamedTuple):
    """A row with what it says; `staged` is what waits for Enter in its column of the profile alone."""

    row: DirectorRow
    line: DirectorLine
    staged: Cell | None = None


@dataclass(frozen=True, slots=True)
class DirectorLook(Arranged):
    """How an operator looks at the director: filter, folded parts, and edits not yet applied."""

    filter: Filter[LineRow] = field(default_factory=Filter)
    folded: frozenset[Part] = frozenset()
    staged: tuple[Change, ...] = ()


def _title(shown: LineRow) -> Cell:
    option = shown.row.part is Part.SYNC and "." in shown.row.name
    return Cell(f"{'      ' if option else '    '}{shown.line.title}")


DIRECTOR_COLUMNS: Final[tuple[RowColumn[LineRow], ...]] = (
    RowColumn("setting", "Setting", 29, 1, cell=_title),
    RowColumn("value", "Value", 10, 1, grow=1, most=20, cell=lambda shown: shown.line.value),
    RowColumn("default", "Default", 8, 4, cell=lambda shown: Cell(shown.line.default, Tone.DIM)),
    RowColumn("profile", "Profile", 8, 3, cell=lambda shown: shown.staged or shown.line.profile),
    RowColumn("meaning", "What it is", 19, 5, grow=6, cell=lambda shown: Cell(shown.line.sentence, Tone.DIM)),
)


def _text(shown: LineRow) -> str:
    line = shown.line
    return " ".join((shown.row.part.value, line.title, line.value.text, line.profile.text, line.sentence)).casefold()


LANGUAGE: Final[Language[LineRow]] = Language(text=_text)
"""What a filter can ask of the director's rows: the words that they show."""


def rows(snapshot: Snapshot, look: DirectorLook) -> list[DirectorRow]:
    """List the rows in order: each part's heading, its rows below unless folded.

    A filter opens what is folded. Before the first reading there is none.
    """
    if not snapshot.origin:
        return []
    shown: list[DirectorRow] = []
    sides = _sides(snapshot, look)
    for part in Part:
        found = [DirectorRow(part, name) for name in _names(snapshot, sides, part)]
        if look.filter:
            found = [row for row in found if look.filter.holds(LineRow(row, _line(snapshot, sides, row)))]
        if found:
            shown.append(DirectorRow(part))
            shown.extend(found if look.filter or part not in look.folded else ())
    return shown


def cells(snapshot: Snapshot, look: DirectorLook, row: DirectorRow) -> tuple[Cell, ...]:
    """Return one row's cells, one for each of DIRECTOR_COLUMNS."""
    if not row.name:
        sign = look.glyphs.folded if row.part in look.folded and not look.filter else look.glyphs.unfolded
        return (Cell(f"{sign} {row.part.value}", Tone.STRONG), *[Cell("")] * (len(DIRECTOR_COLUMNS) - 1))
    line = _line(snapshot, _sides(snapshot, look), row)
    return row_cells(DIRECTOR_COLUMNS, look, LineRow(row, line, _staged_profile(look, row)))


def line_of(snapshot: Snapshot, look: DirectorLook, row: DirectorRow) -> DirectorLine:
    """Return what a row says that is no heading."""
    return _line(snapshot, _sides(snapshot, look), row)


def rows_of(snapshot: Snapshot, look: DirectorLook, part: Part) -> Sequence[DirectorRow]:
    """Return the rows of a part, whatever is filtered or folded."""
    return [DirectorRow(part, name) for name in _names(snapshot, _sides(snapshot, look), part)]


def sentence(snapshot: Snapshot, look: DirectorLook, row: DirectorRow) -> str:
    """Return in full what a row is about; empty for a heading."""
    if not row.name:
        return ""
    line = _line(snapshot, _sides(snapshot, look), row)
    return f"{line.title}: {line.sentence}"


def touches(snapshot: Snapshot, row: DirectorRow) -> str:
    """Return which services a setting touches now; empty where that is not known, and for what is no setting."""
    services = scope(snapshot.reading.director, row.name) if row.part is Part.SYSCTL else ""
    return f"It {services}." if services else ""


def with_staged(running: Director, staged: Iterable[Change]) -> Director:
    """Return what the kernel would hold with what is staged; what only the profile lets go of stays there."""
    return fold(running, filter(changes_kernel, staged))


def _sides(snapshot: Snapshot, look: DirectorLook) -> Sides:
    running = snapshot.reading.director
    return Sides(running, with_staged(running, look.staged), snapshot.profile.saved)


def _staged_profile(look: DirectorLook, row: DirectorRow) -> Cell | None:
    """Return what a staged change does to the profile alone: `let go`, or `keep` for a value that stays as it is."""
    match row:
        case DirectorRow(Part.TIMEOUTS):
            target: Target = DirectorField.TIMEOUTS
        case DirectorRow(Part.SYSCTL, name):
            target = SysctlKey(name)
        case _:
            return None
    for change in look.staged:
        if change.target != target:
            continue
        if change.after is None:
            return Cell("let go", Tone.STAGED)
        return Cell("keep", Tone.STAGED) if change.before is None else None
    return None


def _line(snapshot: Snapshot, sides: Sides, row: DirectorRow) -> DirectorLine:
    match row:
        case DirectorRow(Part.TABLE, "ip_vs"):
            return lines.version(snapshot.reading)
        case DirectorRow(Part.TABLE, "connections"):
            return lines.connections(snapshot.reading)
        case DirectorRow(Part.TABLE, "all services"):
            return lines.total(snapshot.reading.total)
        case DirectorRow(Part.TABLE, name):
            return lines.owner(next(owner for owner in snapshot.owners if f"owner {owner.pid}" == name))
        case DirectorRow(Part.TIMEOUTS, name):
            return lines.timeout(sides, name)
        case DirectorRow(Part.SYNC, name):
            word, _, option = name.partition(".")
            role = fields.role(word)
            return lines.daemon_option(sides, role, option) if option else lines.daemon(sides, role)
        case DirectorRow(Part.HOST, name) if name.startswith(LINK):
            return lines.link(next(link for link in snapshot.host.links if LINK + link.name == name))
        case DirectorRow(Part.HOST, "home"):
            return lines.home(snapshot.here)
        case DirectorRow(Part.HOST, "profile"):
            return lines.profile(snapshot.profile, snapshot.here)
        case DirectorRow(Part.HOST, name):
            return lines.load(snapshot.host, name)
        case DirectorRow(Part.SYSCTL, name):
            return lines.setting(sides, name)
        case DirectorRow(Part.CPUS, name):
            return lines.cpu(snapshot.reading.cpus, int(name))
        case _:
            raise ValueError(f"no such row: {row}")


def _names(snapshot: Snapshot, sides: Sides, part: Part) -> Iterator[str]:
    """Name the rows of a part; what is not known (timeouts in /proc, a kernel without statistics) has none."""
    match part:
        case Part.TABLE:
            yield from ("connections", "all services", "ip_vs")
            yield from (f"owner {owner.pid}" for owner in snapshot.owners)
        case Part.TIMEOUTS:
            yield from (attribute.name for attribute in TIMEOUTS if sides.running.timeouts)
        case Part.SYNC:
            for role, word in fields.ROLE_WORDS.items() if sides.running.sync is not None else ():
                yield word
                if any(role in side.daemons for side in (sides.running, sides.staged)):  # it runs, or is about to
                    yield from (f"{word}.{option.name}" for option in DAEMON)
        case Part.HOST:
            yield from ("home", "profile") if snapshot.here != NOBODYS else ()
            yield from ("cpu", "softirq", "memory")
            yield from (LINK + link.name for link in snapshot.host.links)
        case Part.SYSCTL:
            yield from sorted(sides.running.sysctl)
        case Part.CPUS:
            yield from map(str, range(len(snapshot.reading.cpus)))
        case _:
            assert_never(part)


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
        if error := fields.misread(self.change, text):
            return error.sentence
        found = rules.problems(self.change(text), director)
        return next((problem.sentence for problem in found if problem.severity is Severity.ERROR), "")


def question(
    running: Director, staged: Sequence[Change], row: DirectorRow, interfaces: Sequence[str] = ()
) -> Question | None:
    """Return the question for a row, None where nothing can be edited there.

    What is staged already counts as there, so that one option after the other can be set before Enter writes.
    `interfaces` are those that a daemon can use, the fittest first; empty where that is not known.
    """
    director = with_staged(running, staged)
    match row:
        case DirectorRow(Part.TIMEOUTS, name) if name and director.timeouts:
            return _timeout(director.timeouts, name)
        case DirectorRow(Part.SYNC, name) if name and director.sync is not None:
            word, _, option = name.partition(".")
            role = fields.role(word)
            daemon, option = director.sync.get(role), option or "interface"
            return _interface(daemon, role, interfaces) if option == "interface" else _daemon(daemon, option)
        case DirectorRow(Part.SYSCTL, name) if name in director.sysctl and sysctls.writable(name):
            value = director.sysctl[name]
            return Question(name, value, lambda text: change_sysctl(name, value, sysctls.read(name, text)))
        case _:
            return None


def removal(running: Director, row: DirectorRow) -> Change | None:
    """Return the change that stops the daemon of a row, None where none runs."""
    if row.part is not Part.SYNC or not row.name:
        return None
    daemon = running.daemons.get(fields.role(row.name.partition(".")[0]))
    return change_daemon(daemon, None) if daemon else None


def release(running: Director, saved: Director | None, row: DirectorRow) -> Change | None:
    """Return the change that lets the profile leave a row to the kernel, None where it does so already."""
    match row:
        case DirectorRow(Part.TIMEOUTS, name) if name and saved and saved.timeouts:
            return change_timeouts(running.timeouts, None)
        case DirectorRow(Part.SYSCTL, name) if saved and name in saved.sysctl:
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
        name = fields.interface(text)
        if known and name not in known:
            meant = [candidate for candidate in known if candidate.startswith(name)]
            raise fields.FieldError("interface", f"no {name} here: {_listed(meant or known)}")
        return change_daemon(daemon, replace(daemon, interface=name) if daemon else SyncDaemon(role, name))

    if daemon is None:
        return Question(f"start the {word} on interface{offer}", "", change)
    return Question(f"{word} interface{offer}", daemon.interface, change)


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
