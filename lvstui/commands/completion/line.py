"""A command line that is not at its end yet: which command it names, what it gives, and what it is about."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from lvstui.commands.arguments import parser
from lvstui.core import fields
from lvstui.core.change import EMPTY
from lvstui.core.model import Director, Pool
from lvstui.host.home import find_home


@dataclass
class Line:
    """The words of a command line before the one that is completed, and what they say."""

    command: argparse.ArgumentParser
    names: list[str] = field(default_factory=list)
    given: list[str] = field(default_factory=list)
    values: dict[str, str] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    open: argparse.Action | None = None
    no_options: bool = False

    @property
    def name(self) -> str:
        """The command: `set`, `entry move`; empty for none yet."""
        return " ".join(self.names)

    @cached_property
    def director(self) -> Director:
        """What runs, with what only the profile knows; as much of both as can be read."""
        if "demo" in self.seen:
            from lvstui.kernel.memory.demo import demo_director

            return demo_director()
        from lvstui.core.drift import add_profile_values
        from lvstui.kernel.glance import glance
        from lvstui.kernel.port import KernelError

        profile, running = self._profile(), EMPTY
        with suppress(KernelError, OSError):
            running = add_profile_values(glance(self.values.get("netns")), profile)
        pools = {key: Pool(pool.service, dict(pool.servers)) for key, pool in profile.pools.items()}
        for key, pool in running.pools.items():
            held = pools.get(key)
            pools[key] = Pool(held.service, {**held.servers, **pool.servers}) if held else pool
        return replace(profile, pools=pools)

    def _profile(self) -> Director:
        from lvstui.formats.profile.flaws import ProfileError
        from lvstui.store.profile_file import ProfileFile

        path = self.profile_path
        with suppress(ProfileError, OSError, ValueError):
            return (ProfileFile(path).load() if path else None) or EMPTY
        return EMPTY

    @property
    def profile_path(self) -> Path | None:
        """Where the profile is; None where nobody says and there is no usual one."""
        from lvstui.store.profile_file import default_path

        named = self.values.get("profile")
        return Path(named).expanduser() if named else default_path(find_home(self.values.get("netns")))

    def pool(self, text: str) -> Pool | None:
        """Return the service that a word means."""
        pools = self.director.pools.values()
        return next(
            (pool for pool in pools if text in (pool.service.name, fields.service_text(pool.service.key))), None
        )


def read_line(words: Iterable[str]) -> Line:
    """Read the words behind `lvstui`, as far as they go; what no command takes is passed over."""
    line = Line(parser())
    for word in words:
        if line.open is not None and not (line.open.nargs == "?" and word.startswith("-")):
            line.values[line.open.dest] = word
            line.open = None
            continue
        line.open = None
        if word == "--" and not line.no_options:
            line.no_options = True
        elif word.startswith("-") and word != "-" and not line.no_options:
            _read_option(line, word)
        elif word in (inner := commands_of(line.command)):
            line.command, line.given = inner[word], []
            line.names.append(word)
        else:
            line.given.append(word)
    return line


def _read_option(line: Line, word: str) -> None:
    name, equals, value = word.partition("=")
    action = line.command._option_string_actions.get(name)
    if action is None:
        return
    line.seen.add(action.dest)
    if action.nargs == 0:
        return
    if equals:
        line.values[action.dest] = value
    else:
        line.open = action


def commands_of(command: argparse.ArgumentParser) -> Mapping[str, argparse.ArgumentParser]:
    """Return the commands that may stand behind one, by their names."""
    found = [action for action in command._actions if isinstance(action, argparse._SubParsersAction)]
    return found[0].choices if found else {}
