"""A packet walked through 1,000 rules of three kinds, beside the cheapest thing that Python can do for a rule.

The peer compares one number for each rule in a plain loop. The first walk makes the rules ready, too; the others find
them so. It is the processor's time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial

from lvstui.core.packets.program import Check, Line, Load, Mark, Member, Program
from lvstui.core.packets.walk import walk
from tests.bench.big_table import in_turn
from tests.core.packets.building import DPORT, base, contents, daddr, dport, packet, program, protocol, rule, set_mark

RULES = 1000
ROUNDS = 15
WALKS = 10


def native(number: int) -> Line:
    """Return `ip daddr 10.0.x.y tcp dport 80 meta mark set N`."""
    return rule(daddr(f"10.0.{number // 250}.{number % 250}"), protocol(), dport(80), set_mark(number + 1))


def with_set(number: int) -> Line:
    """Return `tcp dport { 80, N } meta mark set N`, which every packet to port 80 gets."""
    ports = contents(b"\0\x50", (1000 + number).to_bytes(2, "big"))
    return rule(protocol(), Load(4, DPORT), Member(4, ports), set_mark(number + 1))


def iptables(number: int) -> Line:
    """Return `-d 10.0.x.y -p tcp -m multiport --dports 80,443 -j MARK --set-mark N`."""
    tests = Check(("ip daddr",), ((number, number),)), Check(("meta l4proto",), ((6, 6),))
    return rule(*tests, Check(("tcp dport",), ((80, 80), (443, 443))), Mark(number + 1, 0xFFFFFFFF))


KINDS: Mapping[str, Callable[[int], Line]] = {
    "native rules, none matches": native,
    "native rules with a set, all match": with_set,
    "rules of iptables, none matches": iptables,
}


def main() -> None:
    """Print the figures for each kind of rules."""
    for name, make in KINDS.items():
        rules = program(base(*(make(number) for number in range(RULES))))
        first = walked(rules, 1)
        ours, theirs = in_turn(ROUNDS, partial(walked, rules, WALKS), compared)
        figures = f"{1000 * ours:.2f} ms ({1000 * first:.0f} the first time); a loop that compares {1000 * theirs:.2f}"
        print(f"a packet through {RULES:,} {name}: {figures}; {ours / theirs:.0f}", flush=True)


def walked(rules: Program, times: int) -> float:
    """Return how many seconds a walk takes."""
    it = packet()
    start = time.process_time()
    for _ in range(times):
        walk(rules, it)
    return (time.process_time() - start) / times


def compared() -> float:
    """Return how many seconds a loop over as many numbers takes."""
    numbers = [(number,) for number in range(RULES)]
    start = time.process_time()
    for _ in range(WALKS):
        for (number,) in numbers:
            if number == -1:
                break
    return (time.process_time() - start) / WALKS


if __name__ == "__main__":
    main()
