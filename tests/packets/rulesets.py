"""Random rulesets of each kind, loaded into the director's namespace."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from random import Random
from typing import Final, TypeAlias

from tests.packets.native import Native
from tests.packets.network import Failed, alone, network, run
from tests.packets.xtables import Xtables

Loaded: TypeAlias = str
"""What was loaded, as a script of the shell that loads it again."""

Make: TypeAlias = Callable[[Random, str], Loaded]
"""Loads a random ruleset for one way, `in` or `out`."""

MIXED: Final = "all of them"

_TRIES: Final = 20


def _piped(command: Sequence[str], text: str) -> Loaded:
    """Hand a text to a program, and return how that is done again."""
    if text:
        run(*command, text=text)
    return f"{' '.join(command)} <<'X'\n{text}X\n" if text else ""


def native(random: Random, way: str) -> Loaded:
    """Load rules of nft; a script that nft refuses is followed by another one."""
    generator = Native(random, way)
    for _ in range(_TRIES):
        try:
            return _piped(("nft", "-f", "-"), generator.script())
        except Failed:
            continue
    raise Failed("nft takes none of the scripts")


def iptables_nft(random: Random, way: str) -> Loaded:
    """Load rules of iptables-nft and ip6tables-nft."""
    return _xtables(random, way, "nft")


def iptables_legacy(random: Random, way: str) -> Loaded:
    """Load rules of iptables-legacy and ip6tables-legacy."""
    return _xtables(random, way, "legacy")


def mixed(random: Random, way: str) -> Loaded:
    """Load rules of all kinds side by side."""
    every = [make for name, make in available().items() if name != MIXED]
    return "".join(make(random, way) for make in random.sample(every, len(every)))


def _xtables(random: Random, way: str, backend: str) -> Loaded:
    loaded = ""
    for version, prefix in ((4, "ip"), (6, "ip6")):
        prefix_of_sets = "n" if backend == "nft" else "l"
        sets, rules = Xtables(random, way, version, sets=has_ipsets(), prefix=prefix_of_sets).script()
        loaded += _piped(("ipset", "-exist", "restore"), sets)
        loaded += _piped((f"{prefix}tables-{backend}-restore",), rules)
    return loaded


def _works(*words: str) -> bool:
    def attempt() -> bool:
        with network():
            run(*words)
        return True

    try:
        return shutil.which(words[0]) is not None and alone(attempt)
    except (Failed, OSError):
        return False


@cache
def has_ipsets() -> bool:
    """Return whether there are ipsets here."""
    return _works("ipset", "create", "s", "hash:ip")


@cache
def available() -> Mapping[str, Make]:
    """Return the kinds of rulesets that this kernel takes, by name."""
    found: dict[str, Make] = {}
    if _works("nft", "add", "table", "inet", "t"):
        found["nft"] = native
    for make, command in ((iptables_nft, "iptables-nft"), (iptables_legacy, "iptables-legacy")):
        if found and _works(command, "-t", "mangle", "-S"):
            found[command] = make
    if len(found) > 1:
        found[MIXED] = mixed
    return found
