"""What the targets of iptables do, as iptables-save writes them: to marks, and as instructions of a packet's walk."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

from lvstui.core.observed import ALL_BITS
from lvstui.kernel.nft.reading.walk import Effect
from lvstui.kernel.nft.xtables.iptables_matches import bits, value_and_mask

_MARKING: Final = frozenset(("MARK", "CONNMARK", "HMARK", "IPMARK", "TPROXY", "SET"))


def mark_effects(target: Sequence[str], asked: int) -> tuple[Effect, ...]:
    """Return what a target, a word and its options, does with a mark after so many conditions."""
    if not target or target[0] not in _MARKING:
        return ()
    try:
        return tuple(_effects(target[0], target[1:], asked))
    except (ValueError, LookupError):
        text = " ".join(("-j", *map(shlex.quote, target)))
        return (Effect("set", None, ALL_BITS, asked, text=text, certain=False),)


def _effects(name: str, words: Sequence[str], asked: int) -> Iterator[Effect]:
    """Find what a target does with a mark; raises ValueError or LookupError where that is not understood."""
    match name, *words:
        case (("MARK" | "CONNMARK"), ("--set-xmark" | "--set-mark") as option, text):
            value, mask = value_and_mask(text)
            verb = "set" if name == "MARK" else "save"
            yield Effect(verb, value, mask | value if option == "--set-mark" else mask, asked)
        case (("MARK" | "CONNMARK"), "--or-mark", text):
            yield Effect("set" if name == "MARK" else "save", bits(text), bits(text), asked)
        case (("MARK" | "CONNMARK"), "--and-mark", text):
            yield Effect("set" if name == "MARK" else "save", 0, ~bits(text) & ALL_BITS, asked)
        case (("MARK" | "CONNMARK"), "--xor-mark", text):
            yield Effect("set" if name == "MARK" else "save", bits(text), 0, asked)
        case "CONNMARK", ("--save-mark" | "--restore-mark") as option, *more:
            masks = dict(zip(more[::2], more[1::2], strict=True))
            if not set(masks) <= {"--nfmask", "--ctmask", "--mask"}:
                raise ValueError(more)
            both = masks.get("--mask", "0xffffffff")
            packet, connection = bits(masks.get("--nfmask", both)), bits(masks.get("--ctmask", both))
            if option == "--save-mark":
                yield Effect("save", None, connection, asked, packet)
            else:
                yield Effect("restore", None, packet, asked, connection)
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
            given = dict(pairwise(words))
            modulus, offset = int(given["--hmark-mod"]), int(given.get("--hmark-offset", "0"))
            text = f"meta mark set a hash modulo {modulus} offset {offset} (HMARK)"
            yield Effect("set", None, ALL_BITS, asked, text=text, certain=False)
        case _:
            raise ValueError(name)
