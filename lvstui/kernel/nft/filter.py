"""The packet filter's rules about marks: read again and again, and our own table written."""

from __future__ import annotations

import errno
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Final, NamedTuple, TypeAlias

from lvstui.core.change import Change, strip_profile_values
from lvstui.core.marks import script as mark_groups
from lvstui.core.model import MarkGroup, MarkGroupKey
from lvstui.core.observed import Rule, Ruleset
from lvstui.core.packets.program import Program, Table
from lvstui.kernel.namespace import call_in
from lvstui.kernel.netlink.channel import Interrupted
from lvstui.kernel.nft import shutter, writing
from lvstui.kernel.nft.ipsets import reading as ipsets
from lvstui.kernel.nft.ipsets.reading import IpSet
from lvstui.kernel.nft.nfnetlink import GETRULE, NUMBERS, Hooked, Netfilter, number, text
from lvstui.kernel.nft.reading import hooks, tables
from lvstui.kernel.nft.reading.explain import Explainer
from lvstui.kernel.nft.reading.instructions import Instructions
from lvstui.kernel.nft.reading.program import Programmer
from lvstui.kernel.nft.reading.tables import OURS, Place, Tables
from lvstui.kernel.nft.shutter import Passage
from lvstui.kernel.nft.writing import NO_RIGHT, NO_TABLES, Held, Stale, what_is_missing
from lvstui.kernel.nft.xtables.legacy import Legacy, LegacyRules
from lvstui.kernel.port import Garbled, KernelError, NoRight, Refused

_FIELD: Final = "match"
UNREAD: Final = (
    "the right to read the packet filter is missing (CAP_NET_ADMIN): start lvstui as root, for example with sudo"
)
CHANGING: Final = (
    "the rules of the packet filter change too fast to be read as a whole; the last complete reading is shown"
)

_ATTEMPTS: Final = 8
_REST: Final = 20
"""Counters are not read again for this many times as long as reading them took."""

_Counts: TypeAlias = dict[tuple[Place, str, int], tuple[int, int]]
_Named: TypeAlias = Mapping[Place, Mapping[str, tuple[int, int]]]


class Found(NamedTuple):
    """What nf_tables holds: as in `Ruleset`, the names of our own counters, and whether the sync door is shut.

    `tables` are those of the program.
    """

    rules: tuple[Rule, ...] = ()
    generation: int = 0
    ours: bool = False
    trouble: str = ""
    missing: str = ""
    counters: frozenset[str] = frozenset()
    shut: bool = False
    tables: tuple[Table, ...] = ()


class Poll:
    """The newest look at nf_tables of a network namespace; `clock` returns seconds."""

    def __init__(self, netns: str | None, clock: Callable[[], float]) -> None:
        self._netns = netns
        self._clock = clock
        self._netfilter: Netfilter | None = None
        self._explainer = Explainer(Netfilter.codec, self._interfaces, self._ipset)
        self._programmer = Programmer(Instructions(Netfilter.codec), self._interfaces, self._ipset, self._held)
        self._good: Found | None = None
        self._reason: str | None = None
        self._names: Mapping[int, str] | None = None
        self._resting = 0.0  # when counters may be read again

    def close(self) -> None:
        """Close the socket; the next look opens another one."""
        if self._netfilter is not None:
            self._netfilter.close()
            self._netfilter = None

    def read(self) -> Found:
        """Read nf_tables; return the same object as long as nothing has changed."""
        return self._try(self._read)

    def read_whole(self) -> Found:
        """Read all tables now; the result holds no rules, but all of the program."""
        return self._try(self._read_whole)

    def hooked(self, family: int, hook: int, device: str) -> Sequence[Hooked]:
        """List what is registered with a hook; nothing where the kernel does not say it."""
        try:
            return self._netfilter.hooks(family, hook, device) if self._netfilter is not None else ()
        except (OSError, KernelError):
            return ()

    def _try(self, look: Callable[[Netfilter], Found]) -> Found:
        try:
            if self._netfilter is None:
                self._netfilter = Netfilter(self._netns)
            return look(self._netfilter)
        except Garbled as problem:
            sentence = str(Garbled(problem.detail, "the packet filter"))
            return (self._good or Found())._replace(trouble=sentence, missing=sentence)
        except KernelError as problem:
            return Found(trouble=str(problem), missing=str(problem))
        except OSError as problem:
            if problem.errno not in (errno.EPERM, errno.EINVAL):
                self.close()
            return _unread(problem)

    def pass_over(self, transactions: int) -> None:
        """Take note of transactions that changed nothing in the end: unless there were others, nothing is read anew."""
        with suppress(OSError):
            good, netfilter = self._good, self._netfilter
            if good and netfilter and netfilter.generation() == good.generation + transactions:
                self._good = good._replace(generation=good.generation + transactions)

    def _read(self, netfilter: Netfilter) -> Found:
        generation = netfilter.generation()
        good = self._good
        if good is None or good.generation != generation:
            return self._read_anew(netfilter)
        if good.rules and self._clock() >= self._resting:
            good = self._good = self._count_again(netfilter, good)
        return good

    def _read_whole(self, netfilter: Netfilter) -> Found:
        seen = self._standing(netfilter, whole=True)
        return Found(trouble=CHANGING) if seen is None else Found(tables=self._programmer.tables(seen))

    def _standing(self, netfilter: Netfilter, *, whole: bool = False) -> Tables | None:
        """Read tables while they stand still; None where they do not."""
        for _ in range(_ATTEMPTS):
            try:
                seen = tables.read(netfilter, whole=whole)
            except Interrupted:
                continue
            self._names = None  # an interface may have another number by now
            return seen
        return None

    def _read_anew(self, netfilter: Netfilter) -> Found:
        seen = self._standing(netfilter)
        if seen is None:
            return (self._good or Found())._replace(trouble=CHANGING)
        rules = self._explainer.explain(seen)
        ours = seen.tables.get(OURS)
        inet = any(place.family == OURS.family for place in seen.tables)
        if not inet and self._reason is None:  # looked up once, as it does not change
            self._reason = what_is_missing(self._netns)
        missing = "" if inet else self._reason or ""
        counters = frozenset(ours.counters) if ours is not None else frozenset()
        shut = shutter.SHUTTER in seen.tables
        program = self._programmer.tables(seen)
        self._good = Found(rules, seen.generation, ours is not None, "", missing, counters, shut, program)
        self._resting = 0.0
        return self._good

    def _ipset(self, index: int) -> str:
        return self._netfilter.ipset(index) if self._netfilter is not None else f"#{index}"

    def _held(self, name: str) -> IpSet:
        return ipsets.read(self._netfilter, name) if self._netfilter is not None else IpSet(name)

    def _interfaces(self) -> Mapping[int, str]:
        """Return the names of the namespace's interfaces by their numbers; looked up when a rule asks for one.

        Rules of a program may be put into words by another thread, while this one looks anew.
        """
        names = self._names
        if names is None:
            names = self._names = call_in(self._netns, lambda: dict(socket.if_nameindex()))
        return names

    def _count_again(self, netfilter: Netfilter, good: Found) -> Found:
        """Read the counters again, of chains that hold rules about marks; what was found is dropped if it changed."""
        began = self._clock()
        try:
            counts, named = self._counts(netfilter, good.rules)
            same = netfilter.generation() == good.generation
        except (OSError, KernelError):
            same, counts, named = False, {}, {}
        ended = self._clock()
        self._resting = ended + _REST * (ended - began)
        if not same:
            return good
        rules = tuple(_with_counts(rule, counts, named) for rule in good.rules)
        if all(new is old for new, old in zip(rules, good.rules, strict=True)):
            return good
        return good._replace(rules=rules)

    def _counts(self, netfilter: Netfilter, rules: Sequence[Rule]) -> tuple[_Counts, _Named]:
        """Read the counters of these rules: their own by place, chain and handle, and named ones."""
        chains = dict.fromkeys((_place(r), r.chain) for r in rules if r.packets is not None and not r.counter)
        counts: _Counts = {}
        for place, chain in chains:
            for item in netfilter.dump(GETRULE, place.family, text(1, place.table) + text(2, chain)):
                body = netfilter.codec.attributes(item.body)
                if (found := self._explainer.expressions.read_counter(body.get(4, b""))) is not None:
                    counts[place, chain, number(body.get(3))] = found
        shared = dict.fromkeys(_place(rule) for rule in rules if rule.counter)
        return counts, {place: tables.counters(netfilter, place) for place in shared}


def _place(rule: Rule) -> Place:
    return Place(NUMBERS.get(rule.family, 0), rule.table)


def _with_counts(rule: Rule, counts: _Counts, named: _Named) -> Rule:
    place = _place(rule)
    found = named.get(place, {}).get(rule.counter) if rule.counter else counts.get((place, rule.chain, rule.handle))
    if found is None or found == (rule.packets, rule.bytes):
        return rule
    return replace(rule, packets=found[0], bytes=found[1])


def _unread(problem: OSError) -> Found:
    match problem.errno:
        case errno.EPERM:
            return Found(trouble=UNREAD, missing=NO_RIGHT)
        case errno.EINVAL | errno.EPROTONOSUPPORT | errno.EAFNOSUPPORT:
            return Found(missing=NO_TABLES)
        case _:
            sentence = f"the packet filter did not answer: {problem.strerror}"
            return Found(trouble=sentence, missing=sentence)


class PacketFilter:
    """The packet filter of a network namespace: `netns` (a name of `ip netns`) or our own.

    Nothing is opened before the first look. `clock` returns seconds and paces what is costly to read.
    """

    def __init__(self, netns: str | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._netns = netns
        self._poll = Poll(netns, clock)
        self._legacy = Legacy(netns, clock)
        self._last: tuple[Found, LegacyRules, Ruleset] | None = None

    def close(self) -> None:
        """Close the socket."""
        self._poll.close()

    def read(self) -> Ruleset:
        """Read all rules about marks.

        Nothing is raised: the result says what is not known, and why nothing can be written. The same object is
        returned while nothing has changed; where only counters moved, one of the same generation with other counts.
        """
        found, older = self._poll.read(), self._legacy.read()
        if self._last is None or self._last[0] is not found or self._last[1] is not older:
            trouble = "; ".join(filter(None, (found.trouble, older.trouble)))
            rules = (*found.rules, *older.rules)
            program = self._arranged(found, older, trouble)
            known = Ruleset(rules, found.generation, found.ours, trouble, found.missing, program)
            self._last = found, older, known
        return self._last[2]

    def program(self) -> Program:
        """Read all rules that packets pass on their way to IPVS, also those that have nothing to do with marks.

        Nothing is raised: the result says what is not known.
        """
        found, older = self._poll.read_whole(), self._legacy.read()
        return self._arrange(found, older, "; ".join(filter(None, (found.trouble, older.trouble))))

    def _arranged(self, found: Found, older: LegacyRules, trouble: str) -> Program:
        """Return the program of the marks, the same object where no table changed."""
        if self._last is not None:
            before, older_before, known = self._last
            same = before.tables is found.tables and older_before.tables is older.tables
            if same and known.program.trouble == trouble:
                return known.program
        return self._arrange(found, older, trouble)

    def _arrange(self, found: Found, older: LegacyRules, trouble: str) -> Program:
        order = Netfilter.codec.order
        return hooks.arrange((*found.tables, *older.tables), order, self._poll.hooked, trouble)

    def lookup(self, mark: int) -> MarkGroup | None:
        """Read the group that our table holds for a mark now."""
        return mark_groups.groups(self._writable().rules).get(mark)

    def write(self, change: Change) -> None:
        """Write our table, so that it holds the group as it is after the change, everything else in it as it was.

        Raises `NoRight`, or `Refused` where the group is no longer what the change says it was, or the ruleset did not
        stand still; nothing was changed then.
        """
        if not isinstance(change.target, MarkGroupKey):
            return
        mark, (before, after) = change.target.mark, map(strip_profile_values, change.values(MarkGroup))
        for _ in range(2):
            found = self._writable()
            groups = dict(mark_groups.groups(found.rules))
            if groups.get(mark) != before:
                raise Refused(f"match: the rules of mark {mark} were changed meanwhile; look again", _FIELD)
            if after is None:
                del groups[mark]
            else:
                groups[mark] = after
            try:
                writing.write(self._netns, groups, Held(found.generation, found.ours, found.counters))
                return
            except Stale:
                continue
        raise Refused("match: the packet filter's rules changed while this was written, twice; try again", _FIELD)

    @property
    def shut(self) -> bool:
        """Whether the sync door was seen shut at the last look: by another lvstui, or by one that was killed."""
        return self._last is not None and self._last[0].shut

    @contextmanager
    def only(self, passage: Passage) -> Iterator[str]:
        """Let nobody else send to a group and port meanwhile; yield why that is not possible, else an empty text.

        To be called in this namespace.
        """
        reason = shutter.shut(passage)
        try:
            yield reason
        finally:
            if not reason:
                shutter.reopen()
                self._poll.pass_over(2)

    def reopen(self) -> None:
        """Remove what an lvstui left shut that was killed. To be called in this namespace."""
        shutter.reopen()

    def _writable(self) -> Found:
        """Look at our table for a write: what is not known for certain is not written over."""
        found = self._poll.read()
        if found.missing == NO_RIGHT:
            raise NoRight(NO_RIGHT)
        if found.missing or found.trouble:
            raise Refused(f"match: {found.missing or found.trouble}", _FIELD)
        return found
