"""The profile's file: read when it changed, written whole or not at all, its last versions kept."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lvstui.core.fields import visible
from lvstui.core.mistake import Mistake
from lvstui.core.model import NOBODYS, Director, Home
from lvstui.formats.profile.explain import TOML
from lvstui.formats.profile.write import ProfileError, dumps, loads
from lvstui.store.files import (
    Signature,
    explain_errors,
    is_irregular,
    link_file,
    list_folder,
    lock_file,
    make_folder,
    read_file,
    refuse_foreign,
    remove_file,
    replace_file,
    resolve,
)
from lvstui.store.named_files import read_handed

if TYPE_CHECKING:
    from lvstui.formats.profile.keep import Kept

VERSIONS_KEPT: Final = 50

_VERSION: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{9}Z\.toml")

_LOCK_PATIENCE: Final = 5.0
"""Seconds to wait for another lvstui that is saving; it needs some milliseconds, or a second for a huge table."""


NO_USUAL_PROFILE: Final = (
    "this network namespace has no name (`ip netns` lists those that have one), so it has no usual profile; "
    "name one with --profile FILE"
)


def default_path(home: Home = NOBODYS) -> Path | None:
    """Return where the profile is when nobody says: in /etc/lvstui for root, in the XDG config folder for others.

    Each network namespace with a name has one of its own there, `netns/NAME.toml`; one without has none (None).
    """
    if home.is_nameless:
        return None
    if os.geteuid() == 0:
        folder = Path("/etc/lvstui")
    else:
        from platformdirs import user_config_path  # 4 ms that root goes without

        folder = user_config_path("lvstui")
    return folder / "netns" / f"{home.netns}.toml" if home.netns else folder / "director.toml"


@dataclass(frozen=True, slots=True)
class Saved:
    """What a save did.

    `reread` says that another process had changed the file and that the change was folded onto its content;
    `lost_comments` that comments of the version before could not be kept in the file; `version` is where
    that version went, None where there was none or where it could not be kept. `remarks` are sentences about what
    else a person should know.
    """

    director: Director
    path: Path
    reread: bool = False
    lost_comments: bool = False
    version: Path | None = None
    remarks: tuple[str, ...] = ()


class ProfileFile:
    """One profile on disk, shared with people's editors and with other lvstui.

    A symbolic link is followed: its target is replaced. Beside the target lie `.NAME.lock`, which is only ever
    locked, and `NAME.versions/` with the versions before.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._signature: Signature | None = None
        self._content: bytes | None = None
        self._director: Director | None = None
        self._trouble: ProfileError | None = None
        self._looked = False
        self._canonical: bytes | None = None

    def load(self) -> Director | None:
        """Read the profile, None where there is no file; the same object again while the file has not changed.

        Raises `ProfileError`, the same one again while the file has not changed.
        """
        self._look(always=False)
        if self._trouble is not None:
            raise self._trouble.with_traceback(None)
        return self._director

    def update(self, fold: Callable[[Director | None], Director]) -> Saved:
        """Fold something into the profile as it is on disk now, and save the result.

        Raises `ProfileError` with the old file intact; what `fold` raises passes through. A version before that
        cannot be kept is no reason to lose the save: `Saved.version` is None then.
        """
        with explain_errors(self.path, "saved"):
            target = resolve(self.path)
            if is_irregular(target):
                raise ProfileError(f"{visible(str(self.path))} cannot be saved: it is no plain file; name another file")
            make_folder(target.parent)
            # The empty file stays, since removing it would be a race.
            lock = target.with_name(f".{target.name}.lock")
            if is_irregular(lock):
                lock_text = visible(str(lock))
                raise ProfileError(
                    f"{visible(str(self.path))} cannot be saved: its lock {lock_text} is no plain file; remove it"
                )
            with lock_file(lock, _LOCK_PATIENCE, f"{visible(str(self.path))} cannot be saved"):
                return self._update(target, fold)

    def _update(self, target: Path, fold: Callable[[Director | None], Director]) -> Saved:
        looked, seen = self._looked, self._content
        self._look(always=True)
        if self._trouble is not None:
            raise self._trouble.with_traceback(None)
        before = self._content
        director = fold(self._director)
        reread = looked and before != seen
        if before is not None and director == self._director:
            return Saved(self._director, self.path, reread)
        kept = self._kept(director)
        content = kept.text.encode()
        remarks = [] if before is None else _second_name(target)
        version = None
        if before is not None:
            try:
                version = _keep_version(target, before)
            except ProfileError as error:
                remarks.append(f"saved, but the version before is not kept: {error}")
        try:
            self._signature = replace_file(target, content, f".{target.name}.new")
        except BaseException:
            if version is not None:
                remove_file(version)
            raise
        self._content, self._canonical = content, content if kept.plain else None
        self._director, self._looked = kept.director, True
        if version is not None:
            _remove_old_versions(version.parent)
        return Saved(kept.director, self.path, reread, kept.lost, version, tuple(remarks))

    def _kept(self, director: Director) -> Kept:
        """Write a director into the text as it is, so that comments and the order of a person stay."""
        from lvstui.formats.profile.keep import Kept, rewrite  # 10 ms that only a save costs

        if self._content is None or self._director is None or self._content == self._canonical:
            return Kept(dumps(director), director, plain=True)
        return rewrite(decode(self._content, self.path), self._director, director)

    def _look(self, *, always: bool) -> None:
        """Take in the file's content where it changed; `always` also where the inode looks as before."""
        with explain_errors(self.path, "read"):
            try:
                if not always and self._looked and Signature.of(self.path.stat()) == self._signature:
                    return
                content, signature = read_file(self.path)
            except FileNotFoundError:
                self._remember(None, None)
                return
        if self._looked and content == self._content:
            self._signature = signature
        else:
            self._remember(signature, content)

    def _remember(self, signature: Signature | None, content: bytes | None) -> None:
        self._signature, self._content, self._looked = signature, content, True
        self._director, self._trouble = None, None
        if content is None:
            return
        try:
            self._director = parse(content, self.path)
        except ProfileError as error:
            self._trouble = error


def read_text(path: Path) -> str:
    """Read the text of a profile that has to be there, or comes through a pipe; raise `ProfileError`."""
    content = read_handed(path)
    if content is None:
        with explain_errors(path, "read"):
            try:
                content, _ = read_file(path)
            except FileNotFoundError:
                remedy = "`lvstui export -o` writes it from the running kernel"
                raise ProfileError(f"{visible(str(path))} does not exist; {remedy}") from None
    return decode(content, path)


def parse(content: bytes, path: Path) -> Director:
    """Read the content of a profile; raise `ProfileError` with the path where it is none."""
    return loads(decode(content, path), str(path))


def decode(content: bytes, path: Path) -> str:
    """Read the text of a file in UTF-8, without the mark (BOM) that some editors put before it.

    Raises `ProfileError` with the path and the line.
    """
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ProfileError(Mistake(str(path), line, TOML, "not UTF-8; save the file in UTF-8")) from None


def versions_folder(target: Path) -> Path:
    """Return the folder of the versions before, named by UTC time, so that the newest sorts last."""
    return target.with_name(f"{target.name}.versions")


def _keep_version(target: Path, content: bytes) -> Path:
    """Keep the present file as a version, as a second link to it where the file system can; raise `ProfileError`."""
    now = time.time_ns()
    stamp = time.strftime("%Y-%m-%dT%H-%M-%S", time.gmtime(now // 10**9))
    folder = versions_folder(target)
    version = folder / f"{stamp}.{now % 10**9:09d}Z.toml"
    with explain_errors(folder, "used"):
        make_folder(folder)
        version = resolve(folder) / version.name
        refuse_foreign(version.parent.lstat(), target.parent)
        try:
            link_file(target, version)
        except OSError:
            replace_file(version, content, f".{version.name}.new")
    return version


def _second_name(target: Path) -> list[str]:
    """Return a sentence where a file has another name as well, which a save would leave with the old content."""
    try:
        links = target.lstat().st_nlink
    except OSError:
        return []
    if links == 1:
        return []
    return [
        f"{visible(str(target))} had a second name (a hard link), which still has the version before; "
        "use a symbolic link instead"
    ]


def _remove_old_versions(folder: Path) -> None:
    with suppress(OSError):
        for name in sorted(filter(_VERSION.fullmatch, list_folder(folder)))[:-VERSIONS_KEPT]:
            remove_file(folder / name)
