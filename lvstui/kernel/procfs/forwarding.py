"""Whether a network namespace forwards packets, without which no answer of a masqueraded real server gets through."""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from lvstui.core.model import Family
from lvstui.kernel.namespace import call_in
from lvstui.kernel.port import KernelError

_SWITCHES: Final = {
    Family.IPV4: "/proc/sys/net/ipv4/ip_forward",
    Family.IPV6: "/proc/sys/net/ipv6/conf/all/forwarding",
}
_UNKNOWN: Final[Mapping[Family, bool]] = MappingProxyType({})


class Forwards:
    """The switches of one network namespace; their files stay open, and belong to that namespace for good."""

    def __init__(self, netns: str | None = None) -> None:
        self._netns = netns
        self._files: dict[Family, int] | None = None

    def read(self) -> Mapping[Family, bool]:
        """Return whether packets of a family are forwarded; a family of which that is unknown is left out."""
        try:
            if self._files is None:
                self._files = call_in(self._netns, _open)
            return {family: os.pread(file, 8, 0).strip() != b"0" for family, file in self._files.items()}
        except (OSError, KernelError):
            self.close()
            return _UNKNOWN

    def close(self) -> None:
        """Close the files; the next reading would open them anew."""
        for file in (self._files or {}).values():
            os.close(file)
        self._files = None


def _open() -> dict[Family, int]:
    files = {}
    for family, path in _SWITCHES.items():
        try:
            files[family] = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            continue  # such as a kernel without IPv6
    return files
