"""The terminal that end-to-end tests drive."""

import os
import shutil
from collections.abc import Iterator

import pytest

from tests.e2e.terminal import Terminal


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    """Yield a terminal; where tmux is missing it is skipped, which is a failure in CI."""
    if shutil.which("tmux") is None:
        sentence = "This needs tmux: run `python -m tests.lab install`."
        pytest.fail(sentence) if os.environ.get("CI") == "true" else pytest.skip(sentence)
    terminal = Terminal()
    yield terminal
    terminal.close()
