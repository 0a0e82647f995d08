"""What the manual says of each command beyond its usage and options: examples, and exit states of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple


class Example(NamedTuple):
    """A command line that works on the demo's director or one like it, and what it does."""

    command: str
    words: str


class Exit(NamedTuple):
    """An exit status that one must know of this command; those that all commands have are not repeated."""

    status: int
    words: str


class Manual(NamedTuple):
    """What is said of one command."""

    examples: tuple[Example, ...]
    exits: tuple[Exit, ...] = ()


_DRY: Final = Exit(3, "with --dry-run, something would be written")

MANUAL: Final[Mapping[str, Manual]] = {
    "help": Manual((Example("lvstui help", "all commands"), Example("lvstui help entry move", "one of them"))),
    "show": Manual(
        (
            Example("lvstui show", "each service and its real servers, with their state"),
            Example("lvstui show services --json --over 10", "the same for a script, after ten seconds of watching"),
            Example("lvstui show marks", "firewall marks: rules, packets, services, servers"),
            Example("lvstui show director", "timeouts, sync daemons, sysctls"),
        ),
        (Exit(0, "`show marks` also where the kernel has no IPVS"),),
    ),
    "trace": Manual(
        (
            Example("lvstui trace 198.51.100.7 tcp:192.0.2.10:443", "a first packet: rules, service, server, next hop"),
            Example("lvstui trace 198.51.100.7:40000 tcp:192.0.2.20:80 --json", "the same with the client's port"),
        ),
        (Exit(0, "also where the kernel has no IPVS: the rules are shown then"),),
    ),
    "probe": Manual(
        (
            Example("lvstui probe", "are all real servers there?"),
            Example("lvstui probe shop web2", "one server"),
            Example("lvstui probe shop-redirect type=http path=/health", "another question than the profile's"),
        ),
        (Exit(3, "a server refuses, is silent, is unreachable or answers wrongly"),),
    ),
    "export": Manual(
        (
            Example("lvstui export -o director.toml", "the running table as a profile"),
            Example("lvstui export --format ipvsadm", "for `ipvsadm-restore`"),
            Example("lvstui export --example -o example.toml", "a profile to begin with, with comments"),
            Example("lvstui export --format nft", "our table of the packet filter, for /etc/nftables.conf"),
            Example("lvstui export --format keepalived -o new.conf", "for keepalived; rules for marks in new.conf.nft"),
            Example("lvstui export director.toml --format ldirectord", "a profile for ldirectord"),
        ),
        (
            Exit(
                0, "also where a program has no room for something: stderr has a line OBJECT: loss: WHAT: what became"
            ),
            Exit(3, "with --strict, there is such a line"),
        ),
    ),
    "import": Manual(
        (
            Example("lvstui import keepalived.conf -o imported.toml", "a profile, and on stderr what it does not hold"),
            Example("lvstui import ldirectord.cf --json", "the same for a script"),
            Example("lvstui import rules.save --from ipvsadm", "what `ipvsadm-save -n` has written"),
        ),
        (
            Exit(
                0, "also where something is lost: stderr has a line FILE:LINE: loss: WHAT: what became of it for each"
            ),
            Exit(1, "something in the file is wrong; no profile is written"),
        ),
    ),
    "check": Manual(
        (
            Example("lvstui check director.toml", "every mistake with its line and field"),
            Example("lvstui check --running --over 10", "advice on the running table, after ten seconds of watching"),
        ),
        (Exit(1, "the profile has a mistake"), Exit(3, "with --running, there is advice")),
    ),
    "doctor": Manual(
        (
            Example("lvstui doctor", "what is wrong with any service"),
            Example("lvstui doctor shop --probe", "one service; ask its servers too"),
        ),
        (Exit(3, "something is wrong"),),
    ),
    "diff": Manual(
        (
            Example("lvstui diff", "what differs between the kernel and the usual profile"),
            Example("lvstui diff director.toml --keep-weights", "another profile, leaving weights as they are"),
            Example("lvstui diff director.toml --out plan.json", "a plan for `lvstui apply plan.json`"),
        ),
        (Exit(3, "something differs"),),
    ),
    "watch": Manual(
        (
            Example("lvstui watch", "a line for each event, until Ctrl-C"),
            Example("lvstui watch --json --interval 5", "an object a line, one reading in five seconds"),
        ),
        (Exit(0, "ended by SIGINT or SIGTERM"),),
    ),
    "history": Manual(
        (
            Example("lvstui history", "the last 20 records, with their numbers"),
            Example("lvstui history -n 5 web2 weight", "the last five that have both words"),
        )
    ),
    "connections": Manual(
        (
            Example("lvstui connections --filter 203.0.113.9", "where this client's connections go, and their states"),
            Example("lvstui connections --filter state=SYN --json", "those whose server has not answered"),
        )
    ),
    "entries": Manual(
        (
            Example("lvstui entries --filter 203.0.113.9", "where this client sticks, and for how long"),
            Example("lvstui entries --filter 'service=shop left<60' --json", "entries that end within a minute"),
        )
    ),
    "entry expire": Manual(
        (
            Example("lvstui entry expire 203.0.113.9 portal", "the scheduler decides anew at its next connection"),
            Example("lvstui entry expire 203.0.113.9 portal --kill", "and its open connections are reset"),
        ),
        (_DRY,),
    ),
    "entry pin": Manual(
        (Example("lvstui entry pin 203.0.113.77 portal app2 --for 600", "bind a new client for ten minutes"),),
        (_DRY,),
    ),
    "entry move": Manual(
        (
            Example("lvstui entry move 203.0.113.9 portal app2 --dry-run", "say first what would happen"),
            Example("lvstui entry move 203.0.113.9 portal app2", "its next connection goes to app2"),
        ),
        (_DRY,),
    ),
    "entry time": Manual((Example("lvstui entry time 203.0.113.9 portal 600", "ten minutes from now"),), (_DRY,)),
    "apply": Manual(
        (
            Example("lvstui apply director.toml --dry-run", "what would be written"),
            Example("lvstui apply director.toml", "write it; services that the file lacks are deleted"),
            Example("lvstui apply director.toml --keep-others", "leave those services alone"),
            Example("lvstui apply --boot", "what lvstui.service runs"),
            Example("lvstui apply plan.json", "what `diff --out` has planned, or nothing"),
        ),
        (
            Exit(1, "something was refused; it is listed, the rest is written (3 with --boot)"),
            Exit(1, "something that a plan touches has changed since; it is listed, and nothing is written"),
            _DRY,
        ),
    ),
    "set": Manual(
        (
            Example("lvstui set shop web2 weight=5", "one weight"),
            Example("lvstui set tcp:192.0.2.10:443 scheduler=wrr persistence.timeout=600", "two fields at once"),
            Example("lvstui set timeouts tcp=600", "a setting of the director"),
        ),
        (_DRY,),
    ),
    "add": Manual(
        (
            Example("lvstui add tcp:192.0.2.50:80 scheduler=wlc name=new", "a service"),
            Example("lvstui add shop 10.0.0.15:443 weight=1", "a real server of a service"),
            Example("lvstui add shop 10.0.0.16:443 --confirm-within 120", "the same, taken back unless it is kept"),
        ),
        (_DRY,),
    ),
    "delete": Manual(
        (
            Example("lvstui delete shop web4", "a real server; its connections end"),
            Example("lvstui delete cache --yes", "a service, without the question"),
        ),
        (_DRY,),
    ),
    "drain": Manual(
        (
            Example("lvstui drain shop web2", "weight 0; the profile remembers the old weight"),
            Example("lvstui drain --machine 10.0.0.11", "this address in all services"),
            Example("lvstui drain shop web2 --move-clients", "and its clients go to the others"),
        ),
        (_DRY,),
    ),
    "restore": Manual(
        (
            Example("lvstui restore shop web4", "the weight that it had before the drain"),
            Example("lvstui restore --machine 10.0.0.11", "this address in all services"),
        ),
        (_DRY,),
    ),
    "config": Manual(
        (
            Example("lvstui config", "what counts, as TOML with the origin of each value"),
            Example("lvstui config --check", "every mistake with its line and field"),
        ),
        (Exit(1, "with --check, there is a mistake"),),
    ),
    "completions": Manual(
        (
            Example("lvstui completions bash", "save it as /etc/bash_completion.d/lvstui; packages bring it along"),
            Example("lvstui completions zsh", "save it as _lvstui in a folder of $fpath"),
            Example("lvstui completions fish", "save it as ~/.config/fish/completions/lvstui.fish"),
        )
    ),
    "keys": Manual((Example("lvstui keys", "the key map by view; what was moved is marked"),)),
    "rollback": Manual(
        (
            Example("lvstui rollback 12", "undo record 12 of `lvstui history`"),
            Example("lvstui rollback --now", "take the change on trial back at once"),
        ),
        (_DRY, Exit(3, "with --now, others have changed a part of it since, or it was refused: that stays")),
    ),
    "confirm": Manual(
        (Example("lvstui confirm", "keep what is on trial, also from a new login"),),
        (Exit(1, "nothing is on trial, or not yours"), Exit(3, "others have changed a part of it since: that stays")),
    ),
    "extend": Manual(
        (
            Example("lvstui extend", "two minutes more"),
            Example("lvstui extend 600", "ten minutes more than it has"),
        ),
        (Exit(1, "nothing is on trial, or not yours"),),
    ),
    "mark add": Manual(
        (
            Example(
                "lvstui mark add 81 'tcp 192.0.2.60 80,443' --server 10.0.0.21 --server 10.0.0.22",
                "rules, service and servers",
            ),
            Example("lvstui mark add 80 'tcp 192.0.2.20 8080' --rules-only", "one more port for a group"),
        ),
        (_DRY,),
    ),
    "mark delete": Manual(
        (Example("lvstui mark delete portal --services --yes", "the rules and the services of a group"),), (_DRY,)
    ),
}
"""Each command by its words."""


def epilog(name: str) -> str:
    """Return what stands below the options in the help of a command; nothing for one that groups others."""
    if name not in MANUAL:
        return ""
    manual = MANUAL[name]
    exits = [f"exit status {end.status}: {end.words}" for end in manual.exits]
    examples = [f"  {example.command}\n      {example.words}" for example in manual.examples]
    return "\n".join([*exits, *([""] if exits else []), "examples:", *examples])
