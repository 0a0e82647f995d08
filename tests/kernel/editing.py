"""Entries of the running kernel edited and looked up, as the program does it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial

from lvstui.core.entries.edits import EntryEdit, EntryReport
from lvstui.core.entries.resolve import service_of
from lvstui.core.model import ServiceKey
from lvstui.core.observed import Entry
from lvstui.engine.entry_edits import Tools, carry_out
from lvstui.engine.scanner import read_table
from lvstui.kernel.live import Live

_BUDGET = 30


def make_edits(kernel: Live, *edits: EntryEdit) -> Sequence[EntryReport]:
    """Make edits and return what became of each."""
    look = partial(read_table, kernel, _BUDGET)
    return list(carry_out(edits, Tools(kernel.send_sync, look, kernel.read, _wait)))


def _wait(seconds: float) -> bool:
    time.sleep(seconds)
    return True


def find_entry(kernel: Live, service: ServiceKey, client: str, identity: str = "") -> Entry | None:
    """Return the entry of a client, masked as the service does it; None where there is none."""
    director = kernel.read().director
    for found in read_table(kernel, _BUDGET).entries:
        if (service_of(found, director), str(found.client), found.identity) == (service, client, identity):
            return found
    return None
