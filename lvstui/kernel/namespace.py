"""Work in another network namespace."""

from __future__ import annotations

import ctypes
import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from lvstui.kernel.port import KernelError

NAMES = Path("/run/netns")
"""Where `ip netns` keeps the namespaces that have a name."""

_CLONE_NEWNET = 0x40000000

_T = TypeVar("_T")


def call_in(netns: str | None, work: Callable[[], _T], *, apart: bool = False) -> _T:
    """Call a function in a named network namespace or (None) in ours, and return what it returns.

    For another namespace, and wherever it is to be `apart`, the function runs in a thread of its own, and what it
    leaves in its thread ends with it. Sockets and files of /proc/thread-self/net that it opens belong to that
    namespace for good. Raises `KernelError` where there is no such namespace or no right to enter it.
    """
    if netns is None and not apart:
        return work()
    results: list[_T] = []
    problems: list[BaseException] = []

    def run() -> None:
        try:
            if netns is not None:
                _enter(netns)
            results.append(work())
        except BaseException as problem:  # raised again by the caller
            problems.append(problem)

    thread = threading.Thread(target=run, name="lvstui-netns")
    thread.start()
    thread.join()
    if problems:
        raise problems[0]
    return results[0]


def _enter(netns: str) -> None:
    """Move the calling thread into a namespace."""
    try:
        descriptor = os.open(NAMES / netns, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as problem:
        if problem.errno == errno.ENOENT:
            raise KernelError(f"netns: there is no network namespace {netns!r}; `ip netns` lists them") from None
        raise KernelError(f"netns: {netns!r} cannot be opened: {problem.strerror}") from None
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.setns(descriptor, _CLONE_NEWNET):
            reason = os.strerror(ctypes.get_errno())
            raise KernelError(f"netns: {netns!r} cannot be entered ({reason}); that needs root")
    finally:
        os.close(descriptor)
