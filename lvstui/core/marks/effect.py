"""What a rule does with a mark, in words, and which mark it sets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from lvstui.core.observed import ALL_BITS, Rule


def mark_set(rule: Rule) -> int | None:
    """Return the mark that a rule sets, in whole or in part; None where it copies, clears or flips bits only."""
    if rule.verb != "set" or not rule.value or rule.value & ~rule.mask:
        return None
    return rule.value


def mark_saved(rule: Rule) -> int | None:
    """Return the mark that a rule gives to the connection, in whole or in part; None where it does something else."""
    return rule.value if rule.verb == "save" and rule.value and not rule.value & ~rule.mask else None


@dataclass(frozen=True, slots=True)
class MarkParts:
    """What rules may make marks of: `whole` marks without those `bits` that are set singly, or `anything`."""

    whole: frozenset[int] = frozenset((0,))
    bits: int = 0
    anything: bool = False

    @classmethod
    def of(cls, rules: Iterable[Rule]) -> MarkParts:
        """Return the parts that rules have; a mark that is copied was made of those of other rules.

        Rules that no packet comes to have none, nor have those that save a mark that nothing restores.
        """
        met = [rule for rule in rules if rule.hook and not rule.dormant]
        restored = any(rule.verb == "restore" for rule in met)
        whole, bits, anything = {0}, 0, False
        for rule in met if restored else (rule for rule in met if rule.verb != "save"):
            if rule.value is None:
                anything = anything or rule.verb not in ("save", "restore") or rule.shift != 0 or not rule.decoded
            if rule.value is not None:
                whole.add(rule.value)
            if rule.mask != ALL_BITS:
                bits |= rule.mask | (rule.value or 0)
            if rule.bits != ALL_BITS:
                bits |= rule.bits
        return cls(frozenset(value & ~bits for value in whole), bits, anything)

    def may_make(self, mark: int) -> bool:
        """Return whether packets may come to have a mark."""
        return self.anything or mark & ~self.bits in self.whole


def effect_text(rule: Rule) -> str:
    """Write what a rule does with marks: `set 80`, `turn on 0x10`, `flip 0x4000`, `restore 0xff from 0xff00`.

    Bits are written in hex. The verb `save` is about the connection's mark, all others about the packet's.
    """
    value, mask = rule.value, rule.mask
    if value is None:
        return _copied(rule) if rule.decoded else rule.verb
    if mask == ALL_BITS:
        return f"{rule.verb} {value}"
    text = ", ".join(_changed(value, mask)) or "keep all bits"
    return f"save: {text}" if rule.verb == "save" else text


def _changed(value: int, mask: int) -> list[str]:
    on, off, flipped = mask & value, mask & ~value, value & ~mask
    found = []
    if on and off:
        found.append(f"set 0x{on:x}/0x{mask:x}")
    elif mask:
        found.append(f"turn {'on' if on else 'off'} 0x{mask:x}")
    if flipped:
        found.append(f"flip 0x{flipped:x}")
    return found


def _copied(rule: Rule) -> str:
    """Write which bits of a mark are copied to which of the other one, and how far they are moved."""
    text = rule.verb
    if rule.mask != ALL_BITS:
        text += f" 0x{rule.mask:x}"
    if rule.bits != rule.mask:
        text += " from all bits" if rule.bits == ALL_BITS else f" from 0x{rule.bits:x}"
    if rule.shift:
        text += f" {'<<' if rule.shift > 0 else '>>'} {abs(rule.shift)}"
    return text
