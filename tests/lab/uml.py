"""User Mode Linux: Debian's kernel as an ordinary program, up in two seconds, without nftables for ip, ip6 and inet."""

import os
import shlex
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from tests.lab import archive
from tests.lab.guest import Ends, Job, UnavailableError

BOOT = ("root=/dev/root", "rootfstype=hostfs", "rootflags=/", "ro", "quiet", "con=null", "ssl=null")
LOADER = b"/lib64/ld-linux-x86-64.so.2"
OWN_LOADER = b"l/ld.so"
"""Below the folder of a kernel from elsewhere, in which it is started: with the C library that it was built for."""


@dataclass(frozen=True, slots=True)
class UserMode:
    """The installed kernel, or one of another Debian release."""

    PROGRAMS: ClassVar[dict[str, str]] = {"linux.uml": "user-mode-linux", "insmod": "kmod"}
    CONSOLES: ClassVar[str] = "output=/dev/tty1 errors=/dev/tty2 orders=/dev/tty3"
    version: str = ""

    @property
    def name(self) -> str:
        """Return how the command line names it."""
        return f"uml:{self.version}" if self.version else "uml"

    @property
    def suite(self) -> str:
        """Return the suite of the archive that it comes from, or "" for this machine's own release."""
        return archive.suite(archive.UML, self.version) if self.version else ""

    def is_there(self) -> bool:
        """Return whether the kernel is on this machine."""
        if self.version:
            return archive.is_there(archive.UML, self.version)
        return shutil.which("linux.uml") is not None

    def unpack(self) -> None:
        """Fetch a kernel of another release; raise UnavailableError where the archive does not answer."""
        if self.version:
            archive.unpack(archive.UML, self.version)

    def release(self) -> str:
        """Return what `uname -r` says in the guest."""
        return next(self.modules().iterdir()).name

    def command(self, job: Job, lab: Path, ends: Ends) -> list[str]:
        """Return the command line that boots; what it needs besides is put into the folder."""
        if not self.is_there():
            raise UnavailableError(
                f"There is no kernel {self.name} here: run `python3 -m tests.lab install {self.name}`."
            )
        if " " in str(lab):
            raise UnavailableError(f"The kernel takes no blanks in {str(lab)!r}: set TMPDIR to a folder without them.")
        boot = lab / "boot"
        shutil.copy(Path(__file__).with_name("uml.sh"), boot)
        boot.chmod(0o755)
        (lab / "modules").symlink_to(self.modules())
        consoles = [f"con0=null,fd:{ends.log}", f"con3=fd:{ends.orders},null"]
        if job.terminal:
            consoles.append("con1=fd:{},fd:{}".format(*ends.program))
        else:
            consoles += [f"con{number}=null,fd:{end}" for number, end in enumerate(ends.program, 1)]
        memory = f"TMPDIR={memory_folder(job.memory)}"
        program = (
            [*_with_own_libraries(self._root()), memory, "usr/bin/linux.uml"] if self.version else [memory, "linux.uml"]
        )
        return ["env", *program, f"mem={job.memory}M", *BOOT, *consoles, f"uml_dir={lab}/", f"init={boot}"]

    def mount(self, _number: int, folder: Path) -> str:
        """Return the guest's shell command that makes its writes to this folder of the host real."""
        return f"mount -t hostfs none {shlex.quote(str(folder))} -o {shlex.quote(str(folder))}"

    def _root(self) -> Path:
        return archive.folder(archive.UML, self.version) if self.version else Path("/")

    def modules(self) -> Path:
        """Return the folder of its modules, one folder a release below it."""
        return self._root() / "usr/lib/uml/modules"


def _with_own_libraries(root: Path) -> list[str]:
    """Make the unpacked kernel use the C library beside it; return the arguments of `env` that this takes."""
    loader = next(root.glob("usr/lib/*/ld-linux-x86-64.so.2"))
    own = root / os.fsdecode(OWN_LOADER)
    if not own.exists():
        own.parent.mkdir(exist_ok=True)
        own.symlink_to(loader)
    program = root / "usr/bin/linux.uml"
    code = program.read_bytes()
    if LOADER in code:
        program.write_bytes(code.replace(LOADER, OWN_LOADER.ljust(len(LOADER), b"\0"), 1))
    return [f"--chdir={root}", f"LD_LIBRARY_PATH={loader.parent}"]


def memory_folder(mebibytes: int) -> Path:
    """Choose where the guest's memory file lies: it must hold all of it (a container's /dev/shm often cannot)."""
    candidates = [Path("/dev/shm"), Path(tempfile.gettempdir()), Path("/var/tmp")]
    for folder in candidates:
        if folder.is_dir() and os.access(folder, os.W_OK):
            room = os.statvfs(folder)
            if room.f_bavail * room.f_frsize > mebibytes * 2**20 and not room.f_flag & os.ST_NOEXEC:
                return folder
    raise UnavailableError(f"No folder has {mebibytes} MiB for the guest's memory: free some in {candidates[0]}.")
