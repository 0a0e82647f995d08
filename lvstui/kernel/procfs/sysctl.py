"""Files below /proc/sys/net of one network namespace: the settings of IPVS, and whether packets are forwarded."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Final

from lvstui.core import sysctls
from lvstui.core.change import Change
from lvstui.core.fields import FieldError, visible
from lvstui.core.model import Family, SysctlKey
from lvstui.kernel.namespace import KeptFile, call_in
from lvstui.kernel.port import NO_IPVS, KernelError, NoIpvs, NoRight, Refused
from lvstui.kernel.refusals import explain_refusal

FOLDER = "/proc/sys/net/ipv4/vs"

_ROOM = 4096
_SWITCHES: Final = {
    Family.IPV4: "/proc/sys/net/ipv4/ip_forward",
    Family.IPV6: "/proc/sys/net/ipv6/conf/all/forwarding",
}


class Settings:
    """The files below /proc/sys/net/ipv4/vs, whatever there is of them.

    The folder is opened in its namespace once. It and the files in it stay open: reading them again costs a quarter
    of opening them by name, and they belong to that namespace whichever thread reads them.
    """

    def __init__(self, netns: str | None = None) -> None:
        self._netns = netns
        self._folder = -1
        self._files: dict[str, int] = {}
        self._raw: dict[str, bytes] = {}
        self._texts: Mapping[str, str] = {}

    def read(self) -> Mapping[str, str]:
        """Read all settings that can be read; the same object as before while none has changed."""
        raw: dict[str, bytes] = {}
        for _ in range(2):
            try:
                raw = self._read()
                break
            except (OSError, KernelError):
                self.close()  # the module went, and may be back
        if raw != self._raw:
            self._raw = raw
            self._texts = {name: _text(raw[name]) for name in sorted(raw)}
        return self._texts

    def lookup(self, name: str) -> str | None:
        """Read one setting, None where there is none."""
        try:
            with os.fdopen(self._at(sysctls.name(name), os.O_RDONLY), "rb") as file:
                return _text(file.read())
        except (OSError, FieldError):
            return None

    def write(self, change: Change) -> None:
        """Write one setting; nothing is written for a profile that no longer has it. Raises `Refused` or `NoRight`."""
        if not isinstance(change.target, SysctlKey) or not isinstance(change.after, str):
            return
        name = change.target.name
        try:
            text = sysctls.read(sysctls.name(name), change.after)
        except FieldError as error:
            raise Refused(str(error), error.field) from None
        try:
            with os.fdopen(self._at(name, os.O_WRONLY), "wb", buffering=0) as file:
                file.write(text.encode() + b"\n")
        except OSError as problem:
            raise self._refusal(change, name, problem.errno or 0) from None

    def close(self) -> None:
        """Close all files; the next use would open them anew."""
        for descriptor in (*self._files.values(), self._folder):
            if descriptor >= 0:
                os.close(descriptor)
        self._files = {}
        self._folder = -1

    def _open(self) -> int:
        if self._folder < 0:
            try:
                flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
                self._folder = call_in(self._netns, partial(os.open, FOLDER, flags))
            except FileNotFoundError:
                raise NoIpvs(NO_IPVS) from None
        return self._folder

    def _at(self, name: str, flags: int) -> int:
        """Open one file; a folder of a module that went stands for nothing any more."""
        try:
            return os.open(name, flags | os.O_CLOEXEC, dir_fd=self._open())
        except FileNotFoundError:
            self.close()
            return os.open(name, flags | os.O_CLOEXEC, dir_fd=self._open())

    def _read(self) -> dict[str, bytes]:
        folder = self._open()
        names = os.listdir(folder)  # noqa: PTH208 - a descriptor, not a path
        if not names:
            raise FileNotFoundError(FOLDER)
        for gone in self._files.keys() - set(names):
            os.close(self._files.pop(gone))
        raw = {}
        for name in names:
            with suppress(OSError):  # such as debug_level in a namespace of its own
                raw[name] = self._content(folder, name)
        return raw

    def _content(self, folder: int, name: str) -> bytes:
        descriptor = self._files.get(name, -1)
        if descriptor < 0:
            descriptor = self._files[name] = os.open(name, os.O_RDONLY | os.O_CLOEXEC, dir_fd=folder)
        try:
            return os.pread(descriptor, _ROOM, 0)
        except OSError:
            os.close(self._files.pop(name))
            raise

    def _refusal(self, change: Change, name: str, code: int) -> KernelError:
        shown = visible(name)
        if code == errno.EROFS:
            return Refused(f"{shown}: /proc/sys can only be read here (a container?); set it on the host", shown)
        if code in (errno.EACCES, errno.EPERM):
            with suppress(OSError):
                if os.stat(name, dir_fd=self._open()).st_mode & 0o222:  # it is meant to be written
                    return NoRight(f"{shown}: the right to write /proc/sys is missing; start lvstui as root")
        return explain_refusal(change, code)


def _text(content: bytes) -> str:
    """Return the value in a file: numbers in a row are parted by one blank instead of the kernel's tabs."""
    return " ".join(content.decode(errors="backslashreplace").split())


class Forwards:
    """Whether packets are forwarded, without which no answer of a masqueraded real server gets through."""

    def __init__(self, netns: str | None = None) -> None:
        self._files = {family: KeptFile(path, netns) for family, path in _SWITCHES.items()}

    def read(self) -> Mapping[Family, bool]:
        """Return whether packets of a family are forwarded; one of which that is unknown is left out."""
        switches = {}
        for family, file in self._files.items():
            with suppress(OSError, KernelError):  # such as a kernel without IPv6
                switches[family] = file.read().strip() != b"0"
        return switches

    def close(self) -> None:
        """Close the files; the next reading would open them anew."""
        for file in self._files.values():
            file.close()
