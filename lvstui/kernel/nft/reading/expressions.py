"""The expressions of nf_tables explained; those that are alike in many rules are read only once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from lvstui.core.packets.program import Element, Outcome, Verdict
from lvstui.kernel.netlink.attributes import Codec, Order
from lvstui.kernel.nft.nfnetlink import number
from lvstui.kernel.nft.reading import loads
from lvstui.kernel.nft.reading.conditions import Condition, in_words, match_bits, match_values, value_of, value_text
from lvstui.kernel.nft.reading.explained import ExplainedRule, Explanation, Jump, nothing
from lvstui.kernel.nft.reading.fields import PacketField
from lvstui.kernel.nft.reading.operands import Constant, Joined, Loaded, Mapped, Masked, Operand
from lvstui.kernel.nft.reading.parts import KNOWN_MAX, OTHER_SHAPE, SIGNS, Parts, opened
from lvstui.kernel.nft.reading.sets import ASKING_OBJECTS, Key, Set, match_elements, match_members, read_verdict
from lvstui.kernel.nft.xtables import extensions

_NEUTRAL: Final = frozenset(
    (
        *("log", "notrack", "nat", "masq", "redir", "reject", "queue"),
        *("dup", "fwd", "last", "tproxy", "flow_offload", "synproxy"),
    )
)
"""Expressions that ask nothing of a packet and have nothing to do with marks."""

_EQUAL, _DIFFERENT, _LESS, _AT_MOST, _MORE = range(5)
_UNITS: Final = {1: "second", 60: "minute", 3600: "hour", 86400: "day", 604800: "week"}


class Expressions:
    """Reads the expressions of one machine's rules, and remembers those that it has read."""

    def __init__(self, codec: Codec) -> None:
        self.codec: Final = codec
        self._known: dict[bytes, Explanation] = {}

    def explain(self, data: bytes, rule: ExplainedRule) -> None:
        """Go through all expressions of a rule (the content of NFTA_RULE_EXPRESSIONS)."""
        known = self._known
        for expression in self.codec.payloads(data):
            explain = known.get(expression)
            if explain is None:
                if _is_counter(expression):
                    rule.counted = self._counts(expression)
                    continue
                if len(known) >= KNOWN_MAX:
                    known.clear()
                explain = known[expression] = self._explanation(expression)
            try:
                explain(rule)
            except OTHER_SHAPE:
                rule.puzzle(f"[0x{expression.hex()}]")

    def read_counter(self, data: bytes) -> tuple[int, int] | None:
        """Return packets and bytes of a rule's last counter, without a look at anything else."""
        counters = [expression for expression in self.codec.payloads(data) if _is_counter(expression)]
        return self._counts(counters[-1]) if counters else None

    def _counts(self, data: bytes) -> tuple[int, int]:
        body = self.codec.attributes(data[16:])  # behind the name and the head of what it holds
        return number(body.get(2)), number(body.get(1))

    def _explanation(self, data: bytes) -> Explanation:
        name, inner = opened(self.codec, data)
        if name in _NEUTRAL:
            return nothing
        reader = _READERS.get(name)
        try:
            explain = reader(Parts(self.codec, self.codec.attributes(inner))) if reader is not None else None
        except OTHER_SHAPE:
            explain = None
        return explain or (lambda rule: rule.puzzle(f"[{name} 0x{inner.hex()}]"))


def _is_counter(expression: bytes) -> bool:
    return expression[4:12] == b"counter\0"  # behind the head of the name


def _immediate(parts: Parts) -> Explanation:
    data = parts.codec.attributes(parts.values.get(2, b""))
    slot, constant = parts.slot(1), Constant(data.get(1, b""))
    verdict = read_verdict(parts.codec, data[2]) if 2 in data else None

    def explain(rule: ExplainedRule) -> None:
        if verdict is None:
            rule.registers[slot] = constant
        elif verdict.chain:
            rule.settle()
            rule.jumps.append(Jump(verdict.chain, tuple(rule.conditions)))

    return explain


def _cmp(parts: Parts) -> Explanation:
    slot, sign, data = parts.slot(1), parts.number(2), parts.constant(3)
    known: Operand | None = None
    asked: Condition | None = None

    def explain(rule: ExplainedRule) -> None:
        nonlocal known, asked
        operand = rule.registers.get(slot)
        if asked is not None and operand is known:
            rule.ask(asked)
            return
        count = len(rule.conditions) + 1
        _compare(rule, operand, sign, data)
        if sign < 2 and isinstance(operand, Loaded) and operand.field.kind != "index" and not rule.unknown:
            known, asked = operand, rule.conditions[-1] if len(rule.conditions) == count else None

    return explain


def _compare(rule: ExplainedRule, operand: Operand | None, sign: int, data: bytes) -> None:
    """Add the condition that a register compares to a constant in this way."""
    match operand:
        case Loaded(which, size):
            _compare_field(rule, which, size, sign, data)
        case Masked(which, mask, flip, shift):
            rule.unknown = rule.unknown or which.kind == "unknown"
            whole = data if which.host else data.ljust(which.size, b"\0")
            if sign in (_EQUAL, _DIFFERENT) and not shift:
                value = value_of(whole, which, rule.context.codec.order) ^ flip
                rule.ask(match_bits(which, mask, value, sign == _DIFFERENT))
            elif operand.part is not None and operand.scale > 0:
                value = value_of(whole, which, rule.context.codec.order)
                if value % (1 << operand.scale):
                    rule.puzzle(f"[{operand.name} {SIGNS[sign]} 0x{data.hex()}]")
                else:
                    _compare_number(rule, operand.part, sign, value >> operand.scale)
            else:
                _compare_field(rule, operand.whole, which.size, sign, whole)
        case Joined(fields) if sign == _EQUAL:
            position = 0
            for part in fields:
                _compare_field(rule, part, part.size, sign, data[position : position + part.size])
                position += part.size
        case Joined(fields) if sign == _DIFFERENT and len(data) == sum(part.size for part in fields):
            rule.ask(_unlike(fields, data, rule.context.codec.order))
        case _:
            rule.puzzle(f"[cmp {SIGNS[sign]} 0x{data.hex()}]")


def _unlike(fields: Iterable[PacketField], data: bytes, order: Order) -> Condition:
    """Return the condition that neighbouring fields do not all have these values."""
    values, position = [], 0
    for part in fields:
        values.append(value_text(part, value_of(data[position : position + part.size], part, order)))
        position += part.size
    return in_words(" . ".join(part.name for part in fields), " . ".join(values), negated=True)


def _compare_field(rule: ExplainedRule, which: PacketField, size: int, sign: int, data: bytes) -> None:
    rule.unknown = rule.unknown or which.kind == "unknown"
    if which.kind == "present" and not any(data[which.size :]):
        data = data[: which.size]  # older kernels and programs compare a whole register
    if which.kind == "interface" and data.endswith(b"\0"):
        first = last = int.from_bytes(data.ljust(which.size, b"\0"), "big")  # its end is compared too
    elif which.host or len(data) == which.size:
        first = last = value_of(data, which, rule.context.codec.order)
    elif len(data) < which.size and len(data) <= size and sign in (_EQUAL, _DIFFERENT):
        first = int.from_bytes(data.ljust(which.size, b"\0"), "big")
        last = int.from_bytes(data.ljust(which.size, b"\xff"), "big")
    else:
        rule.puzzle(f"[{which.name} {SIGNS[sign]} 0x{data.hex()}]")
        return
    if sign in (_EQUAL, _DIFFERENT):
        rule.ask(match_values(which, ((first, last),), sign == _DIFFERENT))
    elif _compares_bytes(rule, which):
        rule.puzzle(f"[{which.name} {SIGNS[sign]} bytes 0x{data.hex()}]")
    else:
        _compare_number(rule, which, sign, first)


def _compares_bytes(rule: ExplainedRule, which: PacketField) -> bool:
    """Return whether an order of a field is one of bytes, as the kernel compares them, but not one of numbers."""
    return which.host and which.size > 1 and rule.context.codec.order == "little"


def _compare_number(rule: ExplainedRule, which: PacketField, sign: int, first: int) -> None:
    previous = rule.conditions[-1] if rule.conditions else None
    if sign in (_EQUAL, _DIFFERENT):
        rule.ask(match_values(which, ((first, first),), sign == _DIFFERENT))
    elif sign == _AT_MOST and previous is not None and previous.text.startswith(f"{which.name} >= "):
        lowest = previous.ranges[0][0] if previous.ranges else 0
        rule.conditions.pop()
        rule.ask(match_values(which, ((lowest, first),)))
    else:
        spans = {_LESS: (0, first - 1), _AT_MOST: (0, first), _MORE: (first + 1, which.most)}
        low, high = spans.get(sign, (first, which.most))
        ranges = ((low, high),) if low <= high else ()
        rule.ask(Condition(f"{which.name} {SIGNS[sign]} {value_text(which, first)}", which, ranges))


def _range(parts: Parts) -> Explanation:
    slot, negated, first, last = parts.slot(1), parts.number(2) == 1, parts.constant(3), parts.constant(4)
    order = parts.codec.order

    def explain(rule: ExplainedRule) -> None:
        match rule.registers.get(slot):
            case Loaded(which, _) if len(first) == which.size and not _compares_bytes(rule, which):
                rule.unknown = rule.unknown or which.kind == "unknown"
                ends = value_of(first, which, order), value_of(last, which, order)
                rule.ask(match_values(which, (ends,), negated))
            case Masked(which) as masked if len(first) == which.size and not _compares_bytes(rule, which):
                key = masked.key(0)
                low, high = (value_of(end, which, order) >> key.scale for end in (first, last))
                rule.ask(match_values(key.field, ((low, high),), negated))
            case _:
                rule.puzzle(f"[range {'!= ' if negated else ''}0x{first.hex()}-0x{last.hex()}]")

    return explain


def _lookup(parts: Parts) -> Explanation:
    """Look a key up: a condition where there is no target; else a map loads its value, or follows its verdict."""
    name, slot, negated, order = parts.word(1), parts.slot(2), bool(parts.number(5) & 1), parts.codec.order
    asks, target = 3 not in parts, parts.slot(3) if parts.number(3) else None

    def explain(rule: ExplainedRule) -> None:
        found = rule.context.sets.get(name)
        keys = rule.keys(slot, found.size) if found is not None else None
        if found is None or keys is None:
            rule.puzzle(f"[lookup {'!= ' if negated else ''}@{name}]")
            return
        rule.unknown = rule.unknown or any(key.field.kind == "unknown" for key in keys)
        if asks:
            for condition in match_members(order, keys, found, negated):
                rule.ask(condition)
            return
        if target is not None:
            rule.registers[target] = Mapped(keys, found)
            if not any(element.rest for element in found.elements):
                rule.pending[name] = tuple(match_members(order, keys, found, negated=False))
        else:
            rule.settle()
            rule.pending[name] = tuple(_going_on(order, keys, found))
            chains: dict[str, list[Element]] = {}
            for element in found.elements:
                if element.verdict is not None and element.verdict.chain:
                    chains.setdefault(element.verdict.chain, []).append(element)
            for chain, elements in chains.items():
                rule.jumps.append(Jump(chain, (*rule.conditions, *match_elements(order, keys, found, elements))))

    return explain


def _going_on(order: Order, keys: tuple[Key, ...], found: Set) -> Iterable[Condition]:
    """Return the conditions for packets that go on in the rule behind a map of verdicts."""
    title = " . ".join(key.field.name for key in keys)
    if found.moving:
        return (in_words(title, f"vmap @{found.name} goes on"),)
    on = [element for element in found.elements if element.verdict == Verdict(Outcome.CONTINUE)]
    return match_elements(order, keys, found, on) if on else (in_words(title, "vmap lets no packet go on"),)


def _object_of_map(parts: Parts) -> Explanation:
    """Look an object up by a key; a packet goes on where there is one (nft_objref_map_eval), and where that lets it."""
    slot, name, order = parts.slot(3), parts.word(4), parts.codec.order

    def explain(rule: ExplainedRule) -> None:
        found = rule.context.sets.get(name)
        keys = rule.keys(slot, found.size) if found is not None else None
        if found is None or keys is None:
            rule.puzzle(f"[objref @{name}]")
            return
        for condition in match_members(order, keys, found, negated=False):
            rule.ask(condition)
        if found.kind in ASKING_OBJECTS:
            rule.ask(in_words(ASKING_OBJECTS[found.kind], f"name of @{name}"))

    return explain


def _objref(parts: Parts) -> Explanation:
    kind, name = parts.number(1), parts.word(2)
    if 4 in parts:
        return _object_of_map(parts)
    if kind == 1 and name:  # NFT_OBJECT_COUNTER

        def explain(rule: ExplainedRule) -> None:
            rule.counter = rule.counter or name

        return explain
    if kind in ASKING_OBJECTS:
        return _ask(ASKING_OBJECTS[kind], f"name {name}")
    return nothing


def _ask(name: str, text: str) -> Explanation:
    condition = in_words(name, text)
    return lambda rule: rule.ask(condition)


def _over(parts: Parts, kind: int) -> str:
    return "over " if parts.number(kind) & 1 else ""


def _limit(parts: Parts) -> Explanation:
    seconds, what = parts.number(2), " bytes" if parts.number(4) == 1 else ""
    burst = f" burst {parts.number(3)}{what or ' packets'}" if parts.number(3) else ""
    rate = f"{parts.number(1)}{what}/{_UNITS.get(seconds, f'{seconds}s')}"
    return _ask("limit rate", f"{_over(parts, 5)}{rate}{burst}")


def _dynset(parts: Parts) -> Explanation | None:
    if 7 not in parts and 10 not in parts:
        return nothing
    verb = {0: "add", 1: "update", 2: "delete"}.get(parts.number(3))
    return _ask(f"{verb} @{parts.word(1)}", "with a limit of its own") if verb is not None else None


_READERS: Final[dict[str, Callable[[Parts], Explanation | None]]] = {
    "immediate": _immediate,
    "meta": loads.load_meta,
    "ct": loads.load_ct,
    "payload": loads.load_payload,
    "cmp": _cmp,
    "range": _range,
    "lookup": _lookup,
    "bitwise": loads.bitwise,
    "byteorder": loads.byteorder,
    "objref": _objref,
    "limit": _limit,
    "quota": lambda parts: _ask("quota", f"{_over(parts, 2)}{parts.number(1)} bytes"),
    "connlimit": lambda parts: _ask("ct count", f"{_over(parts, 2)}{parts.number(1)}"),
    "dynset": _dynset,
    "numgen": loads.load_numgen,
    "hash": loads.load_hash,
    "fib": loads.load_fib,
    "socket": loads.load_socket,
    "rt": loads.load_rt,
    "match": lambda parts: extensions.match(parts.word(1), parts.number(2), parts.values.get(3, b"")),
    "target": lambda parts: extensions.target(parts.word(1), parts.number(2), parts.values.get(3, b"")),
    "exthdr": loads.load_exthdr,
    "xfrm": loads.load_xfrm,
    "osf": loads.load_osf,
}
