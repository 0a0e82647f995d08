"""The lab's commands: install what it needs, run a command or tests in a guest, open lvstui on the shop."""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.lab import guest, install
from tests.lab.full import Full
from tests.lab.uml import UserMode

SECONDS = 4500
"""Limit of all tests in a guest."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says and return the exit status: the command's own, or 125 where the lab failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.lab", description=__doc__)
    commands = parser.add_subparsers(dest="action", required=True)
    make = commands.add_parser("install", help="make sure that the lab's programs are there (Debian packages)")
    make.add_argument("kernels", nargs="*", type=_kernel, metavar="KERNEL", help="and these kernels of other releases")
    run = commands.add_parser("run", help="run a command as the guest's root in the checkout; its exit status is ours")
    _choose_kernel(run)
    run.add_argument("-t", "--terminal", action="store_true", help="run it on this terminal, keys and size included")
    run.add_argument("--seconds", type=float, default=900, help="limit without -t, the boot included (default 900)")
    run.add_argument("--memory", type=int, default=1024, help="MiB of the guest (default 1024)")
    run.add_argument(
        "--writable", type=_folder, action="append", default=[], help="a folder that the guest may write to"
    )
    run.add_argument("command", nargs="+", metavar="-- COMMAND")
    test = commands.add_parser(
        "test",
        help="run the tests marked `kernel`, in a full guest those marked `netfilter` or `nft`; the rest is pytest's",
    )
    _choose_kernel(test)
    test.add_argument("--guests", type=int, default=1, help="how many guests share the tests (default 1)")
    test.add_argument("--or-skip", action="store_true", help="without a guest: say so and succeed, but not if CI=true")
    shop = commands.add_parser("shop", help="open lvstui (or COMMAND) in this terminal on a director with traffic")
    shop.add_argument("command", nargs="*", metavar="-- COMMAND")
    options, rest = parser.parse_known_args(arguments)
    if rest and options.action != "test":
        parser.error(f"unknown: {' '.join(rest)}")
    try:
        match options.action:
            case "install":
                return install.install(options.kernels)
            case "run":
                limits = {"memory": options.memory, "seconds": options.seconds, "writable": options.writable}
                job = guest.Job(options.command, terminal=options.terminal, **limits)
                return guest.run(job, options.kernel)
            case "test":
                return _test(rest, options.kernel, guests=options.guests, or_skip=options.or_skip)
            case _:
                return guest.run(guest.Job(_shop(options.command), terminal=True), UserMode())
    except guest.LabError as problem:
        print(f"lab: {problem}", file=sys.stderr)
        return 125
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # who read our output has had enough
        return 141


def _kernel(name: str) -> guest.Kernel:
    """Read a kernel as the command line names it: KIND or KIND:VERSION."""
    kind, _, version = name.partition(":")
    kinds: dict[str, Callable[[str], guest.Kernel]] = {"uml": UserMode, "full": Full}
    if kind not in kinds:
        raise argparse.ArgumentTypeError(f"{name!r} is neither uml[:VERSION] nor full[:VERSION]")
    return kinds[kind](version)


def _choose_kernel(parser: argparse.ArgumentParser) -> None:
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument(
        "--kernel",
        type=_kernel,
        default=UserMode(),
        metavar="KIND[:VERSION]",
        help="uml: User Mode Linux, the default; full: a kernel with nftables; of this Debian's release or VERSION",
    )
    choice.add_argument("--full", action="store_const", const=Full(), dest="kernel", help="short for --kernel full")


def _test(arguments: Sequence[str], kernel: guest.Kernel, *, guests: int, or_skip: bool) -> int:
    try:
        if reason := install.lacks(kernel):
            raise guest.UnavailableError(reason)
        return _share([*_pytest(kernel), *arguments], kernel, guests)
    except guest.UnavailableError as problem:
        if not or_skip:
            raise
        # The archive of another release may be out of reach for days, and that is not the change's fault.
        excused = os.environ.get("CI") != "true" or (kernel.version and not kernel.is_there())
        line = "=" * 100
        print(line, f"SKIPPED: every test in the guest {kernel.name}", problem, sep="\n", file=sys.stderr)
        print("" if excused else "With CI=true this is a failure.", line, sep="\n", file=sys.stderr)
        return 0 if excused else 1


def _share(pytest: Sequence[str], kernel: guest.Kernel, guests: int) -> int:
    """Run the tests in some guests side by side, with the output of the first as it comes, then that of the others."""
    with tempfile.TemporaryDirectory(prefix="lvstui-lab-") as name, ExitStack() as others:
        command = [*pytest, "-p", "tests.lab.share", f"--shared={name}"]
        collected = subprocess.run([*command, "--collect-only"], cwd=guest.CHECKOUT, capture_output=True, text=True)
        if collected.returncode:
            print(collected.stdout, collected.stderr, sep="")
            return collected.returncode
        run = [_python(), "-m", "tests.lab", "run", f"--kernel={kernel.name}", f"--seconds={SECONDS}"]
        running = [others.enter_context(_started([*run, "--writable", name, "--", *command])) for _ in range(1, guests)]
        statuses = [guest.run(guest.Job(command, seconds=SECONDS, writable=[Path(name)]), kernel)]
        for process in running:
            output, _ = process.communicate()
            print(output, end="")
            statuses.append(process.returncode)
        return max(statuses)


@contextmanager
def _started(command: Sequence[str]) -> Iterator[subprocess.Popen[str]]:
    """Start another guest, and end it when it is no longer waited for."""
    process = subprocess.Popen(command, cwd=guest.CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def _folder(text: str) -> Path:
    return Path(text).resolve()


def _python() -> str:
    """Name the checkout's own Python, which the guest sees under the same path."""
    python = guest.CHECKOUT / ".venv/bin/python"
    if not python.exists():
        raise guest.LabError("There is no .venv in this checkout: run `make` first.")
    return str(python)


def _pytest(kernel: guest.Kernel) -> list[str]:
    marker = "netfilter or nft" if isinstance(kernel, Full) else "kernel"
    colour = ["--color=yes"] if sys.stdout.isatty() else []
    # Loading every plugin that is installed takes an emulated processor longer than most of its tests.
    plugins = ["-p", "pytest_asyncio.plugin", "-p", "no:cacheprovider"]
    return ["env", "PYTEST_DISABLE_PLUGIN_AUTOLOAD=1", _python(), "-m", "pytest", "-m", marker, *plugins, *colour]


def _shop(command: Sequence[str]) -> list[str]:
    return [_python(), "-m", "tests.lab.shop", *(command or [str(guest.CHECKOUT / ".venv/bin/lvstui")])]


if __name__ == "__main__":
    sys.exit(main())
