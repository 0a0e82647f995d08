"""Rulesets as programs and people write them, and the tables of IPVS beside them, read from text."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from lvstui.core import fields
from lvstui.core.model import (
    Director,
    Family,
    Forwarding,
    MarkKey,
    Persistence,
    Pool,
    RealServer,
    Service,
    ServiceKey,
)
from lvstui.core.observed import Rule, Ruleset
from lvstui.kernel.nft.reading.hooks import arrange
from lvstui.kernel.nft.xtables.iptables_save import Saved
from tests.build import endpoint

HERE = Path(__file__).parent
_METHODS = {"-m": Forwarding.MASQ, "-g": Forwarding.ROUTE, "-i": Forwarding.TUNNEL}


def rules(name: str, version: int = 4) -> tuple[Rule, ...]:
    """Return the rules about marks of a ruleset that iptables-save wrote."""
    return Saved((HERE / f"{name}.rules").read_text(), version).rules


def ruleset(*names: str) -> Ruleset:
    """Return what is known of several rulesets that are loaded one after the other."""
    saved = [Saved((HERE / f"{name}.rules").read_text(), 4) for name in names]
    program = arrange([table for one in saved for table in one.tables], sys.byteorder, lambda *_: ())
    return Ruleset(tuple(rule for one in saved for rule in one.rules), program=program)


def director(name: str) -> Director:
    """Return the table that `ipvsadm -R` makes of a file."""
    pools: dict[ServiceKey, Pool] = {}
    for words in _lines(name):
        key = _key(words)
        if words[0] == "-A":
            timeout = words[words.index("-p") + 1] if "-p" in words else ""
            persistence = Persistence(int(timeout)) if timeout else None
            pools[key] = Pool(Service(key, words[words.index("-s") + 1], persistence=persistence))
        else:
            method = next(_METHODS[word] for word in words if word in _METHODS)
            server = RealServer(endpoint(words[words.index("-r") + 1]), method, int(words[words.index("-w") + 1]))
            held = pools[key]
            pools[key] = replace(held, servers={**held.servers, server.endpoint: server})
    return Director(pools)


def _lines(name: str) -> Iterator[list[str]]:
    return (line.split() for line in (HERE / f"{name}.ipvs").read_text().splitlines())


def _key(words: list[str]) -> ServiceKey:
    match words[1:3]:
        case ["-f", mark]:
            return MarkKey(int(mark), Family.IPV6 if "-6" in words else Family.IPV4)
        case [protocol, place]:
            return fields.service(f"{'tcp' if protocol == '-t' else 'udp'}:{place}")
    raise ValueError(words)
