"""What nft compiles a rule to: the conditions as the kernel holds them, the same for rules that mean the same."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from lvstui.core.packets.program import Element, Outcome
from lvstui.kernel.netlink.attributes import Codec
from lvstui.kernel.nft.nfnetlink import FAMILIES, GETRULE, GETSET, GETSETELEM, Netfilter, number, text, word
from lvstui.kernel.nft.reading.sets import ANONYMOUS, read_elements, read_set

Value: TypeAlias = tuple[object, ...]
"""A condition, or what stands in a register: an expression with its attributes and what it is made from."""

Attributes: TypeAlias = Mapping[int, bytes]

NEVER: Value = ("never",)
"""The condition that no packet meets."""

_TARGETS = {"hash": 2, "socket": 2} | dict.fromkeys(
    ("payload", "meta", "ct", "exthdr", "fib", "rt", "numgen", "xfrm", "osf"), 1
)
"""The attribute of each loading expression that names its register."""

_WRITES = {"meta": 3, "ct": 4, "payload": 5, "exthdr": 7}
"""The attribute by which an expression writes, in place of reading."""

_SAME: Mapping[bytes, Value] = {
    b"\0\0\0\1\0\0\0\x09\0\0\0\1": ("meta", ((2, b"\0\0\0\x10"),)),
    b"\0\0\0\0\0\0\0\x0c\0\0\0\2": ("meta", ((2, b"\0\0\0\1"),)),
}
"""What headers say too: the protocol in IPv4's, and Ethernet's type (base, offset, size)."""

_AT_LEAST = "compares 5"
_ASKING = ("limit", "quota", "connlimit", "match")


class Compiled(NamedTuple):
    """A rule: its handle and its conditions, whose order means nothing."""

    handle: int
    conditions: frozenset[Value]


def compiled(netfilter: Netfilter) -> Mapping[tuple[str, str], Sequence[Compiled]]:
    """Return the rules of each table, by its family and name, in their order."""
    codec = netfilter.codec
    sets: dict[tuple[int, str, str], Sequence[Element]] = {}
    for item in netfilter.dump(GETSET):
        body = codec.attributes(item.body)
        table, name, found = word(body[1]), word(body[2]), read_set(codec, body)
        if found.flags & ANONYMOUS:
            items = netfilter.dump(GETSETELEM, item.family, text(1, table) + text(2, name))
            sets[item.family, table, name] = read_elements(codec, found, (each.body for each in items))
    rules: dict[tuple[str, str], list[Compiled]] = defaultdict(list)
    for item in netfilter.dump(GETRULE):
        body = codec.attributes(item.body)
        table = word(body[1])
        known = {
            name: found for (family, place, name), found in sets.items() if (family, place) == (item.family, table)
        }
        conditions = _Rule(codec, known).conditions(_expressions(codec, body.get(4, b"")))
        rules[FAMILIES[item.family], table].append(Compiled(number(body[3]), frozenset(conditions)))
    return rules


def _expressions(codec: Codec, data: bytes) -> Iterator[tuple[str, Attributes]]:
    for expression in codec.payloads(data):
        body = codec.attributes(expression)
        yield word(body[1]), codec.attributes(body.get(2, b""))


def _slot(data: bytes) -> int:
    register = number(data)
    return (register - 1) * 4 if register < 8 else register - 8


def _rest(body: Attributes, *without: int) -> Value:
    return tuple(sorted((kind, data) for kind, data in body.items() if kind not in without))


class _Rule:
    """Goes through one rule."""

    def __init__(self, codec: Codec, sets: Mapping[str, Sequence[Element]]) -> None:
        self.codec = codec
        self.sets = sets
        self.registers: dict[int, Value] = {}

    def conditions(self, expressions: Iterable[tuple[str, Attributes]]) -> list[Value]:
        """Return all conditions."""
        found: list[Value] = []
        for name, body in expressions:
            if name in _TARGETS:
                if _WRITES.get(name, 0) not in body and _TARGETS[name] in body:
                    self._load(name, body)
            elif name in ("bitwise", "byteorder"):
                other = self.registers.get(_slot(body[8])) if 8 in body else None
                made = (name, self.registers.get(_slot(body[1])), _rest(body, 1, 2, 8), other)
                self.registers[_slot(body[2])] = made
            elif name == "cmp":
                self._compare(found, self._at(body[1]), number(body[2]), self.codec.first(body[3]))
            elif name == "range":
                ends = self.codec.first(body[3]), self.codec.first(body[4])
                found.append(_between(self._at(body[1]), *ends, number(body[2])))
            elif name == "lookup":
                found += self._lookup(body)
            elif name == "objref" and 4 in body:
                found += self._lookup({1: body[4], 2: body[3]})
            elif name in _ASKING or (name == "dynset" and (7 in body or 10 in body)):
                found.append((name, _rest(body)))
        return found

    def _at(self, register: bytes) -> Value:
        return self.registers.get(_slot(register), ("nothing",))

    def _load(self, name: str, body: Attributes) -> None:
        loaded: Value = (name, _rest(body, _TARGETS[name]))
        if name == "hash" and 1 in body:
            loaded = (name, _rest(body, 1, 2), self._keys(body[1]))
        if name == "payload":
            loaded = _SAME.get(b"".join((body[2], body[3], body[4])), loaded)
        slot = _slot(body[_TARGETS[name]])
        self.registers[slot] = loaded
        for behind in range(1, 8):
            if name != "payload" or behind * 4 < number(body[4]):
                self.registers.pop(slot + behind, None)

    def _keys(self, register: bytes) -> Value:
        slot = _slot(register)
        return tuple(self.registers.get(slot + place) for place in range(8))

    def _compare(self, found: list[Value], asked: Value, sign: int, data: bytes) -> None:
        if sign == 3 and found and found[-1][:2] == (_AT_LEAST, asked):
            _, _, first = found.pop()
            assert isinstance(first, bytes)
            found.append(_between(asked, first, data, 0))
        elif sign in (0, 1):
            found.append(_equal(self.codec, asked, sign, data))
        else:
            found.append((_AT_LEAST if sign == 5 else f"compares {sign}", asked, data))

    def _lookup(self, body: Attributes) -> list[Value]:
        name, keys, negated = word(body[1]), self._keys(body[2]), number(body.get(5)) & 1
        first = self._at(body[2])
        elements = self.sets.get(name)
        if 3 in body and number(body[3]):
            self.registers[_slot(body[3])] = ("map", name, keys)
        if elements is None:
            return [("in", keys, name, negated)]
        if 3 in body and not number(body[3]):
            elements = [each for each in elements if each.verdict and each.verdict.outcome is Outcome.CONTINUE]
            if not elements:
                return [NEVER]
        elif 3 in body and any(each.rest for each in elements):
            return []
        if len(elements) == 1 and keys[1:] == (None,) * 7 and elements[0].first == elements[0].last:
            return [_equal(self.codec, first, negated, elements[0].first)]
        return [("in", keys, frozenset((each.first, each.last, each.rest) for each in elements), negated)]


def _equal(codec: Codec, asked: Value, sign: int, data: bytes) -> Value:
    """Return the condition that something is, or is not, some bytes: of headers as the bits that they begin with."""
    if asked[0] == "bitwise":
        _, source, rest, _ = asked
        assert isinstance(rest, tuple)
        parts = dict(rest)
        if not number(parts.get(6)):
            mask, flip = codec.first(parts[4]), codec.first(parts[5])
            value = int.from_bytes(data, "big") ^ int.from_bytes(flip, "big")
            ones = f"{int.from_bytes(mask, 'big'):0{8 * len(mask)}b}".rstrip("0")
            if isinstance(source, tuple) and source[0] == "payload" and ones and "0" not in ones:
                return _prefix(source, len(ones), value >> 8 * len(mask) - len(ones), sign)
            return ("masked", source, mask, value, sign)
    if asked[0] == "payload":
        return _prefix(asked, 8 * len(data), int.from_bytes(data, "big"), sign)
    return ("is", asked, data, sign)


def _between(asked: Value, first: bytes, last: bytes, sign: int) -> Value:
    low, high, bits = int.from_bytes(first, "big"), int.from_bytes(last, "big"), 8 * len(first)
    span = high - low + 1
    if asked[0] == "payload" and span & span - 1 == 0 and low % span == 0:
        kept = bits - span.bit_length() + 1
        return _prefix(asked, kept, low >> bits - kept, sign)
    return ("between", asked, first, last, sign)


def _prefix(payload: Value, bits: int, value: int, sign: int) -> Value:
    """Return the condition that a place of a header begins with some bits."""
    rest = payload[1]
    assert isinstance(rest, tuple)
    return ("begins", rest[:2], bits, value, sign)
