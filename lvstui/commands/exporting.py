"""The command export: the running director, or a profile, as a file of ours or of another program."""

from __future__ import annotations

import sys
from argparse import Namespace
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lvstui.commands.place import Failure, OpenPlace, Status, complain, complain_of, read_whole
from lvstui.core.change import EMPTY
from lvstui.core.drift import add_profile_values, keep_managed
from lvstui.core.fields import visible
from lvstui.core.home import whose
from lvstui.core.model import Director, Home
from lvstui.core.order import arranged
from lvstui.formats.profile.write import ProfileError, encodable
from lvstui.store.profile_file import ProfileFile, read_text

if TYPE_CHECKING:
    from lvstui.formats.foreign.write import Rules

_FOREIGN: Final = ("ipvsadm", "keepalived", "ldirectord", "lvs.cf")
_HAND_WRITTEN: Final = ("keepalived", "ldirectord", "lvs.cf")
"""The forms of files that people write, so that none is written over unasked."""

_LOADED: Final = {"nft": "which `nft -f` loads", "iptables": "lines for a shell"}
"""What is to be done with the rules, by their tool."""


def export(options: Namespace, open_place: OpenPlace) -> int:
    """Write what the kernel holds, with the profile's names, or a profile, to stdout or to a file."""
    form: str = options.format
    output: Path | None = None if options.output == Path("-") else options.output
    if options.strict and form not in _FOREIGN:
        raise Failure(f"--strict is for --format {', '.join(_FOREIGN)}: {form} holds everything", Status.USAGE)
    if options.example:
        from lvstui.store.example import example

        _refuse_there(options, output)
        _write(example(), output, toml=True)
        return Status.OK
    if form in _HAND_WRITTEN:
        _refuse_there(options, output)
    director = _of_profile(options.file) if options.file else _running(options, output, open_place)
    if form in _FOREIGN:
        return _foreign(director, options, output)
    _write(_own(director, form), output, toml=form == "toml")
    return Status.OK


def _running(options: Namespace, output: Path | None, open_place: OpenPlace) -> Director:
    """Read the kernel, with the names of the profile and those settings that it manages."""
    with open_place() as place:
        profile = (place.file.load() if place.file else None) or EMPTY
        director = arranged(keep_managed(add_profile_values(read_whole(place.kernel).director, profile), profile))
        if output is not None and not options.force:
            _refuse_foreign(output, place.here)
        return replace(director, home=place.here)


def _of_profile(path: Path) -> Director:
    """Read a profile, for which no kernel is needed; raises `Failure` where a part of it is wrong."""
    from lvstui.formats.profile.examine import examine

    found = examine(read_text(path), str(path))
    complain_of(found.mistakes)
    if found.refused:
        raise Failure("nothing was written: correct the errors in the profile")
    return arranged(found.director)


def _foreign(director: Director, options: Namespace, output: Path | None) -> int:
    """Write for another program, and on stderr what it has no room for."""
    from lvstui.formats.foreign.recognise import Form
    from lvstui.formats.foreign.write import write

    found = write(Form(options.format), director)
    _write(found.text, output)
    sys.stdout.flush()
    if found.rules:
        _write_rules(found.rules, output)
    for loss in found.losses:
        print(loss, file=sys.stderr)
    return Status.DIFFERS if options.strict and found.losses else Status.OK


def _write_rules(rules: Rules, output: Path | None) -> None:
    """Write the rules for firewall marks beside the file, or below what is printed, as comments there."""
    if output is None:
        print(f"\n# The rules that set the firewall marks; -o FILE writes them to FILE.{rules.tool}:")
        print("".join(f"# {line}\n" for line in rules.text.expandtabs(4).splitlines()), end="")
        sys.stdout.flush()
        return
    beside = output.with_name(f"{output.name}.{rules.tool}")
    _write(rules.text, beside)
    complain(f"the rules that set the firewall marks are in {beside}, {_LOADED[rules.tool]}")


def _write(text: str, output: Path | None, *, toml: bool = False) -> None:
    if output is None:
        print(encodable(text, sys.stdout.encoding or "utf-8") if toml else text, end="")
        return
    from lvstui.store.named_files import write_named

    write_named(output, text.encode())


def _refuse_there(options: Namespace, output: Path | None) -> None:
    """Raise `Failure` where a file is there that may have been written by hand."""
    if output is not None and output.is_file() and not options.force:
        raise Failure(f"{visible(str(output))} is there already; name another file, or add --force")


def _refuse_foreign(output: Path, here: Home) -> None:
    """Raise `Failure` where a file would be written over that is the profile of another director."""
    held = EMPTY
    with suppress(ProfileError):  # what is no profile is nobody's
        if output.is_file():
            held = ProfileFile(output).load() or EMPTY
    if sentence := whose(str(output), held.home, here):
        raise Failure(f"{sentence}; nothing was written: name another file, or add --force")


def _own(director: Director, form: str) -> str:
    match form:
        case "json":
            from lvstui.formats.json import configuration, pieces

            return "".join((*pieces(configuration(director)), "\n"))
        case "nft":
            from lvstui.core.marks.script import script

            return "".join(f"{line}\n" for line in script(director.marks))
        case _:
            from lvstui.formats.profile.write import dumps

            return dumps(director)
