"""Entries printed as they are read, however many there are: what many have in common is written once."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from json import dumps
from socket import inet_ntoa
from typing import Final, NamedTuple, Protocol, TypeAlias, TypeVar

from lvstui.commands.place import Status, align_row, cells_of, complain, widths_of
from lvstui.core.describe import masked_client_text
from lvstui.core.entries.columns import ENTRY_COLUMNS, EntryLook, EntryRow, seconds_left
from lvstui.core.entries.crowd import Hanging, PackedEntries, unpack
from lvstui.core.entries.resolve import Place, ResolvedEntry, key_of, mask_client, place_of
from lvstui.core.entries.rows import completeness
from lvstui.core.health.table import of_table
from lvstui.core.health.verdict import Trouble, troubled
from lvstui.core.model import Director, ServerKey
from lvstui.core.observed import Alike, Connection, Entry, Reading
from lvstui.core.snapshot import Snapshot
from lvstui.core.view.table import printed_columns
from lvstui.engine.scanner import Pass
from lvstui.kernel.port import KernelError, Piece

R = TypeVar("R")

_BATCH: Final = 2000
"""Lines that are printed at once."""

_AGAIN: Final = 64
"""Entries at the end of a piece that the next one may begin with again."""

_SAMPLE: Final = 2000
"""Entries that make the columns as wide as they are."""

_KINDS_MAX: Final = 65536
"""Kinds of entries whose lines are kept ready."""

_COLUMNS: Final = printed_columns(ENTRY_COLUMNS)
_RIGHT: Final = frozenset(place for place, column in enumerate(_COLUMNS) if column.right)
_OWN: Final = frozenset(("client", "left", "connections"))
"""The columns in which each entry has something of its own; in JSON the last one is `children`."""

Described: TypeAlias = Callable[[ResolvedEntry, float], Mapping[str, object]]
"""Names what is known of an entry at a moment, for the JSON output."""


class _Writer(Protocol):
    """Writes entries; a `form` has what entries of a kind have in common, and `%` for what is their own."""

    doubts: bool
    """Whether a number that is not sure has a mark."""

    def line(self, resolved: ResolvedEntry, now: float) -> str: ...
    def form(self, resolved: ResolvedEntry) -> str: ...
    def begin(self) -> str: ...
    def join(self, lines: Sequence[str], *, first: bool) -> str: ...
    def end(self, reading: Pass, *, found: bool) -> str: ...


class _Text:
    """Writes entries in columns, which those of some entries make as wide as they are."""

    doubts = True

    def __init__(self, director: Director, some: Iterable[ResolvedEntry], now: float) -> None:
        self._director = director
        headings = [column.heading or column.title.upper() for column in _COLUMNS]
        self._widths = widths_of([headings, *(self._cells(resolved, now) for resolved in some)])
        self._heading = align_row(headings, self._widths, _RIGHT)

    def line(self, resolved: ResolvedEntry, now: float) -> str:
        return align_row(self._cells(resolved, now), self._widths, _RIGHT)

    def form(self, resolved: ResolvedEntry) -> str:
        parts = []
        for column, width, cell in zip(_COLUMNS, self._widths, self._cells(resolved, 0.0), strict=True):
            if column.id in _OWN:
                parts.append(f"%{'' if column.right else '-'}{width}s")
            else:
                parts.append((cell.rjust(width) if column.right else cell.ljust(width)).replace("%", "%%"))
        return "  ".join(parts).rstrip()

    def begin(self) -> str:
        return ""

    def join(self, lines: Sequence[str], *, first: bool) -> str:
        return "\n".join((*((self._heading,) if first else ()), *lines, ""))

    def end(self, _: Pass, *, found: bool) -> str:
        return "" if found else "There is no such entry.\n"

    def _cells(self, resolved: ResolvedEntry, now: float) -> list[str]:
        return cells_of(_COLUMNS, EntryRow(resolved, self._director, now, EntryLook()))


class _Json:
    """Writes entries as objects in a list; what is known of the whole table only at its end comes behind it."""

    doubts = False

    def __init__(self, describe: Described) -> None:
        self._describe = describe

    def line(self, resolved: ResolvedEntry, now: float) -> str:
        return _object({key: dumps(value) for key, value in self._describe(resolved, now).items()})

    def form(self, resolved: ResolvedEntry) -> str:
        own = {"client": '"%s"', "left": "%s", "children": "%s"}
        described = self._describe(resolved, 0.0)
        return _object({key: own.get(key) or dumps(value).replace("%", "%%") for key, value in described.items()})

    def begin(self) -> str:
        return '{\n  "entry": ['

    def join(self, lines: Sequence[str], *, first: bool) -> str:
        return ("" if first else ",") + ",".join(lines)

    def end(self, reading: Pass, *, found: bool) -> str:
        about = f'"complete": {dumps(reading.complete)},\n  "rows": {reading.rows},\n  "left_out": 0'
        closing = "\n  ]" if found else "]"
        return f"{closing},\n  {about}\n}}\n"


def _object(members: Mapping[str, str]) -> str:
    return f"\n    {{{', '.join(f'{dumps(key)}: {value}' for key, value in members.items())}}}"


class _Kind(NamedTuple):
    """What entries of one service on one server, from one origin, have in common; `first` is one of them.

    `suffix` is the width of the client's network. `masked` is the form for a client that does not fit the mask.
    """

    first: Entry
    place: Place
    suffix: str
    form: str
    masked: str


class _Lines:
    """The lines of entries for which a filter holds."""

    def __init__(
        self, writer: _Writer, director: Director, look: EntryLook, hanging: Hanging, bad: Mapping[ServerKey, Trouble]
    ) -> None:
        self._writer = writer
        self._director = director
        self._look = look
        self._hanging = hanging
        self._bad = bad
        self._kinds: dict[tuple[int, int, int], _Kind] = {}
        self.rows = 0

    def of(self, piece: Piece, now: float) -> Iterator[str]:
        """Yield the lines of the entries of a piece; written for speed."""
        for entry in piece.entries:
            yield from self._line(entry, self._kind(entry), now)
        hanging, filtered, kinds, doubts = (
            bool(self._hanging),
            bool(self._look.filter),
            self._kinds,
            self._writer.doubts,
        )
        self.rows += len(piece.alike)
        for alike in piece.alike:
            like, client, ends = alike
            kind = kinds.get((id(like.service), id(like.server), id(like.origin))) or self._kind(like)
            if hanging or filtered or kind.place.mask or like.engine or len(client) != 4:
                self.rows -= 1
                yield from self._line(unpack(alike), kind, now)
                continue
            number = 0 if kind.place.sure or not doubts else "~0"
            yield kind.form % (inet_ntoa(client) + kind.suffix, int(ends - now) if ends > now else 0, number)

    def _line(self, entry: Entry, kind: _Kind, now: float) -> Iterator[str]:
        """Yield the line of an entry, if the filter holds."""
        place, client = kind.place, entry.client
        fits = place.mask is None or mask_client(client, place.mask) == client
        children = self._hanging.on(place.service, client, entry.server.address)
        self.rows += 1
        if self._look.filter or entry.engine:
            resolved = _resolved(entry, place, children, fits=fits)
            if not self._look.filter.holds(EntryRow(resolved, self._director, now, self._look)):
                return
            if entry.engine:
                yield self._writer.line(resolved, now)
                return
        number = children if place.sure or not self._writer.doubts else f"~{children}"
        yield (kind.form if fits else kind.masked) % (
            str(client) + kind.suffix,
            seconds_left(entry.ends, now),
            number,
        )

    def _kind(self, entry: Entry) -> _Kind:
        key = id(entry.service), id(entry.server), id(entry.origin)
        kind = self._kinds.get(key)
        if kind is not None:
            return kind
        if len(self._kinds) >= _KINDS_MAX:
            self._kinds.clear()
        place = place_of(entry, self._director, self._bad)
        forms = [self._writer.form(_resolved(entry, place, 0, fits=fits)) for fits in (True, False)]
        suffix = masked_client_text(entry.client, place.width).removeprefix(str(entry.client))
        # While the kind is kept, so are its service and server: no other object has their identity.
        kind = self._kinds[key] = _Kind(entry, place, suffix, *forms)
        return kind


def _resolved(entry: Entry, place: Place, children: int, *, fits: bool) -> ResolvedEntry:
    state = place.state if fits else "masked"
    return ResolvedEntry(entry, place.service, place.server, state, children, place.sure, place.width)


def print_rest(reading: Pass, budget: float, snapshot: Snapshot, look: EntryLook, describe: Described | None) -> int:
    """Print what a reading has found so far, and all that follows while it goes on; return the exit status.

    In columns, or with `describe` as JSON. Where connections hang on entries, their numbers are known at the end of
    the table only: nothing is printed before, and until then entries are kept packed.
    """
    director, scan = snapshot.reading.director, reading.scan()
    hanging = Hanging(director)
    bad = dict(troubled(of_table(scan, director, scan.taken)))
    some = [_resolved(entry, place_of(entry, director, bad), 0, fits=True) for entry in islice(scan.entries, _SAMPLE)]
    writer: _Writer = _Json(describe) if describe else _Text(director, some, scan.taken)
    lines = _Lines(writer, director, look, hanging, bad)
    trouble, found = "", 0
    pieces = _pieces(reading, budget)
    counts = bool(scan.connections) or _has_connections(snapshot.reading)
    batches = _counted(pieces, hanging) if counts else pieces
    print(writer.begin(), end="")
    try:
        for batch in batches:
            if written := list(lines.of(batch, time.monotonic())):
                print(writer.join(written, first=not found), end="")
                found += len(written)
    except KernelError as problem:
        trouble = str(problem)
    print(writer.end(reading, found=bool(found)), end="")
    if reading.complete:
        return Status.OK
    about = completeness(f"{found:,} of {lines.rows:,} entries", reading.scan(), snapshot.reading, 500)
    complain(f"{about}; {trouble}" if trouble else about)
    return Status.ERROR


def _has_connections(reading: Reading) -> bool:
    """Return whether there are connections that may hang on entries."""
    return any(
        seen.active or seen.inactive
        for key, servers in reading.servers.items()
        if (pool := reading.director.pools.get(key)) and pool.service.persistence
        for seen in servers.values()
    )


def _pieces(reading: Pass, budget: float) -> Iterator[Piece]:
    """Yield all rows of a reading, many at once, without the entries that the kernel lists again.

    It looks for its place in the table anew for each piece, and new entries before it move that place back.
    """
    begun = reading.scan()
    yield Piece(list({key_of(entry): entry for entry in begun.entries}.values()), begun.connections)
    entries: list[Entry] = []
    connections: list[Connection] = []
    alike: list[Alike] = []
    tail = begun.entries[-_AGAIN:]
    last = Piece(tail, (), [(entry, entry.client.packed, 0.0) for entry in tail])
    try:
        for piece in reading.rest(budget):
            entries += _without_again(piece.entries, last.entries, key_of)
            connections += piece.connections
            again = piece.alike and any(client == piece.alike[0][1] for _, client, _ in last.alike)
            alike += _without_again(piece.alike, last.alike, _alike_key) if again else piece.alike
            last = Piece(piece.entries[-_AGAIN:] or last.entries, (), piece.alike[-_AGAIN:] or last.alike)
            if len(entries) + len(connections) + len(alike) >= _BATCH:
                yield Piece(entries, connections, alike)
                entries, connections, alike = [], [], []
    except KernelError:
        yield Piece(entries, connections, alike)
        raise
    yield Piece(entries, connections, alike)


def _alike_key(alike: Alike) -> tuple[int, int, bytes]:
    like, client, _ = alike
    return id(like.service), id(like.server), client


def _without_again(rows: Sequence[R], last: Sequence[R], key: Callable[[R], Hashable]) -> Sequence[R]:
    """Return rows without those at their start that stand at the end of the piece before."""
    if not rows or not last:
        return rows
    before = {key(row) for row in last}
    for place, row in enumerate(rows):
        if key(row) not in before:
            return rows[place:]
    return ()


def _counted(pieces: Iterable[Piece], hanging: Hanging) -> Iterator[Piece]:
    """Yield entries once all rows have been read and their connections counted."""
    packed, trouble = PackedEntries(), None
    try:
        for entries, connections, alike in pieces:
            packed.add(entries)
            packed.add_alike(alike)
            hanging.add(connections)
    except KernelError as problem:
        trouble = problem
    every = iter(packed)
    while batch := list(islice(every, _BATCH)):
        yield Piece((), (), batch)
    if trouble is not None:
        raise trouble
