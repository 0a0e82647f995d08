"""The expressions of nf_tables that put something into a register, or write a register to a mark."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from lvstui.kernel.nft.reading.conditions import CONNECTION_MARK, MARK, Field, value_of
from lvstui.kernel.nft.reading.headers import LINK, NETWORK, TRANSPORT, connection, header, meta
from lvstui.kernel.nft.reading.operands import Constant, Joined, Loaded, Masked, Operand
from lvstui.kernel.nft.reading.walk import Walk
from lvstui.kernel.nft.wire import number

Step: TypeAlias = Callable[[Walk], None]
Attributes: TypeAlias = dict[int, bytes]

_MARK: Final = 3  # NFT_META_MARK and NFT_CT_MARK


def first_slot(data: bytes | None) -> int:
    """Give a register as the first of the 4-byte slots that it consists of (enum nft_registers)."""
    register = number(data)
    return (register - 1) * 4 if register < 8 else register - 8


def constant_of(data: bytes | None) -> bytes:
    """Give the bytes of a constant, the only attribute of the nest that it stands in."""
    return data[4 : data[0] | data[1] << 8] if data else b""


def nothing(_: Walk) -> None:
    """Do nothing: what the expression does is of no interest here."""


def load_meta(body: Attributes) -> Step:
    """Read what the kernel knows of a packet, or write its mark."""
    key = number(body.get(2))
    if 3 in body:
        source = first_slot(body[3])
        if key == _MARK:
            return lambda walk: walk.marked(MARK, CONNECTION_MARK, "restore", source)
        return nothing
    slot, loaded = first_slot(body.get(1)), _whole(meta(key))
    return lambda walk: walk.load(slot, loaded)


def _whole(field: Field) -> Loaded:
    return Loaded(field, field.size)


def load_ct(body: Attributes) -> Step:
    """Read what is known of a packet's connection, or write its mark."""
    key = number(body.get(2))
    if 4 in body:
        source = first_slot(body[4])
        if key == _MARK:
            return lambda walk: walk.marked(CONNECTION_MARK, MARK, "save", source)
        return nothing
    direction = number(body[3]) if 3 in body else None
    slot, loaded = first_slot(body.get(1)), _whole(connection(key, direction))
    return lambda walk: walk.load(slot, loaded)


def load_payload(body: Attributes) -> Step:
    """Read a part of a header."""
    if 5 in body:
        return nothing  # it writes to the packet
    slot, base, offset, size = first_slot(body.get(1)), number(body.get(2)), number(body.get(3)), number(body.get(4))

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


def load_numgen(body: Attributes) -> Step:
    """Read a number that counts, or a random one."""
    kind = "inc" if number(body.get(3)) == 0 else "random"
    offset = f" offset {number(body.get(4))}" if number(body.get(4)) else ""
    field = Field(f"numgen {kind} mod {number(body.get(2))}{offset}", 4, host=True)
    slot = first_slot(body.get(1))
    return lambda walk: walk.load(slot, _whole(field))


def load_hash(body: Attributes) -> Step:
    """Read a hash of some fields."""
    source, slot, size = first_slot(body.get(1)), first_slot(body.get(2)), number(body.get(3))
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


def load_fib(body: Attributes) -> Step:
    """Ask the routing table."""
    flags, result = number(body.get(3)), number(body.get(2))
    names = [name for bit, name in enumerate(("saddr", "daddr", "mark", "iif", "oif")) if flags & 1 << bit]
    kind, what = {1: ("index", "oif"), 2: ("interface", "oifname"), 3: ("addrtype", "type")}.get(result, ("bits", "?"))
    size = 16 if kind == "interface" else 4
    if flags & 32:
        kind, size = "present", 1
    slot, field = (
        first_slot(body.get(1)),
        Field(f"fib {' . '.join(names)} {what}", size, kind, host=kind != "interface"),
    )
    return lambda walk: walk.load(slot, _whole(field))


def load_socket(body: Attributes) -> Step | None:
    """Read what is known of the packet's socket."""
    key = number(body.get(1))
    names = {0: ("transparent", 1, "number"), 1: ("mark", 4, "mark"), 2: ("wildcard", 1, "number")}
    if key not in names:
        return None
    name, size, kind = names[key]
    slot, field = first_slot(body.get(2)), Field(f"socket {name}", size, kind, host=True)
    return lambda walk: walk.load(slot, _whole(field))


def load_rt(body: Attributes) -> Step | None:
    """Read what is known of the packet's route."""
    kinds = {0: ("classid", 4, "number"), 1: ("ip nexthop", 4, "ipv4"), 2: ("ip6 nexthop", 16, "ipv6")}
    key = number(body.get(2))
    if key not in kinds:
        return None
    name, size, kind = kinds[key]
    slot, field = first_slot(body.get(1)), Field(f"rt {name}", size, kind, host=key == 0)
    return lambda walk: walk.load(slot, _whole(field))


def bitwise(body: Attributes) -> Step:
    """Combine a register with constants."""
    source, slot, operation = first_slot(body.get(1)), first_slot(body.get(2)), number(body.get(6))
    if operation in (1, 2):
        return _shift(source, slot, "<<" if operation == 1 else ">>", number(constant_of(body.get(7))))
    mask, flip = constant_of(body.get(4)), constant_of(body.get(5))
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


def byteorder(body: Attributes) -> Step:
    """Turn the bytes of a register round."""
    source, slot = first_slot(body.get(1)), first_slot(body.get(2))

    def step(walk: Walk) -> None:
        match walk.registers.get(source):
            case Loaded(field, size) if size == field.size:
                walk.load(slot, Loaded(field._replace(host=not field.host), size))
            case Masked(field, mask, flip):
                walk.load(slot, Masked(field._replace(host=not field.host), mask, flip))
            case _:
                walk.registers.pop(slot, None)

    return step
