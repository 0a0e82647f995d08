"""What things are called that a word of a command line may mean: those that run, and those of the profile."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Final, TypeAlias

from lvstui.commands.completion.line import Line
from lvstui.core import fields
from lvstui.host.home import FOLDERS, listed

_INTERFACES: Final = Path("/sys/class/net")

Words: TypeAlias = Mapping[str, str]
"""Words that may stand somewhere, each with what it is; empty where there is nothing to say."""


def services(line: Line) -> Words:
    """Return services by their notation and by name."""
    found: dict[str, str] = {}
    for pool in line.director.pools.values():
        text = fields.service_text(pool.service.key)
        found[text] = pool.service.name
        if pool.service.name:
            found.setdefault(pool.service.name, text)
    return found


def targets(line: Line) -> Words:
    """Return what packets are sent to: services with an address."""
    return {text: about for text, about in services(line).items() if ":" in text and not text.startswith("mark")}


def servers(line: Line) -> Words:
    """Return the servers of the service that was named last, or of all where none was."""
    named = [pool for pool in map(line.pool, line.given) if pool]
    found: dict[str, str] = {}
    for pool in named[-1:] or line.director.pools.values():
        for server in pool.servers.values():
            text = fields.server_text(server.endpoint)
            found[text] = server.name or f"weight {server.weight}"
            if server.name:
                found.setdefault(server.name, text)
    return found


def machines(line: Line) -> Words:
    """Return the addresses of all servers."""
    pools = line.director.pools.values()
    endpoints = chain.from_iterable(pool.servers for pool in pools)
    return {str(endpoint.address): "" for endpoint in endpoints}


def marks(line: Line) -> Words:
    """Return marks and the names of their groups."""
    found: dict[str, str] = {}
    for mark, group in line.director.groups.items():
        found[str(mark)] = group.name
        if group.name:
            found.setdefault(group.name, str(mark))
    for key in line.director.pools:
        text = fields.service_text(key)
        if text.startswith("mark"):
            found.setdefault(text.partition(":")[2], "")
    return found


def names_in(*folders: Path) -> Words:
    """Return the names of what is in folders."""
    return {path.name: "" for folder in folders for path in listed(folder)}


def namespaces(_: Line) -> Words:
    """Return the network namespaces that have a name."""
    return names_in(*FOLDERS)


def interfaces(_: Line | None = None) -> Words:
    """Return our network interfaces."""
    return names_in(_INTERFACES)


def themes(_: Line) -> Words:
    """Return the themes, those that came with lvstui and others."""
    from lvstui.store.theme_files import theme_folders

    package = Path(__file__).parents[2]
    folders = (package / "themes", package.parent / "themes", *theme_folders())
    return {Path(name).stem: "" for name in names_in(*folders) if name.endswith(".toml")}


def schedulers(_: Line | None = None) -> Words:
    """Return the schedulers of Linux."""
    from lvstui.core.offer import SCHEDULERS

    return dict.fromkeys(sorted(SCHEDULERS), "")


def records(line: Line) -> Words:
    """Return the numbers of the last records of the history, the newest first."""
    from lvstui.core.record import summary
    from lvstui.formats.profile.flaws import ProfileError
    from lvstui.store.history_file import HistoryFile

    path = line.profile_path
    with suppress(ProfileError, OSError):
        records = HistoryFile(path).recent() if path else ()
        return {str(record.number): summary(record, line.director, short=True) for record in reversed(records)}
    return {}
