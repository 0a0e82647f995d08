"""The command keys: the key map by view, with what the configuration moved."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator

from lvstui.commands.place import OpenPlace, Status, align, complain, print_json
from lvstui.core.config import Config, Known, check
from lvstui.core.keys import Line, give, key_name, keys_of
from lvstui.formats.json import Table


def keys(options: Namespace, _: OpenPlace) -> int:
    """Print the keys of every view, then of each; a command without a key is found in the palette."""
    known: Known = options.known()
    config = check(options.config, known)
    give(config.given_keys)
    if options.json:
        print_json({"key": [row for view, lines in known.commands.items() for row in _rows(view, lines, config)]})
    else:
        print("\n\n".join("\n".join(_section(view, lines, config)) for view, lines in known.commands.items()))
    for mistake in config.mistakes:
        complain(str(mistake))
    return Status.OK


def _section(view: str, lines: tuple[Line, ...], config: Config) -> Iterator[str]:
    yield view or "every view"
    rows = []
    for line in lines:
        names = " ".join(map(key_name, keys_of(line.id, line.keys))) or ": only"
        moved = f"({config.keys[line.id].origin}; was {_names(line)})" if line.id in config.keys else ""
        usage = f"; :{line.usage}" if line.usage else ""
        rows.append((f"  {names}", line.id, f"{line.sentence}{usage} {moved}".rstrip()))
    yield from align(rows)


def _names(line: Line) -> str:
    return " ".join(map(key_name, line.keys)) or "none"


def _rows(view: str, lines: tuple[Line, ...], config: Config) -> Iterator[Table]:
    for line in lines:
        found = config.keys.get(line.id)
        yield {
            "view": view or None,
            "id": line.id,
            "key": list(map(key_name, keys_of(line.id, line.keys))),
            "default": list(map(key_name, line.keys)),
            "origin": found.origin if found else "default",
            "sentence": line.sentence,
            "usage": line.usage or None,
        }
