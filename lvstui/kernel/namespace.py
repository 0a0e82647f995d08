"""Another network namespace: work that is done in it, and its files of /proc."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

from lvstui.core.fields import quote, visible
from lvstui.host.home import DOCKER_NAMES, FOLDERS, namespace_path
from lvstui.host.rights import Right, raised
from lvstui.kernel.port import NO_IPVS, KernelError, NoIpvs, NoNamespace

OURS = Path("/proc/thread-self/ns/net")
"""The network namespace that the calling thread is in."""

_USERS = Path("/proc/thread-self/ns/user")
_CLONE_NEWNET = 0x40000000
_NS_GET_NSTYPE = 0xB703
"""What kind of namespace an open file is (include/uapi/linux/nsfs.h, since Linux 4.11)."""
_NS_GET_USERNS = 0xB701
"""The user namespace that an open one belongs to (the same, since Linux 4.9)."""
_ROOM = 1 << 16

_T = TypeVar("_T")


def explain_absence() -> KernelError:
    """Return why a file of IPVS below /proc is not there: there is no IPVS, or no /proc."""
    if not Path("/proc/thread-self").exists():
        return KernelError("/proc is not mounted; `mount -t proc proc /proc` does that")
    return NoIpvs(NO_IPVS)


def call_in(netns: str | None, work: Callable[[], _T], *, apart: bool = False) -> _T:
    """Call a function in a named network namespace or (None) in ours, and return what it returns.

    For another namespace, and wherever it is to be `apart`, the function runs in a thread of its own, and what it
    leaves in its thread ends with it. Sockets and files of /proc/thread-self/net that it opens belong to that
    namespace for good. Raises `KernelError` where there is no such namespace or no right to enter it.
    """
    if netns is None and not apart:
        return work()

    def run() -> _T:
        if netns is not None:
            _enter(netns)
        return work()

    from concurrent.futures import ThreadPoolExecutor  # with logging: 10 ms that our own namespace goes without

    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="lvstui-netns") as pool:
        return pool.submit(run).result()


def _enter(netns: str) -> None:
    """Move the calling thread into a namespace."""
    import ctypes  # 4 ms that only another namespace costs

    descriptor = _open(netns)
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        with raised(Right.SYS_ADMIN):
            failed = libc.setns(descriptor, _CLONE_NEWNET)
        if failed:
            reason = os.strerror(ctypes.get_errno())
            raise KernelError(f"netns: {quote(netns)} cannot be entered ({reason}); that needs root")
    finally:
        os.close(descriptor)


def _open(netns: str) -> int:
    """Open a namespace by its name; anything else than a network namespace is refused unread (`NoNamespace`)."""
    if netns in ("", ".", "..") or "/" in netns or "\0" in netns:
        raise NoNamespace(f"netns: {quote(netns)} is no name of a network namespace; `ip netns` lists them")
    path = namespace_path(netns, FOLDERS)
    try:
        is_other = not stat.S_ISREG(path.stat().st_mode)  # as opening a device may do something
        descriptor = -1 if is_other else os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as problem:
        if problem.errno == errno.ENOENT:
            lists = f"`ip netns` lists them, and {DOCKER_NAMES} has Docker's"
            raise NoNamespace(f"netns: there is no network namespace {quote(netns)}; {lists}") from None
        raise KernelError(f"netns: {quote(netns)} cannot be opened: {problem.strerror}") from None
    if descriptor < 0 or not _is_network(descriptor):
        if descriptor >= 0:
            os.close(descriptor)
        remedy = f"`umount {path}; rm {path}`" if path.parent == DOCKER_NAMES else f"`ip netns del {netns}`"
        raise NoNamespace(f'netns: "{visible(str(path))}" is no network namespace; {remedy} removes it')
    return descriptor


def _is_network(descriptor: int) -> bool:
    try:
        return fcntl.ioctl(descriptor, _NS_GET_NSTYPE) == _CLONE_NEWNET
    except OSError:
        return False


def counts_users_as_we_do() -> bool:
    """Return whether the network namespace that this thread is in belongs to the user namespace that it is in."""
    try:
        namespace = os.open(OURS, os.O_RDONLY | os.O_CLOEXEC)
        try:
            owners = fcntl.ioctl(namespace, _NS_GET_USERNS)
        finally:
            os.close(namespace)
        try:
            return os.path.samestat(os.fstat(owners), _USERS.stat())
        finally:
            os.close(owners)
    except OSError:
        return False


class KeptFile:
    """A file of /proc, opened in a network namespace at the first reading; it belongs to that namespace for good."""

    def __init__(self, path: str, netns: str | None) -> None:
        self._path = path
        self._netns = netns
        self._descriptor = -1

    def read(self) -> bytes:
        """Read all of it. Raises OSError, or `KernelError` where there is no such namespace; it is closed then."""
        content = b""
        try:
            if self._descriptor < 0:
                self._descriptor = call_in(self._netns, partial(os.open, self._path, os.O_RDONLY | os.O_CLOEXEC))
            while part := os.pread(self._descriptor, _ROOM, len(content)):
                content += part
        except OSError:
            self.close()
            raise
        return content

    def close(self) -> None:
        """Close the file; the next reading would open it anew."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1
