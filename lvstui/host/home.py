"""Which machine this is, and in which network namespace a director is: ours, or one with a name."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from lvstui.core.model import Home

NAMES: Final = Path("/run/netns")
"""Where `ip netns` keeps the namespaces that have a name."""

DOCKER_NAMES: Final = Path("/run/docker/netns")
"""Where Docker keeps those of its containers and of Swarm (`ingress_sbox`), which `ip netns` does not list."""

FOLDERS: Final = (NAMES, DOCKER_NAMES)

_FIRST_ONLY: Final = "sys/net/core/netdev_max_backlog"
"""A setting that only the namespace has which the machine started with (net/core/sysctl_net_core.c)."""

_FIRST_UTS: Final = 0xEFFFFFFE
"""The inode of the UTS namespace that the machine started with (PROC_UTS_INIT_INO)."""

_FIRST_PID: Final = 0xEFFFFFFC
"""The inode of the PID namespace that the machine started with (PROC_PID_INIT_INO); its first process is init."""


def namespace_path(netns: str, folders: Sequence[Path] = FOLDERS) -> Path:
    """Return where the namespace of a name is, those of `ip netns` first; where it would be if there is none."""
    places = [folder / netns for folder in folders]
    return next((place for place in places if os.path.lexists(place)), places[0])


def find_home(netns: str | None = None, *, proc: Path = Path("/proc"), folders: Sequence[Path] = FOLDERS) -> Home:
    """Return where a director is: in the namespace of that name, or (None) in ours.

    `netns` is empty in the namespace that the machine started with, whatever name it has too, and in that of a
    container which has a name of its own as a machine. Any other that has no name is called as the kernel calls it.
    """
    host = os.uname().nodename
    ours = identity(proc / "self/ns/net")
    is_own = _is_own(proc, ours)
    if netns is not None:
        own = ours if is_own else identity(proc / "1/ns/net")
        return Home(host, "" if own and own == identity(namespace_path(netns, folders)) else netns)
    if is_own or ours is None:
        return Home(host)
    paths = (path for folder in folders for path in listed(folder))
    name = next((path.name for path in paths if identity(path) == ours), None)
    return Home(host, name or f"net:[{ours[1]}]")


def _is_own(proc: Path, ours: tuple[int, int] | None) -> bool:
    """Return whether our namespace is the machine's, or a container's, rather than one that somebody made in it.

    Where settings are hidden (an empty /proc/sys), sharing it with the machine's init shows the same. What nothing
    shows is not taken for the machine's own: its profile would be applied to another director.
    """
    if (proc / _FIRST_ONLY).exists():
        return True
    uts, pids = identity(proc / "self/ns/uts"), identity(proc / "self/ns/pid")
    if ours is None or ours != identity(proc / "1/ns/net"):
        return False
    return (pids is not None and pids[1] == _FIRST_PID) or (uts is not None and uts[1] != _FIRST_UTS)


def listed(folder: Path) -> list[Path]:
    """Return what is in a folder of namespaces; nothing where it cannot be read."""
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def identity(path: Path) -> tuple[int, int] | None:
    """Return what tells a namespace from others, None where it cannot be seen."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
