"""The history's file: appended to by several, read while they write, and never lost to a torn line."""

from __future__ import annotations

import os
import resource
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import process_time

import pytest

from lvstui.core.change import change_server, change_sysctl
from lvstui.core.record import Kind
from lvstui.formats.profile.write import ProfileError
from lvstui.store import history_file
from lvstui.store.history_file import RECENT, HistoryFile
from tests.build import SHOP, server

CHANGE = change_sysctl("am_droprate", "10", "20")
HOSTILE = change_server(SHOP, None, server("10.0.0.11:443", name="\x1b[31m\nweb"))


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    return tmp_path / "director.toml"


def file_of(profile: Path) -> Path:
    return profile.with_name("director.toml.history.jsonl")


def test_records_are_numbered_from_one_and_read_back_as_they_were(profile: Path) -> None:
    history = HistoryFile(profile)
    assert history.recent() == ()
    made = [history.append(Kind.DO, [CHANGE]), history.append(Kind.ROLLBACK, [HOSTILE, CHANGE])]
    assert [record.number for record in made] == [1, 2]
    assert history.recent() == tuple(made)
    assert tuple(HistoryFile(profile).records()) == tuple(made)
    assert made[1].changes == (HOSTILE, CHANGE)
    assert made[1].pid == os.getpid()
    assert made[1].user


def test_only_the_owner_reads_it_and_each_record_is_a_line(profile: Path) -> None:
    for _ in range(3):
        HistoryFile(profile).append(Kind.DO, [HOSTILE])
    assert stat.S_IMODE(file_of(profile).stat().st_mode) == 0o600
    content = file_of(profile).read_text()
    assert content.count("\n") == len(content.splitlines()) == 3
    assert all(character.isprintable() for line in content.splitlines() for character in line)


def test_the_same_records_are_given_until_somebody_appends(profile: Path) -> None:
    ours, theirs = HistoryFile(profile), HistoryFile(profile)
    ours.append(Kind.DO, [CHANGE])
    known = ours.recent()
    assert ours.recent() is known
    theirs.append(Kind.DO, [HOSTILE])
    assert [record.number for record in ours.recent()] == [1, 2]
    assert ours.recent()[0] is known[0]


def test_beside_a_link_it_lies_at_the_links_target(profile: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    profile.symlink_to(tmp_path / "elsewhere" / "real.toml")
    HistoryFile(profile).append(Kind.DO, [CHANGE])
    assert (tmp_path / "elsewhere" / "real.toml.history.jsonl").is_file()


@pytest.mark.parametrize("torn", [b'{"number":2,"time":"2026', b'{"number":2', b"\xff\x00 no record"])
def test_a_torn_last_line_costs_that_record_alone(profile: Path, torn: bytes) -> None:
    history = HistoryFile(profile)
    history.append(Kind.DO, [CHANGE])
    with file_of(profile).open("ab") as file:
        file.write(torn)
    assert [record.number for record in history.recent()] == [1]
    after = history.append(Kind.DO, [HOSTILE])
    assert after.number == (3 if b'"number":2,' in torn + b"," else 2)
    assert [record.number for record in history.recent()] == [1, after.number]
    assert history.recent()[-1] == after


def test_it_is_bounded_and_numbers_go_on_in_the_next_file(profile: Path) -> None:
    history = HistoryFile(profile, largest=2000)
    for _ in range(40):
        history.append(Kind.DO, [CHANGE])
    older = profile.with_name("director.toml.history.1.jsonl")
    assert file_of(profile).stat().st_size <= 2000
    assert older.stat().st_size <= 2000
    numbers = [record.number for record in HistoryFile(profile).records()]
    assert numbers == list(range(numbers[0], 41))
    assert [record.number for record in history.recent()] == numbers
    assert len(list(profile.parent.iterdir())) == 2


def test_a_record_larger_than_the_bound_is_kept_whole(profile: Path) -> None:
    history = HistoryFile(profile, largest=1000)
    history.append(Kind.DO, [CHANGE])
    history.append(Kind.APPLY, [CHANGE] * 100)
    history.append(Kind.DO, [CHANGE])
    assert [len(record.changes) for record in history.records()] == [100, 1]


def test_only_the_last_records_are_kept_at_hand(profile: Path) -> None:
    history = HistoryFile(profile)
    for _ in range(RECENT + 5):
        history.append(Kind.DO, [CHANGE])
    assert [record.number for record in HistoryFile(profile).recent()] == list(range(6, RECENT + 6))
    assert len(list(history.records())) == RECENT + 5


def test_many_processes_append_at_once_and_every_number_is_given_once(profile: Path) -> None:
    program = (
        "import sys; from pathlib import Path\n"
        "from lvstui.core.change import change_sysctl; from lvstui.core.record import Kind\n"
        "from lvstui.store import history_file; from lvstui.store.history_file import HistoryFile\n"
        "history_file._PATIENCE = 50.0  # the disk may be slow\n"
        "for _ in range(20): HistoryFile(Path(sys.argv[1]), largest=6000).append(Kind.DO, "
        "[change_sysctl('am_droprate', '10', '20')])\n"
    )
    running = [subprocess.Popen([sys.executable, "-c", program, str(profile)]) for _ in range(4)]
    assert [process.wait(timeout=120) for process in running] == [0, 0, 0, 0]
    numbers = [record.number for record in HistoryFile(profile).records()]
    assert numbers == list(range(numbers[0], 81))


@contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_write_that_ends_half_way_is_reported_and_leaves_the_file_as_it_was(profile: Path) -> None:
    history = HistoryFile(profile)
    history.append(Kind.DO, [CHANGE])
    before = file_of(profile).read_bytes()
    refusal = r"history\.jsonl cannot be written: the file would be larger"
    with files_no_larger_than(len(before) + 20), pytest.raises(ProfileError, match=refusal):
        history.append(Kind.DO, [CHANGE])
    assert file_of(profile).read_bytes() == before
    assert history.append(Kind.DO, [CHANGE]).number == 2


def test_beside_what_is_no_plain_file_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match="is no plain file; name another profile"):
        HistoryFile(tmp_path).append(Kind.DO, [CHANGE])
    assert not list(tmp_path.parent.glob(f"{tmp_path.name}.history*"))


def test_what_is_no_file_is_reported(profile: Path) -> None:
    file_of(profile).mkdir()
    with pytest.raises(ProfileError, match="it is a folder"):
        HistoryFile(profile).append(Kind.DO, [CHANGE])
    with pytest.raises(ProfileError, match="it is a folder"):
        HistoryFile(profile).recent()


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], str]]:
    """Return the next line of a system's log."""
    monkeypatch.setattr(history_file, "SYSLOG", tmp_path / "log")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "log"))
        receiver.settimeout(5)
        yield lambda: receiver.recv(65536).decode()


def test_the_systems_log_gets_one_printable_line(profile: Path, log: Callable[[], str]) -> None:
    history = HistoryFile(profile, to_syslog=True)
    record = history.append(Kind.UNDO, [HOSTILE, CHANGE])
    line = log()
    assert line.startswith(f"<13>lvstui[{os.getpid()}]: {record.user}")
    assert "undo 1: + tcp:192.0.2.10:443 / 10.0.0.11:443 \\x1b[31m\\nweb: " in line
    assert line.endswith(" and 1 more")
    assert line.isprintable()


def test_the_systems_log_gets_it_also_where_the_history_cannot_be_written(
    profile: Path, log: Callable[[], str]
) -> None:
    file_of(profile).mkdir()
    with pytest.raises(ProfileError):
        HistoryFile(profile, to_syslog=True).append(Kind.DO, [CHANGE])
    assert log().endswith("do (unrecorded): sysctl am_droprate: 10 -> 20")


def test_without_a_systems_log_nothing_is_missed(
    profile: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(history_file, "SYSLOG", tmp_path / "nowhere")
    assert HistoryFile(profile, to_syslog=True).append(Kind.DO, [CHANGE]).number == 1
    assert capfd.readouterr() == ("", "")


def test_a_log_that_nobody_reads_is_not_waited_for_and_gets_no_endless_line(log: Callable[[], str]) -> None:
    for _ in range(2000):
        history_file.log("x" * 2000)
    assert len(log()) == 1000


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "0001-01-01", "9999-12-31"])
def test_a_time_at_the_end_of_the_calendar_costs_that_record_alone(profile: Path, time: str) -> None:
    line = f'{{"number":7,"time":"{time}","user":"u","source":"s","pid":1,"kind":"do","changes":[]}}\n'
    file_of(profile).write_text(line)
    history = HistoryFile(profile)
    assert history.recent() == ()
    assert history.append(Kind.DO, [CHANGE]).number == 8


@pytest.mark.parametrize("content", [b" " * 2_000_000, b"{ " * 1_000_000, b'{"number": ' * 300_000, b"\n{" * 1_000_000])
def test_garbage_by_the_megabyte_is_read_in_no_time(profile: Path, content: bytes) -> None:
    file_of(profile).write_bytes(content)
    start = process_time()
    assert HistoryFile(profile).append(Kind.DO, [CHANGE]).number == 1
    assert [record.number for record in HistoryFile(profile).recent()] == [1]
    assert process_time() - start < 5


def test_the_older_file_is_named_where_it_is_what_cannot_be_read_or_replaced(profile: Path) -> None:
    older = profile.with_name("director.toml.history.1.jsonl")
    os.mkfifo(older)
    history = HistoryFile(profile, largest=1)
    for use in (history.recent, lambda: list(history.records()), lambda: history.append(Kind.DO, [CHANGE])):
        with pytest.raises(ProfileError, match=r"history\.1\.jsonl cannot be read: it is a named pipe"):
            use()
    older.unlink()
    history.append(Kind.DO, [CHANGE])
    older.mkdir()
    with pytest.raises(ProfileError, match=r"history\.1\.jsonl cannot be (read|replaced): it is a folder"):
        history.append(Kind.DO, [CHANGE])
