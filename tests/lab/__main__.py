"""The lab's commands: install what it needs, run a command or the kernel tests in a guest, open lvstui on the shop."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.lab import guest, install


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says and return the exit status: the command's own, or 125 where the lab failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.lab", description=__doc__)
    commands = parser.add_subparsers(dest="action", required=True)
    commands.add_parser("install", help="make sure that the lab's programs are there (Debian packages)")
    run = commands.add_parser("run", help="run a command as the guest's root in the checkout; its exit status is ours")
    run.add_argument("-t", "--terminal", action="store_true", help="run it on this terminal, keys and size included")
    run.add_argument("--seconds", type=float, default=900, help="limit without -t, the boot included (default 900)")
    run.add_argument("--memory", type=int, default=1024, help="MiB of the guest (default 1024)")
    run.add_argument("--writable", type=Path, action="append", default=[], help="a folder that the guest may write to")
    run.add_argument("command", nargs="+", metavar="-- COMMAND")
    test = commands.add_parser("test", help="run the tests marked `kernel`; what follows goes to pytest")
    test.add_argument("--or-skip", action="store_true", help="without a guest: say so and succeed, but not if CI=true")
    shop = commands.add_parser("shop", help="open lvstui (or COMMAND) in this terminal on a director with traffic")
    shop.add_argument("command", nargs="*", metavar="-- COMMAND")
    options, rest = parser.parse_known_args(arguments)
    if rest and options.action != "test":
        parser.error(f"unknown: {' '.join(rest)}")
    try:
        match options.action:
            case "install":
                return install.install()
            case "run":
                limits = {"memory": options.memory, "seconds": options.seconds, "writable": options.writable}
                return guest.run(guest.Job(options.command, terminal=options.terminal, **limits))
            case "test":
                return _test(rest, or_skip=options.or_skip)
            case _:
                return guest.run(guest.Job(_shop(options.command), terminal=True))
    except guest.LabError as problem:
        print(f"lab: {problem}", file=sys.stderr)
        return 125
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # who read our output has had enough
        return 141


def _test(arguments: Sequence[str], *, or_skip: bool) -> int:
    try:
        if packages := install.missing():
            raise guest.UnavailableError(
                f"The lab lacks {' '.join(packages)}: sudo apt-get install {' '.join(packages)}"
            )
        return guest.run(guest.Job(_pytest(arguments), seconds=3000))
    except guest.UnavailableError as problem:
        if not or_skip:
            raise
        in_ci = os.environ.get("CI") == "true"
        line = "=" * 100
        print(line, "SKIPPED: every test on a real IPVS kernel (pytest -m kernel)", problem, sep="\n", file=sys.stderr)
        print("With CI=true this is a failure." if in_ci else "", line, sep="\n", file=sys.stderr)
        return 1 if in_ci else 0


def _python() -> str:
    """Name the checkout's own Python, which the guest sees under the same path."""
    python = guest.CHECKOUT / ".venv/bin/python"
    if not python.exists():
        raise guest.LabError("There is no .venv in this checkout: run `make` first.")
    return str(python)


def _pytest(arguments: Sequence[str]) -> list[str]:
    colour = ["--color=yes"] if sys.stdout.isatty() else []
    return [_python(), "-m", "pytest", "-m", "kernel", "-p", "no:cacheprovider", *colour, *arguments]


def _shop(command: Sequence[str]) -> list[str]:
    return [_python(), "-m", "tests.lab.shop", *(command or [str(guest.CHECKOUT / ".venv/bin/lvstui")])]


if __name__ == "__main__":
    sys.exit(main())
