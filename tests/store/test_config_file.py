"""The files of the configuration: value by value, and never through a trap."""

from __future__ import annotations

import os
import pwd
from pathlib import Path
from threading import Event

import pytest

from lvstui.core.config import COMMAND_LINE, Config, Found
from lvstui.host.invoker import home_folder
from lvstui.store import config_file
from lvstui.store.config_file import config_folders, config_paths, load_config
from lvstui.store.files import Signature, read_file
from lvstui.store.theme_files import theme_folders


@pytest.fixture
def both(tmp_path: Path) -> tuple[Path, Path]:
    system, user = tmp_path / "system.toml", tmp_path / "user.toml"
    system.write_text('interval = 2\nview = "marks"\n[keys]\nundo = "F5"\nredo = "F6"\n')
    user.write_text('view = "director"\n[keys]\nundo = "F7"\n')
    return system, user


def test_the_command_line_beats_the_user_who_beats_the_system_value_by_value(both: tuple[Path, Path]) -> None:
    system, user = both
    config = Config({"mouse": Found(True, COMMAND_LINE)}).over(load_config(both))
    assert {
        name: (config.values[name].value, config.values[name].origin) for name in ("interval", "view", "mouse")
    } == {
        "interval": (2.0, f"{system}:1"),
        "view": ("director", f"{user}:1"),
        "mouse": (True, "command line"),
    }
    assert config.given_keys == {"undo": ("f7",), "redo": ("f6",)}


def test_files_that_are_not_there_configure_nothing(tmp_path: Path) -> None:
    assert load_config([tmp_path / "a.toml", tmp_path / "no" / "b.toml"]) == Config()


def test_a_trap_in_its_place_is_a_mistake_and_the_other_file_counts(both: tuple[Path, Path]) -> None:
    _, user = both
    for make, sentence in (
        (lambda: os.mkfifo(user), "cannot be read: it is a named pipe"),
        (user.mkdir, "cannot be read: it is a folder"),
        (lambda: user.write_bytes(b"x = 1\n\xff"), "is not UTF-8"),
        (lambda: user.write_text("#" * 70000), "cannot be read: it is larger than the 64 KiB"),
        (lambda: user.symlink_to(user), "cannot be read: its symbolic links go round"),
    ):
        if user.is_dir():
            user.rmdir()
        else:
            user.unlink(missing_ok=True)
        make()
        config = load_config(both)
        (mistake,) = config.mistakes
        assert mistake.file == str(user)
        assert sentence in str(mistake)
        assert config.text("view") == "marks"


@pytest.fixture
def root(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Be root, with homes of our own below this folder."""
    monkeypatch.setattr(config_file, "SYSTEM", tmp_path / "etc")
    monkeypatch.setattr(config_file, "home_folder", home_folder)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.delenv("SUDO_UID", raising=False)
    homes = {0: "root", 4711: "ann"}

    def account(user: int) -> pwd.struct_passwd:
        if user not in homes:
            raise KeyError(user)
        return pwd.struct_passwd((homes[user], "x", user, 0, "", str(tmp_path / homes[user]), "/bin/sh"))

    monkeypatch.setattr(pwd, "getpwuid", account)
    return tmp_path


def test_root_has_his_own_folder_beside_the_systems(root: Path) -> None:
    assert config_folders() == (root / "etc", root / "root/.config/lvstui")
    assert config_paths() == [root / "etc/config.toml", root / "root/.config/lvstui/config.toml"]
    assert theme_folders() == (root / "etc/themes", root / "root/.config/lvstui/themes")


def test_under_sudo_the_user_is_who_called_it(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUDO_UID", "4711")
    assert config_folders() == (root / "etc", root / "ann/.config/lvstui")
    for nobody in ("4712", "x", "-1"):
        monkeypatch.setenv("SUDO_UID", nobody)
        assert config_folders() == (root / "etc",)


def test_the_environment_may_name_the_users_folder(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(root / "mine"))
    for user in (0, 1000):
        monkeypatch.setattr(os, "geteuid", lambda user=user: user)
        assert config_folders() == (root / "etc", root / "mine/lvstui")


def test_a_home_that_does_not_answer_is_a_mistake_and_the_other_file_counts(
    both: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, user = both
    answers = Event()

    def hang(path: Path, largest: int) -> tuple[bytes, Signature]:
        if path == user:
            answers.wait()
        return read_file(path, largest)

    monkeypatch.setattr(config_file, "_PATIENCE", 2.0)  # in which the other file is read, also on a busy machine
    monkeypatch.setattr(config_file, "read_file", hang)
    config = load_config(both)
    answers.set()
    (mistake,) = config.mistakes
    assert str(mistake) == f"{user}:1: error: file: cannot be read: its file system does not answer within 2 s"
    assert config.text("view") == "marks"
