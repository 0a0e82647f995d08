"""The commands, and the one place where kernel, profile and screens are put together."""

from __future__ import annotations

import argparse
import gc
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from lvstui.commands.arguments import needs_no_ipvs, parser
from lvstui.commands.place import Failure, OpenPlace, Place, Status, complain
from lvstui.commands.signals import Ended, ending
from lvstui.core.change import DirectorField
from lvstui.core.fields import FieldError, netns
from lvstui.core.model import NOBODYS, Home
from lvstui.core.record import Owner
from lvstui.formats.profile.write import ProfileError
from lvstui.host.home import find_home
from lvstui.kernel.port import Kernel, KernelError, NoIpvs, NoNamespace, NoRight
from lvstui.store.journal_file import left_paths
from lvstui.store.profile_file import NO_USUAL_PROFILE, ProfileFile, default_path

if TYPE_CHECKING:
    from lvstui.host.owners import OwnerWatch

_DEMO_OFFER: Final = "`lvstui --demo` shows a made-up director without it"

Command: TypeAlias = Callable[[argparse.Namespace, OpenPlace], int]
"""Runs a command and returns the exit status; imported only when it is asked for."""

Opener: TypeAlias = Callable[[str | None], Kernel]
"""Opens the kernel of a network namespace, or of our own (None)."""


def main(arguments: Sequence[str] | None = None, open_kernel: Opener | None = None) -> int:
    """Run what the command line asks for and return the exit status; `open_kernel` stands in for the live one.

    What goes wrong is one sentence on stderr; the parser raises `SystemExit` after its own.
    """
    try:
        return _run(parser().parse_args(arguments), open_kernel or _open_live)
    except Ended as end:
        return end.status
    except Failure as failure:
        status, sentence = failure.status, str(failure)
    except (FieldError, NoNamespace) as error:
        status, sentence = Status.USAGE, str(error)
    except NoRight as error:
        status, sentence = Status.PERMISSION, str(error)
    except NoIpvs as error:
        status, sentence = Status.NO_IPVS, f"{error}; {_DEMO_OFFER}"
    except (ProfileError, KernelError) as error:
        status, sentence = Status.ERROR, str(error)
    except KeyboardInterrupt:
        return Status.INTERRUPTED
    complain(sentence)
    return status


def _run(options: argparse.Namespace, open_kernel: Opener) -> int:
    if options.demo and (options.live or options.netns):
        raise Failure("--demo shows no kernel; leave out --live and --netns, or --demo", Status.USAGE)
    if options.netns is not None:
        netns(options.netns)
    if options.command is None:
        return _screens(options, open_kernel)
    if options.read_only and not getattr(options, "dry_run", True):
        raise Failure(f"--read-only refuses every edit; leave it out to {options.command}", Status.USAGE)
    module, function = options.run
    run: Command = getattr(import_module(f"lvstui.commands.{module}"), function)
    with ending():
        return run(options, lambda: _place(options, open_kernel))


def _open_live(netns: str | None) -> Kernel:
    from lvstui.kernel.live import Live  # not needed for --help, check and --demo

    return Live(netns)


@contextmanager
def _place(options: argparse.Namespace, open_kernel: Opener, *, demo_instead: bool = False) -> Iterator[Place]:
    """Open kernel and profile; `demo_instead` takes the demo where this machine has no IPVS and nobody insists."""
    notice = ""
    if not options.demo:
        kernel = open_kernel(options.netns)
        missing = _without_ipvs(kernel)
        if missing is not None and not needs_no_ipvs(options):
            kernel.close()
            if options.live or options.netns is not None or not demo_instead:
                raise missing
            notice = f"This is a demo: {missing}"
        else:
            try:
                here = NOBODYS if kernel.origin == "demo" else find_home(options.netns)
                path = options.profile or default_path(here)
                profile = ProfileFile(path) if path else None
                notice = "" if missing else _recover(kernel, profile, here, options)
                yield Place(kernel, profile, notice, _watch_owners(kernel, options.netns), here)
            finally:
                kernel.close()
            return
    with _demo(options.profile) as (kernel, profile):
        yield Place(kernel, profile, notice or _recover(kernel, profile, NOBODYS, options))


def _without_ipvs(kernel: Kernel) -> NoIpvs | None:
    """Return what the kernel says where it has no IPVS, None where it has."""
    try:
        with suppress(NoRight):
            kernel.lookup(DirectorField.TIMEOUTS)  # the cheapest of questions, so that a missing module shows
    except NoIpvs as error:
        return error
    return None


def _recover(kernel: Kernel, profile: ProfileFile | None, here: Home, options: argparse.Namespace) -> str:
    """Settle what a killed lvstui left; return what there is to say of it, which a command says at once."""
    if profile is None or not left_paths(profile.path):
        return ""
    from lvstui.engine.recovery import recover  # with the formats of records
    from lvstui.store.history_file import HistoryFile

    records = HistoryFile(profile.path, to_syslog=kernel.origin != "demo", home=here)
    found = list(recover(kernel, profile, records, here, read_only=options.read_only))
    if options.command is None:
        return "; ".join(found)
    for sentence in found:
        complain(sentence)
    return ""


def _watch_owners(kernel: Kernel, netns: str | None) -> Callable[[], tuple[Owner, ...]]:
    """Return a callable that lists other programs writing to a kernel; there are none beside one in memory."""
    if kernel.origin == "demo":
        return tuple

    @cache
    def watch() -> OwnerWatch:
        # With what reads configurations, which only a look at the processes needs.
        from lvstui.host.owners import OwnerWatch

        return OwnerWatch(netns)

    return lambda: watch()()


@contextmanager
def _demo(path: Path | None) -> Iterator[tuple[Kernel, ProfileFile]]:
    """Open the demo's kernel, with a profile that goes away with it unless one is named."""
    from tempfile import TemporaryDirectory

    from lvstui.kernel.memory.demo import demo_director, demo_rules
    from lvstui.kernel.memory.kernel import MemoryKernel

    director = demo_director()
    kernel = MemoryKernel(director, traffic=True, foreign=demo_rules())
    if path is not None:
        yield kernel, ProfileFile(path)
        return
    from lvstui.store.demo_folder import PREFIX, hold, sweep

    sweep()
    with TemporaryDirectory(prefix=PREFIX) as folder, hold(Path(folder)):
        profile = ProfileFile(Path(folder) / "director.toml")
        profile.update(lambda _: director)
        yield kernel, profile


def _screens(options: argparse.Namespace, open_kernel: Opener) -> int:
    if not (sys.stdin.isatty() and sys.stderr.isatty()) or os.environ.get("TERM", "") in ("", "dumb"):
        raise Failure("the screens need a terminal; `lvstui show` prints the services without one", Status.USAGE)
    with _place(options, open_kernel, demo_instead=True) as place:
        from lvstui.engine.options import Options
        from lvstui.store.view_memory import ViewMemory, memory_path
        from lvstui.tui import behind  # textual takes a quarter of a second, which the commands need not pay

        if sentence := behind.refusal():
            raise Failure(sentence)
        from lvstui.tui.app import run

        screens = Options(
            place.kernel,
            place.file,
            options.read_only,
            options.interval,
            options.view,
            notice=behind.warning() or place.notice or (NO_USUAL_PROFILE if place.file is None else ""),
            here=place.here,
            links=options.netns is None,
            accounted=True,
            owners=place.owners,
            memory=ViewMemory(memory_path()),
        )
        gc.enable()  # off since the start; unlike a command, the screens live long
        return run(screens)
