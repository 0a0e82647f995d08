"""Rows of a director as text to take elsewhere: ipvsadm commands that would make them, and a profile's lines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lvstui.core import fields
from lvstui.core.change import Change, change_server, change_service
from lvstui.core.model import Director, ServerKey
from lvstui.core.observed import MachineKey, RowKey
from lvstui.core.services.batch import targets
from lvstui.formats.ipvsadm import command
from lvstui.formats.profile.write import server_line, service_block


def as_commands(director: Director, keys: Iterable[RowKey]) -> str:
    """Write the ipvsadm commands that add these rows, a service with all its servers."""
    lines: list[str] = []
    for key in keys:
        changes: list[Change] = []
        if not isinstance(key, ServerKey | MachineKey) and key in director.pools:
            changes.append(change_service(None, director.pools[key].service))
        servers = targets(director, [key])
        changes += [change_server(each.service, None, server) for each, server in servers.items()]
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
        for each, server in targets(director, [key]).items():
            parts.append(f"# server of {fields.service_text(each.service)}\n{server_line(server)}")
    return "\n\n".join(parts)
