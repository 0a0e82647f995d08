"""One service as a text to be edited alone, and what is wrong with it as comments above its lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from lvstui.core import fields
from lvstui.core.change import Change, fold
from lvstui.core.drift import diff
from lvstui.core.fields import FieldError, service_text, visible
from lvstui.core.keys import with_keys
from lvstui.core.mistake import Mistake, Severity, in_order
from lvstui.core.model import Director, Pool, ServerKey, ServiceKey
from lvstui.core.rules import problems
from lvstui.formats.profile.flaws import ProfileError
from lvstui.formats.profile.places import Path, line_of, lines
from lvstui.formats.profile.read import loads
from lvstui.formats.profile.reader import FORMAT
from lvstui.formats.profile.syntax import parse_toml
from lvstui.formats.profile.write import service_block

_OURS: Final = "#! "
"""How the comments begin that say what is wrong."""

_HEADER: Final = """\
# {name}, as in a profile (docs/profile.md). Save and leave: what changed is staged, and Enter writes it.
# Empty the file to change nothing. These comments are not kept; a note is: note = "..."
"""

_NOT_KEPT: Final = "is kept in a profile alone: start lvstui with --profile FILE, or take it out"


def dump(pool: Pool) -> str:
    """Write a service with its servers as a text to be edited."""
    return f"{_HEADER.format(name=service_text(pool.service.key))}\n{service_block(pool)}"


def _refuse_strange(text: str, source: str) -> None:
    """Raise `ProfileError` where a line has bytes that are no UTF-8, which stand as lone surrogates."""
    found = [
        Mistake(source, number, "text", "this line is not UTF-8; write it anew")
        for number, line in enumerate(text.splitlines(), 1)
        if any(0xD800 <= ord(character) <= 0xDFFF for character in line)
    ]
    if found:
        raise ProfileError(*found)


def read(text: str, source: str, pool: Pool, director: Director, *, profile: bool) -> tuple[Change, ...]:
    """Return what an edited text changes of a service as it is in a director; names need a `profile`.

    Raises `ProfileError` with every mistake in it.
    """
    _refuse_strange(text, source)
    after = _pool(text, source, pool.service.key)
    key = after.service.key
    changes = diff(Director(pools={key: pool}), Director(pools={key: after}))
    folded, places = fold(director, changes), _Places(text)
    found = [
        Mistake(source, places.line(change, problem.field), problem.field, problem.sentence)
        for change in changes
        if change.after is not None
        for problem in problems(Change(change.target, change.after, change.after), folded)
        if problem.severity is Severity.ERROR
    ]
    if not profile:
        found += [Mistake(source, places.line(change, field), field, _NOT_KEPT) for change, field in _unkept(changes)]
    if found:
        raise ProfileError(*in_order(found))
    return changes


def _unkept(changes: Iterable[Change]) -> Iterator[tuple[Change, str]]:
    """Yield what of changes only a profile keeps."""
    for change in changes:
        for field in ("name", "note", "probe", "resume"):
            new = getattr(change.after, field, None)
            if new and new != getattr(change.before, field, None) and not (field == "resume" and _drained(change)):
                yield change, field


def _drained(change: Change) -> bool:
    return getattr(change.after, "weight", None) == 0


def _pool(text: str, source: str, key: ServiceKey) -> Pool:
    document, places = parse_toml(text, source), lines(text)
    others = [
        Mistake(source, line_of((name,), places), name, f"only {service_text(key)} is edited here; take this out")
        for name in document
        if name != "service"
    ]
    if others:
        raise ProfileError(*in_order(others))
    try:
        pools = loads(f"format = {FORMAT}\n{text}", source).pools
    except ProfileError as error:
        moved = [replace(one, line=max(1, one.line - 1)) for one in error.mistakes]
        raise (ProfileError(*moved) if moved else error) from None
    if len(pools) != 1:
        at = line_of(("service", 1), places)
        raise ProfileError(Mistake(source, at, "service", "one service is edited here, no more and no less"))
    pool = next(iter(pools.values()))
    if pool.service.key != key:
        remedy = with_keys("add another service by {A:add.service}, and delete this one by {Del:delete}")
        sentence = f"must stay {service_text(key)}; {remedy}"
        raise ProfileError(Mistake(source, line_of(("service", 0, "service"), places), "service", sentence))
    return pool


class _Places:
    """Where the service and its servers stand in a text that is read without mistakes."""

    def __init__(self, text: str) -> None:
        self._lines = lines(text)
        self._servers: dict[str, int] = {}
        service = parse_toml(text, "")["service"]
        rows = service[0].get("server", []) if isinstance(service, list) else []
        for place, row in enumerate(rows):
            try:
                self._servers[fields.server_text(fields.server(row["server"]))] = place
            except FieldError:
                continue

    def line(self, change: Change, field: str) -> int:
        """Return the line of a field of what a change is about."""
        path: Path = ("service", 0)
        if isinstance(change.target, ServerKey):
            path = (*path, "server", self._servers.get(fields.server_text(change.target.endpoint), 0))
        return line_of((*path, *field.split(".")), self._lines)


def without_remarks(text: str) -> str:
    """Return a text without the comments that `with_remarks` put there."""
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith(_OURS))


def with_remarks(text: str, mistakes: Sequence[Mistake], otherwise: str) -> str:
    """Return a text with each mistake as a comment above its line; `otherwise` where there is none with a line."""
    found: dict[int, list[str]] = {}
    for one in mistakes:
        found.setdefault(one.line, []).append(f"{_OURS}{visible(one.field)}: {one.sentence}\n")
    if not found:
        found[1] = [f"{_OURS}{otherwise}\n"]
    rows = text.splitlines(keepends=True) or [""]
    beyond = [remark for line, remarks in found.items() if line > len(rows) for remark in remarks]
    parts = [part for line, row in enumerate(rows, 1) for part in (*found.get(line, ()), row)]
    way_out = f"{_OURS}Correct what is said above a line; leave this unchanged, or empty it, to change nothing.\n"
    return "".join([way_out, *parts, *(["\n"] if beyond and not text.endswith("\n") else []), *beyond])
