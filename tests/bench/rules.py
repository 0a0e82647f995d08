"""1,000 rules about marks read and explained from scratch, and polled unchanged, beside `nft -j list ruleset`.

Runs wherever nf_tables is, in a network namespace of its own.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from functools import partial

from lvstui.core.observed import Ruleset
from lvstui.kernel.nft.filter import PacketFilter
from tests.bench.big_table import in_turn, say
from tests.kernel.nft.alone import able, alone

RULES = 1000
ROUNDS = 15
POLLS = 1000


def native(ports: str) -> None:
    """Make the rules with nft."""
    lines = "\n".join(
        f"ip daddr 10.0.{n // 250}.{n % 250} tcp dport {ports} counter meta mark set {n + 1}" for n in range(RULES)
    )
    chain = f"chain c {{\ntype filter hook prerouting priority -150\n{lines}\n}}"
    subprocess.run(["nft", "-f", "-"], input=f"table inet bench {{\n{chain}\n}}\n", text=True, check=True)


def multiport() -> None:
    """Make the rules with iptables-nft."""
    lines = "\n".join(
        f"-A PREROUTING -d 10.0.{n // 250}.{n % 250}/32 -p tcp -m multiport --dports 80,443 -j MARK --set-xmark {n + 1}"
        for n in range(RULES)
    )
    subprocess.run(["iptables-nft-restore"], input=f"*mangle\n{lines}\nCOMMIT\n", text=True, check=True)


CASES: Mapping[str, Callable[[], None]] = {
    "native rules": partial(native, "80"),
    "native rules with a set of ports": partial(native, "{ 80, 443 }"),
    "multiport rules of iptables-nft": multiport,
}


def main() -> None:
    """Print the ratios for each kind of rules."""
    if not able():
        print("rules: needs root, nft, and a kernel whose nf_tables knows inet")
        return
    measure()


@alone
def measure() -> None:
    """Measure in a namespace that is thrown away."""
    for name, make in CASES.items():
        subprocess.run(["nft", "flush", "ruleset"], check=True)
        make()
        ours, theirs = in_turn(ROUNDS, from_scratch, listed)
        say(f"{RULES:,} {name} read and explained", ours, "nft -j list ruleset", theirs)
        with closing(PacketFilter(None)) as door:
            first = door.read()
            polled = timed(partial(poll, door)) / POLLS
            assert door.read().generation == first.generation
        say("a poll while nothing changes", polled, "nft -j list ruleset", theirs)


def from_scratch() -> float:
    """Read and explain everything as for the first time: a new door knows nothing of an earlier reading."""
    found: list[Ruleset] = []
    with closing(PacketFilter(None)) as door:
        took = timed(lambda: found.append(door.read()))
    assert len(found[0].rules) == RULES
    assert all(rule.decoded and rule.selector for rule in found[0].rules)
    return took


def poll(door: PacketFilter) -> None:
    """Look again and again."""
    for _ in range(POLLS):
        door.read()


def listed() -> float:
    """List everything with nft, whose output is read and not looked at."""
    return timed(lambda: subprocess.run(["nft", "-j", "list", "ruleset"], stdout=subprocess.DEVNULL, check=True))


def timed(work: Callable[[], object]) -> float:
    """Say how many seconds something takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
