"""A text is copied the way that this terminal takes, and it is said which way that was and what is missing."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lvstui.core.change import change_group, change_service
from lvstui.core.model import ServerKey
from lvstui.formats.equivalent import as_script
from lvstui.kernel.memory.demo import demo_director
from lvstui.tui.clipboard import CLIPBOARD_MAX, send
from lvstui.tui.dialogs.listing import Copied
from tests.build import SHOP
from tests.tui.conftest import Stage
from tests.tui.test_services import message

TEXT = "ipvsadm -e -t 192.0.2.10:80 -r 10.0.0.11:80 -w 5 # näme\n"


def decoded(sequence: str) -> str:
    found = re.fullmatch(r"\x1b\]52;c;([A-Za-z0-9+/=]*)\a", sequence)
    assert found
    return b64decode(found[1]).decode()


class Server:
    """A tmux server of its own, of us or of another user."""

    def __init__(self, user: int | None = None) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="lvstui-tmux-", dir="/tmp"))
        self.user = user
        if user is not None:
            os.chown(self.folder, user, user)
        self.run("-f", "/dev/null", "new-session", "-d", "sleep", "1000")

    @property
    def variable(self) -> str:
        return f"{self.folder}/socket,1,0"

    def run(self, *arguments: str) -> str:
        command = ["tmux", "-S", f"{self.folder}/socket", *arguments]
        done = subprocess.run(
            command, capture_output=True, text=True, check=True, cwd="/", user=self.user, group=self.user
        )
        return done.stdout

    def close(self) -> None:
        subprocess.run(["tmux", "-S", f"{self.folder}/socket", "kill-server"], capture_output=True, check=False)
        shutil.rmtree(self.folder)


@pytest.fixture
def server() -> Iterator[Server]:
    if shutil.which("tmux") is None:
        pytest.skip("This needs tmux: run `python -m tests.lab install`.")
    server = Server()
    yield server
    server.close()


def test_a_plain_terminal_gets_osc_52() -> None:
    sent = send(TEXT, {"TERM": "xterm-256color"})
    assert decoded(sent.sequence) == TEXT
    assert sent.sentence == "sent to the terminal's clipboard (OSC 52)"


def test_screen_gets_it_in_parts_that_it_passes_on() -> None:
    sent = send(TEXT * 100, {"TERM": "screen", "STY": "1.pts-0.lb1"})
    parts = re.findall(r"\x1bP(.*?)\x1b\\", sent.sequence, re.DOTALL)
    assert "".join(f"\x1bP{part}\x1b\\" for part in parts) == sent.sequence
    assert max(map(len, parts)) < 256
    assert decoded("".join(parts)) == TEXT * 100
    assert "through screen" in sent.sentence


def test_what_is_longer_than_a_terminal_takes_is_not_sent_and_its_size_is_said() -> None:
    sent = send("x" * (CLIPBOARD_MAX + 1), {"TERM": "xterm"})
    assert not sent.sequence
    assert not sent.taken
    assert sent.sentence == "too long for a terminal's clipboard: 70 kB, and it takes some 70; mark fewer rows"


def test_tmux_takes_it_as_a_buffer_by_its_own_command(server: Server) -> None:
    environ = {**os.environ, "TERM": "tmux-256color", "TMUX": server.variable}
    sent = send(TEXT, environ)
    assert server.run("show-buffer") == TEXT
    assert sent.sentence == "in tmux's buffer (prefix ]), which sent it to its terminal's clipboard"
    assert not sent.sequence
    long = TEXT * 2000
    sent = send(long, environ)
    assert server.run("show-buffer") == long
    assert sent.sentence.startswith("in tmux's buffer alone (prefix ]): too long")
    server.run("set", "-s", "set-clipboard", "off")
    assert send(TEXT, environ).sentence.endswith("for the terminal: tmux set -s set-clipboard external")


def test_a_tmux_that_is_gone_or_hangs_leaves_osc_52_and_what_that_needs(tmp_path: Path) -> None:
    sent = send(TEXT, {"TERM": "tmux-256color", "TMUX": f"{tmp_path}/none,1,0", "PATH": "/usr/bin"})
    assert decoded(sent.sequence) == TEXT
    assert sent.sentence.startswith("sent by OSC 52, which tmux takes with: set -s set-clipboard on (load-buffer: ")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be called by sudo")
def test_under_sudo_it_is_the_tmux_of_the_user_asked_as_that_user() -> None:
    if shutil.which("tmux") is None:
        pytest.skip("This needs tmux: run `python -m tests.lab install`.")
    server = Server(user=65534)
    try:
        environ = {**os.environ, "TERM": "tmux-256color", "TMUX": server.variable, "SUDO_UID": "65534"}
        sent = send(TEXT, environ)
        assert sent.sentence.startswith("in tmux's buffer"), sent.sentence
        assert server.run("show-buffer") == TEXT
        sent = send(TEXT, {**environ, "SUDO_UID": "4294967294"})
        assert "SUDO_UID names no user" in sent.sentence
    finally:
        server.close()


async def test_y_copies_what_is_staged_and_runs_none_of_it(stage: Stage) -> None:
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await stage.look(pilot)
        before = stage.director
        assert stage.view.table.move_to(ServerKey(SHOP, next(iter(before.pools[SHOP].servers))))
        await pilot.press("plus")
        shown = stage.shown("staged").splitlines()
        await pilot.press("y")
        assert stage.app.clipboard.strip() in (line.strip() for line in shown)
        assert "what is staged, not run: sent to the terminal's clipboard" in message(stage)
        assert stage.view.pending
        await stage.look(pilot)
        assert stage.director == before


def test_what_is_staged_of_a_mark_group_is_copied_as_lines_that_a_shell_reads() -> None:
    director = demo_director()
    group = next(iter(director.groups.values()))
    elsewhere = replace(group, selectors=(replace(group.selectors[0], interface="eth0"),))
    pool = next(iter(director.pools.values()))
    named = change_service(pool.service, replace(pool.service, name="x\n$(reboot)"))
    text = as_script([change_group(group, elsewhere), named], director)
    assert text.startswith("nft -f - <<'EOF'\n")
    assert "\nEOF\n# " in text
    assert text.count("\n# ") == 1
    assert not text.rpartition("\n# ")[2].count("\n")
    assert subprocess.run(["bash", "-n"], input=text.encode(), check=False).returncode == 0


@pytest.mark.parametrize("view", ["1", "2", "3", "4", "5", "6"])
async def test_y_copies_something_in_every_view(stage: Stage, view: str) -> None:
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await stage.look(pilot)
        await pilot.press("down", "plus", "enter")
        await stage.look(pilot)
        await pilot.press(view)
        await stage.look(pilot, 3)
        await pilot.press("down", "down", "y")
        await pilot.pause()
        assert isinstance(stage.app.screen, Copied), message(stage)
        assert stage.app.clipboard
        await pilot.press("escape")
