"""How commands speak: documents on stdout, sentences for people on stderr."""

from __future__ import annotations

import sys

from lvstui.core.fields import visible


def complain(sentence: str) -> None:
    """Print a sentence on stderr, after all that was printed before it."""
    sys.stdout.flush()
    print(f"lvstui: {visible(sentence)}", file=sys.stderr)


def as_json(document: object) -> str:
    """Write a document as indented JSON, with the end of its last line."""
    from json import dumps

    return dumps(document, indent=2) + "\n"


def print_json(document: object) -> None:
    """Print a document as JSON."""
    print(as_json(document), end="")
