"""The advice on 1,000 services on marks that 2,000 rules set: worked out anew, after a counter moved, and unchanged.

The first is done by the worker, once for each change of rules or services; screens wait for the others only.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from lvstui.core.advice.services import advice, advice_lines
from lvstui.core.marks.mark import marks
from lvstui.core.observed import Rule, Ruleset
from lvstui.core.snapshot import Snapshot
from lvstui.kernel.memory.program import program_of
from tests.bench.big_table import in_turn
from tests.build import director, rule, snapshot, sticky_pool

MARKS = 1000
ROUNDS = 5


def main() -> None:
    """Print the seconds for rules that are in order, and for rules of which all are overwritten."""
    for name, more in (
        ("rules in order", ()),
        ("rules overwritten", (rule(9999, "tcp any", priority=-110, handle=9),)),
    ):
        rules = (*_rules(), *more)
        anew, counted, unchanged = in_turn(
            ROUNDS,
            partial(timed_after, rules, None),
            partial(timed_after, rules, counted_on),
            partial(timed_after, rules, same),
        )
        found = _seen(rules)
        lines, pieces = len(advice_lines(found)), len(advice(found))
        print(
            f"advice on {MARKS:,} marks, {len(rules):,} {name} ({lines:,} lines of {pieces:,} pieces): {anew:.3f} s; "
            f"after a counter moved {counted:.4f} s; unchanged {unchanged:.6f} s",
            flush=True,
        )


def timed(seen: Snapshot) -> float:
    """Return how long the advice takes, in seconds of this processor."""
    began = time.process_time()
    advice_lines(seen)
    marks(seen)
    return time.process_time() - began


def timed_after(rules: tuple[Rule, ...], change: Callable[[Snapshot], Snapshot] | None) -> float:
    """Return how long it takes for the first time, or again after something has changed that it does not depend on."""
    seen = _seen(rules)
    if change is None:
        return timed(seen)
    timed(seen)
    return timed(change(seen))


def same(seen: Snapshot) -> Snapshot:
    """Change nothing."""
    return seen


def counted_on(seen: Snapshot) -> Snapshot:
    """Return a later snapshot in which a rule has counted a packet."""
    ruleset = seen.reading.rules
    assert ruleset is not None
    rules = (replace(ruleset.rules[0], packets=1), *ruleset.rules[1:])
    return replace(seen, reading=replace(seen.reading, rules=replace(ruleset, rules=rules)))


def _seen(rules: tuple[Rule, ...]) -> Snapshot:
    pools = (sticky_pool(f"mark:{number + 1}", "10.9.0.1:0", "10.9.0.2:0") for number in range(MARKS))
    seen = snapshot(director(*pools), rules=Ruleset(rules, program=program_of(rules)))
    return replace(seen, interfaces=("eth0", "eth1", "lo"))


def _rules() -> tuple[Rule, ...]:
    return tuple(
        rule(number + 1, f"tcp 10.{number // 250}.{number % 250}.1 80,443", hook=hook, chain=hook, handle=number + 1)
        for hook in ("prerouting", "output")
        for number in range(MARKS)
    )


if __name__ == "__main__":
    main()
