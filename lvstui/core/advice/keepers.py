"""Whose services are whose: programs that keep services as they want them, so that an edit of ours would be undone."""

from __future__ import annotations

from typing import Final

from lvstui.core.marks.mark import every_rule, mark_at
from lvstui.core.marks.origin import is_swarms
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


def is_kept(snapshot: Snapshot, pool: Pool) -> bool:
    """Return whether a program keeps a service as it wants it, as far as processes, rules or the service itself show.

    Processes are not seen from everywhere (another PID namespace, no right), so what they leave behind counts too.
    """
    key = pool.service.key
    if any(owner.program in _KEEPERS and owner.owns(key) for owner in snapshot.owners):
        return True
    if isinstance(key, MarkKey):
        return is_swarms((known.rule for known in mark_at(snapshot, key.mark).rules), pool)
    return _looks_like_affinity(pool) or (_is_masqueraded(pool) and snapshot.derive(_kube_rules, every_rule(snapshot)))


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
