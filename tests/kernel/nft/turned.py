"""The ruleset of this machine as a machine of the other byte order would send it.

Written from the kernel's side, apart from lvstui's own reading: headers of attributes turn round, nf_tables' numbers
are in network order on both, and of what stands in registers only that turns which a kernel keeps in its own order.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TypeAlias

from lvstui.kernel.netlink.attributes import NATIVE, Codec
from lvstui.kernel.nft.nfnetlink import GETCHAIN, GETOBJ, GETRULE, GETSET, GETSETELEM, Item, Netfilter, number, word

OTHER = Codec("big" if sys.byteorder == "little" else "little")

Turn: TypeAlias = Callable[[bytes], bytes]
Inside: TypeAlias = Mapping[int, Turn]

META = {0: 4, 2: 4, 3: 4, 4: 4, 5: 4, 8: 2, 9: 2, 10: 4, 11: 4, 13: 4, 20: 4, 21: 4, 22: 4, 23: 4, 33: 4}
CONNECTION = {0: 4, 2: 4, 3: 4, 5: 4, 14: 8, 15: 8, 16: 8, 17: 2}
"""Bytes of what nft_meta.c and nft_ct.c store in the machine's order, by key."""

DATATYPES = {19: 4, 20: 4, 21: 2, 22: 4, 23: 4, 24: 4, 25: 4, 26: 4, 28: 4, 35: 4, 38: 4}
"""Bytes of nft's data types of the machine's order (include/datatype.h of nftables): marks, indexes, users, states."""

STRUCTURES = {
    ("match", "multiport", 1): "BB15H15BB",
    ("match", "tcp", 0): "4H4B",
    ("match", "udp", 0): "4HB",
    ("match", "sctp", 0): "4H65I12s3I",
    ("match", "mark", 1): "2IB",
    ("match", "connmark", 1): "2IB",
    ("match", "addrtype", 1): "2HI",
    ("match", "set", 4): "HBB",
    ("match", "conntrack", 3): "128s2I5H2H2H4H",
    ("target", "MARK", 2): "2I",
    ("target", "CONNMARK", 1): "3IB",
    ("target", "CONNMARK", 2): "3I3B",
    ("target", "TPROXY", 1): "2I",
}
"""Structures of xtables (include/uapi/linux/netfilter/xt_*.h) as far as they hold numbers."""


def same(payload: bytes) -> bytes:
    """Leave what is in the same order on every machine."""
    return payload


def turned(payload: bytes, inside: Inside) -> bytes:
    """Turn attributes of these kinds."""
    parts = [(kind, payload[start:end]) for kind, start, end in NATIVE.walk(payload)]
    return b"".join(OTHER.attribute(kind, inside.get(kind, same)(part)) for kind, part in parts)


def listed(turn: Turn) -> Turn:
    """Turn each attribute of a list."""
    return lambda payload: b"".join(
        OTHER.attribute(kind, turn(payload[start:end])) for kind, start, end in NATIVE.walk(payload)
    )


def data(turn: Turn = same) -> Turn:
    """Turn a constant (struct nft_data): a value of its own order, or a verdict."""
    return partial(turned, inside={1: turn, 2: partial(turned, inside={})})


def reversed_up_to(size: int, payload: bytes) -> bytes:
    """Turn the first bytes, which are a number."""
    return payload[:size][::-1] + payload[size:]


class Rule:
    """Turns the expressions of one rule: what its registers hold decides what its constants are."""

    def __init__(self, sets: Mapping[str, Set]) -> None:
        self._sets = sets
        self._sizes: dict[int, int] = {}
        self._rest: list[tuple[str, dict[int, bytes]]] = []

    def turn(self, payload: bytes) -> bytes:
        """Turn NFTA_RULE_EXPRESSIONS."""
        found = [payload[start:end] for _, start, end in NATIVE.walk(payload)]
        self._rest = [(_name(part), NATIVE.attributes(NATIVE.attributes(part).get(2, b""))) for part in found]
        return listed(self._expression)(payload)

    def _expression(self, payload: bytes) -> bytes:
        name, body = self._rest.pop(0)
        inside: Inside = getattr(self, f"_{name}", lambda _: {})(body)
        return turned(payload, {2: partial(turned, inside=inside)})

    def _value(self, register: bytes) -> Turn:
        def turn(payload: bytes) -> bytes:
            parts, slot, place = [], _slot(register), 0
            while place < len(payload):
                size = self._sizes.get(slot + place // 4, 0)
                step = max(4, size)
                parts.append(reversed_up_to(size, payload[place : place + step]))
                place += step
            return b"".join(parts)

        return turn

    def _load(self, register: bytes, size: int) -> Inside:
        self._sizes[_slot(register)] = size
        return {}

    def _meta(self, body: dict[int, bytes]) -> Inside:
        return self._load(body[1], META.get(number(body[2]), 0)) if 1 in body else {}

    def _ct(self, body: dict[int, bytes]) -> Inside:
        return self._load(body[1], CONNECTION.get(number(body[2]), 0)) if 1 in body else {}

    def _payload(self, body: dict[int, bytes]) -> Inside:
        for slot in range(_slot(body[1]), _slot(body[1]) + (number(body[4]) + 3) // 4) if 1 in body else ():
            self._sizes[slot] = 0
        return {}

    def _numgen(self, body: dict[int, bytes]) -> Inside:
        return self._load(body[1], 4)

    def _fib(self, body: dict[int, bytes]) -> Inside:
        return self._load(body[1], 1 if number(body[3]) & 32 else 0 if number(body[2]) == 2 else 4)

    def _socket(self, body: dict[int, bytes]) -> Inside:
        return self._load(body[2], 4 if number(body[1]) == 1 else 1)

    def _byteorder(self, body: dict[int, bytes]) -> Inside:
        return self._load(body[2], number(body[5]) if number(body[3]) == 0 else 0)

    def _bitwise(self, body: dict[int, bytes]) -> Inside:
        turn = self._value(body[1])
        size = self._sizes.get(_slot(body[1]), 0)
        mask = {4: data(turn), 5: data(turn), 7: data(partial(reversed_up_to, 4))}
        inside = {kind: _now(part, body[kind]) for kind, part in mask.items() if kind in body}
        self._load(body[2], size)
        return inside

    def _cmp(self, body: dict[int, bytes]) -> Inside:
        return {3: data(self._value(body[1]))}

    def _range(self, body: dict[int, bytes]) -> Inside:
        return {3: data(self._value(body[1])), 4: data(self._value(body[1]))}

    def _lookup(self, body: dict[int, bytes]) -> Inside:
        return self._load(body[3], self._sets[word(body[1])].data) if 3 in body and number(body[3]) else {}

    def _immediate(self, body: dict[int, bytes]) -> Inside:
        """A constant that becomes a mark is one of the machine's order."""
        marks = any(
            (name == "meta" and later.get(3) == body[1]) or (name == "ct" and later.get(4) == body[1])
            for name, later in self._rest
        )
        return {2: data(partial(reversed_up_to, 4) if marks else same)}

    def _match(self, body: dict[int, bytes], kind: str = "match") -> Inside:
        form = STRUCTURES.get((kind, word(body[1]), number(body[2])), "")

        def turn(info: bytes) -> bytes:
            size = struct.calcsize(f"={form}")
            return struct.pack(f">{form}", *struct.unpack_from(f"<{form}", info)) + info[size:]

        return {3: turn}

    def _target(self, body: dict[int, bytes]) -> Inside:
        return self._match(body, "target")


def _now(turn: Turn, payload: bytes) -> Turn:
    """Turn at once, as registers change behind an expression."""
    result = turn(payload)
    return lambda _: result


def _name(expression: bytes) -> str:
    return word(NATIVE.attributes(expression).get(1))


def _slot(register: bytes) -> int:
    return (number(register) - 1) * 4 if number(register) < 8 else number(register) - 8


class Set:
    """What nft says of a set: sizes of the fields of its keys, and of its data, where they are in machine order."""

    def __init__(self, body: dict[int, bytes]) -> None:
        joined = NATIVE.attributes(body.get(9, b"")).get(2, b"")
        fields = [number(NATIVE.attributes(joined[start:end]).get(1)) for _, start, end in NATIVE.walk(joined)]
        kind = number(body.get(4))
        self.fields = fields or [number(body.get(5))]
        kinds = [kind >> 6 * place & 63 for place in reversed(range(len(self.fields)))]
        ordered = bool(number(body.get(3)) & 4)  # keys of intervals are turned into network order by the rule
        self.sizes = [0 if ordered else DATATYPES.get(datatype, 0) for datatype in kinds]
        if kind == 4 and not ordered:  # an integer without a name, such as numgen's
            self.sizes = [4]
        self.data = DATATYPES.get(number(body.get(6)), 0)

    def turn_key(self, payload: bytes) -> bytes:
        """Turn a key."""
        parts, place = [], 0
        for field, size in zip(self.fields, self.sizes, strict=True):
            step = (field + 3) & ~3
            parts.append(reversed_up_to(size, payload[place : place + step]))
            place += step
        return b"".join(parts)


class Turned(Netfilter):
    """A conversation whose answers are turned round."""

    codec = OTHER

    def __init__(self, netfilter: Netfilter) -> None:
        self._netfilter = netfilter

    def generation(self) -> int:
        return self._netfilter.generation()

    def settle(self, generation: int) -> None:
        self._netfilter.settle(generation)

    def ipset(self, index: int) -> str:
        return self._netfilter.ipset(index)

    def dump(self, kind: int, family: int = 0, attributes: bytes = b"") -> list[Item]:
        found = self._netfilter.dump(kind, family, attributes)
        return [Item(item.family, self._turned(kind, item)) for item in found]

    def _turned(self, kind: int, item: Item) -> bytes:
        table = word(NATIVE.attributes(item.body).get(1))
        flat = partial(turned, inside={})
        inside: Inside = {}
        if kind == GETRULE:
            inside = {4: Rule(self._sets(item.family, table)).turn}
        elif kind == GETCHAIN:
            inside = {4: partial(turned, inside={4: flat})}
        elif kind == GETSET:
            inside = {9: partial(turned, inside={2: listed(flat)})}
        elif kind == GETSETELEM:
            known = self._sets(item.family, table)[word(NATIVE.attributes(item.body).get(2))]
            keys, values = data(known.turn_key), data(partial(reversed_up_to, known.data))
            inside = {3: listed(partial(turned, inside={1: keys, 2: values, 10: keys}))}
        elif kind == GETOBJ:
            inside = {4: flat}
        return turned(item.body, inside)

    def _sets(self, family: int, table: str) -> Mapping[str, Set]:
        bodies: Iterable[dict[int, bytes]] = map(
            NATIVE.attributes, (item.body for item in self._netfilter.dump(GETSET, family))
        )
        return {word(body.get(2)): Set(body) for body in bodies if word(body.get(1)) == table}
