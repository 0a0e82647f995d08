"""A rule of nf_tables in words: what it asks, what it does with marks, and where the packet goes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Final

from lvstui.core.observed import ALL_BITS
from lvstui.core.packets.program import Element, Instruction, Nat, Untrack, Verdict
from lvstui.kernel.netlink.attributes import Order
from lvstui.kernel.nft.nfnetlink import NETWORK_FAMILIES, NUMBERS, word
from lvstui.kernel.nft.reading.conditions import Condition, words
from lvstui.kernel.nft.reading.explain import comment
from lvstui.kernel.nft.reading.explained import Effect, ExplainedRule
from lvstui.kernel.nft.reading.expressions import Expressions
from lvstui.kernel.nft.reading.fields import PacketField
from lvstui.kernel.nft.reading.parts import Context, Parts
from lvstui.kernel.nft.reading.sets import ANONYMOUS, Key, element_text
from lvstui.kernel.port import Garbled

_MARKS: Final = {"set": ("meta mark", "ct mark"), "restore": ("meta mark", "ct mark"), "save": ("ct mark", "meta mark")}
"""What an effect writes, and what it copies."""

_SHOWN: Final = 4
"""Ways of a map of verdicts that are written out."""


def rule_text(context: Context, expressions: bytes, userdata: bytes, code: Iterable[Instruction]) -> str:
    """Write a rule; `expressions` and `userdata` are the kernel's, `code` what it was read as."""
    rule = ExplainedRule(context, NUMBERS[context.family] if context.family in NETWORK_FAMILIES else None)
    read, codec, ways = Expressions(context.codec), context.codec, list[Condition]()
    for expression in codec.payloads(expressions):
        ways += _branch(rule, expression)
        read.explain(codec.attribute(1, expression), rule)
    asked = words((*rule.conditions, *ways))
    noted = (comment(userdata) if userdata else "") or rule.comment
    parts = (
        *asked[: len(asked) - len(ways)],
        *(effect_text(effect) for effect in rule.effects),
        *asked[len(asked) - len(ways) :],
        *_ends(code),
        *([f'comment "{noted}"'] if noted else []),
    )
    return " ".join(parts)


def _branch(rule: ExplainedRule, expression: bytes) -> Iterator[Condition]:
    """Yield a map of verdicts in words, if an expression looks into one: `tcp dport vmap { 80 : jump web }`."""
    codec = rule.context.codec
    body = codec.attributes(expression)
    if word(body.get(1)) != "lookup":
        return
    parts = Parts(codec, codec.attributes(body.get(2, b"")))
    found = rule.context.sets.get(parts.word(1))
    if found is None or 3 not in parts or parts.number(3):
        return
    keys = rule.keys(parts.slot(2), found.size) or ()
    with suppress(ValueError, LookupError, Garbled):
        ways = [_way(codec.order, keys, element) for element in found.elements[:_SHOWN]]
        more = ["..."] if len(found.elements) > _SHOWN else []
        shown = f"{{ {', '.join((*ways, *more))} }}" if found.flags & ANONYMOUS else f"@{found.name}"
        title = " . ".join(key.field.name for key in keys)
        yield Condition(f"{title} vmap {shown}", PacketField(title, 0, "joined", layer=keys[0].field.layer))


def _way(order: Order, keys: Iterable[Key], element: Element) -> str:
    verdict = verdict_text(element.verdict) if element.verdict is not None else ""
    return f"{'*' if element.rest else element_text(order, keys, element)} : {verdict}"


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
            case Nat(ports=(first, last), registers=False, redirect=True):
                yield f"redirect to :{first}" if first == last else f"redirect to :{first}-{last}"
            case Nat(redirect=True):
                yield "redirect"
            case Nat():
                yield "dnat"
            case Untrack():
                yield "notrack"


def verdict_text(verdict: Verdict) -> str:
    """Write a verdict: `accept`, `jump web`."""
    return f"{verdict.outcome.value} {verdict.chain}" if verdict.chain else verdict.outcome.value
