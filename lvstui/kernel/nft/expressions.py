"""The expressions of nf_tables as steps of a walk; those that are alike in many rules are read only once."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from lvstui.kernel.nft import xt
from lvstui.kernel.nft.conditions import CONNECTION_MARK, MARK, Condition, Field, value_of
from lvstui.kernel.nft.headers import LINK, NETWORK, TRANSPORT, connection, header, meta
from lvstui.kernel.nft.sets import verdict
from lvstui.kernel.nft.walk import Constant, Joined, Loaded, Masked, Operand, Walk
from lvstui.kernel.nft.wire import attributes, listed, number, word

Step: TypeAlias = Callable[[Walk], None]
Attributes: TypeAlias = dict[int, bytes]

_MARK: Final = 3  # NFT_META_MARK and NFT_CT_MARK
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
        return _nothing
    make = _STEPS.get(name)
    try:
        step = make(attributes(inner)) if make is not None else None
    except (ArithmeticError, LookupError, ValueError, struct.error):
        step = None
    return step or _puzzling(f"[{name} 0x{inner.hex()}]")


def _nothing(_: Walk) -> None:
    pass


def _puzzling(text: str) -> Step:
    return lambda walk: walk.puzzle(text)


def _slot(data: bytes | None) -> int:
    """Give a register as the first of the 4-byte slots that it consists of (enum nft_registers)."""
    register = number(data)
    return (register - 1) * 4 if register < 8 else register - 8


def _value(data: bytes | None) -> bytes:
    return data[4 : data[0] | data[1] << 8] if data else b""  # the only attribute that it holds


def _immediate(body: Attributes) -> Step:
    data = attributes(body.get(2, b""))
    if 2 in data:
        told = verdict(data[2])
        return lambda walk: walk.go(told)
    slot, constant = _slot(body.get(1)), Constant(data.get(1, b""))
    return lambda walk: walk.load(slot, constant)


def _meta(body: Attributes) -> Step:
    key = number(body.get(2))
    if 3 in body:
        source = _slot(body[3])
        if key == _MARK:
            return lambda walk: walk.marked(MARK, CONNECTION_MARK, "restore", source)
        return _nothing
    slot, loaded = _slot(body.get(1)), _whole(meta(key))
    return lambda walk: walk.load(slot, loaded)


def _whole(field: Field) -> Loaded:
    return Loaded(field, field.size)


def _ct(body: Attributes) -> Step:
    key = number(body.get(2))
    if 4 in body:
        source = _slot(body[4])
        if key == _MARK:
            return lambda walk: walk.marked(CONNECTION_MARK, MARK, "save", source)
        return _nothing
    direction = number(body[3]) if 3 in body else None
    slot, loaded = _slot(body.get(1)), _whole(connection(key, direction))
    return lambda walk: walk.load(slot, loaded)


def _payload(body: Attributes) -> Step:
    if 5 in body:
        return _nothing  # it writes to the packet
    slot, base, offset, size = _slot(body.get(1)), number(body.get(2)), number(body.get(3)), number(body.get(4))

    known: dict[tuple[int | None, int | None], Operand] = {}

    def step(walk: Walk) -> None:
        layers = walk.network, walk.transport
        operand = known.get(layers)
        if operand is None:
            operand = known[layers] = _in_header(header(base, *layers), base, offset, size)
        walk.registers[slot] = operand

    return step


def _in_header(fields: Mapping[int, Field], base: int, offset: int, size: int) -> Operand:
    """Tell what stands at a place of a header."""
    first = fields.get(offset)
    if first is not None and first.size >= size:
        return Loaded(first, size)
    found, position = [], offset
    while position < offset + size and position in fields:
        found.append(fields[position])
        position += fields[position].size
    if position == offset + size:
        return Joined(tuple(found))
    place = {LINK: "ll", NETWORK: "nh", TRANSPORT: "th"}.get(base, "ih")
    return Loaded(Field(f"@{place},{offset * 8},{size * 8}", size, "bits"), size)


def _cmp(body: Attributes) -> Step:
    slot, sign, data = _slot(body.get(1)), number(body.get(2)), _value(body.get(3))
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
    slot, negated, first, last = _slot(body.get(1)), number(body.get(2)) == 1, _value(body.get(3)), _value(body.get(4))
    return lambda walk: walk.between(slot, negated, first, last)


def _lookup(body: Attributes) -> Step:
    name, slot, negated = word(body.get(1)), _slot(body.get(2)), bool(number(body.get(5)) & 1)
    target = None if 3 not in body else -1 if number(body[3]) == 0 else _slot(body[3])
    return lambda walk: walk.look_up(name, slot, target, negated)


def _bitwise(body: Attributes) -> Step:
    source, slot, operation = _slot(body.get(1)), _slot(body.get(2)), number(body.get(6))
    if operation in (1, 2):
        return _shift(source, slot, "<<" if operation == 1 else ">>", number(_value(body.get(7))))
    mask, flip = _value(body.get(4)), _value(body.get(5))
    if operation or len(mask) != len(flip):
        return _unknown_register(slot)

    def step(walk: Walk) -> None:
        match walk.registers.get(source):
            case Loaded(field, size) if field.host or size <= field.size:
                told = _masked(field, mask, flip)
            case Masked(field, before, flipped):
                new = _masked(field, mask, flip)
                told = Masked(field, before & new.mask, (flipped & new.mask) ^ new.flip)
            case Constant(data) if len(data) == len(mask):
                walk.load(slot, Constant(bytes(a & b ^ c for a, b, c in zip(data, mask, flip, strict=True))))
                return
            case _:
                walk.registers.pop(slot, None)
                return
        whole = told.mask == field.most and not told.flip
        walk.load(slot, _whole(field) if whole else told)

    return step


def _masked(field: Field, mask: bytes, flip: bytes) -> Masked:
    if not field.host:
        mask, flip = mask.ljust(field.size, b"\0"), flip.ljust(field.size, b"\0")
    return Masked(field, value_of(mask, field), value_of(flip, field))


def _shift(source: int, slot: int, sign: str, bits: int) -> Step:
    def step(walk: Walk) -> None:
        match walk.registers.get(source):
            case Loaded(field, size) if size == field.size:
                walk.load(slot, _whole(Field(f"{field.name} {sign} {bits}", field.size, "bits", field.host)))
            case Masked(field, mask, 0):
                name = f"({field.name} & 0x{mask:x}) {sign} {bits}"
                walk.load(slot, _whole(Field(name, field.size, "bits", field.host)))
            case _:
                walk.registers.pop(slot, None)

    return step


def _unknown_register(slot: int) -> Step:
    def step(walk: Walk) -> None:
        walk.registers.pop(slot, None)

    return step


def _byteorder(body: Attributes) -> Step:
    source, slot = _slot(body.get(1)), _slot(body.get(2))

    def step(walk: Walk) -> None:
        match walk.registers.get(source):
            case Loaded(field, size) if size == field.size:
                walk.load(slot, Loaded(field._replace(host=not field.host), size))
            case Masked(field, mask, flip):
                walk.load(slot, Masked(field._replace(host=not field.host), mask, flip))
            case _:
                walk.registers.pop(slot, None)

    return step


def _objref(body: Attributes) -> Step:
    kind, name = number(body.get(1)), word(body.get(2))
    if kind == 1 and name:  # NFT_OBJECT_COUNTER

        def step(walk: Walk) -> None:
            walk.counter = walk.counter or name

        return step
    if kind in (2, 4):  # quota, limit: they ask
        return _told(f"{'quota' if kind == 2 else 'limit'} name {name}")
    return _nothing


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
        return _nothing
    return None if word_of is None else _told(f"{word_of} @{word(body.get(1))} with a limit of its own")


def _numgen(body: Attributes) -> Step:
    kind = "inc" if number(body.get(3)) == 0 else "random"
    offset = f" offset {number(body.get(4))}" if number(body.get(4)) else ""
    field = Field(f"numgen {kind} mod {number(body.get(2))}{offset}", 4, host=True)
    slot = _slot(body.get(1))
    return lambda walk: walk.load(slot, _whole(field))


def _hash(body: Attributes) -> Step:
    source, slot, size = _slot(body.get(1)), _slot(body.get(2)), number(body.get(3))
    rest = f"mod {number(body.get(4))}"
    rest += f" seed 0x{number(body.get(5)):x}" if 5 in body else ""
    rest += f" offset {number(body.get(6))}" if number(body.get(6)) else ""
    if number(body.get(7)) == 1:
        symmetric = _whole(Field(f"symhash {rest}", 4, host=True))
        return lambda walk: walk.load(slot, symmetric)

    def step(walk: Walk) -> None:
        keys = walk.keys(source, size)
        if keys is None:
            walk.puzzle(f"[jhash of {size} bytes]")
            return
        name = f"jhash {' . '.join(key.field.name for key in keys)} {rest}"
        walk.load(slot, _whole(Field(name, 4, host=True)))

    return step


def _fib(body: Attributes) -> Step:
    flags, result = number(body.get(3)), number(body.get(2))
    names = [name for bit, name in enumerate(("saddr", "daddr", "mark", "iif", "oif")) if flags & 1 << bit]
    kind, what = {1: ("index", "oif"), 2: ("interface", "oifname"), 3: ("addrtype", "type")}.get(result, ("bits", "?"))
    size = 16 if kind == "interface" else 4
    if flags & 32:
        kind, size = "present", 1
    slot, field = _slot(body.get(1)), Field(f"fib {' . '.join(names)} {what}", size, kind, host=kind != "interface")
    return lambda walk: walk.load(slot, _whole(field))


def _socket(body: Attributes) -> Step | None:
    key = number(body.get(1))
    names = {0: ("transparent", 1, "number"), 1: ("mark", 4, "mark"), 2: ("wildcard", 1, "number")}
    if key not in names:
        return None
    name, size, kind = names[key]
    slot, field = _slot(body.get(2)), Field(f"socket {name}", size, kind, host=True)
    return lambda walk: walk.load(slot, _whole(field))


def _rt(body: Attributes) -> Step | None:
    kinds = {0: ("classid", 4, "number"), 1: ("ip nexthop", 4, "ipv4"), 2: ("ip6 nexthop", 16, "ipv6")}
    key = number(body.get(2))
    if key not in kinds:
        return None
    name, size, kind = kinds[key]
    slot, field = _slot(body.get(1)), Field(f"rt {name}", size, kind, host=key == 0)
    return lambda walk: walk.load(slot, _whole(field))


def _match(body: Attributes) -> Step:
    return xt.match(word(body.get(1)), number(body.get(2)), body.get(3, b""))


def _target(body: Attributes) -> Step:
    return xt.target(word(body.get(1)), number(body.get(2)), body.get(3, b""))


def _exthdr(body: Attributes) -> Step | None:
    return _nothing if 7 in body else None


_STEPS: Final[dict[str, Callable[[Attributes], Step | None]]] = {
    "immediate": _immediate,
    "meta": _meta,
    "ct": _ct,
    "payload": _payload,
    "cmp": _cmp,
    "range": _range,
    "lookup": _lookup,
    "bitwise": _bitwise,
    "byteorder": _byteorder,
    "objref": _objref,
    "limit": _limit,
    "quota": _quota,
    "connlimit": _connlimit,
    "dynset": _dynset,
    "numgen": _numgen,
    "hash": _hash,
    "fib": _fib,
    "socket": _socket,
    "rt": _rt,
    "match": _match,
    "target": _target,
    "exthdr": _exthdr,
}
