"""Answers to what an operator asks about the kernel as it is now: where a packet goes, what is wrong with a service."""

from __future__ import annotations

from lvstui.core.doctor.questions import examine
from lvstui.core.fields import FieldError
from lvstui.core.observed import Scan
from lvstui.core.packets.packet import Packet
from lvstui.core.snapshot import Snapshot
from lvstui.engine.doctor import gather
from lvstui.engine.messages import Examine, Examined, Followed, Notice
from lvstui.engine.tracer import follow
from lvstui.kernel.port import Kernel, KernelError

_TRACE_BUDGET = 2.0
"""Seconds that a trace may read the connection table, while nothing else is read."""

_DOCTOR_BUDGET = 1.0
"""Seconds that the doctor may read it."""


def follow_packet(kernel: Kernel, snapshot: Snapshot, packet: Packet) -> Followed | Notice:
    """Follow a packet through the rules and IPVS, with the snapshot's connection table if it is whole."""
    try:
        found = follow(kernel, packet, snapshot.reading, _whole(snapshot.scan), budget=_TRACE_BUDGET)
    except (KernelError, FieldError) as error:
        return Notice(f"not traced: {error}")
    return Followed(found, snapshot.reading, snapshot.health)


def examine_service(kernel: Kernel, snapshot: Snapshot, asked: Examine) -> Examined | Notice:
    """Look for what is wrong with a service, with the connection table as for `follow_packet`."""
    scan = _whole(snapshot.scan)
    try:
        facts = gather(kernel, snapshot, (asked.key,), scan, probe=asked.probe, budget=_DOCTOR_BUDGET)
    except KernelError as error:
        return Notice(f"not examined: {error}")
    return Examined(asked, examine(facts), snapshot.reading.director)


def _whole(scan: Scan | None) -> Scan | None:
    """Return a reading of the connection table that has every row; None for any other."""
    return scan if scan is not None and scan.whole else None
