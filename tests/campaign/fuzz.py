"""Malformed input for every decoder: each answers with its own error, never another one, and in time.

The inputs are what real kernels, programs and people write (`seeds`, and the tests' own examples), damaged.
"""

from __future__ import annotations

import signal
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from random import Random
from types import FrameType

from tests.campaign import Report
from tests.campaign.decoders import answers, binary, text

SLOW = 1.0
"""Seconds that no input may take, however it is damaged."""

_STUCK = 60
"""Seconds after which an input is given up, of a machine that others use too."""


DECODERS: Sequence[tuple[str, Callable[[Random], object]]] = (*binary.DECODERS, *answers.DECODERS, *text.DECODERS)


class _Stuck(BaseException):
    """An input took too long."""


def run(seconds: float, seed: int, names: Sequence[str] = ()) -> Iterator[Report]:
    """Try every decoder for its share of the time; an input is known by the seed of the run and its number."""
    wanted = [(name, attempt) for name, attempt in DECODERS if not names or name in names]
    for name, attempt in wanted:
        yield attack(name, attempt, seconds / len(wanted), seed)


def attack(name: str, attempt: Callable[[Random], object], seconds: float, seed: int) -> Report:
    """Try one decoder for so many seconds."""
    tried = failed = 0
    first = ""
    end = time.monotonic() + seconds
    with _alarm():
        while tried == 0 or time.monotonic() < end:
            problem = try_one(attempt, f"{seed} {name} {tried}")
            tried += 1
            if problem:
                failed += 1
                first = first or f"attempt({seed} {name} {tried - 1}): {problem}"
    return Report(name, tried, failed, first)


def try_one(attempt: Callable[[Random], object], seed: str) -> str:
    """Try one input, and return what is wrong with the answer, empty where nothing is."""
    random = Random(seed)
    began = time.process_time()  # of others on a busy machine nothing is counted
    signal.setitimer(signal.ITIMER_REAL, _STUCK)
    try:
        attempt(random)
    except _Stuck as problem:
        return f"stuck: {_where(problem)}"
    except Exception as problem:
        return f"{type(problem).__name__}: {problem} {_where(problem)}"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    took = time.process_time() - began
    return f"took {took:.1f} s" if took > SLOW else ""


def _where(problem: BaseException) -> str:
    frames = traceback.extract_tb(problem.__traceback__)
    inner = [frame for frame in frames if "/lvstui/" in frame.filename] or frames
    return f"at {inner[-1].filename.rpartition('/lvstui/')[2]}:{inner[-1].lineno}"


@contextmanager
def _alarm() -> Iterator[None]:
    def ring(_: int, __: FrameType | None) -> None:
        raise _Stuck

    before = signal.signal(signal.SIGALRM, ring)
    try:
        yield
    finally:
        signal.signal(signal.SIGALRM, before)
