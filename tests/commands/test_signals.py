"""Ctrl-Z while a command edits: it stops once the edit is over, and holds no lock meanwhile."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

_EDIT = """\
import sys
from lvstui.commands.signals import held_back
with held_back(lambda: None):
    print("writes", flush=True)
    sys.stdin.readline()
    print("has written", flush=True)
print("goes on", flush=True)
"""


def test_ctrl_z_stops_a_command_after_its_edit() -> None:
    command = [sys.executable, "-c", _EDIT]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, process_group=0
    ) as child:  # of this session, so that somebody could continue it
        assert child.stdin
        assert child.stdout
        assert child.stdout.readline() == "writes\n"
        os.kill(child.pid, signal.SIGTSTP)
        child.stdin.write("\n")
        child.stdin.flush()
        assert child.stdout.readline() == "has written\n"
        assert os.WIFSTOPPED(os.waitpid(child.pid, os.WUNTRACED)[1])
        os.kill(child.pid, signal.SIGCONT)
        assert child.stdout.read() == "goes on\n"
    assert child.returncode == 0
