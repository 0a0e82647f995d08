"""Tests of the packet filter, each in a network namespace of its own, where the whole ruleset is the test's."""

from __future__ import annotations

import ctypes
import functools
import os
import re
import subprocess
import threading
from collections.abc import Callable
from typing import ParamSpec

import pytest

_NEW_NETWORK = 0x40000000  # CLONE_NEWNET

_ONE_LINE = re.compile(r"^(\s*chain \S+ \{)(.*)\}$", re.MULTILINE)

_P = ParamSpec("_P")


class Clock:
    """A clock that stands still until the test moves it."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def alone(test: Callable[_P, None]) -> Callable[_P, None]:
    """Run a test in a thread that has a network namespace of its own, which what it starts has too."""

    @functools.wraps(test)
    def run(*args: _P.args, **kwargs: _P.kwargs) -> None:
        problems: list[BaseException] = []

        def work() -> None:
            try:
                if ctypes.CDLL(None, use_errno=True).unshare(_NEW_NETWORK):
                    raise OSError(ctypes.get_errno(), "unshare")
                test(*args, **kwargs)
            except BaseException as problem:  # raised again by the test's own thread
                problems.append(problem)

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        if problems:
            raise problems[0]

    return run


def output(*words: str, text: str = "") -> str:
    """Run a program in this thread's namespace and return what it prints."""
    done = subprocess.run(words, input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(words)}: {done.stderr}\n{text}"
    return done.stdout


def nft(script: str) -> None:
    """Apply a script of nft, in which a chain may stand in one line: nft wants an end of line before its brace."""
    output("nft", "-f", "-", text=_ONE_LINE.sub(r"\1\n\2\n}", script) + "\n")


def _works(*words: str) -> bool:
    try:
        return subprocess.run(["unshare", "-n", *words], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def able() -> bool:
    """Return whether our table could be created here."""
    return os.geteuid() == 0 and _works("nft", "add", "table", "inet", "lvstui")


needs_nft = pytest.mark.skipif(not able(), reason="needs root, nft, and a kernel whose nf_tables knows inet")


def needs(*words: str) -> pytest.MarkDecorator:
    """Skip where a command does not work in a new network namespace."""
    return pytest.mark.skipif(os.geteuid() != 0 or not _works(*words), reason=f"`{' '.join(words)}` does not work here")
