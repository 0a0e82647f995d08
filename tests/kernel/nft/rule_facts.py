"""What is compared of a rule about marks: everything that a referee knows of it too."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from lvstui.core.observed import Rule

FULL = 0xFFFFFFFF


class RuleFacts(NamedTuple):
    """A rule about marks as a referee describes it; `match` is in order of its words."""

    family: str
    table: str
    chain: str
    handle: int
    path: tuple[str, ...]
    hook: str
    priority: int
    dormant: bool
    verb: str
    value: int | None
    mask: int
    bits: int
    match: tuple[str, ...]
    packets: int | None
    bytes: int | None
    comment: str


def facts_of(rule: Rule) -> RuleFacts:
    """Return what a referee could know of a rule too."""
    return RuleFacts(
        rule.family,
        rule.table,
        rule.chain,
        rule.handle,
        rule.path,
        rule.hook,
        rule.priority,
        rule.dormant,
        rule.verb,
        rule.value,
        rule.mask,
        rule.bits,
        tuple(sorted(rule.match)),
        rule.packets,
        rule.bytes,
        rule.comment,
    )


def sort_rules(every: Iterable[RuleFacts]) -> list[RuleFacts]:
    """Sort rules, whatever they lack."""
    return sorted(every, key=repr)


def normalize_match(words: Iterable[str]) -> tuple[str, ...]:
    """Drop what a longer name implies: `tcp dport` is tcp, and `ip daddr` is IPv4. A test is said once, a limit not."""
    asked = [word for word in words if word]
    every = [word for place, word in enumerate(asked) if word not in asked[:place] or word.startswith("limit ")]
    starts = {word.split(" ", 1)[0] for word in every}
    implied = {f"{name} {start}" for start in starts for name in ("meta l4proto", "ip protocol")}
    implied |= {"meta nfproto ipv4", "meta protocol ip"} if "ip" in starts else set()
    implied |= {"meta nfproto ipv6", "meta protocol ip6"} if "ip6" in starts else set()
    implied |= {"meta l4proto icmp", "ip protocol icmp"} if "icmp" in starts else set()
    implied |= {"meta l4proto ipv6-icmp"} if "icmpv6" in starts else set()
    return tuple(sorted(word for word in every if word not in implied))
