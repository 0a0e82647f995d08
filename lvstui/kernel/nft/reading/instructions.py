"""The expressions of nf_tables as the instructions of a program: what the kernel runs, byte for byte.

What is not shaped as our kernels write it becomes an instruction that is not understood; nothing is raised.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from lvstui.core.packets.program import (
    SLOT,
    Ask,
    Base,
    Branch,
    Check,
    Code,
    Compare,
    Contents,
    Header,
    Instruction,
    Load,
    Map,
    Member,
    Named,
    Nat,
    Outcome,
    Unread,
    Untrack,
    Verdict,
)
from lvstui.kernel.netlink.attributes import Codec
from lvstui.kernel.nft.nfnetlink import NUMBERS, word
from lvstui.kernel.nft.reading import registers
from lvstui.kernel.nft.reading.conditions import code
from lvstui.kernel.nft.reading.explained import ExplainedRule
from lvstui.kernel.nft.reading.fields import REGISTERS
from lvstui.kernel.nft.reading.parts import KNOWN_MAX, OTHER_SHAPE, Context, Parts, opened
from lvstui.kernel.nft.reading.registers import TCP, slot_for
from lvstui.kernel.nft.reading.sets import ASKING_OBJECTS, EVERY_PACKET, Set
from lvstui.kernel.nft.xtables import extensions, targets
from lvstui.kernel.port import Garbled

_SYNPROXY_OBJECT: Final = 10


@dataclass(frozen=True, slots=True)
class Scope:
    """What the rules of one table refer to; `contents` remembers sets in the form of the program."""

    context: Context
    contents: dict[str, Contents] = field(default_factory=dict)

    def find(self, name: str) -> tuple[Set, Contents]:
        """Return a set. Raises `Garbled` where there is none of this name."""
        found = self.context.sets.get(name)
        if found is None:
            raise Garbled(f"there is no set {name}")
        if name not in self.contents:
            self.contents[name] = _contents(found)
        return found, self.contents[name]


def _contents(found: Set) -> Contents:
    """Return what a set holds; not known where that changes by itself, or has not the shape that it should have."""
    try:
        elements = tuple(found.elements)
    except Garbled:
        return Contents(found.name, found.size, found.parts, known=False)
    shaped = all(each.rest or len(each.first) == len(each.last) == found.size for each in elements)
    known = shaped and not found.moving and not found.limited
    return Contents(found.name, found.size, found.parts, elements if shaped else (), known)


class Instructions:
    """Reads the rules of one machine, and remembers expressions that are alike in many of them."""

    def __init__(self, codec: Codec) -> None:
        self.codec: Final = codec
        self._known: dict[bytes, Code] = {}

    def read(self, data: bytes, scope: Scope) -> Code:
        """Return the instructions of a rule (the content of NFTA_RULE_EXPRESSIONS)."""
        code: list[Instruction] = []
        known = self._known
        for expression in self.codec.payloads(data):
            found = known.get(expression)
            code += self._expression(expression, scope, code) if found is None else found
        return tuple(code)

    def _expression(self, data: bytes, scope: Scope, before: Sequence[Instruction]) -> Code:
        name, inner = opened(self.codec, data)
        if name in _NOTHING:
            return ()
        parts = Parts(self.codec, self.codec.attributes(inner))
        try:
            if (reader := _PLAIN.get(name)) is not None:
                code = reader(parts)
                if len(self._known) >= KNOWN_MAX:
                    self._known.clear()
                self._known[data] = code
                return code
            if (resolver := _IN_TABLE.get(name)) is not None:
                return resolver(parts, scope, before)
        except OTHER_SHAPE:
            pass
        return _unread(f"[{name} 0x{inner.hex()}]")


def _unread(text: str) -> Code:
    """Return that nothing is known any more: whether it matched, of the mark, and of any register."""
    return Unread(text, marks=True), Load(0, Named(text, REGISTERS))


def _ask(text: str) -> Code:
    return (Ask(text),)


def _limit(parts: Parts) -> Code:
    return _ask(f"limit rate {parts.number(1)} in {parts.number(2)} s")


def _dynset(parts: Parts) -> Code:
    """Put an element into a set: the rule goes on, unless the element has a limit of its own."""
    own = [
        word(parts.constant(7)),
        *(word(parts.codec.first(each)) for each in parts.codec.payloads(parts.values.get(10, b""))),
    ]
    inverted = parts.number(9) & 1
    limited = inverted or any(name and name not in EVERY_PACKET for name in own)
    return _ask(f"@{parts.word(1)} with a limit") if limited else ()


def _ends(parts: Parts, first: int, last: int, size: int) -> tuple[int, int] | None:
    """Return the slots that hold both ends of a range; one end is both."""
    if first not in parts:
        return None
    return slot_for(parts, first, size), slot_for(parts, last if last in parts else first, size)


def _nat(parts: Parts) -> Code:
    """Send packets of NAT's own family only (nft_nat_inet_eval) elsewhere, and accept them."""
    family = parts.number(2)
    asked = (Check(("meta nfproto",), ((family, family),)),) if family in (NUMBERS["ip"], NUMBERS["ip6"]) else ()
    if parts.number(1) == 0:  # NFT_NAT_SNAT
        return *asked, Verdict(Outcome.ACCEPT)
    addresses = _ends(parts, 3, 4, 4 if family == NUMBERS["ip"] else 16)
    return *asked, Nat(addresses, _ends(parts, 5, 6, 2), registers=True), Verdict(Outcome.ACCEPT)


def _redir(parts: Parts) -> Code:
    return Nat(None, _ends(parts, 1, 2, 2), registers=True, redirect=True), Verdict(Outcome.ACCEPT)


def _end(outcome: Outcome) -> Callable[[Parts], Code]:
    return lambda _: (Verdict(outcome),)


def _lookup(parts: Parts, scope: Scope, _: Sequence[Instruction]) -> Code:
    found, contents = scope.find(parts.word(1))
    slot = slot_for(parts, 2, found.size)
    if 3 not in parts:
        return (Member(slot, contents, bool(parts.number(5) & 1)),)
    if parts.number(3) == 0:  # NFT_REG_VERDICT
        if len(contents.elements) != len(found.elements) or any(each.verdict is None for each in contents.elements):
            raise Garbled(f"the map {found.name} does not hold verdicts")
        return (Branch(slot, contents),)
    sizes = {len(element.data) for element in contents.elements}
    target = slot_for(parts, 3, max(sizes, default=SLOT))
    if len(sizes) > 1:
        raise Garbled(f"the map {found.name} holds values of several sizes")
    return (Map(slot, contents, target),)


def _object(kind: int, name: str) -> Code:
    if kind == _SYNPROXY_OBJECT:
        return _SYNPROXY
    return _ask(f"{ASKING_OBJECTS[kind]} name {name}") if kind in ASKING_OBJECTS else ()


def _objref(parts: Parts, scope: Scope, _: Sequence[Instruction]) -> Code:
    if 4 not in parts:
        return _object(parts.number(1), parts.word(2))
    found, contents = scope.find(parts.word(4))
    return Member(slot_for(parts, 3, found.size), contents), *_object(found.kind, f"map @{found.name}")


def _match(parts: Parts, scope: Scope, before: Sequence[Instruction]) -> Code:
    """Return what a match of xtables asks, which may depend on the protocol that the rule asks for before it."""
    rule = ExplainedRule(scope.context, NUMBERS.get(scope.context.family), _protocol(before))
    extensions.match(parts.word(1), parts.number(2), parts.values.get(3, b""))(rule)
    written = [Unread(effect.text, marks=True) for effect in rule.effects]
    version = _VERSIONS.get(scope.context.family)
    asked = (instruction for each in rule.conditions for instruction in code(each, scope.context.held, version))
    return *asked, *written


_VERSIONS: Final = {"ip": 4, "ip6": 6}


def _protocol(code: Sequence[Instruction]) -> int | None:
    """Return the protocol that a rule asks for: what it compares its number to."""
    found = None
    for load, compare in pairwise(code):
        match load, compare:
            case Load(slot, source), Compare(compared, "==", data) if slot == compared and source in _PROTOCOLS:
                found = data[0]
    return found


_PROTOCOLS: Final = (Named("meta l4proto", 1), Header(Base.NETWORK, 9, 1), Header(Base.NETWORK, 6, 1))


def _target(parts: Parts, scope: Scope, _: Sequence[Instruction]) -> Code:
    kind, revision, info = parts.word(1), parts.number(2), parts.values.get(3, b"")
    return targets.read(kind, revision, info, scope.context.family, parts.codec)


_SYNPROXY: Final[Code] = TCP, Verdict(Outcome.STOLEN)
"""It answers the packets of TCP that open a connection itself (nft_synproxy_do_eval)."""

_NOTHING: Final = frozenset(("counter", "log", "last"))
"""Expressions that neither ask nor do anything that another rule would see; each counter is another one."""

_PLAIN: Final[Mapping[str, Callable[[Parts], Code]]] = {
    **registers.READERS,
    "limit": _limit,
    "quota": lambda parts: _ask(f"quota {parts.number(1)} bytes"),
    "connlimit": lambda parts: _ask(f"ct count {parts.number(1)}"),
    "dynset": _dynset,
    "nat": _nat,
    "redir": _redir,
    "masq": _end(Outcome.ACCEPT),
    "reject": _end(Outcome.REJECT),
    "queue": _end(Outcome.QUEUE),
    "fwd": _end(Outcome.STOLEN),
    "dup": lambda _: (),
    "notrack": lambda _: (Untrack(),),
    "tproxy": lambda _: _ask("tproxy finds a socket"),
    "flow_offload": lambda _: _ask("flow add"),
    "synproxy": lambda _: _SYNPROXY,
}

_IN_TABLE: Final[Mapping[str, Callable[[Parts, Scope, Sequence[Instruction]], Code]]] = {
    "lookup": _lookup,
    "objref": _objref,
    "match": _match,
    "target": _target,
}
