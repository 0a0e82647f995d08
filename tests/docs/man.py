"""The manual pages, from the documents and the tables that these are made from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from lvstui import __version__
from lvstui.commands.manual import MANUAL
from lvstui.store.example import example
from tests.docs.commands import every_command
from tests.docs.parts import ROOT, table
from tests.docs.roff import literal, page

FOLDER: Final = ROOT / "docs" / "man"

_SHOWN: Final = (
    ("show", 0),
    ("doctor", 0),
    ("trace", 0),
    ("probe", 0),
    ("set", 0),
    ("drain", 0),
    ("diff", 0),
    ("diff", -1),
    ("apply", -1),
    ("history", 0),
    ("rollback", 0),
    ("export", 0),
)
"""Commands of which an example stands together with others, and which one."""

_DESCRIPTION: Final = """\
lvstui shows services, real servers, persistence entries, firewall marks, connections and the settings of the kernel's
load balancer (Linux Virtual Server, IPVS) as they are at this moment, and edits them. Without a COMMAND its screens
open, in a terminal, on this machine's IPVS, or on a made-up director where there is none. `?` there shows the keys of a
view, `:` finds everything by its name; `lvstui keys` prints all keys.

What is edited goes into the kernel at once, and then into a profile, lvstui-profile(5), which can be compared with the
kernel, applied after a reboot, and kept in git. Each edit is recorded and can be taken back. With `--confirm-within` it
takes itself back unless somebody keeps it.

Writing needs CAP_NET_ADMIN, and so does reading some of it; others see what /proc shows.
"""

_FILES: Final = (
    ("/etc/lvstui/director.toml", "The profile of root; others have `~/.config/lvstui/director.toml`."),
    ("/etc/lvstui/netns/NAME.toml", "The profile of a network namespace with a name."),
    ("FILE.versions/", "The last 50 versions of a profile, beside it."),
    ("FILE.history.jsonl", "Its history: who changed what, and when; `lvstui history` prints it."),
    (
        "/etc/lvstui/config.toml, ~/.config/lvstui/config.toml",
        "Settings of lvstui itself; `lvstui config` prints them, and where each is from.",
    ),
    ("/etc/lvstui/themes/, ~/.config/lvstui/themes/", "Themes of your own, one a file."),
    (
        "/var/lib/lvstui/, ~/.local/state/lvstui/",
        "What the screens remember (the theme, columns, filters), and what is on trial.",
    ),
    ("/run/lvstui/", "Locks: who writes at this moment."),
)

_ENVIRONMENT: Final = (
    (
        "XDG_CONFIG_HOME, XDG_STATE_HOME",
        "Where your settings and what the screens remember are, if not in `~/.config` and `~/.local/state`.",
    ),
    ("VISUAL, EDITOR", "What `Ctrl-E` in the screens opens a service in, as your own user under sudo(8)."),
    ("TERM, COLORTERM, NO_COLOR", "Which colours the terminal has; `NO_COLOR` asks for none."),
    ("SUDO_USER, SSH_CONNECTION", "Who is written into the history, and from where."),
    ("LVSTUI_DEBUG", "Set, a fault of lvstui prints where it happened instead of a sentence."),
)

_SEE_ALSO: Final = {
    "lvstui.1": "lvstui-profile(5), ipvsadm(8), nft(8), ip-netns(8), keepalived(8), sysctl(8), capabilities(7)",
    "lvstui-profile.5": "lvstui(1), ipvsadm(8), nft(8), sysctl.d(5)",
}


def pages() -> Mapping[str, str]:
    """Return each manual page by the name of its file."""
    return {"lvstui.1": _program(), "lvstui-profile.5": _profile()}


def write() -> list[Path]:
    """Write the pages that are not as they should be, and return their files."""
    FOLDER.mkdir(exist_ok=True)
    stale = [(FOLDER / name, text) for name, text in pages().items() if not _is(FOLDER / name, text)]
    for path, text in stale:
        path.write_text(text, encoding="ascii")
    return [path for path, _ in stale]


def _is(path: Path, text: str) -> bool:
    return path.exists() and path.read_text(encoding="ascii") == text


def date() -> str:
    """Return the day on which this version came out, by the changelog; empty before."""
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    found = re.search(rf"^## {re.escape(__version__)} \((\d{{4}}-\d\d-\d\d)\)$", changelog, re.MULTILINE)
    return found[1] if found else ""


def _head(name: str, section: int, title: str, about: str) -> str:
    return (
        f".\\\" Made by `make docs` from the program's tables; what is written here is lost.\n"
        f'.TH {name.upper().replace("-", chr(92) + "-")} {section} "{date()}" "lvstui {__version__}" "{title}"\n'
        ".ad l\n"
        f".SH NAME\n{name.replace('-', chr(92) + '-')} \\- {about}\n"
    )


def _program() -> str:
    document = _document("commands")
    blocks = document.split("\n\n")
    exits = next(block for block in blocks if block.startswith("| status |"))
    words = next(block for block in blocks if block.startswith("SERVICE is"))
    options = re.search(r"writes this: options -->\n\n(.*?)\n\n<!--", document, re.DOTALL)
    assert options is not None
    commands = re.sub(r"^## ", "### ", every_command(), flags=re.MULTILINE)
    parts = {
        "DESCRIPTION": _DESCRIPTION,
        "OPTIONS": f"They stand before or behind the command.\n\n{options[1]}",
        "COMMANDS": f"{words}\n\n{commands}",
        "EXIT STATUS": exits,
        "FILES": table(("file", "what it is"), _FILES),
        "ENVIRONMENT": table(("variable", "what it does"), _ENVIRONMENT),
        "EXAMPLES": f"On the director of `lvstui --demo`:\n\n{_examples()}",
    }
    head = _head("lvstui", 1, "User Commands", "watch and edit Linux Virtual Server (IPVS) live")
    synopsis = (
        ".SH SYNOPSIS\n.B lvstui\n[\\fIOPTIONS\\fR]\n.br\n"
        ".B lvstui\n[\\fIOPTIONS\\fR] \\fICOMMAND\\fR [\\fIWORDS\\fR...]\n.br\n"
        ".B lvstui help\n[\\fICOMMAND\\fR]\n"
    )
    return head + synopsis + "".join(f".SH {name}\n{page(text)}" for name, text in parts.items()) + _end("lvstui.1")


def _examples() -> str:
    some = [MANUAL[name].examples[place] for name, place in _SHOWN]
    return "\n\n".join(
        f"{one.words[0].upper()}{one.words[1:]}{'' if one.words.endswith('?') else ':'}\n\n    {one.command}"
        for one in some
    )


def _profile() -> str:
    _, _, document = _document("profile").partition("\n\n")
    document = document.replace("The example is [example.toml](example.toml).", "An example stands below.")
    intro, *sections = re.split(r"^(?=## )", document, flags=re.MULTILINE)
    head = _head("lvstui-profile", 5, "File Formats", "what a director of Linux Virtual Server is to hold, as a file")
    body = f".SH DESCRIPTION\n{page(intro)}" + page("".join(sections))
    return f"{head}{body}.SH EXAMPLE\n{literal(example())}{_end('lvstui-profile.5')}"


def _document(name: str) -> str:
    return (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")


def _end(name: str) -> str:
    others = ",\n".join(
        f".BR {one.replace('(', ' (').replace('-', chr(92) + '-')}" for one in _SEE_ALSO[name].split(", ")
    )
    return f".SH SEE ALSO\n{others.replace(',' + chr(10), ' ,' + chr(10))}\n"
