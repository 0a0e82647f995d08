"""Debian packages for guests only: unpacked in a cache, because installed they would change this machine.

An installed kernel belongs to the boot menu, and an installed firewalld starts at once and rewrites the firewall.
"""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.lab.guest import UnavailableError

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lvstui-lab"
FOLDER = CACHE / "packages"
WANTED = "linux-image-amd64 busybox-static firewalld"
"""What each full guest needs, and the kernel of this machine's own release."""
APT = ("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", "-oDPkg::Lock::Timeout=300")
"""apt-get as it installs without a question, once whoever else installs something has ended."""
KERNEL = r"linux-(?:image|base|binary|modules)-\d\S*-amd64"
"""The packages that a kernel is made of: one until Debian 13, an empty image and the others in newer ones."""


def are_there() -> bool:
    """Return whether everything is unpacked."""
    return is_complete(FOLDER, WANTED)


def unpack() -> None:
    """Fetch and unpack what is not there yet, without any right; raise UnavailableError where apt cannot."""
    if are_there():
        return
    print(f"Unpacking for the full guest, below {CACHE}: {WANTED}", flush=True)
    with unpacking(FOLDER, WANTED) as (debs, root):
        run(["apt-get", "-qq", "download", *_names()], debs)
        unpack_all(debs, root)


def is_complete(folder: Path, wish: str) -> bool:
    """Return whether this wish is unpacked there, so that another wish is not taken for fulfilled."""
    found = _mark(folder)
    return found.exists() and found.read_text() == wish


def mark(folder: Path, wish: str) -> None:
    """Note in the folder that this wish is unpacked there, whole."""
    _mark(folder).write_text(wish)


@contextmanager
def unpacking(folder: Path, wish: str) -> Iterator[tuple[Path, Path]]:
    """Yield a folder for packages and the root to unpack them in, which takes the folder's place when all went well."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as name:
        root = Path(name, "root")
        # Packages still say /lib, which is a link in the host's root, and a folder in its place would hide all of that.
        for part in ("bin", "lib", "sbin"):
            (root / "usr" / part).mkdir(parents=True)
            (root / part).symlink_to(f"usr/{part}")
        yield Path(name), root
        mark(root, wish)
        if folder.exists():
            shutil.rmtree(folder)
        root.rename(folder)


def unpack_all(debs: Path, root: Path) -> None:
    """Unpack the folder's packages into the root, and let modprobe find the modules that are there then."""
    for package in debs.glob("*.deb"):
        with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", package], stdout=subprocess.PIPE) as archive:
            tar = ["tar", "--extract", "--keep-directory-symlink", "--no-same-owner", "--directory", str(root)]
            subprocess.run(tar, stdin=archive.stdout, check=True)
    for kernel in (root / "lib/modules").glob("*"):
        run(["/sbin/depmod", "--basedir", str(root), kernel.name])


def run(command: Sequence[str], folder: Path = Path("/")) -> str:
    """Run a program in the folder and return its output; raise UnavailableError where it is missing or fails."""
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    except FileNotFoundError as missing:
        raise UnavailableError(f"There is no {missing.filename} here.") from None
    if done.returncode:
        raise UnavailableError(f"{' '.join(command[:2])} failed: {done.stderr.strip()}")
    return done.stdout


def _mark(folder: Path) -> Path:
    return folder / ".complete"


def parts(apt_cache: Sequence[str], name: str, wanted: str) -> set[str]:
    """Name what a package depends on, however indirectly, as far as the names match the pattern."""
    relations = [f"--no-{other}" for other in ("recommends", "suggests", "conflicts", "breaks", "replaces", "enhances")]
    listing = run([*apt_cache, "depends", "--recurse", *relations, name])
    return set(re.findall(rf"(?m)^ *(?:Pre)?Depends: ({wanted})$", listing))


def _names() -> list[str]:
    """Name each package that is needed: the kernel itself, and with the others what they depend on and is not here."""
    kernel, *others = WANTED.split()
    simulated = run(["apt-get", "install", "--simulate", "--no-install-recommends", *others])
    return sorted({*parts(["apt-cache"], kernel, KERNEL), *others, *re.findall(r"(?m)^Inst (\S+)", simulated)})
