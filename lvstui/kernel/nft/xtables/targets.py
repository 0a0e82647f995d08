"""The targets of xtables that write marks, as iptables-nft and ebtables-nft put them into rules."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final

from lvstui.core.observed import ALL_BITS
from lvstui.kernel.nft.reading.walk import Walk
from lvstui.kernel.nft.xtables.matches import Step, shown_bytes

_MAP_MARK: Final = 1 << 8  # IPSET_FLAG_MAP_SKBMARK
_SAVE, _RESTORE = 1, 2


def target(name: str, revision: int, info: bytes) -> Step:
    """Read a target, of which only those that write marks matter."""
    shown = f"[target {name} revision {revision} {shown_bytes(info)}]"
    reader = _TARGETS.get((name, revision))
    if reader is None:
        if name not in {known for known, _ in _TARGETS}:
            return lambda _: None
        return lambda walk: walk.effect("set", None, text=shown, certain=False)

    def step(walk: Walk) -> None:
        try:
            reader(walk, info)
        except struct.error:
            walk.effect("set", None, text=shown, certain=False)

    return step


def _set_mark(walk: Walk, info: bytes) -> None:
    mark, mask = walk.unpack("II", info)
    walk.effect("set", mark, mask)


def _connection_mark(walk: Walk, info: bytes) -> None:
    mark, mask, packet_mask, mode = walk.unpack("IIIB", info)
    _connmark_effect(walk, mark, mask, packet_mask, mode)


def _connection_mark_shifted(walk: Walk, info: bytes) -> None:
    mark, mask, packet_mask, direction, bits, mode = walk.unpack("III3B", info)
    if bits:
        verb = ("save", "save", "restore")[min(mode, 2)]
        text = f"CONNMARK mode {mode} shifted {('left', 'right')[direction & 1]} by {bits}"
        walk.effect(verb, None, text=f"{text}, 0x{mark:x}/0x{mask:x}/0x{packet_mask:x}", certain=False)
    else:
        _connmark_effect(walk, mark, mask, packet_mask, mode)


def _connmark_effect(walk: Walk, mark: int, mask: int, packet_mask: int, mode: int) -> None:
    if mode == _SAVE:
        walk.effect("save", None, mask, packet_mask)
    elif mode == _RESTORE:
        walk.effect("restore", None, packet_mask, mask)
    else:
        walk.effect("save", mark, mask)


def _tproxy(walk: Walk, info: bytes) -> None:
    mask, mark = walk.unpack("II", info)
    if mask or mark:
        walk.effect("set", mark, mask)


def _hmark(walk: Walk, info: bytes) -> None:
    modulus, offset = walk.unpack("II", info, 52)
    text = f"meta mark set a hash modulo {modulus} offset {offset} (HMARK)"
    walk.effect("set", None, text=text, certain=False)


def _set_target(walk: Walk, info: bytes) -> None:
    (flags,) = walk.unpack("I", info, 12)
    if flags & _MAP_MARK:
        (index,) = walk.unpack("H", info, 8)
        walk.effect("set", None, text=f"meta mark set by ipset {walk.around.ipsets(index)}", certain=False)


def _bridge_mark(walk: Walk, info: bytes) -> None:
    """struct ebt_mark_t_info of ebtables-nft: the mark, and what to do with it in the upper bits of `target`."""
    mark, action = walk.unpack("Qi", info)
    mark &= ALL_BITS
    effects: dict[int, tuple[int, int]] = {
        0xF0: (mark, ALL_BITS),
        0xE0: (mark, mark),
        0xD0: (0, ~mark & ALL_BITS),
        0xC0: (mark, 0),
    }
    walk.effect("set", *effects[action & 0xF0])


_TARGETS: Final[dict[tuple[str, int], Callable[[Walk, bytes], None]]] = {
    ("MARK", 2): _set_mark,
    ("CONNMARK", 1): _connection_mark,
    ("CONNMARK", 2): _connection_mark_shifted,
    ("TPROXY", 0): _tproxy,
    ("TPROXY", 1): _tproxy,
    ("HMARK", 0): _hmark,
    ("SET", 3): _set_target,
    ("mark", 0): _bridge_mark,
}
