"""The exit statuses of lvstui, which scripts rely on."""

from enum import IntEnum


class Status(IntEnum):
    """How a command ended."""

    OK = 0
    ERROR = 1
    USAGE = 2
    """Wrong options, or no terminal for the screens."""
    DIFFERS = 3
    """`diff`, or `apply --dry-run`, with something to do."""
    PERMISSION = 4
    NO_IPVS = 5
    INTERRUPTED = 130
    """Ctrl-C, as shells tell it."""
    BROKEN_PIPE = 141
    """The reader of our output went away, as shells tell it."""
