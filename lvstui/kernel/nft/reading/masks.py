"""Conditions about some bits of a field."""

from __future__ import annotations

from lvstui.kernel.nft.reading.conditions import FLAGS, Condition, Field, flags_text, within


def masked(which: Field, mask: int, value: int, negated: bool) -> Condition:
    """Ask for some bits: the first ones of an address are a network, a state's are told by their names."""
    if which.name == "ip tos" and mask == 0xFC:
        return Condition(f"ip dscp {'!= ' if negated else ''}0x{value >> 2:x}", which)
    rest = which.most & ~mask
    if not which.host and rest & (rest + 1) == 0 and value & rest == 0:
        return within(which, ((value, value | rest),), negated)
    if which.kind in FLAGS and value == 0:
        return Condition(f"{which.name} {'' if negated else '!= '}{flags_text(which.kind, mask)}", which)
    if mask == which.most:
        return within(which, ((value, value),), negated)
    return Condition(f"{which.name} & 0x{mask:x} {'!=' if negated else '=='} 0x{value:x}", which)
