"""What is read of a network namespace by way of rtnetlink, again only once the kernel has announced a change of it."""

from __future__ import annotations

import math
import socket
import time
from collections.abc import Callable
from functools import partial
from typing import Generic, TypeVar

from lvstui.kernel.namespace import call_in
from lvstui.kernel.netlink.channel import Interrupted, announced
from lvstui.kernel.port import KernelError

V = TypeVar("V")


class Announced(Generic[V]):
    """What `look` reads in the network namespace `netns` (a name of `ip netns`) or in our own.

    `groups` are the bits of those in which changes are announced (RTMGRP_*). It is read again unasked `rest` seconds
    after it was this; `unknown` stands for it where it cannot be read.
    """

    def __init__(
        self,
        netns: str | None,
        groups: int,
        look: Callable[[], V],
        unknown: V,
        *,
        rest: Callable[[V], float] = lambda _: math.inf,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._netns = netns
        self._groups = groups
        self._look = look
        self._unknown = self._found = unknown
        self._rest = rest
        self._clock = clock
        self._news: socket.socket | None = None
        self._due = 0.0

    def read(self) -> V:
        """Return what there is, the same object as long as nothing has changed."""
        try:
            if self._news is None:
                self._news = call_in(self._netns, partial(open_route, self._groups))
                self._due = 0.0
            if announced(self._news) or self._clock() >= self._due:
                self._due = 0.0
                found = call_in(self._netns, self._look)
                if found != self._found:
                    self._found = found
                self._due = self._clock() + self._rest(found)
        except Interrupted:
            pass  # the next look reads it again
        except (OSError, KernelError):  # the next look starts afresh
            self.close()
        return self._found

    def close(self) -> None:
        """Close the socket."""
        if self._news is not None:
            self._news.close()
        self._news, self._found = None, self._unknown


def open_route(groups: int = 0) -> socket.socket:
    """Open a socket of rtnetlink, which hears of what some groups announce. Raises OSError."""
    opened = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)
    if groups:
        opened.bind((0, groups))
    return opened
