"""How the command line is read: its values, and complaints in our words."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NoReturn

from lvstui.core.fields import quote, visible
from lvstui.core.mistake import STDIN
from lvstui.core.words import did_you_mean

_LISTING: Final = ("entries", "connections", "history")
"""Commands that list something by themselves, without `show`."""

_LONGEST: Final = 300
"""Characters of a complaint that are shown: an argument may have 128 KiB."""

_COMPLAINTS: Final = tuple(
    (re.compile(pattern), sentence)
    for pattern, sentence in (
        (r"^the following arguments are required: (.*)$", r"missing: \1"),
        (r"^one of the arguments (.*) is required$", r"missing, one of: \1"),
        (r"^argument (\S+): not allowed with argument (\S+)$", r"\1: cannot stand beside \2; leave one of them out"),
        (r"^argument (\S+): expected one argument$", r"\1: needs a value behind it"),
        (r"^argument (\S+): ", r"\1: "),
    )
)
"""Complaints of argparse in our words."""

_CHOICE: Final = re.compile(r"^argument (\S+): invalid choice: (['\"])(.*)\2 \(choose from (.*)\)$", re.DOTALL)
_WORD: Final = re.compile(r"[\w.-]+")


class Parser(argparse.ArgumentParser):
    """A parser whose complaints show what stood on the command line escaped, and not more of it than one can read."""

    def parse_known_args(  # type: ignore[override]  # of its overloads only this one is used
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Parse what a command knows, and refuse the rest at once: the command that was given says what it takes."""
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(self._unknown(unknown))
        return found, unknown

    def _unknown(self, words: Sequence[str]) -> str:
        """Return what is said of words that a command does not take."""
        options = [word.partition("=")[0] for word in words if word.startswith("-")]
        if not options:
            hint = "; a filter stands behind --filter" if "--filter" in self._option_string_actions else ""
            return f"{quote(words[0])} is one word too many{hint}"
        hint = did_you_mean(options[0], self._option_string_actions)
        return f"{options[0]}: is no option here; {hint or f'{self.prog} --help lists them'}"

    def error(self, message: str) -> NoReturn:
        """Print the usage and what is wrong on stderr, and end with status 2."""
        if wrong := _CHOICE.match(message):
            known = _WORD.findall(wrong[4])
            hint = did_you_mean(wrong[3], known) or f"there are {', '.join(known)}"
            if wrong[1] == "what" and wrong[3] in _LISTING:
                hint = f"write lvstui {wrong[3]}"
            where, kind = ("", wrong[1].lower()) if wrong[1].isupper() else (f"{wrong[1]}: ", "value of it")
            message = f"{where}{quote(wrong[3])} is no {kind}; {hint}"
        for pattern, sentence in _COMPLAINTS:
            message = pattern.sub(sentence, message)
        shown = visible(message[:_LONGEST])
        super().error(f"{shown}..." if len(message) > _LONGEST else shown)


def seconds_within(least: float, most: float) -> Callable[[str], float]:
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


def as_file(text: str) -> Path:
    """Return the file that is meant: `-` is a standard stream, `./-` a file of that name."""
    if not text:
        raise argparse.ArgumentTypeError("is empty; name a file")
    path = Path(text)
    return path.absolute() if str(path) == STDIN != text else path


def as_saved_file(text: str) -> Path:
    """Return the file that is meant where edits are saved, too, which a stream is no place for."""
    path = as_file(text)
    if str(path) == STDIN:
        raise argparse.ArgumentTypeError("- is a stream, and edits are saved here; name a file, or give - as FILE")
    return path


def as_count(text: str) -> int:
    """Return a whole number from 1."""
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text)):
        raise argparse.ArgumentTypeError(f"must be a whole number from 1, not {quote(text)}")
    return int(text)
