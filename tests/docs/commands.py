"""The commands without screens, from the parser of the command line and what is written beside it."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence

from lvstui.commands.arguments import parser
from lvstui.commands.manual import MANUAL
from tests.docs.parts import code, table


def every_command() -> str:
    """Return a section for each command: its usage, options, exit states and examples."""
    return "\n\n".join(_section(name, command) for name, command in commands(parser()))


def options_before_a_command() -> str:
    """Return the options that are not of one command."""
    return table(("option", "what it does"), _options(parser()))


def commands(above: argparse.ArgumentParser, before: str = "") -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Yield each command with its words (`entry move`), in the order of the help; not those that only group others."""
    for name, command in _words(above).items():
        words = f"{before}{name}"
        if _words(command):
            yield from commands(command, f"{words} ")
        else:
            yield words, command


def _words(command: argparse.ArgumentParser) -> Mapping[str, argparse.ArgumentParser]:
    """Return the commands that may stand behind one."""
    found = [action for action in command._actions if isinstance(action, argparse._SubParsersAction)]
    return found[0].choices if found else {}


def _section(name: str, command: argparse.ArgumentParser) -> str:
    manual = MANUAL[name]
    parts = [f"## {name}", command.description or "", f"    {command.usage}"]
    if rows := list(_options(command, _COMMON)):
        parts.append(table(("word or option", "what it is"), rows))
    if manual.exits:
        parts.append("\n".join(f"Exit status {end.status}: {end.words}." for end in manual.exits))
    parts.append(
        "\n".join(f"    {example.command.ljust(_width(name))}  # {example.words}" for example in manual.examples)
    )
    return "\n\n".join(parts)


def _width(name: str) -> int:
    return max(len(example.command) for example in MANUAL[name].examples)


_COMMON = frozenset(("--live", "--demo", "--netns", "--profile", "-h"))
"""Options that every command takes, and which stand above all of them."""


def _options(command: argparse.ArgumentParser, without: frozenset[str] = frozenset()) -> Iterator[Sequence[str]]:
    formatter = command._get_formatter()
    for action in command._actions:
        names = action.option_strings
        if isinstance(action, argparse._SubParsersAction) or not without.isdisjoint(names):
            continue
        value = "" if action.nargs == 0 else formatter._metavar_formatter(action, action.dest)(1)[0]
        shown = ", ".join(f"{name} {value}".strip() for name in names) or value
        words = formatter._expand_help(action) if action.help and action.help != argparse.SUPPRESS else ""
        if shown and (words or not names):
            yield code(shown), words
