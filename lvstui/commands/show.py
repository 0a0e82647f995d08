"""The commands that print: show, export, check, diff and apply; each returns the exit status."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from lvstui.commands.place import Place
from lvstui.commands.status import Status
from lvstui.core.change import EMPTY, Change
from lvstui.core.drift import dress, drift, managed
from lvstui.core.fields import visible
from lvstui.core.model import Director
from lvstui.formats.profile.write import ProfileError
from lvstui.store.profile_file import ProfileFile

if TYPE_CHECKING:
    from lvstui.core.snapshot import Snapshot


def show(place: Place, what: str, *, as_json: bool) -> int:
    """Print the services, the firewall marks or the director's own settings, with what the kernel counts."""
    from lvstui.commands import tables
    from lvstui.formats import json as document

    profile, origin = profile_of(place), place.kernel.origin
    reading = place.kernel.read()
    reading = replace(reading, director=dress(reading.director, profile))
    match what, as_json:
        case "marks", True:
            from lvstui.commands import marks

            print_json(marks.document(_snapshot(place)))
        case "marks", False:
            from lvstui.commands import marks

            print("\n".join(marks.lines(_snapshot(place))))
        case "services", True:
            print_json(document.services(reading))
        case "services", False:
            print("\n".join(tables.services(_snapshot(place))))
        case _, True:
            print_json(document.director(reading, origin, profile))
        case _:
            print("\n".join(tables.director(reading, origin, profile)))
    return Status.OK


def profile_of(place: Place) -> Director:
    """Read the profile; one that cannot be read is no reason to show nothing."""
    try:
        return place.profile.load() or EMPTY
    except ProfileError as error:
        print(f"lvstui: {error}; names are left out", file=sys.stderr)
        return EMPTY


def print_json(document: object) -> None:
    """Print a document as JSON."""
    print(_json(document), end="")


def _json(document: object) -> str:
    from json import dumps

    return dumps(document, indent=2) + "\n"


def export(place: Place, output: Path | None, form: str) -> int:
    """Write what the kernel holds, with the profile's names, to stdout or to a file."""
    from lvstui.commands.apply import whole_table

    profile = place.profile.load() or EMPTY
    director = managed(dress(whole_table(place.kernel), profile), profile)
    text = _formatted(director, form)
    if output is None:
        print(text, end="")
        return Status.OK
    from lvstui.store.atomic import write_file

    write_file(output, text.encode())
    return Status.OK


def _formatted(director: Director, form: str) -> str:
    match form:
        case "json":
            from lvstui.formats.json import configuration

            return _json(configuration(director))
        case "nft":
            from lvstui.core.marks.script import script

            return "".join(f"{line}\n" for line in script(director.marks))
        case "ipvsadm":
            from lvstui.formats.ipvsadm import save_lines

            return "".join(f"{line}\n" for line in save_lines(director))
        case _:
            from lvstui.formats.profile.write import dumps

            return dumps(director)


def _snapshot(place: Place) -> Snapshot:
    """Read the director once, with the profile's names and what differs from it."""
    from lvstui.core.snapshot import Host, ProfileState, Snapshot

    profile = profile_of(place)
    reading = place.kernel.read()
    state = ProfileState(str(place.profile.path), True, drift(reading.director, profile), saved=profile)
    reading = replace(reading, director=dress(reading.director, profile))
    return Snapshot(reading, place.kernel.origin, Host(""), profile=state)


def check_running(place: Place) -> int:
    """Print what an expert would point out on the running director; the status is 3 where there is anything."""
    from lvstui.core.advice.services import advice

    found = advice(_snapshot(place))
    for each in found:
        print(each)
    if not found:
        print("nothing to point out")
    return Status.DIFFERS if found else Status.OK


def check(path: Path) -> int:
    """Print every mistake in a profile; warnings alone leave the status at 0."""
    from lvstui.core import rules

    try:
        director = _loaded(path)
    except ProfileError as error:
        print("\n".join(error.flaws))
        return Status.ERROR
    found = rules.check(director)
    for problem in found:
        print(f"{visible(str(path))}: {problem.severity.value}: {problem}")
    if any(problem.severity is rules.Severity.ERROR for problem in found):
        return Status.ERROR
    servers = sum(len(pool.servers) for pool in director.pools.values())
    print(f"{visible(str(path))}: {len(director.pools)} services, {servers} servers, no error")
    return Status.OK


def _loaded(path: Path) -> Director:
    director = ProfileFile(path).load()
    if director is None:
        raise ProfileError(f"{visible(str(path))} does not exist; `lvstui export -o` writes it from the running kernel")
    return director


def diff(place: Place, file: Path | None) -> int:
    """Print what would have to be written to make the kernel equal a profile."""
    from lvstui.commands.apply import plan

    profile = _loaded(file or place.profile.path)
    _tell_of_marks(place, profile)
    steps = plan(place.kernel, profile)
    for line in steps.lines():
        print(line)
    return Status.DIFFERS if steps.writes else Status.OK


def _tell_of_marks(place: Place, profile: Director) -> None:
    """Say that the rules of a profile's marks are left out, where they can be neither read nor written."""
    if profile.marks and place.kernel.read().director.marks is None:
        sentence = "its marks are left out: `lvstui export --format nft` prints the rules that set them"
        print(f"lvstui: {sentence}", file=sys.stderr)


def _refuse_errors(profile: Director) -> None:
    """Stop before anything is written where the kernel would refuse a part of the profile half way."""
    from lvstui.core import rules

    errors = [str(problem) for problem in rules.check(profile) if problem.severity is rules.Severity.ERROR]
    if errors:
        raise ProfileError(*errors)


def _record(place: Place, made: tuple[Change, ...]) -> None:
    """Add what was written to the history; a history that cannot be written stops nobody."""
    from lvstui.commands.history import history_of
    from lvstui.core.record import Kind

    try:
        history_of(place).append(Kind.APPLY, made)
    except ProfileError as error:
        sys.stdout.flush()
        print(f"lvstui: the changes are made, and missing in the history: {error}", file=sys.stderr)


def apply(place: Place, file: Path | None, *, dry_run: bool, keep_others: bool) -> int:
    """Make the kernel equal a profile, printing each write once it holds, and read again to be sure."""
    from lvstui.commands.apply import carry_out, plan
    from lvstui.commands.neighbours import warn

    profile = _loaded(file or place.profile.path)
    _refuse_errors(profile)
    _tell_of_marks(place, profile)
    steps = plan(place.kernel, profile, keep_others=keep_others)
    warn(place, steps.writes)
    if dry_run:
        for line in steps.lines():
            print(line)
        return Status.DIFFERS if steps.writes else Status.OK
    carry_out(place.kernel, steps, lambda made: _record(place, made))
    remaining = plan(place.kernel, profile, keep_others=keep_others)
    for line in remaining.lines():
        print(f"still differs: {line}", file=sys.stderr)
    return Status.ERROR if remaining.writes else Status.OK
