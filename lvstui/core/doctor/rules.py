"""The question whether this machine's own rules let packets pass between it and the real servers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from lvstui.core.doctor.facts import Facts, Passage
from lvstui.core.doctor.finding import Found, fine, unknown, warn, wrong
from lvstui.core.doctor.words import name
from lvstui.core.fields import visible
from lvstui.core.model import RealServer, ServerKey
from lvstui.core.words import count


def rules(facts: Facts) -> Found | None:
    """Do this machine's own rules let pass what is sent on to servers, and what they answer?

    What IPVS sends on comes through the hook output, and answers through the hook forward before IPVS sees them.
    """
    sent, answered = list(_with_servers(facts, facts.sent)), list(_with_servers(facts, facts.answered))
    if not sent and not answered:
        return None
    looked = f"the ways of {count(len(sent), 'packet')} to servers and {count(len(answered), 'answer')} through rules"
    for what, passages in (("what is sent on to {}", sent), ("what {} answers", answered)):
        dropped = [(server, passage) for server, passage in passages if passage.dropped]
        for server, passage in sorted(dropped, key=lambda pair: not pair[1].seen):
            others = f" and {len(dropped) - 1} more" if len(dropped) > 1 else ""
            found = f"{what.format(f'{name(server)}{others}')} is dropped: {passage.dropped}"
            if passage.seen:
                return wrong(looked, found, passage.remedy)
            return warn(looked, f"{found}; followed for clients like {passage.client}", passage.remedy)
    if trouble := next((passage.way.trouble for _, passage in (*sent, *answered) if passage.way.trouble), ""):
        return unknown(looked, f"not all rules are known: {visible(trouble)}")
    may_be = next((passage.may_be_dropped for _, passage in (*sent, *answered) if passage.may_be_dropped), None)
    if may_be is None:
        return fine(looked, "all pass")
    if _have_passed(facts, facts.answered):
        return fine(looked, "answers of masqueraded servers have passed")
    because = f"{may_be} drops some packets, by what is not known of them, and no answer has been seen to pass"
    return unknown(looked, because, "see that a rule accepts these packets (iptables -vL, nft list ruleset)")


def _with_servers(facts: Facts, held: Mapping[ServerKey, Passage]) -> Iterator[tuple[RealServer, Passage]]:
    """Yield passages with the servers that they are about."""
    for pool in facts.pools:
        for server in pool.servers.values():
            passage = held.get(ServerKey(pool.service.key, server.endpoint))
            if passage is not None:
                yield server, passage


def _have_passed(facts: Facts, keys: Iterable[ServerKey]) -> bool:
    """Return whether a packet of one of these servers was counted."""
    seen = (facts.reading.servers.get(key.service, {}).get(key.endpoint) for key in keys)
    return any(known is not None and known.stats is not None and known.stats.out_packets for known in seen)
