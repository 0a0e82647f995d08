"""The commands that print: show, export and check."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from lvstui.commands.output import as_json, print_json
from lvstui.commands.place import OpenPlace, Place, load_profile, read_snapshot, read_whole_table
from lvstui.commands.status import Status
from lvstui.core.change import EMPTY
from lvstui.core.drift import add_profile_values, keep_managed
from lvstui.core.fields import visible
from lvstui.core.model import Director
from lvstui.formats.profile.write import ProfileError


def show(options: Namespace, open_place: OpenPlace) -> int:
    """Print the services, the firewall marks or the director's own settings, with what the kernel counts."""
    from lvstui.commands import tables
    from lvstui.formats import json as document

    with open_place() as place:
        snapshot = read_snapshot(place)
    reading, origin, profile = snapshot.reading, snapshot.origin, snapshot.profile.saved or EMPTY
    match options.what, options.json:
        case "marks", True:
            from lvstui.commands import marks

            print_json(marks.document(snapshot))
        case "marks", False:
            from lvstui.commands import marks

            print("\n".join(marks.lines(snapshot)))
        case "services", True:
            print_json(document.services(reading))
        case "services", False:
            print("\n".join(tables.services(snapshot)))
        case _, True:
            print_json(document.director(reading, origin, profile))
        case _:
            print("\n".join(tables.director(reading, origin, profile)))
    return Status.OK


def export(options: Namespace, open_place: OpenPlace) -> int:
    """Write what the kernel holds, with the profile's names, to stdout or to a file."""
    with open_place() as place:
        profile = place.profile.load() or EMPTY
        director = keep_managed(add_profile_values(read_whole_table(place.kernel), profile), profile)
    text = _format(director, options.format)
    if options.output is None:
        print(text, end="")
        return Status.OK
    from lvstui.store.atomic import write_file

    write_file(options.output, text.encode())
    return Status.OK


def _format(director: Director, form: str) -> str:
    match form:
        case "json":
            from lvstui.formats.json import configuration

            return as_json(configuration(director))
        case "nft":
            from lvstui.core.marks.script import script

            return "".join(f"{line}\n" for line in script(director.marks))
        case "ipvsadm":
            from lvstui.formats.ipvsadm import save_lines

            return "".join(f"{line}\n" for line in save_lines(director))
        case _:
            from lvstui.formats.profile.write import dumps

            return dumps(director)


def check(options: Namespace, open_place: OpenPlace) -> int:
    """Print every mistake in a profile, for which no kernel is needed, or what advice says of the running director."""
    if not options.running:
        return _check_file(options.file)
    with open_place() as place:
        return _check_running(place)


def _check_running(place: Place) -> int:
    """Print the advice on the running director; the status is 3 where there is any."""
    from lvstui.core.advice.services import advice

    found = advice(read_snapshot(place))
    for piece in found:
        print(piece)
    if not found:
        print("nothing to point out")
    return Status.DIFFERS if found else Status.OK


def _check_file(path: Path) -> int:
    """Print every mistake in a profile; warnings alone leave the status at 0."""
    from lvstui.core import rules

    try:
        director = load_profile(path)
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
