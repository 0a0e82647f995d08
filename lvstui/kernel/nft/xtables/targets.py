"""The targets of xtables as instructions: structures of the UAPI, and what the kernel does with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, TypeAlias

from lvstui.core.observed import ALL_BITS
from lvstui.core.packets.program import (
    SLOT,
    Branch,
    ByteOrder,
    Choose,
    Code,
    Contents,
    CopyMark,
    Element,
    Mark,
    Named,
    Nat,
    Outcome,
    Prepare,
    Unread,
    Untrack,
    Verdict,
    Write,
)
from lvstui.kernel.netlink.attributes import Codec
from lvstui.kernel.port import Garbled

_Reader: TypeAlias = Callable[[bytes, str, Codec], Code]

_PACKET_MARK: Final = Named("meta mark", SLOT, host=True)
SAVE, RESTORE = 1, 2  # XT_CONNMARK_*
_MAP_ADDRESSES, _MAP_PORTS = 1, 2  # NF_NAT_RANGE_*
MAP_MARK: Final = 1 << 8  # IPSET_FLAG_MAP_SKBMARK
_NOTRACK: Final = 1  # XT_CT_NOTRACK


def read(name: str, revision: int, info: bytes, family: str, codec: Codec) -> Code:
    """Return what a target does; one that is not known here, or has another shape, may do anything."""
    if name in GOING_ON:
        return ()
    if name in ENDING:
        return (Verdict(ENDING[name]),)
    reader = _READERS.get((name, revision))
    try:
        if reader is not None:
            return reader(info, family, codec)
    except Garbled:
        pass
    return (Unread(f"-j {name}", marks=True),)


def _mark(info: bytes, _: str, codec: Codec) -> Code:
    mark, mask = codec.unpack("II", info)
    return (Mark(mark, mask),)


class ConnectionMark(NamedTuple):
    """struct xt_connmark_tginfo1, or tginfo2, which has the direction and the bits of a shift before its mode.

    `moved` is how far the mark is shifted, to the left where positive.
    """

    mode: int
    mark: int
    mask: int
    packet_mask: int
    moved: int


def connection_mark(form: str, info: bytes, codec: Codec) -> ConnectionMark:
    """Read the target CONNMARK, packed in this `form`. Raises `Garbled`."""
    mark, mask, packet_mask, *shift, mode = codec.unpack(form, info)
    right, bits = shift or (0, 0)
    if bits >= 8 * SLOT:
        raise Garbled(f"a mark shifted by {bits} bits")
    return ConnectionMark(mode, mark, mask, packet_mask, -bits if right else bits)


def _connmark(form: str) -> _Reader:
    def reader(info: bytes, _: str, codec: Codec) -> Code:
        mode, mark, mask, packet_mask, moved = connection_mark(form, info, codec)
        if mode == SAVE:
            return (CopyMark(True, mask, packet_mask, moved),)
        if mode == RESTORE:
            return (CopyMark(False, packet_mask, mask, moved),)
        return (Mark(mark, mask, True, moved),)

    return reader


def _tproxy(info: bytes, _: str, codec: Codec) -> Code:
    mask, mark = codec.unpack("II", info)
    return Mark(mark, mask), *tproxy(codec.order)


def tproxy(order: ByteOrder) -> Code:
    """Accept packets for which there is a socket, and drop all others (xt_TPROXY.c)."""
    ways = tuple(
        Element(key, key, verdict=Verdict(outcome))
        for number, outcome in enumerate((Outcome.ACCEPT, Outcome.DROP))
        for key in (number.to_bytes(SLOT, order),)
    )
    return Choose(0, 0, 1, "TPROXY finds a socket"), Branch(0, Contents("TPROXY", SLOT, (), ways))


def _hmark(info: bytes, _: str, codec: Codec) -> Code:
    modulus, offset = codec.unpack("II", info, 52)
    if not 0 < modulus <= ALL_BITS - offset + 1:
        raise Garbled(f"a hash modulo {modulus} from {offset}")
    return Choose(0, offset, offset + modulus - 1, "HMARK"), Write(0, _PACKET_MARK)


def _set(info: bytes, _: str, codec: Codec) -> Code:
    (flags,) = codec.unpack("I", info, 12)
    return (Unread("-j SET --map-mark", marks=True),) if flags & MAP_MARK else ()


def _ct(info: bytes, _: str, codec: Codec) -> Code:
    (flags,) = codec.unpack("H", info)
    return (Untrack() if flags & _NOTRACK else Prepare(),)


def _nat(revision: int, redirect: bool = False) -> _Reader:
    """struct nf_nat_range: flags, two addresses and ports; at revision 0 of IPv4 nf_nat_ipv4_multi_range_compat."""

    def reader(info: bytes, family: str, codec: Codec) -> Code:
        wide = revision > 0 or family != "ip"
        start, room, size = 0 if wide else 4, 16 if wide else 4, 4 if family == "ip" else 16
        (flags,) = codec.unpack("I", info, start)
        low, high, place = start + 4, start + 4 + room, start + 4 + 2 * room
        if len(info) < place + 4:
            raise Garbled(f"a range of {len(info)} bytes")
        addresses = _number(info, low, size), _number(info, high, size)
        ports = _number(info, place, 2), _number(info, place + 2, 2)
        mapped = addresses if flags & _MAP_ADDRESSES and not redirect else None
        return Nat(mapped, ports if flags & _MAP_PORTS else None, redirect=redirect), Verdict(Outcome.ACCEPT)

    return reader


def _number(info: bytes, place: int, size: int) -> int:
    return int.from_bytes(info[place : place + size], "big")


_READERS: Final[Mapping[tuple[str, int], _Reader]] = {
    ("MARK", 2): _mark,
    ("CONNMARK", 1): _connmark("IIIB"),
    ("CONNMARK", 2): _connmark("III3B"),
    ("TPROXY", 0): _tproxy,
    ("TPROXY", 1): _tproxy,
    ("HMARK", 0): _hmark,
    ("SET", 3): _set,
    **{("CT", revision): _ct for revision in (0, 1, 2)},
    **{("DNAT", revision): _nat(revision) for revision in (0, 1, 2)},
    ("REDIRECT", 0): _nat(0, redirect=True),
    ("NETMAP", 0): _nat(0),
    ("NOTRACK", 0): lambda *_: (Untrack(),),
    **{("SET", revision): lambda *_: () for revision in (0, 1, 2)},
}

ENDING: Final[Mapping[str, Outcome]] = {
    "REJECT": Outcome.REJECT,
    "NFQUEUE": Outcome.QUEUE,
    "SNAT": Outcome.ACCEPT,
    "MASQUERADE": Outcome.ACCEPT,
    "SYNPROXY": Outcome.STOLEN,
}
"""Targets that do nothing but end the way through the chains of a hook."""

GOING_ON: Final = frozenset(
    (
        *("LOG", "NFLOG", "ULOG", "TRACE", "AUDIT", "LED", "IDLETIMER", "RATEEST", "CLASSIFY", "SECMARK"),
        *("CONNSECMARK", "DSCP", "TOS", "TTL", "HL", "ECN", "TCPMSS", "TCPOPTSTRIP", "CHECKSUM", "TEE"),
    )
)
"""Targets after which a packet goes on, and no other rule sees what they did."""
