"""What a command works on."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from lvstui.core.owners import Owner
from lvstui.kernel.port import Kernel
from lvstui.store.profile_file import ProfileFile


class Place(NamedTuple):
    """What a command works on: a kernel, and the profile that gives its services their names.

    `notice` says why it is not the kernel that one would expect; empty when it is. `owners` looks for other programs
    that write to that kernel, which takes a while.
    """

    kernel: Kernel
    profile: ProfileFile
    notice: str = ""
    owners: Callable[[], Iterable[Owner]] = tuple
