"""What the targets of iptables do, as iptables-save writes them: to marks, and as instructions of a packet's walk."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from ipaddress import ip_address, ip_network
from itertools import pairwise
from typing import Final

from lvstui.core.observed import ALL_BITS
from lvstui.core.packets.program import (
    SLOT,
    Choose,
    Code,
    CopyMark,
    Instruction,
    Mark,
    Named,
    Nat,
    Outcome,
    Prepare,
    Range,
    Unread,
    Untrack,
    Verdict,
    Write,
)
from lvstui.kernel.nft.reading.explained import Effect
from lvstui.kernel.nft.xtables.iptables_options import bits, value_and_mask
from lvstui.kernel.nft.xtables.targets import ENDING, GOING_ON, tproxy

MARKING: Final = frozenset(("MARK", "CONNMARK", "HMARK", "IPMARK", "TPROXY", "SET"))
"""Targets that may do something with a mark."""

_BITS: Final = 32
_SHIFTS: Final = {"--left-shift-mark": 1, "--right-shift-mark": -1}

_VERDICTS: Final = {
    **ENDING,
    "ACCEPT": Outcome.ACCEPT,
    "DROP": Outcome.DROP,
    "RETURN": Outcome.RETURN,
    "QUEUE": Outcome.QUEUE,
}
"""Targets that do nothing that counts here but end the way through the chains of a hook, or of one chain."""

_PORTS: Final = re.compile(r"(?P<addresses>[\d.-]*|\[[^]]+\]):(?P<ports>\d+(?:-\d+)?(?:/\d+)?)")
_NO_PORTS: Final = re.compile(r"(?P<addresses>.+)")
"""Where DNAT leads: addresses of IPv6 stand in brackets where ports follow."""


def mark_effects(target: Sequence[str], asked: int) -> tuple[Effect, ...]:
    """Return what a target, a word and its options, does with a mark after so many conditions."""
    if not target or target[0] not in MARKING:
        return ()
    try:
        return tuple(_effects(target[0], target[1:], asked))
    except (ValueError, LookupError):
        text = " ".join(("-j", *map(shlex.quote, target)))
        return (Effect("set", None, ALL_BITS, asked, text=text, certain=False),)


def _effects(name: str, words: Sequence[str], asked: int) -> Iterator[Effect]:
    """Find what a target does with a mark; raises ValueError or LookupError where that is not understood."""
    shift = 0
    if name == "CONNMARK" and words[-2:-1] and words[-2] in _SHIFTS:
        *words, option, count = words
        shift = _SHIFTS[option] * int(count)
    verb = "set" if name == "MARK" else "save"
    match name, *words:
        case "CONNMARK", "--set-xmark" | "--set-mark", text if shift:
            yield _shifted(text, shift, asked)
        case (("MARK" | "CONNMARK"), ("--set-xmark" | "--set-mark") as option, text):
            value, mask = value_and_mask(text)
            yield Effect(verb, value, mask | value if option == "--set-mark" else mask, asked)
        case (("MARK" | "CONNMARK"), "--or-mark", text):
            yield Effect(verb, bits(text), bits(text), asked)
        case (("MARK" | "CONNMARK"), "--and-mark", text):
            yield Effect(verb, 0, ~bits(text) & ALL_BITS, asked)
        case (("MARK" | "CONNMARK"), "--xor-mark", text):
            yield Effect(verb, bits(text), 0, asked)
        case "CONNMARK", ("--save-mark" | "--restore-mark") as option, *masks:
            yield _copied(option == "--save-mark", dict(zip(masks[::2], masks[1::2], strict=True)), shift, asked)
        case "TPROXY", *_:
            if "--tproxy-mark" in words:
                value, mask = value_and_mask(words[words.index("--tproxy-mark") + 1])
                if value or mask:
                    yield Effect("set", value, mask, asked)
        case "SET", *_:
            if "--map-mark" in words:
                text = f"meta mark set by ipset {words[words.index('--map-set') + 1]}"
                yield Effect("set", None, ALL_BITS, asked, text=text, certain=False)
        case "HMARK", *_:
            modulus, offset = _hash(words)
            text = f"meta mark set a hash modulo {modulus} offset {offset} (HMARK)"
            yield Effect("set", None, ALL_BITS, asked, text=text, certain=False)
        case _:
            raise ValueError(name)


def _shifted(text: str, shift: int, asked: int) -> Effect:
    """Return what CONNMARK does that sets a mark and shifts it; raises ValueError where that is not understood."""
    value, mask = value_and_mask(text)
    if abs(shift) >= _BITS:
        raise ValueError(text)
    if mask == ALL_BITS:
        return Effect("save", (value << shift if shift > 0 else value >> -shift) & ALL_BITS, mask, asked)
    text = f"-j CONNMARK --set-xmark {text} --{'left' if shift > 0 else 'right'}-shift-mark {abs(shift)}"
    return Effect("save", value, mask, asked, text=text, certain=False, shift=shift)


def _copied(save: bool, masks: Mapping[str, str], shift: int, asked: int) -> Effect:
    """Return what CONNMARK does that saves or restores a mark; raises ValueError where that is not understood."""
    if not set(masks) <= {"--nfmask", "--ctmask", "--mask"} or abs(shift) >= _BITS:
        raise ValueError(masks)
    both = masks.get("--mask", "0xffffffff")
    packet, connection = bits(masks.get("--nfmask", both)), bits(masks.get("--ctmask", both))
    if save:
        return Effect("save", None, connection, asked, packet, shift=shift)
    return Effect("restore", None, packet, asked, connection, shift=shift)


def _hash(words: Sequence[str]) -> tuple[int, int]:
    """Return by what HMARK divides its hash, and what it adds; raises ValueError or LookupError."""
    given = dict(pairwise(words))
    modulus, offset = bits(given["--hmark-mod"]), bits(given.get("--hmark-offset", "0"))
    if not 0 < modulus <= ALL_BITS - offset + 1:
        raise ValueError(words)
    return modulus, offset


def instructions(target: Sequence[str], goes: bool, effects: Sequence[Effect], chains: Collection[str]) -> Code:
    """Return what a rule does once it matches; a target that is not known here may do anything.

    `effects` are those on marks, of its matches too.
    """
    name, words = (target[0], target[1:]) if target else ("", ())
    marks = tuple(map(_mark, effects[:-1] if name == "HMARK" else effects))
    if not name or name in GOING_ON:
        return marks
    if name in chains:
        return (*marks, Verdict(Outcome.GOTO if goes else Outcome.JUMP, name))
    if name in _VERDICTS:
        return (*marks, Verdict(_VERDICTS[name]))
    try:
        return (*marks, *_others(name, words))
    except (ValueError, LookupError):
        return (*marks, Unread(" ".join(("-j", name, *map(shlex.quote, words))), marks=True))


def _mark(effect: Effect) -> Instruction:
    if effect.value is not None and effect.shift:
        return Mark(effect.value, effect.mask, True, effect.shift)
    if not effect.certain:
        return Unread(effect.text, marks=True)
    if effect.value is None:
        return CopyMark(effect.verb == "save", effect.mask, effect.bits, effect.shift)
    return Mark(effect.value, effect.mask, effect.verb == "save")


def _others(name: str, words: Sequence[str]) -> Code:
    """Return what a target does besides marks; raises ValueError or LookupError where that is not understood."""
    match name, *words:
        case (("MARK" | "CONNMARK" | "IPMARK" | "SET"), *_):
            return ()
        case "HMARK", *_:
            modulus, offset = _hash(words)
            return Choose(0, offset, offset + modulus - 1, "HMARK"), Write(0, Named("meta mark", SLOT, host=True))
        case "TPROXY", *_:
            return tproxy(sys.byteorder)
        case "DNAT", "--to-destination", text, *_:
            return _destination(text), Verdict(Outcome.ACCEPT)
        case "REDIRECT", *_:
            ports = _range(words[words.index("--to-ports") + 1]) if "--to-ports" in words else None
            return Nat(None, ports, redirect=True), Verdict(Outcome.ACCEPT)
        case "NETMAP", "--to", text:
            network = ip_network(text)
            return Nat((int(network[0]), int(network[-1]))), Verdict(Outcome.ACCEPT)
        case "CT", *_:
            return (Untrack() if "--notrack" in words else Prepare(),)
        case "NOTRACK", *_:
            return (Untrack(),)
        case _:
            raise ValueError(name)


def _destination(text: str) -> Nat:
    """Read where DNAT leads: `10.0.0.1-10.0.0.9:80-90`, `[2001:db8::1]:80`, or an address of IPv6 alone."""
    found = _PORTS.fullmatch(text) or _NO_PORTS.fullmatch(text)
    if found is None:
        raise ValueError(text)
    first, _, last = found["addresses"].strip("[]").partition("-")
    addresses = (int(ip_address(first)), int(ip_address(last or first))) if first else None
    ports = found.groupdict().get("ports")
    return Nat(addresses, _range(ports.partition("/")[0]) if ports else None)


def _range(text: str) -> Range:
    first, _, last = text.partition("-")
    return int(first), int(last or first)
