"""The expressions of nf_tables as steps of a walk; those that are alike in many rules are read only once."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final

from lvstui.kernel.netlink.attributes import Codec
from lvstui.kernel.nft.nfnetlink import number, word
from lvstui.kernel.nft.reading import loads
from lvstui.kernel.nft.reading.conditions import Condition, Field
from lvstui.kernel.nft.reading.loads import Parts, Step, nothing
from lvstui.kernel.nft.reading.sets import read_verdict
from lvstui.kernel.nft.reading.walk import Constant, Loaded, Operand, Walk
from lvstui.kernel.nft.xtables import matches, targets

_KNOWN_MAX: Final = 20_000
_OTHER_SHAPE: Final = (ArithmeticError, LookupError, ValueError, struct.error)
"""What an expression of another shape than that of our kernels leads to."""

NEUTRAL: Final = frozenset(
    {
        *("log", "notrack", "nat", "masq", "redir", "reject", "queue"),
        *("dup", "fwd", "last", "tproxy", "flow_offload", "synproxy"),
    }
)
"""Expressions that ask nothing of a packet and have nothing to do with marks."""


class Expressions:
    """Reads the expressions of one machine's rules, and remembers those that it has read."""

    def __init__(self, codec: Codec) -> None:
        self.codec: Final = codec
        self._known: dict[bytes, Step] = {}

    def walk_through(self, data: bytes, walk: Walk) -> None:
        """Go through all expressions of a rule (the content of NFTA_RULE_EXPRESSIONS)."""
        known = self._known
        for expression in self.codec.payloads(data):
            step = known.get(expression)
            if step is None:
                if _is_counter(expression):
                    walk.counted = self._counts(expression)
                    continue
                if len(known) >= _KNOWN_MAX:
                    known.clear()
                step = known[expression] = self._step(expression)
            try:
                step(walk)
            except _OTHER_SHAPE:
                walk.puzzle(f"[0x{expression.hex()}]")

    def read_counter(self, data: bytes) -> tuple[int, int] | None:
        """Return packets and bytes of a rule's last counter, without a look at anything else."""
        counters = [expression for expression in self.codec.payloads(data) if _is_counter(expression)]
        return self._counts(counters[-1]) if counters else None

    def _counts(self, data: bytes) -> tuple[int, int]:
        body = self.codec.attributes(data[16:])  # behind the name and the head of what it holds
        return number(body.get(2)), number(body.get(1))

    def _step(self, data: bytes) -> Step:
        first = self.codec.first(
            data
        )  # the name comes first (nf_tables_fill_expr_info), then the nest of what it holds
        name, inner = word(first), data[((4 + len(first) + 3) & ~3) + 4 :]
        if name in NEUTRAL:
            return nothing
        make = _STEPS.get(name)
        try:
            step = make(Parts(self.codec, self.codec.attributes(inner))) if make is not None else None
        except _OTHER_SHAPE:
            step = None
        return step or _puzzling(f"[{name} 0x{inner.hex()}]")


def _is_counter(expression: bytes) -> bool:
    return expression[4:12] == b"counter\0"  # behind the head of the name


def _puzzling(text: str) -> Step:
    return lambda walk: walk.puzzle(text)


def _immediate(parts: Parts) -> Step:
    data = parts.codec.attributes(parts.values.get(2, b""))
    if 2 in data:
        decision = read_verdict(parts.codec, data[2])
        return lambda walk: walk.go(decision)
    slot, constant = parts.slot(1), Constant(data.get(1, b""))
    return lambda walk: walk.load(slot, constant)


def _cmp(parts: Parts) -> Step:
    slot, sign, data = parts.slot(1), parts.number(2), parts.constant(3)
    known: Operand | None = None
    asked: Condition | None = None

    def step(walk: Walk) -> None:
        nonlocal known, asked
        operand = walk.registers.get(slot)
        if asked is not None and operand is known:
            walk.ask(asked)
            return
        count = len(walk.conditions) + 1
        walk.compare(slot, sign, data)
        if sign < 2 and isinstance(operand, Loaded) and operand.field.kind != "index" and not walk.unknown:
            known, asked = operand, walk.conditions[-1] if len(walk.conditions) == count else None

    return step


def _range(parts: Parts) -> Step:
    slot, negated, first, last = (
        parts.slot(1),
        parts.number(2) == 1,
        parts.constant(3),
        parts.constant(4),
    )
    return lambda walk: walk.between(slot, negated, first, last)


def _lookup(parts: Parts) -> Step:
    name, slot, negated = parts.word(1), parts.slot(2), bool(parts.number(5) & 1)
    target = None if 3 not in parts else -1 if parts.number(3) == 0 else parts.slot(3)
    return lambda walk: walk.look_up(name, slot, target, negated)


def _objref(parts: Parts) -> Step:
    kind, name = parts.number(1), parts.word(2)
    if kind == 1 and name:  # NFT_OBJECT_COUNTER

        def step(walk: Walk) -> None:
            walk.counter = walk.counter or name

        return step
    if kind in (2, 4):  # quota, limit: they ask
        return _in_words(f"{'quota' if kind == 2 else 'limit'} name {name}")
    return nothing


def _in_words(text: str) -> Step:
    condition = Condition(text, Field(text, 0, "words"))
    return lambda walk: walk.ask(condition)


def _limit(parts: Parts) -> Step:
    units = {1: "second", 60: "minute", 3600: "hour", 86400: "day", 604800: "week"}
    seconds, per_bytes = parts.number(2), parts.number(4) == 1
    over = "over " if parts.number(5) & 1 else ""
    what = " bytes" if per_bytes else ""
    burst = f" burst {parts.number(3)}{what or ' packets'}" if parts.number(3) else ""
    return _in_words(f"limit rate {over}{parts.number(1)}{what}/{units.get(seconds, f'{seconds}s')}{burst}")


def _quota(parts: Parts) -> Step:
    return _in_words(f"quota {'over ' if parts.number(2) & 1 else ''}{parts.number(1)} bytes")


def _connlimit(parts: Parts) -> Step:
    return _in_words(f"ct count {'over ' if parts.number(2) & 1 else ''}{parts.number(1)}")


def _dynset(parts: Parts) -> Step | None:
    word_of = {0: "add", 1: "update", 2: "delete"}.get(parts.number(3))
    if 7 not in parts and 10 not in parts:
        return nothing
    return None if word_of is None else _in_words(f"{word_of} @{parts.word(1)} with a limit of its own")


def _match(parts: Parts) -> Step:
    return matches.match(parts.word(1), parts.number(2), parts.values.get(3, b""))


def _target(parts: Parts) -> Step:
    return targets.target(parts.word(1), parts.number(2), parts.values.get(3, b""))


def _exthdr(parts: Parts) -> Step | None:
    return nothing if 7 in parts else None


_STEPS: Final[dict[str, Callable[[Parts], Step | None]]] = {
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
    "quota": _quota,
    "connlimit": _connlimit,
    "dynset": _dynset,
    "numgen": loads.load_numgen,
    "hash": loads.load_hash,
    "fib": loads.load_fib,
    "socket": loads.load_socket,
    "rt": loads.load_rt,
    "match": _match,
    "target": _target,
    "exthdr": _exthdr,
}
