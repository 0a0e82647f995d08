"""Mark groups as text to take elsewhere: a script for nft, or lines for iptables, and the ipvsadm commands."""

from __future__ import annotations

from collections.abc import Iterable

from lvstui.core.marks.mark import mark_at
from lvstui.core.marks.script import iptables_lines, script
from lvstui.core.snapshot import Snapshot
from lvstui.formats.excerpt import as_commands


def excerpt(snapshot: Snapshot, marks: Iterable[int]) -> list[str]:
    """Write these groups; the script replaces our whole table, so that it stands for these groups alone."""
    chosen = [mark_at(snapshot, number) for number in dict.fromkeys(marks)]
    groups = {mark.number: mark.group for mark in chosen if mark.group}
    ruleset = snapshot.reading.rules
    lines: list[str] = []
    if groups and ruleset is not None and ruleset.missing:
        lines += [f"# {ruleset.missing}; the same for iptables:"]
        lines += [line for group in groups.values() for line in iptables_lines(group)]
    elif groups:
        lines += ["#!/usr/sbin/nft -f", *(line.expandtabs(4) for line in script(groups))]
    keys = [pool.service.key for mark in chosen for pool in mark.pools]
    if keys:
        lines += ["", *as_commands(snapshot.reading.director, keys).splitlines()]
    return lines
