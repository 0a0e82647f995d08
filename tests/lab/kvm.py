"""Whether the host's processor runs the full kernel itself, which makes that guest some ten times faster."""

import os
import subprocess
from pathlib import Path

from tests.lab.packages import CACHE

DEVICE = Path("/dev/kvm")
PROCESSOR = ("-accel", "kvm", "-cpu", "host,-arch-capabilities")
"""The host's own; some nested KVM has that one register of it but takes no value for it, and QEMU ends there."""
SECONDS = 15
"""To the end of a boot without a root, which takes a second where KVM works and minutes where it emulates itself."""
PROBE = ("-machine", "q35", "-m", "256", "-nodefaults", "-no-reboot", "-display", "none", "-serial", "stdio")
BOOT = "console=ttyS0 quiet panic=-1 mitigations=off no_timer_check"
DIED = b"Unable to mount root fs"
"""How a kernel ends that found no root: it has come as far as that."""


def works(qemu: str, kernel: Path) -> bool:
    """Return whether the kernel comes up under KVM here: tried once between two starts of this machine, then known."""
    if not os.access(DEVICE, os.R_OK | os.W_OK):
        return False
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    known = CACHE / "kvm"
    said = known.read_text().split() if known.exists() else []
    if said[:1] != [boot]:
        said = [boot, "works" if _boots(qemu, kernel) else "fails"]
        known.write_text(" ".join(said))
    return said[1:] == ["works"]


def _boots(qemu: str, kernel: Path) -> bool:
    command = [qemu, *PROBE, *PROCESSOR, "-kernel", str(kernel), "-append", BOOT]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return False
    return DIED in done.stdout
