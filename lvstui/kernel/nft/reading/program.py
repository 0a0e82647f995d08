"""Tables of nf_tables as parts of a program: their rules are taken apart when a packet first comes to their chain."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from lvstui.core.packets.program import Chain, Line, Outcome, Table
from lvstui.kernel.netlink.attributes import Codec
from lvstui.kernel.nft.ipsets.reading import IpSet
from lvstui.kernel.nft.nfnetlink import FAMILIES
from lvstui.kernel.nft.reading import hooks
from lvstui.kernel.nft.reading.instructions import Instructions, Scope
from lvstui.kernel.nft.reading.lazy import Lazy
from lvstui.kernel.nft.reading.parts import Context
from lvstui.kernel.nft.reading.tables import RawRule, RawTable, Tables
from lvstui.kernel.nft.reading.wording import rule_text

TOOL: Final = "nft"


@dataclass(frozen=True, slots=True)
class Programmer:
    """Turns the tables of one machine into parts of a program; `interfaces` and `ipsets` name those by their numbers.

    `held` returns what the ipset of a name holds. What is worked out later may be worked out by any thread, so that
    all ipsets are named and read at once; they change without a new generation, and stay as they were then.
    """

    instructions: Instructions
    interfaces: Callable[[], Mapping[int, str]]
    ipsets: Callable[[int], str]
    held: Callable[[str], IpSet] = IpSet

    def tables(self, seen: Tables) -> tuple[Table, ...]:
        """Return the tables that packets of IP come to, in the kernel's order."""
        return tuple(
            self._table(FAMILIES[place.family], place.table, found, seen)
            for place, found in seen.tables.items()
            if FAMILIES.get(place.family) in hooks.FAMILIES and found.chains
        )

    def _table(self, family: str, name: str, found: RawTable, seen: Tables) -> Table:
        numbers = {number for rules in found.rules.values() for rule in rules for number in seen.finder.ipsets(rule)}
        names = {number: self.ipsets(number) for number in numbers}
        held = {each: self.held(each) for each in names.values()}
        context = Context(
            family,
            found.sets,
            self.interfaces,
            lambda index: names.get(index, f"#{index}"),
            self.codec,
            lambda each: held.get(each, IpSet(each)),
        )
        scope = Scope(context)
        chains = {
            chain.name: Chain(
                chain.name,
                Lazy(partial(self._lines, scope, found.rules.get(chain.name, ()))),
                chain.hook,
                chain.priority,
                Outcome.ACCEPT if chain.accepts else Outcome.DROP,
                chain.kind,
                chain.devices,
            )
            for chain in found.chains.values()
        }
        return Table(TOOL, family, name, chains, found.dormant)

    @property
    def codec(self) -> Codec:
        """The codec of the machine."""
        return self.instructions.codec

    def _lines(self, scope: Scope, rules: Sequence[RawRule]) -> tuple[Line, ...]:
        return tuple(self._line(scope, rule) for rule in rules)

    def _line(self, scope: Scope, rule: RawRule) -> Line:
        code = self.instructions.read(rule.expressions, scope)
        return Line(code, partial(rule_text, scope.context, rule.expressions, rule.userdata, code), rule.handle)
