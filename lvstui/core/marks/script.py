"""Mark groups as text for nft and iptables: what our table of the packet filter says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import Final

from lvstui.core import fields
from lvstui.core.model import Family, MarkGroup, Network, Ports, Selector
from lvstui.core.observed import ALL_BITS, Rule
from lvstui.core.selectors import family_of, network_text, ports_text

FAMILY: Final = "inet"
TABLE: Final = "lvstui"

PRIORITY: Final = -120
"""After mangle (-150) and firewalld's mangle (-140), before DNAT (-100) and IPVS's hooks (99, and -98 for output)."""

PREROUTING: Final = "prerouting"
OUTPUT: Final = "output"
CHAINS: Final = (PREROUTING, OUTPUT)
"""Our chains, each on the hook of its name: incoming packets, and those of clients on the director itself."""

_MULTIPORT_MAX: Final = 15
"""Ports in one multiport match of iptables; a range counts twice (XT_MULTI_PORTS)."""


def counter_name(mark: int) -> str:
    """Return the name of the counter of all packets that got a mark."""
    return f"m{mark}"


def chains_of(selector: Selector) -> Sequence[str]:
    """Return the chains that a selector has a rule in; outgoing packets came in through no interface."""
    return (PREROUTING,) if selector.interface else CHAINS


def rule_text(selector: Selector, mark: int) -> str:
    """Write a selector's rule as nft does: `ip daddr 192.0.2.10 tcp dport { 80, 443 } counter name "m80" ...`."""
    return " ".join((*match_words(selector), f'counter name "{counter_name(mark)}"', f"meta mark set 0x{mark:08x}"))


def match_words(selector: Selector) -> Iterator[str]:
    """Write what a selector asks of a packet as the parts of an nft rule."""
    if selector.interface:
        name = fields.visible(selector.interface)
        # A star at the end of a name would stand for any end, if it were not escaped.
        yield f'iifname "{name[:-1]}\\*"' if name.endswith("*") else f'iifname "{name}"'
    family = family_of(selector)
    if any(network.prefixlen == 0 for network in selector.addresses):
        yield f"meta nfproto {'ipv4' if family is Family.IPV4 else 'ipv6'}"
    elif family is not None:
        yield f"{'ip' if family is Family.IPV4 else 'ip6'} daddr {_set(map(network_text, selector.addresses))}"
    if selector.protocol is not None:
        word = fields.PROTOCOL_WORDS.get(selector.protocol, str(int(selector.protocol)))
        ports = _set(ports_text((one,)) for one in selector.ports)
        yield f"{word} dport {ports}" if selector.ports else f"meta l4proto {word}"


def _set(words: Iterable[str]) -> str:
    found = list(words)
    return found[0] if len(found) == 1 else f"{{ {', '.join(found)} }}"


def script(groups: Mapping[int, MarkGroup] | None) -> list[str]:
    """Write our whole table as a script for `nft -f`, which replaces the table that there may be."""
    marks = groups or {}
    lines = [f"table {FAMILY} {TABLE}", f"delete table {FAMILY} {TABLE}"]
    if not marks:
        return lines
    lines.append(f"table {FAMILY} {TABLE} {{")
    for mark in sorted(marks):
        lines += [f"\tcounter {counter_name(mark)} {{", "\t}", ""]
    for chain in CHAINS:
        lines += [f"\tchain {chain} {{", f"\t\ttype filter hook {chain} priority {PRIORITY}; policy accept;"]
        for mark, selector in rules(marks, chain):
            lines.append(f"\t\t{rule_text(selector, mark)}")
        lines += ["\t}", *([""] if chain != CHAINS[-1] else [])]
    return [*lines, "}"]


def rules(groups: Mapping[int, MarkGroup], chain: str) -> Iterator[tuple[int, Selector]]:
    """Return mark and selector of each rule of one of our chains, in order."""
    for mark in sorted(groups):
        for selector in groups[mark].selectors:
            if chain in chains_of(selector):
                yield mark, selector


_TOOLS: Final = (("iptables", Family.IPV4), ("ip6tables", Family.IPV6))


def iptables_lines(group: MarkGroup) -> list[str]:
    """Write the commands of iptables and ip6tables that mark the same packets, for kernels without nf_tables."""
    return [line for selector in group.selectors for line in _iptables(selector, group.mark)]


def _iptables(selector: Selector, mark: int) -> Iterator[str]:
    family = family_of(selector)
    tools = [tool for tool, served in _TOOLS if family in (None, served)]
    addresses: Sequence[Network | None] = selector.addresses or (None,)
    for tool, chain, address, ports in product(tools, chains_of(selector), addresses, _portions(selector.ports)):
        words = [tool, "-t mangle -A", chain.upper()]
        if selector.interface:
            words += ["-i", fields.visible(selector.interface)]
        if address is not None:
            words += ["-d", network_text(address)]
        if selector.protocol is not None:
            words += ["-p", fields.PROTOCOL_WORDS.get(selector.protocol, str(int(selector.protocol)))]
        if ports:
            words += ["-m multiport --dports", ports_text(ports).replace("-", ":")]
        yield " ".join((*words, f"-j MARK --set-mark {mark}"))


def _portions(ports: Sequence[Ports]) -> Iterator[Sequence[Ports]]:
    """Cut ports into lists that one multiport match takes."""
    portion: list[Ports] = []
    room = _MULTIPORT_MAX
    for ports_range in ports:
        size = 1 if ports_range.first == ports_range.last else 2
        if size > room:
            yield portion
            portion, room = [], _MULTIPORT_MAX
        portion.append(ports_range)
        room -= size
    yield portion


def is_ours(rule: Rule) -> bool:
    """Return whether a rule stands in our own table."""
    return rule.tool == "nft" and rule.family == FAMILY and rule.table == TABLE


def groups(rules: Iterable[Rule]) -> Mapping[int, MarkGroup]:
    """Return the groups that the rules of our table form, without what others wrote into it."""
    found: dict[int, list[Selector]] = {}
    for rule in rules:
        if is_ours(rule) and rule.chain == PREROUTING and rule.selector is not None and whole_mark(rule) is not None:
            found.setdefault(whole_mark(rule) or 0, []).append(rule.selector)
    return {mark: MarkGroup(mark, tuple(selectors)) for mark, selectors in sorted(found.items())}


def whole_mark(rule: Rule) -> int | None:
    """Return the mark that a rule sets as a whole; None where it sets some bits only, or does something else."""
    return rule.value if rule.decoded and rule.verb == "set" and rule.mask == ALL_BITS and rule.value else None
