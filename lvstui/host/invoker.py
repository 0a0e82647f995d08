"""The person at the terminal, where root's lvstui was called by sudo: programs for that person run as that user."""

from __future__ import annotations

import os
import pwd
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from lvstui.host.ancestors import inherited
from lvstui.host.patience import within

_PATIENCE: Final = 0.5
"""Seconds to wait for the environments of the processes above us."""

_PATH: Final = "/usr/local/bin:/usr/bin:/bin"

_KEPT: Final = ("TERM", "COLORTERM", "LANG", "LANGUAGE", "TZ")
"""What another user's program hears of our environment, besides LC_*: what its screen and its words depend on."""


class UnknownInvoker(Exception):
    """Who called sudo is no user of this machine; the text is a sentence."""


@dataclass(frozen=True, slots=True)
class Invoker:
    """A user whom a program is run as; `switches` where that is not who we are."""

    user: int
    group: int
    groups: tuple[int, ...]
    environment: Mapping[str, str]
    switches: bool


def invoker(environ: Mapping[str, str] = os.environ) -> Invoker:
    """Return the user who called sudo, else ourselves. Raises `UnknownInvoker`.

    What sudo says is believed only by root, who loses rights by it: a false SUDO_UID gives nobody any.
    """
    said = environ.get("SUDO_UID", "")
    if os.geteuid() != 0 or said in ("", "0"):
        return Invoker(os.geteuid(), os.getegid(), (), dict(environ), switches=False)
    try:
        account = pwd.getpwuid(int(said))
    except (ValueError, KeyError, OverflowError):
        raise UnknownInvoker("SUDO_UID names no user of this machine; start lvstui by sudo, or as root") from None
    if account.pw_uid == 0:
        return Invoker(0, os.getegid(), (), dict(environ), switches=False)
    theirs = {"HOME": account.pw_dir, "USER": account.pw_name, "LOGNAME": account.pw_name, "PATH": _PATH}
    theirs["SHELL"] = account.pw_shell or "/bin/sh"
    kept = {name: value for name, value in environ.items() if name in _KEPT or name.startswith("LC_")}
    group = account.pw_gid
    return Invoker(account.pw_uid, group, tuple(os.getgrouplist(account.pw_name, group)), kept | theirs, switches=True)


def home_folder(environ: Mapping[str, str] = os.environ) -> str:
    """Return the home of the person at the terminal, by the accounts of this machine; empty where that is unknown."""
    try:
        return pwd.getpwuid(invoker(environ).user).pw_dir
    except (UnknownInvoker, KeyError):
        return ""


def variable(name: str, environ: Mapping[str, str] = os.environ) -> str:
    """Return a variable of ours, or of the processes above us, from which sudo keeps it; empty where there is none."""
    if value := environ.get(name, ""):
        return value
    try:
        return within(_PATIENCE, partial(inherited, name))
    except TimeoutError:
        return ""
