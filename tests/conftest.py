"""Where pictures of the screens stand: in snapshots/ at the top, a folder for each test module."""

from __future__ import annotations

from pathlib import Path

from pytest_textual_snapshot import SVGImageExtension
from syrupy.location import PyTestLocation

SNAPSHOTS = Path(__file__).parent.parent / "snapshots"


def _folder(_: type[SVGImageExtension], *, test_location: PyTestLocation) -> str:
    return str(SNAPSHOTS / Path(test_location.filepath).stem)


SVGImageExtension.dirname = classmethod(_folder)
