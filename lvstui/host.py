"""The machine that the director runs on, as psutil sees it."""

from __future__ import annotations

import socket

import psutil

from lvstui.core.snapshot import Host


def observe() -> Host:
    """Tell the host's name and load; the percentages cover the time since the call before (0 at the first)."""
    cpu = psutil.cpu_times_percent(interval=None)
    return Host(
        name=socket.gethostname(),
        cpu=100.0 - cpu.idle - cpu.iowait,
        softirq=cpu.softirq,
        memory=psutil.virtual_memory().percent,
    )
