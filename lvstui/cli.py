"""The commands, and the one place where kernel, profile and screens are put together."""

from __future__ import annotations

import argparse
import gc
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from lvstui.commands.arguments import needs_no_ipvs, parser
from lvstui.commands.place import (
    DEMO_WITHOUT_PROFILE,
    Failure,
    OpenPlace,
    Place,
    Status,
    complain,
    complain_of,
    complain_of_first,
)
from lvstui.commands.signals import Ended, ending
from lvstui.core.change import DirectorField
from lvstui.core.config import COLOURS, COMMAND_LINE, Config, Found, Known, check
from lvstui.core.fields import FieldError, netns
from lvstui.core.mistake import STDIN
from lvstui.core.model import NOBODYS, Home
from lvstui.core.record import Owner
from lvstui.formats.profile.write import ProfileError
from lvstui.host import hearing
from lvstui.host.hearing import hear
from lvstui.host.home import find_home
from lvstui.kernel.port import Kernel, KernelError, NoIpvs, NoNamespace, NoRight
from lvstui.store.config_file import config_paths, load_config
from lvstui.store.journal_file import left_paths
from lvstui.store.profile_file import NO_USUAL_PROFILE, ProfileFile, default_path
from lvstui.store.trial_place import has_news

if TYPE_CHECKING:
    from lvstui.engine.options import Options

_OPTIONS: Final = ("theme", "interval", "view", "mouse", "ascii", "read_only")
"""Settings that the command line has an option for."""

_FILES: Final = ("file", "output", "out")
"""Options that name files, beside the profile."""

_MISTAKES: Final = 5
"""Mistakes of the configuration that a command names."""

_CHECK_OFFER: Final = "`lvstui config --check` lists all"

_DEMO_OFFER: Final = "`lvstui --demo` shows a made-up director without it"

Command: TypeAlias = Callable[[argparse.Namespace, OpenPlace], int]
"""Runs a command and returns the exit status; imported only when it is asked for."""

Opener: TypeAlias = Callable[[str | None], Kernel]
"""Opens the kernel of a network namespace, or of our own (None)."""


def main(arguments: Sequence[str] | None = None, open_kernel: Opener | None = None, *, gives_up: bool = False) -> int:
    """Run what the command line asks for and return the exit status; `open_kernel` stands in for the live one.

    `gives_up` has the process lose the rights of root that a director does not need, before anything is done with it.
    What goes wrong is one sentence on stderr; the parser raises `SystemExit` after its own.
    """
    try:
        options = parser().parse_args(arguments)
        options.gives_up = gives_up and os.geteuid() == 0
        return _run(options, open_kernel)
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
    except ProfileError as error:
        complain_of(error.mistakes)
        status, sentence = Status.ERROR, "" if error.mistakes else str(error)
    except KernelError as error:
        status, sentence = Status.ERROR, str(error)
    except KeyboardInterrupt:
        return Status.INTERRUPTED
    if sentence:
        complain(sentence)
    return status


def _run(options: argparse.Namespace, open_kernel: Opener | None) -> int:
    open_kernel = open_kernel or partial(_open_live, loads=options.command != "watch")
    if options.demo and (options.live or options.netns):
        raise Failure("--demo shows no kernel; leave out --live and --netns, or --demo", Status.USAGE)
    if options.netns is not None:
        netns(options.netns)
    config = _configure(options)
    if options.command is None:
        return _screens(options, config, open_kernel)
    if options.command not in ("config", "keys"):  # which find more of them
        _complain_of_mistakes(config)
    if options.read_only and not getattr(options, "dry_run", True):
        raise Failure(_why_read_only(config, options.command), Status.USAGE)
    module, function = options.run
    run: Command = getattr(import_module(f"lvstui.commands.{module}"), function)
    with ending():
        return run(options, lambda: _place(options, open_kernel))


def _configure(options: argparse.Namespace) -> Config:
    """Return what is configured, the command line on top; options that were not given get what counts then."""
    given = ((name, getattr(options, name)) for name in _OPTIONS)
    typed = Config({name: Found(value, COMMAND_LINE) for name, value in given if value is not None})
    config = typed.over(load_config(config_paths()))
    options.interval, options.read_only = config.number("interval"), config.flag("read_only")
    options.config, options.known = config, _known
    return config


def _known() -> Known:
    """Return what only the screens know of values; takes a quarter of a second, which most commands need not pay."""
    from lvstui.tui.known import known

    return known()


def _complain_of_mistakes(config: Config) -> None:
    """Say what is wrong in the configuration; it counts as if it were not there."""
    complain_of_first([*map(str, config.mistakes)], _MISTAKES, "mistake", f"{{}} in the configuration; {_CHECK_OFFER}")


def _why_read_only(config: Config, command: str) -> str:
    """Return why a command may not edit, and how it may."""
    found = config.found("read_only")
    if found is None or not found.line:
        return f"--read-only refuses every edit; leave it out to {command}"
    return f"{found.origin} (read_only = true) refuses every edit; write lvstui --no-read-only {command} ..."


def _open_live(netns: str | None, *, loads: bool) -> Kernel:
    from lvstui.kernel.live import Live  # not needed for --help, check and --demo

    return Live(netns, loads=loads)


@contextmanager
def _place(options: argparse.Namespace, open_kernel: Opener, *, demo_instead: bool = False) -> Iterator[Place]:
    """Open kernel and profile; `demo_instead` takes the demo where this machine has no IPVS and nobody insists."""
    notice = ""
    if not options.demo:
        if options.gives_up:
            from lvstui.host import witness  # as nobody but root is ever without the rights of root

            witness.start()
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
                _give_up(options, path)
                notice = "" if missing else _recover(kernel, profile, here, options)
                place = Place(kernel, profile, notice, _watch_owners(kernel, options.netns), here)
                yield place if missing else _hear_of_trial(place, options)
            finally:
                kernel.close()
            return
    with _demo(options.profile) as (kernel, profile):
        _give_up(options, options.profile)
        found = _recover(kernel, profile, NOBODYS, options) if profile else DEMO_WITHOUT_PROFILE
        yield Place(kernel, profile, notice or found)


def _give_up(options: argparse.Namespace, profile: Path | None) -> None:
    """Lose the rights of root that this run does not need, from here on and in all that it starts."""
    if not options.gives_up:
        return
    from lvstui.host import rights

    named = (getattr(options, name, None) for name in _FILES)
    kept = set(rights.DIRECTOR)
    if any(isinstance(path, Path) and str(path) != STDIN and rights.is_others(path) for path in (profile, *named)):
        kept |= rights.FILES
    reserve = {rights.Right.SYS_ADMIN} if options.netns is not None else set()
    if options.command is None and os.environ.get("SUDO_UID", "0") != "0":
        reserve |= rights.OTHER_USER
    with suppress(OSError):  # where somebody forbids even that, all goes on as it was
        rights.give_up(kept, reserve)


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


def _hear_of_trial(place: Place, options: argparse.Namespace) -> Place:
    """End a trial that nobody waits for any more; say what there is to say of one, a command at once."""
    path = place.trial_path
    decides = options.command in ("confirm", "extend") or getattr(options, "now", False)  # which says all of it itself
    if path is None or decides or not has_news(path) or (file := place.trial) is None:
        return place
    from lvstui.engine.trials.desk import TrialDesk  # with the formats of records

    desk = TrialDesk(place.kernel, file, place.here, read_only="read-only" if options.read_only else "")
    # The screens have keys for one that waits, and a countdown.
    found = desk.news(is_read=options.command is None or sys.stderr.isatty(), asks=options.command is not None)
    if options.command is None:
        return place._replace(notice="; ".join(filter(None, (place.notice, *found))))
    for sentence in found:
        complain(sentence)
    return place


def _watch_owners(kernel: Kernel, netns: str | None) -> Callable[[], tuple[Owner, ...]]:
    """Return a callable that lists other programs writing to a kernel; there are none beside one in memory."""
    if kernel.origin == "demo":
        return tuple

    @cache
    def watch() -> Callable[[], tuple[Owner, ...]]:
        # With what reads configurations, which only a look at the processes needs.
        from lvstui.host.owners import OwnerWatch, owners_in

        return partial(hear, owners_in, netns) if hearing.line else OwnerWatch(netns)

    return lambda: watch()()


@contextmanager
def _demo(path: Path | None) -> Iterator[tuple[Kernel, ProfileFile | None]]:
    """Open the demo's kernel, with a profile that goes away with it unless one is named; None if it can be nowhere."""
    from tempfile import TemporaryDirectory, gettempdir

    from lvstui.kernel.memory.demo import demo_director, demo_rules
    from lvstui.kernel.memory.kernel import MemoryKernel

    director = demo_director()
    kernel = MemoryKernel(director, traffic=True, foreign=demo_rules())
    if path is not None:
        yield kernel, ProfileFile(path)
        return
    from lvstui.store.demo_folder import PREFIX, hold, sweep

    try:
        gettempdir()
    except OSError:  # a system that is read-only as a whole
        yield kernel, None
        return
    sweep()
    with TemporaryDirectory(prefix=PREFIX) as folder, hold(Path(folder)):
        profile = ProfileFile(Path(folder) / "director.toml")
        profile.update(lambda _: director)
        yield kernel, profile


def _screens(options: argparse.Namespace, config: Config, open_kernel: Opener) -> int:
    if not (sys.stdin.isatty() and sys.stderr.isatty()) or os.environ.get("TERM", "") in ("", "dumb"):
        raise Failure("the screens need a terminal; `lvstui show` prints the services without one", Status.USAGE)
    with _place(options, open_kernel, demo_instead=True) as place:
        from lvstui.tui import behind  # textual takes a quarter of a second, which the commands need not pay

        if sentence := behind.refusal():
            raise Failure(sentence)
        from lvstui.tui.app import run
        from lvstui.tui.themes import ThemeError

        notice = behind.warning() or place.notice or (NO_USUAL_PROFILE if place.file is None else "")
        screens = _screen_options(options, check(config, _known()), place, notice)
        gc.enable()  # off since the start; unlike a command, the screens live long
        try:
            return run(screens)
        except ThemeError as error:
            raise Failure(str(error), Status.USAGE) from None


def _screen_options(options: argparse.Namespace, config: Config, place: Place, notice: str) -> Options:
    """Return what the screens begin with; they show `notice`, and the first mistake of the configuration."""
    from lvstui.core.new_server import NewServer
    from lvstui.core.view.glyphs import ASCII, UNICODE
    from lvstui.core.view.head import Banner
    from lvstui.engine.options import Options
    from lvstui.store.theme_files import theme_folders
    from lvstui.store.view_memory import ViewMemory, memory_path
    from lvstui.tui.terminal import signs_of_terminal

    wrong = list(map(str, config.mistakes))
    more = f" (and {len(wrong) - 1} more; {_CHECK_OFFER})" if wrong[1:] else ""
    ascii_only = config.flag("ascii")
    glyphs = signs_of_terminal() if ascii_only is None else ASCII if ascii_only else UNICODE
    theme = config.found("theme")
    return Options(
        place.kernel,
        place.file,
        options.read_only,
        options.interval,
        config.text("view"),
        notice="; ".join(filter(None, (notice, *(f"{line}{more}" for line in wrong[:1])))),
        here=place.here,
        trial=place.trial,
        links=options.netns is None,
        accounted=True,
        owners=place.owners,
        memory=ViewMemory(memory_path()),
        mouse=config.flag("mouse"),
        glyphs=glyphs,
        theme=config.text("theme"),
        theme_origin=theme.origin if theme else "",
        theme_folders=theme_folders(),
        columns=config.columns,
        keys=config.given_keys,
        new_server=NewServer(config.server),
        banner=Banner(config.text("host.banner"), COLOURS.get(config.text("host.colour"), "")),
    )
