"""The packet filter's rules about marks: one look at all of them, and our own table written."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from lvstui.core.change import MarkChange, bare
from lvstui.core.marks import own_table as mark_groups
from lvstui.core.model import MarkGroup
from lvstui.core.observed import Ruleset
from lvstui.kernel.nft import writing
from lvstui.kernel.nft.poll import Found, Poll
from lvstui.kernel.nft.transaction import NO_RIGHT, Stale
from lvstui.kernel.nft.writing import Held
from lvstui.kernel.nft.xtables import legacy
from lvstui.kernel.nft.xtables.legacy import Legacy
from lvstui.kernel.port import NoRight, Refused

_FIELD: Final = "match"


class Filter:
    """The packet filter of a network namespace: `netns` (a name of `ip netns`) or our own.

    Nothing is opened before the first look. `clock` gives seconds and paces what is costly to read.
    """

    def __init__(self, netns: str | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._netns = netns
        self._poll = Poll(netns, clock)
        self._legacy = Legacy(netns, clock)
        self._last: tuple[Found, legacy.Found, Ruleset] | None = None

    def close(self) -> None:
        """Let go of the socket."""
        self._poll.close()

    def read(self) -> Ruleset:
        """Read all rules about marks.

        Nothing is raised: the result says what is not known, and why nothing can be written. The same object is given
        while nothing has changed; where only counters moved, one of the same generation with other packets and bytes.
        """
        found, older = self._poll.read(), self._legacy.read()
        if self._last is None or self._last[0] is not found or self._last[1] is not older:
            trouble = "; ".join(filter(None, (found.trouble, older.trouble)))
            rules = (*found.rules, *older.rules)
            known = Ruleset(rules, found.generation, found.ours, trouble, found.missing)
            self._last = found, older, known
        return self._last[2]

    def held(self, mark: int) -> MarkGroup | None:
        """Read the group that our table holds for a mark now."""
        return mark_groups.groups(self._writable().rules).get(mark)

    def write(self, change: MarkChange) -> None:
        """Make our table hold the group as it is after the change, everything else in it as it was.

        Raises `NoRight`, or `Refused` where the group is no longer what the change says it was, or the ruleset did not
        stand still; nothing was changed then.
        """
        for _ in range(2):
            found = self._writable()
            groups = dict(mark_groups.groups(found.rules))
            if groups.get(change.mark) != bare(change.before):
                raise Refused(f"match: the rules of mark {change.mark} were changed meanwhile; look again", _FIELD)
            after = bare(change.after)
            if after is None:
                del groups[change.mark]
            else:
                groups[change.mark] = after
            try:
                writing.write(self._netns, groups, Held(found.generation, found.ours, found.counters))
                return
            except Stale:
                continue
        raise Refused("match: the packet filter's rules changed while this was written, twice; try again", _FIELD)

    def _writable(self) -> Found:
        """Look at our table for a write: what is not known for certain is not written over."""
        found = self._poll.read()
        if found.missing == NO_RIGHT:
            raise NoRight(NO_RIGHT)
        if found.missing or found.trouble:
            raise Refused(f"match: {found.missing or found.trouble}", _FIELD)
        return found
