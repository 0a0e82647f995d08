"""Servers are asked side by side, each once at a time, by threads that the worker does not wait for."""

from __future__ import annotations

import queue
import time
from threading import Barrier, Event

from lvstui.core.model import ServerKey
from lvstui.core.probes.answer import Answer, Outcome
from lvstui.core.probes.question import Question
from lvstui.engine.messages import Answered, Broken
from lvstui.engine.prober import AT_ONCE, Inquiry, Prober, ask_all, inquiries
from lvstui.kernel.memory.kernel import MemoryKernel
from lvstui.kernel.port import KernelError
from tests.build import director, pool, snapshot

MANY = director(pool("tcp:192.0.2.10:80", *(f"10.0.0.{number}:80" for number in range(1, 41))))
KEYS = [ServerKey(key, endpoint) for key, held in MANY.pools.items() for endpoint in held.servers]

PATIENCE = 60.0
"""Seconds that nothing here takes on any machine."""


def answered(came: queue.SimpleQueue[Answered | Broken]) -> Answered:
    """Return what comes next."""
    found = came.get(timeout=PATIENCE)
    assert isinstance(found, Answered)
    return found


class Slow(MemoryKernel):
    """Answers when it may."""

    def __init__(self) -> None:
        super().__init__(MANY)
        self.may = Event()
        self.together = Barrier(AT_ONCE)
        self.asked: list[ServerKey] = []

    def probe(self, question: Question) -> Answer:
        """Wait until as many are asked as may be, then until it may answer."""
        self.asked.append(question.key)
        self.together.wait(PATIENCE)
        self.may.wait(PATIENCE)
        return super().probe(question)


def test_as_many_as_may_be_are_asked_at_once_and_nobody_waits_or_is_asked_twice() -> None:
    kernel, came = Slow(), queue.SimpleQueue[Answered | Broken]()
    prober = Prober(kernel, came.put)
    shown = snapshot(MANY)
    prober.ask(shown, KEYS[:AT_ONCE], 1.0)
    prober.ask(shown, KEYS[:AT_ONCE], 2.0)
    assert {finding.probed for finding in prober.findings.values()} == {()}
    kernel.may.set()
    for _ in range(AT_ONCE):
        prober.take(answered(came), 3.0)
    assert sorted(kernel.asked) == sorted(KEYS[:AT_ONCE])
    outcomes = [finding.probed[0].answer.outcome for finding in prober.findings.values()]
    assert outcomes == [Outcome.ANSWERS] * AT_ONCE
    prober.close()


def test_those_who_wait_are_not_asked_when_nobody_looks_any_more() -> None:
    kernel, came = Slow(), queue.SimpleQueue[Answered | Broken]()
    prober = Prober(kernel, came.put)
    prober.ask(snapshot(MANY), KEYS, 1.0)
    deadline = time.monotonic() + PATIENCE
    while len(kernel.asked) < AT_ONCE and time.monotonic() < deadline:
        time.sleep(0.01)
    prober.ask(snapshot(MANY), (), 2.0)
    assert len(prober.findings) == AT_ONCE
    kernel.may.set()
    for _ in range(AT_ONCE):
        answered(came)
    prober.close()
    assert len(kernel.asked) == AT_ONCE


def test_who_breaks_off_waits_for_no_answer() -> None:
    kernel = Slow()
    first, *others = inquiries(snapshot(MANY), KEYS)
    found = ask_all(kernel, [Inquiry(first.key, Answer(Outcome.UNASKED, "")), *others])
    next(found)
    began = time.monotonic()
    found.close()
    assert time.monotonic() - began < PATIENCE
    kernel.may.set()
    kernel.together.abort()


def test_a_kernel_that_cannot_ask_is_a_sentence() -> None:
    kernel, came = MemoryKernel(MANY), queue.SimpleQueue[Answered | Broken]()
    kernel.failure = KernelError("netns: there is no network namespace 'blue'")
    prober = Prober(kernel, came.put, threaded=False)
    prober.ask(snapshot(MANY), KEYS[:1], 1.0)
    prober.take(answered(came), 1.0)
    (finding,) = prober.findings.values()
    assert finding.probed[0].answer == Answer(Outcome.UNASKED, "netns: there is no network namespace 'blue'")
