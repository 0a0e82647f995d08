"""Writing a profile into the text that a person wrote: what did not change stays as it is, comments and order too.

The text is changed in pieces (layout.py), and what comes out counts only if it reads as what it should be.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Generic, NamedTuple, TypeVar

from lvstui.core.attribute import Raw, Table
from lvstui.core.attributes import DAEMON, GROUP, SERVER, SERVICE
from lvstui.core.model import Director, Endpoint, MarkGroup, Pool, RealServer, ServiceKey, SyncDaemon, SyncRole
from lvstui.core.order import ordered_daemons, ordered_pools, ordered_servers
from lvstui.formats.profile.flaws import ProfileError
from lvstui.formats.profile.layout import (
    Key,
    Piece,
    Section,
    Strange,
    joined,
    members,
    sections,
    split,
)
from lvstui.formats.profile.places import has_comments
from lvstui.formats.profile.splice import change_items, change_texts, insert_key, remove_keys
from lvstui.formats.profile.write import (
    HEADER,
    block,
    dumps,
    loads,
    server_line,
    service_block,
    tables,
    value_text,
)

_KINDS: Final = ("director", "timeouts", "sysctl", "sync", "service", "mark")
"""The tables of a profile in their usual order."""

_I = TypeVar("_I", bound=Hashable)
_O = TypeVar("_O")


class Kept(NamedTuple):
    """A text that reads as the director; `plain` in the canonical form, with comments of a person `lost` or not."""

    text: str
    director: Director
    plain: bool
    lost: bool = False


def rewrite(text: str, before: Director, director: Director) -> Kept:
    """Write a director into the text of another one, `before` as `loads` read it.

    Raises `ProfileError` as `dumps` does. A text in the canonical form stays in it.
    """
    plain = dumps(director)
    if text == dumps(before):
        return Kept(plain, director, True)
    try:
        kept = _changed(text, before, director)
        read = loads(kept, "the new text")
    except (Strange, ProfileError, ValueError, IndexError, KeyError, TypeError, RecursionError):
        read = None
    else:
        if read == director:
            return Kept(kept, read, False)
    return Kept(plain, director, True, has_comments(text, apart_from=HEADER))


def _changed(text: str, before: Director, director: Director) -> str:
    endings = text.count("\r\n")
    crlf = endings > 0 and endings == text.count("\n")
    text = text.replace("\r\n", "\n") if crlf else text
    changed = _Editor(text if text.endswith("\n") else f"{text}\n").write(before, director)
    return changed.replace("\n", "\r\n") if crlf else changed


@dataclass(frozen=True, slots=True)
class _Objects(Generic[_I, _O]):
    """All objects of one kind: those of the text in its order, and those wanted in the usual one.

    `table` returns what an object has of its own, `inner` the objects within; `section` and `inline` write it whole.
    """

    path: Key
    old: Mapping[_I, _O]
    new: Mapping[_I, _O]
    order: Sequence[_I]
    table: Callable[[_O], Table]
    section: Callable[[_O], str]
    inline: Callable[[_O], str]
    inner: Callable[[_O, _O], _Objects[Endpoint, RealServer]] | None = None

    def followers(self, there: Collection[_I]) -> Mapping[_I | None, list[_I]]:
        """Put each new object behind the one before it in the usual order; where that is none, at the end (None)."""
        last: _I | None = None
        found: dict[_I | None, list[_I]] = {}
        for one in self.order:
            if one in there:
                last = one
            else:
                found.setdefault(last, []).append(one)
        return found


class _Editor:
    """One change of a text, in its pieces."""

    def __init__(self, text: str) -> None:
        self._sections, self._end = sections(text)
        self._gone: set[int] = set()
        self._new: dict[int, list[str]] = {}

    def write(self, before: Director, director: Director) -> str:
        """Change the text and put it together again."""
        first, *rest = self._sections
        if before.daemons:
            self._kind(first.pieces, rest, _daemons(before, director))
            self._table(first.pieces, rest, (), tables(before), tables(director))
        else:  # `sync = []` goes before there are daemons
            self._table(first.pieces, rest, (), tables(before), tables(director))
            self._kind(first.pieces, rest, _daemons(before, director))
        self._kind(first.pieces, rest, _pools(before, director))
        self._kind(first.pieces, rest, _marks(before, director))
        return self._text()

    def _kind(self, pieces: list[Piece], subs: Sequence[Section], kind: _Objects[_I, _O]) -> None:
        if not self._objects(pieces, subs, kind):
            for key in kind.order:
                self._append(kind.path[0], kind.section(kind.new[key]))

    def _text(self) -> str:
        parts: list[str] = []
        carried = ""
        for section in self._sections:
            if id(section) in self._gone:
                carried = joined(carried, split(section.lead)[0])
            else:
                section.lead, carried = joined(carried, section.lead), ""
                parts.append(str(section))
            parts += [f"\n{text}" for text in self._new.get(id(section), ())]
        return "".join(parts) + joined(carried, self._end)

    def _append(self, kind: str, text: str) -> None:
        """Add a table behind those of its kind, and of the kinds that usually come before."""
        rank = _KINDS.index(kind)
        before = [section for section in self._sections if not section.path or _KINDS.index(section.path[0]) <= rank]
        self._new.setdefault(id(before[-1]), []).append(text)

    def _table(
        self,
        pieces: list[Piece],
        subs: Sequence[Section],
        path: Key,
        old: Table,
        new: Table,
        prefix: Key = (),
        *,
        lines: bool = True,
    ) -> None:
        """Change the keys of a table: its own pieces, `lines` of their own or not, and sections within it."""
        for key in (*new, *(key for key in old if key not in new)):  # in this order, as what goes leaves its comments
            was, value = old.get(key), new.get(key)
            if was == value:
                continue
            full = (*prefix, key)
            mine = [piece for piece in pieces if piece.key[: len(full)] == full]
            within = [section for section in subs if section.path == (*path, *full)]
            if value is None:
                self._gone.update(map(id, within))
                remove_keys(pieces, mine, lines=lines)
            elif mine and mine[0].key == full:
                mine[0].value = self._value(mine[0].value, was, value)
            elif (mine or within) and isinstance(value, dict):
                inside = was if isinstance(was, dict) else {}
                if mine:
                    self._table(pieces, (), path, inside, value, full, lines=lines)
                else:
                    self._table(within[0].pieces, (), within[0].path, inside, value)
            elif isinstance(value, dict) and lines and not path and not prefix:
                self._append(key, block(f"[{key}]", value))
            else:
                insert_key(pieces, new, prefix, key, value_text(value), lines=lines)

    def _value(self, text: str, old: Raw | Table | None, new: Raw | Table) -> str:
        """Change a value in place as far as its two forms allow."""
        match old, new:
            case dict(), dict() if text.startswith("{"):
                return self._inline(text, old, new)
            case tuple(), tuple() if text.startswith("["):
                return change_texts(text, old, new)
            case _:
                return value_text(new)

    def _inline(self, text: str, old: Table, new: Table, inner: _Objects[Endpoint, RealServer] | None = None) -> str:
        pieces = members(text)
        before = [piece.key for piece in pieces]
        self._table(pieces, (), (), old, new, lines=False)
        if inner is not None:
            self._within(pieces, (), inner, lines=False)
        if [piece.key for piece in pieces] == before:
            return "{" + "".join(map(str, pieces)) + "}"
        return "{ " + ", ".join(f"{piece.head}{piece.value}" for piece in pieces) + " }"

    def _within(
        self, pieces: list[Piece], subs: Sequence[Section], inner: _Objects[Endpoint, RealServer], *, lines: bool
    ) -> None:
        if not self._objects(pieces, subs, inner) and inner.new:
            rows = [inner.inline(inner.new[key]) for key in inner.order]
            text = "[\n" + "".join(f"    {row},\n" for row in rows) + "]" if lines else f"[{', '.join(rows)}]"
            insert_key(pieces, (), (), inner.path[-1], text, lines=lines)

    def _objects(self, pieces: list[Piece], subs: Sequence[Section], kind: _Objects[_I, _O]) -> bool:
        """Change the objects of a kind where they stand; return whether there is such a place."""
        mine = [piece for piece in pieces if piece.key == kind.path[-1:]]
        groups = _groups(subs, kind.path)
        if kind.old == kind.new:
            return True
        if mine:
            mine[0].value = self._list(mine[0].value, kind)
            return True
        if not groups:
            return False
        for (key, was), group in zip(kind.old.items(), groups, strict=True):
            self._object(kind, was, kind.new.get(key), group)
        followers = kind.followers(kind.new.keys() & kind.old.keys())
        last = {key: group[-1] for key, group in zip(kind.old, groups, strict=True)}
        for before, new in followers.items():
            anchor = groups[-1][-1] if before is None else last[before]
            self._new.setdefault(id(anchor), []).extend(kind.section(kind.new[one]) for one in new)
        return True

    def _object(self, kind: _Objects[_I, _O], was: _O, now: _O | None, group: Sequence[Section]) -> None:
        if now is None:
            self._gone.update(map(id, group))
        elif now != was:
            body, *subs = group
            self._table(body.pieces, subs, kind.path, kind.table(was), kind.table(now))
            if kind.inner:
                self._within(body.pieces, subs, kind.inner(was, now), lines=True)

    def _list(self, text: str, kind: _Objects[_I, _O]) -> str:
        """Change objects that stand in an array."""

        def change(value: str, key: _I) -> str:
            was, now = kind.old[key], kind.new[key]
            if now == was:
                return value
            inner = kind.inner(was, now) if kind.inner else None
            return self._inline(value, kind.table(was), kind.table(now), inner)

        if not kind.old and "#" not in text:
            return "[\n" + "".join(f"    {kind.inline(kind.new[key])},\n" for key in kind.order) + "]"
        followers = kind.followers(kind.new.keys() & kind.old.keys())
        texts = {key: [kind.inline(kind.new[one]) for one in new] for key, new in followers.items()}
        return change_items(text, list(kind.old), kind.new.keys(), change, texts)


def _daemons(before: Director, director: Director) -> _Objects[SyncRole, SyncDaemon]:
    return _Objects(
        ("sync",),
        before.daemons,
        director.daemons,
        ordered_daemons(director),
        DAEMON.table,
        lambda daemon: block("[[sync]]", DAEMON.table(daemon)),
        lambda daemon: value_text(DAEMON.table(daemon)),
    )


def _pools(before: Director, director: Director) -> _Objects[ServiceKey, Pool]:
    wordings: dict[object, str] = {}
    return _Objects(
        ("service",),
        before.pools,
        director.pools,
        ordered_pools(director),
        lambda pool: SERVICE.table(pool.service),
        lambda pool: service_block(pool, wordings),
        _inline_pool,
        _servers,
    )


def _marks(before: Director, director: Director) -> _Objects[int, MarkGroup]:
    return _Objects(
        ("mark",),
        before.groups,
        director.groups,
        sorted(director.groups),
        GROUP.table,
        lambda group: block("[[mark]]", GROUP.table(group)),
        lambda group: value_text(GROUP.table(group)),
    )


def _servers(was: Pool, now: Pool) -> _Objects[Endpoint, RealServer]:
    return _Objects(
        ("service", "server"),
        was.servers,
        now.servers,
        ordered_servers(now),
        SERVER.table,
        lambda server: block("[[service.server]]", SERVER.table(server)),
        server_line,
    )


def _inline_pool(pool: Pool) -> str:
    text = value_text(SERVICE.table(pool.service))
    if not pool.servers:
        return text
    rows = ", ".join(server_line(pool.servers[endpoint]) for endpoint in ordered_servers(pool))
    return f"{text.removesuffix(' }')}, server = [{rows}] }}"


def _groups(subs: Sequence[Section], path: Key) -> list[list[Section]]:
    """Gather the sections of each object of a kind: its header, and the tables within it."""
    groups: list[list[Section]] = []
    for section in subs:
        if section.path == path:
            groups.append([section])
        elif groups and section.path[: len(path)] == path:
            groups[-1].append(section)
    return groups
