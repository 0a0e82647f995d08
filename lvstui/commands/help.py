"""The command help: what `--help` says of a command, or of all."""

from __future__ import annotations

from argparse import Namespace

from lvstui.commands.arguments import parser
from lvstui.commands.place import OpenPlace, Status


def show(options: Namespace, _: OpenPlace) -> int:
    """Print the help of the command that the words name, of lvstui itself without any; a wrong one ends as usual."""
    try:
        parser().parse_args([*options.words, "--help"])
    except SystemExit as end:
        if end.code:
            raise
    return Status.OK
