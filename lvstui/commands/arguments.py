"""The command line: its options and commands, and which function each command runs."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from lvstui import __version__
from lvstui.commands.manual import epilog
from lvstui.commands.parsing import Parser, as_count, as_file, as_saved_file, seconds_within
from lvstui.core.config import INTERVAL, SETTINGS, VIEWS, Config
from lvstui.core.trial import LEAST, MOST, SECONDS

_DESCRIPTION: Final = """\
Watch and edit Linux Virtual Server (IPVS) live. Without a command the screens
open, on this machine's IPVS or else on a demo; `COMMAND --help` explains one."""

_EPILOG: Final = """\
exit status: 0 ok, 1 error, 2 usage, 3 differs, 4 no right, 5 no IPVS, 70 fault"""

_WRITING: Final = ("apply", "set", "add", "delete", "drain", "restore", "rollback")
"""Those commands that write to the kernel; all of them take --dry-run, and so do the words after `entry` and `mark`."""

_SERVICE_HELP: Final = "tcp:192.0.2.10:443, mark:80 ... or a name"
_SERVER_HELP: Final = "10.0.0.11:443 or a name"
_KEEP_WEIGHTS_HELP: Final = "leave the weights of real servers that run as they are"
_PROFILE_HELP: Final = "a profile, if not the usual one; - reads it from the standard input"
_TRIAL_HELP: Final = "on trial: taken back after so long unless `lvstui confirm` keeps it"
_DONE_HELP: Final = "what was done, or would be, as JSON"

_APPLY: Final = """\
Make the kernel equal a profile. What runs and is not in the profile is deleted without a question (--keep-others
leaves it); the profile of another director, and deleting most of what runs, need --force. What the kernel refuses is
listed with the reason, and so is what depends on it; all else is written, and the exit status is 1.

A plan (of `diff --out`) is made exactly as it stands there, in the kernel and in the usual profile, or, where
something that it touches is no longer as it was, not at all: that is listed, and the exit status is 1."""

_EDIT: Final = ("edits", "run")
"""A module of `commands` and its function, which are imported when the command is run and not for `--help`."""

_LONGEST_WATCH: Final = 3600
"""Seconds that a command watches the counters at most."""


class _Layout(argparse.RawDescriptionHelpFormatter):
    """The help of lvstui itself: it fits a screen, so the commands stand below their heading without a line more."""

    def _format_action(self, action: argparse.Action) -> str:
        text = super()._format_action(action)
        return text.partition("\n")[2] if isinstance(action, argparse._SubParsersAction) else text


_Command: TypeAlias = Callable[[str, str, str], argparse.ArgumentParser]
"""Adds a command: its name, what follows it, and what it does."""


def parser() -> argparse.ArgumentParser:
    """Return the parser; an option that is absent has the value None or False, a setting None."""
    main = Parser(
        prog="lvstui",
        usage="lvstui [OPTIONS] [COMMAND]",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=_Layout,
        add_help=False,
        allow_abbrev=False,
    )
    main.set_defaults(command=None, live=False, demo=False, profile=None, netns=None, config=Config())
    _commands(main)
    group = main.add_argument_group("options")
    _add_place(group)
    _switch(group, "read-only", "refuse every edit (--no-read-only: refuse none)")
    usual = SETTINGS["interval"].default
    seconds = f"{SETTINGS['interval'].sentence} ({usual:g})"
    group.add_argument("--interval", type=seconds_within(*INTERVAL), metavar="S", help=seconds)
    group.add_argument("--view", choices=VIEWS, metavar="NAME", help=SETTINGS["view"].values)
    group.add_argument("--theme", metavar="NAME", help="the colours: lvstui-dark, lvstui-light ...")
    _switch(group, "ascii", "show no signs but ASCII (--no-ascii: all signs)")
    _switch(group, "mouse", "take clicks and the wheel, over SSH too (--no-mouse: never)")
    version = "print the version (-h, --help: this text)"
    group.add_argument("-V", "--version", action="version", version=f"lvstui {__version__}", help=version)
    group.add_argument("-h", "--help", action="help", help=argparse.SUPPRESS)
    return main


def _switch(group: argparse._ArgumentGroup, name: str, help: str) -> None:
    """Add an option and its opposite, which the help of the first names; None where neither is given."""
    pair = group.add_mutually_exclusive_group()
    dest = name.replace("-", "_")
    pair.add_argument(f"--{name}", dest=dest, action="store_true", default=None, help=help)
    pair.add_argument(f"--no-{name}", dest=dest, action="store_false", default=None, help=argparse.SUPPRESS)


def needs_no_ipvs(options: argparse.Namespace) -> bool:
    """Return whether a command says something of use where the kernel has no IPVS: what is about rules, or waits."""
    return options.command in ("trace", "watch") or (options.command, getattr(options, "what", "")) == ("show", "marks")


def _add_place(group: argparse._ArgumentGroup) -> None:
    """Add the options that stand before a command as well as after it."""
    kernel = group.add_mutually_exclusive_group()
    hidden = argparse.SUPPRESS
    kernel.add_argument("--live", action="store_true", default=hidden, help=hidden)
    made_up = "a made-up director with traffic (--live: never that)"
    kernel.add_argument("--demo", action="store_true", default=hidden, help=made_up)
    group.add_argument("--netns", default=hidden, metavar="NAME", help="the IPVS of a network namespace (ip netns)")
    group.add_argument(
        "--profile", type=as_saved_file, default=hidden, metavar="FILE", help="the profile, if not the usual one"
    )


def _force(added: argparse.ArgumentParser) -> None:
    """Add the option that makes what is refused for safety."""
    help_text = "even with the profile of another director, or where most of what runs would be deleted"
    added.add_argument("--force", action="store_true", help=help_text)


def _confirm_within(added: argparse.ArgumentParser, help: str = _TRIAL_HELP) -> None:
    """Add the option that makes an edit on trial."""
    added.add_argument("--confirm-within", type=seconds_within(LEAST, MOST), metavar="SECONDS", help=help)
    serving = "with --confirm-within: wait, keep it where its servers serve, else take it back"
    hidden = argparse.SUPPRESS if help == argparse.SUPPRESS else serving
    added.add_argument("--if-serving", action="store_true", help=hidden)


def _commands(main: argparse.ArgumentParser) -> None:
    commands = main.add_subparsers(title="commands", metavar="COMMAND", dest="command", prog="lvstui")
    common = Parser(add_help=False)
    _add_place(common.add_argument_group("where"))

    def command(name: str, usage: str, text: str) -> argparse.ArgumentParser:
        added = _describe(commands.add_parser, "", name, usage, text, parents=[common])
        if name in _WRITING:
            help_text = "only print what would be written; exit status 3 if anything"
            added.add_argument("--dry-run", action="store_true", help=help_text)
            added.add_argument("--json", action="store_true", help=_DONE_HELP)
            _force(added)
            _confirm_within(added)
        return added

    _helping(command)
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
        epilog=epilog(f"{group}{name}"),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=parents,
        allow_abbrev=False,
    )


def _over(command: argparse.ArgumentParser) -> None:
    """Add how long to watch the counters before it is said which servers are in trouble."""
    help = "watch the counters for so long to see which servers do not serve (0: one look)"
    command.add_argument("--over", type=seconds_within(0, _LONGEST_WATCH), default=0.0, metavar="SECONDS", help=help)


def _reading(command: _Command) -> None:
    show = command(
        "show",
        "[services [--over SECONDS] | marks | director] [--json]",
        "print services, firewall marks, or the director's settings",
    )
    show.add_argument("what", nargs="?", choices=("services", "marks", "director"), default="services")
    show.add_argument("--json", action="store_true", help="as JSON, counters and the kernel's rates included")
    _over(show)
    show.set_defaults(run=("show", "show"))
    _trace(command)
    _probe(command)
    _export(command)
    _import(command)
    _examining(command)
    _diff(command)
    watch = command("watch", "[--json] [--interval S]", "print what others do to the director, and what happens to it")
    watch.add_argument("--json", action="store_true", help="an object on each line")
    seconds = "seconds between readings (1)"
    watch.add_argument(
        "--interval", type=seconds_within(0.2, 3600), default=argparse.SUPPRESS, metavar="S", help=seconds
    )
    watch.set_defaults(run=("watch", "watch"), read_only=True)
    _own(command)
    history = command("history", "[-n N] [--json] [WORD...]", "print what was changed, by whom and when")
    history.add_argument("words", nargs="*", metavar="WORD", help="only records with all of these words")
    history.add_argument("-n", dest="count", type=as_count, default=20, metavar="N", help="the last N records (20)")
    history.add_argument("--json", action="store_true", help="as JSON, as it is stored")
    history.set_defaults(run=("history", "history"))


def _export(command: _Command) -> None:
    export = command(
        "export",
        "[PROFILE] [-o FILE] [--format FORMAT [--strict] | --json | --example]",
        "print the director as a profile, or for another program",
    )
    export.add_argument("file", type=as_file, nargs="?", metavar="PROFILE", help="in place of what the kernel holds")
    file = "write this file, in one step (-: the standard output)"
    export.add_argument("-o", "--output", type=as_file, metavar="FILE", help=file)
    what = export.add_mutually_exclusive_group()
    forms = ("toml", "json", "nft", "ipvsadm", "keepalived", "ldirectord", "lvs.cf")
    what.add_argument("--format", choices=forms, default="toml", help="(toml)")
    what.add_argument("--json", dest="format", action="store_const", const="json", help="the same as --format json")
    what.add_argument("--example", action="store_true", help="a profile with one of every kind of thing, and comments")
    strict = "exit status 3 where a program has no room for something"
    export.add_argument("--strict", action="store_true", help=strict)
    export.add_argument("--force", action="store_true", help="even over another director's profile, or a file")
    export.set_defaults(run=("exporting", "export"))


def _examining(command: _Command) -> None:
    check = command(
        "check", "[FILE | --running [--over SECONDS]] [--json]", "check a profile, or the director as it runs"
    )
    what = check.add_mutually_exclusive_group()
    what.add_argument("file", type=as_file, nargs="?", metavar="FILE", help=_PROFILE_HELP)
    what.add_argument("--running", action="store_true", help="what an expert would advise; exit status 3 if anything")
    check.add_argument("--json", action="store_true", help="as JSON")
    _over(check)
    check.set_defaults(run=("check", "check"))
    doctor = command("doctor", "[SERVICE] [--probe] [--over SECONDS] [--json]", "look for what is wrong with services")
    doctor.add_argument("service", nargs="?", metavar="SERVICE", help=f"{_SERVICE_HELP} (all)")
    doctor.add_argument("--probe", action="store_true", help="ask the real servers too, by the way of the traffic")
    doctor.add_argument("--json", action="store_true", help="as JSON, with every question")
    _over(doctor)
    doctor.set_defaults(run=("doctor", "doctor"))


def _diff(command: _Command) -> None:
    diff = command(
        "diff", "[FILE] [--out PLAN] [--keep-weights] [--commands] [--json]", "print what `apply` would write"
    )
    diff.add_argument("file", type=as_file, nargs="?", metavar="FILE", help=_PROFILE_HELP)
    plan = "write a plan of it, for `apply` to do exactly that or nothing (-: only to the standard output)"
    diff.add_argument("--out", type=as_file, metavar="PLAN", help=plan)
    diff.add_argument("--keep-weights", action="store_true", help=_KEEP_WEIGHTS_HELP)
    diff.add_argument("--commands", action="store_true", help="below each what ipvsadm, sysctl or nft would be given")
    diff.add_argument("--json", action="store_true", help="as JSON")
    diff.set_defaults(run=("apply", "diff"), keep_others=False)


def _import(command: _Command) -> None:
    usage = "[--from FORM] FILE [-o PROFILE] [--config-id NAME] [--json] [--force]"
    text = "make a profile of a file of ipvsadm, keepalived ..."
    added = command("import", usage, text)
    added.add_argument("file", type=as_file, metavar="FILE", help="its file; - reads it from the standard input")
    forms = ("ipvsadm", "keepalived", "ldirectord", "lvs.cf")
    added.add_argument("--from", dest="form", choices=forms, help="whose file it is (what stands in it shows that)")
    output = "write this file, in one step (-: the standard output)"
    added.add_argument("-o", "--output", type=as_file, metavar="PROFILE", help=output)
    identity = "for which director the lines with @NAME count, as keepalived has it by -i"
    added.add_argument("--config-id", metavar="NAME", help=identity)
    added.add_argument("--json", action="store_true", help="the profile, what is lost and what is wrong, as JSON")
    added.add_argument("--force", action="store_true", help="even over a file that is there already")
    added.set_defaults(run=("importing", "run"))


def _own(command: _Command) -> None:
    """Add the commands about how lvstui itself is set up."""
    config = command("config", "[--json] | --check [FILE]", "print what is configured, and where each value is from")
    config.add_argument("--json", action="store_true", help="as JSON, with every mistake")
    check = "print every mistake of a config.toml (-: of the standard input), or of those that count (status 1 if any)"
    config.add_argument("--check", nargs="?", type=as_file, const=(), metavar="FILE", help=check)
    config.set_defaults(run=("config", "config"))
    keys = command("keys", "[--json]", "print the keys of each view")
    keys.add_argument("--json", action="store_true", help="as JSON")
    keys.set_defaults(run=("keys", "keys"))
    completions = command("completions", "(bash|zsh|fish)", "print what a shell needs to complete words")
    completions.add_argument("shell", choices=("bash", "zsh", "fish"), help="your shell")
    completions.set_defaults(run=("completion.scripts", "completions"))


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
    probe.add_argument("--wait", type=seconds_within(0.1, 30), metavar="S", help=wait)
    probe.add_argument("--json", action="store_true", help="as JSON")


def _helping(command: _Command) -> None:
    helping = command("help", "[COMMAND]", "explain a command, or list all")
    helping.add_argument("words", nargs="*", metavar="COMMAND", help="such as set, or entry move")
    helping.set_defaults(run=("help", "show"))


def _connections(command: _Command) -> None:
    text = "print the connections through the director"
    listed = command("connections", "[--filter FILTER] [--json]", text)
    listed.set_defaults(run=("connections", "show"))
    filters = "as in the screens: server=web2 state=SYN left<60"
    listed.add_argument("--filter", default="", metavar="FILTER", help=filters)
    listed.add_argument("--json", action="store_true", help="as JSON, times in seconds")


def _entries(command: _Command) -> None:
    _connections(command)
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
        _confirm_within(added, argparse.SUPPRESS)  # refused with a sentence
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
    usage = "[FILE | PLAN] [--dry-run] [--keep-others] [--keep-weights] [--boot [--sync | --marks]] [--force] [--json]"
    apply = command("apply", usage, "make the kernel equal a profile: deletes what that lacks")
    apply.description = _APPLY
    apply.set_defaults(run=("apply", "apply"))
    apply.add_argument("file", type=as_file, nargs="?", metavar="FILE", help=f"{_PROFILE_HELP}; or a plan")
    apply.add_argument("--keep-others", action="store_true", help="leave services alone that are not in the profile")
    apply.add_argument("--keep-weights", action="store_true", help=_KEEP_WEIGHTS_HELP)
    boot = "as a director starts: deletes nothing, goes on where a part cannot be had (status 3), leaves alone "
    apply.add_argument("--boot", action="store_true", help=f"{boot}what keepalived or ldirectord manage")
    part = apply.add_mutually_exclusive_group()
    part.add_argument("--sync", action="store_true", help="with --boot: only sync daemons, which it else leaves out")
    part.add_argument("--marks", action="store_true", help="with --boot: only the rules of marks that are gone")
    usage = "WHAT [SERVER] FIELD=VALUE... [--with-fallback] [--dry-run] [--json]"
    change = command("set", usage, "edit a service, a real server or a setting")
    change.add_argument("what", metavar="WHAT", help=f"{_SERVICE_HELP}; or timeouts, sysctl, director, sync ROLE")
    change.add_argument("words", nargs="*", metavar="FIELD=VALUE", help="the profile's names, such as tunnel.port=6080")
    add = command("add", "SERVICE [SERVER] [FIELD=VALUE...] [--dry-run] [--json]", "add a service, or a server to one")
    add.add_argument("what", metavar="SERVICE", help=f"{_SERVICE_HELP} of an existing one; or sync ROLE")
    add.add_argument(
        "words", nargs="*", default=[], metavar="FIELD=VALUE", help="the profile's names, such as weight=3"
    )
    delete = command("delete", "SERVICE [SERVER] [--yes] [--dry-run] [--json]", "delete a service, or a server of one")
    delete.add_argument("what", metavar="SERVICE", help=f"{_SERVICE_HELP}; or sync ROLE")
    delete.add_argument("words", nargs="*", default=[], metavar="SERVER", help=_SERVER_HELP)
    delete.add_argument("--yes", action="store_true", help="do not ask before a whole service is deleted")
    for name, text in (("drain", "send no new connections to a real server"), ("restore", "end a drain")):
        more = " [--with-fallback] [--move-clients]" if name == "drain" else ""
        weigh = command(name, f"(SERVICE SERVER | --machine ADDRESS){more} [--dry-run] [--json]", text)
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
    usage = "(N | --now) [--dry-run] [--json]"
    rollback = command("rollback", usage, "take back a record of the history, or a change on trial")
    which = rollback.add_mutually_exclusive_group(required=True)
    which.add_argument("number", nargs="?", type=as_count, metavar="N", help="its number in `lvstui history`")
    which.add_argument("--now", action="store_true", help="take the change on trial back at once")
    rollback.set_defaults(run=("edits", "rollback"))
    _deciding(command)


def _deciding(command: _Command) -> None:
    """Add the commands that decide about a change on trial."""
    confirm = command("confirm", "[--force]", "keep the change that is on trial")
    confirm.set_defaults(run=("trial", "confirm"), dry_run=False)
    extend = command("extend", "[SECONDS] [--force]", "leave a change on trial for longer")
    seconds = f"how much longer, 1 to 86400 ({SECONDS:g})"
    extend.add_argument(
        "seconds", nargs="?", type=seconds_within(LEAST, MOST), default=SECONDS, metavar="SECONDS", help=seconds
    )
    extend.set_defaults(run=("trial", "extend"), dry_run=False)
    for deciding in (confirm, extend):
        deciding.add_argument("--force", action="store_true", help="also where it is another person's")


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
        added.add_argument("--json", action="store_true", help=_DONE_HELP)
        _force(added)
        _confirm_within(added)
        return added

    add = edit("add", "MARK MATCH... [OPTIONS]", "mark packets, with a service for them", "+")
    add.add_argument("--name", help="what the group is called in the profile")
    add.add_argument("--scheduler", metavar="NAME", help="of a service that does not exist yet (wlc)")
    add.add_argument("--persistence", metavar="SECONDS", help="of such a service; 0 for none (300 with several ports)")
    add.add_argument("--server", action="append", default=[], help="a real server for the mark; may be repeated")
    forwarding = "to these servers: masq, route, tunnel (as most servers have it)"
    add.add_argument("--forwarding", metavar="METHOD", help=forwarding)
    add.add_argument("--rules-only", action="store_true", help="add no service")
    delete = edit("delete", "MARK [MATCH...] [--services] [--yes] [--dry-run] [--json]", "stop marking packets", "*")
    delete.add_argument("--services", action="store_true", help="delete the services on the mark too")
    delete.add_argument("--yes", action="store_true", help="do not ask before services are deleted")
