"""Real servers are asked side by side, each by one probe at a time, in threads for which nobody waits."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Final, NamedTuple

from lvstui.core.marks.mark import mark_at
from lvstui.core.model import AddressKey, MarkKey, ServerKey
from lvstui.core.probes.answer import Answer, Outcome
from lvstui.core.probes.finding import Finding, Findings, Probed
from lvstui.core.probes.question import Question, questions, virtual_addresses
from lvstui.core.snapshot import Snapshot
from lvstui.engine.messages import Answered, Broken
from lvstui.kernel.port import Kernel, KernelError

AT_ONCE: Final = 16
"""How many servers are asked at the same time."""


class Inquiry(NamedTuple):
    """What a server is to be asked, or why it is not."""

    key: ServerKey
    questions: Sequence[Question] | Answer


def inquiries(
    snapshot: Snapshot, keys: Iterable[ServerKey], *, at: AddressKey | None = None, patience: float | None = None
) -> Iterator[Inquiry]:
    """Yield what to ask each of these servers; `at` is what clients send to where that is not known."""
    director = snapshot.reading.director
    shared = snapshot.derive(virtual_addresses, director)
    for key in keys:
        selectors = mark_at(snapshot, key.service.mark).selectors if isinstance(key.service, MarkKey) else ()
        yield Inquiry(key, questions(director, key, selectors, shared=shared, at=at, patience=patience))


def ask(kernel: Kernel, inquiry: Inquiry) -> Sequence[Probed]:
    """Ask one server all that it is to be asked, one question after the other."""
    if isinstance(inquiry.questions, Answer):
        return (Probed(None, inquiry.questions),)
    return [Probed(question, _answer(kernel, question)) for question in inquiry.questions]


def ask_all(kernel: Kernel, asked: Sequence[Inquiry]) -> Generator[Sequence[Probed], None, None]:
    """Ask servers side by side and yield what came of each, in their order; who ends it early waits for nobody."""
    pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="lvstui-probe")
    try:
        yield from pool.map(partial(ask, kernel), asked)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _answer(kernel: Kernel, question: Question) -> Answer:
    try:
        return kernel.probe(question)
    except KernelError as error:
        return Answer(Outcome.UNASKED, str(error))


class Prober:
    """Asks servers in threads of its own, which hand their answers to the worker by `submit`.

    Without `threaded` it asks at once, in the calling thread. A server that is being asked is not asked again.
    """

    def __init__(self, kernel: Kernel, submit: Callable[[Answered | Broken], None], *, threaded: bool = True) -> None:
        self._kernel = kernel
        self._submit = submit
        self._threaded = threaded
        self._pool: ThreadPoolExecutor | None = None
        self._asking: dict[ServerKey, Future[None]] = {}
        self.findings: Findings = {}
        """What came of asking, of those servers that there still are."""

    def ask(self, snapshot: Snapshot, keys: Iterable[ServerKey], now: float) -> None:
        """Begin to ask servers of a snapshot; those that are waiting to be asked for another reason are left out."""
        for key, waiting in list(self._asking.items()):
            if waiting.cancel():
                del self._asking[key]
        pools = snapshot.reading.director.pools
        there = {ServerKey(service, endpoint) for service, pool in pools.items() for endpoint in pool.servers}
        wanted = [key for key in keys if key in there]
        known = {
            key: finding
            for key, finding in self.findings.items()
            if key in there and (finding.probed or key in self._asking)
        }
        self.findings = {**{key: Finding((), now) for key in wanted}, **known}
        for inquiry in inquiries(snapshot, [key for key in wanted if key not in self._asking]):
            self._begin(inquiry)

    def take(self, answered: Answered, now: float) -> None:
        """Take what came of asking a server."""
        self._asking.pop(answered.key, None)
        self.findings = {**self.findings, answered.key: Finding(answered.probed, now)}

    def close(self) -> None:
        """Ask nobody any more; a question that is under way ends by itself."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def _begin(self, inquiry: Inquiry) -> None:
        if self._threaded:
            self._pool = self._pool or ThreadPoolExecutor(AT_ONCE, thread_name_prefix="lvstui-probe")
            self._asking[inquiry.key] = self._pool.submit(self._run, inquiry)
        else:
            self._run(inquiry)

    def _run(self, inquiry: Inquiry) -> None:
        try:
            probed = ask(self._kernel, inquiry)
        except Exception as error:
            self._submit(Broken(error))
        else:
            self._submit(Answered(inquiry.key, probed))
