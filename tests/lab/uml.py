"""User Mode Linux: Debian's kernel as an ordinary program, up in two seconds, without nftables for ip, ip6 and inet."""

import os
import shlex
import shutil
import tempfile
from pathlib import Path

from tests.lab.guest import Ends, Job, UnavailableError

# The program that shows that a package is there -> the Debian package.
PROGRAMS = {"linux.uml": "user-mode-linux", "insmod": "kmod"}
CONSOLES = "output=/dev/tty1 errors=/dev/tty2 orders=/dev/tty3"
BOOT = ("root=/dev/root", "rootfstype=hostfs", "rootflags=/", "ro", "quiet", "con=null", "ssl=null")


def command(job: Job, lab: Path, ends: Ends) -> list[str]:
    """Return the command line that boots; what it needs besides is put into the folder."""
    kernel = shutil.which("linux.uml")
    if kernel is None:
        raise UnavailableError("There is no User Mode Linux here (linux.uml): run `python3 -m tests.lab install`.")
    if " " in str(lab):
        raise UnavailableError(f"The kernel takes no blanks in {str(lab)!r}: set TMPDIR to a folder without them.")
    boot = lab / "boot"
    shutil.copy(Path(__file__).with_name("uml.sh"), boot)
    boot.chmod(0o755)
    consoles = [f"con0=null,fd:{ends.log}", f"con3=fd:{ends.orders},null"]
    if job.terminal:
        consoles.append("con1=fd:{},fd:{}".format(*ends.program))
    else:
        consoles += [f"con{number}=null,fd:{end}" for number, end in enumerate(ends.program, 1)]
    memory = ["env", f"TMPDIR={_memory_folder(job.memory)}"]
    return [*memory, kernel, f"mem={job.memory}M", *BOOT, *consoles, f"uml_dir={lab}/", f"init={boot}"]


def mount(_number: int, folder: Path) -> str:
    """Return the guest's shell command that makes its writes to this folder of the host real."""
    return f"mount -t hostfs none {shlex.quote(str(folder))} -o {shlex.quote(str(folder))}"


def _memory_folder(mebibytes: int) -> Path:
    """Choose where the guest's memory file lies: it must hold all of it (a container's /dev/shm often cannot)."""
    candidates = [Path("/dev/shm"), Path(tempfile.gettempdir()), Path("/var/tmp")]
    for folder in candidates:
        if folder.is_dir() and os.access(folder, os.W_OK):
            room = os.statvfs(folder)
            if room.f_bavail * room.f_frsize > mebibytes * 2**20 and not room.f_flag & os.ST_NOEXEC:
                return folder
    raise UnavailableError(f"No folder has {mebibytes} MiB for the guest's memory: free some in {candidates[0]}.")
