"""The command import: a profile from the configuration of another program, and what is lost on the way."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from lvstui.commands.place import Failure, OpenPlace, Status, complain, complain_of, print_json
from lvstui.core.fields import visible
from lvstui.core.mistake import file_text
from lvstui.core.words import count
from lvstui.formats.foreign.recognise import Form
from lvstui.formats.profile.write import dumps, encodable
from lvstui.store.foreign_files import load_foreign

if TYPE_CHECKING:
    from lvstui.formats.foreign.draft import Imported
    from lvstui.formats.json import Table

_FORMS = ", ".join(form.value for form in Form)


def run(options: Namespace, _: OpenPlace) -> int:
    """Write a profile from a file of another program, for which no kernel is needed; list on stderr what it lacks."""
    path: Path = options.file
    form = Form(options.form) if options.form else None
    form, found = load_foreign(path, f"say --from, one of {_FORMS}", form, options.config_id)
    complain_of(found.mistakes)
    for loss in found.losses:
        print(loss, file=sys.stderr)
    if options.json:
        print_json(_document(found, form, path))
    if found.refused:
        complain("no profile was written: correct the errors, or take those lines out")
        return Status.ERROR
    _write(dumps(found.director), options)
    pools = found.director.pools.values()
    servers = sum(len(pool.servers) for pool in pools)
    complain(
        f"{file_text(str(path))} is {form.words}: {count(len(pools), 'service')}, {count(servers, 'server')}; "
        f"not in the profile: {len(found.losses)}"
    )
    return Status.OK


def _write(profile: str, options: Namespace) -> None:
    """Write a profile to a file, or to the standard output where nothing else goes there."""
    output: Path | None = options.output
    if output is None or str(output) == "-":
        if not options.json:
            print(encodable(profile, sys.stdout.encoding or "utf-8"), end="")
        return
    if output.is_file() and not options.force:
        raise Failure(f"{visible(str(output))} is there already; name another file, or add --force")
    from lvstui.store.named_files import write_named

    write_named(output, profile.encode())


def _document(found: Imported, form: Form, path: Path) -> Table:
    from lvstui.formats.json import configuration

    return {
        "file": file_text(str(path)),
        "format": form.value,
        "loss": [one._asdict() for one in found.losses],
        "mistake": [
            {
                "file": file_text(one.file),
                "line": one.line,
                "severity": one.severity.value,
                "field": one.field,
                "sentence": one.sentence,
            }
            for one in found.mistakes
        ],
        **configuration(found.director),
    }
