"""Command lines nobody would type, in surroundings nobody has: never an exception, never a raw character."""

from __future__ import annotations

import argparse
import io
import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from lvstui.cli import main
from lvstui.commands.arguments import parser
from lvstui.commands.place import Status
from lvstui.core import fields, sysctls
from lvstui.core.attributes import DAEMON, SERVER, SERVICE, TIMEOUTS
from lvstui.kernel.memory.demo import demo_director, demo_rules
from lvstui.kernel.memory.kernel import MemoryKernel
from tests.campaign import Report

_SLOW = 5.0
"""Seconds of the processor that a command on the demo may take; of others on a busy machine nothing is counted."""

_STUCK = 60.0
"""Seconds that it may take in all."""

_LONGEST = 4000
"""Characters that a sentence about a command line may have."""

_TEXTS = (
    *(
        "",
        " ",
        "-",
        "--",
        "-1",
        "0",
        "1",
        "00",
        "+1",
        "1e3",
        "4294967295",
        "4294967296",
        "9" * 30,
        "nan",
        "inf",
        "0x10",
    ),
    *(
        "\x1b]52;c;aGk=\x07",
        "\x9b31m",
        "\u202e\u2066",
        "\u200b\ufeff",
        "q\u0301" + "\u0301" * 30,
        "\udcff\udc80",
        "\n\r\t",
    ),
    *(
        "é",
        "हिन्दी",
        "日本",
        "\U0001f600",
        "\u2028",
        "[red]",
        "%s%n",
        "{}",
        "$(id)",
        "`id`",
        "';",
        "*",
        "..",
        ".",
        "=",
        "a=b=c",
    ),
    *("x" * 70_000, "é" * 40_000, "9" * 70_000, "," * 60_000, "1 " * 30_000, "[" * 60_000, "\udcff" * 30_000),
)
_WORDS = (
    *("tcp:192.0.2.10:443", "udp:192.0.2.53:53", "mark:80", "mark6:80", "tcp:[2001:db8::1]:80", "ip47:192.0.2.1:0"),
    *("web", "shop", "portal", "10.0.0.11:443", "10.0.0.11", "[fd00::1]:80", "10.1.0.0/16", "timeouts", "sysctl"),
    *("director", "sync", "master", "backup", "services", "marks", "80", "tcp 192.0.2.20 80,443", "udp ::/0 53", "wlc"),
    *(
        "p.toml",
        "broken.toml",
        "none.toml",
        "folder",
        "p.toml.history.jsonl",
        "left<60",
        "server=web2",
        "masq",
        "tunnel",
    ),
)
_VARIABLES = (
    "SUDO_USER",
    "LOGNAME",
    "USER",
    "SSH_CONNECTION",
    "TERM",
    "TZ",
    "COLUMNS",
    "LINES",
    "LANG",
    "LC_ALL",
    "NO_COLOR",
)


def run(seconds: float, seed: int) -> Iterator[Report]:
    """Run the commands in this process on the demo, with arguments and environments at random."""
    dice = random.Random(seed)
    vocabulary = (*_options(parser()), *_assignments(), *_WORDS)
    tried = failed = 0
    first = ""
    deadline = time.monotonic() + seconds
    with _folder():
        while time.monotonic() < deadline:
            arguments, environment = _arguments(dice, vocabulary), _environment(dice)
            tried += 1
            if wrong := _try(arguments, environment):
                failed += 1
                shown = [word if len(word) <= 200 else f"{word[:20]}... {len(word)}" for word in arguments]
                first = first or f"{wrong}: number {tried}: {shown!r} with {environment!r}"
    yield Report("command lines through main()", tried, failed, first)


def _options(of: argparse.ArgumentParser) -> Iterator[str]:
    """Yield the commands and options of a parser and those below it."""
    for action in of._actions:
        yield from action.option_strings
        if isinstance(action, argparse._SubParsersAction):
            for name, below in action.choices.items():
                yield name
                yield from _options(below)


def _assignments() -> Iterator[str]:
    for attributes in (SERVICE, SERVER, DAEMON, TIMEOUTS):
        yield from (f"{attribute.name}=" for attribute in attributes)
    yield from (f"{name}=" for name in sysctls.SETTINGS)


def _arguments(dice: random.Random, vocabulary: Sequence[str]) -> list[str]:
    """Return a command line that often starts well: a command, and then whatever."""
    commands = [
        *("show", "export", "check", "diff", "history", "entries", "apply", "set", "add", "delete", "drain", "restore"),
        *("rollback", "probe", "entry expire", "entry pin", "mark add", "mark delete"),
    ]
    words = dice.choice(commands).split() if dice.random() < 0.9 else []
    words += [_word(dice, vocabulary) for _ in range(dice.choice((0, 1, 1, 2, 2, 3, 3, 4, 6, 300)))]
    where = ["--profile", "p.toml"] if dice.random() < 0.8 else ["--demo"]
    # Moves and times of entries wait for the kernel's clock: they are only planned.
    return [*where, *words, *(["--dry-run"] if {"move", "time"} & set(words) else [])]


def _word(dice: random.Random, vocabulary: Sequence[str]) -> str:
    word = dice.choice(vocabulary) if dice.random() < 0.75 else dice.choice(_TEXTS)
    if word.endswith("=") or dice.random() < 0.1:
        word += dice.choice((*_TEXTS, *_WORDS))
    if dice.random() < 0.15 and word:
        at = dice.randrange(len(word))
        word = word[:at] + chr(dice.choice((*range(1, 0x250), 0x301, 0x202E, 0xDCFF, 0x1F600))) + word[at + 1 :]
    # No path leads out of the campaign's own folder.
    return word.replace("../", "").lstrip("/").replace("=/", "=")


def _environment(dice: random.Random) -> dict[str, str]:
    texts = [text.replace("\0", "") for text in _TEXTS if len(text) < 100]
    chosen = dice.sample(_VARIABLES, dice.choice((0, 0, 0, 1, 2)))
    return {name: dice.choice(texts) for name in chosen}


def _try(arguments: Sequence[str], environment: Mapping[str, str]) -> str:
    """Return what is wrong with how a command line is answered, empty where nothing is."""
    for path, content in _FILES.items():
        Path(path).write_text(content)
    kernel = MemoryKernel(demo_director(), traffic=True, foreign=demo_rules())
    out, err = io.StringIO(), io.StringIO()
    started, worked = time.monotonic(), time.process_time()
    with _instead(environment, out, err):
        try:
            status: int | str | None = main(arguments, lambda _: kernel)
        except SystemExit as end:
            status = end.code
        except Exception as error:
            return f"{type(error).__name__}: {error}"[:500]
    took, working = time.monotonic() - started, time.process_time() - worked
    if took > _STUCK or working > _SLOW:
        return f"{took:.0f} s, {working:.0f} s of the processor"
    for line in (*out.getvalue().split("\n"), *err.getvalue().split("\n")):
        if fields.escape_hidden(line, lambda _: "") != line:
            return f"raw characters in {line[:200]!r}"
    if status not in {int(known) for known in Status} or status == Status.FAULT:
        return f"status {status}"
    if status in (Status.USAGE, Status.NO_IPVS, Status.PERMISSION) and not err.getvalue():
        return f"status {status} without a word"
    if max(map(len, err.getvalue().split("\n"))) > _LONGEST:
        return f"{len(err.getvalue())} characters on stderr"
    return ""


_FILES = {
    "p.toml": 'format = 1\n[[service]]\nservice = "tcp:192.0.2.10:443"\nname = "shop"\n',
    "broken.toml": "format = 1\n[[service]\n",
}


@contextmanager
def _folder() -> Iterator[None]:
    """Work in a folder of our own, out of which no argument leads."""
    here = Path.cwd()
    with tempfile.TemporaryDirectory(prefix="lvstui-campaign-") as name:
        folder = Path(name) / "a"
        (folder / "folder").mkdir(parents=True)
        os.chdir(folder)
        try:
            yield
        finally:
            os.chdir(here)


@contextmanager
def _instead(environment: Mapping[str, str], out: io.StringIO, err: io.StringIO) -> Iterator[None]:
    """Put an environment and streams in place of our own."""
    kept = {name: os.environ.get(name) for name in environment}
    streams = sys.stdin, sys.stdout, sys.stderr
    os.environ.update(environment)
    time.tzset()
    sys.stdin, sys.stdout, sys.stderr = io.StringIO(), out, err
    try:
        yield
    finally:
        sys.stdin, sys.stdout, sys.stderr = streams
        for name, text in kept.items():
            if text is None:
                del os.environ[name]
            else:
                os.environ[name] = text
        time.tzset()
