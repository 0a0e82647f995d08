"""The expressions of nf_tables as steps of a walk; those that are alike in many rules are read only once."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final

from lvstui.kernel.nft.reading import loads
from lvstui.kernel.nft.reading.conditions import Condition, Field
from lvstui.kernel.nft.reading.loads import Attributes, Step, constant_of, first_slot, nothing
from lvstui.kernel.nft.reading.operands import Constant, Loaded, Operand
from lvstui.kernel.nft.reading.sets import verdict
from lvstui.kernel.nft.reading.walk import Walk
from lvstui.kernel.nft.wire import attributes, listed, number, word
from lvstui.kernel.nft.xtables import matches as xt
from lvstui.kernel.nft.xtables import targets as xt_targets

_COUNTER: Final = b"counter\0"
_KNOWN_MAX: Final = 20_000
_known: dict[bytes, Step] = {}

NEUTRAL: Final = frozenset(
    {
        *("log", "notrack", "nat", "masq", "redir", "reject", "queue"),
        *("dup", "fwd", "last", "tproxy", "flow_offload", "synproxy"),
    }
)
"""Expressions that ask nothing of a packet and have nothing to do with marks."""


def walk_through(data: bytes, walk: Walk) -> None:
    """Go through all expressions of a rule (the content of NFTA_RULE_EXPRESSIONS)."""
    known = _known
    for each in listed(data):
        step = known.get(each)
        if step is None:
            if each[4:12] == _COUNTER:
                walk.counted = _counts(each)
                continue
            if len(known) >= _KNOWN_MAX:
                known.clear()
            step = known[each] = _step(each)
        try:
            step(walk)
        except (ArithmeticError, LookupError, ValueError, struct.error):  # another shape than that of our kernels
            walk.puzzle(f"[0x{each.hex()}]")


def forget() -> None:
    """Forget the expressions that were read so far, as if none had been."""
    _known.clear()


def counted(data: bytes) -> tuple[int, int] | None:
    """Read packets and bytes of a rule's last counter, without a look at anything else."""
    found = None
    for each in listed(data):
        if each[4:12] == _COUNTER:
            found = _counts(each)
    return found


def _counts(data: bytes) -> tuple[int, int]:
    body = attributes(data[16:])  # behind the name and the head of what it holds
    return number(body.get(2)), number(body.get(1))


def _step(data: bytes) -> Step:
    name_size = data[0]  # the name comes first (nf_tables_fill_expr_info), then the nest of what it holds
    name = data[4 : name_size - 1].decode("ascii", "replace")
    inner = data[((name_size + 3) & ~3) + 4 :]
    if name in NEUTRAL:
        return nothing
    make = _STEPS.get(name)
    try:
        step = make(attributes(inner)) if make is not None else None
    except (ArithmeticError, LookupError, ValueError, struct.error):
        step = None
    return step or _puzzling(f"[{name} 0x{inner.hex()}]")


def _puzzling(text: str) -> Step:
    return lambda walk: walk.puzzle(text)


def _immediate(body: Attributes) -> Step:
    data = attributes(body.get(2, b""))
    if 2 in data:
        told = verdict(data[2])
        return lambda walk: walk.go(told)
    slot, constant = first_slot(body.get(1)), Constant(data.get(1, b""))
    return lambda walk: walk.load(slot, constant)


def _cmp(body: Attributes) -> Step:
    slot, sign, data = first_slot(body.get(1)), number(body.get(2)), constant_of(body.get(3))
    known: Operand | None = None
    told: Condition | None = None

    def step(walk: Walk) -> None:
        nonlocal known, told
        operand = walk.registers.get(slot)
        if told is not None and operand is known:
            walk.ask(told)
            return
        asked = len(walk.conditions) + 1
        walk.compare(slot, sign, data)
        if sign < 2 and isinstance(operand, Loaded) and operand.field.kind != "index" and not walk.unknown:
            known, told = operand, walk.conditions[-1] if len(walk.conditions) == asked else None

    return step


def _range(body: Attributes) -> Step:
    slot, negated, first, last = (
        first_slot(body.get(1)),
        number(body.get(2)) == 1,
        constant_of(body.get(3)),
        constant_of(body.get(4)),
    )
    return lambda walk: walk.between(slot, negated, first, last)


def _lookup(body: Attributes) -> Step:
    name, slot, negated = word(body.get(1)), first_slot(body.get(2)), bool(number(body.get(5)) & 1)
    target = None if 3 not in body else -1 if number(body[3]) == 0 else first_slot(body[3])
    return lambda walk: walk.look_up(name, slot, target, negated)


def _objref(body: Attributes) -> Step:
    kind, name = number(body.get(1)), word(body.get(2))
    if kind == 1 and name:  # NFT_OBJECT_COUNTER

        def step(walk: Walk) -> None:
            walk.counter = walk.counter or name

        return step
    if kind in (2, 4):  # quota, limit: they ask
        return _told(f"{'quota' if kind == 2 else 'limit'} name {name}")
    return nothing


def _told(text: str) -> Step:
    condition = Condition(text, Field(text, 0, "told"))
    return lambda walk: walk.ask(condition)


def _limit(body: Attributes) -> Step:
    units = {1: "second", 60: "minute", 3600: "hour", 86400: "day", 604800: "week"}
    seconds, per_bytes = number(body.get(2)), number(body.get(4)) == 1
    over = "over " if number(body.get(5)) & 1 else ""
    what = " bytes" if per_bytes else ""
    burst = f" burst {number(body.get(3))}{what or ' packets'}" if number(body.get(3)) else ""
    return _told(f"limit rate {over}{number(body.get(1))}{what}/{units.get(seconds, f'{seconds}s')}{burst}")


def _quota(body: Attributes) -> Step:
    return _told(f"quota {'over ' if number(body.get(2)) & 1 else ''}{number(body.get(1))} bytes")


def _connlimit(body: Attributes) -> Step:
    return _told(f"ct count {'over ' if number(body.get(2)) & 1 else ''}{number(body.get(1))}")


def _dynset(body: Attributes) -> Step | None:
    word_of = {0: "add", 1: "update", 2: "delete"}.get(number(body.get(3)))
    if 7 not in body and 10 not in body:
        return nothing
    return None if word_of is None else _told(f"{word_of} @{word(body.get(1))} with a limit of its own")


def _match(body: Attributes) -> Step:
    return xt.match(word(body.get(1)), number(body.get(2)), body.get(3, b""))


def _target(body: Attributes) -> Step:
    return xt_targets.target(word(body.get(1)), number(body.get(2)), body.get(3, b""))


def _exthdr(body: Attributes) -> Step | None:
    return nothing if 7 in body else None


_STEPS: Final[dict[str, Callable[[Attributes], Step | None]]] = {
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
