"""What is done to a real server of an open shop: asked for on the host, from another terminal, and done in the guest.

The guest's terminal belongs to the program that is shown on the shop, so an order is a file in a folder that both see.
"""

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tests.lab import net
from tests.lab.guest import LabError

FAULTS: Final[dict[str, Callable[[str], None]]] = {
    "kill": net.kill,
    "close": net.close,
    "silence": net.silence,
    "unplug": net.unplug,
    "revive": net.revive,
}
SHARED = Path("/run/lab")
"""The guest's name for the folder."""

_OPEN, _ORDER = "shop", "fault"
_SECONDS = 120.0
"""How long a guest may take: it starts a program in a second or two, and many times that beside others."""


def listen() -> None:
    """Say, in the guest, that the shop is open to orders."""
    (SHARED / _OPEN).touch()


def obey() -> None:
    """Do, in the guest, what was asked for since the last call; the order goes when it is done."""
    order = SHARED / _ORDER
    if order.exists():
        fault, server = order.read_text().split()
        FAULTS[fault](server)
        order.unlink()


def ask(fault: str, server: str) -> None:
    """Have a fault done in the shop that is open here, and wait until it is; raise LabError where that cannot be."""
    lab = _shop()
    order = lab / _ORDER
    fresh = lab / f"{_ORDER}.{os.getpid()}"
    fresh.write_text(f"{fault} {server}\n")
    fresh.rename(order)
    end = time.monotonic() + _SECONDS
    while order.exists():
        if time.monotonic() > end:
            raise LabError(f"The shop in {lab} does not answer: is it still open? Otherwise remove that folder.")
        time.sleep(0.05)


def _shop() -> Path:
    """Find the folder that is shared with the guest of the open shop."""
    own = [folder for folder in Path(tempfile.gettempdir()).glob("lvstui-lab-*") if folder.stat().st_uid == os.getuid()]
    shops = [folder for folder in own if (folder / _OPEN).exists()]
    if not shops:
        raise LabError("No shop is open: `make lab` opens one, in a terminal of its own.")
    newest = max(shops, key=lambda folder: (folder / _OPEN).stat().st_mtime)
    if len(shops) > 1:
        print(f"{len(shops)} shops are open: this is for the one that was opened last.")
    return newest
