"""nf_tables looked at again and again: by its generation, decoded when that changed, counters apart and less often."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from lvstui.core.observed import Rule
from lvstui.kernel.netlink.channel import Answer
from lvstui.kernel.nft.dump import Channel, Interrupted, looking_into
from lvstui.kernel.nft.reading import tables
from lvstui.kernel.nft.reading.explain import Names, explained
from lvstui.kernel.nft.reading.expressions import counted
from lvstui.kernel.nft.reading.tables import OURS, Place
from lvstui.kernel.nft.transaction import NO_RIGHT, NO_TABLES, lacking
from lvstui.kernel.nft.wire import GETRULE, NUMBERS, attributes, number, text
from lvstui.kernel.nft.xtables.ipsets import name_of
from lvstui.kernel.port import KernelError

UNREAD: Final = (
    "the right to read the packet filter is missing (CAP_NET_ADMIN): start lvstui as root, for example with sudo"
)
CHANGING: Final = "the rules of the packet filter change too fast to be read as a whole; shown is what was last read"

_ATTEMPTS: Final = 8
_REST: Final = 20
"""How many times as long as the reading of the counters took nothing is read again."""

Counts = dict[tuple[Place, str, int], tuple[int, int]]


class Found(NamedTuple):
    """What nf_tables holds: as in `Ruleset`, and the names of our own counters."""

    rules: tuple[Rule, ...] = ()
    generation: int = 0
    ours: bool = False
    trouble: str = ""
    missing: str = ""
    counters: frozenset[str] = frozenset()


class Poll:
    """The newest look at nf_tables of a network namespace; `clock` gives seconds."""

    def __init__(self, netns: str | None, clock: Callable[[], float]) -> None:
        self._netns = netns
        self._clock = clock
        self._channel: Channel | None = None
        self._good: Found | None = None
        self._lacking: str | None = None
        self._counted = 0.0  # when counters were read last, and when they may be again
        self._resting = 0.0

    def close(self) -> None:
        """Close the socket; the next look opens another one."""
        if self._channel is not None:
            self._channel.close()
            self._channel = None

    def read(self) -> Found:
        """Look; the same object is given as long as nothing has changed."""
        try:
            if self._channel is None:
                self._channel = Channel(self._netns)
            return self._read(self._channel)
        except KernelError as problem:
            return Found(trouble=str(problem), missing=str(problem))
        except Answer as problem:
            if problem.code not in (errno.EPERM, errno.EINVAL):
                self.close()
            return _unread(problem)

    def _read(self, channel: Channel) -> Found:
        generation = channel.generation()
        good = self._good
        if good is None or good.generation != generation:
            return self._anew(channel)
        if good.rules and self._clock() >= self._resting:
            good = self._good = self._recounted(channel, good)
        return good

    def _anew(self, channel: Channel) -> Found:
        for _ in range(_ATTEMPTS):
            try:
                seen = tables.read(channel)
            except Interrupted:
                continue
            rules = explained(seen, Names(_Interfaces(self._netns).names, self._ipset))
            ours = seen.tables.get(OURS)
            inet = any(place.family == OURS.family for place in seen.tables)
            missing = "" if inet else self._missing()
            counters = frozenset(ours.counters) if ours is not None else frozenset()
            self._good = Found(rules, seen.generation, ours is not None, "", missing, counters)
            self._resting = 0.0
            return self._good
        return (self._good or Found())._replace(trouble=CHANGING)

    def _missing(self) -> str:
        """Say why rules cannot be written here; asked once, as that does not change."""
        if self._lacking is None:
            self._lacking = lacking(self._netns)
        return self._lacking

    def _ipset(self, index: int) -> str:
        return name_of(self._channel, index) if self._channel is not None else f"#{index}"

    def _recounted(self, channel: Channel, good: Found) -> Found:
        """Read the counters again, of chains that hold rules about marks; what was found is dropped if it changed."""
        began = self._clock()
        try:
            counts, named = _counts(channel, good.rules)
            same = channel.generation() == good.generation
        except (Interrupted, Answer):
            same, counts, named = False, {}, {}
        ended = self._clock()
        self._resting = ended + _REST * (ended - began)
        if not same:
            return good
        rules = tuple(_recounted(rule, counts, named) for rule in good.rules)
        if all(new is old for new, old in zip(rules, good.rules, strict=True)):
            return good
        return good._replace(rules=rules)


def _place(rule: Rule) -> Place:
    return Place(NUMBERS.get(rule.family, 0), rule.table)


def _counts(channel: Channel, rules: Sequence[Rule]) -> tuple[Counts, Mapping[Place, Mapping[str, tuple[int, int]]]]:
    chains = dict.fromkeys((_place(r), r.chain) for r in rules if r.packets is not None and not r.counter)
    counts: Counts = {}
    for place, chain in chains:
        for item in channel.dump(GETRULE, place.family, text(1, place.table) + text(2, chain)):
            body = attributes(item.body)
            if (found := counted(body.get(4, b""))) is not None:
                counts[place, chain, number(body.get(3))] = found
    shared = dict.fromkeys(_place(rule) for rule in rules if rule.counter)
    return counts, {place: tables.counters(channel, place) for place in shared}


def _recounted(rule: Rule, counts: Counts, named: Mapping[Place, Mapping[str, tuple[int, int]]]) -> Rule:
    place = _place(rule)
    found = named.get(place, {}).get(rule.counter) if rule.counter else counts.get((place, rule.chain, rule.handle))
    if found is None or found == (rule.packets, rule.bytes):
        return rule
    return replace(rule, packets=found[0], bytes=found[1])


def _unread(problem: Answer) -> Found:
    match problem.code:
        case errno.EPERM:
            return Found(trouble=UNREAD, missing=NO_RIGHT)
        case errno.EINVAL | errno.EPROTONOSUPPORT | errno.EAFNOSUPPORT:
            return Found(missing=NO_TABLES)
        case _:
            sentence = f"the packet filter did not answer: {problem}"
            return Found(trouble=sentence, missing=sentence)


class _Interfaces:
    """The names of the namespace's interfaces by their numbers, looked up when a rule asks for one."""

    def __init__(self, netns: str | None) -> None:
        self._netns = netns
        self._names: Mapping[int, str] | None = None

    def names(self) -> Mapping[int, str]:
        """Give the names as they are now."""
        if self._names is None:
            self._names = looking_into(self._netns, lambda: dict(socket.if_nameindex()))
        return self._names
