"""What the command line asks of the screens."""

from __future__ import annotations

from dataclasses import dataclass

from lvstui.kernel.port import Kernel
from lvstui.store.file import ProfileFile

VIEWS = ("services",)
"""The views that can be opened first."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to open the screens: on which kernel and profile, how often to read (seconds), and where to start.

    `notice` is a sentence to show first, such as why the demo was opened; empty when there is nothing to say.
    """

    kernel: Kernel
    profile: ProfileFile | None
    read_only: bool = False
    interval: float = 1.0
    view: str = "services"
    notice: str = ""
