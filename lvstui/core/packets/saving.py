"""Which bits of connections' marks rules may write on the way of what IPVS sends on and of what answers it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from lvstui.core.packets.bits import FULL
from lvstui.core.packets.program import (
    Branch,
    Chain,
    CopyMark,
    Instruction,
    Mark,
    Named,
    Program,
    Table,
    Unread,
    Verdict,
    Write,
)

_ELSEWHERE: Final = ("forward", "output", "postrouting")
"""What IPVS sends on goes out through output and postrouting (ip_vs_xmit.c), answers through forward too."""


def saved_elsewhere(program: Program) -> int:
    """Return the bits that rules may write to the mark of a connection that IPVS took, behind IPVS."""
    tables = dict.fromkeys(stop.table for stops in program.hooks.values() for stop in stops)
    bits = 0
    for table in tables:
        for chain in _reached(table):
            for line in chain.lines:
                for instruction in line.code:
                    bits |= _written(instruction)
    return bits


def _reached(table: Table) -> Iterator[Chain]:
    """Yield the chains that packets behind IPVS come to."""
    todo = [chain for chain in table.chains.values() if chain.hook in _ELSEWHERE and not table.dormant]
    seen = {chain.name for chain in todo}
    while todo:
        chain = todo.pop()
        yield chain
        for name in (name for line in chain.lines for code in line.code for name in _led_to(code)):
            if name in table.chains and name not in seen:
                seen.add(name)
                todo.append(table.chains[name])


def _led_to(instruction: Instruction) -> Iterator[str]:
    match instruction:
        case Verdict(chain=name) if name:
            yield name
        case Branch(contents=contents):
            yield from (one.verdict.chain for one in contents.elements if one.verdict is not None)
        case _:
            return


def _written(instruction: Instruction) -> int:
    match instruction:
        case Mark(value, mask, True, shift):
            return FULL if shift else value | mask
        case CopyMark(save=True, mask=mask, bits=bits, shift=shift):
            return FULL if shift else mask | bits
        case Write(target=Named(name="ct mark")) | Unread(marks=True):
            return FULL
        case _:
            return 0
