"""All that iptables-save wrote: its tables as rules about marks, and as the program that packets walk through."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from types import MappingProxyType
from typing import Final, NamedTuple

from lvstui.core.observed import Rule
from lvstui.core.packets import program
from lvstui.core.packets.program import Outcome
from lvstui.kernel.nft.ipsets.reading import IpSet
from lvstui.kernel.nft.reading.approaches import Approach, Approaches, Asked, Lead
from lvstui.kernel.nft.reading.conditions import code
from lvstui.kernel.nft.reading.explain import describe
from lvstui.kernel.nft.reading.lazy import Lazy
from lvstui.kernel.nft.reading.tables import RawChain
from lvstui.kernel.nft.xtables.iptables_targets import instructions
from lvstui.kernel.nft.xtables.iptables_text import SavedLine, UnknownLine, line

TOOL: Final = "iptables-legacy"
_FAMILIES: Final = {4: "ip", 6: "ip6"}
_HOOKS: Final = {name: name.lower() for name in ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING")}
_PRIORITIES: Final = {"raw": -300, "mangle": -150, "filter": 0, "security": 50}
_NAT: Final = {"prerouting": -100, "output": -100, "input": 100, "postrouting": 100}
"""Priorities of the tables' hooks (enum nf_ip_hook_priorities)."""

_ESCAPED: Final = re.compile(r"\\.", re.DOTALL)
_ROW_MAX: Final = 1 << 14
"""Characters up to which a row may go on behind an end of line: a comment has 256 at most."""

_COUNTS: Final = re.compile(r"^\[\d+:\d+\] |\[\d+:\d+\]$|^#.*$", re.MULTILINE)


class SavedTable(NamedTuple):
    """A table as it was written: its chains in their order, which packets that no rule ends leave so, and its lines."""

    name: str
    chains: dict[str, RawChain]
    policies: dict[str, Outcome]
    lines: list[SavedLine]


class Saved:
    """What iptables-save wrote for a version of IP (4, 6); `strange` are lines that are not understood.

    `ipsets` are those that rules name, as they were then: they change without a change of the rules.
    """

    def __init__(self, text: str, version: int, ipsets: Mapping[str, IpSet] = MappingProxyType({})) -> None:
        self.text = text
        self.version = version
        self.ipsets = ipsets
        self.strange: list[str] = []
        self._read = list(self._tables())

    def again(self, text: str, ipsets: Mapping[str, IpSet] = MappingProxyType({})) -> Saved:
        """Return what was read later: with the same tables, where it differs by counters only."""
        same = ipsets == self.ipsets
        if text == self.text and same:
            return self
        later = Saved(text, self.version, ipsets)
        if same and _COUNTS.sub("", text) == _COUNTS.sub("", self.text):
            later.tables = self.tables
        return later

    @cached_property
    def rules(self) -> tuple[Rule, ...]:
        """The rules about marks."""
        return tuple(rule for table in self._read for rule in _rules(_FAMILIES[self.version], table))

    @cached_property
    def tables(self) -> tuple[program.Table, ...]:
        """The tables of the program; their lines are read when a packet comes to them."""
        return tuple(_table(self.version, table, self.ipsets) for table in self._read)

    def _tables(self) -> Iterator[SavedTable]:
        table = SavedTable("", {}, {}, [])
        for row in _rows(self.text):
            if row.startswith("*"):
                table = SavedTable(row[1:], {}, {}, [])
            elif row.startswith(":"):
                name, policy, *_ = (*row[1:].split(" "), "")
                hook = _HOOKS.get(name, "") if policy != "-" else ""
                priority = _NAT.get(hook, 0) if table.name == "nat" else _PRIORITIES.get(table.name, 0)
                table.chains[name] = RawChain(name, hook, priority if hook else 0)
                table.policies[name] = Outcome.DROP if policy == "DROP" else Outcome.ACCEPT
            elif row.startswith(("[", "-A ")):
                try:
                    table.lines.append(line(row, self.version))
                except UnknownLine:
                    self.strange.append(row)
            elif row == "COMMIT":
                yield table


def _rows(text: str) -> Iterator[str]:
    """Split what iptables-save wrote; a comment may have ends of lines in it, within its quotes."""
    begun = ""
    for row in text.split("\n"):
        begun += row
        if begun.count('"') % 2 and len(begun) < _ROW_MAX and _ESCAPED.sub("", begun).count('"') % 2:
            begun += "\n"
            continue
        yield begun
        begun = ""
    yield from begun.split("\n") if begun else ()


def _rules(family: str, table: SavedTable) -> Iterable[Rule]:
    leads: dict[str, list[Lead]] = {}
    for place, lead in enumerate(table.lines):
        if lead.target in table.chains:
            leads.setdefault(lead.target, []).append(Lead(lead.chain, place, partial(_over, lead)))
    approaches = Approaches(table.chains, lambda name: leads.get(name, ()))
    found = []
    for place, row in enumerate(table.lines):
        if not row.marks:
            continue
        read, where = row.rule, (TOOL, family, table.name, row.chain, 0)
        noted = (row.packets, row.bytes, "", read.comment, False)
        for effect in read.effects:
            for approach in approaches.to(row.chain):
                rule = describe(
                    where,
                    noted,
                    approach,
                    effect,
                    (*approach.conditions, *read.conditions),
                    approach.sure and read.sure,
                )
                found.append(((*approach.order, place), rule if rule.decoded else replace(rule, raw=read.text)))
    return [rule for _, rule in sorted(found, key=lambda pair: pair[0])]


def _over(lead: SavedLine, approach: Approach) -> Iterator[Asked]:
    yield (*approach.conditions, *lead.rule.conditions), approach.sure and lead.rule.sure


def _table(version: int, table: SavedTable, ipsets: Mapping[str, IpSet]) -> program.Table:
    rows: dict[str, list[SavedLine]] = {}
    for row in table.lines:
        rows.setdefault(row.chain, []).append(row)

    def lines(rows: Sequence[SavedLine]) -> tuple[program.Line, ...]:
        return tuple(_line(row, table.chains, lambda name: ipsets.get(name, IpSet(name))) for row in rows)

    chains = {
        name: program.Chain(
            name,
            Lazy(partial(lines, rows.get(name, ()))),
            chain.hook,
            chain.priority,
            table.policies[name],
            "nat" if table.name == "nat" else "route" if (table.name, name) == ("mangle", "OUTPUT") else "filter",
        )
        for name, chain in table.chains.items()
    }
    return program.Table(TOOL, _FAMILIES[version], table.name, chains)


def _line(row: SavedLine, chains: Mapping[str, RawChain], held: Callable[[str], IpSet]) -> program.Line:
    rule = row.rule
    asked = (instruction for condition in rule.conditions for instruction in code(condition, held, row.version))
    return program.Line((*asked, *instructions(rule.target, rule.goes, rule.effects, chains)), rule.text)


_NAMED_SETS: Final = re.compile(r" --match-set (\S+) ")


def named_sets(text: str) -> tuple[str, ...]:
    """Return the names of the ipsets that rules ask about."""
    return tuple(dict.fromkeys(_NAMED_SETS.findall(text)))
