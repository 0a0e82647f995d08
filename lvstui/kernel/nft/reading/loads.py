"""The expressions of nf_tables that put something into a register, or write a register to a mark."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from lvstui.kernel.netlink.attributes import Codec, Order
from lvstui.kernel.nft.nfnetlink import word
from lvstui.kernel.nft.reading.conditions import CONNECTION_MARK, MARK, Field, value_of
from lvstui.kernel.nft.reading.headers import LINK, NETWORK, TRANSPORT, connection, header, meta
from lvstui.kernel.nft.reading.walk import Constant, Joined, Loaded, Masked, Operand, Walk

Step: TypeAlias = Callable[[Walk], None]

_MARK: Final = 3  # NFT_META_MARK and NFT_CT_MARK


@dataclass(frozen=True, slots=True)
class Parts:
    """The attributes of one expression, read with the codec of the machine that it is from."""

    codec: Codec
    values: Mapping[int, bytes]

    def __contains__(self, kind: int) -> bool:
        return kind in self.values

    def number(self, kind: int) -> int:
        """Return a number, which nf_tables keeps in network order; 0 where it is not there."""
        return int.from_bytes(self.values.get(kind, b""), "big")

    def word(self, kind: int) -> str:
        """Return a name."""
        return word(self.values.get(kind))

    def slot(self, kind: int) -> int:
        """Return a register as the first of the 4-byte slots that it consists of (enum nft_registers)."""
        register = self.number(kind)
        return (register - 1) * 4 if register < 8 else register - 8

    def constant(self, kind: int) -> bytes:
        """Return the bytes of a constant, as they would stand in a register."""
        return self.codec.first(self.values.get(kind))


def nothing(_: Walk) -> None:
    """Do nothing: what the expression does is of no interest here."""


def load_meta(parts: Parts) -> Step:
    """Read what the kernel knows of a packet, or write its mark."""
    key = parts.number(2)
    if 3 in parts:
        source = parts.slot(3)
        if key == _MARK:
            return lambda walk: walk.write_mark(MARK, CONNECTION_MARK, "restore", source)
        return nothing
    slot, loaded = parts.slot(1), _whole(meta(key))
    return lambda walk: walk.load(slot, loaded)


def _whole(field: Field) -> Loaded:
    return Loaded(field, field.size)


def load_ct(parts: Parts) -> Step:
    """Read what is known of a packet's connection, or write its mark."""
    key = parts.number(2)
    if 4 in parts:
        source = parts.slot(4)
        if key == _MARK:
            return lambda walk: walk.write_mark(CONNECTION_MARK, MARK, "save", source)
        return nothing
    direction = parts.number(3) if 3 in parts else None
    slot, loaded = parts.slot(1), _whole(connection(key, direction))
    return lambda walk: walk.load(slot, loaded)


def load_payload(parts: Parts) -> Step:
    """Read a part of a header."""
    if 5 in parts:
        return nothing  # it writes to the packet
    slot, base, offset, size = parts.slot(1), parts.number(2), parts.number(3), parts.number(4)

    known: dict[tuple[int | None, int | None], Operand] = {}

    def step(walk: Walk) -> None:
        layers = walk.network, walk.transport
        operand = known.get(layers)
        if operand is None:
            operand = known[layers] = _in_header(header(base, *layers), base, offset, size)
        walk.registers[slot] = operand

    return step


def _in_header(fields: Mapping[int, Field], base: int, offset: int, size: int) -> Operand:
    """Return what stands at a place of a header."""
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


def load_numgen(parts: Parts) -> Step:
    """Read a number that counts, or a random one."""
    kind = "inc" if parts.number(3) == 0 else "random"
    offset = f" offset {parts.number(4)}" if parts.number(4) else ""
    field = Field(f"numgen {kind} mod {parts.number(2)}{offset}", 4, host=True)
    slot = parts.slot(1)
    return lambda walk: walk.load(slot, _whole(field))


def load_hash(parts: Parts) -> Step:
    """Read a hash of some fields."""
    source, slot, size = parts.slot(1), parts.slot(2), parts.number(3)
    rest = f"mod {parts.number(4)}"
    rest += f" seed 0x{parts.number(5):x}" if 5 in parts else ""
    rest += f" offset {parts.number(6)}" if parts.number(6) else ""
    if parts.number(7) == 1:
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


def load_fib(parts: Parts) -> Step:
    """Read the answer of the routing table."""
    flags, result = parts.number(3), parts.number(2)
    names = [name for bit, name in enumerate(("saddr", "daddr", "mark", "iif", "oif")) if flags & 1 << bit]
    kind, what = {1: ("index", "oif"), 2: ("interface", "oifname"), 3: ("addrtype", "type")}.get(result, ("bits", "?"))
    size = 16 if kind == "interface" else 4
    if flags & 32:
        kind, size = "present", 1
    slot, field = (
        parts.slot(1),
        Field(f"fib {' . '.join(names)} {what}", size, kind, host=kind != "interface"),
    )
    return lambda walk: walk.load(slot, _whole(field))


def load_socket(parts: Parts) -> Step | None:
    """Read what is known of the packet's socket."""
    key = parts.number(1)
    names = {0: ("transparent", 1, "number"), 1: ("mark", 4, "mark"), 2: ("wildcard", 1, "number")}
    if key not in names:
        return None
    name, size, kind = names[key]
    slot, field = parts.slot(2), Field(f"socket {name}", size, kind, host=True)
    return lambda walk: walk.load(slot, _whole(field))


def load_rt(parts: Parts) -> Step | None:
    """Read what is known of the packet's route."""
    kinds = {0: ("classid", 4, "number"), 1: ("ip nexthop", 4, "ipv4"), 2: ("ip6 nexthop", 16, "ipv6")}
    key = parts.number(2)
    if key not in kinds:
        return None
    name, size, kind = kinds[key]
    slot, field = parts.slot(1), Field(f"rt {name}", size, kind, host=key == 0)
    return lambda walk: walk.load(slot, _whole(field))


def bitwise(parts: Parts) -> Step:
    """Combine a register with constants."""
    source, slot, operation = parts.slot(1), parts.slot(2), parts.number(6)
    if operation in (1, 2):
        return _shift(source, slot, "<<" if operation == 1 else ">>", parts.codec.number(parts.constant(7)))
    mask, flip, order = parts.constant(4), parts.constant(5), parts.codec.order
    if operation or len(mask) != len(flip):
        return _unknown_register(slot)

    def step(walk: Walk) -> None:
        match walk.registers.get(source):
            case Loaded(field, size) if field.host or size <= field.size:
                result = _masked(field, mask, flip, order)
            case Masked(field, before, flipped):
                new = _masked(field, mask, flip, order)
                result = Masked(field, before & new.mask, (flipped & new.mask) ^ new.flip)
            case Constant(data) if len(data) == len(mask):
                walk.load(slot, Constant(bytes(a & b ^ c for a, b, c in zip(data, mask, flip, strict=True))))
                return
            case _:
                walk.registers.pop(slot, None)
                return
        whole = result.mask == field.most and not result.flip
        walk.load(slot, _whole(field) if whole else result)

    return step


def _masked(field: Field, mask: bytes, flip: bytes, order: Order) -> Masked:
    if not field.host:
        mask, flip = mask.ljust(field.size, b"\0"), flip.ljust(field.size, b"\0")
    return Masked(field, value_of(mask, field, order), value_of(flip, field, order))


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


def byteorder(parts: Parts) -> Step:
    """Turn the bytes of a register round."""
    source, slot = parts.slot(1), parts.slot(2)

    def step(walk: Walk) -> None:
        match walk.registers.get(source):
            case Loaded(field, size) if size == field.size:
                walk.load(slot, Loaded(field._replace(host=not field.host), size))
            case Masked(field, mask, flip):
                walk.load(slot, Masked(field._replace(host=not field.host), mask, flip))
            case _:
                walk.registers.pop(slot, None)

    return step
