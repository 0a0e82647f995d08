"""The command line: its options and commands, and which function each command runs."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NoReturn, TypeAlias

from lvstui import __version__
from lvstui.core.fields import quote, visible

_DESCRIPTION: Final = """\
Watch and edit Linux Virtual Server (IPVS) live: every edit goes to the kernel and to a TOML profile.
Without a command the screens open, on this machine's IPVS or else on a demo; `COMMAND --help` explains one."""

_EPILOG: Final = """\
exit status: 0 ok, 1 error, 2 usage or no terminal, 3 differs, 4 permission missing, 5 no IPVS, 70 a fault of lvstui"""

_VIEWS: Final = ("services", "persistence", "marks", "connections", "director", "changes")

_WRITING: Final = ("apply", "set", "add", "delete", "drain", "restore", "rollback")
"""Those commands that write to the kernel; all of them take --dry-run, and so do the words after `entry` and `mark`."""

_SERVICE_HELP: Final = "tcp:192.0.2.10:443, mark:80 ... or a name"
_SERVER_HELP: Final = "10.0.0.11:443 or a name"
_KEEP_WEIGHTS_HELP: Final = "leave the weights of real servers that run as they are"
_PROFILE_HELP: Final = "a profile, if not the usual one"

_EDIT: Final = ("edits", "run")
"""A module of `commands` and its function, which are imported when the command is run and not for `--help`."""

_LONGEST: Final = 300
"""Characters of a complaint that are shown: an argument may have 128 KiB."""

_COMPLAINTS: Final = tuple(
    (re.compile(pattern), sentence)
    for pattern, sentence in (
        (r"^the following arguments are required: (.*)$", r"missing: \1"),
        (r"^one of the arguments (.*) is required$", r"missing, one of: \1"),
        (r"^argument (\S+): not allowed with argument (\S+)$", r"\1: cannot stand beside \2; leave one of them out"),
        (r"^argument (\S+): expected one argument$", r"\1: needs a value behind it"),
    )
)
"""Complaints of argparse in our words."""

_LONGEST_WATCH: Final = 3600
"""Seconds that a command watches the counters at most."""

_Command: TypeAlias = Callable[[str, str, str], argparse.ArgumentParser]
"""Adds a command: its name, what follows it, and what it does."""


class _Parser(argparse.ArgumentParser):
    """A parser whose complaints show what stood on the command line escaped, and not more of it than one can read."""

    def error(self, message: str) -> NoReturn:
        """Print the usage and what is wrong on stderr, and end with status 2."""
        for pattern, sentence in _COMPLAINTS:
            message = pattern.sub(sentence, message)
        shown = visible(message[:_LONGEST])
        super().error(f"{shown}..." if len(message) > _LONGEST else shown)


def parser() -> argparse.ArgumentParser:
    """Return the parser; an option that is absent has the value None or False."""
    main = _Parser(
        prog="lvstui",
        usage="lvstui [OPTIONS] [COMMAND]",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        add_help=False,
        allow_abbrev=False,
    )
    main.set_defaults(command=None, live=False, demo=False, profile=None, netns=None)
    _commands(main)
    _place(main)
    screens = main.add_argument_group("screens, and more")
    screens.add_argument("--read-only", action="store_true", help="refuse every edit")
    screens.add_argument(
        "--interval", type=_seconds(0.2, 3600), default=1.0, metavar="S", help="seconds between readings (1)"
    )
    screens.add_argument("--view", choices=_VIEWS, default=_VIEWS[0], metavar="NAME", help=", ".join(_VIEWS))
    screens.add_argument("--version", action="version", version=f"lvstui {__version__}", help="print the version")
    screens.add_argument("-h", "--help", action="help", help="print this text")
    return main


def needs_no_ipvs(options: argparse.Namespace) -> bool:
    """Return whether a command says something of use where the kernel has no IPVS: what is about rules does."""
    return options.command == "trace" or (options.command, getattr(options, "what", "")) == ("show", "marks")


def _seconds(least: float, most: float) -> Callable[[str], float]:
    """Return what reads a number of seconds in a range."""

    def read(text: str) -> float:
        try:
            seconds = float(text)
        except ValueError:
            seconds = math.nan  # in no range
        if not least <= seconds <= most:
            raise argparse.ArgumentTypeError(f"must be {least:g} to {most:g} seconds, not {quote(text)}")
        return seconds

    return read


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text)):
        raise argparse.ArgumentTypeError(f"must be a whole number from 1, not {quote(text)}")
    return int(text)


def _place(target: argparse.ArgumentParser) -> None:
    """Add the options that stand before a command as well as after it."""
    group = target.add_argument_group("where")
    kernel = group.add_mutually_exclusive_group()
    hidden = argparse.SUPPRESS
    kernel.add_argument("--live", action="store_true", default=hidden, help="this machine's IPVS and nothing else")
    kernel.add_argument("--demo", action="store_true", default=hidden, help="a made-up director with traffic")
    group.add_argument("--netns", default=hidden, metavar="NAME", help="the IPVS of a network namespace (ip netns)")
    group.add_argument("--profile", type=Path, default=hidden, metavar="FILE", help="the profile, if not the usual one")


def _force(added: argparse.ArgumentParser) -> None:
    """Add the option that makes what is refused for safety."""
    help_text = "even with the profile of another director, or where most of what runs would be deleted"
    added.add_argument("--force", action="store_true", help=help_text)


def _commands(main: argparse.ArgumentParser) -> None:
    commands = main.add_subparsers(title="commands", metavar="COMMAND", dest="command", prog="lvstui")
    common = _Parser(add_help=False)
    _place(common)

    def command(name: str, usage: str, text: str) -> argparse.ArgumentParser:
        added = _describe(commands.add_parser, "", name, usage, text, parents=[common])
        if name in _WRITING:
            help_text = "only print what would be written; exit status 3 if anything"
            added.add_argument("--dry-run", action="store_true", help=help_text)
            _force(added)
        return added

    _reading(command)
    _entries(command)
    _writing(command)
    _marks(command)


def _describe(
    add: Callable[..., argparse.ArgumentParser],
    group: str,
    name: str,
    usage: str,
    text: str,
    parents: Sequence[argparse.ArgumentParser] = (),
) -> argparse.ArgumentParser:
    """Add a parser for a command, or for one of a group of commands, that is described by the same text everywhere."""
    return add(
        name,
        usage=f"lvstui {group}{name} {usage}",
        help=text,
        description=f"{text[0].upper()}{text[1:]}.",
        parents=parents,
        allow_abbrev=False,
    )


def _over(command: argparse.ArgumentParser) -> None:
    """Add how long to watch the counters before it is said which servers are in trouble."""
    help = "watch the counters for so long to see which servers do not serve (0: one look)"
    command.add_argument("--over", type=_seconds(0, _LONGEST_WATCH), default=0.0, metavar="SECONDS", help=help)


def _reading(command: _Command) -> None:
    show = command(
        "show",
        "[services [--over SECONDS] | marks | director] [--json]",
        "print the services, the firewall marks, or the settings",
    )
    show.add_argument("what", nargs="?", choices=("services", "marks", "director"), default="services")
    show.add_argument("--json", action="store_true", help="as JSON, counters and the kernel's rates included")
    _over(show)
    show.set_defaults(run=("show", "show"))
    _trace(command)
    _probe(command)
    export = command("export", "[-o FILE] [--format FORMAT]", "print what the kernel holds as a profile")
    export.add_argument("-o", "--output", type=Path, metavar="FILE", help="write this file, in one step")
    export.add_argument("--format", choices=("toml", "ipvsadm", "json", "nft"), default="toml", help="(toml)")
    export.add_argument("--force", action="store_true", help="even over the profile of another director")
    export.set_defaults(run=("show", "export"))
    check = command("check", "(FILE | --running [--over SECONDS])", "check a profile, or the director as it runs")
    what = check.add_mutually_exclusive_group(required=True)
    what.add_argument("file", type=Path, nargs="?", metavar="FILE")
    what.add_argument("--running", action="store_true", help="what an expert would advise; exit status 3 if anything")
    _over(check)
    check.set_defaults(run=("check", "check"))
    doctor = command("doctor", "[SERVICE] [--probe] [--over SECONDS] [--json]", "look for what is wrong with services")
    doctor.add_argument("service", nargs="?", metavar="SERVICE", help=f"{_SERVICE_HELP} (all)")
    doctor.add_argument("--probe", action="store_true", help="ask the real servers too, by the way of the traffic")
    doctor.add_argument("--json", action="store_true", help="as JSON, with every question")
    _over(doctor)
    doctor.set_defaults(run=("doctor", "doctor"))
    diff = command("diff", "[FILE] [--keep-weights]", "print what `apply` would write to the kernel")
    diff.add_argument("file", type=Path, nargs="?", metavar="FILE", help=_PROFILE_HELP)
    diff.add_argument("--keep-weights", action="store_true", help=_KEEP_WEIGHTS_HELP)
    diff.set_defaults(run=("apply", "diff"), keep_others=False)
    history = command("history", "[-n N] [--json] [WORD...]", "print what was changed, by whom and when")
    history.add_argument("words", nargs="*", metavar="WORD", help="only records with all of these words")
    history.add_argument("-n", dest="count", type=_count, default=20, metavar="N", help="the last N records (20)")
    history.add_argument("--json", action="store_true", help="as JSON, as it is stored")
    history.set_defaults(run=("history", "history"))


def _trace(command: _Command) -> None:
    usage = "CLIENT[:PORT] PROTOCOL:ADDRESS:PORT [OPTIONS]"
    trace = command("trace", usage, "follow a packet through rules and IPVS to its real server")
    trace.set_defaults(run=("trace", "trace"))
    trace.add_argument("client", metavar="CLIENT[:PORT]", help="where it comes from, such as 198.51.100.7")
    sent = "where it is sent, such as tcp:192.0.2.10:443; it may stand first"
    trace.add_argument("target", metavar="PROTOCOL:ADDRESS:PORT", help=sent)
    comes_in = "the interface that it comes in by, where rules ask for that"
    trace.add_argument("--in", dest="interface", metavar="INTERFACE", help=comes_in)
    trace.add_argument("--from-director", action="store_true", help="this machine itself sends it")
    trace.add_argument("--established", action="store_true", help="it belongs to an open connection, and opens none")
    trace.add_argument("--ct-mark", metavar="N", help="the mark that its connection has, 0 to 4294967295")
    trace.add_argument("--json", action="store_true", help="as JSON")


def _probe(command: _Command) -> None:
    usage = "[SERVICE [SERVER] | --machine ADDRESS] [FIELD=VALUE...] [--json] [--wait S]"
    probe = command("probe", usage, "ask real servers whether they are there")
    probe.set_defaults(run=("probe", "probe"))
    words = f"SERVICE: {_SERVICE_HELP} (all); SERVER: {_SERVER_HELP} (all of the service); what to ask instead of the "
    words += "service's probe, by the profile's names: type=http path=/health"
    probe.add_argument("words", nargs="*", metavar="WORD", help=words)
    probe.add_argument("--machine", metavar="ADDRESS", help="every server with this address, in all services")
    target = "what clients send to, where a mark or a service of all ports leaves that open"
    probe.add_argument("--at", metavar="PROTOCOL:ADDRESS:PORT", help=target)
    wait = "seconds to wait for an answer, 0.1 to 30 (that of the service's probe, else 1.5)"
    probe.add_argument("--wait", type=_seconds(0.1, 30), metavar="S", help=wait)
    probe.add_argument("--json", action="store_true", help="as JSON")


def _entries(command: _Command) -> None:
    entries = command("entries", "[--filter FILTER] [--json]", "print which client sticks to which real server")
    entries.set_defaults(run=("entries", "show"))
    entries.add_argument(
        "--filter", default="", metavar="FILTER", help="as in the screens: 10.1.0.0/16 server=web2 left<60"
    )
    entries.add_argument("--json", action="store_true", help="as JSON, times in seconds")
    entry = command("entry", "(expire|pin|move|time) ...", "edit one persistence entry in the kernel")
    entry.set_defaults(run=("entries", "edit"))
    edits = entry.add_subparsers(title="edits", metavar="EDIT", dest="edit", required=True, prog="lvstui entry")

    def edit(name: str, usage: str, text: str) -> argparse.ArgumentParser:
        added = _describe(edits.add_parser, "entry ", name, usage, text)
        added.add_argument("client", metavar="CLIENT", help="an address, or the network as the entry is shown")
        added.add_argument("service", metavar="SERVICE", help=_SERVICE_HELP)
        call_id = "the call, where a persistence engine tells clients apart by it"
        added.add_argument("--call-id", default="", metavar="ID", help=call_id)
        added.add_argument("--json", action="store_true", help="what was seen afterwards, as JSON")
        added.add_argument("--dry-run", action="store_true", help="only print what would happen; exit status 3")
        return added

    seconds = "seconds after the client's last new connection (the service's own time)"
    expire = edit("expire", "CLIENT SERVICE [--kill]", "let an entry run out now")
    pin = edit("pin", "CLIENT SERVICE SERVER [--for SECONDS]", "bind a client that has no entry to a real server")
    move = edit("move", "CLIENT SERVICE SERVER [--kill] [--for SECONDS]", "move a client to another real server")
    timed = edit("time", "CLIENT SERVICE SECONDS", "restart the timer of an entry")
    for added in (pin, move):
        added.add_argument("server", metavar="SERVER", help=_SERVER_HELP)
        added.add_argument("--for", dest="seconds", metavar="SECONDS", help=seconds)
    for added in (expire, move):
        added.add_argument("--kill", action="store_true", help="reset the client's connections at once")
    timed.add_argument("seconds", metavar="SECONDS", help="1 to 2678400 (31 days)")


def _writing(command: _Command) -> None:
    usage = "[FILE] [--dry-run] [--keep-others] [--keep-weights] [--force]"
    apply = command("apply", usage, "make the kernel equal a profile")
    apply.set_defaults(run=("apply", "apply"))
    apply.add_argument("file", type=Path, nargs="?", metavar="FILE", help=_PROFILE_HELP)
    apply.add_argument("--keep-others", action="store_true", help="leave services alone that are not in the profile")
    apply.add_argument("--keep-weights", action="store_true", help=_KEEP_WEIGHTS_HELP)
    usage = "WHAT [SERVER] FIELD=VALUE... [--with-fallback] [--dry-run]"
    change = command("set", usage, "edit a service, a real server or a setting")
    change.add_argument("what", metavar="WHAT", help=f"{_SERVICE_HELP}; or timeouts, sysctl, director, sync ROLE")
    change.add_argument("words", nargs="*", metavar="FIELD=VALUE", help="the profile's names, such as tunnel.port=6080")
    add = command("add", "SERVICE [SERVER] [FIELD=VALUE...] [--dry-run]", "add a service, or a real server to one")
    add.add_argument("what", metavar="SERVICE", help=f"{_SERVICE_HELP} of an existing one; or sync ROLE")
    add.add_argument("words", nargs="*", metavar="FIELD=VALUE", help="the profile's names, such as weight=3")
    delete = command("delete", "SERVICE [SERVER] [--yes] [--dry-run]", "delete a service, or a real server of one")
    delete.add_argument("what", metavar="SERVICE", help=f"{_SERVICE_HELP}; or sync ROLE")
    delete.add_argument("words", nargs="*", metavar="SERVER", help=_SERVER_HELP)
    delete.add_argument("--yes", action="store_true", help="do not ask before a whole service is deleted")
    for name, text in (("drain", "send no new connections to a real server"), ("restore", "end a drain")):
        more = " [--with-fallback] [--move-clients]" if name == "drain" else ""
        weigh = command(name, f"(SERVICE SERVER | --machine ADDRESS){more} [--dry-run]", text)
        weigh.add_argument("what", nargs="?", metavar="SERVICE", help=_SERVICE_HELP)
        weigh.add_argument("words", nargs="*", metavar="SERVER", help=_SERVER_HELP)
        weigh.add_argument("--machine", metavar="ADDRESS", help="every server with this address, in all services")
        if name == "drain":
            _with_fallback(weigh)
            help_text = "then move the clients that stick to it to the others, by weight"
            weigh.add_argument("--move-clients", action="store_true", help=help_text)
        weigh.set_defaults(run=_EDIT)
    _with_fallback(change)
    for editing in (change, add, delete):
        editing.set_defaults(run=_EDIT)
    rollback = command("rollback", "N [--dry-run]", "take back a record of the history, if it still fits")
    rollback.add_argument("number", type=_count, metavar="N", help="its number in `lvstui history`")
    rollback.set_defaults(run=_EDIT)


def _with_fallback(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--with-fallback",
        action="store_true",
        help="set the flag sh-fallback or mh-fallback first where clients would be refused",
    )


def _marks(command: _Command) -> None:
    mark = command("mark", "(add|delete) ...", "edit which packets get a firewall mark")
    mark.set_defaults(run=_EDIT)
    edits = mark.add_subparsers(title="edits", metavar="EDIT", dest="edit", required=True, prog="lvstui mark")

    def edit(name: str, usage: str, text: str, matches: str) -> argparse.ArgumentParser:
        added = _describe(edits.add_parser, "mark ", name, usage, text)
        added.add_argument("mark", metavar="MARK", help="the mark, 1 to 4294967295, or the name of its group")
        added.add_argument("match", metavar="MATCH", nargs=matches, help="packets, such as 'tcp 192.0.2.10 80,443'")
        added.add_argument("--dry-run", action="store_true", help="only print what would be written; exit status 3")
        _force(added)
        return added

    add = edit("add", "MARK MATCH... [OPTIONS]", "mark packets, with a service for them", "+")
    add.add_argument("--name", help="what the group is called in the profile")
    add.add_argument("--scheduler", metavar="NAME", help="of a service that does not exist yet (wlc)")
    add.add_argument("--persistence", metavar="SECONDS", help="of such a service; 0 for none (300 with several ports)")
    add.add_argument("--server", action="append", default=[], help="a real server for the mark; may be repeated")
    add.add_argument("--forwarding", default="route", metavar="METHOD", help="to these servers: masq, route, tunnel")
    add.add_argument("--rules-only", action="store_true", help="add no service")
    delete = edit("delete", "MARK [MATCH...] [--services] [--yes] [--dry-run]", "stop marking packets", "*")
    delete.add_argument("--services", action="store_true", help="delete the services on the mark too")
    delete.add_argument("--yes", action="store_true", help="do not ask before services are deleted")
