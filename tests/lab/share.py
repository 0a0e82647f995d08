"""A pytest plugin by which guests side by side share the test files: each takes the next one that nobody has taken.

The host collects the tests, as its processor is many times faster than a guest's, and leaves the list of the files that
have any, long ones first; a guest imports only those. A file is taken by making a folder of its name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from itertools import chain, pairwise
from pathlib import Path

import pytest

LIST = "files"
SLOW = ("tests/e2e/", "tests/netfilter/")
"""Where a test takes a guest some ten seconds: nobody should be left alone with them at the end."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that names the folder, to which the host and all guests write."""
    parser.addoption("--shared", type=Path, required=True, help="the folder with the list of test files")


def pytest_configure(config: pytest.Config) -> None:
    """Write the list where only collecting is asked for, else keep to it."""
    folder: Path = config.option.shared
    config.pluginmanager.register(Writer(folder) if config.option.collectonly else Reader(folder, config.rootpath))


class Writer:
    """The host, which collects."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Write the list."""
        counts = Counter(item.nodeid.partition("::")[0] for item in session.items)
        files = sorted(counts, key=lambda name: (not name.startswith(SLOW), -counts[name]))
        (self._folder / LIST).write_text("\n".join(files))


class Reader:
    """A guest, which runs the tests of the files that it is the first to take."""

    def __init__(self, folder: Path, root: Path) -> None:
        self._folder = folder
        self._files = [root / name for name in (folder / LIST).read_text().splitlines()]
        self._taken: dict[Path, bool] = {}

    def pytest_ignore_collect(self, collection_path: Path) -> bool | None:
        """Import no file that is not on the list."""
        outside = collection_path.name.startswith("test_") and collection_path not in self._files
        return True if outside else None

    @pytest.hookimpl(wrapper=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> Generator[None]:
        """Put the tests into the order of the list."""
        yield
        items.sort(key=lambda item: self._files.index(item.path))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Run the tests of this guest's files; the next file is taken before the last test of one, which tidies up."""
        if session.testsfailed:
            raise session.Interrupted(f"{session.testsfailed} errors during collection")
        own = (item for item in session.items if self._owns(item.path))
        for item, following in pairwise(chain(own, [None])):
            if item is not None:
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if session.shouldfail:
                raise session.Failed(session.shouldfail)
            if session.shouldstop:
                raise session.Interrupted(session.shouldstop)
        return True

    def _owns(self, path: Path) -> bool:
        if path not in self._taken:
            self._taken[path] = self._take(path)
        return self._taken[path]

    def _take(self, path: Path) -> bool:
        try:
            (self._folder / f"{self._files.index(path)}").mkdir()
        except FileExistsError:
            return False
        return True
