"""Asking the witness, where there is one, what only it may see of other processes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from socket import socket

P = ParamSpec("P")
T = TypeVar("T")

line: list[socket] = []
"""Our end of the line to the witness; empty where there is none."""


def hear(question: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return what a question's function returns in the witness, or raise what it raises; here where there is none."""
    if not line:
        return question(*args, **kwargs)
    import pickle  # which no run without a witness needs
    import socket

    ours, its = socket.socketpair()
    with ours:
        try:
            with its:
                socket.send_fds(line[0], [b"?"], [its.fileno()])
            ours.sendall(pickle.dumps((question.__module__, question.__qualname__, args, kwargs)))
            ours.shutdown(socket.SHUT_WR)
            answer = b"".join(iter(lambda: ours.recv(1 << 16), b""))
        except OSError:
            answer = b""
    if not answer:  # it was killed: what we see ourselves is better than nothing
        return question(*args, **kwargs)
    error: BaseException | None
    result: T
    error, result = pickle.loads(answer)
    if error is not None:
        raise error
    return result
