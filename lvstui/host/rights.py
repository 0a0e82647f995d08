"""The rights (capabilities) of root: what lvstui goes without it gives up for good, with all that it starts.

What is kept in reserve is permitted but not in force: `raised` puts it in force, in one thread, for one piece of work.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path
from typing import Final

_GET_BOUND: Final = 23
_DROP_BOUND: Final = 24
_NO_NEW_RIGHTS: Final = 38
_AMBIENT: Final = 47
_CLEAR_AMBIENT: Final = 4
"""Operations of prctl(2), include/uapi/linux/prctl.h."""

_VERSION: Final = 0x20080522
"""_LINUX_CAPABILITY_VERSION_3: sets of 64 bits in two halves."""


class Right(IntEnum):
    """A capability by its number, include/uapi/linux/capability.h."""

    CHOWN = 0
    DAC_OVERRIDE = 1
    DAC_READ_SEARCH = 2
    FOWNER = 3
    KILL = 5
    SETGID = 6
    SETUID = 7
    NET_ADMIN = 12
    NET_RAW = 13
    SYS_PTRACE = 19
    SYS_ADMIN = 21


DIRECTOR: Final = frozenset((Right.NET_ADMIN, Right.NET_RAW))
"""What the kernel asks for IPVS, the packet filter and its settings, and for probes by the way of the traffic."""

FILES: Final = frozenset((Right.CHOWN, Right.DAC_OVERRIDE, Right.FOWNER))
"""What it takes to write among the files of other users, and to leave these theirs."""

OTHER_PROCESSES: Final = frozenset((Right.DAC_READ_SEARCH, Right.SYS_PTRACE))
"""What it takes to see in which namespace and folder a process of root is, and what its environment says."""

OTHER_USER: Final = frozenset((Right.CHOWN, Right.DAC_OVERRIDE, Right.KILL, Right.SETGID, Right.SETUID))
"""What it takes to run an editor as the user who called sudo, and to read what that user wrote."""


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Half(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


def give_up(kept: Iterable[Right], reserve: Iterable[Right] = (), *, for_good: bool = True) -> None:
    """Keep only these rights of root, those in `reserve` out of force; does nothing for other users.

    Unless `for_good`, programs that are started may still gain the rights of their files. To be called while there is
    one thread: threads have rights of their own. Raises OSError where the kernel does not let us.
    """
    if os.geteuid() != 0:
        return
    in_force = _bits(kept)
    wanted = in_force | _bits(reserve)
    libc = ctypes.CDLL(None, use_errno=True)
    number = 0
    while libc.prctl(_GET_BOUND, number, 0, 0, 0) >= 0:
        if not wanted >> number & 1:
            libc.prctl(_DROP_BOUND, number, 0, 0, 0)  # refused to who has too few rights to lose this one
        number += 1
    libc.prctl(_AMBIENT, _CLEAR_AMBIENT, 0, 0, 0)
    _, permitted = _read()
    _write(in_force & permitted, wanted & permitted)
    if for_good and libc.prctl(_NO_NEW_RIGHTS, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "no_new_privs cannot be set")


@contextmanager
def raised(*rights: Right) -> Iterator[None]:
    """Put rights that are in reserve into force, in this thread, for as long as this lasts; without them nothing is."""
    in_force, permitted = _read()
    more = in_force | _bits(rights) & permitted
    if more == in_force:
        yield
        return
    _write(more, permitted)
    try:
        yield
    finally:
        _write(in_force, permitted)


def has(right: Right) -> bool:
    """Return whether this thread has a right, in force or in reserve."""
    return bool(_read()[1] >> right & 1)


def is_others(path: Path) -> bool:
    """Return whether a file, or a folder on the way to it, is another user's than root: there root needs its rights."""
    whole = Path(os.path.realpath(path))
    for part in (whole, *whole.parents):
        try:
            if part.stat().st_uid != 0:
                return True
        except FileNotFoundError:
            continue
        except OSError:
            return True
    return False


def _bits(rights: Iterable[Right]) -> int:
    return sum(1 << right for right in frozenset(rights))


def _read() -> tuple[int, int]:
    """Return this thread's rights in force, and all that it may put in force."""
    halves = (_Half * 2)()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.capget(ctypes.byref(_Header(_VERSION, 0)), halves):
        raise OSError(ctypes.get_errno(), "the rights of this process cannot be read")
    low, high = halves
    return low.effective | high.effective << 32, low.permitted | high.permitted << 32


def _write(in_force: int, permitted: int) -> None:
    halves = (_Half * 2)(*(_Half(in_force >> at & 0xFFFFFFFF, permitted >> at & 0xFFFFFFFF, 0) for at in (0, 32)))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.capset(ctypes.byref(_Header(_VERSION, 0)), halves):
        raise OSError(ctypes.get_errno(), "the rights of this process cannot be changed")
