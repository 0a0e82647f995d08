"""Whose services are whose: programs that keep services as they want them, so that an edit of ours would be undone."""

from __future__ import annotations

from typing import Final

from lvstui.core.marks.mark import Mark, every_rule, mark_at
from lvstui.core.model import AddressKey, Forwarding, MarkKey, Pool
from lvstui.core.observed import Rule
from lvstui.core.snapshot import Snapshot

_KEEPERS: Final = frozenset(
    {"kube-proxy", "kube-router", "kube-vip", "dockerd", "k3s", "k3s-server", "k3s-agent", "kubelite"}
)
"""Programs that derive services from what is asked of a cluster, and write them again whenever they differ."""

_AFFINITY: Final = 10800
"""Seconds of `sessionAffinity: ClientIP` where nobody chooses others (Kubernetes' API); hardly anybody else does."""

_KUBE_ROUTER: Final = "KUBE-ROUTER-"
_KUBE_IPVS: Final = frozenset({"KUBE-LOAD-BALANCER", "KUBE-NODE-PORT"})
"""How chains of kube-router begin, and chains that kube-proxy makes in ipvs mode only."""

_KEEPALIVED: Final = "keepalived"
"""How keepalived's own tables (`keepalived_ipvs`) are called."""


def is_kept(snapshot: Snapshot, pool: Pool) -> bool:
    """Return whether a program keeps a service as it wants it, as far as processes, rules or the service itself show.

    Processes are not seen from everywhere (another PID namespace, no right), so what they leave behind counts too.
    """
    key = pool.service.key
    if any(owner.program in _KEEPERS and owner.owns(key) for owner in snapshot.owners):
        return True
    if isinstance(key, MarkKey):
        return _is_swarms(mark_at(snapshot, key.mark), pool)
    return _looks_like_affinity(pool) or (_is_masqueraded(pool) and snapshot.derive(_kube_rules, every_rule(snapshot)))


def is_keepaliveds(mark: Mark) -> bool:
    """Return whether a mark comes from keepalived alone, which makes one service of a group of addresses and ports.

    It does so to have fewer services (nftables_ipvs), not to keep the connections of a client together.
    """
    return bool(mark.rules) and all(known.rule.table.startswith(_KEEPALIVED) for known in mark.rules)


def _kube_rules(rules: tuple[Rule, ...]) -> bool:
    """Return whether a kube-proxy in ipvs mode, or kube-router, has written rules."""
    chains = {chain for rule in rules for chain in (*rule.path, rule.chain)}
    return not chains.isdisjoint(_KUBE_IPVS) or any(chain.startswith(_KUBE_ROUTER) for chain in chains)


def _looks_like_affinity(pool: Pool) -> bool:
    persistence = pool.service.persistence
    return persistence is not None and persistence.timeout == _AFFINITY and _is_masqueraded(pool)


def _is_masqueraded(pool: Pool) -> bool:
    return isinstance(pool.service.key, AddressKey) and all(
        server.forwarding is Forwarding.MASQ for server in pool.servers.values()
    )


def _is_swarms(mark: Mark, pool: Pool) -> bool:
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
        for rule in (known.rule for known in mark.rules)
    )
