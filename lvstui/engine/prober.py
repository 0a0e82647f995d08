"""Real servers are asked side by side, each by one probe at a time, in threads for which nobody waits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Lock
from typing import Final, NamedTuple

from lvstui.core.marks.mark import mark_at
from lvstui.core.model import AddressKey, MarkKey, ServerKey
from lvstui.core.probes.answer import Answer, Outcome
from lvstui.core.probes.question import Question, questions
from lvstui.core.snapshot import Snapshot
from lvstui.kernel.port import Kernel, KernelError

AT_ONCE: Final = 16
"""How many servers are asked at the same time."""


class Probed(NamedTuple):
    """What a server was asked, None where it was not, and what came of it."""

    question: Question | None
    answer: Answer


class Inquiry(NamedTuple):
    """What a server is to be asked, or why it is not."""

    key: ServerKey
    questions: Sequence[Question] | Answer


def inquiries(
    snapshot: Snapshot, keys: Iterable[ServerKey], *, at: AddressKey | None = None, patience: float | None = None
) -> Iterator[Inquiry]:
    """Yield what to ask each of these servers; `at` is what clients send to where that is not known."""
    director = snapshot.reading.director
    for key in keys:
        selectors = mark_at(snapshot, key.service.mark).selectors if isinstance(key.service, MarkKey) else ()
        yield Inquiry(key, questions(director, key, selectors, at=at, patience=patience))


def ask(kernel: Kernel, inquiry: Inquiry) -> Sequence[Probed]:
    """Ask one server all that it is to be asked, one question after the other."""
    if isinstance(inquiry.questions, Answer):
        return (Probed(None, inquiry.questions),)
    return [Probed(question, _answer(kernel, question)) for question in inquiry.questions]


def ask_all(kernel: Kernel, asked: Sequence[Inquiry]) -> Iterator[Sequence[Probed]]:
    """Ask servers side by side and yield what came of each, in their order."""
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="lvstui-probe") as pool:
        yield from pool.map(partial(ask, kernel), asked)


def _answer(kernel: Kernel, question: Question) -> Answer:
    try:
        return kernel.probe(question)
    except KernelError as error:
        return Answer(Outcome.UNASKED, str(error))


class Prober:
    """Asks servers in threads of its own; `answered` takes what came of each, from those threads.

    Without `threaded` it asks at once, in the calling thread. A server that is being asked is not asked again.
    """

    def __init__(
        self, kernel: Kernel, answered: Callable[[ServerKey, Sequence[Probed]], None], *, threaded: bool = True
    ) -> None:
        self._kernel = kernel
        self._answered = answered
        self._threaded = threaded
        self._pool: ThreadPoolExecutor | None = None
        self._lock = Lock()
        self._asking: set[ServerKey] = set()

    def ask(self, asked: Iterable[Inquiry]) -> None:
        """Begin to ask these servers."""
        for inquiry in asked:
            with self._lock:
                if inquiry.key in self._asking:
                    continue
                self._asking.add(inquiry.key)
            if self._threaded:
                self._pool = self._pool or ThreadPoolExecutor(AT_ONCE, thread_name_prefix="lvstui-probe")
                self._pool.submit(self._run, inquiry)
            else:
                self._run(inquiry)

    def close(self) -> None:
        """Ask nobody any more; a question that is under way ends by itself."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def _run(self, inquiry: Inquiry) -> None:
        try:
            found = ask(self._kernel, inquiry)
        finally:
            with self._lock:
                self._asking.discard(inquiry.key)
        self._answered(inquiry.key, found)
