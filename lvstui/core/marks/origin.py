"""Which program marks come from, as far as its rules and services show: some bundle ports without persistence."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from lvstui.core.model import Forwarding, Pool
from lvstui.core.observed import Rule

_KEEPALIVED: Final = "keepalived"
"""How keepalived's own tables (`keepalived_ipvs`) are called."""


def is_keepaliveds(rules: Iterable[Rule]) -> bool:
    """Return whether a mark comes from keepalived alone, which makes one service of a group of addresses and ports.

    It does so to have fewer services (nftables_ipvs), not to keep the connections of a client together.
    """
    tables = {rule.table for rule in rules}
    return bool(tables) and all(table.startswith(_KEEPALIVED) for table in tables)


def is_swarms(rules: Iterable[Rule], pool: Pool) -> bool:
    """Return whether Docker's Swarm has made a service: marked by address where IPVS takes it, without persistence."""
    plain = pool.service.persistence is None and all(
        server.forwarding in (Forwarding.MASQ, Forwarding.ROUTE) for server in pool.servers.values()
    )
    return plain and any(
        rule.hook == "input"
        and (rule.table, rule.chain) == ("mangle", "INPUT")
        and rule.selector is not None
        and rule.selector.protocol is None
        and len(rule.selector.addresses) == 1
        and rule.selector.addresses[0].prefixlen == rule.selector.addresses[0].max_prefixlen
        for rule in rules
    )
