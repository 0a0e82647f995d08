"""Advice about firewall marks: rules and services that do not match."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Final, NamedTuple

from lvstui.core import fields
from lvstui.core.advice import Advice, wrong
from lvstui.core.advice.keepers import is_kept
from lvstui.core.change import Change, change_group, change_service
from lvstui.core.describe import persistence_text, service_name
from lvstui.core.keys import with_keys
from lvstui.core.marks import edits as mark_edits
from lvstui.core.marks.arrivals import OK, Arrival, arrives, other_port
from lvstui.core.marks.edits import lost_changes
from lvstui.core.marks.mark import Mark, every_rule, mark_at, marks, surroundings
from lvstui.core.marks.origin import is_keepaliveds
from lvstui.core.marks.script import is_ours
from lvstui.core.model import UNKNOWN_FAMILY, Director, Family, MarkGroupKey, MarkKey, Persistence, Pool, Selector
from lvstui.core.observed import Policy, Rule
from lvstui.core.packets.packet import Packet
from lvstui.core.packets.walk import Step
from lvstui.core.selectors import overlap, several_ports
from lvstui.core.snapshot import Snapshot

KUBE_BITS: Final = 0xC000
"""Bits of the mark that kube-proxy uses: 0x4000 to masquerade, 0x8000 to drop."""


def mark_advice(snapshot: Snapshot) -> Iterator[Advice]:
    """Return what keeps marked packets from their service, then what may surprise."""
    for find in (_lost_rules, _unset, _unserved, _failing, _one_family):
        yield from wrong(find(snapshot))
    yield from _used_by_others(snapshot)
    for pool in snapshot.reading.director.pools.values():
        if not is_kept(snapshot, pool):
            yield from _not_persistent(snapshot, pool)
    yield from _unlike_families(snapshot.reading.director)


def _advise(
    mark: Mark,
    sentence: str,
    reason: str,
    remedy: str,
    changes: tuple[Change, ...] = (),
    packet: Packet | None = None,
) -> Advice:
    about = " ".join((f"mark {mark.number}", *map(fields.visible, mark.names[:1])))
    return Advice(about, sentence, reason, remedy, changes, mark=mark.number, packet=packet)


def _arriving(mark: Mark) -> Iterator[Packet]:
    """Return packets that were seen to arrive with a mark."""
    for known in mark.rules:
        if known.arrival is not None and known.arrival.state == OK and known.arrival.packet is not None:
            yield known.arrival.packet


def _place(one: Rule | Step) -> str:
    """Return where a rule stands: `inet firewalld mangle_PRE_public_allow`."""
    words = (one.tool if one.tool != "nft" else "", one.family, one.table, one.chain)
    return fields.visible(" ".join(filter(None, words)))


def _served(snapshot: Snapshot) -> list[Mark]:
    return [mark for mark in marks(snapshot).values() if mark.pools]


def _lost_rules(snapshot: Snapshot) -> Iterator[Advice]:
    """Find what the profile has and the packet filter lost: our table was flushed, or a group deleted from it."""
    if lost := [mark.number for mark in marks(snapshot).values() if mark.lost]:
        advice = _advise(
            mark_at(snapshot, lost[0]),
            "the rules are gone from the packet filter",
            "no packet gets the mark, so its service sees no traffic; `nft flush ruleset`, or a restart of the "
            "service nftables, does that",
            "write them again from the profile",
            lost_changes(snapshot.profile.drift, lost),
        )
        yield advice if len(lost) == 1 else replace(advice, about=f"{len(lost)} marks")


def _unset(snapshot: Snapshot) -> Iterator[Advice]:
    ruleset = snapshot.reading.rules
    if ruleset is None or ruleset.trouble or any(not rule.decoded for rule in ruleset.rules):
        return  # what cannot be read is not reported as missing
    for mark in _served(snapshot):
        if not mark.rules and not mark.lost and not mark.possible and not _is_coming(mark, snapshot):
            yield _advise(
                mark,
                "no rule sets it",
                "IPVS only recognises marks: without a rule of nftables or iptables the service sees no traffic",
                with_keys("set in the marks view ({3:view.marks}) which packets get it ({e:mark.edit})"),
            )


def _is_coming(mark: Mark, snapshot: Snapshot) -> bool:
    """Return whether new connections come with a mark all the same: tc, or a program, can set one too."""
    counted = (snapshot.reading.services.get(pool.service.key) for pool in mark.pools)
    return any(stats is not None and stats.connection_rate > 0 for stats in counted)


def _unserved(snapshot: Snapshot) -> Iterator[Advice]:
    for mark in marks(snapshot).values():
        if not mark.held or mark.pools:
            continue
        changes = lost_changes(snapshot.profile.drift, [mark.number])
        back = tuple(change for change in changes if not isinstance(change.target, MarkGroupKey))
        yield _advise(
            mark,
            "our rules set it, but no service is on it",
            "its packets are routed as if there were no rule",
            "restore the profile's service"
            if back
            else with_keys("delete the group, or add a service ({A:mark.add.service} in the marks view)"),
            back or (change_group(mark.group, None),),
            next(_arriving(mark), None),
        )


class _Flaw(NamedTuple):
    """Why a rule's packets do not arrive: a sentence, the reason and the remedy; a `copy` in our table repairs it."""

    sentence: str
    reason: str
    remedy: str
    copy: bool = True


def _failing(snapshot: Snapshot) -> Iterator[Advice]:
    """Find rules for a mark with a service whose packets do not arrive there nevertheless, as one shows."""
    for mark in _served(snapshot):
        flaws: dict[str, tuple[_Flaw, Rule, Packet | None]] = {}
        for known in mark.rules:
            if known.failed is not None and (flaw := _flaw(known.rule, known.failed)):
                flaws.setdefault(flaw.sentence, (flaw, known.rule, known.failed.packet))
        for flaw, rule, packet in flaws.values():
            copy: tuple[Change, ...] = ()
            if flaw.copy:
                with suppress(fields.FieldError):
                    copy = mark_edits.copy_rules(snapshot.reading.director, [rule])
            remedy = f"{flaw.remedy}; or add this copy of the rule to our own table" if copy else flaw.remedy
            yield _advise(mark, f"{flaw.sentence} ({_place(rule)})", flaw.reason, remedy, copy, packet)


def _flaw(rule: Rule, arrival: Arrival) -> _Flaw | None:
    step = arrival.step
    decides = f"{_place(step)}: {fields.visible(step.text)}" if step is not None else ""
    match arrival.state:
        case "dormant":
            return _Flaw("its rule is in a dormant table", "a dormant table does nothing", "enable the table")
        case "unreached":
            return _Flaw("its rule is in a chain that nothing jumps to", "no packet gets there", "jump to the chain")
        case "late":
            return _Flaw(
                "its rule comes too late for IPVS",
                "IPVS takes packets at priority 99 of input and -98 of output",
                "set the mark in prerouting",
            )
        case "masked":
            return _Flaw(
                f"its rule sets only the bits 0x{rule.mask:x}, and {arrival.mark} arrives",
                "IPVS compares all 32 bits, so other bits that are set hide the service",
                "let the rule set the whole mark",
            )
        case "overwritten":
            return _Flaw(
                f"a later rule sets {arrival.mark} instead, in {_place(step)}" if step else "another mark arrives",
                f"the last rule wins ({decides})",
                "take the packets out of one of the two",
                copy=False,
            )
        case "passed":
            return _Flaw(
                "packets do not come to its rule",
                f"another rule ends the chain before ({decides})",
                "put the rule before that one",
                copy=False,
            )
        case _:
            return None


def _selectors(mark: Mark) -> list[Selector]:
    """Return all packets that are known to get a mark now."""
    ours = mark.group.selectors if mark.group and mark.held else ()
    return [*dict.fromkeys((*ours, *(known.rule.selector for known in mark.rules if known.rule.selector)))]


def _one_family(snapshot: Snapshot) -> Iterator[Advice]:
    """Find marks whose packets are of a family that no service is on them for, as one that arrives shows."""
    for mark in _served(snapshot):
        served = [pool.service.key.family for pool in mark.pools]
        arriving = list(_arriving(mark))
        for family in mark_edits.families(selector for selector in _selectors(mark) if selector.addresses):
            packet = next((packet for packet in arriving if packet.family is family), None)
            if packet is not None and family not in served and UNKNOWN_FAMILY not in served:
                yield _advise(
                    mark,
                    f"{family.word} packets get it, but only an {served[0].word} service is on it",
                    "each family needs a service of its own on the mark; these packets are routed as if unmarked",
                    f"add mark{'6' if family is Family.IPV6 else ''}:{mark.number} with its servers "
                    + with_keys("({A:mark.add.service} in the marks view), or remove the addresses ({e:mark.edit})"),
                    packet=packet,
                )


def _used_by_others(snapshot: Snapshot) -> Iterator[Advice]:
    """Find marks of which others use all or some bits for something else."""
    rules = every_rule(snapshot)
    kube = any(owner.program == "kube-proxy" for owner in snapshot.owners) or any(
        rule.value in (0x4000, 0x8000) and rule.mask == rule.value for rule in rules
    )
    for mark in marks(snapshot).values():
        if kube and (mark.pools or mark.held) and mark.number & KUBE_BITS:
            yield _advise(
                mark,
                f"its bits 0x{mark.number & KUBE_BITS:x} are those that kube-proxy uses",
                "kube-proxy masquerades or drops packets with them, and sets them on its own packets",
                "use a mark without the bits 0x4000 and 0x8000",
            )
    for mark in marks(snapshot).values():
        if policy := next(_diversions(snapshot, mark), None):
            yield _advise(
                mark,
                f"policy routing uses it too ({policy})",
                "packets that get it before they are routed go where that rule leads, and IPVS sees only what comes "
                "to this machine",
                "use another mark for one of the two, or let the table of the rule deliver to this machine "
                "(`ip route add local default dev lo table ...`)",
            )
    for mark in marks(snapshot).values():
        if not mark.held or mark.group is None:
            continue
        for rule, arrival in ((known.rule, known.arrival) for known in mark.rules if not is_ours(known.rule)):
            if arrival is None or arrival.state != OK:
                continue
            if rule.selector is None or not any(overlap(rule.selector, ours) for ours in mark.group.selectors):
                yield _advise(
                    mark,
                    f"a rule of others sets it too, for other packets ({_place(rule)})",
                    "those packets go to this group's service as well, unless the mark is meant for something else",
                    "use another mark for one of the two",
                    packet=arrival.packet,
                )
                break


def _diversions(snapshot: Snapshot, mark: Mark) -> Iterator[Policy]:
    """Return the rules of policy routing that lead packets of a mark that is used for IPVS away from this machine."""
    if mark.pools or mark.held:
        for policy in snapshot.reading.policies:
            if policy.is_about(mark.number) and not policy.delivers:
                yield policy


def _not_persistent(snapshot: Snapshot, pool: Pool) -> Iterator[Advice]:
    key = pool.service.key
    if not isinstance(key, MarkKey) or pool.service.persistence is not None or len(pool.servers) < 2:
        return
    mark = mark_at(snapshot, key.mark)
    if not several_ports(_selectors(mark)) or is_keepaliveds(known.rule for known in mark.rules):
        return
    if (packet := _one_of_two(snapshot, mark, key.family)) is not None:
        persistence = Persistence(mark_edits.PERSISTENCE, key.family.full_mask)
        after = replace(pool.service, persistence=persistence)
        yield Advice(
            service_name(pool.service),
            "the mark bundles several ports, but the service is not persistent",
            "each connection is scheduled separately: those of one client may land on different servers",
            f"set persistence to {mark_edits.PERSISTENCE} s",
            (change_service(pool.service, after),),
            key=key,
            mark=key.mark,
            packet=packet,
        )


def _one_of_two(snapshot: Snapshot, mark: Mark, family: Family) -> Packet | None:
    """Return a packet that arrives with a mark where one of the same client to another port does so too."""
    ruleset, around = snapshot.reading.rules, surroundings(snapshot)
    for packet in _arriving(mark):
        if packet.family is not family or ruleset is None:
            continue
        for selector in _selectors(mark):
            other = other_port(packet, selector)
            if other is not None and arrives(ruleset.program, other, mark.number, around):
                return packet
    return None


def _unlike_families(director: Director) -> Iterator[Advice]:
    """Find the two services of a mark, the same group over IPv4 and IPv6, that differ in persistence."""
    for key, pool in director.pools.items():
        twin = director.pools.get(MarkKey(key.mark, Family.IPV6)) if isinstance(key, MarkKey) else None
        if twin is None or not isinstance(key, MarkKey) or key.family is Family.IPV6:
            continue
        first, second = pool.service.persistence, twin.service.persistence
        if (first and first.timeout) != (second and second.timeout):
            wanted = first and replace(first, mask=second.mask if second else Family.IPV6.full_mask)
            after = replace(twin.service, persistence=wanted)
            yield Advice(
                f"mark {key.mark}",
                f"its IPv4 and IPv6 services differ in persistence ({persistence_text(first)} and "
                f"{persistence_text(second)})",
                "clients stick differently depending on the family that they happen to use",
                "set the same timeout on both",
                (change_service(twin.service, after),),
                key=key,
                mark=key.mark,
            )
