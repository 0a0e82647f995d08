"""A service is edited as text: by the person's editor, as that person, and whatever the editor does nothing is lost."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lvstui.kernel.memory.demo import demo_director
from lvstui.store.profile_file import ProfileFile
from tests.e2e.terminal import Terminal

NOBODY = 65534

EDITOR = """\
#!/bin/sh
# The first word is where the test and this script meet, the second the file that is edited.
cp "$2" "$1/seen"
id -u > "$1/user"
id -G > "$1/groups"
env > "$1/environment"
stat -c '%u %a' "$(dirname "$2")" "$2" > "$1/modes"
echo "$2" > "$1/path"
case $(cat "$1/mode") in
  edit) sed -i '/api1/s/weight = 2/weight = 7/' "$2" ;;
  wrong) if grep -q '^#! ' "$2"; then sed -i 's/weight = -4/weight = 5/' "$2"
         else sed -i '/api1/s/weight = 2/weight = -4/' "$2"; fi ;;
  broken) sed -i '/api1/s/weight = 2/weight = = 2/' "$2" ;;
  empty) : > "$2" ;;
  fail) sed -i '/api1/s/weight = 2/weight = 6/' "$2"; exit 3 ;;
  kill) stty raw -echo < /dev/tty; kill -KILL $$ ;;
  link) rm "$2"; ln -s "$1/secret" "$2" ;;
  pipe) rm "$2"; mkfifo "$2" ;;
  gone) rm "$2" ;;
  stale) sed -i '/api1/s/weight = 2/weight = 7/' "$2"; sed -i 's/"api1"/"apiX"/' "$1/director.toml" ;;
  interrupt) trap : INT; kill -INT 0; sleep 0.2 ;;
esac
"""

WAITS = """\
#!/bin/sh
# Whoever sees the path finds it whole, and the text edited.
echo "# kept" >> "$1"
echo "$1" > "${0%/*}/new"
mv "${0%/*}/new" "${0%/*}/path"
exec sleep 1000
"""


class Desk:
    """A folder in which a test tells the editor what to do, and reads what that saw."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="lvstui-editor-", dir="/tmp"))
        self.folder.chmod(0o777)
        self.profile = self.folder / "director.toml"
        ProfileFile(self.profile).update(lambda _: demo_director())
        editor = self.folder / "ed it.sh"
        editor.write_text(EDITOR)
        editor.chmod(0o755)
        (self.folder / "secret").write_text("[[service]]\nstolen\n")
        (self.folder / "secret").chmod(0o600)
        self.editor = f"'{editor}' {self.folder}"

    def mode(self, mode: str) -> None:
        (self.folder / "mode").write_text(mode)

    def read(self, name: str) -> str:
        return (self.folder / name).read_text()

    def left(self) -> bool:
        """Whether the folder of the text is still there; removes it."""
        folder = Path(self.read("path").strip()).parent
        found = folder.exists()
        shutil.rmtree(folder, ignore_errors=True)
        return found


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    yield desk
    shutil.rmtree(desk.folder)


def start(terminal: Terminal, desk: Desk, **environment: str) -> None:
    environment = {"EDITOR": desk.editor, "VISUAL": "", "LVSTUI_SECRET": "swordfish", **environment}
    command: list[str | Path] = [sys.executable, "-m", "lvstui", "--demo", "--profile", desk.profile]
    terminal.start(command, environment=environment, columns=100)
    terminal.wait_for("api1")


def edit(terminal: Terminal, desk: Desk, mode: str, wanted: str) -> str:
    desk.mode(mode)
    terminal.keys("C-e")
    # The whole screen is there again.
    return terminal.wait_for(lambda screen: wanted in " ".join(screen.split()) and "1 Services" in screen)


def test_a_service_is_edited_as_text_and_whatever_goes_wrong_is_a_sentence(terminal: Terminal, desk: Desk) -> None:
    start(terminal, desk)
    edit(terminal, desk, "unchanged", "nothing was changed")
    assert "[[service]]" in desk.read("seen")
    assert not desk.left()
    terminal.keys("Down")
    screen = edit(terminal, desk, "edit", "weight 2 -> 7")
    assert "staged" in screen
    assert not desk.left()
    terminal.keys("Escape")
    terminal.wait_for(lambda screen: "Enter applies" not in screen)
    edit(terminal, desk, "wrong", "weight 2 -> 5")
    seen = desk.read("seen").splitlines()
    assert any(line.startswith("#! ") and "weight" in line for line in seen)
    place = next(at for at, line in enumerate(seen) if "weight = -4" in line)
    assert seen[place - 1].startswith("#! ")
    assert not desk.left()
    terminal.keys("Escape")
    terminal.wait_for(lambda screen: "Enter applies" not in screen)
    edit(terminal, desk, "empty", "nothing was changed")
    assert not desk.left()
    for mode, wanted in {
        "broken": "left in it; your text is kept in",
        "fail": "ended with the exit status 3; your text is kept in",
        "link": "has become a symbolic link, which is not followed",
        "pipe": "it is no plain file any more",
        "gone": "there is no such file or folder",
        "stale": "in the kernel or in the profile meanwhile",
    }.items():
        terminal.keys("p")  # any key that has the message line be about something else
        terminal.keys("p")
        screen = edit(terminal, desk, mode, wanted)
        assert "not staged" in screen
        assert "Enter applies" not in screen
        assert desk.left()
    edit(terminal, desk, "kill", "was ended by SIGKILL")
    assert not desk.left()
    edit(terminal, desk, "interrupt", "nothing was changed")
    terminal.keys("q")
    assert terminal.wait_for_exit() == 0


def test_an_editor_that_is_not_there_is_a_sentence(terminal: Terminal, desk: Desk) -> None:
    start(terminal, desk, EDITOR="no-such-editor -w")
    terminal.keys("C-e")
    terminal.wait_for("the editor no-such-editor of $EDITOR is not there")
    terminal.keys("q")
    assert terminal.wait_for_exit() == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be called by sudo")
def test_under_sudo_the_editor_is_a_process_of_the_user_and_gets_at_nothing_of_roots(
    terminal: Terminal, desk: Desk
) -> None:
    start(terminal, desk, SUDO_UID=str(NOBODY), SUDO_GID=str(NOBODY))
    edit(terminal, desk, "edit", "weight 2 -> 7")
    assert desk.read("user").strip() == str(NOBODY)
    assert "0" not in desk.read("groups").split()
    assert desk.read("modes").splitlines() == [f"{NOBODY} 700", f"{NOBODY} 600"]
    assert "LVSTUI_SECRET" not in desk.read("environment")
    assert "USER=nobody" in desk.read("environment")
    assert not desk.left()
    terminal.keys("Escape")
    terminal.wait_for(lambda screen: "Enter applies" not in screen)
    screen = edit(terminal, desk, "link", "not followed")
    assert "stolen" not in screen
    assert desk.left()
    terminal.keys("q")
    assert terminal.wait_for_exit() == 0


def test_what_ends_lvstui_ends_the_editor_too_and_the_text_is_kept(terminal: Terminal, desk: Desk) -> None:
    waiting = desk.folder / "waits.sh"
    waiting.write_text(WAITS)
    waiting.chmod(0o755)
    start(terminal, desk, EDITOR=str(waiting))
    terminal.keys("C-e")
    deadline = time.monotonic() + 60
    while not (desk.folder / "path").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    terminal.send_signal(15)
    assert terminal.wait_for_exit() == 128 + 15
    assert "# kept" in Path(desk.read("path").strip()).read_text()
    assert desk.left()
