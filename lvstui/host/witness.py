"""A process of ours that sees what other processes of root are, with a right that lvstui itself has given up.

It answers a few questions, each a function of ours, and can write neither to the kernel nor to files of others.
"""

from __future__ import annotations

import os
import signal
import socket
from contextlib import suppress
from typing import Final

from lvstui.host import hearing
from lvstui.host.rights import OTHER_PROCESSES, give_up

_QUESTIONS: Final = frozenset(
    (
        ("lvstui.host.owners", "owners_in"),
        ("lvstui.host.ancestors", "find_inherited"),
        ("lvstui.store.owned_files", "find_lines"),
        ("lvstui.engine.trials.announcing", "tell_terminals"),
    )
)
"""What may be asked: modules and their functions."""

_VALUES: Final = ("lvstui.core.", "ipaddress", "pathlib")
"""Modules whose values questions are made of; nothing else is taken from a process with fewer rights."""


def start() -> None:
    """Start the witness, which ends with this process, however that ends; before any thread is started."""
    ours, its = socket.socketpair()
    if os.fork():
        its.close()
        hearing.line[:] = [ours]
        return
    with suppress(BaseException):  # nothing may get back into the frames of our caller
        ours.close()
        _serve(its)
    os._exit(0)


def _serve(line: socket.socket) -> None:
    """Answer until the other end is closed, each question in a thread of its own, as some have to wait."""
    from threading import Thread

    os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    nothing = os.open("/dev/null", os.O_RDWR)
    for stream in range(3):
        os.dup2(nothing, stream)
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - numbers, not paths
        if int(name) not in (0, 1, 2, line.fileno()):
            with suppress(OSError):  # that of the listing itself
                os.close(int(name))
    give_up(OTHER_PROCESSES, for_good=False)  # as `wall` gains its group by its file
    while True:
        _, descriptors, _, _ = socket.recv_fds(line, 1, 1)
        if not descriptors:
            return
        Thread(target=_answer, args=(socket.socket(fileno=descriptors[0]),), daemon=True).start()


def _answer(line: socket.socket) -> None:
    with line, suppress(OSError):
        question = b"".join(iter(lambda: line.recv(1 << 16), b""))
        line.sendall(answer(question))


def answer(question: bytes) -> bytes:
    """Return, pickled, the error and the result of a question: module, function, and what that is given, pickled.

    What it is given has to be values of ours: a pickle could name any function of any module.
    """
    import io
    import pickle
    from importlib import import_module

    class Values(pickle.Unpickler):
        """Reads values of ours and no others."""

        def find_class(self, module: str, name: str) -> object:
            """Return a class of values."""
            found: object = super().find_class(module, name)
            if module.startswith(_VALUES) and isinstance(found, type):
                return found
            raise pickle.UnpicklingError(f"{module}.{name} is no value")

    try:
        module, name, args, kwargs = Values(io.BytesIO(question)).load()
        if (module, name) not in _QUESTIONS:
            raise ValueError(f"{module}.{name} is no question")
        return pickle.dumps((None, getattr(import_module(module), name)(*args, **kwargs)))
    except Exception as error:
        return pickle.dumps((error, None))
