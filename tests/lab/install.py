"""Make sure that the programs of the lab are on this machine."""

import os
import shutil
import subprocess
import sys

# The program that shows that a package is there -> the Debian package.
PROGRAMS = {
    "linux.uml": "user-mode-linux",
    "insmod": "kmod",
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


def missing() -> list[str]:
    """Name the packages whose programs are not here."""
    return [package for program, package in PROGRAMS.items() if shutil.which(program, path=PATH) is None]


def install() -> int:
    """Install what is missing through apt; return 0 when everything is there, else 1 after a sentence that says why."""
    packages = missing()
    if not packages:
        return 0
    names = " ".join(packages)
    if shutil.which("apt-get") is None:
        return _refuse(f"The lab needs {names}, and there is no apt-get here to install them.")
    right = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if right and (
        shutil.which("sudo") is None or subprocess.run(["sudo", "-n", "true"], capture_output=True).returncode
    ):
        return _refuse(
            f"The lab needs {names}. Without the right to install them here, ask: sudo apt-get install {names}"
        )
    print(f"Installing for the lab: {names}", flush=True)
    apt = [*right, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq"]
    wanted = ["install", "--yes", "--no-install-recommends", *packages]
    # Most machines have usable package lists already; fetching them is the slow part.
    if subprocess.run([*apt, *wanted], capture_output=True).returncode:
        subprocess.run([*apt, "update"], stdout=subprocess.DEVNULL)
        subprocess.run([*apt, *wanted], stdout=subprocess.DEVNULL)
    packages = missing()
    return _refuse(f"apt-get did not install {' '.join(packages)}.") if packages else 0


def _refuse(sentence: str) -> int:
    print(f"lab: {sentence}", file=sys.stderr)
    return 1
