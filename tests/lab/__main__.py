"""The lab's commands: install what it needs, run a command or tests in a guest, open lvstui on the shop."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.lab import faults, guest, install, matrix, net, suite
from tests.lab.full import Full
from tests.lab.uml import UserMode

_FAULTS = {
    "kill": "end a real server's program, so that its machine refuses connections",
    "close": "have its program close its ports, while the connections that it has go on",
    "silence": "have its machine answer nothing, as a firewall does",
    "unplug": "take its machine off the network",
    "revive": "take all of that back",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says and return the exit status: the command's own, or 125 where the lab failed."""
    parser = _parser()
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
                how = {"guests": options.guests, "core": options.core, "or_skip": options.or_skip}
                return suite.run(rest, options.kernel, **how)
            case "matrix":
                return matrix.run(options.kernels or [_kernel(name) for name in matrix.KERNELS], core=options.core)
            case fault if fault in faults.FAULTS:
                faults.ask(fault, options.server)
                return 0
            case _:
                return guest.run(guest.Job(_shop(options.command), terminal=True), UserMode())
    except guest.LabError as problem:
        print(f"lab: {problem}", file=sys.stderr)
        return 125
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # who read our output has had enough
        return 141


def _parser() -> argparse.ArgumentParser:
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
    test.add_argument("--core", action="store_true", help="only what shows whether lvstui knows the kernel")
    test.add_argument("--or-skip", action="store_true", help="without a guest: say so and succeed, but not if CI=true")
    table = commands.add_parser("matrix", help="run all tests of guests on all kernels, and print what came of it")
    table.add_argument("--core", action="store_true", help="only what shows whether lvstui knows the kernel")
    table.add_argument("kernels", nargs="*", type=_kernel, metavar="KERNEL", help="only on these")
    shop = commands.add_parser("shop", help="open lvstui (or COMMAND) in this terminal on a director with traffic")
    shop.add_argument("command", nargs="*", metavar="-- COMMAND")
    for name, text in _FAULTS.items():
        fault = commands.add_parser(name, help=f"in the shop that is open in another terminal: {text}")
        fault.add_argument("server", choices=net.SERVERS, metavar="SERVER", help=f"one of {', '.join(net.SERVERS)}")
    return parser


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


def _folder(text: str) -> Path:
    return Path(text).resolve()


def _shop(command: Sequence[str]) -> list[str]:
    return [suite.python(), "-m", "tests.lab.shop", *(command or [str(guest.CHECKOUT / ".venv/bin/lvstui")])]


if __name__ == "__main__":
    sys.exit(main())
