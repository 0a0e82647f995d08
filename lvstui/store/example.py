"""The example of a profile, which is shipped with lvstui."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path


def example() -> str:
    """Return the text of the example: from the package where it is installed, from the documents of a checkout."""
    installed = files("lvstui").joinpath("example.toml")
    file = installed if installed.is_file() else Path(__file__).parents[2] / "docs" / "example.toml"
    return file.read_text(encoding="utf-8")
