"""The expressions of nf_tables that put something into a register, or write a register to a mark."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from lvstui.core.observed import ALL_BITS
from lvstui.core.packets.program import Element
from lvstui.kernel.netlink.attributes import Order
from lvstui.kernel.nft.reading.conditions import value_of
from lvstui.kernel.nft.reading.explained import Effect, ExplainedRule, Explanation, nothing
from lvstui.kernel.nft.reading.fields import (
    CONNECTION_MARK,
    IPSEC,
    MARK,
    REGISTERS,
    ROUTE,
    SOCKET,
    PacketField,
    connection,
    meta,
)
from lvstui.kernel.nft.reading.headers import Layers, read_header
from lvstui.kernel.nft.reading.operands import Constant, Joined, Loaded, Mapped, Masked, Mixed, Operand
from lvstui.kernel.nft.reading.options import read_option
from lvstui.kernel.nft.reading.parts import COMBINED, Parts
from lvstui.kernel.nft.reading.sets import match_elements

_WORD: Final = 4
"""Bytes of the numbers that are shifted."""

_ADDRESSES: Final[Mapping[int, Mapping[int | None, int]]] = {8: {2: 19, 10: 21}, 9: {2: 20, 10: 22}}
"""Addresses of connections of either family (NFT_CT_SRC, NFT_CT_DST), and the keys of those of one, by the family."""

_MARK: Final = 3  # NFT_META_MARK and NFT_CT_MARK


def _whole(field: PacketField) -> Loaded:
    return Loaded(field, field.size)


def _load(slot: int, field: PacketField) -> Explanation:
    loaded = _whole(field)

    def explain(rule: ExplainedRule) -> None:
        rule.registers[slot] = loaded

    return explain


def load_meta(parts: Parts) -> Explanation:
    """Read what the kernel knows of a packet, or write its mark."""
    key = parts.number(2)
    if 3 not in parts:
        return _load(parts.slot(1), meta(key))
    source = parts.slot(3)
    return (lambda rule: _write_mark(rule, MARK, CONNECTION_MARK, "restore", source)) if key == _MARK else nothing


def load_ct(parts: Parts) -> Explanation:
    """Read what is known of a packet's connection, or write its mark."""
    key = parts.number(2)
    if 4 not in parts:
        direction = parts.number(3) if 3 in parts else None
        if key in _ADDRESSES:
            return _load_address(parts.slot(1), _ADDRESSES[key], direction)
        return _load(parts.slot(1), connection(key, direction))
    source = parts.slot(4)
    return (lambda rule: _write_mark(rule, CONNECTION_MARK, MARK, "save", source)) if key == _MARK else nothing


def _load_address(slot: int, keys: Mapping[int | None, int], direction: int | None) -> Explanation:
    """Read an address of a connection, which is one of the packet's own family."""

    def explain(rule: ExplainedRule) -> None:
        key = keys.get(rule.network)
        if key is None:
            rule.registers.pop(slot, None)
        else:
            field = connection(key, direction)
            rule.registers[slot] = _whole(field._replace(name=field.name.replace(" ip ", " ").replace(" ip6 ", " ")))

    return explain


def _write_mark(rule: ExplainedRule, own: PacketField, other: PacketField, verb: str, register: int) -> None:
    """Write a register to the mark `own`; `verb` is what copying the `other` mark to it is called."""
    plainly = "set" if verb == "restore" else "save"
    match rule.registers.get(register):
        case Constant(data):
            rule.effect(plainly, rule.context.codec.number(data[:4]))
        case Loaded(which) if which == other:
            rule.effect(verb, None)
        case Masked(which, mask, 0, shift) if which == other:
            rule.effect(verb, None, bits=mask, shift=shift)
        case Loaded(which) if which == own:
            rule.effect(plainly, 0, 0)
        case Masked(which, mask, flip, 0) if which == own:
            rule.effect(plainly, flip, ~mask & ALL_BITS)
        case Mixed(Masked(kept, mask, 0, 0), Masked(which, bits, 0, shift), "^") if (kept, which) == (own, other):
            rule.effect(verb, None, ~mask & ALL_BITS, bits, shift)
        case Mixed(Masked(which, bits, 0, shift), Masked(kept, mask, 0, 0), "^") if (kept, which) == (own, other):
            rule.effect(verb, None, ~mask & ALL_BITS, bits, shift)
        case Mapped() as mapped:
            _write_mapped(rule, plainly, own.name, mapped)
        case Loaded(which):
            rule.unclear_effect(plainly, f"{own.name} set {which.name}")
        case Masked() | Mixed() as expression:
            rule.unclear_effect(plainly, f"{own.name} set {expression.name}")
        case _:
            rule.unclear_effect(plainly, f"{own.name} set [register {register}]")


def _write_mapped(rule: ExplainedRule, verb: str, target: str, mapped: Mapped) -> None:
    keys, whole = mapped
    rule.settle(whole.name)
    text = f"{target} set {' . '.join(key.field.name for key in keys)} map @{whole.name}"
    if whole.moving or not whole.elements:
        rule.unclear_effect(verb, text, whole.name)
        return
    codec = rule.context.codec
    values: dict[tuple[int, bytes, bytes], list[Element]] = {}
    end = keys[-1].offset
    for element in whole.elements:
        # Elements that differ in their last field only become one effect: a selector can hold what they ask for.
        value = codec.number(element.data[:4])
        values.setdefault((value, element.first[:end], element.last[:end]), []).append(element)
    choices = tuple(
        (value, tuple(match_elements(codec.order, keys, whole, found))) for (value, _, _), found in values.items()
    )
    rule.effects.append(Effect(verb, None, ALL_BITS, len(rule.conditions), text=text, choices=choices))


def load_payload(parts: Parts) -> Explanation | None:
    """Read a part of a header."""
    if 5 in parts:
        return nothing  # it writes to the packet
    slot, base, offset, size = parts.slot(1), parts.number(2), parts.number(3), parts.number(4)
    if not 0 < size <= REGISTERS:
        return None
    known: dict[Layers, Operand] = {}

    def explain(rule: ExplainedRule) -> None:
        layers = Layers(rule.network, rule.transport, rule.messages)
        operand = known.get(layers)
        if operand is None:
            fields = read_header(base, layers, offset, size)
            operand = known[layers] = Loaded(fields[0], size) if len(fields) == 1 else Joined(fields)
        rule.registers[slot] = operand

    return explain


def load_numgen(parts: Parts) -> Explanation:
    """Read a number that counts, or a random one."""
    kind = "inc" if parts.number(3) == 0 else "random"
    offset = f" offset {parts.number(4)}" if parts.number(4) else ""
    return _load(parts.slot(1), PacketField(f"numgen {kind} mod {parts.number(2)}{offset}", 4, host=True))


def load_hash(parts: Parts) -> Explanation:
    """Read a hash of some fields."""
    source, slot, size = parts.slot(1), parts.slot(2), parts.number(3)
    rest = f"mod {parts.number(4)}"
    rest += f" seed 0x{parts.number(5):x}" if 5 in parts else ""
    rest += f" offset {parts.number(6)}" if parts.number(6) else ""
    if parts.number(7) == 1:
        return _load(slot, PacketField(f"symhash {rest}", 4, host=True))

    def explain(rule: ExplainedRule) -> None:
        keys = rule.keys(source, size)
        if keys is None:
            rule.puzzle(f"[jhash of {size} bytes]")
        else:
            name = f"jhash {' . '.join(key.field.name for key in keys)} {rest}"
            rule.registers[slot] = _whole(PacketField(name, 4, host=True))

    return explain


def load_fib(parts: Parts) -> Explanation:
    """Read the answer of the routing table."""
    return _load(parts.slot(1), fib_field(parts))


def fib_field(parts: Parts) -> PacketField:
    """Return what is asked of the routing table."""
    flags, result = parts.number(3), parts.number(2)
    names = [name for bit, name in enumerate(("saddr", "daddr", "mark", "iif", "oif")) if flags & 1 << bit]
    kind, what = {1: ("index", "oif"), 2: ("interface", "oifname"), 3: ("addrtype", "type")}.get(result, ("bits", "?"))
    size = 16 if kind == "interface" else 4
    if flags & 32:
        kind, size = "present", 1
    return PacketField(f"fib {' . '.join(names)} {what}", size, kind, host=kind != "interface")


def load_socket(parts: Parts) -> Explanation | None:
    """Read what is known of the packet's socket."""
    field = SOCKET.get(parts.number(1))
    return _load(parts.slot(2), field) if field else None


def load_rt(parts: Parts) -> Explanation | None:
    """Read what is known of the packet's route."""
    field = ROUTE.get(parts.number(2))
    return _load(parts.slot(1), field) if field else None


def load_exthdr(parts: Parts) -> Explanation | None:
    """Read an option of TCP or IPv4, an extension header of IPv6 or a chunk of SCTP, or whether it is there."""
    if 7 in parts or 1 not in parts:
        return nothing  # it writes to the packet, or takes an option out
    kind, offset, size = parts.number(2), parts.number(3), parts.number(4)
    field = read_option(parts.number(6), kind, offset, size, present=bool(parts.number(5) & 1))
    return _load(parts.slot(1), field)


def load_xfrm(parts: Parts) -> Explanation | None:
    """Read the policy of IPsec that a packet came, or goes, under."""
    field = IPSEC.get(parts.number(2))
    if field is None:
        return None
    level = f" spnum {parts.number(4)}" if parts.number(4) else ""
    way = "out" if parts.number(3) else "in"
    return _load(parts.slot(1), field._replace(name=f"ipsec {way}{level} {field.name}"))


def load_osf(parts: Parts) -> Explanation:
    """Read which system a connection begins from, as its first packet shows."""
    ttl = {1: " ttl loose", 2: " ttl skip"}.get(parts.number(2), "")
    what = "version" if parts.number(3) & 1 else "name"
    return _load(parts.slot(1), PacketField(f"osf{ttl} {what}", 16, "text"))


def _change(source: int, slot: int, change: Callable[[Operand | None], Operand | None]) -> Explanation:
    """Return what puts a changed register into another one, whose content is unknown where that is None."""

    def explain(rule: ExplainedRule) -> None:
        result = change(rule.registers.get(source))
        if result is None:
            rule.registers.pop(slot, None)
        else:
            rule.registers[slot] = result

    return explain


def bitwise(parts: Parts) -> Explanation:
    """Combine a register with constants."""
    source, slot, operation = parts.slot(1), parts.slot(2), parts.number(6)
    if operation in (1, 2):
        bits = parts.codec.number(parts.constant(7))
        return _shift(source, slot, bits if operation == 1 else -bits)
    if operation in COMBINED:
        return _combine(source, parts.slot(8), slot, COMBINED[operation])
    mask, flip, order = parts.constant(4), parts.constant(5), parts.codec.order

    def change(operand: Operand | None) -> Operand | None:
        match operand:
            case Loaded(field, size) if field.host or size <= field.size:
                result = _masked(field, mask, flip, order)
            case Masked(field, before, flipped, shift):
                new = _masked(field, mask, flip, order)
                kept = new.mask >> shift if shift >= 0 else new.mask << -shift
                result = Masked(field, before & kept, (flipped & new.mask) ^ new.flip, shift)
            case Constant(data) if len(data) == len(mask):
                return Constant(bytes(a & b ^ c for a, b, c in zip(data, mask, flip, strict=True)))
            case _:
                return None
        return _whole(field) if result == Masked(field, field.most, 0) else result

    return _change(source, slot, change if not operation and len(mask) == len(flip) else lambda _: None)


def _combine(source: int, second: int, slot: int, sign: str) -> Explanation:
    """Combine two registers, as Linux does since 6.13."""

    def explain(rule: ExplainedRule) -> None:
        operands = [_as_masked(rule.registers.get(register)) for register in (source, second)]
        match operands:
            case [Masked() as one, Masked() as other] if one.field.host and one.field.size == other.field.size:
                apart = sign == "|" and not one.bits & other.bits
                rule.registers[slot] = Mixed(one, other, "^" if apart else sign)
            case _:
                rule.registers.pop(slot, None)

    return explain


def _as_masked(operand: Operand | None) -> Masked | None:
    match operand:
        case Loaded(field, size) if size == field.size:
            return Masked(field, field.most, 0)
        case Masked():
            return operand
    return None


def _masked(field: PacketField, mask: bytes, flip: bytes, order: Order) -> Masked:
    if not field.host:
        mask, flip = mask.ljust(field.size, b"\0"), flip.ljust(field.size, b"\0")
    return Masked(field, value_of(mask, field, order), value_of(flip, field, order))


def _shift(source: int, slot: int, bits: int) -> Explanation:
    """Move the bits of a register, to the left where `bits` is positive.

    The kernel does so with 32-bit numbers in the order of the machine (nft_bitwise_eval_lshift). What is shorter and
    moved to the left would grow into the bytes behind it, so that only numbers of this size are followed there.
    """

    def change(operand: Operand | None) -> Operand | None:
        before = _as_masked(operand)
        if before is None or before.flip or before.shift:
            return None
        field = before.field
        word = field.host and field.size == _WORD
        if not word and (bits > 0 or field.size > (_WORD if field.host else 1)):
            return None
        return before._replace(shift=bits)

    return _change(source, slot, change)


def byteorder(parts: Parts) -> Explanation:
    """Swap the bytes of a register."""

    def change(operand: Operand | None) -> Operand | None:
        match operand:
            case Loaded(field, size) if size == field.size:
                return Loaded(field._replace(host=not field.host), size)
            case Masked(field, mask, flip):
                return Masked(field._replace(host=not field.host), mask, flip)
        return None

    return _change(parts.slot(1), parts.slot(2), change)
