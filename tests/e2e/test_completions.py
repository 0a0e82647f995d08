"""Completion in real shells: a person types, presses Tab, and the shell runs what then stands there."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import pytest

from lvstui.commands.completion.scripts import SCRIPTS

_PATIENCE: Final = 120.0
"""Seconds for a shell to start and answer, on a machine that has much else to do."""

_START: Final[Mapping[str, Sequence[str]]] = {
    "bash": ("bash", "--norc", "--noprofile", "-i"),
    "zsh": ("zsh", "-f", "-i"),
    "fish": ("fish", "--no-config", "-i"),
}
_LOAD: Final = {
    "bash": "PS1='ready> '; source {}",
    "zsh": "PS1='ready> '; autoload -Uz compinit; compinit -u -D; source {}",
    "fish": "function fish_prompt; echo -n 'ready> '; end; source {}",
}

TYPED: Final = [
    ("lvstui --demo drain sh\t web1", ["--demo", "drain", "shop", "web1"]),
    ("lvstui --demo set tcp:192.0.2.10:4\tweb1 wei\t9", ["--demo", "set", "tcp:192.0.2.10:443", "web1", "weight=9"]),
    ("lvstui --demo delete tcp:\\[2001:\t", ["--demo", "delete", "tcp:[2001:db8::10]:443"]),
    ("lvstui --demo set shop sched\tm\t", ["--demo", "set", "shop", "scheduler=mh"]),
    ("lvstui --demo export --form\t keepa\t", ["--demo", "export", "--format", "keepalived"]),
    ("lvstui app\tplan-of-mi\t", ["apply", "plan-of-mine.json"]),
    ("lvstui --prof\tplan-of-mi\tdra\t", ["--profile", "plan-of-mine.json", "drain"]),
]


class Shell:
    """A shell in a terminal of its own, in a folder with one file."""

    def __init__(self, name: str, folder: Path) -> None:
        script = folder / "completions"
        script.write_text(SCRIPTS[name])
        (folder / "plan-of-mine.json").touch()
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        environ = {"HOME": str(folder), "PATH": path, "TERM": "xterm", "LC_ALL": "C.UTF-8", "INPUTRC": "/dev/null"}
        ours, its = pty.openpty()
        self._terminal = ours
        self._process = subprocess.Popen(
            ["setsid", "--ctty", *_START[name]], stdin=its, stdout=its, stderr=its, cwd=folder, env=environ
        )
        os.close(its)
        self.type(f"{_LOAD[name].format(script)}; printf 'is %s\\n' here\r")
        self.read("is here")

    def type(self, text: str) -> None:
        """Press keys."""
        os.write(self._terminal, text.encode())

    def read(self, end: str) -> str:
        """Return what the shell printed until then."""
        printed = ""
        late = time.monotonic() + _PATIENCE
        while end not in printed:
            ready, _, _ = select.select([self._terminal], [], [], max(0.0, late - time.monotonic()))
            assert ready, printed
            printed += os.read(self._terminal, 1 << 16).decode(errors="replace")
        return printed

    def close(self) -> None:
        """End the shell."""
        self._process.kill()
        self._process.wait()
        os.close(self._terminal)


@pytest.mark.parametrize("name", SCRIPTS)
def test_what_tab_completes_is_what_the_shell_then_runs(name: str, tmp_path: Path) -> None:
    if shutil.which(name) is None:
        pytest.skip(f"there is no {name} here to complete in: apt-get install {name}")
    shell = Shell(name, tmp_path)
    try:
        for number, (keys, wanted) in enumerate(TYPED):
            # The line is run with a printer before it: so it shows how the shell reads what was completed.
            shell.type(f"{keys}; printf 'end %s\\n' {number}\x01printf '<%s>\\n' \r")
            printed = shell.read(f"end {number}\r\n").replace("\r", "")
            assert "\n".join(["<lvstui>", *(f"<{word}>" for word in wanted), ""]) in printed, (keys, printed)
    finally:
        shell.close()
