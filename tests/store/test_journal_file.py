"""The journals beside a profile: who is in the middle of an edit."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from lvstui.store.journal_file import JournalFile, left_paths, others_at_work

AT_WORK = """
import sys
from pathlib import Path
from lvstui.store.journal_file import JournalFile
journal = JournalFile(Path(sys.argv[1]))
for word in ("opened", "entered", "cleared"):
    if word == "entered":
        journal.enter(b"an edit")
    elif word == "cleared":
        journal.clear()
    print(word, flush=True)
    sys.stdin.readline()
journal.enter(b"an edit")
"""


def test_another_process_is_at_work_from_what_it_enters_until_it_clears_that_or_is_killed(tmp_path: Path) -> None:
    profile = tmp_path / "director.toml"
    assert not others_at_work(profile)
    own = JournalFile(profile)
    own.enter(b"an edit of ours")
    assert not others_at_work(profile)
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", AT_WORK, str(profile)]
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdin
        assert process.stdout
        for expected in (False, True, False):
            process.stdout.readline()
            assert others_at_work(profile) is expected
            print(file=process.stdin, flush=True)
        process.wait(60)
    assert not others_at_work(profile)  # it left what it was doing, but does nothing any more
    assert len(left_paths(profile)) == 1
    own.close()
