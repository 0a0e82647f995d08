"""What programs that check servers themselves say of them, as far as that can be known without disturbing them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from lvstui.core import fields
from lvstui.core.describe import service_names
from lvstui.core.model import Director, ServerKey, ServiceKey
from lvstui.core.record import Owner

_REASONS: Final = {
    "keepalived": "it writes what its checks say on a signal only",
    "ldirectord": "it keeps what its checks say to itself and its logs",
}
"""Programs that check servers, and why they are not asked."""


def keeper_lines(owners: Iterable[Owner], director: Director, keys: Iterable[ServerKey]) -> Iterator[str]:
    """Yield a sentence for each program and service of these servers: what it shows, and why it is not asked."""
    services = dict.fromkeys(key.service for key in keys)
    for owner in owners:
        if owner.program not in _REASONS:
            continue
        for key in services:
            if key not in director.pools or not owner.owns(key):
                continue
            drained = [server for server in director.pools[key].servers.values() if not server.weight]
            zero = ", ".join(server.name or fields.server_text(server.endpoint) for server in drained)
            keeps = "keeps" if owner.services is not None else "may keep"
            head = f"{owner.program} (process {owner.pid}) {keeps} {service_names(director, key)[0]} and is not asked"
            said = list(_said(owner, key, director))
            known = f"it wrote last: {', '.join(said)}" if said else _REASONS[owner.program]
            yield (
                f"{head}: {known}. Servers that fail its checks are taken out or get weight 0; "
                f"weight 0 here: {zero or 'none'}"
            )


def _said(owner: Owner, key: ServiceKey, director: Director) -> Iterator[str]:
    """Yield what a program wrote last about the servers of a service, whose addresses it writes with blanks for `:`."""
    for server in director.pools[key].servers.values():
        address, port = server.endpoint
        squeezed = re.sub(":+", " ", str(address))
        named = re.compile(rf"(?:^| )\[?{re.escape(squeezed)}\]? {port}(?: |$)")
        name = server.name or fields.server_text(server.endpoint)
        found = [one for one in owner.remarks if one.service == key and named.search(one.about)]
        yield from (f"{name} {one.state} ({one.message}; {one.at})" for one in found[-1:])
