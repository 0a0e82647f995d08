"""A mistake in a file that a person wrote, as editors can jump to it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from lvstui.core.fields import visible

STDIN: Final = "-"
"""How the command line names what comes in through a pipe, in place of a file."""


class Severity(Enum):
    """How bad something is: it is refused, or it is taken and does not do what it says."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong in a file, in a sentence that goes on from the field: `director.toml:12: error: weight: must be …`.

    `file` is the file as it was named, `line` counts from 1, `field` is the dotted key, or the table, that it is about.
    """

    file: str
    line: int
    field: str
    sentence: str
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        return f"{file_text(self.file)}:{self.line}: {self.severity.value}: {visible(self.field)}: {self.sentence}"


def in_order(mistakes: Iterable[Mistake]) -> tuple[Mistake, ...]:
    """Return mistakes of one file in the order of its lines, errors first where there are several, and each once."""
    return tuple(sorted(dict.fromkeys(mistakes), key=lambda one: (one.line, one.severity.value)))


def file_text(name: str) -> str:
    """Write the name of a file as it was given, escaped; `<stdin>` for what came through a pipe by `-`."""
    return "<stdin>" if name == STDIN else visible(name)
