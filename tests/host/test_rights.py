"""Rights of root that are given up are gone for good; those in reserve are in force while they are raised."""

import os
import pickle
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lvstui.core.change import change_service
from lvstui.core.model import Service
from lvstui.host import hearing
from lvstui.host.rights import Right, is_others
from lvstui.host.witness import answer
from tests.build import address_key

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root has rights to give up")

STATUS = "print(*(line.split()[1] for line in open('/proc/thread-self/status') if line.startswith(('Cap', 'NoNew'))))"
NET = f"{1 << Right.NET_ADMIN | 1 << Right.NET_RAW:016x}"
WITH_SETUID = f"{1 << Right.NET_ADMIN | 1 << Right.NET_RAW | 1 << Right.SETUID:016x}"
NOTHING = f"{0:016x}"


def run(script: str) -> list[list[str]]:
    """Return the words of each line that a process of its own prints."""
    imports = "import os, subprocess, sys\nfrom lvstui.host.rights import *\n"
    done = subprocess.run([sys.executable, "-c", imports + script], capture_output=True, text=True, check=True)
    return [line.split() for line in done.stdout.splitlines()]


def test_what_is_given_up_is_gone_from_every_set_and_from_what_is_started() -> None:
    lines = run(f"give_up(DIRECTOR)\n{STATUS}\nsubprocess.run([sys.executable, '-c', {STATUS!r}])")
    # What children inherit, what is permitted, in force and at most, what is ambient, and no new rights by files.
    assert lines[0] == [NOTHING, NET, NET, NET, NOTHING, "1"]
    assert [words[1:4] for words in lines] == [[NET, NET, NET]] * 2


def test_what_is_in_reserve_is_in_force_in_one_thread_while_it_is_raised() -> None:
    script = f"""
give_up(DIRECTOR, [Right.SETUID])
from threading import Thread
look = lambda: exec({STATUS!r})
look()
with raised(Right.SETUID, Right.CHOWN):
    look()
    os.fork() or (os.setuid(65534), look(), os._exit(0))
    os.wait()
other = Thread(target=look); other.start(); other.join()
look()
"""
    sets = [words[1:3] for words in run(script)]
    assert sets == [[WITH_SETUID, NET], [WITH_SETUID, WITH_SETUID], [NOTHING] * 2, *[[WITH_SETUID, NET]] * 2]


def test_files_of_another_user_are_seen_by_their_folders_too(tmp_path: Path) -> None:
    assert not is_others(Path("/etc/lvstui/director.toml"))
    os.chown(tmp_path, 65534, 65534)
    assert is_others(tmp_path / "not/yet/there.toml")


def test_the_witness_answers_its_questions_and_no_others(tmp_path: Path) -> None:
    ask: tuple[object, ...] = ("lvstui.host.ancestors", "find_inherited", ("NO_SUCH_VARIABLE", tmp_path), {})
    assert pickle.loads(answer(pickle.dumps(ask))) == (None, "")
    added = change_service(None, Service(address_key("tcp:192.0.2.1:80")))
    lines: tuple[object, ...] = ("lvstui.store.owned_files", "find_lines", ((), (added,)), {})
    assert pickle.loads(answer(pickle.dumps(lines))) == (None, [])
    for module, name in (("os", "getpid"), ("lvstui.host.witness", "post")):
        error, _ = pickle.loads(answer(pickle.dumps((module, name, (), {}))))
        assert "is no question" in str(error)
    error, _ = pickle.loads(answer(pickle.dumps((*ask[:2], (os.system,), {}))))
    assert "is no value" in str(error)


def test_a_witness_is_heard_and_ends_with_who_posted_it() -> None:
    script = """
from pathlib import Path
from lvstui.host import hearing, witness
from lvstui.host.ancestors import inherited
os.environ["OF_OURS"] = "not of the processes above"
witness.start()
give_up(DIRECTOR)
found = inherited("LVSTUI_ABOVE")
children = Path(f"/proc/self/task/{os.getpid()}/children").read_text()
print(children, Path(f"/proc/{children.strip()}/status").read_text().partition("CapEff:")[2].split()[0])
print(found, hearing.line != [])
sys.stdout.flush()
os.kill(os.getpid(), 9)
"""
    code = "import os, subprocess, sys\nfrom lvstui.host.rights import *\n" + script
    above = os.environ | {"LVSTUI_ABOVE": "seen"}
    shell = f"env -u LVSTUI_ABOVE {sys.executable} -c '{code}'; :"
    done = subprocess.run(["sh", "-c", shell], capture_output=True, text=True, timeout=120, env=above)
    witness, rights, word, heard = done.stdout.split()
    assert (int(rights, 16), word, heard) == (1 << Right.SYS_PTRACE | 1 << Right.DAC_READ_SEARCH, "seen", "True")
    end = time.monotonic() + 60
    while runs(witness):
        assert time.monotonic() < end, "the witness is still there"
        time.sleep(0.05)


def runs(pid: str) -> bool:
    """Return whether a process has not ended."""
    try:
        return " Z " not in Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_without_a_witness_we_look_ourselves() -> None:
    assert hearing.line == []
    assert hearing.hear(str.upper, "seen") == "SEEN"
