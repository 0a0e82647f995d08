"""The rules of nft's own tests, read as nft means them: our words, loaded in turn, have to compile to the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import NamedTuple

import pytest

from lvstui.core.observed import Rule
from lvstui.kernel.nft.filter import PacketFilter
from lvstui.kernel.nft.nfnetlink import Netfilter
from tests.kernel.nft.alone import alone, needs_nft, output
from tests.kernel.nft.compiled import NEVER, Compiled, Value, compiled
from tests.kernel.nft.upstream import Place, Table, load, rule_of, tables

pytestmark = needs_nft

SHIFTED = "nft 1.0.6 shifts bits across two bytes, which the kernel does in the machine's order: it asks something else"
RAW: Mapping[str, str] = {
    "meta mark set ip6 dscp map @map1": SHIFTED,
    "meta mark set ip6 dscp . ip6 daddr map @map2": SHIFTED,
    "ip6 dscp @map3": SHIFTED,
    "ip6 dscp . ip6 daddr @map4": SHIFTED,
}
"""Rules that are shown as they are, each with the reason."""

_LINK = "iiftype 1"  # beside which nft leaves out the family that it asks for elsewhere
OTHERWISE: Mapping[str, tuple[str, ...]] = {
    "ip saddr . ip daddr . ether saddr { 1.1.1.1 . 2.2.2.2 . ca:fe:ca:fe:ca:fe }": (
        _LINK,
        "ip saddr . ip daddr . ether saddr 1.1.1.1 . 2.2.2.2 . ca:fe:ca:fe:ca:fe",
    ),
    "ip saddr . ether saddr . meta l4proto { 1.2.3.4 . aa:bb:cc:dd:ee:ff . 6 }": (
        _LINK,
        "ip saddr . ether saddr . meta l4proto 1.2.3.4 . aa:bb:cc:dd:ee:ff . tcp",
    ),
    "tcp sport != 1 tcp dport != 2": ("meta l4proto tcp", "tcp sport . tcp dport != 1 . 2"),
    "meta mark set vlan id map @map1": (_LINK, "ether type 8021q", "vlan id @map1"),  # Linux 6.1: a map is no set
    "srh sid[1] dead::beef": ("rt @64,128 0xdead000000000000000000000000beef",),
    "srh sid[2] dead::beef": ("rt @192,128 0xdead000000000000000000000000beef",),
}
"""Rules whose words nft does not take, or compiles to something else that means the same: the words are listed."""

ENDS = " vmap lets no packet go on"

OBJECT = " name of @"
"""Stands in what an object of a map asks, which is no condition that can be written."""

ENOUGH = 2000


def read() -> dict[tuple[str, str, int], list[Rule]]:
    """Return what we read, by family, table and handle."""
    with closing(PacketFilter(None)) as door:
        ruleset = door.read()
    assert (ruleset.trouble, ruleset.missing) == ("", "")
    found: dict[tuple[str, str, int], list[Rule]] = {}
    for rule in ruleset.rules:
        found.setdefault((rule.family, rule.table, rule.handle), []).append(rule)
    return found


def listed() -> Mapping[Place, Sequence[Compiled]]:
    with closing(Netfilter(None)) as netfilter:
        return compiled(netfilter)


class Read(NamedTuple):
    """A rule that was read: upstream's text, our words, and what nft compiled of upstream's."""

    text: str
    match: tuple[str, ...]
    conditions: frozenset[Value]


def read_all(loaded: Mapping[Place, Table]) -> tuple[dict[Place, dict[int, Read]], list[str], dict[str, str]]:
    """Return the rules that were read, those that are missing, and those that are shown as they are."""
    meant, ours = listed(), read()
    found: dict[Place, dict[int, Read]] = {}
    missing: list[str] = []
    raw: dict[str, str] = {}
    for place, table in loaded.items():
        for (number, text), (handle, conditions) in zip(table.rules.items(), meant[place], strict=True):
            seen = [rule for rule in ours.get((*place, handle), []) if rule.verb == "set"]
            if not seen:
                missing.append(text)
            elif not seen[-1].decoded:
                raw[text] = seen[-1].raw
            else:
                found.setdefault(place, {})[number] = Read(text, seen[-1].match, conditions)
    return found, missing, raw


def misread(loaded: Mapping[Place, Table], found: Mapping[Place, Mapping[int, Read]]) -> dict[str, tuple[str, ...]]:
    """Return the words that nft does not take, or compiles to something else, by upstream's text."""
    written: dict[Place, Table] = {}
    for place, rules in found.items():
        ours = {
            number: rule_of([word for word in rule.match if not word.endswith(ENDS) and OBJECT not in word], place[0])
            for number, rule in rules.items()
        }
        written[place] = Table(loaded[place].sets, ours)
    output("nft", "flush", "ruleset")
    taken, back = load(written), listed()
    wrong: dict[str, tuple[str, ...]] = {}
    for place, rules in found.items():
        again = dict(zip(taken[place].rules, back[place], strict=True))
        for number, rule in rules.items():
            ends = {NEVER} if any(word.endswith(ENDS) for word in rule.match) else set()
            if number not in again or again[number].conditions | ends != rule.conditions:
                wrong[rule.text] = rule.match
    return wrong


@pytest.mark.parametrize("refused", [False, True], ids=["of nft 1.0.6", "of newer versions"])
@alone
def test_the_rules_of_nft_s_own_tests_are_read_as_nft_means_them(refused: bool) -> None:
    loaded = load(tables(refused=refused))
    if not any(table.rules for table in loaded.values()):
        pytest.skip("this nft takes none of them")
    found, missing, raw = read_all(loaded)
    wrong = misread(loaded, found)
    print(f"{sum(map(len, found.values()))} read, {len(raw)} raw, {len(missing)} missing, {len(wrong)} otherwise")
    assert missing == []
    assert raw.keys() <= RAW.keys()
    assert wrong.items() <= OTHERWISE.items()
    assert refused or sum(map(len, found.values())) > ENOUGH
