"""Any change as what an operator would write without us: ipvsadm and sysctl commands, rules of nft."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lvstui.core.change import Change
from lvstui.core.describe import describe
from lvstui.core.marks.script import FAMILY, TABLE, chains_of, rule_text
from lvstui.core.model import MarkGroup, MarkGroupKey
from lvstui.formats.ipvsadm import command


def equivalent(change: Change) -> tuple[str, ...]:
    """Return the lines that say the same as a change; none where the kernel has nothing to do or nothing can say it.

    Rules are written with a sign, as nft deletes them by a number only that the kernel gives them.
    """
    if isinstance(change.target, MarkGroupKey):
        before, after = (_rules(group) for group in change.values(MarkGroup))
        gone = [line for line in before if line not in after]
        come = [line for line in after if line not in before]
        return (*(f"- {line}" for line in gone), *(f"+ {line}" for line in come))
    line = command(change)
    return (line,) if line else ()


def _rules(group: MarkGroup | None) -> tuple[str, ...]:
    return tuple(_lines(group)) if group is not None else ()


def _lines(group: MarkGroup) -> Iterator[str]:
    for selector in group.selectors:
        yield f"nft rule {FAMILY} {TABLE} {', '.join(chains_of(selector))}: {rule_text(selector, group.mark)}"


def change_lines(changes: Sequence[Change]) -> list[str]:
    """Write each change, the commands or rules that say the same below it."""
    lines = []
    for change in changes:
        lines.append(describe(change))
        lines += [f"  {line}" for line in equivalent(change)]
    return lines
