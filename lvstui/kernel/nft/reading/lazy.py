"""Sequences that are worked out when somebody looks at them for the first time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar, overload

_T_co = TypeVar("_T_co", covariant=True)


class Lazy(Sequence[_T_co]):
    """A sequence that `work` returns; whoever comes first has it done, and may meet what that raises."""

    __slots__ = ("_known", "_work")

    def __init__(self, work: Callable[[], Sequence[_T_co]]) -> None:
        self._work = work
        self._known: Sequence[_T_co] | None = None

    def _items(self) -> Sequence[_T_co]:
        known = self._known
        if known is None:
            known = self._known = self._work()
        return known

    @overload
    def __getitem__(self, place: int) -> _T_co: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[_T_co]: ...

    def __getitem__(self, place: int | slice) -> _T_co | Sequence[_T_co]:
        return self._items()[place]

    def __iter__(self) -> Iterator[_T_co]:
        return iter(self._items())

    def __len__(self) -> int:
        return len(self._items())
