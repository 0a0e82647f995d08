"""A director as lines for `ipvsadm -R`, with a sentence for each thing that no option of ipvsadm says."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from lvstui.core.describe import probe_text
from lvstui.core.model import INT_MAX, Director, Probe, ServiceFlags
from lvstui.formats.foreign.room import BOTH_FAMILIES, EVERY_PROTOCOL, Asking, Leftovers, Room, is_udp_or_mark, never
from lvstui.formats.ipvsadm import save_lines


def _check(left: Leftovers, asking: Asking) -> Probe | None:
    if asking.service.probe is not None:
        left.lose(asking.where, f"probe {probe_text(asking.service.probe)}", "left out: ipvsadm asks nothing")
    return None


ROOM: Final = Room(
    program="ipvsadm",
    protocols=EVERY_PROTOCOL,
    families=BOTH_FAMILIES,
    schedulers=lambda _: True,
    flags=ServiceFlags.SCHED_1 | ServiceFlags.SCHED_2 | ServiceFlags.SCHED_3,
    one_packet=is_udp_or_mark,
    engines=True,
    thresholds=True,
    tunnels=True,
    mixed=True,
    mark_ports=True,
    masq_port_0=True,
    empty=True,
    every_port=True,
    sync=lambda _: True,
    timeout_max=INT_MAX,
    check=_check,
    service_name=never,
    server_name=never,
    note=never,
    comments=False,
)


def write_ipvsadm(director: Director, fitted: Director, _: Leftovers) -> list[str]:
    """Write what there is room for of a director, settings of the kernel as comments."""
    return save_lines(replace(fitted, sysctl=director.sysctl))
