"""The expressions of nf_tables as the instructions of a program: what the kernel runs, byte for byte.

What is not shaped as our kernels write it becomes an instruction that is not understood; nothing is raised.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final, TypeAlias

from lvstui.core.packets.program import (
    SLOT,
    Ask,
    Base,
    Branch,
    Check,
    Choose,
    Combine,
    Compare,
    Contents,
    Header,
    Immediate,
    Instruction,
    Load,
    Map,
    Mask,
    Member,
    Named,
    Nat,
    Outcome,
    Shift,
    Swap,
    Unread,
    Untrack,
    Verdict,
    Within,
    Write,
)
from lvstui.kernel.netlink.attributes import Codec
from lvstui.kernel.nft.nfnetlink import NUMBERS, word
from lvstui.kernel.nft.reading.conditions import code
from lvstui.kernel.nft.reading.explained import ExplainedRule
from lvstui.kernel.nft.reading.fields import REGISTERS, ROUTE, SOCKET, PacketField, connection, meta
from lvstui.kernel.nft.reading.loads import fib_field
from lvstui.kernel.nft.reading.parts import COMBINED, KNOWN_MAX, OTHER_SHAPE, SIGNS, Context, Parts, opened
from lvstui.kernel.nft.reading.sets import ASKING_OBJECTS, EVERY_PACKET, Set, read_verdict
from lvstui.kernel.nft.xtables import extensions, targets
from lvstui.kernel.port import Garbled

Code: TypeAlias = tuple[Instruction, ...]

_UNKNOWN_SIZE: Final = 16
"""Bytes that a key which has no name here takes at most."""

_WRITTEN: Final = frozenset(("meta mark", "meta priority", "meta pkttype", "ct mark", "ct zone"))
"""What is written to and read again. Everything else that `set` may stand before is not seen by any rule."""

_TCP: Final = Check(("meta l4proto",), ((6, 6),))
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


def _room(slot: int, size: int) -> int:
    """Return a slot that has room for so many bytes. Raises `Garbled` where there is none."""
    if slot < 0 or size <= 0 or slot * SLOT + size > REGISTERS:
        raise Garbled(f"{size} bytes from register {slot} on")
    return slot


def _at(parts: Parts, kind: int, size: int) -> int:
    return _room(parts.slot(kind), size)


def _named(found: PacketField) -> Named:
    return Named(found.name, found.size, found.host)


def _load(parts: Parts, kind: int, source: Named) -> Code:
    return (Load(_at(parts, kind, source.size), source),)


def _strange(parts: Parts, kind: int, name: str) -> Code:
    """Load something that has no name here, and may be as large as the registers have room."""
    slot = _at(parts, kind, SLOT)
    return (Load(slot, Named(name, min(_UNKNOWN_SIZE, REGISTERS - slot * SLOT))),)


def _loaded(parts: Parts, kind: int, found: PacketField) -> Code:
    return _strange(parts, kind, found.name) if found.kind == "unknown" else _load(parts, kind, _named(found))


def _written(parts: Parts, kind: int, found: PacketField) -> Code:
    if found.name not in _WRITTEN:
        return ()
    return (Write(_at(parts, kind, found.size), _named(found)),)


def _meta(parts: Parts) -> Code:
    found = meta(parts.number(2))
    return _written(parts, 3, found) if 3 in parts else _loaded(parts, 1, found)


def _ct(parts: Parts) -> Code:
    found = connection(parts.number(2), parts.number(3) if 3 in parts else None)
    return _written(parts, 4, found) if 4 in parts else _loaded(parts, 1, found)


def _payload(parts: Parts) -> Code:
    header = Header(Base(parts.number(2)), parts.number(3), parts.number(4))
    if 5 in parts:
        return (Write(_at(parts, 5, header.size), header),)
    return (Load(_at(parts, 1, header.size), header),)


def _immediate(parts: Parts) -> Code:
    data = parts.codec.attributes(parts.values.get(2, b""))
    if 2 not in data:
        return (Immediate(_at(parts, 1, len(data[1])), data[1]),)
    verdict = read_verdict(parts.codec, data[2])
    return () if verdict.outcome is Outcome.CONTINUE else (verdict,)


def _cmp(parts: Parts) -> Code:
    data = parts.constant(3)
    return (Compare(_at(parts, 1, len(data)), SIGNS[parts.number(2)], data),)


def _range(parts: Parts) -> Code:
    first, last = parts.constant(3), parts.constant(4)
    if len(first) != len(last):
        raise Garbled("ends of a range that differ in size")
    return (Within(_at(parts, 1, len(first)), first, last, parts.number(2) == 1),)


def _bitwise(parts: Parts) -> Code:
    size, operation = parts.number(3), parts.number(6)
    source, slot = _at(parts, 1, size), _at(parts, 2, size)
    if operation in (1, 2):
        bits = parts.codec.number(parts.constant(7))
        if bits >= 8 * SLOT:
            raise Garbled(f"shifted by {bits} bits")
        return (Shift(source, slot, size, bits, operation == 1),)
    ones = b"\xff" * size
    if operation == 0:
        mask, flip = parts.constant(4), parts.constant(5)
    elif 8 in parts:
        return (Combine(source, _at(parts, 8, size), slot, size, COMBINED[operation]),)
    else:
        data = parts.constant(7)
        inverse = bytes(byte ^ 0xFF for byte in data)
        mask, flip = {"&": (data, bytes(size)), "|": (inverse, data), "^": (ones, data)}[COMBINED[operation]]
    if len(mask) != size or len(flip) != size:
        raise Garbled("a mask of another size than what it is for")
    return (Mask(source, slot, mask, flip),)


def _byteorder(parts: Parts) -> Code:
    size, unit = parts.number(4), parts.number(5)
    if unit not in (2, 4, 8):
        raise Garbled(f"numbers of {unit} bytes")
    return (Swap(_at(parts, 1, size), _at(parts, 2, size), size, unit),)


def _choose(slot: int, modulus: int, offset: int, text: str) -> Code:
    if not 0 < modulus <= 0xFFFFFFFF - offset + 1:
        raise Garbled(f"{text} from {offset}")
    return (Choose(slot, offset, offset + modulus - 1, text),)


def _numgen(parts: Parts) -> Code:
    kind = "inc" if parts.number(3) == 0 else "random"
    return _choose(_at(parts, 1, SLOT), parts.number(2), parts.number(4), f"numgen {kind} mod {parts.number(2)}")


def _hash(parts: Parts) -> Code:
    kind = "symhash" if parts.number(7) == 1 else "jhash"
    return _choose(_at(parts, 2, SLOT), parts.number(4), parts.number(6), f"{kind} mod {parts.number(4)}")


def _fib(parts: Parts) -> Code:
    return _loaded(parts, 1, fib_field(parts))


def _socket(parts: Parts) -> Code:
    found = SOCKET.get(parts.number(1))
    return _strange(parts, 2, f"socket key {parts.number(1)}") if found is None else _loaded(parts, 2, found)


def _rt(parts: Parts) -> Code:
    found = ROUTE.get(parts.number(2))
    return _strange(parts, 1, f"rt key {parts.number(2)}") if found is None else _loaded(parts, 1, found)


def _exthdr(parts: Parts) -> Code:
    """Load an option or extension header; only those of TCP can be written or taken out, which changes nothing here."""
    if 1 not in parts:
        return (_TCP,)
    size = 1 if parts.number(5) & 1 else parts.number(4)
    return _load(parts, 1, Named(f"exthdr {parts.number(2)} of {parts.number(6)}", size))


def _inner(parts: Parts) -> Code:
    """Load what an expression reads of the packet within a tunnel's packet: its register is its first attribute."""
    held = parts.codec.attributes(parts.values.get(5, b""))
    return _strange(Parts(parts.codec, parts.codec.attributes(held[2])), 1, f"inner {word(held[1])}")


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
    return _at(parts, first, size), _at(parts, last if last in parts else first, size)


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
    slot = _at(parts, 2, found.size)
    if 3 not in parts:
        return (Member(slot, contents, bool(parts.number(5) & 1)),)
    if parts.number(3) == 0:  # NFT_REG_VERDICT
        if len(contents.elements) != len(found.elements) or any(each.verdict is None for each in contents.elements):
            raise Garbled(f"the map {found.name} does not hold verdicts")
        return (Branch(slot, contents),)
    sizes = {len(element.data) for element in contents.elements}
    target = _at(parts, 3, max(sizes, default=SLOT))
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
    return Member(_at(parts, 3, found.size), contents), *_object(found.kind, f"map @{found.name}")


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


_SYNPROXY: Final[Code] = _TCP, Verdict(Outcome.STOLEN)
"""It answers the packets of TCP that open a connection itself (nft_synproxy_do_eval)."""

_NOTHING: Final = frozenset(("counter", "log", "last"))
"""Expressions that neither ask nor do anything that another rule would see; each counter is another one."""

_PLAIN: Final[Mapping[str, Callable[[Parts], Code]]] = {
    "immediate": _immediate,
    "meta": _meta,
    "ct": _ct,
    "payload": _payload,
    "cmp": _cmp,
    "range": _range,
    "bitwise": _bitwise,
    "byteorder": _byteorder,
    "numgen": _numgen,
    "hash": _hash,
    "fib": _fib,
    "socket": _socket,
    "rt": _rt,
    "exthdr": _exthdr,
    "osf": lambda parts: _load(parts, 1, Named("osf name", 16)),
    "xfrm": lambda parts: _strange(parts, 1, "ipsec"),
    "tunnel": lambda parts: _strange(parts, 2, "tunnel"),
    "inner": _inner,
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
