"""The matches of xtables that ask for rarer headers and for what stands deep in them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from lvstui.kernel.nft.reading.conditions import Condition, in_words, match_values
from lvstui.kernel.nft.reading.explained import ExplainedRule
from lvstui.kernel.nft.reading.fields import port_field
from lvstui.kernel.nft.reading.options import CHUNKS

_SCTP: Final = 132
_SCTP_WORDS: Final = 64
"""Words of the map of chunk types, of which the first eight hold its 256 bits (struct xt_sctp_info)."""

_ONCE: Final = {1: "any", 2: "all", 4: "only"}
"""How several chunk types are asked for (SCTP_CHUNK_MATCH_*)."""


def sctp(rule: ExplainedRule, info: bytes) -> Iterator[Condition]:
    """struct xt_sctp_info: destination ports, then source ports, the map of chunk types, and what is asked of them."""
    first, last, source_first, source_last, *chunks, how = rule.unpack(f"4H{_SCTP_WORDS}II", info)
    count, asked, inverted = rule.unpack("3I", info, 280)
    if asked & 1:
        yield match_values(port_field(_SCTP, "sport"), ((source_first, source_last),), bool(inverted & 1))
    if asked & 2:
        yield match_values(port_field(_SCTP, "dport"), ((first, last),), bool(inverted & 2))
    if asked & 4:
        flags = {kind: (flag, mask) for kind, flag, mask in zip(*[iter(info[268:280])] * 3, strict=True)}
        flags = dict(list(flags.items())[:count])
        kinds = [kind for kind in range(256) if chunks[kind // 32] & 1 << kind % 32]
        words = (
            "all types"
            if len(kinds) == 256
            else ", ".join(chunk_words(kind, *flags.get(kind, (0, 0))) for kind in kinds)
        )
        yield in_words("sctp chunks", f"{_ONCE.get(how, f'how {how}')} {words or 'no types'}", bool(inverted & 4))


def chunk_words(kind: int, flags: int, mask: int) -> str:
    """Write a type of chunks, and which of its flags are asked for."""
    name, _ = CHUNKS.get(kind, (str(kind), {}))
    return f"{name} with flags & 0x{mask:x} == 0x{flags:x}" if mask else name
