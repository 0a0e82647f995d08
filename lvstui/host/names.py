"""Names of hosts and ports as this machine knows them: /etc/hosts, the name servers, /etc/services."""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence
from ipaddress import ip_address
from typing import Final

from lvstui.core.model import Address
from lvstui.host.patience import within

_PATIENCE: Final = 5.0
"""Seconds to wait for the name servers, for all names together."""


class HostNames:
    """Asks the machine; once it has taken `patience` seconds in all, nothing more is asked."""

    def __init__(self, patience: float = _PATIENCE) -> None:
        self._patience = patience
        self._left = patience

    def addresses(self, host: str) -> Sequence[Address]:
        """Return the addresses of a host, each once; none where it has none. Raises TimeoutError."""
        if self._left <= 0:
            raise TimeoutError(f"the names above took {self._patience:g} s, so nobody was asked")
        began = time.monotonic()
        try:
            found = within(self._left, lambda: socket.getaddrinfo(host, None, type=socket.SOCK_STREAM))
            return tuple(dict.fromkeys(ip_address(str(one[4][0]).partition("%")[0]) for one in found))
        except TimeoutError:
            self._left = 0.0
            raise TimeoutError("the name servers did not say in time") from None
        except (OSError, ValueError):  # ValueError: a name that no encoding of names can write
            return ()
        finally:
            self._left -= time.monotonic() - began

    def port(self, name: str, protocol: str) -> int | None:
        """Return the port that /etc/services has for a name, None for none."""
        try:
            return socket.getservbyname(name, protocol)
        except OSError:
            return None
