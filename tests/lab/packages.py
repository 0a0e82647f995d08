"""Debian packages for the full guest only: unpacked in a cache, because installed they would change this machine.

An installed kernel belongs to the boot menu, and an installed firewalld starts at once and rewrites the firewall.
"""

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.lab.guest import UnavailableError

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lvstui-lab"
FOLDER = CACHE / "packages"
WANTED = "linux-image-amd64 busybox-static firewalld"
COMPLETE = FOLDER / ".complete"
"""Says for which wish the packages are there, so that another wish is not taken for fulfilled."""


def are_there() -> bool:
    """Return whether everything is unpacked."""
    return COMPLETE.exists() and COMPLETE.read_text() == WANTED


def unpack() -> None:
    """Fetch and unpack what is not there yet, without any right; raise UnavailableError where apt cannot."""
    if are_there():
        return
    print(f"Unpacking for the full guest, below {CACHE}: {WANTED}", flush=True)
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as name:
        root = Path(name, "root")
        # Packages still say /lib, which is a link in the host's root, and a folder in its place would hide all of that.
        for folder in ("bin", "lib", "sbin"):
            (root / "usr" / folder).mkdir(parents=True)
            (root / folder).symlink_to(f"usr/{folder}")
        _run(["apt-get", "-qq", "download", *_names()], name)
        for package in Path(name).glob("*.deb"):
            with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", package], stdout=subprocess.PIPE) as archive:
                tar = ["tar", "--extract", "--keep-directory-symlink", "--no-same-owner", "--directory", str(root)]
                subprocess.run(tar, stdin=archive.stdout, check=True)
        for kernel in (root / "lib/modules").iterdir():
            _run(["/sbin/depmod", "--basedir", str(root), kernel.name])
        (root / COMPLETE.name).write_text(WANTED)
        if FOLDER.exists():
            shutil.rmtree(FOLDER)
        root.rename(FOLDER)


def _names() -> list[str]:
    """Name each package that is needed: the kernel itself, and with the others what they depend on and is not here."""
    kernel, *others = WANTED.split()
    kernels = re.findall(r"Depends: (linux-image-\d\S+)", _run(["apt-cache", "depends", kernel]))
    simulated = _run(["apt-get", "install", "--simulate", "--no-install-recommends", *others])
    return sorted({*kernels, *others, *re.findall(r"(?m)^Inst (\S+)", simulated)})


def _run(command: list[str], folder: str = "/") -> str:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    except FileNotFoundError as missing:
        raise UnavailableError(f"There is no {missing.filename} here.") from None
    if done.returncode:
        raise UnavailableError(f"{' '.join(command[:2])} failed: {done.stderr.strip()}")
    return done.stdout
