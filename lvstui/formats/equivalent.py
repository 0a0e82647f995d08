"""Any change as what an operator would write without us: ipvsadm and sysctl commands, rules of nft."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lvstui.core import fields
from lvstui.core.change import Change, change_server, change_service, changes_kernel, fold
from lvstui.core.describe import describe
from lvstui.core.marks.mark import mark_at
from lvstui.core.marks.script import FAMILY, TABLE, chains_of, iptables_lines, rule_text, script
from lvstui.core.model import Director, MarkGroup, MarkGroupKey, ServerKey
from lvstui.core.observed import MachineKey, RowKey
from lvstui.core.services.batch import targets
from lvstui.core.snapshot import Snapshot
from lvstui.formats.ipvsadm import command
from lvstui.formats.profile.write import server_line, service_block


def equivalent(change: Change) -> tuple[str, ...]:
    """Return the lines that say the same as a change; none where the kernel has nothing to do or nothing can say it.

    Rules are written with a sign, as nft deletes rules only by a number of the kernel's.
    """
    if isinstance(change.target, MarkGroupKey):
        before, after = (_rules(group) for group in change.values(MarkGroup))
        gone = [line for line in before if line not in after]
        come = [line for line in after if line not in before]
        return (*(f"- {line}" for line in gone), *(f"+ {line}" for line in come))
    line = command(change)
    return (line,) if line else ()


def _rules(group: MarkGroup | None) -> list[str]:
    start = f"nft rule {FAMILY} {TABLE}"
    return (
        [f"{start} {', '.join(chains_of(selector))}: {rule_text(selector, group.mark)}" for selector in group.selectors]
        if group
        else []
    )


def change_lines(changes: Sequence[Change]) -> list[str]:
    """Write each change, the commands or rules that say the same below it."""
    lines = []
    for change in changes:
        lines.append(describe(change))
        lines += [f"  {line}" for line in equivalent(change)]
    return lines


def as_script(changes: Sequence[Change], director: Director) -> str:
    """Write changes of a director as lines for a shell that do the same; what no command does stands as a comment.

    Of mark groups it is the whole table of ours as it is afterwards, which `nft` puts in place of the one before.
    """
    groups = [change for change in changes if isinstance(change.target, MarkGroupKey) and changes_kernel(change)]
    lines: list[str] = []
    for change in changes:
        if groups and change is groups[-1]:
            table = (line.expandtabs(4) for line in script(fold(director, changes).groups))
            lines += ["nft -f - <<'EOF'", *table, "EOF"]
        elif change not in groups:
            lines.append(command(change) or f"# {describe(change, director)}")
    return "\n".join(lines)


def as_commands(director: Director, keys: Iterable[RowKey]) -> str:
    """Write the ipvsadm commands that add these rows, a service with all its servers."""
    lines: list[str] = []
    for key in keys:
        changes: list[Change] = []
        if not isinstance(key, ServerKey | MachineKey) and key in director.pools:
            changes.append(change_service(None, director.pools[key].service))
        servers = targets(director, [key])
        changes += [change_server(place.service, None, server) for place, server in servers.items()]
        lines += [line or "# ipvsadm has no options for this" for line in map(command, changes)]
    return "\n".join(lines)


def as_toml(director: Director, keys: Sequence[RowKey]) -> str:
    """Write these rows as they stand in a profile; a server alone says in a comment which service it is in."""
    parts: list[str] = []
    for key in keys:
        if not isinstance(key, ServerKey | MachineKey):
            if key in director.pools:
                parts.append(service_block(director.pools[key]).rstrip())
            continue
        for place, server in targets(director, [key]).items():
            parts.append(f"# server of {fields.service_text(place.service)}\n{server_line(server)}")
    return "\n\n".join(parts)


def groups_as_script(snapshot: Snapshot, marks: Iterable[int]) -> list[str]:
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
