"""Make sure that the programs of the lab are on this machine."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence

from tests.lab.full import Full
from tests.lab.guest import Kernel, UnavailableError
from tests.lab.packages import APT
from tests.lab.uml import UserMode

# The program that shows that a package is there -> the Debian package; each kernel names its own besides.
PROGRAMS = {
    "ipvsadm": "ipvsadm",
    "ip": "iproute2",
    "iptables-legacy": "iptables",
    "keepalived": "keepalived",
    "ldirectord": "ldirectord",
    "nft": "nftables",
    "tmux": "tmux",
    "ps": "procps",
}
PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])


def missing(kernel: Kernel) -> list[str]:
    """Name the packages whose programs are not here and that this kernel's guest needs."""
    programs: Mapping[str, str] = PROGRAMS | kernel.PROGRAMS
    return [package for program, package in programs.items() if shutil.which(program, path=PATH) is None]


def lacks(kernel: Kernel) -> str:
    """Say what is missing for a guest with this kernel and how it is brought here; "" where nothing is."""
    if names := " ".join(missing(kernel)):
        return f"The lab lacks {names}: sudo apt-get install {names}"
    if not kernel.is_there():
        return f"The lab lacks the kernel {kernel.name}: python3 -m tests.lab install {kernel.name}"
    return ""


def install(others: Sequence[Kernel] = ()) -> int:
    """Install what is missing through apt, and unpack the kernels: those of this machine's own release, and others.

    Return 0 when everything is there, else 1 after sentences that say why.
    """
    own: list[Kernel] = [UserMode(), Full()]
    return max(*(_install(kernel) for kernel in own), *(_unpack(kernel) for kernel in [*own, *others]))


def _install(kernel: Kernel) -> int:
    wanted = missing(kernel)
    if not wanted:
        return 0
    names = " ".join(wanted)
    if shutil.which("apt-get") is None:
        return _refuse(f"The lab needs {names}, and there is no apt-get here to install them.")
    apt = _apt()
    if not apt:
        return _refuse(
            f"The lab needs {names}. Without the right to install them here, ask: sudo apt-get install {names}"
        )
    print(f"Installing for the lab: {names}", flush=True)
    command = [*apt, "install", "--yes", "--no-install-recommends", *wanted]
    # Most machines have usable package lists already; fetching them is the slow part.
    if subprocess.run(command, capture_output=True).returncode:
        subprocess.run([*apt, "update"], stdout=subprocess.DEVNULL)
        subprocess.run(command, stdout=subprocess.DEVNULL)
    wanted = missing(kernel)
    return _refuse(f"apt-get did not install {' '.join(wanted)}.") if wanted else 0


def _unpack(kernel: Kernel) -> int:
    try:
        try:
            kernel.unpack()
        except UnavailableError:
            if kernel.version or not (apt := _apt()):
                raise
            subprocess.run([*apt, "update"], stdout=subprocess.DEVNULL)  # old lists name what is no longer there
            kernel.unpack()
    except UnavailableError as problem:
        return _refuse(f"There is no kernel {kernel.name} for a guest; `sudo apt-get update` may help. {problem}")
    return 0


def _apt() -> list[str]:
    """Return how apt is called with the right to install; [] where we do not have it."""
    if os.geteuid() == 0:
        return [*APT]
    if shutil.which("sudo") and subprocess.run(["sudo", "-n", "true"], capture_output=True).returncode == 0:
        return ["sudo", "-n", *APT]
    return []


def _refuse(sentence: str) -> int:
    print(f"lab: {sentence}", file=sys.stderr)
    return 1
