"""Random rules and real packets: the mark that a packet gets is the one that its walk through the rules says."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from random import Random

from lvstui.kernel.nft.filter import PacketFilter
from tests.campaign import Report
from tests.packets.network import alone, network
from tests.packets.referee import Tally, compare
from tests.packets.rulesets import MIXED, Make, available
from tests.packets.traffic import shots

_PACKETS = 40
"""First packets for each ruleset."""

_SHARE = 20
"""One packet of so many may be uncertain; more where all kinds stand side by side, at the same priorities."""


def run(seconds: float, seed: int) -> Iterator[Report]:
    """Try rulesets of each kind that this kernel takes, as root; each has a seed of its own, so that it comes again."""
    kinds = available()
    for name, make in kinds.items():
        total, first, rulesets = Tally(), "", 0
        ends = time.monotonic() + seconds / len(kinds)
        while not rulesets or time.monotonic() < ends:
            tally, loaded = attempt(make, f"{seed} {name} {rulesets}")
            total.add(tally)
            if tally.wrong and not first:
                first = f"ruleset {rulesets} of {name}, seed {seed}: " + "\n".join((*tally.wrong, loaded))
            rulesets += 1
        yield Report(f"packets and {rulesets} rulesets of {name}", total.packets, len(total.wrong), first)
        unsure = max(0, total.unsure - total.packets // _SHARE) if name != MIXED else 0
        yield Report(f"{total.unsure} of them uncertain", total.packets, unsure, "more than 5 %" if unsure else "")


def attempt(make: Make, seed: str) -> tuple[Tally, str]:
    """Load one ruleset, compare what its packets get, and return that and how the rules are loaded again."""

    def work() -> tuple[Tally, str]:
        random = Random(seed)
        way = random.choice(("in", "in", "out"))
        with network() as lines:
            loaded = make(random, way)
            with closing(PacketFilter(None)) as rules:
                program = rules.program()
            return compare(lines, program, shots(random, way, _PACKETS), way), loaded

    return alone(work)
