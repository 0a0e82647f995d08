"""Both kernels behind one fixture: the one in memory, and the running one where that may be rewritten."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from lvstui.core.change import EMPTY, change_daemon, change_sysctl, change_timeouts
from lvstui.core.model import Timeouts
from lvstui.core.sysctls import SETTINGS
from lvstui.kernel.live import Live
from lvstui.kernel.memory.kernel import MemoryKernel
from lvstui.kernel.port import Kernel
from tests.build import remove_services


def clear(kernel: Kernel) -> None:
    """Bring a kernel back to what it is after boot."""
    # Entries end with their servers; else they count there for minutes, also when another test adds the servers again.
    kernel.write(change_sysctl("expire_nodest_conn", "0", "1"))
    remove_services(kernel)
    director = kernel.read().director
    for daemon in (director.sync or {}).values():
        kernel.write(change_daemon(daemon, None))
    kernel.write(change_timeouts(director.timeouts, Timeouts()))
    for name, text in director.sysctl.items():
        default = SETTINGS[name].default if name in SETTINGS else ""
        if default and text != default:
            kernel.write(change_sysctl(name, text, default))


@pytest.fixture
def live() -> Iterator[Live]:
    """Yield the guest's kernel, empty; never that of a machine somebody uses."""
    if "LVSTUI_LAB" not in os.environ:
        pytest.skip("rewrites the kernel's whole table: runs in the lab guest only (python -m tests.lab test)")
    kernel = Live()
    clear(kernel)
    yield kernel
    clear(kernel)
    kernel.close()


@pytest.fixture(params=["memory", pytest.param("live", marks=pytest.mark.kernel)])
def kernel(request: pytest.FixtureRequest) -> Kernel:
    """Return an empty kernel of either kind."""
    if request.param == "memory":
        return MemoryKernel(EMPTY)
    live: Live = request.getfixturevalue("live")
    return live
