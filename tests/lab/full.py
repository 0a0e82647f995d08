"""The full Debian kernel, emulated by QEMU: nftables and IPVS in one kernel, on a processor some ten times slower."""

import shlex
import shutil
import subprocess
from pathlib import Path

from tests.lab import packages
from tests.lab.guest import Ends, Job, LabError, UnavailableError

# The program that shows that a package is there -> the Debian package.
PROGRAMS = {"qemu-system-x86_64": "qemu-system-x86", "depmod": "kmod", "ipset": "ipset"}
CONSOLES = "output=/dev/vport0p1 errors=/dev/vport0p2 orders="
# What the kernel needs before it sees the host's files: the rest it loads from there.
MODULES = ("virtio_pci", "virtio_console", "9p", "9pnet_virtio", "overlay")
# Of emulated processors one plain one was the fastest: more features, or a second one, cost more than they give.
MACHINE = ("-machine", "q35", "-accel", "tcg", "-cpu", "qemu64", "-smp", "1")
BARE = ("-nodefaults", "-no-user-config", "-no-reboot", "-display", "none")
BOOT = "console=ttyS0 quiet panic=-1 mitigations=off"


def command(job: Job, lab: Path, ends: Ends) -> list[str]:
    """Return the command line that boots; what it needs besides is put into the folder."""
    if job.terminal:
        raise LabError("The full guest has no terminal: only the one in User Mode Linux has.")
    qemu = shutil.which("qemu-system-x86_64")
    if qemu is None or not packages.are_there():
        raise UnavailableError("There is no QEMU or no kernel for it here: run `python3 -m tests.lab install`.")
    kernel = next(packages.FOLDER.glob("boot/vmlinuz-*"))
    _write_initramfs(lab, kernel.name.removeprefix("vmlinuz-"))
    shares = [*_share("host", Path("/"), ",readonly=on"), *_share("packages", packages.FOLDER, ",readonly=on")]
    for tag, folder in [("lab", lab), *((f"writable{number}", folder) for number, folder in enumerate(job.writable))]:
        shares += _share(tag, folder)
    # The ports get their names in the order of the devices, so theirs comes first.
    ports = ["-device", "virtio-serial-pci"]
    for number, end in enumerate(ends.program, 1):
        ports += ["-chardev", f"file,id=port{number},path=/dev/fd/{end}"]
        ports += ["-device", f"virtserialport,chardev=port{number},nr={number}"]
    return [
        *("setpriv", "--pdeathsig", "KILL"),  # when the host's side is gone, nobody waits for this guest any more
        *(qemu, *BARE, *MACHINE, "-m", str(job.memory), *ports, *shares),
        *("-chardev", f"file,id=log,path=/dev/fd/{ends.log},append=on", "-serial", "chardev:log"),
        *("-kernel", str(kernel), "-initrd", str(lab / "initramfs"), "-append", BOOT),
    ]


def mount(number: int, folder: Path) -> str:
    """Return the guest's shell command that makes its writes to this folder of the host real."""
    return f"mount -t 9p -o trans=virtio,version=9p2000.L writable{number} {shlex.quote(str(folder))}"


def _share(tag: str, folder: Path, options: str = "") -> list[str]:
    path = str(folder).replace(",", ",,")  # QEMU's way to write a comma that separates nothing
    return [
        *("-fsdev", f"local,id={tag},path={path},security_model=none,multidevs=remap{options}"),
        *("-device", f"virtio-9p-pci,fsdev={tag},mount_tag={tag}"),
    ]


def _write_initramfs(lab: Path, release: str) -> None:
    """Write what the kernel starts with: busybox, the modules for the host's files, and full.sh."""
    root = lab / "root"
    (root / "modules").mkdir(parents=True)
    show = ["/sbin/modprobe", "--dirname", str(packages.FOLDER), "--set-version", release, "--show-depends"]
    order = []
    for name in MODULES:
        lines = subprocess.run([*show, name], check=True, capture_output=True, text=True).stdout.splitlines()
        for module in (Path(line.split()[1]) for line in lines if line.startswith("insmod ")):
            if module.name not in order:
                order.append(module.name)
                shutil.copy(module, root / "modules")
    (root / "modules/order").write_text("\n".join(order))
    shutil.copy(Path(__file__).with_name("full.sh"), root / "init")
    (root / "init").chmod(0o755)
    busybox = shutil.copy(packages.FOLDER / "bin/busybox", root)
    files = "\n".join(str(path.relative_to(root)) for path in sorted(root.rglob("*")))
    with (lab / "initramfs").open("wb") as archive:
        cpio = [busybox, "cpio", "-o", "-H", "newc"]
        subprocess.run(cpio, cwd=root, input=files.encode(), stdout=archive, stderr=subprocess.PIPE, check=True)
