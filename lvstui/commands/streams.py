"""Standard input, output and error of a process that may have been started without them, or with ones that fail.

What is printed never decides what is done: an output that takes nothing more is written to without an error, and what
was wrong with it is said once, when the command has ended.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import Final, TextIO

_WORDS: Final = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "the file would be larger than the limit allows (ulimit -f)",
    errno.EBADF: "standard output is closed",
    errno.EIO: "the terminal or the disk failed",
}


class _Descriptor(io.RawIOBase):
    """An output that takes everything; of what cannot be written nothing is left but the first `error`."""

    error: OSError | None = None

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor

    def writable(self) -> bool:
        """Return True, also where nothing arrives."""
        return True

    def fileno(self) -> int:
        """Return the descriptor, for those who ask what it is."""
        return self._descriptor

    def isatty(self) -> bool:
        """Return whether it is a terminal."""
        return os.isatty(self._descriptor)

    def write(self, data: object, /) -> int:
        """Write all of it, or as much as is taken; return as if it were all."""
        if not isinstance(data, bytes | memoryview):
            raise TypeError("an output takes bytes")
        rest = whole = memoryview(data)
        while rest and self.error is None:
            try:
                rest = rest[os.write(self._descriptor, rest) :]
            except BlockingIOError:  # another program that shares the terminal or pipe has made it non-blocking
                from select import select

                select((), (self._descriptor,), ())
            except OSError as error:
                self.error = error
        return len(whole)


class Output(io.TextIOWrapper):
    """A text output that never fails; characters that its encoding lacks are escaped."""

    def __init__(self, descriptor: int, replaced: TextIO | None) -> None:
        self._raw = _Descriptor(descriptor)
        super().__init__(
            io.BufferedWriter(self._raw),
            encoding=_usable_encoding(replaced),
            errors="backslashreplace",
            newline="\n",
            line_buffering=descriptor == 2 or self._raw.isatty(),
        )

    @property
    def error(self) -> OSError | None:
        """Return why nothing more is written, None where all was."""
        return self._raw.error


def _usable_encoding(stream: TextIO | None) -> str:
    """Return the encoding of a stream, or ASCII in place of one that cannot escape what it lacks (idna)."""
    encoding = (stream.encoding if stream else None) or "ascii"
    try:
        "\udcff".encode(encoding, "backslashreplace")
    except (LookupError, UnicodeError):
        return "ascii"
    return encoding


def guard() -> None:
    """Put streams that never fail in place of this process's own, whatever it was started with.

    The numbers of closed ones are taken, so that no file or socket gets one and is printed into.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open("/", os.O_RDONLY)  # the lowest free number, as those below it are open by now; it takes no output
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="backslashreplace")
    else:
        sys.stdin = io.StringIO()
    sys.stdout = Output(1, sys.stdout)
    sys.stderr = Output(2, sys.stderr)


def close(status: int) -> int:
    """Send what is left of the output, say on stderr where it was lost, and return the exit status.

    A command that would have ended well ends with 141 where its reader went away, with 1 where its output is lost.
    """
    from lvstui.commands.place import Status, complain

    sys.stdout.flush()
    error = sys.stdout.error if isinstance(sys.stdout, Output) else None
    if error is None:
        return status
    well = status in (Status.OK, Status.DIFFERS)
    if error.errno == errno.EPIPE:
        return Status.BROKEN_PIPE if well else status
    reason = _WORDS.get(error.errno or 0) or error.strerror
    complain(f"the output could not be written: {reason}{'; all else that was asked is done' if well else ''}")
    return Status.ERROR if well else status
