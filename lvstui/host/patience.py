"""Looks at what others can make us wait for, such as a file on a server that is gone: each in a thread of its own."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread
from typing import Generic, TypeVar

T = TypeVar("T")


class Call(Generic[T]):
    """A function that runs in a thread of its own, which ends with the program at the latest."""

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self._results: list[T] = []
        self._error: BaseException | None = None
        self._thread = Thread(target=self._run, name="lvstui-look", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._results.append(self._work())
        except BaseException as error:  # raised again by whoever asks for the result
            self._error = error

    def ends_within(self, seconds: float) -> bool:
        """Wait that long at most, and return whether the function has ended."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def result(self) -> T:
        """Return what the function returned, or raise what it raised, once it has ended."""
        if self._error is not None:
            raise self._error
        return self._results[0]


def within(seconds: float, work: Callable[[], T]) -> T:
    """Return what a function returns; raise TimeoutError where that takes longer, and let it run on unheard."""
    call = Call(work)
    if not call.ends_within(seconds):
        raise TimeoutError
    return call.result()


class Lookout(Generic[T]):
    """The newest result of a function that is called again and again, never two at a time.

    Whoever asks waits `patience` seconds at most, and only once for each call.
    """

    def __init__(self, work: Callable[[], T], nothing: T, patience: float = 0.2) -> None:
        self._work = work
        self._newest = nothing
        self._patience = patience
        self._call: Call[T] | None = None

    def __call__(self) -> T:
        """Return the newest result, `nothing` before the first; raise what the newest call raised."""
        seconds = 0.0
        if self._call is None:
            self._call = Call(self._work)
            seconds = self._patience
        if self._call.ends_within(seconds):
            call, self._call = self._call, None
            self._newest = call.result()
        return self._newest
