"""What another program that manages a service will do to an edit of it, at its next check, reload or restart.

Both were tried with the programs themselves (tests/kernel/test_beside_owners.py). keepalived compares its old file
with its new one at a reload, never with the kernel, and writes a server when its checks change their minds
(clear_diff_services, perform_svr_state); ldirectord writes a server when its check does, and all that its file says
at a reload (service_set, ld_start).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import Enum, auto
from typing import Final

from lvstui.core.change import Change, changes_kernel, service_of
from lvstui.core.fields import service_text
from lvstui.core.model import ServerKey, ServiceKey
from lvstui.core.record import Owner, find_claims
from lvstui.core.words import first_of

_SHOWN: Final = 3
"""Services that a warning names."""

_PROXIES: Final = "it may overwrite this at its next check or reload"


class _Kind(Enum):
    """What is done to what."""

    SERVER_ADDED = auto()
    SERVER_EDITED = auto()
    SERVER_DELETED = auto()
    SERVICE_EDITED = auto()
    SERVICE_DELETED = auto()


_BECOMES: Final[Mapping[str, Mapping[_Kind, str]]] = {
    "keepalived": {
        _Kind.SERVER_ADDED: "its checks and reloads leave the new server alone; it is gone once keepalived stops or "
        "restarts",
        _Kind.SERVER_EDITED: "a reload leaves this, unless the file changes the same; once a check of the server fails "
        "and recovers, or keepalived restarts, it is as the file says",
        _Kind.SERVER_DELETED: "a reload does not bring the server back; it is back once a check of it fails and "
        "recovers, or keepalived restarts",
        _Kind.SERVICE_EDITED: "a reload leaves this, unless the file changes the same; a restart makes it as the file "
        "says",
        _Kind.SERVICE_DELETED: "a reload does not bring the service back; a restart does",
    },
    "ldirectord": {
        _Kind.SERVER_ADDED: "its checks leave the new server alone; a reload or a restart takes it out",
        _Kind.SERVER_EDITED: "its checks leave this while they find no change; once a check of the server fails and "
        "recovers, or ldirectord reloads or restarts, it is as the file says",
        _Kind.SERVER_DELETED: "its checks leave this while they find no change; once a check of the server fails and "
        "recovers, or ldirectord reloads or restarts, the server is back",
        _Kind.SERVICE_EDITED: "its checks leave this; a reload or a restart makes it as the file says",
        _Kind.SERVICE_DELETED: "its checks do not bring the service back; a reload or a restart does",
    },
}


def overwriting(owners: Iterable[Owner], changes: Sequence[Change]) -> list[str]:
    """Return a sentence for each owner and each kind of edit of what it manages: what it will do to that."""
    changes = [change for change in changes if changes_kernel(change)]
    claims = find_claims(owners, changes)
    if not claims:
        return []
    deleted = {change.target for change in changes if change.after is None and not isinstance(change.target, ServerKey)}
    found: dict[tuple[str, str], dict[ServiceKey, None]] = {}
    for change in changes:
        key = service_of(change.target)
        owner = claims.get(key) if key is not None else None
        if owner is None or key is None or (key in deleted and isinstance(change.target, ServerKey)):
            continue
        becomes = _BECOMES.get(owner.program, {}).get(_kind(change), _PROXIES)
        found.setdefault((owner.program, becomes), {})[key] = None
    return [
        f"{program} manages {first_of([*map(service_text, keys)], _SHOWN)}: {becomes}"
        for (program, becomes), keys in found.items()
    ]


def _kind(change: Change) -> _Kind:
    if isinstance(change.target, ServerKey):
        if change.before is None:
            return _Kind.SERVER_ADDED
        return _Kind.SERVER_EDITED if change.after is not None else _Kind.SERVER_DELETED
    return _Kind.SERVICE_EDITED if change.after is not None else _Kind.SERVICE_DELETED


def in_its_file(line: str) -> str:
    """Return a line about the file of another program, as it is shown; an indented one belongs to the one above."""
    return line if line.startswith(" ") else f"in its file: {line}"
