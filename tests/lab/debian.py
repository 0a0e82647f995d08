"""A fresh Debian with systemd, made by debootstrap in the cache: copied for each test, entered, and booted.

It boots under User Mode Linux with its folder as the root, so that what a boot writes is there after the next one.
"""

import fcntl
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.lab import packages
from tests.lab.archive import PLACES
from tests.lab.full import Full, share
from tests.lab.guest import LabError, UnavailableError
from tests.lab.packages import CACHE
from tests.lab.uml import UserMode, memory_folder

RELEASES: Final = {"bookworm": "12", "trixie": "13"}
"""The suites that are made, and the release of Debian that each is."""

_PACKAGES: Final = (
    *("systemd", "systemd-sysv", "dbus", "kmod", "iproute2", "procps", "python3"),
    *("ipvsadm", "keepalived", "nftables", "sudo"),
)
_LAB: Final = "lab"
"""The folder at its root that is ours: the script of a boot, what it printed and its status."""
_UNIT: Final = """\
[Unit]
Description=The script of the lab
After=multi-user.target
ConditionPathExists=/lab/script

[Service]
Type=oneshot
ExecStart=/bin/sh -c 'sh /lab/script > /lab/output 2>&1; echo $? > /lab/status'
ExecStopPost=/usr/bin/systemctl --no-block poweroff

[Install]
WantedBy=multi-user.target
"""
_NEEDLESS: Final = (
    *(
        "getty@tty1.service",
        "proc-sys-fs-binfmt_misc.automount",
        "systemd-binfmt.service",
        "systemd-random-seed.service",
    ),
    *("ldconfig.service", "systemd-journal-catalog-update.service", "apt-daily.timer", "apt-daily-upgrade.timer"),
    *(f"modprobe@{module}.service" for module in ("configfs", "drm", "efi_pstore", "fuse")),
)
"""Units that no director misses and that take a third of the time of a boot."""
_MEMORY: Final = 512
"""MiB of a guest in user mode."""
_LOG_LINES: Final = 30


@dataclass(frozen=True, slots=True)
class Booted:
    """What the script of a boot left."""

    status: int
    output: str
    """What it printed, errors among it."""


@dataclass(frozen=True, slots=True)
class Debian:
    """A copy that is a test's own."""

    release: str
    """Its suite, as `bookworm`."""
    root: Path

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """Write a file of the system, as `/etc/hosts`; the folders that lack are made."""
        place = self.root / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
        place.chmod(mode)

    def run(self, *command: str, text: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command in it as root without any network or systemd, with the text as its input."""
        enter = ("unshare", "--net", "--pid", "--fork", "--kill-child", f"--mount-proc={self.root}/proc")
        clean = ("env", "-i", "HOME=/root", "LANG=C.UTF-8", "TERM=xterm", "DEBIAN_FRONTEND=noninteractive")
        path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        line = [*enter, "chroot", str(self.root), *clean, path, *command]
        return subprocess.run(line, input=text, capture_output=True, text=True)

    def boot(self, script: str, seconds: float = 900, *, full: bool = False) -> Booted:
        """Boot it, run the script as root when all services are up, and shut it down in good order.

        The next boot finds the files of this one: two boots are a reboot. A `full` kernel has nf_tables, and is slow
        where its processor is emulated. Raise LabError where the script does not end within the seconds, the boot
        included, and UnavailableError where there is no full kernel.
        """
        for name in ("output", "status"):
            (self.root / _LAB / name).unlink(missing_ok=True)
        self.write(f"{_LAB}/script", script)
        with tempfile.TemporaryDirectory(prefix="lvstui-debian-", ignore_cleanup_errors=True) as name:
            log = Path(name, "log")
            line = self._full(Path(name), log) if full else self._user_mode(Path(name))
            _power_on(line, log, seconds)
            try:
                status = int((self.root / _LAB / "status").read_text())
            except (OSError, ValueError):
                tail = "\n".join(log.read_text(errors="replace").splitlines()[-_LOG_LINES:])
                raise LabError(f"The script did not end within {seconds:g} s. The end of the log:\n{tail}") from None
        (self.root / _LAB / "script").unlink()
        return Booted(status, (self.root / _LAB / "output").read_text(errors="replace"))

    def _user_mode(self, folder: Path) -> list[str]:
        root = ("root=/dev/root", "rootfstype=hostfs", f"rootflags={self.root}", "rw", "init=/sbin/init")
        quiet = ("quiet", *(f"systemd.mask={unit}" for unit in _NEEDLESS))
        consoles = ("con=null", "ssl=null", "con0=null,fd:1")
        memory = f"TMPDIR={memory_folder(_MEMORY)}"
        kernel = ("linux.uml", f"mem={_MEMORY}M", *root, *consoles, *quiet, f"uml_dir={folder}/")
        return ["setpriv", "--pdeathsig", "KILL", "env", memory, *kernel]

    def _full(self, folder: Path, log: Path) -> list[str]:
        kernel = Full()
        qemu = shutil.which("qemu-system-x86_64")
        if qemu is None or not kernel.is_there():
            raise UnavailableError("There is no full kernel to boot a fresh Debian: run `python -m tests.lab install`.")
        kernel.write_initramfs(folder, "debian.sh")
        modules = share("modules", kernel.layers()[0] / "lib/modules", ",readonly=on")
        return kernel.machine(qemu, folder, 1024, [*share("root", self.root), *modules], str(log))


def _power_on(line: Sequence[str], log: Path, seconds: float) -> None:
    """Run a kernel until it has powered off, or for so many seconds."""
    with log.open("ab") as output:
        machine = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True)
        deadline = time.monotonic() + seconds
        try:
            while machine.poll() is None and time.monotonic() < deadline:
                time.sleep(0.1)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(machine.pid, signal.SIGKILL)
            machine.wait()


@contextmanager
def copied(release: str) -> Iterator[Debian]:
    """Yield a fresh system of the release, which is gone afterwards; raise UnavailableError where none can be made."""
    made = make(release)
    with (
        tempfile.TemporaryDirectory(prefix="lvstui-debian-", dir="/var/tmp") as name,
        _laid_over(made, Path(name)) as root,
    ):
        yield Debian(release, root)


@contextmanager
def _laid_over(made: Path, folder: Path) -> Iterator[Path]:
    """Yield a system in the folder that begins like the one that was made; a copy where nothing may be mounted."""
    root, upper, work = (folder / name for name in ("root", "upper", "work"))
    for place in (root, upper, work):
        place.mkdir()
    overlay = ["mount", "-t", "overlay", "-o", f"lowerdir={made},upperdir={upper},workdir={work}", "overlay", str(root)]
    mounted = subprocess.run(overlay, capture_output=True).returncode == 0
    if not mounted:
        subprocess.run(["cp", "-a", "--reflink=auto", f"{made}/.", str(root)], check=True)
    try:
        yield root
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", str(root)], check=True)


def make(release: str) -> Path:
    """Return the folder of the release in the cache, made now if it is not there; two at once wait for each other.

    Raise UnavailableError, which says why, where it can be neither made nor booted here.
    """
    if os.geteuid() != 0:
        raise UnavailableError("A fresh Debian needs root: its files have owners, and it is entered by chroot.")
    if not UserMode().is_there():
        raise UnavailableError("There is no kernel to boot a fresh Debian: run `python -m tests.lab install`.")
    folder = CACHE / f"debian-{release}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"debian-{release}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wish = f"{PLACES[0]} {' '.join(_PACKAGES)} {UserMode().release()}\n{_UNIT}"
        if not packages.is_complete(folder, wish):
            _bootstrap(release, folder, wish)
    return folder


def _bootstrap(release: str, folder: Path, wish: str) -> None:
    """Make the system beside its place, and put it there when all went well."""
    shutil.rmtree(folder, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as name:
        root = Path(name, "root")
        include = f"--include={','.join(_PACKAGES)}"
        packages.run([_debootstrap(), "--variant=minbase", include, release, str(root), PLACES[0]])
        for package in (root / "var/cache/apt/archives").glob("*.deb"):
            package.unlink()
        kernel = UserMode().release()
        shutil.copytree(UserMode().modules() / kernel, root / "usr/lib/modules" / kernel, symlinks=True)
        (root / _LAB).mkdir()
        (root / "etc/systemd/system/lab.service").write_text(_UNIT)
        (root / "etc/systemd/system/multi-user.target.wants").mkdir(parents=True, exist_ok=True)
        (root / "etc/systemd/system/multi-user.target.wants/lab.service").symlink_to("../lab.service")
        (root / "etc/hostname").write_text("director\n")
        packages.mark(root, wish)
        root.rename(folder)


def _debootstrap() -> str:
    """Return the program, installed by apt where it is not here."""
    path = "/usr/sbin:/usr/bin:/sbin:/bin"
    install = [*packages.APT, "install", "--yes", "debootstrap"]
    with (CACHE / "debootstrap.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the two releases are made side by side
        if shutil.which("debootstrap", path=path) is None and subprocess.run(install).returncode:
            # Without the lists of packages nothing can be installed, and a fresh container has none.
            subprocess.run([*packages.APT, "update"])
            subprocess.run(install)
    found = shutil.which("debootstrap", path=path)
    if found is None:
        raise UnavailableError("There is no debootstrap here, and apt-get did not install it.")
    return found
