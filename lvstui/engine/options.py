"""What the command line asks of the screens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lvstui.core.model import NOBODYS, Home
from lvstui.core.record import Owner
from lvstui.kernel.port import Kernel
from lvstui.store.profile_file import ProfileFile
from lvstui.store.view_memory import ViewMemory


@dataclass(frozen=True, slots=True)
class Options:
    """How to open the screens: on which kernel and profile, how often to read (seconds), and where to start.

    `notice` is a sentence to show first, such as why the demo was opened; empty when there is nothing to say.
    `links` says whether the links of this machine are the director's, which they are not in another namespace.
    `accounted` keeps a history beside the profile, and shows this session to other lvstui there.
    `here` is the machine and the namespace of the kernel. `owners` finds who else writes to the table. `memory` is
    where the views remember how they are arranged.
    """

    kernel: Kernel
    profile: ProfileFile | None
    read_only: bool = False
    interval: float = 1.0
    view: str = "services"
    notice: str = ""
    links: bool = True
    accounted: bool = False
    owners: Callable[[], tuple[Owner, ...]] = tuple
    memory: ViewMemory | None = None
    here: Home = NOBODYS
