"""A rule of nf_tables in words: what it asks, what it does with marks, and where the packet goes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from lvstui.core.observed import ALL_BITS
from lvstui.core.packets.program import Branch, Contents, Instruction, Nat, Untrack, Verdict
from lvstui.kernel.nft.nfnetlink import NETWORK_FAMILIES, NUMBERS
from lvstui.kernel.nft.reading.conditions import words
from lvstui.kernel.nft.reading.explain import comment
from lvstui.kernel.nft.reading.expressions import Expressions
from lvstui.kernel.nft.reading.walk import Effect, Surroundings, Walk

_MARKS: Final = {"set": ("meta mark", "ct mark"), "restore": ("meta mark", "ct mark"), "save": ("ct mark", "meta mark")}
"""What an effect writes, and what it copies."""

_SHOWN: Final = 4
"""Ways of a map of verdicts that are written out."""


def rule_text(around: Surroundings, expressions: bytes, userdata: bytes, code: Iterable[Instruction]) -> str:
    """Write a rule; `expressions` and `userdata` are the kernel's, `code` what it was read as."""
    walk = Walk(around, NUMBERS[around.family] if around.family in NETWORK_FAMILIES else None)
    Expressions(around.codec).walk_through(expressions, walk)
    noted = (comment(userdata) if userdata else "") or walk.comment
    parts = (
        *words(walk.conditions),
        *(effect_text(effect) for effect in walk.effects),
        *_ends(code),
        *([f'comment "{noted}"'] if noted else []),
    )
    return " ".join(parts)


def effect_text(effect: Effect) -> str:
    """Write what a rule does with a mark: `meta mark set 0x50`, `ct mark set meta mark & 0xff`."""
    own, other = _MARKS[effect.verb]
    if effect.text:
        return effect.text
    kept = ALL_BITS & ~effect.mask
    before = f"{own} & 0x{kept:x} ^ " if 0 < kept < ALL_BITS else f"{own} ^ " if kept else ""
    if effect.value is not None:
        if kept and not effect.value:
            return f"{own} set {own} & 0x{kept:x}"
        return f"{own} set {before}0x{effect.value:x}"
    copied = other if effect.bits == ALL_BITS else f"{other} & 0x{effect.bits:x}"
    if effect.shift:
        copied = f"({copied}) {'<<' if effect.shift > 0 else '>>'} {abs(effect.shift)}"
    return f"{own} set {before}{copied}"


def _ends(code: Iterable[Instruction]) -> Iterator[str]:
    for instruction in code:
        match instruction:
            case Verdict():
                yield verdict_text(instruction)
            case Branch(_, contents):
                yield f"vmap {_ways(contents)}"
            case Nat(redirect=True):
                yield "redirect"
            case Nat():
                yield "dnat"
            case Untrack():
                yield "notrack"


def verdict_text(verdict: Verdict) -> str:
    """Write a verdict: `accept`, `jump web`."""
    return f"{verdict.outcome.value} {verdict.chain}" if verdict.chain else verdict.outcome.value


def _ways(contents: Contents) -> str:
    verdicts = dict.fromkeys(verdict_text(each.verdict) for each in contents.elements if each.verdict is not None)
    shown = list(verdicts)[:_SHOWN]
    return f"@{contents.name} {{ {', '.join((*shown, *(['...'] if len(verdicts) > _SHOWN else [])))} }}"
