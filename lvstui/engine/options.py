"""What the command line asks of the screens."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lvstui.core.model import NOBODYS, Home
from lvstui.core.new_server import NEW_SERVER, NewServer
from lvstui.core.record import Owner
from lvstui.core.view.glyphs import UNICODE, Glyphs
from lvstui.core.view.head import NO_BANNER, Banner
from lvstui.kernel.port import Kernel
from lvstui.store.profile_file import ProfileFile
from lvstui.store.trial_file import TrialFile
from lvstui.store.view_memory import ViewMemory


@dataclass(frozen=True, slots=True)
class Options:
    """How to open the screens: on which kernel and profile, how often to read (seconds), and where to start.

    `notice` is a sentence to show first, such as why the demo was opened; empty when there is nothing to say.
    `links` says whether the links of this machine are the director's, which they are not in another namespace.
    `accounted` keeps a history beside the profile, and shows this session to other lvstui there.
    `here` is the machine and the namespace of the kernel, and `trial` the file of a change on trial there.
    `owners` finds who else writes to the table. `memory` is
    where the views remember how they are arranged. `glyphs` are the signs that the terminal can show. `theme` is the
    one that was asked for (empty: the one of last time), `theme_folders` where more of them are. `mouse` says whether
    clicks mean something; None leaves that to where the terminal is.

    The rest is what only the configuration has: `theme_origin` says where the theme was asked for (empty: nowhere),
    `columns` are those of a view by its name, `keys` those of commands by their ids, `new_server` is what new real
    servers begin with, and `banner` what the host is shown as.
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
    trial: TrialFile | None = None
    mouse: bool | None = None
    glyphs: Glyphs = UNICODE
    theme: str = ""
    theme_origin: str = ""
    theme_folders: tuple[Path, ...] = ()
    columns: Mapping[str, Sequence[str]] = field(default_factory=dict)
    keys: Mapping[str, Sequence[str]] = field(default_factory=dict)
    new_server: NewServer = NEW_SERVER
    banner: Banner = NO_BANNER
