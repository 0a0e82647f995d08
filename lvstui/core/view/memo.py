"""Remembering the last result of a pure function whose arguments are large and mostly the same objects as before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class Remembered(Generic[P, R]):
    """Calls a function anew only when one of its arguments is another object than last time.

    It takes positional arguments; small values that are made anew each time (numbers, texts) are compared instead.
    """

    def __init__(self, function: Callable[P, R]) -> None:
        self._function = function
        self._last: tuple[tuple[object, ...], R] | None = None

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Give the function's result for these arguments."""
        if self._last is None or not all(map(_same, self._last[0], args)):
            self._last = args, self._function(*args, **kwargs)
        return self._last[1]


def _same(one: object, other: object) -> bool:
    return one is other or (isinstance(one, str | int | float | frozenset) and one == other)
