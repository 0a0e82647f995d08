"""What is wrong with a director, why, and the edit that repairs it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from lvstui.core.change import Change
from lvstui.core.model import MarkKey, ServerKey, ServiceKey
from lvstui.core.packets.packet import Packet


@dataclass(frozen=True, slots=True)
class Advice:
    """What is wrong, with what, why it matters, and what to do.

    `changes` is the edit that repairs it, empty where the remedy lies outside of IPVS and our table, or needs a choice.
    `key` and `mark` say which service and which mark it is about, where it is about one; `also` are more services.
    `packet` is one that shows what is wrong when it is walked through the rules. `empties` are real servers whose
    clients are moved away with the edit, once its changes hold. What is `wrong` keeps clients from being served, the
    rest is a warning.
    """

    about: str
    sentence: str
    reason: str
    remedy: str
    changes: tuple[Change, ...] = ()
    key: ServiceKey | None = None
    mark: int | None = None
    packet: Packet | None = None
    also: tuple[ServiceKey, ...] = ()
    empties: tuple[ServerKey, ...] = ()
    wrong: bool = False

    def __str__(self) -> str:
        return f"{self.about}: {self.sentence}; {self.reason}. {self.remedy}"

    @property
    def destroys(self) -> bool:
        """Whether the edit removes a whole service."""
        return any(isinstance(change.target, ServiceKey) and change.after is None for change in self.changes)

    def concerns(self, key: ServiceKey) -> bool:
        """Return whether it is about a service; what is about a mark is about all services on it."""
        return self.key == key or key in self.also or (isinstance(key, MarkKey) and self.mark == key.mark)


def wrong(found: Iterable[Advice]) -> Iterator[Advice]:
    """Go through advice about what keeps clients from being served."""
    return (replace(one, wrong=True) for one in found)


class Alike(NamedTuple):
    """Advice that says the same of one thing or of many, which is one line."""

    pieces: tuple[Advice, ...]

    @property
    def about(self) -> str:
        """What it is about: the first thing, and how many more."""
        more = len(self.pieces) - 1
        return f"{self.pieces[0].about} and {more:,} more" if more else self.pieces[0].about

    @property
    def wrong(self) -> bool:
        """Whether it keeps clients from being served."""
        return any(piece.wrong for piece in self.pieces)

    @property
    def sentence(self) -> str:
        """What is wrong; where that differs by numbers, without those that differ."""
        sentences = tuple(dict.fromkeys(piece.sentence for piece in self.pieces))
        numbers = map(_common, zip(*map(_NUMBERED.findall, sentences), strict=False))
        return _NUMBERED.sub(lambda _: next(numbers, "..."), sentences[0])


_NUMBERED: Final = re.compile(r"[^\s(),;]*\d[^\s(),;]*")
"""Words with digits: addresses, marks, ports, names of machines."""


def _common(words: tuple[str, ...]) -> str:
    """Return what words with digits have in common: all, an address before ports that differ, or nothing (`...`)."""
    if len(set(words)) == 1:
        return words[0]
    addresses = {word.rpartition(":")[0] for word in words}
    return addresses.pop() or "..." if len(addresses) == 1 else "..."


def without_numbers(sentence: str) -> str:
    """Return what a sentence says of anything: without addresses, marks, ports and other words with digits."""
    return _NUMBERED.sub("", sentence)


_FEW: Final = 3
"""So many pieces that say the same are a line each."""


def grouped(found: Iterable[Advice]) -> tuple[Alike, ...]:
    """Return advice with those pieces together that say the same but for numbers, where they are many."""
    kinds: dict[str, list[Advice]] = {}
    for piece in found:
        kinds.setdefault(without_numbers(piece.sentence), []).append(piece)
    return tuple(
        Alike(together)
        for pieces in kinds.values()
        for together in ([tuple(pieces)] if len(pieces) > _FEW else [(piece,) for piece in pieces])
    )
