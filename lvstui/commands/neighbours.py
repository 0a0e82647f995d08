"""The warning of commands that write to what another program manages."""

from __future__ import annotations

from collections.abc import Sequence

from lvstui.commands.output import complain
from lvstui.commands.place import Place
from lvstui.core.change import Change, service_of
from lvstui.core.owners import claimed, warnings


def warn(place: Place, writes: Sequence[Change]) -> None:
    """Warn on stderr of services that another program may write over; looks for one only if a service is written.

    A look costs a walk through all processes, and the import of what walks.
    """
    if not any(service_of(change.target) for change in writes):
        return
    for sentence in warnings(claimed(place.owners(), writes)):
        complain(f"warning: {sentence}")
