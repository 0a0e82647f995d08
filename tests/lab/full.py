"""The full Debian kernel under QEMU: nftables and IPVS in one kernel, slow where KVM does not help.

Without KVM the processor is emulated, and a program takes some ten times as long.
"""

import shlex
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from tests.lab import archive, kvm, packages
from tests.lab.guest import Ends, Job, LabError, UnavailableError

# What the kernel needs before it sees the host's files: the rest it loads from there.
MODULES = ("virtio_pci", "virtio_console", "9p", "9pnet_virtio", "overlay")
# Of emulated processors one plain one was the fastest: more features, or a second one, cost more than they give.
MACHINE = ("-machine", "q35", "-smp", "1", "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none")
EMULATED = ("-accel", "tcg", "-cpu", "qemu64")
# What Debian switches on and no test looks at costs an emulated processor a tenth. And the kernel is not to try at its
# start whether the timer's interrupts come: on a machine with other work they come too late, and it would panic.
BOOT = "console=ttyS0 quiet panic=-1 mitigations=off init_on_alloc=0 apparmor=0 no_timer_check"


@dataclass(frozen=True, slots=True)
class Full:
    """The kernel of this machine's own Debian release, or one of another."""

    PROGRAMS: ClassVar[dict[str, str]] = {
        "qemu-system-x86_64": "qemu-system-x86",
        "depmod": "kmod",
        "ipset": "ipset",
    }
    CONSOLES: ClassVar[str] = "output=/dev/vport0p1 errors=/dev/vport0p2 orders="
    version: str = ""

    @property
    def name(self) -> str:
        """Return how the command line names it."""
        return f"full:{self.version}" if self.version else "full"

    @property
    def suite(self) -> str:
        """Return the suite of the archive that it comes from, or "" for this machine's own release."""
        return archive.suite(archive.FULL, self.version) if self.version else ""

    def is_there(self) -> bool:
        """Return whether the kernel and what each full guest needs are unpacked."""
        return packages.are_there() and (not self.version or archive.is_there(archive.FULL, self.version))

    def unpack(self) -> None:
        """Fetch what is not there; raise UnavailableError where that does not work."""
        packages.unpack()
        if self.version:
            archive.unpack(archive.FULL, self.version)

    def release(self) -> str:
        """Return what `uname -r` says in the guest."""
        return next((self.layers()[0] / "lib/modules").iterdir()).name

    def command(self, job: Job, lab: Path, ends: Ends) -> list[str]:
        """Return the command line that boots; what it needs besides is put into the folder."""
        if job.terminal:
            raise LabError("The full guest has no terminal: only the one in User Mode Linux has.")
        qemu = shutil.which("qemu-system-x86_64")
        if qemu is None or not self.is_there():
            raise UnavailableError(
                f"There is no QEMU or no kernel for it: run `python3 -m tests.lab install {self.name}`."
            )
        layers = {f"layer{number}": layer for number, layer in enumerate(self.layers())}
        self.write_initramfs(lab, "full.sh", list(layers))
        shares = share("host", Path("/"), ",readonly=on")
        for tag, layer in layers.items():
            shares += share(tag, layer, ",readonly=on")
        for tag, folder in [
            ("lab", lab),
            *((f"writable{number}", folder) for number, folder in enumerate(job.writable)),
        ]:
            shares += share(tag, folder)
        # The ports get their names in the order of the devices, so theirs comes first.
        ports = ["-device", "virtio-serial-pci"]
        for number, end in enumerate(ends.program, 1):
            ports += ["-chardev", f"file,id=port{number},path=/dev/fd/{end}"]
            ports += ["-device", f"virtserialport,chardev=port{number},nr={number}"]
        return self.machine(qemu, lab, job.memory, [*ports, *shares], f"/dev/fd/{ends.log}")

    def machine(self, qemu: str, lab: Path, memory: int, devices: Sequence[str], log: str) -> list[str]:
        """Return the command line of a machine with so many MiB that starts with the folder's initramfs."""
        processor = kvm.PROCESSOR if kvm.works(qemu, self._kernel()) else EMULATED
        return [
            *("setpriv", "--pdeathsig", "KILL"),  # when the host's side is gone, nobody waits for this guest any more
            *(qemu, *MACHINE, *processor, "-m", str(memory), *devices),
            *("-chardev", f"file,id=log,path={log},append=on", "-serial", "chardev:log"),
            *("-kernel", str(self._kernel()), "-initrd", str(lab / "initramfs"), "-append", BOOT),
        ]

    def mount(self, number: int, folder: Path) -> str:
        """Return the guest's shell command that makes its writes to this folder of the host real."""
        return f"mount -t 9p -o trans=virtio,version=9p2000.L writable{number} {shlex.quote(str(folder))}"

    def layers(self) -> list[Path]:
        """Return what lies over the host's files in the guest; the first has the kernel."""
        own = [archive.folder(archive.FULL, self.version)] if self.version else []
        return [*own, packages.FOLDER]

    def _kernel(self) -> Path:
        root = self.layers()[0]
        return next(path for place in ("boot/vmlinuz-*", "lib/modules/*/vmlinuz") for path in root.glob(place))

    def write_initramfs(self, lab: Path, script: str, layers: Sequence[str] = ()) -> None:
        """Write what the kernel starts with: busybox, the modules for the host's files, and a script beside this."""
        root = lab / "root"
        (root / "modules").mkdir(parents=True)
        order = []
        for module in self._modules():
            if module.name not in order:
                order.append(module.name)
                shutil.copy(module, root / "modules")
        (root / "modules/order").write_text("\n".join(order))
        (root / "layers").write_text("\n".join(layers))
        shutil.copy(Path(__file__).with_name(script), root / "init")
        (root / "init").chmod(0o755)
        busybox = shutil.copy(packages.FOLDER / "bin/busybox", root)
        files = "\n".join(str(path.relative_to(root)) for path in sorted(root.rglob("*")))
        with (lab / "initramfs").open("wb") as cpio:
            command = [busybox, "cpio", "-o", "-H", "newc"]
            subprocess.run(command, cwd=root, input=files.encode(), stdout=cpio, stderr=subprocess.PIPE, check=True)

    def _modules(self) -> Iterator[Path]:
        """Yield the modules that the host's files take, in the order of loading; those built in are not among them."""
        show = [
            "/sbin/modprobe",
            "--dirname",
            str(self.layers()[0]),
            "--set-version",
            self.release(),
            "--show-depends",
        ]
        for name in MODULES:
            lines = subprocess.run([*show, name], check=True, capture_output=True, text=True).stdout.splitlines()
            yield from (Path(line.split()[1]) for line in lines if line.startswith("insmod "))


def share(tag: str, folder: Path, options: str = "") -> list[str]:
    path = str(folder).replace(",", ",,")  # QEMU's way to write a comma that separates nothing
    return [
        *("-fsdev", f"local,id={tag},path={path},security_model=none,multidevs=remap{options}"),
        *("-device", f"virtio-9p-pci,fsdev={tag},mount_tag={tag}"),
    ]
