"""What a new real server begins with, the same from a form and from a command."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final, NamedTuple

from lvstui.core.attributes import METHODS, SERVER
from lvstui.core.fields import FORWARDING_WORDS, forwarding
from lvstui.core.model import Director, Endpoint, Forwarding, Pool, RealServer

_CHOSEN: Final = frozenset(method for method, word in FORWARDING_WORDS.items() if word in METHODS)
"""The methods that somebody chooses; the kernel makes the others itself."""


_NOTHING: Final[Mapping[str, str]] = {}
_TUNNEL: Final = "tunnel."


class NewServer(NamedTuple):
    """What the configuration says of new real servers: texts by the names of attributes (`forwarding`, `tunnel.type`).

    What it leaves open is as most servers of the service have it, else of the director; forwarding is `route` where
    there are none, as with ipvsadm.
    """

    texts: Mapping[str, str] = _NOTHING

    def begin(
        self, endpoint: Endpoint, director: Director, pool: Pool | None = None, typed: Mapping[str, str] | None = None
    ) -> RealServer:
        """Return a new server of a service (None: of one that does not exist yet); what is `typed` counts first.

        Raises `FieldError`.
        """
        typed = typed or {}
        like = _like(pool) if pool else None
        method = typed.get("forwarding") or self.texts.get("forwarding")
        usual = like.forwarding if like else _usual(director.pools.values())
        server = RealServer(endpoint, forwarding(method) if method else usual)
        texts = dict(self.texts)
        if server.forwarding is not Forwarding.TUNNEL:
            texts = {name: text for name, text in texts.items() if not name.startswith(_TUNNEL)}
        elif like and not any(name.startswith(_TUNNEL) for name in (*texts, *typed)):
            server = replace(server, tunnel=like.tunnel)
        server = SERVER.assign(server, texts | dict(typed))
        # Weight 0 is no drain of a server that never had another.
        return server if "resume" in typed else replace(server, resume=None)


NEW_SERVER: Final = NewServer()
"""What new servers begin with where nothing is configured."""


def _usual(pools: Iterable[Pool]) -> Forwarding:
    """Return the method that most servers have."""
    found = [server.forwarding for pool in pools for server in pool.servers.values() if server.forwarding in _CHOSEN]
    return max(found, key=found.count, default=Forwarding.ROUTE)


def _like(pool: Pool) -> RealServer | None:
    """Return the first server of a service that has the method of most; None where nobody chose any."""
    usual = _usual((pool,))
    return next((server for server in pool.servers.values() if server.forwarding is usual), None)
