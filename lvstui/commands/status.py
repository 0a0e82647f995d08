"""How commands end: the exit statuses, which scripts rely on."""

from enum import IntEnum


class Status(IntEnum):
    """How a command ended."""

    OK = 0
    ERROR = 1
    USAGE = 2
    """Wrong options, or no terminal for the screens."""
    DIFFERS = 3
    """`diff`, or a command with `--dry-run`, with something to do."""
    PERMISSION = 4
    NO_IPVS = 5
    INTERRUPTED = 130
    """Ctrl-C, as shells tell it."""
    BROKEN_PIPE = 141
    """The reader of our output went away, as shells tell it."""


class Failure(Exception):
    """A command that ends early, with one sentence for stderr and the exit status."""

    def __init__(self, sentence: str, status: int = Status.ERROR) -> None:
        super().__init__(sentence)
        self.status = status
