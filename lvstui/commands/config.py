"""The command config: what is configured and where each value comes from, and what is wrong in the files."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from lvstui.commands.place import Failure, OpenPlace, Status, complain, print_json
from lvstui.core.config import SETTINGS, Config, Found, Known, check
from lvstui.core.fields import visible
from lvstui.core.mistake import STDIN, file_text
from lvstui.formats.config import key_names, toml_lines
from lvstui.formats.json import Table
from lvstui.store.config_file import config_paths, load_config, load_named


def config(options: Namespace, _: OpenPlace) -> int:
    """Print the effective configuration, or every mistake; the status is 1 where a check finds one."""
    known: Known = options.known()
    if options.check is not None:
        if not options.check:
            return _check(config_paths(), load_config(config_paths()), known, as_json=options.json)
        path: Path = options.check
        if not _exists(path):
            raise Failure(f"{visible(str(path))} cannot be read: there is no such file or folder; correct the path")
        return _check([path], load_named(path), known, as_json=options.json)
    found = check(options.config, known)
    if options.json:
        print_json(_document(config_paths(), found))
        return Status.OK
    for path in config_paths():
        print(f"# {visible(str(path))}{'' if path.exists() else ' (not there)'}")
    print("\n".join(toml_lines(found)))
    for mistake in found.mistakes:
        complain(str(mistake))
    return Status.OK


def _check(paths: Sequence[Path], loaded: Config, known: Known, *, as_json: bool) -> int:
    """Print every mistake of files; none is a sentence too."""
    found = check(loaded, known)
    if as_json:
        print_json({"file": _files(paths), "finding": _findings(found)})
    else:
        for mistake in found.mistakes:
            print(mistake)
        if not found.mistakes:
            for path in paths:
                print(f"{file_text(str(path))}: {'no error' if _exists(path) else 'not there'}")
    return Status.ERROR if found.mistakes else Status.OK


def _document(paths: Sequence[Path], config: Config) -> Table:
    """Return the configuration as a document; null stands for a value that something else decides."""
    return {
        "file": _files(paths),
        "setting": [{"name": name, **_found(config.found(name))} for name in SETTINGS],
        "key": [{"id": id, **_found(_named(found))} for id, found in sorted(config.keys.items())],
        "finding": _findings(config),
    }


def _files(paths: Sequence[Path]) -> list[Table]:
    return [{"path": str(path), "exists": _exists(path)} for path in paths]


def _exists(path: Path) -> bool:
    return str(path) == STDIN or path.exists()


def _named(found: Found) -> Found:
    return found._replace(value=key_names(found.value))


def _found(found: Found | None) -> Table:
    if found is None:
        return {"value": None, "origin": "default", "file": None, "line": None}
    value = list(found.value) if isinstance(found.value, tuple) else found.value
    file, line = (found.source, found.line) if found.line else (None, None)
    return {"value": value, "origin": "file" if found.line else found.source or "default", "file": file, "line": line}


def _findings(config: Config) -> list[Table]:
    return [
        {
            "file": one.file,
            "line": one.line,
            "severity": one.severity.value,
            "field": one.field,
            "sentence": one.sentence,
        }
        for one in config.mistakes
    ]
